//! A recording, from its folder to its last line.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mien_clock::{monotonic_nanos, seconds, unix_nanos};
use mien_config::{PrivacyKind, VideoKind};
use mien_control::VideoPlan;
use mien_folder::Folder;
use mien_stream::{FrameRows, Gap, StreamDescription};
use mien_xdf::StreamTotals;

use crate::data::{DataMessage, DataWriter, Written};
use crate::disk::{DiskLimits, free_bytes};
use crate::session_file::{CameraRecord, GapRecord, ParticipantRecord, SessionFile, SessionState, rfc3339};
use crate::{RecordError, SessionNames, check_name};

/// Frames that may wait for the disk: some ten seconds of four cameras.
const QUEUED_FRAMES: usize = 1200;

/// A camera to record.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraPlan {
    /// What `session.toml` says of it.
    pub record: CameraRecord,
    /// Its streams, in the order of its rows.
    pub streams: Vec<StreamDescription>,
}

/// What is to be recorded, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionPlan {
    /// Folder that receives the session's folder.
    pub parent: PathBuf,
    /// Whose session it is.
    pub names: SessionNames,
    /// The group that may read the session beside its owner: a name or a number.
    pub group: Option<String>,
    /// How video is kept.
    pub video: VideoKind,
    /// Whether a hardware encoder is used where one works.
    pub hardware: bool,
    /// How faces appear in video.
    pub privacy: PrivacyKind,
    /// When to warn and stop.
    pub limits: DiskLimits,
    /// The configuration, as TOML.
    pub configuration: String,
    /// The stream of markers.
    pub markers: StreamDescription,
    /// The cameras, in the order that [`SessionRecorder::push`] numbers them.
    pub cameras: Vec<CameraPlan>,
}

/// Whether a recording runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RecordState {
    /// It runs.
    #[default]
    Recording,
    /// It was ended.
    Finished,
    /// It ended by itself; the reason.
    Failed(String),
}

/// How a recording stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordStatus {
    /// Whether it runs.
    pub state: RecordState,
    /// Frames written, over all cameras.
    pub frames: u64,
    /// Frames whose rows were dropped because the disk did not keep up.
    pub dropped_frames: u64,
    /// Bytes free on the disk.
    pub free_bytes: u64,
    /// Whether that is below the limit for a warning.
    pub disk_low: bool,
}

/// What a recording came to.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionSummary {
    /// Its folder.
    pub folder: PathBuf,
    /// How long it took.
    pub duration_seconds: f64,
    /// How it ended.
    pub status: RecordStatus,
    /// Name of each stream and what it holds, markers first.
    pub streams: Vec<(String, StreamTotals)>,
}

/// Records the data of a session; never blocks its caller.
#[derive(Debug)]
pub struct SessionRecorder {
    folder: Arc<Folder>,
    file: SessionFile,
    videos: Vec<VideoPlan>,
    stream_names: Vec<String>,
    messages: Option<Sender<DataMessage>>,
    oldest: Receiver<DataMessage>,
    status: Arc<Mutex<RecordStatus>>,
    thread: Option<JoinHandle<Written>>,
}

