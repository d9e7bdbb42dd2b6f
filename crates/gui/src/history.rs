//! The last seconds of one face's signals, for plots.

use std::collections::VecDeque;

use mien_face::{BLENDSHAPE_COUNT, Face};

/// One frame's signals of one face.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Capture time in seconds on the monotonic clock.
    pub seconds: f64,
    /// Coefficients 0–1.
    pub blendshapes: [f32; BLENDSHAPE_COUNT],
    /// Pitch, yaw, roll in degrees.
    pub rotation_deg: [f32; 3],
    /// Position in cm.
    pub translation_cm: [f32; 3],
}

/// A window of [`Sample`]s of one face of one camera. It starts anew when the face changes.
#[derive(Debug, Default)]
pub struct History {
    track_id: u32,
    samples: VecDeque<Sample>,
}

impl History {
    /// How far back the plots reach.
    pub const SECONDS: f64 = 20.0;

    /// Adds one frame's face; drops what is older than [`History::SECONDS`].
    pub fn push(&mut self, capture_nanos: i64, face: &Face) {
        let seconds = capture_nanos as f64 * 1e-9;
        let starts_anew =
            face.track_id != self.track_id || self.samples.back().is_some_and(|last| seconds < last.seconds);
        if starts_anew {
            self.samples.clear();
            self.track_id = face.track_id;
        }
        let state = &face.smoothed;
        self.samples.push_back(Sample {
            seconds,
            blendshapes: state.blendshapes,
            rotation_deg: state.pose.rotation_deg,
            translation_cm: state.pose.translation_cm,
        });
        while self.samples.front().is_some_and(|first| seconds - first.seconds > Self::SECONDS) {
            self.samples.pop_front();
        }
    }

    /// The samples, oldest first.
    #[must_use]
    pub fn samples(&self) -> &VecDeque<Sample> {
        &self.samples
    }

    /// The face that the samples belong to; 0 before the first.
    #[must_use]
    pub fn track_id(&self) -> u32 {
        self.track_id
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
