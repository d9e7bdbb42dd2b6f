//! The thread that owns the networks and writes the rings.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mien_config::{Detection, Smoothing};
use mien_control::{CameraState, FatalCause, Report, WorkerSettings};
use mien_face::{FaceBox, Frame, FrameFaces, Picture};
use mien_pipeline::{
    OneEuroParameters, Pipeline, PipelineError, PipelineSettings, RegionSource, StageTimings,
};
use mien_ring::{FacesWriter, MAX_STAGES, PreviewHeader, PreviewWriter, ResultTimings};

use crate::handover::{Captured, Handover};
use crate::jpeg::JpegFrames;
use crate::report::Reporter;
use crate::session::MakeTracker;
use crate::video::Video;

/// Longest wait for a frame before looking whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// What turns frames into faces.
pub trait Tracker {
    /// Whether frames may come as JPEG files.
    fn takes_jpeg(&self) -> bool {
        false
    }

    /// Tracks the faces into the next frame.
    ///
    /// # Errors
    /// When it cannot go on, or cannot read this frame.
    fn track(&mut self, frame: Picture<'_>, frame_index: u64, capture_nanos: i64)
    -> Result<(), TrackerError>;

    /// Result of the last frame.
    fn result(&self) -> &FrameFaces;

    /// Whether to look, from the next frame on, for everything that may be a face.
    fn report_possible_faces(&mut self, on: bool);

    /// Boxes in frame pixels of everything in the last frame that may be a face, however many faces are
    /// tracked; `None` where nobody looked for that.
    fn possible_faces(&self) -> Option<&[FaceBox]>;

    /// The frame last tracked as a picture of at most `most` (width, height) pixels: its size and its
    /// tight rows of red, green, blue.
    ///
    /// # Errors
    /// When it cannot go on.
    fn preview(&mut self, frame: Picture<'_>, most: [u32; 2]) -> Result<([u32; 2], &[u8]), TrackerError>;

    /// Names of the stages.
    fn stages(&self) -> &'static [&'static str];

    /// Nanoseconds that the stages of the last frame took; 0 for one that did not run.
    fn stage_nanos(&self) -> [u64; MAX_STAGES];
}

/// Why a tracker cannot be made, or cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerError {
    /// Which kind of fault it is; `None` when only this frame cannot be read.
    pub cause: Option<FatalCause>,
    /// What happened, for a person.
    pub reason: String,
}

impl From<String> for TrackerError {
    /// A fault of no particular kind.
    fn from(reason: String) -> Self {
        Self { cause: Some(FatalCause::Other), reason }
    }
}

impl From<PipelineError> for TrackerError {
    fn from(error: PipelineError) -> Self {
        let cause = match error {
            PipelineError::Picture(_) => None,
            PipelineError::GpuMemory(_) => Some(FatalCause::GpuMemory),
            _ => Some(FatalCause::Other),
        };
        Self { cause, reason: error.to_string() }
    }
}

impl Tracker for Pipeline {
    fn takes_jpeg(&self) -> bool {
        Pipeline::takes_jpeg(self)
    }

    fn track(
        &mut self,
        frame: Picture<'_>,
        frame_index: u64,
        capture_nanos: i64,
    ) -> Result<(), TrackerError> {
        self.process(frame, frame_index, capture_nanos)?;
        Ok(())
    }

    fn result(&self) -> &FrameFaces {
        self.last()
    }

    fn report_possible_faces(&mut self, on: bool) {
        Pipeline::report_possible_faces(self, on);
    }

    fn possible_faces(&self) -> Option<&[FaceBox]> {
        Pipeline::possible_faces(self)
    }

    fn preview(&mut self, frame: Picture<'_>, most: [u32; 2]) -> Result<([u32; 2], &[u8]), TrackerError> {
        Ok(Pipeline::preview(self, frame, most)?)
    }

    fn stages(&self) -> &'static [&'static str] {
        &StageTimings::NAMES
    }

    fn stage_nanos(&self) -> [u64; MAX_STAGES] {
        let mut nanos = [0; MAX_STAGES];
        nanos[..StageTimings::NAMES.len()].copy_from_slice(&self.timings().stages());
        nanos
    }
}

