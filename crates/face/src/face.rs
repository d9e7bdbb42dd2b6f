//! What was measured of a face.
//!
//! The types are plain old data of fixed size, so that they cross process borders in a ring slot and
//! are copied without allocation.

use std::ops::RangeInclusive;

use bytemuck::{Pod, Zeroable};

use crate::BLENDSHAPE_COUNT;

/// Number of landmarks of a face: 468 of the mesh, then 5 of the right iris, 5 of the left.
pub const LANDMARK_COUNT: usize = 478;
/// Number of landmarks that the mesh's triangles span, and that the canonical model knows.
pub const MESH_LANDMARK_COUNT: usize = 468;
/// Number of RetinaFace key points: right eye, left eye, nose tip, right and left corner of the mouth
/// (the person's own sides; in an unmirrored picture the right eye is on the left).
pub const KEYPOINT_COUNT: usize = 5;
/// Most faces that one frame reports.
pub const MAX_FACES: usize = 10;

/// An axis-aligned box in frame pixels.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct FaceBox {
    /// Left edge.
    pub x1: f32,
    /// Upper edge.
    pub y1: f32,
    /// Right edge.
    pub x2: f32,
    /// Lower edge.
    pub y2: f32,
}

impl FaceBox {
    /// Width in pixels; 0 for an inside-out box.
    #[must_use]
    pub fn width(&self) -> f32 {
        (self.x2 - self.x1).max(0.0)
    }

    /// Height in pixels; 0 for an inside-out box.
    #[must_use]
    pub fn height(&self) -> f32 {
        (self.y2 - self.y1).max(0.0)
    }

    /// Area in square pixels.
    #[must_use]
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// Centre, `[x, y]`.
    #[must_use]
    pub fn center(&self) -> [f32; 2] {
        [(self.x1 + self.x2) * 0.5, (self.y1 + self.y2) * 0.5]
    }

    /// Intersection over union with another box, 0–1; 0 where both are empty.
    #[must_use]
    pub fn iou(&self, other: &Self) -> f32 {
        let overlap = Self {
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
            x2: self.x2.min(other.x2),
            y2: self.y2.min(other.y2),
        }
        .area();
        let union = self.area() + other.area() - overlap;
        if union > 0.0 { overlap / union } else { 0.0 }
    }
}

/// Vertical fields of view that a camera may have, in degrees: wide enough for every lens whose picture a pinhole
/// camera explains.
pub const VERTICAL_FOV_DEG: RangeInclusive<f32> = 1.0..=170.0;

/// Where a head is and which way it faces, in the camera frame.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct HeadPose {
    /// `camera_from_head`, row by row: rotation, uniform scale, and translation in cm. It takes the
    /// canonical face model onto the face.
    pub camera_from_head: [f32; 16],
    /// Pitch, yaw, roll in degrees, right-handed about the camera's x, y and z axes: positive pitch
    /// lowers the nose, positive yaw turns it to the picture's right, positive roll tilts the head
    /// counter-clockwise in the picture. Rotation = R_y(yaw) · R_x(pitch) · R_z(roll).
    pub rotation_deg: [f32; 3],
    /// Position of the canonical model's origin (inside the head, between the ears) in cm.
    pub translation_cm: [f32; 3],
}

/// What changes from frame to frame in one face.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct FaceState {
    /// Landmarks: x, y in frame pixels; z on the scale of x, relative to the face's middle, smaller is
    /// nearer to the camera. The irises' are NaN where the landmark network does not find them.
    pub landmarks: [[f32; 3]; LANDMARK_COUNT],
    /// Coefficients 0–1, ordered as [`BLENDSHAPE_NAMES`](crate::BLENDSHAPE_NAMES). NaN where there is no network
    /// for them.
    pub blendshapes: [f32; BLENDSHAPE_COUNT],
    /// Head pose.
    pub pose: HeadPose,
}

/// One tracked face in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Face {
    /// Stays with the person through misses and crossings; counts from 1 and is never used again.
    pub track_id: u32,
    /// Frames since this track's detector box was last seen; 0 when detected in this very frame.
    pub detection_age_frames: u32,
    /// The detector's confidence 0–1 when it last saw this face.
    pub score: f32,
    /// The landmark model's probability 0–1 that its crop holds a face.
    pub presence: f32,
    /// Box in frame pixels: the detector's when seen in this frame, else around the landmarks.
    pub bounds: FaceBox,
    /// Eyes, nose tip and corners of the mouth in frame pixels.
    pub keypoints: [[f32; 2]; KEYPOINT_COUNT],
    /// As the networks measured it in this frame.
    pub measured: FaceState,
    /// After the temporal filter; equal to `measured` when smoothing is off.
    pub smoothed: FaceState,
}

/// Everything found in one frame: one of these per captured frame, with or without a face.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct FrameFaces {
    /// Number of the frame at its source, from 0; gaps are frames that were dropped.
    pub frame_index: u64,
    /// When the frame was captured, on the monotonic clock.
    pub capture_nanos: i64,
    /// Width of the frame in pixels.
    pub frame_width: u32,
    /// Height of the frame in pixels.
    pub frame_height: u32,
    /// How many of `faces` count.
    pub face_count: u32,
    /// 1 when the detector ran on this frame, else 0.
    pub detector_ran: u32,
    /// 1 when the picture is damaged, so that what was measured in it may be wrong, else 0.
    pub damaged: u32,
    /// 0: keeps the faces in their place on every machine.
    pub reserved: u32,
    /// The faces; those from `face_count` on are zero.
    pub faces: [Face; MAX_FACES],
}

impl FrameFaces {
    /// An empty result on the heap (the type is too large for comfortable stacks).
    #[must_use]
    pub fn boxed() -> Box<Self> {
        bytemuck::allocation::zeroed_box()
    }

    /// The faces of this frame. A count out of range (a damaged ring slot) is cut to [`MAX_FACES`].
    #[must_use]
    pub fn faces(&self) -> &[Face] {
        &self.faces[..(self.face_count as usize).min(MAX_FACES)]
    }
}

const _: () = {
    assert!(size_of::<HeadPose>() == 88);
    assert!(size_of::<FaceState>() == LANDMARK_COUNT * 12 + BLENDSHAPE_COUNT * 4 + 88);
    assert!(size_of::<Face>() == 16 + 16 + 40 + 2 * size_of::<FaceState>());
    assert!(size_of::<FrameFaces>() == 40 + MAX_FACES * size_of::<Face>());
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_of_boxes() {
        let a = FaceBox { x1: 0.0, y1: 0.0, x2: 10.0, y2: 10.0 };
        let b = FaceBox { x1: 5.0, y1: 0.0, x2: 15.0, y2: 10.0 };
        assert!((a.iou(&b) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(a.iou(&a), 1.0);
        let inside_out = FaceBox { x1: 10.0, y1: 0.0, x2: 0.0, y2: 10.0 };
        assert_eq!(a.iou(&inside_out), 0.0);
    }

    #[test]
    fn a_damaged_count_does_not_reach_past_the_faces() {
        let mut frame = FrameFaces::boxed();
        frame.face_count = u32::MAX;
        assert_eq!(frame.faces().len(), MAX_FACES);
    }
}
