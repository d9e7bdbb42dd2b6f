//! The memory that host and kernels share, in one definition.
//!
//! The C side repeats these structures in `kernels/layout.cuh`; `kernels/layout_checks.cuh` is written
//! from here and makes the CUDA compiler hold the two against each other.

use bytemuck::{Pod, Zeroable};
use mien_face::topology::BLENDSHAPE_INPUTS;
use mien_face::{BLENDSHAPE_COUNT, FaceBox, KEYPOINT_COUNT, LANDMARK_COUNT, MAX_FACES};
use mien_geometry::{Affine, Detection, RETINAFACE_DETECTIONS, Region};

/// Most regions that one launch reads.
pub const MAX_REGIONS: usize = MAX_FACES;
/// Most detections that one frame reports.
pub const MAX_DETECTIONS: usize = RETINAFACE_DETECTIONS;
/// Number of landmarks that the blendshape network reads.
pub const BLENDSHAPE_POINTS: usize = BLENDSHAPE_INPUTS.len();
/// Mean colours of a region: red, green, blue, each of a 4 × 4 grid.
pub const APPEARANCE_CELLS: usize = 48;

/// One region to read, for the kernels [`Crop`](crate::Crop) and
/// [`LandmarksFinish`](crate::LandmarksFinish).
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct RegionControl {
    /// [`Region::frame_from_crop`] for the crop's size, row by row.
    pub frame_from_crop: [[f32; 3]; 2],
    /// Frame pixels of one crop pixel: what z is multiplied with.
    pub scale: f32,
    /// Nothing.
    pub reserved: u32,
}

impl RegionControl {
    /// For crops of `crop_size` pixels a side.
    #[must_use]
    pub fn new(region: &Region, crop_size: usize) -> Self {
        Self {
            frame_from_crop: region.frame_from_crop(crop_size).0,
            scale: region.size / crop_size as f32,
            reserved: 0,
        }
    }
}

/// What changes from frame to frame, written by the host before the kernels run.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct FrameControl {
    /// `frame_from_input` of the detector's letterbox, row by row.
    pub frame_from_input: [[f32; 3]; 2],
    /// Least confidence of a detection.
    pub score_threshold: f32,
    /// Most intersection over union of two detections.
    pub nms_iou: f32,
    /// How many of `regions` count; kernels leave the outputs of the others as they are.
    pub region_count: u32,
    /// Nothing.
    pub reserved: [u32; 3],
    /// The regions.
    pub regions: [RegionControl; MAX_REGIONS],
}

impl FrameControl {
    /// Sets the regions to read; those beyond [`MAX_REGIONS`] are left out.
    pub fn set_regions<'a>(&mut self, regions: impl IntoIterator<Item = &'a Region>, crop_size: usize) {
        self.region_count = 0;
        for (to, region) in self.regions.iter_mut().zip(regions) {
            *to = RegionControl::new(region, crop_size);
            self.region_count += 1;
        }
    }

    /// Sets how detections are chosen.
    pub fn set_detector(&mut self, frame_from_input: &Affine, score_threshold: f32, nms_iou: f32) {
        self.frame_from_input = frame_from_input.0;
        self.score_threshold = score_threshold;
        self.nms_iou = nms_iou;
    }
}

/// A [`Detection`] as the kernel writes it.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct DetectionResult {
    /// The detector's box in frame pixels.
    pub bounds: FaceBox,
    /// Key points in frame pixels.
    pub keypoints: [[f32; 2]; KEYPOINT_COUNT],
    /// Confidence 0–1.
    pub score: f32,
    /// The prior that it comes from.
    pub prior: u32,
}

impl From<&DetectionResult> for Detection {
    fn from(result: &DetectionResult) -> Self {
        Self { bounds: result.bounds, keypoints: result.keypoints, score: result.score }
    }
}

