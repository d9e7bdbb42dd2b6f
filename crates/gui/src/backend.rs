//! What the app needs from the machinery behind it, and the words it uses for it.
//!
//! The drawing code knows cameras only through [`Backend`]. The supervising process implements it over
//! worker processes and their rings; tests implement it over scripted data.

use std::path::PathBuf;

use mien_capture::{CameraControl, CameraDevice};
use mien_config::{Camera, Config, Recording};
use mien_control::CameraStatus;
use mien_face::FrameFaces;

use crate::model::WindowState;
use crate::warning::Warning;

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
    pub folder: Option<PathBuf>,
    /// A recording was asked for and is about to begin.
    pub is_starting: bool,
    /// The look before a recording is under way.
    pub is_checking: bool,
    /// Since the start of the recording.
    pub elapsed_seconds: f64,
    /// Written so far.
    pub bytes_on_disk: u64,
    /// Free on the disk that holds the session folder.
    pub free_bytes: u64,
    /// What the user must know (disk nearly full, encoder died, frames dropped); empty when all is well.
    pub warnings: Vec<Warning>,
    /// What the last look before a recording found: whether nothing is missing, and the findings.
    pub readiness: Option<(bool, String)>,
    /// Names of the markers set so far, with their time since the start in seconds.
    pub markers: Vec<(f64, String)>,
    /// The recording before: how long it was, in seconds, and its folder.
    pub last: Option<(f64, PathBuf)>,
}

/// One LSL outlet.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamStatus {
    /// Name of the stream.
    pub name: String,
    /// Name of the camera that it belongs to; `None` for the markers.
    pub camera: Option<String>,
    /// Content type, such as `MoCap`.
    pub kind: String,
    /// Number of channels.
    pub channels: u32,
    /// Samples per second over the last seconds.
    pub rate_hz: f32,
    /// Age of the newest sample's time in milliseconds; `None` before the first.
    pub newest_ms: Option<f32>,
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

/// A process of the program.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessLoad {
    /// What it does: `app`, or a camera's name.
    pub name: String,
    /// Its number.
    pub pid: u32,
    /// Processor use; 100 is one core.
    pub cpu_percent: f32,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
}

/// A graphics processor; what its driver does not tell is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuLoad {
    /// Number, as cameras are assigned to it.
    pub index: u32,
    /// The maker's name of it.
    pub name: String,
    /// Share of the time in which it computed, in per cent.
    pub utilization_percent: Option<f32>,
    /// Memory in use, in bytes.
    pub used_bytes: Option<u64>,
    /// All of its memory, in bytes.
    pub total_bytes: Option<u64>,
    /// Temperature in °C, where it is told.
    pub temperature_celsius: Option<f32>,
}

/// The machine's load.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MachineLoad {
    /// Every process of the program.
    pub processes: Vec<ProcessLoad>,
    /// Cores of the processor.
    pub cores: usize,
    /// Graphics processors.
    pub gpus: Vec<GpuLoad>,
    /// Why there are none, in words for a person.
    pub gpu_note: String,
}

/// Where settings are kept, and whether they are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SettingsFile {
    /// The file; `None` when settings are for this run only.
    pub path: Option<PathBuf>,
    /// How it stands.
    pub state: SaveState,
    /// Whether cameras are kept in it; not when the command line names the cameras.
    pub keeps_cameras: bool,
}

/// Whether settings are in their file.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum SaveState {
    /// They are, or nothing was changed.
    #[default]
    Saved,
    /// They will be in a moment.
    Pending,
    /// They are not, and why; they hold for this run.
    Failed(String),
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// It works, but not as well as it could.
    Warning,
    /// It is not there, and something optional does not work without it.
    Missing,
    /// It is needed and does not work.
    Failed,
}

/// One line of the machine's check-up.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What was looked at.
    pub subject: String,
    /// How it came out.
    pub state: CheckState,
    /// What was found.
    pub finding: String,
    /// What to type or do about it; empty when nothing is to be done.
    pub remedy: String,
}

/// What the user asks for. None of these waits: the outcome shows in the status or the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Start a new camera.
    AddCamera(Box<Camera>),
    /// Stop a camera and forget it.
    RemoveCamera(String),
    /// Stop and start one camera again.
    RestartCamera(String),
    /// Give a camera other settings (also another name); the others do not notice.
    ChangeCamera {
        /// Its name so far.
        name: String,
        /// Its settings from now on.
        camera: Box<Camera>,
    },
    /// Show a camera at another place.
    MoveCamera {
        /// Its name.
        name: String,
        /// Its place from now on, from 0.
        to: usize,
    },
    /// Ask a camera's driver what can be changed while it runs.
    ReadControls(String),
    /// Change something of a camera's driver, now and whenever it is opened.
    SetControl {
        /// The camera's name.
        camera: String,
        /// The control's name.
        control: String,
        /// Its value from now on.
        value: i64,
    },
    /// Other settings than the cameras' from now on.
    ChangeSettings(Box<Config>),
    /// Try again to write the settings to their file.
    SaveSettings,
    /// Remember how the window is.
    KeepWindow(WindowState),
    /// Start to record.
    StartRecording(Box<Recording>),
    /// Look, without recording, at what is missing for such a recording and how long the disk lasts.
    CheckRecording(Box<Recording>),
    /// Finish the recording's files.
    StopRecording,
    /// Take the warnings off the screen; what is still so comes back.
    DismissWarnings,
    /// Put a marker into the streams and the recording, at the present time.
    Marker(String),
    /// Give a tracked face a participant's name; an empty one takes it away.
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
    /// Begin to write a trace of every frame's stages to a file, or end it.
    ToggleTrace,
}

/// The machinery behind the app. No method may block: the drawing thread calls them all.
pub trait Backend {
    /// Hands over what wakes the drawing thread; the machinery calls it, from any thread, when a preview,
    /// a result or a status is new. Called once, before anything else.
    fn on_change(&mut self, wake: Box<dyn Fn() + Send + Sync>);
    /// Takes in what has happened since the last call. Returns whether anything shown has changed.
    fn poll(&mut self) -> bool;
    /// All cameras that are started, in display order.
    fn cameras(&self) -> &[CameraStatus];
    /// The settings that hold, with the cameras that are not enabled.
    fn config(&self) -> &Config;
    /// Where settings are kept.
    fn settings_file(&self) -> &SettingsFile;
    /// Copies the newest preview of a camera when there is one that was not copied before.
    fn take_preview(&mut self, camera: usize, into: &mut PreviewImage) -> bool;
    /// Copies the newest result of a camera when there is one that was not copied before.
    fn take_faces(&mut self, camera: usize, into: &mut FrameFaces) -> bool;
    /// The participant's name of a tracked face.
    fn participant(&self, camera: usize, track_id: u32) -> Option<&str>;
    /// The recording.
    fn recording(&self) -> &RecordingStatus;
    /// LSL outlets; empty with a reason in [`Backend::streams_note`] when there are none. Beside outlets, the note tells
    /// what has happened to them.
    fn streams(&self) -> &[StreamStatus];
    /// Why there are no streams, or an empty text.
    fn streams_note(&self) -> &str;
    /// Devices found at the last look.
    fn devices(&self) -> &[CameraDevice];
    /// What a camera's driver lets one change, as last asked for by [`Command::ReadControls`].
    fn controls(&self, camera: &str) -> &[CameraControl];
    /// The machine's load.
    fn load(&self) -> &MachineLoad;
    /// The trace that is being written.
    fn trace(&self) -> Option<&std::path::Path>;
    /// The machine's check-up; empty until it was asked for, and while it runs.
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
