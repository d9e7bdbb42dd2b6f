// Landmark network's outputs -> landmarks in frame pixels, presence, blendshape network's input.
#include "layout.cuh"
#include "numbers.cuh"

__device__ inline float mapped(const float map[3], float x, float y) { return map[0] * x + map[1] * y + map[2]; }

// One block a region, one thread a landmark.
extern "C" __global__ void __launch_bounds__(512) landmarks_finish(const LandmarksParams p) {
    const u32 index = blockIdx.x;
    const u32 count = min(p.control->region_count, (u32)MAX_REGIONS);
    if (index == 0 && threadIdx.x == 0) p.result->region_count = min(count, gridDim.x);
    if (index >= count) return;
    const RegionControl &region = p.control->regions[index];
    const float *crop = p.landmarks + index * LANDMARKS * 3;
    for (u32 i = threadIdx.x; i < LANDMARKS; i += blockDim.x) {
        const float x = crop[3 * i], y = crop[3 * i + 1], z = crop[3 * i + 2];
        float *to = p.result->landmarks[index][i];
        to[0] = mapped(region.frame_from_crop[0], x, y);
        to[1] = mapped(region.frame_from_crop[1], x, y);
        to[2] = z * region.scale;
    }
    for (u32 i = threadIdx.x; i < BLENDSHAPE_POINTS; i += blockDim.x) {
        const float *from = crop + 3 * p.blendshape_indices[i];
        float *to = p.blendshape_inputs + (index * BLENDSHAPE_POINTS + i) * 2;
        to[0] = mapped(region.frame_from_crop[0], from[0], from[1]);
        to[1] = mapped(region.frame_from_crop[1], from[0], from[1]);
    }
    if (threadIdx.x == 0) p.result->presence[index] = 1.0f / (1.0f + exp_rounded(-p.logits[index]));
}