impl SessionRecorder {
    /// Makes the folder and begins.
    ///
    /// # Errors
    /// When a name is wrong, the folder cannot be made, or the disk is full already.
    pub fn start(plan: SessionPlan) -> Result<Self, RecordError> {
        check_cameras(&plan)?;
        let folder = Arc::new(plan.names.create_folder(&plan.parent, plan.group.as_deref())?);
        let free = free_bytes(folder.path())?;
        if free < plan.limits.stop_bytes {
            let (free_mb, stop_mb) = (free / 1_000_000, plan.limits.stop_bytes / 1_000_000);
            // An empty folder is of no use; should it stay, it does no harm.
            let _ = std::fs::remove_dir(folder.path());
            return Err(RecordError::DiskFull { path: plan.parent, free_mb, stop_mb });
        }
        let file = session_file(&plan);
        file.write_in(&folder)?;
        let status = RecordStatus {
            free_bytes: free,
            disk_low: free < plan.limits.warn_bytes,
            ..RecordStatus::default()
        };
        let status = Arc::new(Mutex::new(status));
        let streams: Vec<_> = plan.cameras.iter().map(|camera| camera.streams.clone()).collect();
        let names = std::iter::once(&plan.markers).chain(streams.iter().flatten());
        let stream_names = names.map(|stream| stream.name.clone()).collect();
        let data = DataWriter::create(
            Arc::clone(&folder),
            &plan.markers,
            &streams,
            plan.limits,
            Arc::clone(&status),
        )?;
        let (messages, queue) = bounded(QUEUED_FRAMES);
        let oldest = queue.clone();
        let thread = std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || data.run(&queue))
            .map_err(RecordError::io("start a thread to record into", folder.path()))?;
        let videos = video_plans(&plan, folder.path());
        Ok(Self {
            folder,
            file,
            videos,
            stream_names,
            messages: Some(messages),
            oldest,
            status,
            thread: Some(thread),
        })
    }

    /// The session's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What each camera's worker is to record; empty where no video is kept.
    #[must_use]
    pub fn videos(&self) -> &[VideoPlan] {
        &self.videos
    }

    /// Adds the rows of a frame of camera number `camera`. A frame that was captured before the recording
    /// began is no part of it.
    pub fn push(&self, camera: usize, rows: Arc<FrameRows>) {
        if rows.timestamp >= self.file.started_lsl_seconds {
            self.send(DataMessage::Rows(camera, rows));
        }
    }

    /// Adds a marker; `timestamp` in seconds on the LSL clock.
    pub fn marker(&self, timestamp: f64, text: impl Into<String>) {
        self.send(DataMessage::Marker(timestamp, text.into()));
    }

    /// Notes a time without frames that lies within the recording.
    pub fn gap(&mut self, camera: usize, gap: &Gap) {
        let Some(record) = self.file.cameras.get(camera) else { return };
        if gap.from < self.file.started_lsl_seconds {
            return;
        }
        self.file.gaps.push(GapRecord {
            camera: record.name.clone(),
            from_lsl_seconds: gap.from,
            to_lsl_seconds: gap.to,
            restarted: gap.restarted,
        });
    }

    /// Notes whom an operator has named.
    pub fn participant(&mut self, participant: ParticipantRecord) {
        self.file.participants.push(participant);
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> RecordStatus {
        self.status.lock().expect("no holder panics").clone()
    }

    /// Writes what is queued, closes the files, and says what was recorded. The videos are the
    /// workers' to close.
    ///
    /// # Errors
    /// When `session.toml` cannot be written.
    pub fn stop(mut self) -> Result<SessionSummary, RecordError> {
        // What is queued still belongs to the time before now.
        let (now, unix_now) = (monotonic_nanos(), unix_nanos());
        let written = self.end();
        let status = self.status();
        let duration_seconds = seconds(now) - self.file.started_lsl_seconds;
        let ended_because = match &status.state {
            RecordState::Failed(reason) => Some(reason.clone()),
            _ => None,
        };
        // A file without its footers is as a killed recording leaves it.
        let state = if written.is_closed { SessionState::Complete } else { SessionState::Recording };
        let file = SessionFile {
            state,
            ended_because,
            duration_seconds: Some(duration_seconds),
            unix_minus_lsl_seconds_at_end: Some(seconds(unix_now - now)),
            dropped_rows: status.dropped_frames,
            ..self.file.clone()
        };
        let streams = self.stream_names.drain(..).zip(written.totals).collect();
        let wrote = file.write_in(&self.folder);
        // Where the folder is gone, the status says so better.
        if !matches!(status.state, RecordState::Failed(_)) || self.folder.is_in_place() {
            wrote?;
        }
        Ok(SessionSummary { folder: self.folder.path().to_owned(), duration_seconds, status, streams })
    }

    fn send(&self, message: DataMessage) {
        let Some(messages) = &self.messages else { return };
        let mut message = message;
        loop {
            match messages.try_send(message) {
                // Disconnected: the writer has given up, which the status says.
                Ok(()) | Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(refused)) => {
                    if let Ok(DataMessage::Rows(..)) = self.oldest.try_recv() {
                        self.status.lock().expect("no holder panics").dropped_frames += 1;
                    }
                    message = refused;
                }
            }
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                return;
            }
        }
    }

    fn end(&mut self) -> Written {
        self.messages = None;
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for SessionRecorder {
    fn drop(&mut self) {
        self.end();
    }
}

fn check_cameras(plan: &SessionPlan) -> Result<(), RecordError> {
    for (index, camera) in plan.cameras.iter().enumerate() {
        let name = &camera.record.name;
        check_name("camera", name)?;
        // File systems that ignore case would put both into one file.
        if plan.cameras[..index].iter().any(|other| other.record.name.eq_ignore_ascii_case(name)) {
            return Err(RecordError::SameName { name: name.clone() });
        }
    }
    Ok(())
}

fn session_file(plan: &SessionPlan) -> SessionFile {
    let (lsl, unix) = (monotonic_nanos(), unix_nanos());
    SessionFile {
        version: 1,
        mien_version: env!("CARGO_PKG_VERSION").to_owned(),
        state: SessionState::Recording,
        ended_because: None,
        subject: plan.names.subject.clone(),
        session: plan.names.session.clone(),
        task: plan.names.task.clone(),
        started: rfc3339(unix),
        started_lsl_seconds: seconds(lsl),
        unix_minus_lsl_seconds: seconds(unix - lsl),
        unix_minus_lsl_seconds_at_end: None,
        duration_seconds: None,
        privacy: plan.privacy,
        video: plan.video,
        dropped_rows: 0,
        configuration: plan.configuration.clone(),
        cameras: plan.cameras.iter().map(camera_record).collect(),
        gaps: Vec::new(),
        participants: Vec::new(),
    }
}

fn camera_record(camera: &CameraPlan) -> CameraRecord {
    let streams = camera.streams.iter().map(|stream| stream.name.clone()).collect();
    CameraRecord { streams, ..camera.record.clone() }
}

fn video_plans(plan: &SessionPlan, folder: &Path) -> Vec<VideoPlan> {
    if plan.video == VideoKind::None {
        return Vec::new();
    }
    plan.cameras
        .iter()
        .map(|camera| VideoPlan {
            folder: folder.to_owned(),
            camera: camera.record.name.clone(),
            kind: plan.video,
            hardware: plan.hardware,
            privacy: plan.privacy,
            rate_hz: camera.record.rate_hz,
            vertical_fov_deg: camera.record.vertical_fov_deg,
        })
        .collect()
}
