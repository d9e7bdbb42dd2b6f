//! The video of the camera, while one is recorded.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mien_control::{VideoPlan, VideoStatus};
use mien_face::{FaceBox, Frame, FrameFaces};
use mien_record::VideoRecorder;

/// How often a running recording is told about.
const TELL: Duration = Duration::from_secs(1);

/// Shared by the thread that obeys (starts and ends recordings) and the one that tracks (has frames).
#[derive(Default)]
pub(crate) struct Video(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    recorder: Option<VideoRecorder>,
    /// Still closing its file.
    closing: Option<VideoRecorder>,
    /// A recording that could not begin.
    refused: Option<VideoStatus>,
    told: Option<(VideoStatus, Instant)>,
}

impl Video {
    /// Begins; a recording that runs goes on as it is.
    pub fn start(&self, plan: VideoPlan) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.recorder.is_some() {
            return;
        }
        match VideoRecorder::start(plan) {
            Ok(recorder) => slots.recorder = Some(recorder),
            Err(error) => {
                let problem = Some(error.to_string());
                slots.refused =
                    Some(VideoStatus { problem, failed: true, finished: true, ..VideoStatus::default() });
            }
        }
    }

    /// Ends the recording; its file is closed meanwhile.
    pub fn stop(&self) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut recorder) = slots.recorder.take() {
            recorder.finish();
            slots.closing = Some(recorder);
        }
    }

    /// Whether frames are wanted.
    pub fn is_recording(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recorder.is_some()
    }

    /// Whether faces are to be hidden in it.
    pub fn hides_faces(&self) -> bool {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.recorder.as_ref().is_some_and(VideoRecorder::hides_faces)
    }

    /// Adds a tracked frame, with everything that may be a face where that was looked for; nothing waits.
    pub fn push(&self, frame: &Frame, faces: &FrameFaces, possible: Option<&[FaceBox]>) {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&slots.recorder, possible) {
            (Some(recorder), Some(possible)) => recorder.push_looked_at(frame, faces, possible),
            (Some(recorder), None) => recorder.push(frame, faces),
            (None, _) => {}
        }
    }

    /// How it stands, when that has changed and is worth telling: each second, and at the end.
    pub fn news(&self) -> Option<VideoStatus> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refused) = slots.refused.take() {
            return Some(refused);
        }
        let status = slots.recorder.as_ref().or(slots.closing.as_ref()).map(VideoRecorder::status)?;
        if status.finished {
            slots.closing = None;
        }
        let is_news = match &slots.told {
            Some((told, at)) => *told != status && (status.finished || at.elapsed() >= TELL),
            None => true,
        };
        is_news.then(|| slots.told.insert((status, Instant::now())).0.clone())
    }
}
