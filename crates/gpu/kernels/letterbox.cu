// Frame -> network input: colour, size, range and planes in one pass.
//
// A warp makes a tile of at most 32 columns of some output rows. Each thread mixes the source rows of one strip, the
// warp keeps these sums in shared memory, and each thread makes one column of them.
#include "numbers.cuh"
#include "strips.cuh"

// Threads of a block, and the blocks that a multiprocessor is to hold.
#define THREADS 128
#define BLOCKS 8

// Zeros below the picture, shared out among all blocks, and right of it.
template <typename T> __device__ inline void pad(const LetterboxParams &p) {
    T *output = (T *)p.output;
    const u32 plane = p.width * p.height;
    const u32 covered = p.scaled_height * p.width, below = plane - covered;
    const u32 first = (blockIdx.y * gridDim.x + blockIdx.x) * blockDim.x + threadIdx.x;
    for (u32 at = first; at < below; at += gridDim.x * gridDim.y * blockDim.x) {
        for (u32 c = 0; c < 3; ++c) output[c * plane + covered + at] = stored<T>(0.0f);
    }
    if (p.scaled_width == p.width || blockIdx.x + 1 < gridDim.x) return;
    for (u32 y = blockIdx.y; y < p.scaled_height; y += gridDim.y) {
        for (u32 x = p.scaled_width + threadIdx.x; x < p.width; x += blockDim.x) {
            for (u32 c = 0; c < 3; ++c) output[c * plane + y * p.width + x] = stored<T>(0.0f);
        }
    }
}

// What a warp works on: output columns, the strips under them, and its part of shared memory.
struct Tile {
    u32 from, to;
    u32 first_strip, past_strip;
    float *mixed;
    bool aligned;
};

// A thread's output column, the same in every row.
template <typename T> struct Column {
    u32 first_lane;
    T *output;
    // Of red, green and blue: their plane, and its mean.
    u32 offset[3];
    float mean[3];

    __device__ Column(const LetterboxParams &p, u32 x, u32 tile_lane) {
        first_lane = 3 * __ldg(p.column_starts + x) - tile_lane;
        output = (T *)p.output + x;
#pragma unroll
        for (u32 c = 0; c < 3; ++c) {
            const bool first = p.channels[0] == c, second = p.channels[1] == c;
            offset[c] = first ? 0 : second ? p.width * p.height : 2 * p.width * p.height;
            mean[c] = first ? p.mean[0] : second ? p.mean[1] : p.mean[2];
        }
    }
    __device__ void write(const LetterboxParams &p, u32 y, const float sums[3]) const {
        T *row = output + y * p.width;
#pragma unroll
        for (int c = 0; c < 3; ++c) row[offset[c]] = stored<T>((sums[c] * p.pixel_weight - mean[c]) * p.scale);
    }
};

template <int LANES> __device__ inline void keep(float *target, const float sums[LANES]) {
#pragma unroll
    for (int i = 0; i < LANES; i += 4) {
        *(float4 *)(target + i) = make_float4(sums[i], sums[i + 1], sums[i + 2], sums[i + 3]);
    }
}

// Sums of red, green and blue over TAPS pixels of kept counts. Two pixels at a time, three words, where TAPS is even:
// the counts then begin at a word.
template <int TAPS> __device__ inline void count_columns(const u16 *counts, float sums[3]) {
    u32 totals[3] = {0, 0, 0};
    if (TAPS % 2) {
#pragma unroll
        for (int lane = 0; lane < 3 * TAPS; ++lane) totals[lane % 3] += counts[lane];
    } else {
        u32 words[3] = {0, 0, 0};
#pragma unroll
        for (int word = 0; word < 3 * TAPS / 2; ++word) words[word % 3] += ((const u32 *)counts)[word];
        totals[0] = (words[0] & 0xffff) + (words[1] >> 16);
        totals[1] = (words[0] >> 16) + (words[2] & 0xffff);
        totals[2] = (words[1] & 0xffff) + (words[2] >> 16);
    }
#pragma unroll
    for (int c = 0; c < 3; ++c) sums[c] = (float)totals[c];
}

