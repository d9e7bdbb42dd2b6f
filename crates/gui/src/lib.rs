//! The desktop app: live view, signals, devices, settings, session, streams, performance, log.
//!
//! Three layers: [`Backend`] is what the app needs from the machinery behind it; the model holds what
//! the interface itself remembers and decides (no drawing, tested without a window); the views draw both.

mod app;
mod backend;
mod feed;
mod history;
mod keys;
mod model;
mod overlay;
mod pace;
mod scale;
mod shell;
mod theme;
mod typing;
mod views;
mod warning;

pub use app::{App, AppOptions, run};
pub use backend::{
    Backend, Check, CheckState, Command, GpuLoad, LogLevel, LogLine, MachineLoad, PreviewImage, ProcessLoad,
    RecordingStatus, SaveState, SettingsFile, StreamStatus,
};
pub use feed::CameraFeed;
pub use history::{History, Sample, plotted_outputs};
pub use model::{AppModel, Closing, Overlays, SessionForm, View, WindowState};
pub use warning::{Warning, joined_warnings};
