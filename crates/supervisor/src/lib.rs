//! Starts, watches and restarts the camera workers.
//!
//! [`start`] gives each camera a *keeper*: a thread that starts the camera's worker process, reads its
//! reports and results, and brings it back when it is lost. Keepers share nothing, so that one camera's
//! trouble never delays another. (The system ends a worker when the thread that started it ends: a keeper
//! lives as long as its workers, and if it should panic they go with it.)
//!
//! A worker shows two things by its ring of results: that it lives (a heartbeat of its own) and that it
//! gets on (results). One that does not live is killed at once, since a frozen process obeys nothing. One
//! that lives but gives no results is stopped in steps: the word, then SIGTERM, then SIGKILL. A source
//! that fails is the worker's own business, which it reports; nobody kills it for that.
//!
//! A worker whose GPU has no memory left is followed by one with smaller batches, down to one face at a
//! time. Track ids go on where those of the worker before have ended, so that a camera never uses one again.
//!
//! [`SupervisorHandle`] is how the rest of the program sees all this: states, events, statistics, and
//! followers that read a camera's rings through every restart.

mod child;
mod follow;
mod gpus;
mod handle;
mod keeper;
mod loss;
mod measure;
mod options;
mod progress;
mod spans;
mod status;

pub use follow::{FacesFollower, Followed, PreviewFollower};
pub use gpus::{GpuProbe, nvml_probe};
pub use handle::{SupervisorError, SupervisorHandle, start};
pub use mien_control::{CameraState, CameraStatus, VideoPlan, VideoStatus};
pub use options::{LogSink, RestartPolicy, SupervisorOptions};
pub use status::CameraEvent;