// A tile of a frame of which every output pixel covers TAPS × TAPS pixels, a strip and a column a thread: the bytes are
// added up as whole numbers, and the next output row's pixels are on their way meanwhile.
template <Format FORMAT, int TAPS, typename T>
__device__ inline void counted_tile(const LetterboxParams &p, const Tile &tile) {
    const bool PAIRS_SPLIT = FORMAT == NV12 && TAPS % 2;
    typedef Strip<FORMAT, TAPS + PAIRS_SPLIT> S;
    const u32 lane = threadIdx.x % 32;
    const u32 source = min(tile.first_strip + lane, tile.past_strip - 1);
    const u32 x = tile.from + lane;
    const Column<T> column(p, min(x, tile.to - 1), tile.first_strip * S::LANES);
    u16 *counts = (u16 *)tile.mixed;
    uint2 *own = (uint2 *)(counts + lane * S::LANES);
    u32 y = blockIdx.y;
    S strip;
    strip.load(p.frame, true, source, y * TAPS, TAPS);
    while (true) {
        u32 pairs[S::LANES / 2];
        if (PAIRS_SPLIT && y % 2) {
            count_rows<TAPS, PAIRS_SPLIT>(strip, pairs);
        } else {
            count_rows<TAPS, 0>(strip, pairs);
        }
#pragma unroll
        for (int i = 0; i < S::LANES / 4; ++i) own[i] = make_uint2(pairs[2 * i], pairs[2 * i + 1]);
        const u32 now = y;
        y += gridDim.y;
        if (y < p.scaled_height) strip.load(p.frame, true, source, y * TAPS, TAPS);
        __syncwarp();
        if (x < tile.to) {
            float sums[3];
            count_columns<TAPS>(counts + column.first_lane, sums);
            column.write(p, now, sums);
        }
        if (y >= p.scaled_height) break;
        __syncwarp();
    }
}

// A tile of any frame.
template <Format FORMAT, typename T> __device__ inline void any_tile(const LetterboxParams &p, const Tile &tile) {
    typedef Strip<FORMAT, 2> S;
    for (u32 y = blockIdx.y; y < p.scaled_height; y += gridDim.y) {
        const u32 start = __ldg(p.row_starts + y), end = start + p.row_taps;
        const float *weights = p.row_weights + y * p.row_taps;
        for (u32 source = tile.first_strip + threadIdx.x % 32; source < tile.past_strip; source += 32) {
            float sums[S::LANES];
#pragma unroll
            for (int i = 0; i < S::LANES; ++i) sums[i] = 0.0f;
#pragma unroll 1
            for (u32 top = S::begin(start); top < end; top += 2) {
                S strip;
                const u32 first = max(top, start);
                strip.load(p.frame, tile.aligned, source, first, min(top + 2, end) - first);
#pragma unroll
                for (int row = 0; row < 2; ++row) {
                    strip.chroma(row);
                    if (top + row < start || top + row >= end) continue;
                    strip.template mix<false>(row, RowWeight(__ldg(weights + (top + row - start))), sums);
                }
            }
            keep<S::LANES>(tile.mixed + (source - tile.first_strip) * S::LANES, sums);
        }
        __syncwarp();
        for (u32 x = tile.from + threadIdx.x % 32; x < tile.to; x += 32) {
            const Column<T> column(p, x, tile.first_strip * S::LANES);
            const float *mixed = tile.mixed + column.first_lane;
            const float *column_weights = p.column_weights + x * p.column_taps;
            float values[3] = {0.0f, 0.0f, 0.0f};
            for (u32 tap = 0; tap < p.column_taps; ++tap, mixed += 3) {
                const float weight = __ldg(column_weights + tap);
#pragma unroll
                for (int c = 0; c < 3; ++c) values[c] += weight * mixed[c];
            }
            column.write(p, y, values);
        }
        __syncwarp();
    }
}

template <Format FORMAT, typename T> __device__ inline void letterbox(const LetterboxParams &p) {
    extern __shared__ float4 shared[];
    typedef Strip<FORMAT, 2> S;
    pad<T>(p);
    const u32 warp = threadIdx.x / 32;
    Tile tile;
    tile.from = (blockIdx.x * (blockDim.x / 32) + warp) * p.tile_columns;
    if (tile.from >= p.scaled_width) return;
    tile.to = min(tile.from + p.tile_columns, p.scaled_width);
    tile.first_strip = S::first(__ldg(p.column_starts + tile.from));
    tile.past_strip = S::past(__ldg(p.column_starts + tile.to - 1) + p.column_taps);
    tile.mixed = (float *)shared + warp * p.warp_floats;
    tile.aligned = p.frame.aligned >= S::ALIGN;
    const bool counted = p.pixel_weight < 1.0f && p.row_taps == p.column_taps && tile.aligned &&
                         tile.past_strip - tile.first_strip <= 32;
    switch (counted ? p.row_taps : 0) {
    case 2: return counted_tile<FORMAT, 2, T>(p, tile);
    case 3: return counted_tile<FORMAT, 3, T>(p, tile);
    case 4: return counted_tile<FORMAT, 4, T>(p, tile);
    case 6: return counted_tile<FORMAT, 6, T>(p, tile);
    default: return any_tile<FORMAT, T>(p, tile);
    }
}

#define LETTERBOX(name, FORMAT, T) \
    extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) name(const LetterboxParams p) { \
        letterbox<FORMAT, T>(p); \
    }

LETTERBOX(letterbox_rgb_f32, RGB, float)
LETTERBOX(letterbox_rgb_f16, RGB, __half)
LETTERBOX(letterbox_yuyv_f32, YUYV, float)
LETTERBOX(letterbox_yuyv_f16, YUYV, __half)
LETTERBOX(letterbox_nv12_f32, NV12, float)
LETTERBOX(letterbox_nv12_f16, NV12, __half)
