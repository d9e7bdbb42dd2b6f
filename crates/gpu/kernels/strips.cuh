// Rows of frames of any format, added up, weighted or as they are: a strip of a few pixels along a row, one a thread.
//
// All arithmetic is in floats, which GPUs do fastest, and gives the numbers that the host's integers and products
// give. A byte n is read as the float 2^23 + n: it only has to be put below the right exponent.
#pragma once
#include "frame.cuh"

#define SHIFT 8388608.0f

__device__ inline float shifted_byte(u32 word, int index) {
    return __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7440 | index));
}

// How a row is added to a sum: weighted. `times` makes weight × n of 2^23 + n, rounded once, as a product is.
struct RowWeight {
    float weight, minus;
    __device__ explicit RowWeight(float weight) : weight(weight), minus(-SHIFT * weight) {}
    __device__ float times(float shifted) const { return __fmaf_rn(weight, shifted, minus); }
    // The sum with `part` of 255, rounded to a whole number; FIRST begins it.
    template <bool FIRST> __device__ float add(float sum, float part) const {
        const float value = times(__fmaf_rn(part, 255.0f, SHIFT));
        return FIRST ? value : sum + value;
    }
};

// … or as it is, to a sum that stays shifted by 2^23.
struct RowCount {
    template <bool FIRST> __device__ float add(float sum, float part) const {
        return __fmaf_rn(part, 255.0f, FIRST ? SHIFT : sum);
    }
};

__device__ inline float add_saturated(float a, float b) {
    float sum;
    asm("add.sat.f32 %0, %1, %2;" : "=f"(sum) : "f"(a), "f"(b));
    return sum;
}

// BT.601 as `rgb_from_yuv` has it, with 0 to 1 for 0 to 255, so that the range is held by the addition of luma and
// chroma. Half a 256th is left away from the middle between two numbers, so that rounding to the nearest rounds down;
// the errors of the floats are a hundred times smaller.
struct Chroma {
    float add[3];
    __device__ void set(float u, float v) {
        const float unit = 1.0f / (255.0f * 256.0f);
        const float base = 128.0f - 298.0f * 16.0f - 127.5f;
        add[0] = __fmaf_rn(v, 409.0f * unit, (base - 409.0f * 128.0f) * unit);
        add[1] = __fmaf_rn(u, -100.0f * unit, __fmaf_rn(v, -208.0f * unit, (base + 308.0f * 128.0f) * unit));
        add[2] = __fmaf_rn(u, 516.0f * unit, (base - 516.0f * 128.0f) * unit);
    }
};

// Adds a pixel with this luma, a shifted byte, to the sums of red, green and blue, or begins them.
template <bool FIRST, typename Row>
__device__ inline void mix_pixel(float luma, const Chroma &chroma, const Row &weight, float sums[3]) {
    const float step = 298.0f / (255.0f * 256.0f);
    const float y = __fmaf_rn(step, luma, step * -SHIFT);
#pragma unroll
    for (int c = 0; c < 3; ++c) {
        sums[c] = weight.template add<FIRST>(sums[c], add_saturated(y, chroma.add[c]));
    }
}

// WORDS × 4 bytes of a row from byte `at`. Without alignment byte by byte, where what lies past `end` is 0.
template <int WORDS>
__device__ inline void load_strip(const u8 *row, u32 at, u32 end, bool aligned, u32 words[WORDS]) {
    if (!aligned) {
#pragma unroll
        for (int word = 0; word < WORDS; ++word) {
            words[word] = 0;
#pragma unroll 1
            for (int byte = 0; byte < 4; ++byte) {
                const u32 place = at + 4 * word + byte;
                if (place < end) words[word] |= (u32)__ldg(row + place) << (8 * byte);
            }
        }
    } else if (WORDS == 4) {
        const uint4 all = __ldg((const uint4 *)(row + at));
        words[0] = all.x, words[1 % WORDS] = all.y, words[2 % WORDS] = all.z, words[3 % WORDS] = all.w;
    } else if (WORDS == 2) {
        const uint2 both = __ldg((const uint2 *)(row + at));
        words[0] = both.x, words[1 % WORDS] = both.y;
    } else {
        words[0] = __ldg((const u32 *)(row + at));
    }
}

// ROWS rows of a strip of LANES channel values, from a row for which `begin` is that row. ALIGN bytes at a time are
// read from a row. `load` reads `count` rows from `start` on; `mix` adds one of them.
template <Format FORMAT, int ROWS> struct Strip;

template <int ROWS> struct Strip<RGB, ROWS> {
    static const int LANES = 16, ALIGN = 16;
    u32 words[ROWS][4];

    // The strip that holds a pixel's first byte, and the first past its last.
    static __device__ u32 first(u32 pixel) { return 3 * pixel / LANES; }
    static __device__ u32 past(u32 pixel) { return (3 * pixel + LANES - 1) / LANES; }
    static __device__ u32 begin(u32 row) { return row; }

    __device__ void load(const FrameParams &frame, bool aligned, u32 strip, u32 start, u32 count) {
        const u8 *row = frame.pixels + (size_t)start * frame.stride;
#pragma unroll
        for (int i = 0; i < ROWS; ++i, row += frame.stride) {
            if (i < count) load_strip<4>(row, LANES * strip, 3 * frame.width, aligned, words[i]);
        }
    }
    __device__ void chroma(int) {}
    template <bool FIRST> __device__ void mix(int row, const RowWeight &weight, float sums[LANES]) const {
#pragma unroll
        for (int lane = 0; lane < LANES; ++lane) {
            const float value = weight.times(shifted_byte(words[row][lane / 4], lane % 4));
            sums[lane] = FIRST ? value : sums[lane] + value;
        }
    }
};

