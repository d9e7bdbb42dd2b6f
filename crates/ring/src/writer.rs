//! The writing side.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::thread::futex;

use crate::layout::Header;
use crate::names::ProcessId;
use crate::segment::Segment;
use crate::slot::{self, WriteStep};
use crate::{RingError, RingSpec, SegmentName};

/// The one writer of a ring. Dropping it removes the segment's name; readers keep what they have open.
pub struct RingWriter {
    segment: Arc<Segment>,
    spec: RingSpec,
    next: u64,
}

impl RingWriter {
    /// Makes a ring in `dir` (normally [`SHM_DIR`](crate::SHM_DIR)). `epoch` counts the lives of the
    /// camera's worker.
    ///
    /// # Errors
    /// When the sizes are impossible, there is no room, or the system refuses.
    pub fn create(dir: &Path, name: &SegmentName, spec: RingSpec, epoch: u64) -> Result<Self, RingError> {
        let bytes = spec.segment_bytes()?;
        let segment = Segment::create(&dir.join(name.file_name()), bytes)?;
        Header::new(segment.header_words()).publish(&spec, bytes, ProcessId::current(), epoch);
        Ok(Self { segment: Arc::new(segment), spec, next: 0 })
    }

    /// Where readers find the ring.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.segment.path()
    }

    /// What the ring holds.
    #[must_use]
    pub fn spec(&self) -> &RingSpec {
        &self.spec
    }

    /// Writes one entry over the oldest, and wakes the readers that wait. `parts` lie one after the
    /// other, each starting at a multiple of 8 bytes; bytes that the entry has no room for are cut off.
    /// Returns the entry's number, from 0.
    pub fn publish(&mut self, parts: &[&[u8]]) -> u64 {
        self.publish_stepwise(parts, |_| {})
    }

    /// As [`publish`](Self::publish), calling `after_store` between the stores. For tests that stop the
    /// writer there.
    #[doc(hidden)]
    #[inline]
    pub fn publish_stepwise(&mut self, parts: &[&[u8]], mut after_store: impl FnMut(WriteStep)) -> u64 {
        let number = self.next;
        let words = self.spec.slot_words();
        let start = (number & (self.spec.slots - 1)) as usize * words;
        let slot = &self.segment.slot_words()[start..start + words];
        let payload_words = (self.spec.payload_bytes as usize).div_ceil(slot::WORD_BYTES);
        slot::write(&slot[..=payload_words], number, parts, &mut after_store);
        self.next = number + 1;
        Header::new(self.segment.header_words()).announce(self.next, mien_clock::monotonic_nanos());
        after_store(WriteStep::Announced);
        let wake = self.segment.wake_word();
        wake.fetch_add(1, Ordering::Release);
        // A reader that is not woken looks again by itself after its timeout.
        let _woken = futex::wake(wake, futex::Flags::empty(), i32::MAX as u32);
        number
    }

    /// Says that this process lives, now and independently of frames.
    #[must_use]
    pub fn heartbeat(&self) -> Heartbeat {
        Heartbeat { segment: Arc::clone(&self.segment) }
    }
}

/// Lets another thread than the writer's sign that the process lives.
#[derive(Clone)]
pub struct Heartbeat {
    segment: Arc<Segment>,
}

impl Heartbeat {
    /// Signs.
    pub fn beat(&self) {
        Header::new(self.segment.header_words()).beat(mien_clock::monotonic_nanos());
    }
}
