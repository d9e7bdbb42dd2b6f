//! Video of one camera.
//!
//! The process that captures also encodes: a worker has every full frame with the faces found in it,
//! the supervising process sees small previews only. So [`VideoRecorder`] runs in the worker, told
//! where to write by a [`VideoPlan`] that crosses the process border as data. It hands pictures to an
//! ffmpeg child on a thread of its own; a full queue drops its oldest picture and counts it, so
//! encoding never slows tracking.
//!
//! Beside `CAMERA.mkv` lies `CAMERA_frames.csv`: for each picture of the video, in order, the frame's
//! number and capture time. Its row is on its way before its picture, so whatever is killed, there are
//! at least as many rows as pictures, and `mien session check` cuts them to the same number.
//!
//! When ffmpeg dies, the camera restarts or its frames change size, a new part begins
//! (`CAMERA_part-2.mkv`), so nothing recorded is ever overwritten and no time is ever shifted.

mod files;
mod part;
mod privacy;
mod recorder;
mod sidecar;

pub use files::video_files;
pub(crate) use files::{REPAIRING, sidecar_path};
pub use privacy::Concealer;
pub use recorder::VideoRecorder;
pub(crate) use recorder::codec;
pub use sidecar::{FrameTime, frame_times};
pub(crate) use sidecar::{SidecarRows, read_sidecar_in, truncate_sidecar};
