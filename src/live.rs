//! What becomes of live results: LSL streams and recordings, without a window or beside one.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mien_config::{Config, LslStream, Recording};
use mien_models::ModelSet;
use mien_record::{DiskLimits, Outputs, RecordStatus, SessionNames, SessionPlan, SessionSummary};
use mien_ring::FacesEntry;
use mien_stream::{
    CameraDescription, ModelNote, PublisherStatus, StreamDescription, StreamKind, StreamSettings,
    Synchronization,
};
use mien_supervisor::{CameraState, FacesFollower, SupervisorHandle, VideoStatus};

/// Frames per second of a camera whose configuration names none.
const USUAL_RATE_HZ: f64 = 30.0;
/// How long the workers may take to close their videos.
const VIDEO_PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for a result before looking whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Streams, and at times records, what the cameras' workers find.
///
/// Each camera has a thread that follows its results through every restart of its worker.
pub struct Live {
    config: Config,
    cameras: Vec<String>,
    outputs: Arc<Mutex<Outputs>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Live {
    /// Waits until every camera gives results or has failed, or the time is over: only then do the
    /// streams' descriptions know engines and picture sizes.
    pub fn wait_for_cameras(supervisor: &SupervisorHandle, patience: Duration) {
        let deadline = Instant::now() + patience;
        let settled = |state| matches!(state, CameraState::Live | CameraState::Failed);
        while !supervisor.cameras().iter().all(|camera| settled(camera.state))
            && Instant::now() < deadline
            && !crate::interrupt::is_requested()
        {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Follows the supervised cameras; publishes to LSL where `publish` says so and liblsl is there
    /// (see [`stream_problem`](Self::stream_problem)).
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn start(supervisor: &SupervisorHandle, config: &Config, publish: bool) -> Result<Self> {
        let statuses = supervisor.cameras();
        let models = model_notes(config);
        let descriptions = statuses.iter().map(|status| CameraDescription {
            name: status.name.clone(),
            source: status.source.clone(),
            frame_size: status.size.map(|[width, height]| (width, height)),
            triggered_rate_hz: None,
            engine: match status.engine.as_str() {
                "" => format!("not known yet (asked for {})", config.engine.kind.name()),
                engine => engine.to_owned(),
            },
            models: models.clone(),
            filter: filter_text(config),
            synchronization: Synchronization::default(),
            participants: Vec::new(),
        });
        let outputs = Outputs::new(descriptions.collect(), stream_settings(config), publish);
        let mut live = Self {
            config: config.clone(),
            cameras: statuses.into_iter().map(|status| status.name).collect(),
            outputs: Arc::new(Mutex::new(outputs)),
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
        };
        for (index, camera) in live.cameras.iter().enumerate() {
            let follower = supervisor.faces(camera)?;
            let (outputs, stop) = (Arc::clone(&live.outputs), Arc::clone(&live.stop));
            let thread = std::thread::Builder::new()
                .name(format!("outputs {camera}"))
                .spawn(move || follow(follower, index, &outputs, &stop))
                .context("the results of a camera get no thread")?;
            live.threads.push(thread);
        }
        Ok(live)
    }

    /// Why nothing is streamed, where it should be.
    #[must_use]
    pub fn stream_problem(&self) -> Option<String> {
        self.outputs().stream_problem().map(ToString::to_string)
    }

    /// What streaming has done so far; `None` where nothing is streamed.
    #[must_use]
    pub fn stream_status(&self) -> Option<PublisherStatus> {
        self.outputs().stream_status()
    }

    /// Every outlet's stream and whether somebody listens to it, the markers' last; nothing where nothing
    /// is streamed.
    #[must_use]
    pub fn outlets(&self) -> Vec<(StreamDescription, bool)> {
        let outputs = self.outputs();
        let Some(status) = outputs.stream_status() else { return Vec::new() };
        let streams = outputs.encoders().iter().flat_map(|encoder| encoder.streams().iter().cloned());
        let listened = status.listened.into_iter().chain(std::iter::repeat(false));
        streams.chain([outputs.markers()]).zip(listened).collect()
    }

    /// Sets a marker, now.
    pub fn marker(&self, text: &str) {
        self.outputs().marker(text);
    }

    /// Begins a recording as `recording` says, and tells the workers to record their videos. Gives the
    /// session's folder.
    ///
    /// # Errors
    /// When the folder cannot be made or the disk is full.
    pub fn start_recording(&self, supervisor: &SupervisorHandle, recording: &Recording) -> Result<PathBuf> {
        let mut outputs = self.outputs();
        let rates: Vec<f64> = self
            .cameras
            .iter()
            .map(|name| self.config.cameras.iter().find(|camera| camera.name == *name))
            .map(|camera| camera.and_then(|camera| camera.rate_hz).unwrap_or(USUAL_RATE_HZ))
            .collect();
        let plan = SessionPlan {
            parent: recording.dir.clone(),
            names: SessionNames {
                subject: recording.subject.clone(),
                session: recording.session.clone(),
                task: recording.task.clone(),
            },
            video: recording.video,
            hardware: recording.hardware,
            privacy: recording.privacy,
            limits: DiskLimits {
                warn_bytes: (recording.min_free_gb * 1e9) as u64,
                stop_bytes: (recording.min_free_gb * 1e8) as u64,
            },
            configuration: mien_config::print(&Config {
                recording: recording.clone(),
                ..self.config.clone()
            }),
            markers: outputs.markers(),
            cameras: outputs.camera_plans(&rates, self.config.detection.vertical_fov_deg),
        };
        let recorder = outputs.start_recording(plan)?;
        for video in recorder.videos() {
            supervisor.record(&video.camera, Some(video.clone()))?;
        }
        Ok(recorder.folder().to_owned())
    }

    /// How the recording stands, if there is one.
    #[must_use]
    pub fn record_status(&self) -> Option<RecordStatus> {
        self.outputs().record_status()
    }

    /// How each camera's video stands, where it has one.
    #[must_use]
    pub fn videos(&self, supervisor: &SupervisorHandle) -> Vec<(String, VideoStatus)> {
        let video = |name: &String| Some((name.clone(), supervisor.video(name).ok()??));
        self.cameras.iter().filter_map(video).collect()
    }

    /// Ends the recording, waits until the videos are closed (at most five seconds), and says what was
    /// recorded; `None` when nothing was.
    ///
    /// # Errors
    /// When `session.toml` cannot be written.
    pub fn stop_recording(&self, supervisor: &SupervisorHandle) -> Result<Option<SessionSummary>> {
        if self.outputs().recording().is_none() {
            return Ok(None);
        }
        for camera in &self.cameras {
            // A camera that was removed meanwhile has closed its video.
            let _ = supervisor.record(camera, None);
        }
        let summary = self.outputs().stop_recording()?;
        let deadline = Instant::now() + VIDEO_PATIENCE;
        let open = |(_, video): &(String, VideoStatus)| !video.finished && !video.failed;
        while self.videos(supervisor).iter().any(open) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(summary)
    }

    fn outputs(&self) -> MutexGuard<'_, Outputs> {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that streams results had panicked");
            }
        }
    }
}

