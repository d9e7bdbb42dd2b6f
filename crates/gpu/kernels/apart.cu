// The letterbox as three passes over memory, colour, size, range: what the one pass is measured against.
#include "frame.cuh"
#include "numbers.cuh"

// One thread four pixels (of RGB, 12 bytes), which the frame's width must be a multiple of.
template <Format FORMAT> __device__ inline void convert(const ApartParams &p) {
    const u32 x = 4 * (blockIdx.x * blockDim.x + threadIdx.x), y = blockIdx.y;
    if (x >= p.frame.width) return;
    u32 words[3] = {0, 0, 0};
    if (FORMAT == RGB) {
        const u32 *row = (const u32 *)(p.frame.pixels + (size_t)y * p.frame.stride + 3 * x);
        u32 source[3];
        for (int i = 0; i < 3; ++i) source[i] = __ldg(row + i);
#pragma unroll
        for (int byte = 0; byte < 12; ++byte) {
            const int from = byte / 3 * 3 + (p.swap ? 2 - byte % 3 : byte % 3);
            words[byte / 4] |= byte_of(source[from / 4], from % 4) << (8 * (byte % 4));
        }
    } else {
        for (int pixel = 0; pixel < 4; ++pixel) {
            int rgb[3];
            read_pixel<FORMAT>(p.frame, x + pixel, y, rgb);
            for (int c = 0; c < 3; ++c) {
                const int byte = 3 * pixel + c;
                words[byte / 4] |= (u32)rgb[p.swap ? 2 - c : c] << (8 * (byte % 4));
            }
        }
    }
    u32 *to = (u32 *)(p.converted + ((size_t)y * p.frame.width + x) * 3);
    for (int i = 0; i < 3; ++i) to[i] = words[i];
}

extern "C" __global__ void __launch_bounds__(128) convert_rgb(const ApartParams p) { convert<RGB>(p); }
extern "C" __global__ void __launch_bounds__(128) convert_yuyv(const ApartParams p) { convert<YUYV>(p); }
extern "C" __global__ void __launch_bounds__(128) convert_nv12(const ApartParams p) { convert<NV12>(p); }

// One thread an output pixel: the weighted mean of what it covers.
extern "C" __global__ void __launch_bounds__(128) resize(const ApartParams p) {
    const u32 x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y;
    if (x >= p.scaled_width) return;
    float sum[3] = {0.0f, 0.0f, 0.0f};
    for (u32 row = 0; row < p.row_taps; ++row) {
        const float down = p.row_weights[y * p.row_taps + row];
        const u8 *pixel =
            p.converted + ((size_t)(p.row_starts[y] + row) * p.frame.width + p.column_starts[x]) * 3;
        for (u32 column = 0; column < p.column_taps; ++column) {
            const float weight = down * p.column_weights[x * p.column_taps + column];
            for (int c = 0; c < 3; ++c) sum[c] += weight * (float)__ldg(pixel + 3 * column + c);
        }
    }
    for (int c = 0; c < 3; ++c) p.resized[((size_t)y * p.scaled_width + x) * 3 + c] = sum[c];
}

// One thread an input pixel: range, planes and padding.
extern "C" __global__ void __launch_bounds__(128) normalise(const ApartParams p) {
    const u32 x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y;
    if (x >= p.width) return;
    const bool inside = x < p.scaled_width && y < p.scaled_height;
    for (int c = 0; c < 3; ++c) {
        const float value =
            inside ? (p.resized[((size_t)y * p.scaled_width + x) * 3 + c] - p.mean[c]) * p.scale : 0.0f;
        const size_t at = ((size_t)c * p.height + y) * p.width + x;
        if (p.half) {
            ((__half *)p.output)[at] = stored<__half>(value);
        } else {
            ((float *)p.output)[at] = value;
        }
    }
}
