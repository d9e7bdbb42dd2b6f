//! The header of a segment: 64 words, of which a reader checks every one that it relies on.
//!
//! Three cache lines' worth of words say what the segment is and never change once `READY` holds the
//! magic number again, which is stored last. The words that change afterwards have lines of their own.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::slot::WORD_BYTES;
use crate::{ProcessId, RingError};

/// Counts up whenever the header or the protocol changes.
pub const LAYOUT_VERSION: u64 = 1;

/// "MIENRING" in the order of the bytes in memory.
const MAGIC: u64 = u64::from_ne_bytes(*b"MIENRING");
/// Bytes before the first slot.
pub(crate) const HEADER_BYTES: usize = 512;
/// Words of the header, without the futex's line at its end.
const HEADER_WORDS: usize = WAKE_BYTE / WORD_BYTES;
/// Where the futex word lies: a line of its own, outside the slice of 64-bit words.
pub(crate) const WAKE_BYTE: usize = 448;
/// Slots start on a cache line, so that neighbours do not share one.
const SLOT_ALIGN_WORDS: usize = 8;
/// No segment is larger: a bound for what a damaged header may claim.
const MAX_SEGMENT_BYTES: u64 = 1 << 34;
/// Most slots of a ring.
const MAX_SLOTS: u64 = 1 << 16;

/// Words that never change once the segment is ready.
mod word {
    pub const MAGIC: usize = 0;
    pub const VERSION: usize = 1;
    pub const LAYOUT_HASH: usize = 2;
    pub const SEGMENT_BYTES: usize = 3;
    pub const SLOTS: usize = 4;
    pub const PAYLOAD_BYTES: usize = 5;
    pub const WRITER_PID: usize = 6;
    pub const WRITER_START: usize = 7;
    pub const EPOCH: usize = 8;
    pub const PARAMETERS: usize = 9;
    pub const READY: usize = 16;
    /// Entries announced so far.
    pub const ANNOUNCED: usize = 24;
    /// Monotonic time of the last announcement.
    pub const ANNOUNCED_NANOS: usize = 25;
    /// Monotonic time of the last sign of life.
    pub const HEARTBEAT_NANOS: usize = 32;
}

/// How many numbers of its own a ring may put into its header.
pub(crate) const PARAMETER_COUNT: usize = 4;

/// What a ring holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingSpec {
    /// Bytes of one entry.
    pub payload_bytes: u64,
    /// Entries that the ring keeps; a power of two.
    pub slots: u64,
    /// Stands for the meaning of the payload's bytes: readers refuse any other.
    pub layout_hash: u64,
    /// Numbers that go with the meaning, such as a picture's width and height.
    pub parameters: [u64; PARAMETER_COUNT],
}

impl RingSpec {
    /// Words from one slot to the next: stamp, payload, and what is left of the cache line.
    pub(crate) fn slot_words(&self) -> usize {
        (1 + (self.payload_bytes as usize).div_ceil(WORD_BYTES)).next_multiple_of(SLOT_ALIGN_WORDS)
    }

    /// Bytes of the whole segment.
    ///
    /// # Errors
    /// When no ring can have these sizes.
    pub fn segment_bytes(&self) -> Result<u64, RingError> {
        let refuse = |reason: String| Err(RingError::Spec { reason });
        if !self.slots.is_power_of_two() || self.slots < 2 || self.slots > MAX_SLOTS {
            return refuse(format!("{} slots; allowed are powers of two from 2 to {MAX_SLOTS}", self.slots));
        }
        if self.payload_bytes == 0 || self.payload_bytes > MAX_SEGMENT_BYTES {
            return refuse(format!("entries of {} bytes", self.payload_bytes));
        }
        let bytes = HEADER_BYTES as u64 + self.slots * (self.slot_words() * WORD_BYTES) as u64;
        if bytes > MAX_SEGMENT_BYTES {
            return refuse(format!("{bytes} bytes; at most {MAX_SEGMENT_BYTES} are allowed"));
        }
        Ok(bytes)
    }
}

