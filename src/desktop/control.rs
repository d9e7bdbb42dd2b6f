//! What may take long, on a thread of its own: streams, recordings, cameras, devices, the check-up.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use mien_config::{Camera, Config, PrivacyKind, Recording, VideoKind};
use mien_gui::{
    Check, Command, DeviceInfo, LogLevel, Privacy, RecordingStatus, SessionRequest, StreamStatus,
};
use mien_record::RecordState;
use mien_supervisor::{CameraState, SupervisorHandle};

use super::feed::Wake;
use super::log::Log;
use crate::live::Live;

/// How often statuses are looked at.
const TICK: Duration = Duration::from_millis(500);
/// How long new cameras may take before the streams begin without knowing their picture sizes.
const CAMERA_PATIENCE: Duration = Duration::from_secs(4);

/// What the control thread shows to the window.
#[derive(Default, Clone)]
pub(crate) struct Shown {
    pub(crate) recording: RecordingStatus,
    pub(crate) streams: Vec<StreamStatus>,
    pub(crate) streams_note: String,
    pub(crate) devices: Vec<DeviceInfo>,
    pub(crate) checks: Vec<Check>,
    /// Participants' names by camera and track id.
    pub(crate) participants: HashMap<(String, u32), String>,
    /// Counts changes.
    pub(crate) version: u64,
}

/// Shared with the window.
#[derive(Default)]
pub(crate) struct Board(Mutex<Shown>);

impl Board {
    pub(crate) fn read(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Shown)) {
        let mut shown = self.read();
        change(&mut shown);
        shown.version += 1;
    }
}

/// The control thread's belongings.
pub(crate) struct Control {
    pub(crate) supervisor: Arc<SupervisorHandle>,
    pub(crate) config: Config,
    pub(crate) log: Arc<Log>,
    pub(crate) board: Arc<Board>,
    pub(crate) wake: Wake,
    pub(crate) live: Option<Live>,
    /// Cameras that `live` streams.
    pub(crate) streamed: Vec<String>,
    pub(crate) recording_since: Option<Instant>,
}