// The pixels of a strip of YUV.
#define PIXELS 4

template <int ROWS> struct Strip<YUYV, ROWS> {
    static const int LANES = 3 * PIXELS, ALIGN = 2 * PIXELS;
    u32 words[ROWS][2];

    static __device__ u32 first(u32 pixel) { return pixel / PIXELS; }
    static __device__ u32 past(u32 pixel) { return (pixel + PIXELS - 1) / PIXELS; }
    static __device__ u32 begin(u32 row) { return row; }

    __device__ void load(const FrameParams &frame, bool aligned, u32 strip, u32 start, u32 count) {
        const u8 *row = frame.pixels + (size_t)start * frame.stride;
#pragma unroll
        for (int i = 0; i < ROWS; ++i, row += frame.stride) {
            if (i < count) load_strip<2>(row, 2 * PIXELS * strip, 2 * frame.width, aligned, words[i]);
        }
    }
    __device__ void chroma(int) {}
    template <bool FIRST, typename Row>
    __device__ void mix(int row, const Row &weight, float sums[LANES]) const {
#pragma unroll
        for (int pair = 0; pair < 2; ++pair) {
            const u32 word = words[row][pair];
            Chroma chroma;
            chroma.set(shifted_byte(word, 1) - SHIFT, shifted_byte(word, 3) - SHIFT);
            mix_pixel<FIRST>(shifted_byte(word, 0), chroma, weight, sums + 6 * pair);
            mix_pixel<FIRST>(shifted_byte(word, 2), chroma, weight, sums + 6 * pair + 3);
        }
    }
};

// ROWS must be even: two rows share their chroma, which is worked out once.
template <int ROWS> struct Strip<NV12, ROWS> {
    static const int LANES = 3 * PIXELS, ALIGN = PIXELS;
    u32 luma[ROWS][1], pairs[ROWS / 2][1];
    Chroma now[2];

    static __device__ u32 first(u32 pixel) { return pixel / PIXELS; }
    static __device__ u32 past(u32 pixel) { return (pixel + PIXELS - 1) / PIXELS; }
    static __device__ u32 begin(u32 row) { return row & ~1u; }

    __device__ void load(const FrameParams &frame, bool aligned, u32 strip, u32 start, u32 count) {
        const u32 top = begin(start), skipped = start - top;
        const u8 *row = frame.pixels + (size_t)top * frame.stride;
#pragma unroll
        for (int i = 0; i < ROWS; ++i, row += frame.stride) {
            if (i < skipped || i >= skipped + count) continue;
            load_strip<1>(row, PIXELS * strip, frame.width, aligned, luma[i]);
        }
        const u8 *of_pairs = frame.pixels + (size_t)(frame.height + top / 2) * frame.stride;
#pragma unroll
        for (int i = 0; i < ROWS / 2; ++i, of_pairs += frame.stride) {
            if (2 * i < skipped + count) load_strip<1>(of_pairs, PIXELS * strip, frame.width, aligned, pairs[i]);
        }
    }
    // Before `mix` of this row.
    __device__ void chroma(int row) {
        if (row % 2) return;
        const u32 word = pairs[row / 2][0];
        now[0].set(shifted_byte(word, 0) - SHIFT, shifted_byte(word, 1) - SHIFT);
        now[1].set(shifted_byte(word, 2) - SHIFT, shifted_byte(word, 3) - SHIFT);
    }
    template <bool FIRST, typename Row>
    __device__ void mix(int row, const Row &weight, float sums[LANES]) const {
#pragma unroll
        for (int pixel = 0; pixel < PIXELS; ++pixel) {
            mix_pixel<FIRST>(shifted_byte(luma[row][0], pixel), now[pixel / 2], weight, sums + 3 * pixel);
        }
    }
};

// The sums of a strip's TAPS rows, the first of which is the strip's row SKIP, two of 16 bits a word.
template <int TAPS, int SKIP, typename S> __device__ inline void count_rows(S &strip, u32 pairs[S::LANES / 2]) {
    float sums[S::LANES];
#pragma unroll
    for (int row = 0; row < SKIP + TAPS; ++row) {
        strip.chroma(row);
        if (row < SKIP) continue;
        if (row == SKIP) {
            strip.template mix<true>(row, RowCount(), sums);
        } else {
            strip.template mix<false>(row, RowCount(), sums);
        }
    }
#pragma unroll
    for (int i = 0; i < S::LANES / 2; ++i) {
        pairs[i] = __byte_perm(__float_as_uint(sums[2 * i]), __float_as_uint(sums[2 * i + 1]), 0x5410);
    }
}

template <int TAPS, int SKIP, int ROWS> __device__ inline void count_rows(Strip<RGB, ROWS> &strip, u32 pairs[8]) {
#pragma unroll
    for (int word = 0; word < 4; ++word) {
        u32 even = 0, odd = 0;
#pragma unroll
        for (int row = 0; row < TAPS; ++row) {
            even += strip.words[row][word] & 0x00ff00ffu;
            odd += __byte_perm(strip.words[row][word], 0, 0x4341);
        }
        pairs[2 * word] = __byte_perm(even, odd, 0x5410);
        pairs[2 * word + 1] = __byte_perm(even, odd, 0x7632);
    }
}
