//! Letterbox, rotated regions, image sampling, detector decoding, rigid fits: pure mathematics of the
//! stages.
//!
//! Every function here is deterministic, works on plain slices and allocates only when a frame's size
//! changes, so it is both the CPU pipeline's stage and the yardstick that accelerated versions are
//! held against. Coordinate frames are those of `mien-face`.

mod affine;
mod blazeface;
mod crop;
mod detection;
mod letterbox;
mod normalization;
mod pixels;
mod pose;
mod preview;
mod region;
mod retinaface;
mod rotation;
mod taps;

pub use affine::Affine;
pub use blazeface::{BLAZEFACE_PRIORS, BlazeFaceDecoder};
pub use crop::{Border, Cropper};
pub use detection::{Detection, suppress_overlaps};
pub use letterbox::Letterbox;
pub use normalization::Normalization;
pub use pixels::rgb_row;
pub use pose::{Similarity, fit_similarity, head_pose};
pub use preview::{PreviewScaler, preview_size};
pub use region::{
    Region, keypoints_from_landmarks, landmark_bounds, landmarks_from_crop, mediapipe_detection_region,
};
pub use retinaface::{
    RETINAFACE_CANDIDATES, RETINAFACE_DETECTIONS, RetinaFaceDecoder, retinaface_prior_count,
};
pub use rotation::{
    angle_between_deg, quaternion_from_rotation, rotation_from_euler_deg, rotation_from_quaternion,
    rotation_to_euler_deg,
};
pub use taps::{AxisTaps, LetterboxTaps};