/// The header's words, and what may be asked of them.
#[derive(Clone, Copy)]
pub(crate) struct Header<'a>(&'a [AtomicU64]);

/// What a reader has checked and keeps: the segment may change afterwards, this does not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked {
    pub spec: RingSpec,
    pub writer: ProcessId,
    pub epoch: u64,
}

impl<'a> Header<'a> {
    /// The header at the start of a segment's words.
    pub fn new(words: &'a [AtomicU64]) -> Self {
        Self(&words[..HEADER_WORDS])
    }

    fn get(&self, index: usize) -> u64 {
        self.0[index].load(Ordering::Relaxed)
    }

    /// The stores that make a fresh, zeroed segment a ring, in their order: the last makes it ready.
    fn stores(spec: &RingSpec, bytes: u64, writer: ProcessId, epoch: u64) -> Vec<(usize, u64)> {
        let mut stores = vec![
            (word::MAGIC, MAGIC),
            (word::VERSION, LAYOUT_VERSION),
            (word::LAYOUT_HASH, spec.layout_hash),
            (word::SEGMENT_BYTES, bytes),
            (word::SLOTS, spec.slots),
            (word::PAYLOAD_BYTES, spec.payload_bytes),
            (word::WRITER_PID, u64::from(writer.pid)),
            (word::WRITER_START, writer.start_ticks),
            (word::EPOCH, epoch),
            (word::HEARTBEAT_NANOS, mien_clock::monotonic_nanos() as u64),
        ];
        stores.extend(
            spec.parameters.iter().enumerate().map(|(index, value)| (word::PARAMETERS + index, *value)),
        );
        stores.push((word::READY, MAGIC));
        stores
    }

    /// Makes a fresh, zeroed segment a ring.
    pub fn publish(&self, spec: &RingSpec, bytes: u64, writer: ProcessId, epoch: u64) {
        for (index, value) in Self::stores(spec, bytes, writer, epoch) {
            self.0[index].store(value, Ordering::Release);
        }
    }

    /// Reads and checks everything that a reader relies on.
    pub fn check(&self, path: &Path, file_bytes: u64, layout_hash: u64) -> Result<Checked, RingError> {
        let refuse = |reason: String| Err(RingError::Foreign { path: path.to_path_buf(), reason });
        let ready = self.get(word::READY);
        fence(Ordering::Acquire);
        if self.get(word::MAGIC) != MAGIC || ready != MAGIC {
            return refuse("its header is missing or unfinished".into());
        }
        let version = self.get(word::VERSION);
        if version != LAYOUT_VERSION {
            return refuse(format!(
                "its layout has version {version}, this program has {LAYOUT_VERSION}: \
                 start all of Mien's programs in the same version"
            ));
        }
        let hash = self.get(word::LAYOUT_HASH);
        if hash != layout_hash {
            return refuse(format!("its entries have layout {hash:#x}, expected {layout_hash:#x}"));
        }
        let spec = RingSpec {
            payload_bytes: self.get(word::PAYLOAD_BYTES),
            slots: self.get(word::SLOTS),
            layout_hash: hash,
            parameters: std::array::from_fn(|index| self.get(word::PARAMETERS + index)),
        };
        let bytes = match spec.segment_bytes() {
            Ok(bytes) => bytes,
            Err(error) => return refuse(error.to_string()),
        };
        if bytes != self.get(word::SEGMENT_BYTES) || bytes != file_bytes {
            return refuse(format!("it has {file_bytes} bytes where its header asks for {bytes}"));
        }
        let Ok(pid) = u32::try_from(self.get(word::WRITER_PID)) else {
            return refuse("its writer has no process id".into());
        };
        let writer = ProcessId { pid, start_ticks: self.get(word::WRITER_START) };
        Ok(Checked { spec, writer, epoch: self.get(word::EPOCH) })
    }

    /// Entries announced so far; what was written before each is visible after this.
    pub fn announced(&self) -> u64 {
        let count = self.get(word::ANNOUNCED);
        fence(Ordering::Acquire);
        count
    }

