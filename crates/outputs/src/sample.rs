//! What a row is computed from.

use mien_face::{Face, FaceState, FrameFaces};

/// What is known of a camera for as long as it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    /// Vertical field of view in degrees; NaN where nobody knows it.
    pub vertical_fov_deg: f32,
    /// Width and height in pixels of frames that do not say theirs; 0 where nobody knows it.
    pub frame_size: [u32; 2],
}

impl Default for Camera {
    fn default() -> Self {
        Self { vertical_fov_deg: f32::NAN, frame_size: [0; 2] }
    }
}

impl Camera {
    /// A camera of this vertical field of view, whose frames say how large they are.
    #[must_use]
    pub fn with_fov_deg(vertical_fov_deg: f32) -> Self {
        Self { vertical_fov_deg, ..Self::default() }
    }

    /// The direction in which a point of a frame (in its pixels) is seen: x right, y down, z away from the camera, of
    /// length 1. NaN where field of view or frame size is not known.
    #[must_use]
    pub fn direction(&self, frame: &FrameFacts, [x, y]: [f32; 2]) -> [f32; 3] {
        let size = if frame.height == 0 { self.frame_size } else { [frame.width, frame.height] };
        if size.contains(&0) {
            return [f32::NAN; 3];
        }
        let [half_width, half_height] = size.map(|pixels| 0.5 * pixels as f32);
        let focal_length_pixels = half_height / (0.5 * self.vertical_fov_deg).to_radians().tan();
        let [x, y] = [x - half_width, y - half_height].map(|pixels| pixels / focal_length_pixels);
        let length = (x * x + y * y + 1.0).sqrt();
        [x / length, y / length, 1.0 / length]
    }
}

/// What concerns a whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FrameFacts {
    /// When the frame was captured, on the monotonic clock.
    pub capture_nanos: i64,
    /// Width of the frame in pixels; 0 where nobody knows it.
    pub width: u32,
    /// Height of the frame in pixels; 0 where nobody knows it.
    pub height: u32,
    /// 1 when the picture is damaged, else 0.
    pub damaged: u32,
    /// From capture to the output of the row, in seconds; 0 for rows that are not live.
    pub latency_seconds: f64,
    /// Frames of the source that have not arrived so far.
    pub dropped_frames: u64,
}

impl FrameFacts {
    /// Of a frame that is not live.
    #[must_use]
    pub fn of(frame: &FrameFaces) -> Self {
        Self {
            capture_nanos: frame.capture_nanos,
            width: frame.frame_width,
            height: frame.frame_height,
            damaged: frame.damaged,
            ..Self::default()
        }
    }
}

/// Which of a face's states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As the networks measured it.
    Measured,
    /// After the temporal filter.
    Smoothed,
}

/// A face in a frame of a camera.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The camera.
    pub camera: Camera,
    /// The frame.
    pub frame: FrameFacts,
    /// The face; `None` where the slot has none in this frame.
    pub face: Option<&'a Face>,
    /// Which of its states counts.
    pub state: State,
}

impl<'a> Sample<'a> {
    /// A frame in which there is no face.
    #[must_use]
    pub fn without_face(camera: Camera, frame: FrameFacts) -> Self {
        Self { camera, frame, face: None, state: State::Measured }
    }

    /// The state of the face that counts.
    #[must_use]
    pub fn face_state(&self) -> Option<&'a FaceState> {
        let face = self.face?;
        Some(match self.state {
            State::Measured => &face.measured,
            State::Smoothed => &face.smoothed,
        })
    }
}
