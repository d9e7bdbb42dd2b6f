//! What the app needs from the machinery behind it, and the words it uses for it.
//!
//! The drawing code knows cameras only through [`Backend`]. The supervising process implements it over
//! worker processes and their rings; tests implement it over scripted data.

use mien_control::CameraState;
use mien_face::FrameFaces;

/// Percentiles of one stage's time.
#[derive(Debug, Clone, PartialEq)]
pub struct StageTimes {
    /// Name of the stage, as the pipeline calls it.
    pub stage: String,
    /// Median in milliseconds.
    pub p50_ms: f32,
    /// 95th percentile in milliseconds.
    pub p95_ms: f32,
    /// 99th percentile in milliseconds.
    pub p99_ms: f32,
}

/// One camera as the supervising process sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraStatus {
    /// Unique name, as in the configuration.
    pub name: String,
    /// Where its frames come from, as a source SPEC.
    pub source: String,
    /// How it is doing.
    pub state: CameraState,
    /// Why it is not live, in words for a person; empty when live.
    pub reason: String,
    /// Frames per second over the last seconds.
    pub fps: f32,
    /// Median time from capture to result in milliseconds.
    pub latency_p50_ms: f32,
    /// 95th percentile of the same.
    pub latency_p95_ms: f32,
    /// Frames dropped since start.
    pub dropped_frames: u64,
    /// How often its process was restarted.
    pub restarts: u32,
    /// Processor use of its process; 100 is one core.
    pub cpu_percent: f32,
    /// Resident memory of its process in bytes.
    pub memory_bytes: u64,
    /// The engine in use, as it names itself.
    pub engine: String,
    /// Stage times, in pipeline order.
    pub stages: Vec<StageTimes>,
}

/// A preview picture, RGB, tight rows, with the faces that were tracked in this very frame.
#[derive(Debug, Clone)]
pub struct PreviewImage {
    /// Three bytes a pixel.
    pub rgb: Vec<u8>,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// What was tracked in it, in pixels of the full frame; of each face's states only `smoothed` counts.
    pub faces: Box<FrameFaces>,
}

impl Default for PreviewImage {
    fn default() -> Self {
        Self { rgb: Vec::new(), width: 0, height: 0, faces: FrameFaces::boxed() }
    }
}

/// What is known of the running recording.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecordingStatus {
    /// Folder of the session; `None` when nothing is being recorded.
    pub folder: Option<std::path::PathBuf>,
    /// Since the start of the recording.
    pub elapsed_seconds: f64,
    /// Written so far.
    pub bytes_on_disk: u64,
    /// Free on the disk that holds the session folder.
    pub free_bytes: u64,
    /// What the user must know (disk nearly full, encoder died, frames dropped); empty when all is well.
    pub warnings: Vec<String>,
    /// Names of the markers set so far, with their time since the start in seconds.
    pub markers: Vec<(f64, String)>,
}

/// One LSL outlet.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamStatus {
    /// Name of the stream.
    pub name: String,
    /// Content type, such as `MoCap`.
    pub kind: String,
    /// Number of channels.
    pub channels: u32,
    /// Samples per second over the last seconds.
    pub rate_hz: f32,
    /// Whether somebody receives it.
    pub has_consumers: bool,
}

/// Importance of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the developers.
    Debug,
    /// What happens.
    Info,
    /// What may need attention.
    Warning,
    /// What failed.
    Error,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Seconds since the app started.
    pub seconds: f64,
    /// Importance.
    pub level: LogLevel,
    /// The camera's name, or `app`.
    pub origin: String,
    /// What happened.
    pub text: String,
}

/// A capture device that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceInfo {
    /// Source SPEC that opens it.
    pub source: String,
    /// The maker's name of it.
    pub label: String,
    /// Formats and rates in words, such as `MJPEG 1920×1080 30 fps`.
    pub formats: Vec<String>,
}

/// One line of the machine's check-up.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What was looked at.
    pub subject: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub finding: String,
    /// What to type or do about it; empty when nothing is to be done.
    pub remedy: String,
}

/// How faces appear in recorded video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Privacy {
    /// Video as captured.
    #[default]
    Full,
    /// Faces blurred.
    Blur,
    /// Faces replaced by the mesh.
    Mesh,
    /// No video at all.
    NoVideo,
}

/// What a recording is to be called and to contain.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SessionRequest {
    /// Subject, `[A-Za-z0-9_-]{1,64}`.
    pub subject: String,
    /// Session, likewise.
    pub session: String,
    /// Task, likewise.
    pub task: String,
    /// Folder that receives the session folders.
    pub folder: std::path::PathBuf,
    /// How faces appear in the video.
    pub privacy: Privacy,
}

/// What the user asks for. None of these waits: the outcome shows in the status or the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Start a new camera from a source SPEC.
    AddCamera {
        /// Unique name.
        name: String,
        /// Source SPEC.
        source: String,
    },
    /// Stop a camera and forget it.
    RemoveCamera(String),
    /// Stop and start one camera again.
    RestartCamera(String),
    /// Rename a camera.
    RenameCamera {
        /// Its name so far.
        from: String,
        /// Its new name.
        to: String,
    },
    /// Start to record.
    StartRecording(SessionRequest),
    /// Finish the recording's files.
    StopRecording,
    /// Put a marker into the streams and the recording, at the present time.
    Marker(String),
    /// Give a tracked face a participant's name.
    NameParticipant {
        /// The camera's name.
        camera: String,
        /// The face's track id.
        track_id: u32,
        /// The participant's name.
        name: String,
    },
    /// Look for capture devices again.
    RefreshDevices,
    /// Run the machine's check-up again.
    RefreshChecks,
}

/// The machinery behind the app. No method may block: the drawing thread calls them all.
pub trait Backend {
    /// Hands over what wakes the drawing thread; the machinery calls it, from any thread, when a preview,
    /// a result or a status is new. Called once, before anything else.
    fn on_change(&mut self, wake: Box<dyn Fn() + Send + Sync>);
    /// Takes in what has happened since the last call. Returns whether anything shown has changed.
    fn poll(&mut self) -> bool;
    /// All cameras, in display order.
    fn cameras(&self) -> &[CameraStatus];
    /// Copies the newest preview of a camera when there is one that was not copied before.
    fn take_preview(&mut self, camera: usize, into: &mut PreviewImage) -> bool;
    /// Copies the newest result of a camera when there is one that was not copied before.
    fn take_faces(&mut self, camera: usize, into: &mut FrameFaces) -> bool;
    /// The participant's name of a tracked face.
    fn participant(&self, camera: usize, track_id: u32) -> Option<&str>;
    /// The recording.
    fn recording(&self) -> &RecordingStatus;
    /// LSL outlets; empty with a reason in [`Backend::streams_note`] when there are none.
    fn streams(&self) -> &[StreamStatus];
    /// Why there are no streams, or an empty text.
    fn streams_note(&self) -> &str;
    /// Devices found at the last look.
    fn devices(&self) -> &[DeviceInfo];
    /// The machine's check-up.
    fn checks(&self) -> &[Check];
    /// The log, oldest first.
    fn log(&self) -> &[LogLine];
    /// Whether the program was told to end (a signal): the window then closes as if by its button, without
    /// a question.
    fn wants_to_close(&self) -> bool {
        false
    }
    /// Asks for something.
    fn command(&mut self, command: Command);
    /// Ends recording, streams and workers; called once, when the window closes. Returns when the files
    /// are finished or after five seconds.
    fn shut_down(&mut self);
}
