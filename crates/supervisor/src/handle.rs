//! How the rest of the program sees the cameras.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use mien_config::{Camera, Detection, Preview, Smoothing};
use mien_control::{CameraStatus, VideoPlan, VideoStatus};
use mien_metrics::gpu::GpuReport;
use mien_metrics::{ProcessStats, ProcessUsage, RunStats, TraceWriter};
use mien_ring::remove_stale;

use crate::follow::{FacesFollower, PreviewFollower};
use crate::gpus::Gpus;
use crate::keeper::{Change, Keeper, Order};
use crate::options::{RestartLog, SupervisorOptions};
use crate::status::{CameraEvent, Shared, lock};

/// Events that may wait to be read.
const EVENT_CAPACITY: usize = 1024;

/// Why cameras cannot be supervised.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The session or a camera is called something impossible.
    #[error("`{name}` is no name for a {what}: 1 to 64 of A–Z a–z 0–9 _ -")]
    Name {
        /// What it was to be called.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// There is such a camera already.
    #[error("there is a camera `{name}` already; names are unique")]
    Taken {
        /// Its name.
        name: String,
    },
    /// There is no such camera.
    #[error("there is no camera `{name}`")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// The trace cannot be written.
    #[error("{path}: the trace cannot be written: {source}")]
    Trace {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The system starts no thread.
    #[error("camera `{name}` gets no thread: {source}")]
    Thread {
        /// The camera.
        name: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

struct Kept {
    name: String,
    shared: Arc<Shared>,
    orders: Sender<Order>,
    thread: JoinHandle<()>,
}

/// The supervised cameras. Dropping it ends them all, in order.
pub struct SupervisorHandle {
    options: Arc<SupervisorOptions>,
    cameras: Mutex<Vec<Kept>>,
    /// What cameras that come are started with.
    settings: Mutex<(Detection, Smoothing, Preview)>,
    /// Keepers of removed cameras, which may still be ending their workers.
    leaving: Mutex<Vec<JoinHandle<()>>>,
    /// Cameras added so far.
    added: AtomicUsize,
    gpus: Arc<Gpus>,
    events: (Sender<CameraEvent>, Receiver<CameraEvent>),
    trace: Arc<Mutex<Option<TraceWriter>>>,
    started_nanos: i64,
    started_usage: Option<ProcessUsage>,
}

/// Removes what dead sessions left in shared memory, and starts the enabled cameras.
///
/// # Errors
/// When a name is impossible, or the trace cannot be written. Cameras that do not work are no error but a
/// state.
pub fn start(options: SupervisorOptions) -> Result<SupervisorHandle, SupervisorError> {
    check_name(&options.session, "session")?;
    match remove_stale(&options.ring_dir) {
        Ok(removed) if !removed.is_empty() => {
            tracing::info!("removed {} leftovers of dead sessions from shared memory", removed.len());
        }
        Ok(_) => {}
        Err(error) => tracing::warn!("{error}"),
    }
    let trace = match &options.trace {
        None => None,
        Some(path) => Some(
            TraceWriter::create(path)
                .map_err(|source| SupervisorError::Trace { path: path.clone(), source })?,
        ),
    };
    let cameras = options.config.cameras.clone();
    let config = &options.config;
    let settings = (config.detection.clone(), config.smoothing.clone(), config.preview.clone());
    let visible_devices = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    let handle = SupervisorHandle {
        gpus: Gpus::watch(Arc::clone(&options.gpus), visible_devices),
        added: AtomicUsize::new(0),
        options: Arc::new(options),
        cameras: Mutex::new(Vec::new()),
        settings: Mutex::new(settings),
        leaving: Mutex::new(Vec::new()),
        events: bounded(EVENT_CAPACITY),
        trace: Arc::new(Mutex::new(trace)),
        started_nanos: mien_clock::monotonic_nanos(),
        started_usage: ProcessUsage::read(std::process::id()),
    };
    for camera in cameras.into_iter().filter(|camera| camera.enabled) {
        handle.add(camera)?;
    }
    Ok(handle)
}

fn check_name(name: &str, what: &'static str) -> Result<(), SupervisorError> {
    if mien_ring::is_name(name) { Ok(()) } else { Err(SupervisorError::Name { name: name.into(), what }) }
}

impl SupervisorHandle {
    /// Starts another camera.
    ///
    /// # Errors
    /// When its name is impossible or taken.
    pub fn add(&self, camera: Camera) -> Result<(), SupervisorError> {
        check_name(&camera.name, "camera")?;
        let mut cameras = lock(&self.cameras);
        if cameras.iter().any(|kept| kept.name == camera.name) {
            return Err(SupervisorError::Taken { name: camera.name });
        }
        let shared = Arc::new(Shared::new(&camera.name, &camera.source.to_string()));
        let (orders, receiver) = bounded(16);
        let name = camera.name.clone();
        let (detection, smoothing, preview) = lock(&self.settings).clone();
        let keeper = Keeper {
            camera,
            index: self.added.fetch_add(1, Ordering::Relaxed),
            options: Arc::clone(&self.options),
            shared: Arc::clone(&shared),
            gpus: Arc::clone(&self.gpus),
            orders: receiver,
            events: self.events.0.clone(),
            trace: Arc::clone(&self.trace),
            epoch: 0,
            next_track_id: 1,
            batch_limit: usize::MAX,
            restarts: RestartLog::default(),
            detection,
            smoothing,
            preview,
            recording: None,
        };
        let thread = std::thread::Builder::new()
            .name(format!("keeper {name}"))
            .spawn(move || keeper.run())
            .map_err(|source| SupervisorError::Thread { name: name.clone(), source })?;
        cameras.push(Kept { name, shared, orders, thread });
        Ok(())
    }

    /// Ends a camera's worker and forgets the camera. Returns at once; the worker is given its time.
    ///
    /// # Errors
    /// When there is no such camera.
    pub fn remove(&self, camera: &str) -> Result<(), SupervisorError> {
        let mut cameras = lock(&self.cameras);
        let unknown = || SupervisorError::Unknown { name: camera.into() };
        let index = cameras.iter().position(|kept| kept.name == camera).ok_or_else(unknown)?;
        let kept = cameras.remove(index);
        let _gone = kept.orders.send(Order::Quit);
        lock(&self.leaving).push(kept.thread);
        Ok(())
    }

    /// Starts a camera that was stopped or has failed.
    ///
    /// # Errors
    /// When there is no such camera.
    pub fn start_camera(&self, camera: &str) -> Result<(), SupervisorError> {
        self.order(camera, Order::Start)
    }

    /// Ends a camera's worker and keeps the camera.
    ///
    /// # Errors
    /// When there is no such camera.
    pub fn stop_camera(&self, camera: &str) -> Result<(), SupervisorError> {
        self.order(camera, Order::Stop)
    }

    /// Gives a camera a fresh worker.
    ///
    /// # Errors
    /// When there is no such camera.
    pub fn restart_camera(&self, camera: &str) -> Result<(), SupervisorError> {
        self.order(camera, Order::Restart)
    }

    /// Has a camera's worker, and every worker after it, record the video by this plan; with `None`, no
    /// longer.
    ///
    /// # Errors
    /// When there is no such camera.
    pub fn record(&self, camera: &str, plan: Option<VideoPlan>) -> Result<(), SupervisorError> {
        self.order(camera, Order::Record(plan.map(Box::new)))
    }

    /// How the recording of a camera's video stands; `None` before there was one.
    ///
    /// # Errors
    /// When there is no such camera.
    pub fn video(&self, camera: &str) -> Result<Option<VideoStatus>, SupervisorError> {
        self.with(camera, |kept| kept.shared.video().clone())
    }

    /// Gives a camera other settings; its name stays. Its worker begins anew, the others do not notice.
    ///
    /// # Errors
    /// When there is no camera of that name.
    pub fn change_camera(&self, camera: Camera) -> Result<(), SupervisorError> {
        let name = camera.name.clone();
        self.order(&name, Order::Change(Box::new(Change { camera: Some(camera), preview: None })))
    }

    /// Changes the pictures for people; all workers begin anew.
    pub fn change_preview(&self, preview: &Preview) {
        lock(&self.settings).2 = preview.clone();
        for kept in lock(&self.cameras).iter() {
            let change = Change { camera: None, preview: Some(preview.clone()) };
            let _busy = kept.orders.try_send(Order::Change(Box::new(change)));
        }
    }

    /// Begins to write a trace of every frame to a file, over an older one; one that is being written ends.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn start_trace(&self, path: &Path) -> Result<(), SupervisorError> {
        let failed = |source| SupervisorError::Trace { path: path.to_path_buf(), source };
        let writer = TraceWriter::create(path).map_err(failed)?;
        if let Some(old) = lock(&self.trace).replace(writer) {
            old.finish().map_err(failed)?;
        }
        Ok(())
    }

    /// Ends the trace that is being written; gives how many events it had no room for, or nothing when
    /// there was none (a full disk ends it, too).
    ///
    /// # Errors
    /// When the rest of it cannot be written.
    pub fn end_trace(&self) -> std::io::Result<Option<u64>> {
        lock(&self.trace).take().map(TraceWriter::finish).transpose()
    }

    /// Changes how all cameras track, on their running sources.
    pub fn change_settings(&self, detection: &Detection, smoothing: &Smoothing) {
        {
            let mut settings = lock(&self.settings);
            (settings.0, settings.1) = (detection.clone(), smoothing.clone());
        }
        for kept in lock(&self.cameras).iter() {
            let (detection, smoothing) = (detection.clone(), smoothing.clone());
            let _busy = kept.orders.try_send(Order::Settings { detection, smoothing });
        }
    }

    /// All cameras, now, in their order.
    #[must_use]
    pub fn cameras(&self) -> Vec<CameraStatus> {
        lock(&self.cameras).iter().map(|kept| kept.shared.status().clone()).collect()
    }

    /// The machine's GPUs, at the last look, which is about a second old.
    #[must_use]
    pub fn gpus(&self) -> GpuReport {
        self.gpus.report()
    }

    /// Changes of state as they happen; each event goes to one receiver.
    #[must_use]
    pub fn events(&self) -> Receiver<CameraEvent> {
        self.events.1.clone()
    }

    /// A reader of a camera's results of its own.
    ///
    /// # Errors
    /// When there is no such camera.
    pub fn faces(&self, camera: &str) -> Result<FacesFollower, SupervisorError> {
        self.with(camera, |kept| FacesFollower::new(Arc::clone(&kept.shared)))
    }

    /// A reader of a camera's pictures of its own.
    ///
    /// # Errors
    /// When there is no such camera.
    pub fn preview(&self, camera: &str) -> Result<PreviewFollower, SupervisorError> {
        self.with(camera, |kept| PreviewFollower::new(Arc::clone(&kept.shared)))
    }

    /// For the statistics: pictures of a camera that whoever shows them did not get.
    pub fn note_missed_previews(&self, camera: &str, missed: u64) {
        let _unknown = self.with(camera, |kept| kept.shared.measure().missed_previews(missed));
    }

    /// The run so far. `version` is the program's.
    #[must_use]
    pub fn stats(&self, version: &str) -> RunStats {
        let seconds = (mien_clock::monotonic_nanos() - self.started_nanos) as f64 * 1e-9;
        let cameras = lock(&self.cameras);
        let camera = |kept: &Kept| {
            let status = kept.shared.status().clone();
            kept.shared.measure().stats(&status, seconds)
        };
        let pid = std::process::id();
        let (now, then) = (ProcessUsage::read(pid), self.started_usage);
        let used = now.zip(then).map_or(0.0, |(now, then)| now.cpu_seconds - then.cpu_seconds);
        RunStats {
            mien: version.into(),
            session: self.options.session.clone(),
            seconds,
            cameras: cameras.iter().map(camera).collect(),
            supervisor: ProcessStats {
                pid,
                cpu_percent: 100.0 * used / seconds.max(1e-9),
                resident_bytes: now.map_or(0, |usage| usage.resident_bytes),
            },
            gpu: self.gpus.stats(),
        }
    }

    /// Ends all workers, at the same time and in steps, and removes what is left of them. Returns when
    /// nothing is.
    pub fn shutdown(self) {
        drop(self);
    }

    fn order(&self, camera: &str, order: Order) -> Result<(), SupervisorError> {
        self.with(camera, |kept| {
            let _busy = kept.orders.try_send(order);
        })
    }

    fn with<T>(&self, camera: &str, work: impl FnOnce(&Kept) -> T) -> Result<T, SupervisorError> {
        let cameras = lock(&self.cameras);
        let kept = cameras.iter().find(|kept| kept.name == camera);
        kept.map(work).ok_or_else(|| SupervisorError::Unknown { name: camera.into() })
    }
}

impl Drop for SupervisorHandle {
    fn drop(&mut self) {
        self.gpus.stop();
        let cameras = std::mem::take(&mut *lock(&self.cameras));
        for kept in &cameras {
            let _gone = kept.orders.send(Order::Quit);
        }
        let leaving = std::mem::take(&mut *lock(&self.leaving));
        for thread in cameras.into_iter().map(|kept| kept.thread).chain(leaving) {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                tracing::error!("the {name} had panicked");
            }
        }
        if let Err(error) = remove_stale(&self.options.ring_dir) {
            tracing::warn!("{error}");
        }
        if let Some(trace) = lock(&self.trace).take() {
            match trace.finish() {
                Ok(0) => {}
                Ok(skipped) => tracing::warn!("the trace was full: {skipped} events are missing"),
                Err(error) => tracing::warn!("the trace is incomplete: {error}"),
            }
        }
    }
}
