//! The desktop app: live view, signals, devices, session, streams, performance, log.
//!
//! Three layers: [`Backend`] is what the app needs from the machinery behind it; the model holds what
//! the interface itself remembers and decides (no drawing, tested without a window); the views draw both.

mod app;
mod backend;
mod history;
mod model;
mod overlay;
mod theme;
mod views;

pub use app::{App, AppOptions, run};
pub use backend::{
    Backend, CameraStatus, Check, Command, DeviceInfo, LogLevel, LogLine, PreviewImage, Privacy,
    RecordingStatus, SessionRequest, StageTimes, StreamStatus,
};
pub use history::{History, Sample};
pub use model::{AppModel, Closing, Overlays, SessionForm, View};