/// What the kernels find in one frame: one copy brings it to the host.
///
/// Landmarks lie last, so that a copy of [`ResultBlock::bytes_for`] leaves out those of faces that are
/// not there. `blendshapes` and `landmarks` begin at multiples of 256 bytes, so a network may write
/// straight into them.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct ResultBlock {
    /// How many of `detections` count.
    pub detection_count: u32,
    /// How many priors reached the threshold.
    pub candidate_count: u32,
    /// How many regions the landmark kernel finished.
    pub region_count: u32,
    /// Nothing.
    pub reserved: [u32; 13],
    /// Probability 0–1 that the region holds a face.
    pub presence: [f32; MAX_REGIONS],
    /// Nothing.
    pub reserved_presence: [u32; 6],
    /// Mean colours of the regions, as [`Appearance`](mien_tracking::Appearance) has them.
    pub appearance: [[f32; APPEARANCE_CELLS]; MAX_REGIONS],
    /// Best first.
    pub detections: [DetectionResult; MAX_DETECTIONS],
    /// Nothing.
    pub reserved_detections: [u32; 0],
    /// Coefficients of the blendshape network.
    pub blendshapes: [[f32; BLENDSHAPE_COUNT]; MAX_REGIONS],
    /// Nothing.
    pub reserved_blendshapes: [u32; 56],
    /// Landmarks in frame pixels.
    pub landmarks: [[[f32; 3]; LANDMARK_COUNT]; MAX_REGIONS],
}

impl ResultBlock {
    /// Offset in bytes of the blendshape coefficients of region 0; those of the others follow.
    pub const BLENDSHAPES_OFFSET: usize = std::mem::offset_of!(Self, blendshapes);
    /// Offset in bytes of the landmarks of region 0; those of the others follow.
    pub const LANDMARKS_OFFSET: usize = std::mem::offset_of!(Self, landmarks);

    /// Bytes from the start that hold everything of `regions` regions.
    #[must_use]
    pub fn bytes_for(regions: usize) -> usize {
        Self::LANDMARKS_OFFSET + regions.min(MAX_REGIONS) * size_of::<[[f32; 3]; LANDMARK_COUNT]>()
    }

    /// The detections of the frame, best first.
    #[must_use]
    pub fn detections(&self) -> &[DetectionResult] {
        &self.detections[..(self.detection_count as usize).min(MAX_DETECTIONS)]
    }

    /// A block of zeros on the heap.
    #[must_use]
    pub fn boxed() -> Box<Self> {
        bytemuck::allocation::zeroed_box()
    }
}