impl Control {
    /// Carries out commands until the window has gone; then finishes the recording.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        self.look_around();
        loop {
            match commands.recv_timeout(TICK) {
                Ok(command) => self.carry_out(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.follow_cameras();
            self.show();
            (self.wake)();
        }
        self.stop_recording();
    }

    fn carry_out(&mut self, command: Command) {
        let result = match command {
            Command::AddCamera { name, source } => self.add(Camera::new(name, source)),
            Command::RemoveCamera(name) => self.remove(&name),
            Command::RestartCamera(name) => self.supervisor.restart_camera(&name).map_err(Into::into),
            Command::RenameCamera { from, to } => self.rename(&from, to),
            Command::StartRecording(request) => self.start_recording(request),
            Command::StopRecording => {
                self.stop_recording();
                Ok(())
            }
            Command::Marker(text) => {
                self.marker(&text);
                Ok(())
            }
            Command::NameParticipant { camera, track_id, name } => {
                self.board.change(|shown| {
                    shown.participants.insert((camera, track_id), name);
                });
                Ok(())
            }
            Command::RefreshDevices | Command::RefreshChecks => {
                self.look_around();
                Ok(())
            }
        };
        if let Err(error) = result {
            self.log.add(LogLevel::Error, "app", format!("{error:#}"));
            self.board.change(|shown| shown.recording.warnings.push(format!("{error:#}")));
        }
    }

    fn add(&mut self, camera: Camera) -> Result<()> {
        self.supervisor.add(camera.clone())?;
        self.config.cameras.push(camera);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<()> {
        self.supervisor.remove(name)?;
        self.config.cameras.retain(|camera| camera.name != name);
        Ok(())
    }

    /// A camera's name is part of its rings' and streams' names: it goes and comes back.
    fn rename(&mut self, from: &str, to: String) -> Result<()> {
        let Some(mut camera) = self.config.cameras.iter().find(|camera| camera.name == from).cloned() else {
            anyhow::bail!("there is no camera `{from}`");
        };
        camera.name = to;
        self.remove(from)?;
        self.add(camera)
    }

    /// Opens the streams of the present cameras anew when cameras have come or gone; not during a
    /// recording, whose streams are fixed.
    fn follow_cameras(&mut self) {
        let names: Vec<String> = self.supervisor.cameras().into_iter().map(|camera| camera.name).collect();
        if names == self.streamed || self.recording_since.is_some() {
            return;
        }
        self.live = None;
        self.streamed = names;
        if self.streamed.is_empty() {
            return;
        }
        Live::wait_for_cameras(&self.supervisor, CAMERA_PATIENCE);
        match Live::start(&self.supervisor, &self.config, self.config.lsl.enabled) {
            Ok(live) => {
                if let Some(problem) = live.stream_problem() {
                    self.log.add(LogLevel::Warning, "lsl", problem);
                }
                self.live = Some(live);
            }
            Err(error) => self.log.add(LogLevel::Error, "lsl", format!("{error:#}")),
        }
    }

    fn start_recording(&mut self, request: SessionRequest) -> Result<()> {
        let Some(live) = &self.live else { anyhow::bail!("there is no camera to record") };
        let recording = recording(&self.config.recording, request);
        let folder = live.start_recording(&self.supervisor, &recording)?;
        self.log.add(LogLevel::Info, "app", format!("recording into {}", folder.display()));
        self.recording_since = Some(Instant::now());
        self.board.change(|shown| {
            shown.recording = RecordingStatus { folder: Some(folder), ..RecordingStatus::default() };
        });
        Ok(())
    }

    fn stop_recording(&mut self) {
        let Some(live) = &self.live else { return };
        match live.stop_recording(&self.supervisor) {
            Ok(Some(summary)) => self.log.add(
                LogLevel::Info,
                "app",
                format!("recorded {:.1} s into {}", summary.duration_seconds, summary.folder.display()),
            ),
            Ok(None) => {}
            Err(error) => self.log.add(LogLevel::Error, "app", format!("{error:#}")),
        }
        self.recording_since = None;
        self.board.change(|shown| shown.recording = RecordingStatus::default());
    }

    fn marker(&self, text: &str) {
        if let Some(live) = &self.live {
            live.marker(text);
        }
        self.log.add(LogLevel::Info, "app", format!("marker {text}"));
        if let Some(since) = self.recording_since {
            let seconds = since.elapsed().as_secs_f64();
            self.board.change(|shown| shown.recording.markers.push((seconds, text.to_owned())));
        }
    }

    /// Puts the present state of recording and streams on the board.
    fn show(&self) {
        let status = self.live.as_ref().and_then(Live::record_status);
        let parent = &self.config.recording.dir;
        let free = status.as_ref().map(|status| status.free_bytes).or_else(|| free_bytes(parent));
        self.board.change(|shown| {
            shown.recording.free_bytes = free.unwrap_or(0);
            if let (Some(since), Some(folder)) = (self.recording_since, &shown.recording.folder) {
                shown.recording.elapsed_seconds = since.elapsed().as_secs_f64();
                shown.recording.bytes_on_disk = folder_bytes(folder);
            }
            if let Some(status) = &status {
                shown.recording.warnings = self.warnings(status);
            }
            let problem = self.live.as_ref().and_then(Live::stream_problem);
            shown.streams_note = problem.unwrap_or_default();
            shown.streams = self.streams();
        });
    }

    /// The outlets: a camera's streams have its rate, and its last result's time.
    fn streams(&self) -> Vec<StreamStatus> {
        let outlets = self.live.as_ref().map(Live::outlets).unwrap_or_default();
        let cameras = self.supervisor.cameras();
        let rate = |name: &str| {
            let camera = cameras.iter().find(|camera| name.starts_with(&format!("{}_", camera.name)));
            camera.map_or(0.0, |camera| camera.fps as f32)
        };
        let status = |(stream, has_consumers): (mien_stream::StreamDescription, bool)| StreamStatus {
            rate_hz: rate(&stream.name),
            name: stream.name,
            kind: stream.content_type,
            channels: stream.channels.len() as u32,
            has_consumers,
        };
        outlets.into_iter().map(status).collect()
    }

    fn warnings(&self, status: &mien_record::RecordStatus) -> Vec<String> {
        let mut warnings = Vec::new();
        if let RecordState::Failed(reason) = &status.state {
            warnings.push(format!("The recording has ended: {reason}"));
        }
        if status.disk_low {
            warnings.push("The disk is nearly full".to_owned());
        }
        if status.dropped_frames > 0 {
            warnings.push(format!("{} rows were dropped: the disk is too slow", status.dropped_frames));
        }
        let videos = self.live.as_ref().map(|live| live.videos(&self.supervisor)).unwrap_or_default();
        let failed = videos.iter().filter(|(_, video)| video.failed);
        warnings.extend(failed.map(|(camera, _)| format!("The video of {camera} has failed; data go on")));
        let cameras = self.supervisor.cameras();
        let lost = cameras.iter().filter(|camera| camera.state != CameraState::Live);
        warnings.extend(lost.map(|camera| format!("{} is not live: its rows have a gap", camera.name)));
        warnings
    }

    /// Capture devices and the machine's check-up.
    fn look_around(&self) {
        let device = |device: mien_capture::CameraDevice| DeviceInfo {
            source: device.spec,
            label: device.label,
            formats: device
                .modes
                .iter()
                .map(|mode| format!("{} {}×{}", mode.format, mode.size[0], mode.size[1]))
                .collect(),
        };
        let devices = mien_capture::list_cameras().into_iter().map(device).collect();
        let checks = checks();
        self.board.change(|shown| {
            shown.devices = devices;
            shown.checks = checks;
        });
    }
}

/// The configuration's recording section with what the form says.
fn recording(configured: &Recording, request: SessionRequest) -> Recording {
    let (video, privacy) = match request.privacy {
        Privacy::Full => (configured.video, PrivacyKind::Full),
        Privacy::Blur => (configured.video, PrivacyKind::Blur),
        Privacy::Mesh => (configured.video, PrivacyKind::Mesh),
        Privacy::NoVideo => (VideoKind::None, PrivacyKind::Full),
    };
    Recording {
        dir: request.folder,
        subject: request.subject,
        session: request.session,
        task: request.task,
        video,
        privacy,
        ..configured.clone()
    }
}

/// Free bytes where a folder is, or is going to be.
fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    mien_record::free_bytes(if there.as_os_str().is_empty() { Path::new(".") } else { there }).ok()
}

fn folder_bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

/// What Mien wants of a machine, and whether it is there.
fn checks() -> Vec<Check> {
    let ffmpeg = std::process::Command::new("ffmpeg").arg("-version").output();
    let ffmpeg = ffmpeg.ok().filter(|output| output.status.success()).map(|output| {
        let text = String::from_utf8_lossy(&output.stdout);
        text.split_whitespace().nth(2).unwrap_or("found").to_owned()
    });
    let lsl =
        mien_stream::library().map(|library| format!("{} ({})", library.version, library.path.display()));
    let models = mien_models::ModelSet::find(None).map(|set| {
        let names: Vec<String> = set.models().iter().map(|model| model.entry.file.clone()).collect();
        names.join(", ")
    });
    vec![
        match ffmpeg {
            Some(version) => found("ffmpeg", version),
            None => missing(
                "ffmpeg",
                "not found: no video files, network cameras or recorded video",
                "apt install ffmpeg",
            ),
        },
        match lsl {
            Ok(version) => found("liblsl", version),
            Err(error) => missing("liblsl", &error.to_string(), "./x lsl"),
        },
        match models {
            Ok(names) => found("Models", names),
            Err(error) => missing("Models", &error.to_string(), "mien models verify"),
        },
    ]
}

fn found(subject: &str, finding: String) -> Check {
    Check { subject: subject.to_owned(), ok: true, finding, remedy: String::new() }
}

fn missing(subject: &str, finding: &str, remedy: &str) -> Check {
    Check { subject: subject.to_owned(), ok: false, finding: finding.to_owned(), remedy: remedy.to_owned() }
}
