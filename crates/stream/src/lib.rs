//! Faces as Lab Streaming Layer outlets.
//!
//! Three steps, each usable without the next:
//!
//! 1. A [`CameraEncoder`] knows the streams of one camera ([`StreamDescription`]s: per face slot
//!    `…_landmarks`, `…_blendshapes`, `…_pose`, `…_quality`, and one `…_Frames`) and turns each
//!    [`FrameFaces`](mien_face::FrameFaces) into [`FrameRows`]: exactly one row per stream and frame.
//! 2. A [`Publisher`] owns the LSL outlets, on a thread of its own, and pushes those rows stamped with
//!    their capture time.
//! 3. The recorder (`mien-record`) writes the same rows under the same descriptions to XDF, so what is
//!    recorded is what was streamed.
//!
//! **Timestamps** are capture times in seconds on the clock of `lsl_local_clock`, which `mien-clock`
//! reads too. They are never moved: a frame that is not later than the one before it is left out and
//! counted.
//!
//! **Slots**: an outlet cannot appear and vanish with a face, so each camera has a fixed number of
//! slots. A face keeps its slot while it is tracked, and a face that comes back under another track id takes
//! its slot again at once; see [`Slots`]. The slot's `…_quality` row carries the track id, so a change of
//! person is visible in the data.
//!
//! **Raw and filtered**: `…_landmarks`, `…_blendshapes` and `…_pose` carry what the networks measured.
//! While a camera's temporal filter is on, streams of the same names with `_filtered` behind carry its
//! output, row for row beside the raw ones.

mod camera;
mod describe;
mod encode;
mod publish;
mod resolve;
mod rows;
mod sighting;
mod slots;
mod timing;

pub use camera::{CameraDescription, ModelNote, StreamKind, StreamSettings};
pub use describe::{camera_streams, marker_stream};
pub use encode::{CameraEncoder, Gap};
pub use mien_xdf::{Channel, ChannelFormat, Element, StreamDescription};
pub use publish::{LibraryInfo, Publisher, PublisherStatus, StreamError, library};
pub use resolve::{RequiredStream, VisibleStream, find_required};
pub use rows::{FrameRows, Row};
pub use sighting::{Sighting, same_by_place};
pub use slots::Slots;
pub use timing::{Scatter, Synchronization, TimingMonitor};
