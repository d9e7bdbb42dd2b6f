//! Sessions on disk: folder, data, video, check, export.
//!
//! A session is one folder, named after subject, session and task, that is never overwritten:
//!
//! ```text
//! sub-01_ses-01_task-rest/
//!   session.toml       what was recorded, with what: versions, configuration, models, cameras, gaps
//!   data.xdf           every stream as LSL sends it, and the markers
//!   data.xdf.sums      checksums of it, and copies of the streams' headers
//!   front.mkv          video of the camera `front`
//!   front_frames.csv   which frame each of its pictures is, and when it was captured
//! ```
//!
//! Roles:
//!
//! - [`Readiness`] says, before a recording starts, what is missing and how long it can go on.
//! - [`SessionRecorder`] runs in the supervising process: it makes the folder and writes the data, on
//!   a thread of its own that never holds up its caller.
//! - [`VideoRecorder`] runs where the full frames are: in the camera's worker.
//! - [`Outputs`] joins encoders, LSL and a recording for whoever has frames to give.
//! - [`check_session`] says what a session holds and makes a killed one whole.
//! - [`export`] turns a session into tables and into Motion-BIDS.
//!
//! Everything is written so that a kill at any moment leaves readable files: XDF chunks and sidecar
//! rows go out whole, Matroska clusters are flushed five times a second, and all of it is pushed to
//! the disk twice a second.

mod check;
mod data;
mod disk;
mod error;
mod export;
mod names;
mod outputs;
mod readiness;
mod session;
mod session_file;
mod video;

pub use check::{SessionReport, VideoReport, check_session, lost_pictures};
pub use disk::{DiskLimits, free_bytes};
pub use error::RecordError;
pub use export::{ExportFormat, Exported, Progress, export};
pub use mien_config::{PrivacyKind, VideoKind};
pub use mien_control::{VideoPlan, VideoStatus};
pub use names::{SessionNames, check_name};
pub use outputs::Outputs;
pub use readiness::{CameraEstimate, CameraLoad, Problem, Readiness, ReadinessRequest, Severity};
pub use session::{CameraPlan, RecordState, RecordStatus, SessionPlan, SessionRecorder, SessionSummary};
pub use session_file::{
    CameraRecord, DATA_FILE, GapRecord, ModelRecord, ParticipantRecord, SESSION_FILE, SessionFile,
    SessionState,
};
pub use video::{Concealer, FrameTime, VideoRecorder, frame_times, video_files};
