// Frames of any format as red, green, blue.
//
// A picture is read in groups along a row: 8 bytes of RGB, which need not begin with a pixel, or 4 pixels
// of YUV. Small groups leave registers for many threads, which hide how long memory takes. What lies past
// the end of a row comes as 0.
#pragma once
#include "layout.cuh"

enum Format { RGB, YUYV, NV12 };

// BT.601, 16-235 luma and 16-240 chroma, in 256ths.
__device__ inline void rgb_from_yuv(int y, int u, int v, int rgb[3]) {
    y = 298 * (y - 16) + 128;
    u -= 128;
    v -= 128;
    rgb[0] = min(max((y + 409 * v) >> 8, 0), 255);
    rgb[1] = min(max((y - 100 * u - 208 * v) >> 8, 0), 255);
    rgb[2] = min(max((y + 516 * u) >> 8, 0), 255);
}

__device__ inline u32 byte_of(u32 word, int index) { return (word >> (8 * index)) & 0xffu; }

// WORDS × 4 bytes of a row from byte `at`, of which `end` is the first that is not there.
template <int WORDS> __device__ inline void load_words(const u8 *row, u32 at, u32 end, bool aligned, u32 words[WORDS]) {
    if (aligned && at + 4 * WORDS <= end) {
        if (WORDS == 2) {
            const uint2 both = __ldg((const uint2 *)(row + at));
            words[0] = both.x, words[WORDS - 1] = both.y;
        } else {
            words[0] = __ldg((const u32 *)(row + at));
        }
        return;
    }
    for (int word = 0; word < WORDS; ++word) {
        words[word] = 0;
        for (int byte = 0; byte < 4; ++byte) {
            const u32 place = at + 4 * word + byte;
            if (place < end) words[word] |= (u32)__ldg(row + place) << (8 * byte);
        }
    }
}

// LANES channel values to a group.
template <Format FORMAT> struct Group;

template <> struct Group<RGB> {
    static const int LANES = 8;
    u32 words[2];

    // The group that holds a pixel's first byte, and the first past its last.
    static __device__ u32 first(u32 pixel) { return 3 * pixel / 8; }
    static __device__ u32 past(u32 pixel) { return (3 * pixel + 7) / 8; }

    __device__ void load(const FrameParams &frame, u32 y, u32 group) {
        const u8 *row = frame.pixels + (size_t)y * frame.stride;
        load_words<2>(row, 8 * group, 3 * frame.width, frame.aligned, words);
    }
    __device__ void convert() {}
    __device__ u32 lane(int lane) const { return byte_of(words[lane / 4], lane % 4); }
};

template <> struct Group<YUYV> {
    static const int LANES = 12;
    u32 words[2];
    u32 values[12];

    static __device__ u32 first(u32 pixel) { return pixel / 4; }
    static __device__ u32 past(u32 pixel) { return (pixel + 3) / 4; }

    __device__ void load(const FrameParams &frame, u32 y, u32 group) {
        const u8 *row = frame.pixels + (size_t)y * frame.stride;
        load_words<2>(row, 8 * group, 2 * frame.width, frame.aligned, words);
    }
    __device__ void convert() {
#pragma unroll
        for (int pixel = 0; pixel < 4; ++pixel) {
            const u32 word = words[pixel / 2];
            int rgb[3];
            rgb_from_yuv(byte_of(word, 2 * (pixel % 2)), byte_of(word, 1), byte_of(word, 3), rgb);
            for (int c = 0; c < 3; ++c) values[3 * pixel + c] = (u32)rgb[c];
        }
    }
    __device__ u32 lane(int lane) const { return values[lane]; }
};

template <> struct Group<NV12> {
    static const int LANES = 12;
    u32 luma[1], chroma[1];
    u32 values[12];

    static __device__ u32 first(u32 pixel) { return pixel / 4; }
    static __device__ u32 past(u32 pixel) { return (pixel + 3) / 4; }

    __device__ void load(const FrameParams &frame, u32 y, u32 group) {
        const u8 *row = frame.pixels + (size_t)y * frame.stride;
        const u8 *chroma_row = frame.pixels + (size_t)(frame.height + y / 2) * frame.stride;
        load_words<1>(row, 4 * group, frame.width, frame.aligned, luma);
        load_words<1>(chroma_row, 4 * group, frame.width, frame.aligned, chroma);
    }
    __device__ void convert() {
#pragma unroll
        for (int pixel = 0; pixel < 4; ++pixel) {
            const int pair = 2 * (pixel / 2);
            int rgb[3];
            rgb_from_yuv(byte_of(luma[0], pixel), byte_of(chroma[0], pair), byte_of(chroma[0], pair + 1), rgb);
            for (int c = 0; c < 3; ++c) values[3 * pixel + c] = (u32)rgb[c];
        }
    }
    __device__ u32 lane(int lane) const { return values[lane]; }
};

// One pixel as red, green, blue (of BGR as blue, green, red). It must lie in the frame.
template <Format FORMAT> __device__ inline void read_pixel(const FrameParams &frame, u32 x, u32 y, int rgb[3]) {
    const u8 *row = frame.pixels + (size_t)y * frame.stride;
    if (FORMAT == RGB) {
        for (int c = 0; c < 3; ++c) rgb[c] = __ldg(row + 3 * x + c);
    } else if (FORMAT == YUYV) {
        const u8 *pair = row + 4 * (x / 2);
        rgb_from_yuv(__ldg(pair + 2 * (x % 2)), __ldg(pair + 1), __ldg(pair + 3), rgb);
    } else {
        const u8 *pair = frame.pixels + (size_t)(frame.height + y / 2) * frame.stride + 2 * (x / 2);
        rgb_from_yuv(__ldg(row + x), __ldg(pair), __ldg(pair + 1), rgb);
    }
}
