// Frame -> network input: colour, size, range and planes in one pass.
#include "frame.cuh"
#include "numbers.cuh"

// Rows that a thread has under way at a time.
#define ROWS 6

// The weighted sum of the source rows of output row y, for the source pixels [from, to), into `mixed`:
// three floats a pixel, from the first lane of the first group on. Returns that lane's pixel × 3.
template <Format FORMAT>
__device__ inline u32 mix_rows(const LetterboxParams &p, u32 y, u32 from, u32 to, float *mixed) {
    const u32 first = Group<FORMAT>::first(from), past = Group<FORMAT>::past(to);
    const u32 start = p.row_starts[y];
    const float *weights = p.row_weights + y * p.row_taps;
    for (u32 group = first + threadIdx.x; group < past; group += blockDim.x) {
        float sums[Group<FORMAT>::LANES];
#pragma unroll
        for (int lane = 0; lane < Group<FORMAT>::LANES; ++lane) sums[lane] = 0.0f;
        for (u32 tap = 0; tap < p.row_taps; tap += ROWS) {
            Group<FORMAT> rows[ROWS];
            float weight[ROWS];
#pragma unroll
            for (int row = 0; row < ROWS; ++row) {
                if (tap + row >= p.row_taps) break;
                rows[row].load(p.frame, start + tap + row, group);
                weight[row] = weights[tap + row];
            }
#pragma unroll
            for (int row = 0; row < ROWS; ++row) {
                if (tap + row >= p.row_taps) break;
                rows[row].convert();
#pragma unroll
                for (int lane = 0; lane < Group<FORMAT>::LANES; ++lane) {
                    sums[lane] += weight[row] * rows[row].number(lane);
                }
            }
        }
        float4 *target = (float4 *)(mixed + (group - first) * Group<FORMAT>::LANES);
#pragma unroll
        for (int quad = 0; quad < Group<FORMAT>::LANES / 4; ++quad) {
            target[quad] =
                make_float4(sums[4 * quad], sums[4 * quad + 1], sums[4 * quad + 2], sums[4 * quad + 3]);
        }
    }
    return first * Group<FORMAT>::LANES;
}

// Zeros below the picture, shared out among all blocks, and right of it in row y.
template <typename T> __device__ inline void pad(const LetterboxParams &p, u32 y) {
    T *output = (T *)p.output;
    const u32 plane = p.width * p.height;
    const u32 covered = p.scaled_height * p.width, below = plane - covered;
    const u32 first = (y * gridDim.x + blockIdx.x) * blockDim.x + threadIdx.x;
    for (u32 at = first; at < below; at += gridDim.x * gridDim.y * blockDim.x) {
        for (u32 c = 0; c < 3; ++c) output[c * plane + covered + at] = stored<T>(0.0f);
    }
    if (blockIdx.x + 1 < gridDim.x) return;
    for (u32 x = p.scaled_width + threadIdx.x; x < p.width; x += blockDim.x) {
        for (u32 c = 0; c < 3; ++c) output[c * plane + y * p.width + x] = stored<T>(0.0f);
    }
}

__device__ inline void prefetch(const void *at) { asm volatile("prefetch.global.L1 [%0];" ::"l"(at)); }

// One block an output row and tile of columns.
template <Format FORMAT, typename T> __device__ inline void letterbox(const LetterboxParams &p) {
    extern __shared__ float4 shared[];
    float *mixed = (float *)shared;
    const u32 y = blockIdx.y;
    const u32 from = blockIdx.x * p.tile_columns;
    const u32 to = min(from + p.tile_columns, p.scaled_width);
    const u32 source_from = p.column_starts[from];
    const u32 source_to = p.column_starts[to - 1] + p.column_taps;
    // The tables of the second step are fetched during the first.
    if (from + threadIdx.x < to) {
        prefetch(p.column_starts + from + threadIdx.x);
        prefetch(p.column_weights + (from + threadIdx.x) * p.column_taps);
    }
    const u32 base = mix_rows<FORMAT>(p, y, source_from, source_to, mixed);
    pad<T>(p, y);
    __syncthreads();

    T *output = (T *)p.output;
    const u32 plane = p.width * p.height;
    for (u32 x = from + threadIdx.x; x < to; x += blockDim.x) {
        const u32 first = 3 * p.column_starts[x] - base;
        const float *weights = p.column_weights + x * p.column_taps;
        float sum[3] = {0.0f, 0.0f, 0.0f};
        for (u32 tap = 0; tap < p.column_taps; ++tap) {
            const float weight = weights[tap];
#pragma unroll
            for (int c = 0; c < 3; ++c) sum[c] += weight * mixed[first + 3 * tap + c];
        }
#pragma unroll
        for (int c = 0; c < 3; ++c) {
            const u32 channel = p.channels[c];
            const float value = channel == 0 ? sum[0] : channel == 1 ? sum[1] : sum[2];
            output[c * plane + y * p.width + x] = stored<T>((value - p.mean[c]) * p.scale);
        }
    }
}

#define LETTERBOX(name, FORMAT, T) \
    extern "C" __global__ void __launch_bounds__(256, 5) name(const LetterboxParams p) { letterbox<FORMAT, T>(p); }

LETTERBOX(letterbox_rgb_f32, RGB, float)
LETTERBOX(letterbox_rgb_f16, RGB, __half)
LETTERBOX(letterbox_yuyv_f32, YUYV, float)
LETTERBOX(letterbox_yuyv_f16, YUYV, __half)
LETTERBOX(letterbox_nv12_f32, NV12, float)
LETTERBOX(letterbox_nv12_f16, NV12, __half)
