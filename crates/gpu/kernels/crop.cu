// Rotated regions of the frame -> network input, with their mean colours.
#include "frame.cuh"
#include "numbers.cuh"

// Fractional bits of sampling positions.
#define FRACTION 32
// Places along each side that the appearance is read at, and of one of its cells.
#define PLACES 24
#define CELL_PLACES 6
#define GRID 4

// A number in fixed point, as Rust casts: towards zero, held to the range, 0 for NaN. Scaling by a power
// of two is exact.
__device__ inline i64 fixed(float value) {
    const float scaled = value * 4294967296.0f;
    if (scaled != scaled) return 0;
    if (scaled >= 9223372036854775808.0f) return 0x7fffffffffffffffLL;
    if (scaled <= -9223372036854775808.0f) return (i64)0x8000000000000000ULL;
    return __float2ll_rz(scaled);
}

// Crop pixel (i, j) of a region, one number a plane.
template <Format FORMAT>
__device__ inline void sample(const CropParams &p, const RegionControl &region, u32 i, u32 j, float planes[3]) {
    const float *rx = region.frame_from_crop[0], *ry = region.frame_from_crop[1];
    // Unsigned, so that steps wrap around.
    const u64 x = (u64)fixed(rx[1] * (float)j + rx[2]) + (u64)fixed(rx[0]) * i;
    const u64 y = (u64)fixed(ry[1] * (float)j + ry[2]) + (u64)fixed(ry[0]) * i;
    const u32 fx = (u32)(x >> (FRACTION - 8)) & 255, fy = (u32)(y >> (FRACTION - 8)) & 255;
    const int width = (int)p.frame.width, height = (int)p.frame.height;
    // Whatever lies further out is like two pixels outside.
    const int column = min(max((int)(x >> FRACTION), -2), width);
    const int row = min(max((int)(y >> FRACTION), -2), height);
    u32 values[3] = {0, 0, 0};
#pragma unroll
    for (int dy = 0; dy < 2; ++dy) {
#pragma unroll
        for (int dx = 0; dx < 2; ++dx) {
            const int px = column + dx, py = row + dy;
            if (p.black && (px < 0 || py < 0 || px >= width || py >= height)) continue;
            int rgb[3];
            read_pixel<FORMAT>(p.frame, min(max(px, 0), width - 1), min(max(py, 0), height - 1), rgb);
            const u32 weight = (dx ? fx : 256 - fx) * (dy ? fy : 256 - fy);
            for (int c = 0; c < 3; ++c) values[c] += weight * (u32)rgb[c];
        }
    }
#pragma unroll
    for (int c = 0; c < 3; ++c) {
        const u32 channel = p.channels[c];
        const u32 value = channel == 0 ? values[0] : channel == 1 ? values[1] : values[2];
        planes[c] = (float)value * p.scale + p.offset[c];
    }
}

// The region's mean colours, the terms of each added up in the host's order.
template <Format FORMAT>
__device__ inline void appearance(const CropParams &p, const RegionControl &region, float *cells) {
    __shared__ float seen[3][PLACES * PLACES];
    for (u32 place = threadIdx.x; place < PLACES * PLACES; place += blockDim.x) {
        float planes[3];
        sample<FORMAT>(p, region, p.places[place % PLACES], p.places[place / PLACES], planes);
        for (int c = 0; c < 3; ++c) seen[c][place] = planes[c];
    }
    __syncthreads();
    if (threadIdx.x >= APPEARANCE_CELLS) return;
    const u32 plane = threadIdx.x / (GRID * GRID), cell = threadIdx.x % (GRID * GRID);
    const u32 top = cell / GRID * CELL_PLACES, left = cell % GRID * CELL_PLACES;
    float sum = 0.0f;
    for (u32 y = top; y < top + CELL_PLACES; ++y) {
        for (u32 x = left; x < left + CELL_PLACES; ++x) sum += seen[plane][y * PLACES + x];
    }
    cells[threadIdx.x] = sum / (float)(CELL_PLACES * CELL_PLACES);
}

template <Format FORMAT, typename T> __device__ inline void crop(const CropParams &p) {
    const u32 index = blockIdx.y;
    if (index >= p.control->region_count) return;
    const RegionControl region = p.control->regions[index];
    if (blockIdx.x + 1 == gridDim.x) {
        appearance<FORMAT>(p, region, p.result->appearance[index]);
        return;
    }
    const u32 plane = p.size * p.size;
    const u32 place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= plane) return;
    float planes[3];
    sample<FORMAT>(p, region, place % p.size, place / p.size, planes);
    T *output = (T *)p.output + (size_t)index * 3 * plane;
    for (int c = 0; c < 3; ++c) output[c * plane + place] = stored<T>(planes[c]);
}

#define CROP(name, FORMAT, T) \
    extern "C" __global__ void __launch_bounds__(256) name(const CropParams p) { crop<FORMAT, T>(p); }

CROP(crop_rgb_f32, RGB, float)
CROP(crop_rgb_f16, RGB, __half)
CROP(crop_yuyv_f32, YUYV, float)
CROP(crop_yuyv_f16, YUYV, __half)
CROP(crop_nv12_f32, NV12, float)
CROP(crop_nv12_f16, NV12, __half)