/// The pipeline's settings that a configuration asks for.
#[must_use]
pub fn pipeline_settings(detection: &Detection, smoothing: &Smoothing) -> PipelineSettings {
    PipelineSettings {
        max_faces: detection.max_faces,
        detect_every: detection.detect_every,
        region_source: RegionSource::Landmarks,
        score_threshold: detection.score_threshold,
        nms_iou: detection.nms_iou,
        presence_threshold: detection.presence_threshold,
        smoothing: smoothing.enabled.then_some(OneEuroParameters {
            min_cutoff_hz: smoothing.min_cutoff_hz,
            beta: smoothing.beta,
            speed_cutoff_hz: smoothing.speed_cutoff_hz,
        }),
        vertical_fov_deg: detection.vertical_fov_deg,
        max_absence_nanos: (detection.max_absence_seconds * 1e9) as i64,
        first_track_id: 1,
        // Decided frame by frame.
        report_possible_faces: false,
    }
}

/// A tracker that is ready.
pub struct Made {
    /// The tracker.
    pub tracker: Box<dyn Tracker>,
    /// The engine, as it names itself.
    pub engine: String,
    /// Why this one.
    pub reason: String,
}

/// Why the thread ended.
pub(crate) enum TrackEnd {
    Stopped,
    /// No tracker can be made; another process would not mend it.
    Failed,
    /// The tracker broke; another process may mend it.
    Broken(TrackerError),
}

pub(crate) struct Track {
    pub settings: WorkerSettings,
    pub changed: Arc<Mutex<Option<(Detection, Smoothing)>>>,
    pub video: Arc<Video>,
    pub make: Arc<Mutex<MakeTracker>>,
    pub handover: Arc<Handover>,
    pub reporter: Arc<Reporter>,
    pub stop: Arc<AtomicBool>,
    pub jpeg: JpegFrames,
    pub faces: FacesWriter,
    pub preview: PreviewWriter,
}

impl Track {
    /// Tracks until told to stop.
    pub fn run(mut self) -> TrackEnd {
        let mut tracker: Option<Box<dyn Tracker>> = None;
        let mut header: Box<PreviewHeader> = bytemuck::allocation::zeroed_box();
        let mut pace = Pace::new(self.settings.preview.rate_hz);
        let mut used: Option<Frame> = None;
        while !self.stop.load(Ordering::Relaxed) {
            let Some(captured) = self.handover.take(used.take(), LOOK) else { continue };
            if self.take_changes() {
                tracker = None;
            }
            let frame = match captured.frame.picture() {
                Ok(frame) => frame,
                Err(error) => {
                    tracing::warn!("frame {} was skipped: {error}", captured.frame.frame_index);
                    used = Some(captured.frame);
                    continue;
                }
            };
            let tracker = match &mut tracker {
                Some(tracker) => tracker,
                none => match self.make_tracker([frame.width(), frame.height()]) {
                    Ok(made) => none.insert(made),
                    Err(end) => return end,
                },
            };
            self.jpeg.decide(tracker.takes_jpeg(), self.video.is_recording());
            match self.publish(&mut **tracker, &captured, frame) {
                Ok(()) if captured.frame.is_jpeg => self.jpeg.read(),
                Ok(()) => {}
                Err(TrackerError { cause: None, reason }) => {
                    tracing::warn!("frame {} was skipped: {reason}", captured.frame.frame_index);
                    self.handover.lost(1);
                    self.jpeg.refused(&reason);
                    used = Some(captured.frame);
                    continue;
                }
                Err(error) => return TrackEnd::Broken(error),
            }
            if pace.lets_through(captured.frame.capture_nanos)
                && let Err(error) = self.show(&mut **tracker, &mut header, frame)
            {
                return TrackEnd::Broken(error);
            }
            used = Some(captured.frame);
        }
        TrackEnd::Stopped
    }

    fn take_changes(&mut self) -> bool {
        let changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((detection, smoothing)) = changed else { return false };
        self.settings.detection = detection;
        self.settings.smoothing = smoothing;
        true
    }

