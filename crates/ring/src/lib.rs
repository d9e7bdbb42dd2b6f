//! Lock-free ring buffers in shared memory: one writer, several readers, newest wins.
//!
//! A worker process writes what it sees, the supervising process (and whoever else may open the file)
//! reads it. Nobody ever waits for anybody: a full ring drops its oldest entry, and each reader counts
//! what it missed. [`RingWriter`] and [`RingReader`] move opaque entries of one fixed size;
//! [`PreviewWriter`], [`PreviewReader`], [`FacesWriter`] and [`FacesReader`] give them a meaning.
//!
//! # Roles
//! - `slot`: the protocol of one slot, on plain slices of atomics, so that `loom` and Miri can run it.
//! - `layout`: the header: what a reader checks before it believes anything.
//! - `segment`: the file in `/dev/shm`, mapped; the only `unsafe` code of the crate.
//! - `names`: what segments are called, and how leftovers of dead processes are found and removed.
//!
//! # Why this is sound
//! Two processes touch the same bytes at the same time, on purpose. A plain racy read would be undefined
//! behaviour even if its result were thrown away, so every access to a segment, header and payload
//! alike, is an atomic access of one width (`AtomicU64`; one `AtomicU32` apart from them, for the futex).
//! No reference to anything but atomics ever points into a segment, and payloads are plain data without
//! padding, `bool`s or enums, copied out before anybody looks at them.
//!
//! Each slot starts with a *stamp*: `2n + 1` while entry `n` is being written, `2n + 2` when it is whole.
//! Stamps only grow, so one word says both which entry a slot holds and whether it is whole.
//!
//! | writer, entry n | reader, entry n |
//! |---|---|
//! | stamp ← 2n + 1, relaxed | s₁ ← stamp, relaxed; fence(acquire); give up unless s₁ = 2n + 2 |
//! | fence(release) | |
//! | payload words, relaxed | payload words, relaxed |
//! | stamp ← 2n + 2, release | fence(acquire); s₂ ← stamp, relaxed; give up unless s₂ = s₁ |
//!
//! - *No word is older than entry n.* s₁ was stored with release after the payload of entry n, and the
//!   reader's fence follows its load: the payload's stores happen before the reader's copy, and coherence
//!   forbids it to see anything earlier.
//! - *No word is newer.* Suppose one came from entry m > n. Its store follows the writer's release fence,
//!   and the reader's acquire fence follows the load that saw it: the fences synchronise, so stamp ←
//!   2m + 1 happens before the load of s₂, which then cannot return 2n + 2.
//!
//! Readers map the segment read-only. On such memory only relaxed loads are promised not to write
//! (`std::sync::atomic`, "Atomic accesses to read-only memory"), hence a relaxed load and a fence where an
//! acquire load would say the same.
//!
//! A writer that dies in the middle of a slot leaves an odd stamp. No reader waits for it: the entry was
//! never announced in the header. The next worker makes a segment of its own with the next epoch.
//!
//! # Example
//! ```
//! use bytemuck::Zeroable;
//! use mien_face::FrameFaces;
//! use mien_ring::{FacesEntry, ResultTimings, create_faces, open_faces};
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! // In a worker: a ring of four results in this folder (usually /dev/shm).
//! let mut writer = create_faces(folder, "session", "front", 4, 1)?;
//! // In the supervising process:
//! let mut reader = open_faces(writer.path())?;
//!
//! let mut frame = FrameFaces::boxed();
//! for index in 0..6 {
//!     frame.frame_index = index;
//!     writer.publish(&frame, &ResultTimings::zeroed());
//! }
//! let mut entry = FacesEntry::boxed();
//! assert!(reader.latest(&mut entry).is_some());
//! assert_eq!(entry.frame.frame_index, 5);
//! // Nothing newer yet, and nobody waits.
//! assert!(reader.next(&mut entry).is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it cannot do
//! Whoever may write to the file (the same user) may also shorten it, and a reader then gets `SIGBUS`:
//! only a sealed `memfd` could prevent that. Nothing in Mien ever shortens a segment.

mod slot;

#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod faces;
#[cfg(not(loom))]
mod layout;
#[cfg(not(loom))]
mod names;
#[cfg(not(loom))]
mod preview;
#[cfg(not(loom))]
mod reader;
#[cfg(not(loom))]
mod room;
#[cfg(not(loom))]
mod segment;
#[cfg(not(loom))]
mod writer;

#[cfg(not(loom))]
pub use error::RingError;
#[cfg(not(loom))]
pub use faces::{FacesEntry, FacesReader, FacesWriter, MAX_STAGES, ResultTimings, create_faces, open_faces};
#[cfg(not(loom))]
pub use layout::{LAYOUT_VERSION, RingSpec};
#[cfg(not(loom))]
pub use names::{ProcessId, RingKind, SHM_DIR, SegmentName, is_name, remove_segment, remove_stale};
#[cfg(not(loom))]
pub use preview::{
    OverlayFace, PreviewHeader, PreviewPicture, PreviewReader, PreviewWriter, create_preview, open_preview,
};
#[cfg(not(loom))]
pub use reader::{Entry, RingReader};
#[cfg(not(loom))]
pub use room::{Room, camera_bytes, room};
#[cfg(not(loom))]
pub use slot::WriteStep;
#[cfg(not(loom))]
pub use writer::{Heartbeat, RingWriter};
