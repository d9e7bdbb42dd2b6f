//! The ring of results.

use std::mem::offset_of;
use std::path::Path;
use std::time::Duration;

use bytemuck::{Pod, Zeroable};
use mien_face::{Face, FaceState, FrameFaces};

use crate::layout::hash_numbers;
use crate::{
    Entry, Heartbeat, ProcessId, RingError, RingKind, RingReader, RingSpec, RingWriter, SegmentName,
};

/// Most stages whose times go with a result.
pub const MAX_STAGES: usize = 12;

/// When a result came about. All times on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct ResultTimings {
    /// When the frame was handed to the worker by its source.
    pub received_nanos: i64,
    /// When the pipeline took the frame.
    pub started_nanos: i64,
    /// When the result was complete.
    pub finished_nanos: i64,
    /// Frames of the camera that the pipeline never saw, since the worker started: lost on their way here,
    /// damaged, or replaced by newer ones while they waited.
    pub dropped_frames: u64,
    /// Duration of each stage of the pipeline in nanoseconds, in the pipeline's order; 0 for a stage
    /// that did not run.
    pub stage_nanos: [u64; MAX_STAGES],
}

/// One result.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct FacesEntry {
    /// The faces of the frame.
    pub frame: FrameFaces,
    /// When they came about.
    pub timings: ResultTimings,
}

impl FacesEntry {
    /// An empty entry on the heap (the type is too large for comfortable stacks).
    #[must_use]
    pub fn boxed() -> Box<Self> {
        bytemuck::allocation::zeroed_box()
    }
}

/// Sizes and places of all that an entry is made of.
const LAYOUT_HASH: u64 = hash_numbers(&[
    1, // the meaning of the fields; to be raised when it changes but no size does
    size_of::<FacesEntry>() as u64,
    offset_of!(FacesEntry, timings) as u64,
    offset_of!(FrameFaces, faces) as u64,
    size_of::<Face>() as u64,
    offset_of!(Face, measured) as u64,
    offset_of!(Face, smoothed) as u64,
    size_of::<FaceState>() as u64,
    offset_of!(FaceState, blendshapes) as u64,
    offset_of!(FaceState, pose) as u64,
    offset_of!(ResultTimings, stage_nanos) as u64,
    MAX_STAGES as u64,
]);

const FRAME_BYTES: usize = size_of::<FrameFaces>();
const _: () = assert!(FRAME_BYTES.is_multiple_of(8) && size_of::<FacesEntry>().is_multiple_of(8));

/// Writes results.
pub struct FacesWriter {
    ring: RingWriter,
}

/// Makes a camera's ring of results in `dir`; `slots` is a power of two.
///
/// # Errors
/// As [`RingWriter::create`].
pub fn create_faces(
    dir: &Path,
    session: &str,
    camera: &str,
    slots: u64,
    epoch: u64,
) -> Result<FacesWriter, RingError> {
    let name = SegmentName::new(session, camera, RingKind::Faces)?;
    Ok(FacesWriter { ring: RingWriter::create(dir, &name, spec(slots), epoch)? })
}

pub(crate) fn spec(slots: u64) -> RingSpec {
    RingSpec {
        payload_bytes: size_of::<FacesEntry>() as u64,
        slots,
        layout_hash: LAYOUT_HASH,
        parameters: [0; 4],
    }
}

impl FacesWriter {
    /// Writes one result over the oldest; returns the entry's number, from 0.
    pub fn publish(&mut self, frame: &FrameFaces, timings: &ResultTimings) -> u64 {
        self.ring.publish(&[bytemuck::bytes_of(frame), bytemuck::bytes_of(timings)])
    }

    /// Where readers find the ring.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.ring.path()
    }

    /// For the thread that signs that the process lives.
    #[must_use]
    pub fn heartbeat(&self) -> Heartbeat {
        self.ring.heartbeat()
    }
}

/// Reads results.
pub struct FacesReader {
    ring: RingReader,
}

/// Opens a camera's ring of results.
///
/// # Errors
/// As [`RingReader::open`].
pub fn open_faces(path: &Path) -> Result<FacesReader, RingError> {
    let ring = RingReader::open(path, LAYOUT_HASH)?;
    if ring.spec().payload_bytes != size_of::<FacesEntry>() as u64 {
        let reason = format!("its entries have {} bytes", ring.spec().payload_bytes);
        return Err(RingError::Foreign { path: path.to_path_buf(), reason });
    }
    Ok(FacesReader { ring })
}

impl FacesReader {
    /// Copies the newest result, unless it was read before. On `None` the result holds garbage.
    pub fn latest(&mut self, result: &mut FacesEntry) -> Option<Entry> {
        self.ring.latest(&mut [bytemuck::bytes_of_mut(result)])
    }

    /// Copies the next result, or the oldest that is left. On `None` the result holds garbage.
    pub fn next(&mut self, result: &mut FacesEntry) -> Option<Entry> {
        self.ring.next(&mut [bytemuck::bytes_of_mut(result)])
    }

    /// Counts all results that there are as read, without copying them; whether there was one.
    pub fn skip(&mut self) -> bool {
        self.ring.skip()
    }

    /// Sleeps until there is a result that was not read, or the time is over. Returns whether there is.
    pub fn wait(&self, timeout: Duration) -> bool {
        self.ring.wait(timeout)
    }

    /// Time since the last result; nothing before the first.
    #[must_use]
    pub fn progress_age(&self) -> Option<Duration> {
        self.ring.progress_age()
    }

    /// Time since the worker last signed that it lives.
    #[must_use]
    pub fn heartbeat_age(&self) -> Duration {
        self.ring.heartbeat_age()
    }

    /// The worker.
    #[must_use]
    pub fn writer(&self) -> ProcessId {
        self.ring.writer()
    }

    /// Which life of the worker this is.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.ring.epoch()
    }

    /// Results that the worker has written.
    #[must_use]
    pub fn announced(&self) -> u64 {
        self.ring.announced()
    }

    /// Results that this reader did not get.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.ring.missed()
    }
}
