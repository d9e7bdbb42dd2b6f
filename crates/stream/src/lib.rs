//! Faces as streams.
//!
//! Three steps, each usable without the next:
//!
//! 1. A [`CameraEncoder`] knows the streams of one camera ([`StreamId`]s with their [`StreamDescription`]s: per face
//!    slot one for each output of the table in `mien-outputs`, such as `…_landmarks`, and one `…_Frames`) and turns
//!    each [`FrameFaces`](mien_face::FrameFaces) into [`FrameRows`]: exactly one row per stream and frame.
//! 2. `mien-outlets` pushes those rows into LSL outlets, stamped with their capture time.
//! 3. The recorder (`mien-record`) writes the same rows under the same descriptions to XDF, so what is
//!    recorded is what was streamed.
//!
//! **Timestamps** are capture times in seconds on the clock of `lsl_local_clock`, which `mien-clock`
//! reads too. They are never moved: a frame that is not later than the one before it is left out and
//! counted.
//!
//! **Names**: `PREFIX_CAMERA_SLOT_KIND`, and source ids that are the same after every restart of the same setup and
//! differ from those of every other; see [`StreamIdentity`].
//!
//! **Slots**: an outlet cannot appear and vanish with a face, so each camera has a fixed number of
//! slots. A face keeps its slot while it is tracked, and a face that comes back under another track id takes
//! its slot again at once; see [`Slots`]. The slot's `…_quality` row carries the track id, so a change of
//! person is visible in the data.
//!
//! **Raw and filtered**: streams such as `…_landmarks` carry what the networks measured. While a camera's temporal
//! filter is on, streams of the same names with `_filtered` behind carry its output, row for row beside the raw
//! ones, for every output that the filter changes.
//!
//! # Example
//! ```
//! use mien_face::FrameFaces;
//! use mien_stream::{CameraDescription, CameraEncoder, StreamSettings};
//!
//! let camera = CameraDescription { name: "front".into(), ..CameraDescription::default() };
//! let mut encoder = CameraEncoder::new(camera, StreamSettings::default());
//! let names: Vec<&str> = encoder.streams().iter().map(|stream| stream.name.as_str()).collect();
//! assert_eq!(
//!     names,
//!     [
//!         "mien_front_face1_landmarks",
//!         "mien_front_face1_blendshapes",
//!         "mien_front_face1_pose",
//!         "mien_front_face1_quality",
//!         "mien_front_Frames",
//!     ]
//! );
//!
//! // A frame without a face, captured at 2 s and pushed 10 ms later: one row for each stream.
//! let mut frame = FrameFaces::boxed();
//! frame.capture_nanos = 2_000_000_000;
//! let rows = encoder.encode(&frame, 2_010_000_000).expect("it is later than the frame before");
//! assert_eq!(rows.iter().count(), 5);
//! // A frame that is not later is left out.
//! assert!(encoder.encode(&frame, 2_020_000_000).is_none());
//! ```

mod camera;
mod describe;
mod encode;
mod identity;
mod rows;
mod sighting;
mod slots;
mod stream_id;
mod timing;

pub use camera::{CameraDescription, ModelNote, StreamSettings};
pub use describe::{camera_streams, marker_stream};
pub use encode::{CameraEncoder, Gap};
pub use identity::StreamIdentity;
pub use mien_xdf::{Channel, ChannelFormat, Element, StreamDescription};
pub use rows::{FrameRows, Row};
pub use sighting::{Sighting, same_by_place};
pub use slots::Slots;
pub use stream_id::{StreamId, StreamKind, camera_stream_ids};
pub use timing::{Scatter, Synchronization, TimingMonitor};
