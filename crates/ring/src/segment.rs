//! A file in shared memory, mapped. All `unsafe` code of the crate is here.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::fs::{FallocateFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

use crate::RingError;
use crate::layout::{HEADER_BYTES, WAKE_BYTE};
use crate::slot::WORD_BYTES;

/// A mapped segment: atomics only, for as long as it lives.
pub(crate) struct Segment {
    start: NonNull<u8>,
    bytes: usize,
    path: PathBuf,
    /// The one who made the file removes its name.
    owned: bool,
}

// SAFETY: the mapping belongs to no thread, and is only reached as `&AtomicU64` and `&AtomicU32`, which
// any thread may use.
unsafe impl Send for Segment {}
// SAFETY: as for `Send`.
unsafe impl Sync for Segment {}

impl Segment {
    /// Makes a new file of zeros and maps it for writing.
    pub fn create(path: &Path, bytes: u64) -> Result<Self, RingError> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|error| failure(path, "create", error))?;
        // Pages that are promised now cannot be missing later, when their absence would be SIGBUS.
        let reserved = loop {
            match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes) {
                Err(Errno::INTR) => {}
                other => break other,
            }
        };
        let mapped = reserved
            .map_err(|error| match error {
                Errno::NOSPC | Errno::NOMEM | Errno::FBIG | Errno::DQUOT => {
                    RingError::NoRoom { path: path.to_path_buf(), bytes }
                }
                error => failure(path, "reserve", error),
            })
            .and_then(|()| Self::map(&file, path, bytes, ProtFlags::READ | ProtFlags::WRITE));
        match mapped {
            Ok(mut segment) => {
                segment.owned = true;
                Ok(segment)
            }
            Err(error) => {
                // The error that is reported is the one that matters.
                let _removed = std::fs::remove_file(path);
                Err(error)
            }
        }
    }

    /// Maps an existing file for reading.
    pub fn open(path: &Path) -> Result<Self, RingError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = rustix::fs::open(path, flags, Mode::empty())
            .map(File::from)
            .map_err(|error| failure(path, "open", error))?;
        let meta = file.metadata().map_err(|source| RingError::System {
            path: path.to_path_buf(),
            action: "examine",
            source,
        })?;
        if !meta.is_file() || meta.len() < HEADER_BYTES as u64 {
            let reason = "it is no regular file with a header".into();
            return Err(RingError::Foreign { path: path.to_path_buf(), reason });
        }
        Self::map(&file, path, meta.len(), ProtFlags::READ)
    }

    fn map(file: impl AsFd, path: &Path, bytes: u64, access: ProtFlags) -> Result<Self, RingError> {
        let Ok(length) = usize::try_from(bytes) else {
            return Err(RingError::NoRoom { path: path.to_path_buf(), bytes });
        };
        // The writer's pages are entered now, so that no frame pays for it.
        let populate = if access.contains(ProtFlags::WRITE) { MapFlags::POPULATE } else { MapFlags::empty() };
        // SAFETY: a fresh mapping at an address that the kernel chooses overlaps nothing of ours.
        let start = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                length,
                access,
                MapFlags::SHARED | populate,
                file.as_fd(),
                0,
            )
        }
        .map_err(|error| failure(path, "map", error))?;
        let start = NonNull::new(start.cast()).expect("the kernel maps nothing at address 0");
        Ok(Self { start, bytes: length, path: path.to_path_buf(), owned: false })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// The header's words. Readers must only load, relaxed: their pages are read-only.
    pub fn header_words(&self) -> &[AtomicU64] {
        self.words(0, WAKE_BYTE)
    }

    /// The slots' words. Readers must only load, relaxed: their pages are read-only.
    pub fn slot_words(&self) -> &[AtomicU64] {
        self.words(HEADER_BYTES, self.bytes)
    }

    fn words(&self, from: usize, to: usize) -> &[AtomicU64] {
        assert!(from.is_multiple_of(WORD_BYTES) && from <= to && to <= self.bytes);
        // SAFETY: the mapping spans `from..to` (asserted) for as long as `self` lives; pages are aligned
        // and `from` is a multiple of a word; any bits are a valid `AtomicU64`; and every process
        // accesses these bytes as `AtomicU64` only.
        unsafe { std::slice::from_raw_parts(self.start.add(from).cast().as_ptr(), (to - from) / WORD_BYTES) }
    }

    /// The futex word, which counts announcements. Readers must only load, relaxed.
    pub fn wake_word(&self) -> &AtomicU32 {
        // SAFETY: the word lies inside the header, which `open` and `create` saw to; it is aligned; and
        // no slice of `words` spans it.
        unsafe { self.start.add(WAKE_BYTE).cast().as_ref() }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `map` made, and no borrow of it outlives `self`.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok());
        if self.owned {
            // Gone already when a supervisor cleaned up: nothing is left to do then.
            let _removed = std::fs::remove_file(&self.path);
        }
    }
}

fn failure(path: &Path, action: &'static str, error: Errno) -> RingError {
    RingError::System { path: path.to_path_buf(), action, source: error.into() }
}
