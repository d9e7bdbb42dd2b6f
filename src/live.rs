//! Publishes and records live results, with or without a window.

mod describe;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mien_config::{Config, PrivacyKind, Recording, VideoKind};
use mien_outlets::PublisherStatus;
use mien_record::{
    DiskLimits, Outputs, Readiness, ReadinessRequest, RecordStatus, SessionNames, SessionPlan, SessionSummary,
};
use mien_ring::FacesEntry;
use mien_stream::{StreamDescription, StreamId, StreamKind, TimingMonitor};
use mien_supervisor::{CameraState, FacesFollower, SupervisorHandle, VideoStatus};

use crate::identity;
use crate::names::{Names, Succession};

/// Frames per second of a camera whose configuration names none.
const USUAL_RATE_HZ: f64 = 30.0;
/// How long the workers may take to close their videos.
const VIDEO_PATIENCE: Duration = Duration::from_secs(5);
/// How long the cameras' timing is measured at most before the streams are described.
const TIMING_PATIENCE: Duration = Duration::from_millis(2500);
/// Longest wait for a result before looking whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// A stream that is published.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlet {
    /// What it carries, and of whom.
    pub id: StreamId,
    /// What it says of itself.
    pub description: StreamDescription,
    /// Whether somebody receives it.
    pub has_consumers: bool,
}