    /// Loads the networks; the size of the first frame tells what the detector is to read.
    fn make_tracker(&self, frame_size: [u32; 2]) -> Result<Box<dyn Tracker>, TrackEnd> {
        self.reporter.busy("loading the networks");
        let mut tell = |words: &str| self.reporter.busy(words);
        let mut make = self.make.lock().unwrap_or_else(PoisonError::into_inner);
        let made = make(&self.settings, frame_size, &mut tell);
        match made {
            Ok(Made { tracker, engine, reason }) => {
                let stages = tracker.stages().iter().map(|stage| (*stage).to_owned()).collect();
                self.reporter.send(&Report::Engine { name: engine, reason, stages });
                Ok(tracker)
            }
            // With smaller batches there may be a tracker.
            Err(error) if error.cause == Some(FatalCause::GpuMemory) => Err(TrackEnd::Broken(error)),
            Err(error) => {
                self.reporter.state(CameraState::Failed, error.reason);
                Err(TrackEnd::Failed)
            }
        }
    }

    fn publish(
        &mut self,
        tracker: &mut dyn Tracker,
        captured: &Captured,
        frame: Picture<'_>,
    ) -> Result<(), TrackerError> {
        let started_nanos = mien_clock::monotonic_nanos();
        let Frame { frame_index, capture_nanos, .. } = captured.frame;
        tracker.report_possible_faces(self.video.hides_faces());
        tracker.track(frame, frame_index, capture_nanos)?;
        let timings = ResultTimings {
            received_nanos: captured.received_nanos,
            started_nanos,
            finished_nanos: mien_clock::monotonic_nanos(),
            dropped_frames: self.handover.dropped(),
            stage_nanos: tracker.stage_nanos(),
        };
        self.faces.publish(tracker.result(), &timings);
        // A tracker with other settings goes on behind this one's numbers.
        let used = tracker.result().faces().iter().map(|face| face.track_id.saturating_add(1)).max();
        self.settings.first_track_id = self.settings.first_track_id.max(used.unwrap_or(0));
        // The few that were under way as files when a recording began are not in its video.
        if !captured.frame.is_jpeg {
            self.video.push(&captured.frame, tracker.result(), tracker.possible_faces());
        }
        self.reporter.result();
        Ok(())
    }

    fn show(
        &mut self,
        tracker: &mut dyn Tracker,
        header: &mut PreviewHeader,
        frame: Picture<'_>,
    ) -> Result<(), TrackerError> {
        header.set_faces(tracker.result());
        let ([width, height], rgb) = tracker.preview(frame, self.preview.size())?;
        (header.width, header.height) = (width, height);
        self.preview.publish(header, rgb);
        Ok(())
    }
}

/// Lets through at most so many frames a second.
struct Pace {
    interval_nanos: i64,
    next_nanos: Option<i64>,
}

impl Pace {
    fn new(rate_hz: f64) -> Self {
        Self { interval_nanos: (1e9 / rate_hz) as i64, next_nanos: None }
    }

    fn lets_through(&mut self, now_nanos: i64) -> bool {
        let next = self.next_nanos.unwrap_or(now_nanos);
        // Half an interval early is on time: a rate equal to the camera's must not halve it.
        if now_nanos < next - self.interval_nanos / 2 {
            return false;
        }
        self.next_nanos = Some(next.max(now_nanos - self.interval_nanos) + self.interval_nanos);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(rate_hz: f64, camera_hz: f64, jitter_nanos: i64) -> usize {
        let mut pace = Pace::new(rate_hz);
        let time = |frame: i64| (frame as f64 * 1e9 / camera_hz) as i64 + (frame * 7 % 3 - 1) * jitter_nanos;
        (0..300).filter(|frame| pace.lets_through(1_000_000_000_000 + time(*frame))).count()
    }

    #[test]
    fn previews_keep_their_rate_whatever_the_cameras() {
        assert_eq!(passed(30.0, 30.0, 4_000_000), 300);
        assert_eq!(passed(30.0, 15.0, 4_000_000), 300);
        assert!((98..=102).contains(&passed(10.0, 30.0, 4_000_000)));
        assert!((148..=152).contains(&passed(30.0, 60.0, 2_000_000)));
    }

    #[test]
    fn a_configuration_of_defaults_gives_the_pipelines_defaults() {
        let settings = pipeline_settings(&Detection::default(), &Smoothing::default());
        assert_eq!(settings, PipelineSettings::default());
    }
}
