//! Frames, faces, landmarks, blendshapes, topology: the types that everything else speaks.
//!
//! No input or output happens here. Three coordinate frames appear throughout:
//!
//! - **frame**: pixels of the captured picture; x right, y down, the top left pixel's corner at (0, 0)
//!   and its centre at (0.5, 0.5).
//! - **crop**: pixels of the square picture that a network reads.
//! - **camera**: centimetres; x right in the picture, y up, z towards the viewer, the pinhole at the
//!   origin. A face in front of the camera has a negative z. (MediaPipe's metric space.)
//!
//! Matrices are called `target_from_source` and stored row by row.

mod blendshapes;
mod canonical;
mod face;
mod frame;
mod parts;
mod rotation;
pub mod topology;

pub use blendshapes::{BLENDSHAPE_COUNT, BLENDSHAPE_NAMES, blendshape_index};
pub use canonical::CANONICAL_VERTICES_CM;
pub use face::{
    Face, FaceBox, FaceState, FrameFaces, HeadPose, KEYPOINT_COUNT, LANDMARK_COUNT, MAX_FACES,
    MESH_LANDMARK_COUNT, VERTICAL_FOV_DEG,
};
pub use frame::{Frame, FrameError, FrameView, Picture, PixelFormat};
pub use parts::{FacePart, FaceParts, landmark_count};
pub use rotation::{Rotation, RotationError};
