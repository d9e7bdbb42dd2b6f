// Frame -> picture for people: the mean of the pixels that each preview pixel covers.
#include "frame.cuh"

// Rows that a thread has under way at a time.
#define ROWS 4

// What the index-th of `parts` covers of a length begins here.
__device__ inline u32 share(u32 index, u32 length, u32 parts) { return index * length / parts; }

// One block a preview row and tile of columns.
template <Format FORMAT> __device__ inline void preview(const PreviewParams &p) {
    extern __shared__ uint4 shared[];
    u32 *sums = (u32 *)shared;
    const u32 y = blockIdx.y;
    const u32 from = blockIdx.x * p.tile_columns;
    const u32 to = min(from + p.tile_columns, p.width);
    const u32 top = share(y, p.frame.height, p.height), bottom = share(y + 1, p.frame.height, p.height);
    const u32 first = Group<FORMAT>::first(share(from, p.frame.width, p.width));
    const u32 past = Group<FORMAT>::past(share(to, p.frame.width, p.width));
    for (u32 group = first + threadIdx.x; group < past; group += blockDim.x) {
        u32 own[Group<FORMAT>::LANES];
#pragma unroll
        for (int lane = 0; lane < Group<FORMAT>::LANES; ++lane) own[lane] = 0;
        for (u32 source = top; source < bottom; source += ROWS) {
            Group<FORMAT> rows[ROWS];
#pragma unroll
            for (int row = 0; row < ROWS; ++row) {
                if (source + row < bottom) rows[row].load(p.frame, source + row, group);
            }
#pragma unroll
            for (int row = 0; row < ROWS; ++row) {
                if (source + row >= bottom) break;
                rows[row].convert();
#pragma unroll
                for (int lane = 0; lane < Group<FORMAT>::LANES; ++lane) own[lane] += rows[row].lane(lane);
            }
        }
        uint4 *target = (uint4 *)(sums + (group - first) * Group<FORMAT>::LANES);
#pragma unroll
        for (int quad = 0; quad < Group<FORMAT>::LANES / 4; ++quad) {
            target[quad] = make_uint4(own[4 * quad], own[4 * quad + 1], own[4 * quad + 2], own[4 * quad + 3]);
        }
    }
    __syncthreads();
    const u32 base = first * Group<FORMAT>::LANES;
    // Consecutive threads write consecutive bytes.
    for (u32 at = 3 * from + threadIdx.x; at < 3 * to; at += blockDim.x) {
        const u32 x = at / 3, c = at % 3;
        const u32 left = share(x, p.frame.width, p.width), right = share(x + 1, p.frame.width, p.width);
        const u32 channel = p.swap ? 2 - c : c;
        u32 sum = 0;
        for (u32 column = left; column < right; ++column) sum += sums[3 * column + channel - base];
        const u32 count = (bottom - top) * (right - left);
        p.output[(size_t)3 * y * p.width + at] = (u8)((sum + count / 2) / count);
    }
}

#define PREVIEW(name, FORMAT) \
    extern "C" __global__ void __launch_bounds__(256) name(const PreviewParams p) { preview<FORMAT>(p); }

PREVIEW(preview_rgb, RGB)
PREVIEW(preview_yuyv, YUYV)
PREVIEW(preview_nv12, NV12)
