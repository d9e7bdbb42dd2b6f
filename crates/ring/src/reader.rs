//! The reading side.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::thread::futex;

use crate::layout::{Checked, Header};
use crate::segment::Segment;
use crate::slot::{self, Refusal};
use crate::{ProcessId, RingError, RingSpec};

/// How often a read starts again because the writer came by. Each time the writer must have gone round
/// the whole ring during one copy; what hinders a reader longer than this is a damaged ring.
const MAX_ATTEMPTS: u32 = 8;

/// An entry that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Number of the entry in its ring, from 0.
    pub number: u64,
    /// Entries between the one before and this one that this reader did not get.
    pub missed: u64,
}

/// One of any number of readers; maps the segment read-only and never disturbs anybody.
pub struct RingReader {
    segment: Segment,
    checked: Checked,
    /// Number of the entry that comes next.
    next: u64,
    missed: u64,
}

impl RingReader {
    /// Opens a ring whose entries have the given layout. It starts with the oldest entry that is there.
    ///
    /// # Errors
    /// When the file is missing, or anything about it is not as this program expects.
    pub fn open(path: &Path, layout_hash: u64) -> Result<Self, RingError> {
        let segment = Segment::open(path)?;
        let checked = Header::new(segment.header_words()).check(path, segment.bytes(), layout_hash)?;
        let mut reader = Self { segment, checked, next: 0, missed: 0 };
        reader.next = reader.oldest(reader.announced());
        Ok(reader)
    }

    /// What the ring holds.
    #[must_use]
    pub fn spec(&self) -> &RingSpec {
        &self.checked.spec
    }

    /// The process that writes.
    #[must_use]
    pub fn writer(&self) -> ProcessId {
        self.checked.writer
    }

    /// Which life of the camera's worker this is.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.checked.epoch
    }

    /// Entries that the writer has announced.
    #[must_use]
    pub fn announced(&self) -> u64 {
        self.header().announced()
    }

    /// Time since the last announcement on the monotonic clock; nothing before the first.
    #[must_use]
    pub fn progress_age(&self) -> Option<Duration> {
        (self.announced() > 0).then(|| age(self.header().announced_nanos()))
    }

    /// Time since the writing process last signed that it lives.
    #[must_use]
    pub fn heartbeat_age(&self) -> Duration {
        age(self.header().heartbeat_nanos())
    }

    /// Entries that this reader did not get, in all.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Copies the newest entry into `parts`, unless it was read before. What lies between counts as
    /// missed. `parts` are filled one after the other, as [`publish`](crate::RingWriter::publish) took
    /// them; they hold garbage after `None`.
    pub fn latest(&mut self, parts: &mut [&mut [u8]]) -> Option<Entry> {
        self.read(parts, |announced, _| announced - 1)
    }

    /// Copies the next entry into `parts`: the one after the last that was read or, when the writer has
    /// gone round since, the oldest that is left.
    pub fn next(&mut self, parts: &mut [&mut [u8]]) -> Option<Entry> {
        self.read(parts, |_, oldest| oldest)
    }

    /// Counts all entries that there are as read, without copying them; whether there was one.
    pub fn skip(&mut self) -> bool {
        let announced = self.announced();
        let any = announced > self.next;
        self.next = self.next.max(announced);
        any
    }

    /// Sleeps until there is an entry that was not read, or the time is over. Returns whether there is.
    pub fn wait(&self, timeout: Duration) -> bool {
        let wake = self.segment.wake_word();
        let deadline = mien_clock::monotonic_nanos().saturating_add(timeout.as_nanos() as i64);
        loop {
            let seen = wake.load(Ordering::Relaxed);
            if self.announced() > self.next {
                return true;
            }
            let left = deadline - mien_clock::monotonic_nanos();
            if left <= 0 {
                return false;
            }
            let left = futex::Timespec { tv_sec: left / 1_000_000_000, tv_nsec: left % 1_000_000_000 };
            match futex::wait(wake, futex::Flags::empty(), seen, Some(&left)) {
                Ok(()) | Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(_) => return self.announced() > self.next,
            }
        }
    }

    fn read(&mut self, parts: &mut [&mut [u8]], choose: impl Fn(u64, u64) -> u64) -> Option<Entry> {
        for _ in 0..MAX_ATTEMPTS {
            let announced = self.announced();
            if announced <= self.next {
                return None;
            }
            let number = choose(announced, self.oldest(announced).max(self.next));
            let words = self.checked.spec.slot_words();
            let start = (number & (self.checked.spec.slots - 1)) as usize * words;
            match slot::read(&self.segment.slot_words()[start..start + words], number, parts) {
                Ok(()) => {
                    let missed = number - self.next;
                    self.next = number + 1;
                    self.missed = self.missed.saturating_add(missed);
                    return Some(Entry { number, missed });
                }
                Err(Refusal::Overwritten) => {}
                // An honest writer announces only whole entries.
                Err(Refusal::NotWritten) => return None,
            }
        }
        None
    }

    /// The oldest entry that is not the next to be overwritten.
    fn oldest(&self, announced: u64) -> u64 {
        announced.saturating_sub(self.checked.spec.slots - 1)
    }

    fn header(&self) -> Header<'_> {
        Header::new(self.segment.header_words())
    }
}

fn age(nanos: i64) -> Duration {
    Duration::from_nanos(mien_clock::monotonic_nanos().saturating_sub(nanos).max(0) as u64)
}