/// Streams, and at times records, what the cameras' workers find.
///
/// Each camera has a thread that follows its results through every restart of its worker.
pub struct Live {
    cameras: Vec<String>,
    outputs: Arc<Mutex<Outputs>>,
    names: Names,
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
    /// The description of an LSL outlet is fixed when it is made, and it says how the camera's timestamps
    /// scatter: so this first looks at a second or two of frames of the cameras that are live. A recording
    /// measures anew when it begins.
    ///
    /// Tracks that have a name in `names` are told to be that participant, now and in every recording; when a
    /// camera's worker is restarted, `names` is brought up to date.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn start(
        supervisor: &SupervisorHandle,
        config: &Config,
        publish: bool,
        names: &Names,
    ) -> Result<Self> {
        let statuses = supervisor.cameras();
        let networks = describe::Networks::of(config);
        let mut followers =
            statuses.iter().map(|status| supervisor.faces(&status.name)).collect::<Result<Vec<_>, _>>()?;
        let live: Vec<bool> = statuses.iter().map(|status| status.state == CameraState::Live).collect();
        let mut descriptions: Vec<_> =
            statuses.iter().map(|status| describe::camera(config, status, publish, &networks)).collect();
        let settings = describe::stream_settings(config, publish);
        let launch = publish.then(|| crate::commands::lsl::launch(config)).transpose()?;
        let timings = std::thread::scope(|scope| {
            if let Some(launch) = &launch {
                scope.spawn(|| identity::warn_of_others(launch, &descriptions, &settings));
            }
            measure_timing(&mut followers, &live)
        });
        for (description, timing) in descriptions.iter_mut().zip(&timings) {
            description.synchronization.scatter = timing.measure();
        }
        let outputs = Outputs::new(descriptions, settings, launch.as_ref());
        let mut live = Self {
            cameras: statuses.into_iter().map(|status| status.name).collect(),
            outputs: Arc::new(Mutex::new(outputs)),
            names: names.clone(),
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
        };
        live.tell_names(&mut live.outputs());
        for (index, (camera, follower)) in live.cameras.iter().zip(followers).enumerate() {
            let (outputs, stop) = (Arc::clone(&live.outputs), Arc::clone(&live.stop));
            let (camera, names) = (camera.clone(), names.clone());
            let thread = std::thread::Builder::new()
                .name(format!("outputs {camera}"))
                .spawn(move || follow(follower, (index, &camera), &outputs, &names, &stop))
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

    /// What a person should know of the streams; empty while all is well.
    #[must_use]
    pub fn stream_note(&self) -> String {
        let outputs = self.outputs();
        match (outputs.stream_problem(), outputs.stream_status()) {
            (Some(problem), _) => problem.to_string(),
            (None, Some(status)) => status.note(),
            (None, None) => String::new(),
        }
    }

    /// What streaming has done so far; `None` where nothing is streamed.
    #[must_use]
    pub fn stream_status(&self) -> Option<PublisherStatus> {
        self.outputs().stream_status()
    }

    /// Every outlet, the markers' last; nothing where nothing is streamed.
    #[must_use]
    pub fn outlets(&self) -> Vec<Outlet> {
        let outputs = self.outputs();
        let Some(status) = outputs.stream_status() else { return Vec::new() };
        let of = |encoder: &mien_stream::CameraEncoder| {
            encoder.ids().iter().cloned().zip(encoder.streams().iter().cloned()).collect::<Vec<_>>()
        };
        let markers = StreamId { camera: None, slot: None, kind: StreamKind::Markers };
        let streams = outputs.encoders().iter().flat_map(of).chain([(markers, outputs.markers())]);
        let listened = status.listened.into_iter().chain(std::iter::repeat(false));
        let outlet = |((id, description), has_consumers)| Outlet { id, description, has_consumers };
        streams.zip(listened).map(outlet).collect()
    }

    /// Tells that a track of a camera is the participant of this name, as an operator sees it. Where the
    /// configuration gives that name to a face slot of the camera, the track's rows go to that slot's streams
    /// from now on; in any case a marker and the session's file say so. Gives the slot's name. An empty name is
    /// taken away again, which nobody is told.
    pub fn name_participant(&self, camera: &str, track_id: u32, name: &str) -> Option<String> {
        let mut outputs = self.outputs();
        self.names.give(camera, track_id, name);
        let index = self.cameras.iter().position(|known| known == camera && !name.is_empty())?;
        outputs.name_participant(index, track_id, name)
    }

    /// Tells the outputs of everybody who has a name.
    fn tell_names(&self, outputs: &mut Outputs) {
        for ((camera, track_id), name) in self.names.all() {
            if let Some(index) = self.cameras.iter().position(|known| *known == camera) {
                outputs.name_participant(index, track_id, &name);
            }
        }
    }

    /// What is missing for a recording as `recording` says (of `seconds`, where that is known), how many frames
    /// a second this machine sustains, and how long the disk lasts: measured now, which takes two seconds, or
    /// up to four while a required stream is not there. Nothing is recorded.
    #[must_use]
    pub fn check(
        &self,
        supervisor: &SupervisorHandle,
        config: &Config,
        recording: &Recording,
        seconds: Option<f64>,
    ) -> Readiness {
        let cameras: Vec<_> = {
            let outputs = self.outputs();
            let of = |encoder: &mien_stream::CameraEncoder| {
                (encoder.camera().name.clone(), encoder.streams().to_vec())
            };
            outputs.encoders().iter().map(of).collect()
        };
        let hides_faces = recording.video != VideoKind::None && recording.privacy != PrivacyKind::Full;
        Readiness::measure(&ReadinessRequest {
            parent: recording.dir.clone(),
            video: recording.video,
            hardware: recording.hardware,
            limits: disk_limits(recording),
            seconds,
            cameras: crate::readiness::loads(supervisor, config, &cameras, hides_faces),
            required_streams: recording.required_streams.clone(),
            // Without a path of this program nothing is found, which is told.
            lsl: crate::commands::lsl::launch(config).unwrap_or_default(),
        })
    }

    /// The cameras' vertical field of view was changed, in degrees.
    pub fn set_vertical_fov_deg(&self, vertical_fov_deg: f32) {
        self.outputs().set_vertical_fov_deg(vertical_fov_deg);
    }

    /// Sets a marker at a time on the monotonic clock.
    pub fn marker(&self, nanos: i64, text: &str) {
        self.outputs().marker_at(nanos, text);
    }

    /// Begins a recording as `recording` says, of cameras that run as `config` says, and tells the workers to record
    /// their videos. Gives the session's folder.
    ///
    /// # Errors
    /// When the folder cannot be made or the disk is full.
    pub fn start_recording(
        &self,
        supervisor: &SupervisorHandle,
        config: &Config,
        recording: &Recording,
    ) -> Result<PathBuf> {
        // The workers need not look for an encoder that is not there while their first pictures wait.
        let hardware = recording.hardware
            && recording.video == VideoKind::H264
            && mien_ffmpeg::hardware_encoder().is_some();
        let mut outputs = self.outputs();
        let rates: Vec<f64> = self
            .cameras
            .iter()
            .map(|name| describe::configured(config, name).and_then(|camera| camera.rate_hz))
            .map(|rate_hz| rate_hz.unwrap_or(USUAL_RATE_HZ))
            .collect();
        let plan = SessionPlan {
            parent: recording.dir.clone(),
            names: SessionNames {
                subject: recording.subject.clone(),
                session: recording.session.clone(),
                task: recording.task.clone(),
            },
            group: recording.group.clone(),
            video: recording.video,
            hardware,
            privacy: recording.privacy,
            limits: disk_limits(recording),
            configuration: mien_config::print(&Config { recording: recording.clone(), ..config.clone() }),
            markers: outputs.markers(),
            cameras: outputs.camera_plans(&rates, config.detection.vertical_fov_deg),
        };
        let recorder = outputs.start_recording(plan)?;
        for video in recorder.videos() {
            supervisor.record(&video.camera, Some(video.clone()))?;
        }
        let folder = recorder.folder().to_owned();
        // Who was named before the recording is told in it.
        self.tell_names(&mut outputs);
        Ok(folder)
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

/// Passes the results of a camera (its number and name) on until told to stop.
fn follow(
    mut follower: FacesFollower,
    (camera, camera_name): (usize, &str),
    outputs: &Mutex<Outputs>,
    names: &Names,
    stop: &AtomicBool,
) {
    let mut entry = FacesEntry::boxed();
    let mut epoch = None;
    let mut succession = Succession::default();
    while !stop.load(Ordering::Relaxed) {
        while let Some(followed) = follower.next(&mut entry) {
            let mut outputs = outputs.lock().unwrap_or_else(PoisonError::into_inner);
            if epoch.replace(followed.epoch).is_some_and(|before| before != followed.epoch) {
                outputs.restart(camera);
            }
            for (track_id, name) in succession.follow(names, camera_name, followed.epoch, &entry.frame) {
                tracing::info!("camera {camera_name}: face {track_id} of the new worker is {name}");
                outputs.name_participant(camera, track_id, &name);
            }
            outputs.push(camera, &entry.frame);
        }
        follower.wait(LOOK);
    }
}

fn disk_limits(recording: &Recording) -> DiskLimits {
    DiskLimits {
        warn_bytes: (recording.min_free_gb * 1e9) as u64,
        stop_bytes: (recording.min_free_gb * 1e8) as u64,
    }
}

/// Watches the capture times of the cameras that are live until there are enough of each, or the time is over.
fn measure_timing(followers: &mut [FacesFollower], live: &[bool]) -> Vec<TimingMonitor> {
    let mut monitors = vec![TimingMonitor::default(); followers.len()];
    let mut entry = FacesEntry::boxed();
    let deadline = Instant::now() + TIMING_PATIENCE;
    let waits = |monitors: &[TimingMonitor]| {
        monitors.iter().zip(live).any(|(monitor, &live)| live && !monitor.is_ready())
    };
    while waits(&monitors) && Instant::now() < deadline && !crate::interrupt::is_requested() {
        for (follower, monitor) in followers.iter_mut().zip(&mut monitors) {
            while follower.next(&mut entry).is_some() {
                monitor.observe(entry.frame.frame_index, mien_clock::seconds(entry.frame.capture_nanos));
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    monitors
}
