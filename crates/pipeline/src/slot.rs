//! What is kept of a face from frame to frame.

use mien_face::{Face, FaceBox, FaceParts, FaceState, HeadPose};
use mien_geometry::{Detection, Region, keypoints_from_landmarks, landmark_bounds};
use mien_tracking::OneEuroParameters;

use crate::smoothing::FaceFilter;
use crate::stages::Reading;

/// A face in view that the detector has not seen for this long …
const UNCONFIRMED_NANOS: i64 = 2_000_000_000;
/// … and in this many of its looks is given up, however much the landmark model believes in it: it may
/// have settled on something else.
const UNCONFIRMED_LOOKS: u32 = 5;

/// A face's memory, one for each of the tracker's slots.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The landmark model's last word.
    pub reading: Reading,
    /// Around the landmarks: where the next frame is read.
    pub region: Region,
    /// Fitted to the landmarks.
    pub pose: HeadPose,
    /// The temporal filter; reset when the face comes into view.
    pub filter: FaceFilter,
    /// The detector's box, when it saw the face in this frame.
    detected: Option<FaceBox>,
    score: f32,
    detection_age_frames: u32,
    detection_nanos: i64,
    missed_looks: u32,
}

impl Slot {
    /// Of a pipeline that measures these parts of a face.
    pub(crate) fn new(parts: FaceParts) -> Self {
        let nowhere =
            HeadPose { camera_from_head: [0.0; 16], rotation_deg: [0.0; 3], translation_cm: [0.0; 3] };
        Self {
            reading: Reading::empty(),
            region: Region { center: [0.0; 2], size: 1.0, rotation_rad: 0.0 },
            pose: nowhere,
            filter: FaceFilter::new(parts),
            detected: None,
            score: 0.0,
            detection_age_frames: 0,
            detection_nanos: 0,
            missed_looks: 0,
        }
    }

    /// What the detector says in this frame, if it looked at all.
    pub(crate) fn see_detection(
        &mut self,
        detection: Option<&(Detection, Region)>,
        detector_ran: bool,
        nanos: i64,
    ) {
        self.detected = detection.map(|(detection, _)| detection.bounds);
        if let Some((detection, _)) = detection {
            self.score = detection.score;
            self.detection_age_frames = 0;
            self.detection_nanos = nanos;
            self.missed_looks = 0;
        } else {
            self.detection_age_frames = self.detection_age_frames.saturating_add(1);
            self.missed_looks += u32::from(detector_ran);
        }
    }

    pub(crate) fn see_reading(&mut self, reading: &Reading) {
        self.reading.clone_from(reading);
        self.region = Region::from_landmarks(&reading.landmarks);
    }

    /// Whether the detector saw the face when it last looked.
    pub(crate) fn was_confirmed(&self) -> bool {
        self.missed_looks == 0
    }

    /// Whether the detector has not seen the face for too long.
    pub(crate) fn is_unconfirmed(&self, nanos: i64) -> bool {
        self.missed_looks >= UNCONFIRMED_LOOKS
            && nanos.saturating_sub(self.detection_nanos) >= UNCONFIRMED_NANOS
    }

    /// Everything but the filtered state and what optional networks say.
    pub(crate) fn describe(&self, track_id: u32, face: &mut Face) {
        let landmarks = &self.reading.landmarks;
        face.track_id = track_id;
        face.detection_age_frames = self.detection_age_frames;
        face.score = self.score;
        face.presence = self.reading.presence;
        face.bounds = self.detected.unwrap_or_else(|| landmark_bounds(landmarks));
        face.keypoints = keypoints_from_landmarks(landmarks);
        face.measured.landmarks = *landmarks;
        face.measured.pose = self.pose;
    }

    /// The filtered state after `measured`.
    pub(crate) fn smooth(
        &mut self,
        measured: &FaceState,
        nanos: i64,
        parameters: &OneEuroParameters,
    ) -> FaceState {
        self.filter.step(measured, self.region.face_size(), nanos, parameters)
    }
}
