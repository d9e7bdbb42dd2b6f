// Numbers as every type of kernel writes them.
#pragma once
#include <cuda_fp16.h>

template <typename T> __device__ inline T stored(float value);
template <> __device__ inline float stored<float>(float value) { return value; }
template <> __device__ inline __half stored<__half>(float value) { return __float2half_rn(value); }

// e^value as the host's library rounds it: worked out in 64 bits.
__device__ inline float exp_rounded(float value) { return (float)exp((double)value); }
