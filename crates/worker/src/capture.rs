//! The thread that owns the source.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mien_capture::{Source, SourceError, Step};
use mien_config::Camera;
use mien_control::{CameraState, Report};
use mien_face::Frame;

use crate::handover::Handover;
use crate::report::Reporter;
use crate::session::OpenSource;

/// First pause before a source is opened again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause: how long a camera that was plugged in again may go unnoticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A source that gave frames for this long counts as sound: the pauses begin anew.
const SOUND: Duration = Duration::from_secs(5);
/// So many damaged frames in a row, and the source is opened anew.
const MOST_DAMAGED: u32 = 30;
/// Pause after a damaged frame, so that a source that only fails takes no processor.
const DAMAGED_PAUSE: Duration = Duration::from_millis(10);

pub(crate) struct Capture {
    pub camera: Camera,
    pub open: Arc<OpenSource>,
    pub handover: Arc<Handover>,
    pub reporter: Arc<Reporter>,
    pub stop: Arc<AtomicBool>,
    /// Whether frames that come as JPEG files are wanted so.
    pub keep_jpeg: Arc<AtomicBool>,
}

impl Capture {
    /// Keeps the source open until told to stop.
    pub fn run(&self) {
        let mut pause = FIRST_PAUSE;
        self.reporter.state(CameraState::Starting, "opening the source");
        while !self.stopped() {
            let (began, reason) = (Instant::now(), self.open_and_read());
            let Some(reason) = reason else { return };
            if began.elapsed() >= SOUND {
                pause = FIRST_PAUSE;
            }
            self.reporter.state(CameraState::Reconnecting, reason);
            self.rest(pause);
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Reads one opened source to its end, and says why it ended; nothing when there is no use in
    /// another try.
    fn open_and_read(&self) -> Option<String> {
        let mut source = match (self.open)(&self.camera) {
            Ok(source) => source,
            Err(error @ SourceError::Spec { .. }) => {
                self.reporter.state(CameraState::Failed, error.to_string());
                return None;
            }
            Err(error) => return Some(error.to_string()),
        };
        let info = source.info();
        let size = [info.size.0, info.size.1];
        self.reporter.send(&Report::Source { size, rate_hz: info.rate_hz });
        self.read(&mut *source)
    }

    fn read(&self, source: &mut dyn Source) -> Option<String> {
        let mut frame = Frame::empty();
        let (mut damaged, mut next_index) = (0, None);
        while !self.stopped() {
            source.keep_jpeg(self.keep_jpeg.load(Ordering::Relaxed));
            match source.next_frame(&mut frame) {
                Ok(Step::Frame) => {
                    // A camera that numbers its frames shows what it or its driver lost, too.
                    let gap = next_index.map_or(0, |next| frame.frame_index.saturating_sub(next));
                    next_index = Some(frame.frame_index + 1);
                    self.handover.lost(gap.max(damaged.into()));
                    damaged = 0;
                    self.reporter.connected();
                    frame = self.handover.put(frame, mien_clock::monotonic_nanos());
                }
                Ok(Step::End) => return Some("the source has ended".into()),
                Err(error) if error.is_recoverable() && damaged < MOST_DAMAGED => {
                    damaged += 1;
                    tracing::warn!("a frame was skipped: {error}");
                    std::thread::sleep(DAMAGED_PAUSE);
                }
                Err(error) => return Some(error.to_string()),
            }
        }
        None
    }

    fn rest(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.stopped() && Instant::now() < until {
            std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use mien_capture::{SourceInfo, SourceKind};

    use super::*;

    /// Gives frames of these numbers; `None` is a damaged one. Then it ends.
    struct Numbered(VecDeque<Option<u64>>, SourceInfo);

    impl Source for Numbered {
        fn info(&self) -> &SourceInfo {
            &self.1
        }

        fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
            let Some(next) = self.0.pop_front() else { return Ok(Step::End) };
            frame.frame_index = next.ok_or_else(|| SourceError::DamagedFrame {
                camera: "usb:x".into(),
                reason: "cut off".into(),
            })?;
            Ok(Step::Frame)
        }
    }

    /// How many frames count as dropped; the pipeline takes none, so of the frames that come all but the
    /// last are replaced.
    fn dropped(frames: &[Option<u64>]) -> u64 {
        let info = SourceInfo {
            name: "test".into(),
            spec: "test".into(),
            kind: SourceKind::Usb,
            size: (2, 2),
            pixel_aspect: None,
            rate_hz: None,
            frame_count: None,
            files: Vec::new(),
            live: true,
        };
        let capture = Capture {
            camera: Camera::new("a", "test"),
            open: Arc::new(|_: &Camera| unreachable!("it is open")),
            handover: Arc::new(Handover::default()),
            reporter: Arc::new(Reporter::new(Box::new(std::io::sink()))),
            keep_jpeg: Arc::default(),
            stop: Arc::default(),
        };
        let reason = capture.read(&mut Numbered(frames.iter().copied().collect(), info));
        assert_eq!(reason.as_deref(), Some("the source has ended"));
        let came = frames.iter().flatten().count() as u64;
        capture.handover.dropped() - came.saturating_sub(1)
    }

    #[test]
    fn frames_that_are_lost_or_damaged_on_their_way_are_counted() {
        assert_eq!(dropped(&[Some(5), Some(6), Some(7)]), 0);
        assert_eq!(dropped(&[Some(0), Some(4), Some(5)]), 3, "the driver lost three");
        assert_eq!(dropped(&[None, Some(0), None, None, Some(1)]), 3, "a source that numbers what is whole");
        assert_eq!(dropped(&[Some(0), None, Some(2), None, Some(5)]), 3, "a camera that numbers all");
    }
}
