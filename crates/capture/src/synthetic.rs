//! The synthetic camera as a source.

use std::sync::mpsc::{Receiver, Sender, channel};

use mien_face::Frame;
use mien_synthetic::{SyntheticCamera, SyntheticFace};

use crate::{Source, SourceError, SourceInfo, SourceKind, Step, SyntheticSpec};

/// Most heads that have room in a picture.
pub(crate) const MAX_HEADS: usize = 10;

/// The synthetic camera at its own pace: frames come as fast as they are taken, and their times are
/// those of a camera that started at 0.
pub struct SyntheticSource {
    info: SourceInfo,
    camera: SyntheticCamera,
    next_index: u64,
    end_index: u64,
    truth: Option<Sender<SyntheticTruth>>,
}

/// What is true of one frame.
#[derive(Debug, Clone)]
pub struct SyntheticTruth {
    /// The frame.
    pub frame_index: u64,
    /// Its faces, by person.
    pub faces: Vec<SyntheticFace>,
}

impl SyntheticSource {
    /// Prepares the people.
    #[must_use]
    pub fn new(spec: &SyntheticSpec) -> Self {
        let camera = SyntheticCamera::new(spec.settings.clone());
        let settings = camera.settings();
        let frame_count = spec.seconds.map(|seconds| (seconds * settings.rate_hz).round() as u64);
        let info = SourceInfo {
            name: "synthetic".to_owned(),
            spec: spec.to_string(),
            kind: SourceKind::Synthetic,
            size: (settings.width, settings.height),
            pixel_aspect: None,
            rate_hz: Some(settings.rate_hz),
            frame_count,
            files: Vec::new(),
            live: false,
        };
        Self { info, camera, next_index: 0, end_index: frame_count.unwrap_or(u64::MAX), truth: None }
    }

    /// From now on, sends the truth about each frame before the frame itself is handed out.
    pub fn tell_truth(&mut self) -> Receiver<SyntheticTruth> {
        let (sender, receiver) = channel();
        self.truth = Some(sender);
        receiver
    }
}

impl Source for SyntheticSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
        if self.next_index >= self.end_index {
            return Ok(Step::End);
        }
        let frame_index = self.next_index;
        self.next_index += 1;
        let nanos = (frame_index as f64 / self.camera.settings().rate_hz * 1e9).round() as i64;
        self.camera.render(frame_index, nanos, frame);
        if let Some(truth) = &self.truth {
            // A receiver that is gone wants no more of it.
            let _ = truth.send(SyntheticTruth { frame_index, faces: self.camera.truth().to_vec() });
        }
        Ok(Step::Frame)
    }
}
