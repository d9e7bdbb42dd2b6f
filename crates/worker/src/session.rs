//! What runs between `start` and `stop`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mien_capture::{Source, SourceError};
use mien_config::{Camera, Detection, Smoothing};
use mien_control::{Report, WorkerSettings};
use mien_ring::{Heartbeat, RingError, create_faces, create_preview};

use crate::capture::Capture;
use crate::handover::Handover;
use crate::report::Reporter;
use crate::track::{Made, Track, TrackEnd};

/// Opens a camera's source.
pub(crate) type OpenSource = dyn Fn(&Camera) -> Result<Box<dyn Source>, SourceError> + Send + Sync;
/// Makes a tracker for frames of a size (width, height).
pub(crate) type MakeTracker =
    Box<dyn FnMut(&WorkerSettings, [u32; 2]) -> Result<Made, String> + Send>;

/// What a worker captures and tracks with.
pub struct Parts {
    pub(crate) open: Arc<OpenSource>,
    pub(crate) make: Arc<Mutex<MakeTracker>>,
}

impl Parts {
    /// `open` opens a camera's source; `make` makes a tracker for frames of a size (width, height), or
    /// says why there can be none.
    pub fn new(
        open: impl Fn(&Camera) -> Result<Box<dyn Source>, SourceError> + Send + Sync + 'static,
        make: impl FnMut(&WorkerSettings, [u32; 2]) -> Result<Made, String> + Send + 'static,
    ) -> Self {
        Self { open: Arc::new(open), make: Arc::new(Mutex::new(Box::new(make))) }
    }
}

/// How often the process signs that it lives.
const BEAT: Duration = Duration::from_millis(200);
/// How long threads may take to end.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The threads and rings of a started camera.
pub(crate) struct Session {
    stop: Arc<AtomicBool>,
    changed: Arc<Mutex<Option<(Detection, Smoothing)>>>,
    capture: JoinHandle<()>,
    track: JoinHandle<TrackEnd>,
    heartbeat: JoinHandle<()>,
}

impl Session {
    pub fn start(settings: WorkerSettings, parts: &Parts, reporter: &Arc<Reporter>) -> Result<Self, RingError> {
        let WorkerSettings { session, camera, ring_dir, rings, preview, epoch, .. } = &settings;
        let faces = create_faces(ring_dir, session, &camera.name, rings.slots, *epoch)?;
        let size = [preview.width, preview.height];
        let preview = create_preview(ring_dir, session, &camera.name, size, rings.preview_slots, *epoch)?;
        reporter.send(&Report::Rings {
            epoch: *epoch,
            faces: faces.path().to_path_buf(),
            preview: preview.path().to_path_buf(),
        });

        let stop = Arc::new(AtomicBool::new(false));
        let handover = Arc::new(Handover::default());
        let changed = Arc::new(Mutex::new(None));
        let heartbeat = spawn("heartbeat", {
            let (stop, heartbeat) = (Arc::clone(&stop), faces.heartbeat());
            move || beat(&heartbeat, &stop)
        });
        let capture = Capture {
            camera: camera.clone(),
            open: Arc::clone(&parts.open),
            handover: Arc::clone(&handover),
            reporter: Arc::clone(reporter),
            stop: Arc::clone(&stop),
        };
        let track = Track {
            settings,
            changed: Arc::clone(&changed),
            make: Arc::clone(&parts.make),
            handover,
            reporter: Arc::clone(reporter),
            stop: Arc::clone(&stop),
            faces,
            preview,
        };
        Ok(Self {
            stop,
            changed,
            heartbeat,
            capture: spawn("capture", move || capture.run()),
            track: spawn("track", move || track.run()),
        })
    }

    pub fn change(&self, detection: Detection, smoothing: Smoothing) {
        *self.changed.lock().unwrap_or_else(PoisonError::into_inner) = Some((detection, smoothing));
    }

    /// Whether tracking has ended by itself (it failed, and has said so, or it broke).
    pub fn has_ended(&self) -> bool {
        self.track.is_finished()
    }

    /// Ends the threads and removes the rings. A source that hangs is left behind.
    pub fn stop(self) -> TrackEnd {
        self.stop.store(true, Ordering::Relaxed);
        self.capture.thread().unpark();
        let deadline = Instant::now() + PATIENCE;
        let track = match join_until(self.track, deadline) {
            Some(Ok(end)) => end,
            Some(Err(_)) => TrackEnd::Broken("the thread panicked; its message is in the log".into()),
            None => TrackEnd::Stopped,
        };
        join_until(self.capture, deadline);
        join_until(self.heartbeat, deadline);
        track
    }
}

fn beat(heartbeat: &Heartbeat, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        heartbeat.beat();
        std::thread::sleep(BEAT);
    }
}

fn spawn<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    std::thread::Builder::new().name(name.into()).spawn(work).expect("the system starts threads")
}

/// Joins a thread that ends in time.
fn join_until<T>(thread: JoinHandle<T>, deadline: Instant) -> Option<std::thread::Result<T>> {
    while !thread.is_finished() {
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(thread.join())
}