/// Passes a camera's results on until told to stop.
fn follow(mut follower: FacesFollower, camera: usize, outputs: &Mutex<Outputs>, stop: &AtomicBool) {
    let mut entry = FacesEntry::boxed();
    while !stop.load(Ordering::Relaxed) {
        while follower.next(&mut entry).is_some() {
            outputs.lock().unwrap_or_else(PoisonError::into_inner).push(camera, &entry.frame);
        }
        follower.wait(LOOK);
    }
}

fn stream_settings(config: &Config) -> StreamSettings {
    let kind = |stream: &LslStream| match stream {
        LslStream::Landmarks => StreamKind::Landmarks,
        LslStream::Blendshapes => StreamKind::Blendshapes,
        LslStream::Pose => StreamKind::Pose,
        LslStream::Quality => StreamKind::Quality,
    };
    StreamSettings {
        kinds: config.lsl.streams.iter().map(kind).collect(),
        slots: config.lsl.faces,
        fill: config.lsl.fill,
        ..StreamSettings::default()
    }
}

fn filter_text(config: &Config) -> Option<String> {
    let smoothing = &config.smoothing;
    smoothing.enabled.then(|| {
        format!(
            "One-Euro: min_cutoff {} Hz, beta {}, speed cutoff {} Hz",
            smoothing.min_cutoff_hz, smoothing.beta, smoothing.speed_cutoff_hz
        )
    })
}

/// The models that the workers load; they check the hashes.
fn model_notes(config: &Config) -> Vec<ModelNote> {
    let named: Option<&Path> = config.models.dir.as_deref();
    let Ok(set) = ModelSet::find(named) else { return Vec::new() };
    set.models()
        .iter()
        .map(|model| ModelNote {
            role: model.role().to_string(),
            name: model.entry.file.clone(),
            sha256: model.entry.sha256.clone(),
        })
        .collect()
}
