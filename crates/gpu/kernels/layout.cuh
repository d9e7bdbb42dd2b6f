// The memory that host and kernels share; src/layout.rs says what each field means.
#pragma once
#include "layout_checks.cuh"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
// NVRTC has no <stddef.h>; this is how its front end spells it.
#define offsetof(type, field) __INTADDR__(&(((type *)0)->field))

struct RegionControl {
    float frame_from_crop[2][3];
    float scale;
    u32 reserved;
};

struct FrameControl {
    float frame_from_input[2][3];
    float score_threshold;
    float nms_iou;
    u32 region_count;
    u32 reserved[3];
    RegionControl regions[MAX_REGIONS];
};

// x1, y1, x2, y2.
struct FaceBox {
    float x1, y1, x2, y2;
};

struct DetectionResult {
    FaceBox bounds;
    float keypoints[KEYPOINTS][2];
    float score;
    u32 prior;
};

struct ResultBlock {
    u32 detection_count;
    u32 candidate_count;
    u32 region_count;
    u32 reserved[13];
    float presence[MAX_REGIONS];
    u32 reserved_presence[6];
    float appearance[MAX_REGIONS][APPEARANCE_CELLS];
    DetectionResult detections[MAX_DETECTIONS];
    float blendshapes[MAX_REGIONS][BLENDSHAPES];
    u32 reserved_blendshapes[56];
    float landmarks[MAX_REGIONS][LANDMARKS][3];
};

struct FrameParams {
    const u8 *pixels;
    u32 width;
    u32 height;
    u32 stride;
    u32 aligned;
};

struct LetterboxParams {
    FrameParams frame;
    const u32 *row_starts;
    const float *row_weights;
    const u32 *column_starts;
    const float *column_weights;
    void *output;
    u32 width;
    u32 height;
    u32 scaled_width;
    u32 scaled_height;
    u32 row_taps;
    u32 column_taps;
    u32 tile_columns;
    u32 channels[3];
    float mean[3];
    float scale;
    u32 warp_floats;
    float pixel_weight;
};

struct CropParams {
    FrameParams frame;
    const FrameControl *control;
    void *output;
    ResultBlock *result;
    const u32 *places;
    u32 size;
    u32 black;
    u32 channels[3];
    float offset[3];
    float scale;
    u32 reserved;
};

struct DecodeParams {
    const FrameControl *control;
    const float *boxes;
    const float *confidences;
    const float *keypoints;
    const float *priors;
    u64 *keys;
    ResultBlock *result;
    u32 prior_count;
    u32 reserved;
};

struct LandmarksParams {
    const FrameControl *control;
    const float *landmarks;
    const float *logits;
    ResultBlock *result;
    float *blendshape_inputs;
    const u32 *blendshape_indices;
};

struct PreviewParams {
    FrameParams frame;
    u8 *output;
    u32 width;
    u32 height;
    u32 tile_columns;
    u32 swap;
};

struct ApartParams {
    FrameParams frame;
    const u32 *row_starts;
    const float *row_weights;
    const u32 *column_starts;
    const float *column_weights;
    u8 *converted;
    float *resized;
    void *output;
    u32 width;
    u32 height;
    u32 scaled_width;
    u32 scaled_height;
    u32 row_taps;
    u32 column_taps;
    u32 swap;
    u32 half;
    float mean[3];
    float scale;
};

MIEN_LAYOUT_CHECKS
