//! From a frame to tracked faces: detection, landmarks, blendshapes, head pose.

mod error;
mod settings;
mod timings;

use mien_engine::Engine;
use mien_face::{FrameFaces, FrameView};

pub use error::PipelineError;
pub use settings::{PipelineSettings, SmoothingSettings};
pub use timings::StageTimings;

/// The three networks. Their outputs are recognised by shape, so any model of a role will do.
pub struct PipelineEngines {
    /// RetinaFace: image `[n, 3, h, w]` (BGR minus 104, 117, 123) → boxes `[n, priors, 4]`,
    /// confidences `[n, priors, 2]`, key points `[n, priors, 10]`.
    pub detector: Box<dyn Engine>,
    /// Landmarks: image `[n, 3, s, s]` (RGB, 0–1) → 478 × (x, y, z) in crop pixels, presence logit.
    pub landmarks: Box<dyn Engine>,
    /// Blendshapes: `[n, 146, 2]` landmarks in frame pixels → 52 coefficients.
    pub blendshapes: Box<dyn Engine>,
}

/// Tracks the faces of one camera or file.
pub struct Pipeline {
    result: Box<FrameFaces>,
    timings: StageTimings,
    settings: PipelineSettings,
    #[allow(dead_code)]
    engines: PipelineEngines,
    dropped_faces: u64,
}

impl Pipeline {
    /// Checks the models' tensors and the settings, and allocates everything that frames will need.
    ///
    /// # Errors
    /// When a model's tensors do not fit its role, or a setting is out of its range.
    pub fn new(engines: PipelineEngines, settings: PipelineSettings) -> Result<Self, PipelineError> {
        Ok(Self {
            result: FrameFaces::boxed(),
            timings: StageTimings::default(),
            settings,
            engines,
            dropped_faces: 0,
        })
    }

    /// Tracks the faces into the next frame. Frame sizes and formats may change between calls.
    ///
    /// `capture_nanos` (monotonic clock) sets the pace of filters and of the tracks' memory, so for
    /// a file it is the time in the file. The result is overwritten by the next call.
    ///
    /// # Errors
    /// When an engine fails. The tracks stay as they were after the last good frame.
    pub fn process(
        &mut self,
        frame: FrameView<'_>,
        frame_index: u64,
        capture_nanos: i64,
    ) -> Result<&FrameFaces, PipelineError> {
        self.result.frame_index = frame_index;
        self.result.capture_nanos = capture_nanos;
        self.result.frame_width = frame.width();
        self.result.frame_height = frame.height();
        Ok(&self.result)
    }

    /// Result of the last frame.
    #[must_use]
    pub fn last(&self) -> &FrameFaces {
        &self.result
    }

    /// Where the time of the last frame went.
    #[must_use]
    pub fn timings(&self) -> StageTimings {
        self.timings
    }

    /// The settings in use.
    #[must_use]
    pub fn settings(&self) -> &PipelineSettings {
        &self.settings
    }

    /// Faces dropped since the start because a network's output for them was not finite.
    #[must_use]
    pub fn dropped_faces(&self) -> u64 {
        self.dropped_faces
    }

    /// Forgets every track, as at the start of another file. Ids go on counting.
    pub fn reset(&mut self) {
        self.result.face_count = 0;
    }
}
