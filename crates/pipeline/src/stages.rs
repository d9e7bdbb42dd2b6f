//! What looks at pixels, on whatever processor.

use mien_engine::Role;
use mien_face::{Face, FaceParts, LANDMARK_COUNT, Picture, landmark_count};
use mien_geometry::{Detection, Region};
use mien_tracking::Appearance;

use crate::{Derived, PipelineError, PipelineSettings, StageTimings};

/// What the landmark model says about one region.
#[derive(Debug, Clone)]
pub struct Reading {
    /// In frame pixels; the irises' are NaN where the landmark model does not find them.
    pub landmarks: [[f32; 3]; LANDMARK_COUNT],
    /// Probability 0–1 that the region holds a face.
    pub presence: f32,
    /// What the region looks like.
    pub appearance: Appearance,
    /// What optional networks say of the face, where the stages run them along with the landmarks; see
    /// [`Stages::derive`].
    pub derived: Derived,
}

impl Reading {
    /// All zero.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            landmarks: [[0.0; 3]; LANDMARK_COUNT],
            presence: 0.0,
            appearance: Appearance::of_crop(&[0.0; 3], 1),
            derived: Derived::default(),
        }
    }

    /// Whether the landmarks that there are with these parts, and presence, are all finite numbers.
    pub(crate) fn is_finite(&self, parts: FaceParts) -> bool {
        // A sum is finite only when every term is; these terms are too small to overflow.
        let sum: f32 = self.landmarks[..landmark_count(parts)].as_flattened().iter().map(|v| v * 1e-6).sum();
        sum.is_finite() && self.presence.is_finite()
    }
}

/// Regions to be read and the places for what is read there.
pub type Readings<'i, 'a> = &'i mut dyn Iterator<Item = (&'a Region, &'a mut Reading)>;

/// The stages of a [`Pipeline`](crate::Pipeline) that touch pixels or networks.
///
/// For each frame the pipeline calls [`start`](Stages::start) once, then the others as tracking demands:
/// most often the detector at most once and one reading of all regions. An implementation for which
/// every call is expensive (a GPU) should queue the announced work in `start`.
pub trait Stages: Send {
    /// Whether pictures may come as JPEG files. Stages that do not take them are never given any.
    fn takes_jpeg(&self) -> bool {
        false
    }

    /// What they measure of a face, beside what all do.
    fn parts(&self) -> FaceParts {
        FaceParts::ALL
    }

    /// Whether they run the network of this role.
    fn runs(&self, role: Role) -> bool {
        let _ = role;
        true
    }

    /// Begins a frame: every later call until the next start is about it. `regions` are those of the
    /// faces in view, which will most likely be read, in their order; `detect` tells that the detector
    /// will be asked.
    ///
    /// # Errors
    /// When the processor fails, or the picture is damaged; the next frame may be tried.
    fn start(
        &mut self,
        frame: &Picture<'_>,
        regions: &[Region],
        detect: bool,
        settings: &PipelineSettings,
    ) -> Result<(), PipelineError> {
        let _ = (frame, regions, detect, settings);
        Ok(())
    }

    /// Looks for faces in the whole frame; what it finds is in [`Stages::detections`].
    ///
    /// # Errors
    /// When the detector network fails.
    fn detect(
        &mut self,
        frame: &Picture<'_>,
        settings: &PipelineSettings,
        timings: &mut StageTimings,
    ) -> Result<(), PipelineError>;

    /// What the last look found, best first, in frame pixels.
    fn detections(&self) -> &[Detection];

    /// The region that the landmark model should read for a detection.
    fn region_of(&self, detection: &Detection) -> Region;

    /// Reads the landmarks in regions of the frame.
    ///
    /// # Errors
    /// When the landmark network fails.
    fn read(
        &mut self,
        frame: &Picture<'_>,
        regions: Readings<'_, '_>,
        timings: &mut StageTimings,
    ) -> Result<(), PipelineError>;

    /// Runs the optional networks on the faces' `measured.landmarks`, unless that was done along with the
    /// landmarks: `derived` has what the readings have. For each face there is one.
    ///
    /// # Errors
    /// When a network fails.
    fn derive(
        &mut self,
        faces: &[Face],
        derived: &mut [Derived],
        timings: &mut StageTimings,
    ) -> Result<(), PipelineError>;

    /// The frame as a picture for people, at most `most` (width, height) pixels large and of the frame's
    /// shape: its size, and its tight rows of red, green, blue. Frames that fit stay as they are.
    ///
    /// # Errors
    /// When the processor fails.
    fn preview(&mut self, frame: &Picture<'_>, most: [u32; 2]) -> Result<([u32; 2], &[u8]), PipelineError>;
}