    pub fn announce(&self, count: u64, now_nanos: i64) {
        self.0[word::ANNOUNCED_NANOS].store(now_nanos as u64, Ordering::Relaxed);
        self.0[word::ANNOUNCED].store(count, Ordering::Release);
    }

    pub fn announced_nanos(&self) -> i64 {
        self.get(word::ANNOUNCED_NANOS) as i64
    }

    pub fn beat(&self, now_nanos: i64) {
        self.0[word::HEARTBEAT_NANOS].store(now_nanos as u64, Ordering::Relaxed);
    }

    pub fn heartbeat_nanos(&self) -> i64 {
        self.get(word::HEARTBEAT_NANOS) as i64
    }
}

/// FNV-1a over numbers: turns a list of sizes and offsets into a layout hash at compile time.
/// (Fowler, Noll, Vo; offset basis and prime of the 64-bit variant.)
pub(crate) const fn hash_numbers(numbers: &[u64]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut index = 0;
    while index < numbers.len() {
        let bytes = numbers[index].to_le_bytes();
        let mut byte = 0;
        while byte < bytes.len() {
            hash = (hash ^ bytes[byte] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            byte += 1;
        }
        index += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: RingSpec = RingSpec { payload_bytes: 24, slots: 4, layout_hash: 5, parameters: [1, 2, 3, 4] };
    const WRITER: ProcessId = ProcessId { pid: 7, start_ticks: 9 };

    fn words() -> Vec<AtomicU64> {
        (0..HEADER_BYTES / WORD_BYTES).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn a_published_header_is_accepted() {
        let words = words();
        let bytes = SPEC.segment_bytes().unwrap();
        Header::new(&words).publish(&SPEC, bytes, WRITER, 3);
        let checked = Header::new(&words).check(Path::new("x"), bytes, 5).unwrap();
        assert_eq!((checked.spec, checked.writer, checked.epoch), (SPEC, WRITER, 3));
    }

    #[test]
    fn a_writer_killed_before_any_store_of_the_header_leaves_nothing_readable() {
        let bytes = SPEC.segment_bytes().unwrap();
        let stores = Header::stores(&SPEC, bytes, WRITER, 3);
        for done in 0..stores.len() {
            let words = words();
            for (index, value) in &stores[..done] {
                words[*index].store(*value, Ordering::Relaxed);
            }
            assert!(Header::new(&words).check(Path::new("x"), bytes, 5).is_err(), "{done} stores");
        }
    }

    #[test]
    fn every_checked_word_matters() {
        let bytes = SPEC.segment_bytes().unwrap();
        for (index, value) in Header::stores(&SPEC, bytes, WRITER, 3) {
            let free = index == word::WRITER_START
                || index == word::EPOCH
                || index == word::HEARTBEAT_NANOS
                || (word::PARAMETERS..word::PARAMETERS + PARAMETER_COUNT).contains(&index);
            for wrong in [0, value ^ 1, value.wrapping_mul(2), u64::MAX] {
                let words = words();
                Header::new(&words).publish(&SPEC, bytes, WRITER, 3);
                words[index].store(wrong, Ordering::Relaxed);
                let result = Header::new(&words).check(Path::new("x"), bytes, 5);
                let any_pid = index == word::WRITER_PID && u32::try_from(wrong).is_ok();
                // An entry that takes as many cache lines: the typed readers check the exact size.
                let as_large = index == word::PAYLOAD_BYTES
                    && RingSpec { payload_bytes: wrong, ..SPEC }
                        .segment_bytes()
                        .is_ok_and(|new| new == bytes);
                let harmless = free || any_pid || as_large || wrong == value;
                assert_eq!(result.is_ok(), harmless, "word {index} = {wrong}");
            }
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for slots in [0, 1, 3, u64::MAX, MAX_SLOTS * 2] {
            assert!(RingSpec { slots, ..SPEC }.segment_bytes().is_err(), "{slots}");
        }
        for payload_bytes in [0, MAX_SEGMENT_BYTES, u64::MAX] {
            assert!(RingSpec { payload_bytes, ..SPEC }.segment_bytes().is_err(), "{payload_bytes}");
        }
    }
}
