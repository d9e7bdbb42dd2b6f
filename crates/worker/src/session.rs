//! What runs between `start` and `stop`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mien_capture::{Source, SourceError};
use mien_config::{Camera, Detection, Smoothing};
use mien_control::{FatalCause, Report, WorkerSettings};
use mien_ring::{Heartbeat, RingError, create_faces, create_preview, remove_segment, remove_stale};

use crate::capture::Capture;
use crate::handover::Handover;
use crate::jpeg::JpegFrames;
use crate::report::Reporter;
use crate::track::{Made, Track, TrackEnd, TrackerError};
use crate::video::Video;

/// Opens a camera's source.
pub(crate) type OpenSource = dyn Fn(&Camera) -> Result<Box<dyn Source>, SourceError> + Send + Sync;
/// Tells what takes long while a tracker is made; called from any thread.
pub type Tell<'a> = dyn FnMut(&str) + Send + 'a;
/// Makes a tracker for frames of a size (width, height).
pub(crate) type MakeTracker =
    Box<dyn FnMut(&WorkerSettings, [u32; 2], &mut Tell<'_>) -> Result<Made, TrackerError> + Send>;

/// What a worker captures and tracks with.
pub struct Parts {
    pub(crate) open: Arc<OpenSource>,
    pub(crate) make: Arc<Mutex<MakeTracker>>,
}

impl Parts {
    /// `open` opens a camera's source; `make` makes a tracker for frames of a size (width, height), telling
    /// what takes long, or says why there can be none.
    pub fn new(
        open: impl Fn(&Camera) -> Result<Box<dyn Source>, SourceError> + Send + Sync + 'static,
        make: impl FnMut(&WorkerSettings, [u32; 2], &mut Tell<'_>) -> Result<Made, TrackerError> + Send + 'static,
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
    video: Arc<Video>,
    /// Nothing once the thread has ended by itself, and has said why.
    capture: Option<JoinHandle<()>>,
    track: Option<JoinHandle<TrackEnd>>,
    /// Beats on, also when there is nothing left to do: a camera that has failed has a living worker.
    heartbeat: JoinHandle<()>,
    rings: [PathBuf; 2],
}

impl Session {
    pub fn start(
        settings: WorkerSettings,
        parts: &Parts,
        reporter: &Arc<Reporter>,
    ) -> Result<Self, RingError> {
        let WorkerSettings { session, camera, ring_dir, rings, preview, epoch, .. } = &settings;
        // What a worker that was killed has left takes room.
        let _unlisted = remove_stale(ring_dir);
        let faces = create_faces(ring_dir, session, &camera.name, rings.slots, *epoch)?;
        let size = [preview.width, preview.height];
        let preview = create_preview(ring_dir, session, &camera.name, size, rings.preview_slots, *epoch)?;
        let rings = [faces.path().to_path_buf(), preview.path().to_path_buf()];
        let [faces_path, preview_path] = rings.clone();
        reporter.send(&Report::Rings { epoch: *epoch, faces: faces_path, preview: preview_path });

        let stop = Arc::new(AtomicBool::new(false));
        let keep_jpeg = Arc::new(AtomicBool::new(false));
        let handover = Arc::new(Handover::default());
        let changed = Arc::new(Mutex::new(None));
        let video = Arc::new(Video::default());
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
            keep_jpeg: Arc::clone(&keep_jpeg),
        };
        let track = Track {
            settings,
            changed: Arc::clone(&changed),
            video: Arc::clone(&video),
            make: Arc::clone(&parts.make),
            handover,
            reporter: Arc::clone(reporter),
            stop: Arc::clone(&stop),
            jpeg: JpegFrames::new(keep_jpeg),
            faces,
            preview,
        };
        Ok(Self {
            stop,
            changed,
            video,
            heartbeat,
            rings,
            capture: Some(spawn("capture", move || capture.run())),
            track: Some(spawn("track", move || track.run())),
        })
    }

    pub fn change(&self, detection: Detection, smoothing: Smoothing) {
        *self.changed.lock().unwrap_or_else(PoisonError::into_inner) = Some((detection, smoothing));
    }

    /// The video of this camera.
    pub fn video(&self) -> &Video {
        &self.video
    }

    /// Why the process cannot go on, once it cannot.
    pub fn broken(&mut self) -> Option<TrackerError> {
        let panicked = |thread| {
            let reason = format!("the {thread} thread panicked; its message is in the log");
            Some(TrackerError { cause: Some(FatalCause::Other), reason })
        };
        if let Some(track) = self.track.take_if(|thread| thread.is_finished()) {
            match track.join() {
                Ok(TrackEnd::Broken(error)) => return Some(error),
                Ok(TrackEnd::Failed | TrackEnd::Stopped) => {}
                Err(_) => return panicked("track"),
            }
        }
        let capture = self.capture.take_if(|thread| thread.is_finished())?;
        if capture.join().is_err() { panicked("capture") } else { None }
    }

    /// The rings' files.
    pub fn rings(&self) -> &[PathBuf] {
        &self.rings
    }

    /// Ends the threads and removes the rings. A source that hangs is left behind, and so is a network that is still
    /// being loaded.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(capture) = &self.capture {
            capture.thread().unpark();
        }
        let deadline = Instant::now() + PATIENCE;
        let done = || {
            self.track.as_ref().is_none_or(JoinHandle::is_finished)
                && self.capture.as_ref().is_none_or(JoinHandle::is_finished)
                && self.heartbeat.is_finished()
        };
        while !done() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        remove(&self.rings);
    }
}

/// Removes rings, and what other processes that have died left beside them.
pub(crate) fn remove(rings: &[PathBuf]) {
    for ring in rings {
        // It is gone already where the thread that writes it has ended.
        let _gone = remove_segment(ring);
    }
    if let Some(folder) = rings.first().and_then(|ring| ring.parent()) {
        let _unlisted = remove_stale(folder);
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
