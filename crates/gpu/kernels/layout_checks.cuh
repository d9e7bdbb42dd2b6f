// Written by the test `layout::tests::the_c_side_is_checked` (MIEN_BLESS=1); do not edit.
#pragma once
#define MAX_REGIONS 10
#define MAX_DETECTIONS 200
#define MAX_CANDIDATES 2000
#define LANDMARKS 478
#define KEYPOINTS 5
#define BLENDSHAPES 52
#define BLENDSHAPE_POINTS 146
#define APPEARANCE_CELLS 48
#define MIEN_LAYOUT_CHECKS \
    static_assert(sizeof(RegionControl) == 32, "RegionControl"); \
    static_assert(offsetof(RegionControl, frame_from_crop) == 0, "RegionControl.frame_from_crop"); \
    static_assert(offsetof(RegionControl, scale) == 24, "RegionControl.scale"); \
    static_assert(sizeof(FrameControl) == 368, "FrameControl"); \
    static_assert(offsetof(FrameControl, frame_from_input) == 0, "FrameControl.frame_from_input"); \
    static_assert(offsetof(FrameControl, score_threshold) == 24, "FrameControl.score_threshold"); \
    static_assert(offsetof(FrameControl, nms_iou) == 28, "FrameControl.nms_iou"); \
    static_assert(offsetof(FrameControl, region_count) == 32, "FrameControl.region_count"); \
    static_assert(offsetof(FrameControl, regions) == 48, "FrameControl.regions"); \
    static_assert(sizeof(DetectionResult) == 64, "DetectionResult"); \
    static_assert(offsetof(DetectionResult, bounds) == 0, "DetectionResult.bounds"); \
    static_assert(offsetof(DetectionResult, keypoints) == 16, "DetectionResult.keypoints"); \
    static_assert(offsetof(DetectionResult, score) == 56, "DetectionResult.score"); \
    static_assert(offsetof(DetectionResult, prior) == 60, "DetectionResult.prior"); \
    static_assert(sizeof(ResultBlock) == 74512, "ResultBlock"); \
    static_assert(offsetof(ResultBlock, detection_count) == 0, "ResultBlock.detection_count"); \
    static_assert(offsetof(ResultBlock, candidate_count) == 4, "ResultBlock.candidate_count"); \
    static_assert(offsetof(ResultBlock, region_count) == 8, "ResultBlock.region_count"); \
    static_assert(offsetof(ResultBlock, presence) == 64, "ResultBlock.presence"); \
    static_assert(offsetof(ResultBlock, appearance) == 128, "ResultBlock.appearance"); \
    static_assert(offsetof(ResultBlock, detections) == 2048, "ResultBlock.detections"); \
    static_assert(offsetof(ResultBlock, blendshapes) == 14848, "ResultBlock.blendshapes"); \
    static_assert(offsetof(ResultBlock, landmarks) == 17152, "ResultBlock.landmarks"); \
    static_assert(sizeof(FrameParams) == 24, "FrameParams"); \
    static_assert(offsetof(FrameParams, pixels) == 0, "FrameParams.pixels"); \
    static_assert(offsetof(FrameParams, width) == 8, "FrameParams.width"); \
    static_assert(offsetof(FrameParams, height) == 12, "FrameParams.height"); \
    static_assert(offsetof(FrameParams, stride) == 16, "FrameParams.stride"); \
    static_assert(offsetof(FrameParams, aligned) == 20, "FrameParams.aligned"); \
    static_assert(sizeof(LetterboxParams) == 128, "LetterboxParams"); \
    static_assert(offsetof(LetterboxParams, frame) == 0, "LetterboxParams.frame"); \
    static_assert(offsetof(LetterboxParams, row_starts) == 24, "LetterboxParams.row_starts"); \
    static_assert(offsetof(LetterboxParams, row_weights) == 32, "LetterboxParams.row_weights"); \
    static_assert(offsetof(LetterboxParams, column_starts) == 40, "LetterboxParams.column_starts"); \
    static_assert(offsetof(LetterboxParams, column_weights) == 48, "LetterboxParams.column_weights"); \
    static_assert(offsetof(LetterboxParams, output) == 56, "LetterboxParams.output"); \
    static_assert(offsetof(LetterboxParams, width) == 64, "LetterboxParams.width"); \
    static_assert(offsetof(LetterboxParams, height) == 68, "LetterboxParams.height"); \
    static_assert(offsetof(LetterboxParams, scaled_width) == 72, "LetterboxParams.scaled_width"); \
    static_assert(offsetof(LetterboxParams, scaled_height) == 76, "LetterboxParams.scaled_height"); \
    static_assert(offsetof(LetterboxParams, row_taps) == 80, "LetterboxParams.row_taps"); \
    static_assert(offsetof(LetterboxParams, column_taps) == 84, "LetterboxParams.column_taps"); \
    static_assert(offsetof(LetterboxParams, tile_columns) == 88, "LetterboxParams.tile_columns"); \
    static_assert(offsetof(LetterboxParams, channels) == 92, "LetterboxParams.channels"); \
    static_assert(offsetof(LetterboxParams, mean) == 104, "LetterboxParams.mean"); \
    static_assert(offsetof(LetterboxParams, scale) == 116, "LetterboxParams.scale"); \
    static_assert(offsetof(LetterboxParams, warp_floats) == 120, "LetterboxParams.warp_floats"); \
    static_assert(offsetof(LetterboxParams, pixel_weight) == 124, "LetterboxParams.pixel_weight"); \
    static_assert(sizeof(CropParams) == 96, "CropParams"); \
    static_assert(offsetof(CropParams, frame) == 0, "CropParams.frame"); \
    static_assert(offsetof(CropParams, control) == 24, "CropParams.control"); \
    static_assert(offsetof(CropParams, output) == 32, "CropParams.output"); \
    static_assert(offsetof(CropParams, result) == 40, "CropParams.result"); \
    static_assert(offsetof(CropParams, places) == 48, "CropParams.places"); \
    static_assert(offsetof(CropParams, size) == 56, "CropParams.size"); \
    static_assert(offsetof(CropParams, black) == 60, "CropParams.black"); \
    static_assert(offsetof(CropParams, channels) == 64, "CropParams.channels"); \
    static_assert(offsetof(CropParams, offset) == 76, "CropParams.offset"); \
    static_assert(offsetof(CropParams, scale) == 88, "CropParams.scale"); \
    static_assert(sizeof(DecodeParams) == 64, "DecodeParams"); \
    static_assert(offsetof(DecodeParams, control) == 0, "DecodeParams.control"); \
    static_assert(offsetof(DecodeParams, boxes) == 8, "DecodeParams.boxes"); \
    static_assert(offsetof(DecodeParams, confidences) == 16, "DecodeParams.confidences"); \
    static_assert(offsetof(DecodeParams, keypoints) == 24, "DecodeParams.keypoints"); \
    static_assert(offsetof(DecodeParams, priors) == 32, "DecodeParams.priors"); \
    static_assert(offsetof(DecodeParams, keys) == 40, "DecodeParams.keys"); \
    static_assert(offsetof(DecodeParams, result) == 48, "DecodeParams.result"); \
    static_assert(offsetof(DecodeParams, prior_count) == 56, "DecodeParams.prior_count"); \
    static_assert(sizeof(LandmarksParams) == 48, "LandmarksParams"); \
    static_assert(offsetof(LandmarksParams, control) == 0, "LandmarksParams.control"); \
    static_assert(offsetof(LandmarksParams, landmarks) == 8, "LandmarksParams.landmarks"); \
    static_assert(offsetof(LandmarksParams, logits) == 16, "LandmarksParams.logits"); \
    static_assert(offsetof(LandmarksParams, result) == 24, "LandmarksParams.result"); \
    static_assert(offsetof(LandmarksParams, blendshape_inputs) == 32, "LandmarksParams.blendshape_inputs"); \
    static_assert(offsetof(LandmarksParams, blendshape_indices) == 40, "LandmarksParams.blendshape_indices"); \
    static_assert(sizeof(PreviewParams) == 48, "PreviewParams"); \
    static_assert(offsetof(PreviewParams, frame) == 0, "PreviewParams.frame"); \
    static_assert(offsetof(PreviewParams, output) == 24, "PreviewParams.output"); \
    static_assert(offsetof(PreviewParams, width) == 32, "PreviewParams.width"); \
    static_assert(offsetof(PreviewParams, height) == 36, "PreviewParams.height"); \
    static_assert(offsetof(PreviewParams, tile_columns) == 40, "PreviewParams.tile_columns"); \
    static_assert(offsetof(PreviewParams, swap) == 44, "PreviewParams.swap"); \
    static_assert(sizeof(ApartParams) == 128, "ApartParams"); \
    static_assert(offsetof(ApartParams, frame) == 0, "ApartParams.frame"); \
    static_assert(offsetof(ApartParams, row_starts) == 24, "ApartParams.row_starts"); \
    static_assert(offsetof(ApartParams, row_weights) == 32, "ApartParams.row_weights"); \
    static_assert(offsetof(ApartParams, column_starts) == 40, "ApartParams.column_starts"); \
    static_assert(offsetof(ApartParams, column_weights) == 48, "ApartParams.column_weights"); \
    static_assert(offsetof(ApartParams, converted) == 56, "ApartParams.converted"); \
    static_assert(offsetof(ApartParams, resized) == 64, "ApartParams.resized"); \
    static_assert(offsetof(ApartParams, output) == 72, "ApartParams.output"); \
    static_assert(offsetof(ApartParams, width) == 80, "ApartParams.width"); \
    static_assert(offsetof(ApartParams, height) == 84, "ApartParams.height"); \
    static_assert(offsetof(ApartParams, scaled_width) == 88, "ApartParams.scaled_width"); \
    static_assert(offsetof(ApartParams, scaled_height) == 92, "ApartParams.scaled_height"); \
    static_assert(offsetof(ApartParams, row_taps) == 96, "ApartParams.row_taps"); \
    static_assert(offsetof(ApartParams, column_taps) == 100, "ApartParams.column_taps"); \
    static_assert(offsetof(ApartParams, swap) == 104, "ApartParams.swap"); \
    static_assert(offsetof(ApartParams, half) == 108, "ApartParams.half"); \
    static_assert(offsetof(ApartParams, mean) == 112, "ApartParams.mean"); \
    static_assert(offsetof(ApartParams, scale) == 124, "ApartParams.scale");
