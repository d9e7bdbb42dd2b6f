//! What a user may choose about tracking.

use mien_face::{MAX_FACES, VERTICAL_FOV_DEG};
use mien_tracking::OneEuroParameters;

use crate::PipelineError;
use crate::possible::{POSSIBLE_FACE_IOU, POSSIBLE_FACE_SCORE};

/// Where the regions come from that the landmark model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RegionSource {
    /// From the landmarks of the frame before; a face that was just detected is read a second time, in
    /// the region of its own first landmarks. Steady, and follows faces between detections.
    #[default]
    Landmarks,
    /// From the detector, on every frame: each frame stands for itself, as in MediaPipe's image mode.
    /// Needs `detect_every` 1.
    Detector,
}

/// How a [`Pipeline`](crate::Pipeline) tracks.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineSettings {
    /// Most faces that are tracked, 1–[`MAX_FACES`]. Of more faces the best ones (confidence × size)
    /// are taken; who is tracked stays.
    pub max_faces: usize,
    /// The detector runs on every Nth frame (1: on every one), half as often while `max_faces` are
    /// tracked and it saw all of them when it last looked, at once when a face is lost, and on every
    /// frame while there is none.
    pub detect_every: u32,
    /// Where the landmark model's regions come from.
    pub region_source: RegionSource,
    /// Detections below this confidence (0–1) are not looked at.
    pub score_threshold: f32,
    /// Of two detections that overlap more than this (IoU, 0–1), the weaker one goes.
    pub nms_iou: f32,
    /// A face whose crop the landmark model believes in less than this (0–1) is dropped. Newcomers need
    /// at least 0.99.
    pub presence_threshold: f32,
    /// Parameters of the temporal filter; `None` leaves `smoothed` equal to `measured`. Speeds are in
    /// face sizes (landmarks), full scale (blendshapes), radians and head widths (pose) per second.
    pub smoothing: Option<OneEuroParameters>,
    /// The camera's vertical field of view in degrees (head pose; MediaPipe's default is 63).
    pub vertical_fov_deg: f32,
    /// A face is remembered this long without being seen, in nanoseconds; when it comes back later it
    /// is a new one.
    pub max_absence_nanos: i64,
    /// Number of the first person, 1 or more.
    pub first_track_id: u32,
    /// Whether the detector looks at every frame for whatever may be a face, whoever is tracked:
    /// [`Pipeline::possible_faces`](crate::Pipeline::possible_faces). What is tracked stays the same.
    pub report_possible_faces: bool,
}

impl PipelineSettings {
    /// The temporal filter's usual parameters.
    pub const SMOOTHING: OneEuroParameters =
        OneEuroParameters { min_cutoff_hz: 1.5, beta: 30.0, speed_cutoff_hz: 1.0 };

    /// The score (0–1) from which the detector is to report what it finds. Tracking goes by `score_threshold`.
    #[must_use]
    pub fn lowest_score(&self) -> f32 {
        let possible = if self.report_possible_faces { POSSIBLE_FACE_SCORE } else { 1.0 };
        self.score_threshold.min(possible)
    }

    /// The overlap (IoU, 0–1) from which the detector is to leave the weaker of two detections out. Tracking goes
    /// by `nms_iou`.
    #[must_use]
    pub fn widest_iou(&self) -> f32 {
        let possible = if self.report_possible_faces { POSSIBLE_FACE_IOU } else { 0.0 };
        self.nms_iou.max(possible)
    }

    pub(crate) fn check(&self) -> Result<(), PipelineError> {
        let wrong =
            |setting, found: String, expected| Err(PipelineError::Setting { setting, expected, found });
        if !(1..=MAX_FACES).contains(&self.max_faces) {
            return wrong("max_faces", self.max_faces.to_string(), "1 to 10");
        }
        if self.detect_every == 0 {
            return wrong("detect_every", "0".to_owned(), "1 (every frame) or more");
        }
        if self.region_source == RegionSource::Detector && self.detect_every != 1 {
            let found = self.detect_every.to_string();
            return wrong("detect_every", found, "1 when regions come from the detector");
        }
        for (setting, value) in [
            ("score_threshold", self.score_threshold),
            ("nms_iou", self.nms_iou),
            ("presence_threshold", self.presence_threshold),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return wrong(setting, value.to_string(), "0 to 1");
            }
        }
        if !VERTICAL_FOV_DEG.contains(&self.vertical_fov_deg) {
            return wrong("vertical_fov_deg", self.vertical_fov_deg.to_string(), "1 to 170 degrees");
        }
        if self.max_absence_nanos < 0 {
            return wrong("max_absence_nanos", self.max_absence_nanos.to_string(), "0 or more");
        }
        if self.first_track_id == 0 {
            return wrong("first_track_id", "0".to_owned(), "1 or more");
        }
        if let Some(OneEuroParameters { min_cutoff_hz, beta, speed_cutoff_hz }) = self.smoothing {
            let sound = min_cutoff_hz > 0.0 && beta >= 0.0 && speed_cutoff_hz > 0.0;
            if !(sound && (min_cutoff_hz + beta + speed_cutoff_hz).is_finite()) {
                let found = format!("{min_cutoff_hz} Hz, {beta}, {speed_cutoff_hz} Hz");
                return wrong("smoothing", found, "positive cut-offs and a beta of 0 or more");
            }
        }
        Ok(())
    }
}

impl Default for PipelineSettings {
    fn default() -> Self {
        Self {
            max_faces: 4,
            detect_every: 5,
            region_source: RegionSource::Landmarks,
            score_threshold: 0.5,
            nms_iou: 0.4,
            presence_threshold: 0.5,
            smoothing: Some(Self::SMOOTHING),
            vertical_fov_deg: 63.0,
            max_absence_nanos: 2_000_000_000,
            first_track_id: 1,
            report_possible_faces: false,
        }
    }
}