/// A frame as the kernels see it.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct FrameParams {
    pub pixels: u64,
    pub width: u32,
    pub height: u32,
    pub stride: u32,
    /// 16 or 8 where rows begin at multiples of as many bytes, else 0.
    pub aligned: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct LetterboxParams {
    pub frame: FrameParams,
    pub row_starts: u64,
    pub row_weights: u64,
    pub column_starts: u64,
    pub column_weights: u64,
    pub output: u64,
    pub width: u32,
    pub height: u32,
    pub scaled_width: u32,
    pub scaled_height: u32,
    pub row_taps: u32,
    pub column_taps: u32,
    /// Output columns of one warp, at most 32.
    pub tile_columns: u32,
    pub channels: [u32; 3],
    pub mean: [f32; 3],
    pub scale: f32,
    /// Numbers in the shared memory of one warp.
    pub warp_floats: u32,
    /// [`LetterboxTaps::pixel_weight`](mien_geometry::LetterboxTaps::pixel_weight).
    pub pixel_weight: f32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct CropParams {
    pub frame: FrameParams,
    pub control: u64,
    pub output: u64,
    pub result: u64,
    /// Crop columns and rows that the appearance is read at.
    pub places: u64,
    pub size: u32,
    /// 1: what lies outside is black; 0: the edge goes on.
    pub black: u32,
    pub channels: [u32; 3],
    pub offset: [f32; 3],
    pub scale: f32,
    pub reserved: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct DecodeParams {
    pub control: u64,
    pub boxes: u64,
    pub confidences: u64,
    pub keypoints: u64,
    pub priors: u64,
    /// One 64-bit key a prior.
    pub keys: u64,
    pub result: u64,
    pub prior_count: u32,
    pub reserved: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct LandmarksParams {
    pub control: u64,
    pub landmarks: u64,
    pub logits: u64,
    pub result: u64,
    pub blendshape_inputs: u64,
    pub blendshape_indices: u64,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct PreviewParams {
    pub frame: FrameParams,
    pub output: u64,
    pub width: u32,
    pub height: u32,
    /// Preview columns of one block.
    pub tile_columns: u32,
    /// 1 where red and blue change places.
    pub swap: u32,
}

#[cfg(any(test, feature = "measure"))]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct ApartParams {
    pub frame: FrameParams,
    pub row_starts: u64,
    pub row_weights: u64,
    pub column_starts: u64,
    pub column_weights: u64,
    pub converted: u64,
    pub resized: u64,
    pub output: u64,
    pub width: u32,
    pub height: u32,
    pub scaled_width: u32,
    pub scaled_height: u32,
    pub row_taps: u32,
    pub column_taps: u32,
    pub swap: u32,
    pub half: u32,
    pub mean: [f32; 3],
    pub scale: f32,
}

/// `layout_checks.cuh`: the numbers above as the CUDA compiler must find them.
#[cfg(test)]
pub(crate) fn checks() -> String {
    use std::fmt::Write as _;
    use std::mem::offset_of;
    let mut text = String::from(
        "// Written by the test `layout::tests::the_c_side_is_checked` (MIEN_BLESS=1); do not edit.\n#pragma once\n",
    );
    for (name, value) in [
        ("MAX_REGIONS", MAX_REGIONS),
        ("MAX_DETECTIONS", MAX_DETECTIONS),
        ("MAX_CANDIDATES", mien_geometry::RETINAFACE_CANDIDATES),
        ("LANDMARKS", LANDMARK_COUNT),
        ("KEYPOINTS", KEYPOINT_COUNT),
        ("BLENDSHAPES", BLENDSHAPE_COUNT),
        ("BLENDSHAPE_POINTS", BLENDSHAPE_POINTS),
        ("APPEARANCE_CELLS", APPEARANCE_CELLS),
    ] {
        let _ = writeln!(text, "#define {name} {value}");
    }
    text.push_str("#define MIEN_LAYOUT_CHECKS");
    macro_rules! check {
        ($($type:ident { $($field:ident),* })*) => {$(
            let _ = write!(text, " \\\n    static_assert(sizeof({0}) == {1}, \"{0}\");", stringify!($type), size_of::<$type>());
            $(let _ = write!(
                text, " \\\n    static_assert(offsetof({0}, {1}) == {2}, \"{0}.{1}\");",
                stringify!($type), stringify!($field), offset_of!($type, $field),
            );)*
        )*};
    }
    check! {
        RegionControl { frame_from_crop, scale }
        FrameControl { frame_from_input, score_threshold, nms_iou, region_count, regions }
        DetectionResult { bounds, keypoints, score, prior }
        ResultBlock { detection_count, candidate_count, region_count, presence, appearance, detections, blendshapes, landmarks }
        FrameParams { pixels, width, height, stride, aligned }
        LetterboxParams { frame, row_starts, row_weights, column_starts, column_weights, output, width, height,
            scaled_width, scaled_height, row_taps, column_taps, tile_columns, channels, mean, scale, warp_floats, pixel_weight }
        CropParams { frame, control, output, result, places, size, black, channels, offset, scale }
        DecodeParams { control, boxes, confidences, keypoints, priors, keys, result, prior_count }
        LandmarksParams { control, landmarks, logits, result, blendshape_inputs, blendshape_indices }
        PreviewParams { frame, output, width, height, tile_columns, swap }
        ApartParams { frame, row_starts, row_weights, column_starts, column_weights, converted, resized, output, width,
            height, scaled_width, scaled_height, row_taps, column_taps, swap, half, mean, scale }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_side_is_checked() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/kernels/layout_checks.cuh");
        if std::env::var_os("MIEN_BLESS").is_some() {
            std::fs::write(path, checks()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap();
        assert_eq!(found, checks(), "run this test with MIEN_BLESS=1, then `./x ptx`");
    }

    #[test]
    fn networks_may_write_into_the_result() {
        assert_eq!(ResultBlock::BLENDSHAPES_OFFSET % 256, 0);
        assert_eq!(ResultBlock::LANDMARKS_OFFSET % 256, 0);
        assert_eq!(ResultBlock::bytes_for(MAX_REGIONS), size_of::<ResultBlock>());
        assert_eq!(ResultBlock::bytes_for(0), ResultBlock::LANDMARKS_OFFSET);
        assert!(size_of::<ResultBlock>() < 80 * 1024);
    }

    #[test]
    fn regions_beyond_the_last_are_left_out() {
        let mut control = FrameControl::zeroed();
        let region = Region { center: [40.0, 30.0], size: 20.0, rotation_rad: 0.5 };
        control.set_regions(&[region; MAX_REGIONS + 3], 256);
        assert_eq!(control.region_count as usize, MAX_REGIONS);
        assert_eq!(control.regions[3].frame_from_crop, region.frame_from_crop(256).0);
        control.set_regions(&[region; 2], 256);
        assert_eq!(control.region_count, 2);
    }
}
