//! TensorRT's log: an `ILogger` of our own that writes to `tracing` and keeps the last errors.

use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::abi::call::This;
use crate::abi::enums::API_LANGUAGE_CPP;
use crate::error::Said;

/// How many errors are kept for the text of a failed call.
const KEPT_ERRORS: usize = 32;

/// `InterfaceInfo`, returned by value.
#[repr(C)]
pub(crate) struct InterfaceInfo {
    pub(crate) kind: *const c_char,
    pub(crate) major: c_int,
    pub(crate) minor: c_int,
}

/// `IVersionedInterface`: what starts every interface that a caller implements, since 10.0 (`ILogger` since 11.0).
#[repr(C)]
pub(crate) struct VersionedSlots {
    pub(crate) api_language: extern "C" fn(This) -> c_int,
    pub(crate) interface_info: extern "C" fn(This) -> InterfaceInfo,
    pub(crate) destructor: extern "C" fn(This),
    pub(crate) deleting_destructor: extern "C" fn(This),
}

pub(crate) extern "C" fn api_language(_: This) -> c_int {
    API_LANGUAGE_CPP
}

/// Objects of ours are never TensorRT's to delete.
pub(crate) extern "C" fn keep(_: This) {}

type LogFn = extern "C" fn(This, c_int, *const c_char);

/// `ILogger` of 8.6, 10 and RTX before 1.5.
#[repr(C)]
struct PlainTable {
    log: LogFn,
    destructor: extern "C" fn(This),
    deleting_destructor: extern "C" fn(This),
}

/// `ILogger` of 11 and RTX since 1.5.
#[repr(C)]
struct VersionedTable {
    versioned: VersionedSlots,
    log: LogFn,
}

extern "C" fn logger_info(_: This) -> InterfaceInfo {
    InterfaceInfo { kind: c"ILogger".as_ptr(), major: 1, minor: 0 }
}

static PLAIN: PlainTable = PlainTable { log, destructor: keep, deleting_destructor: keep };
static VERSIONED: VersionedTable = VersionedTable {
    versioned: VersionedSlots {
        api_language,
        interface_info: logger_info,
        destructor: keep,
        deleting_destructor: keep,
    },
    log,
};

/// An object that TensorRT takes for an `ILogger`. It lives as long as the process: TensorRT keeps the first one
/// that it is given.
#[repr(C)]
pub(crate) struct Logger {
    table: *const c_void,
    lines: AtomicU64,
    /// How many calls hand their errors to their callers.
    quiet: AtomicU32,
    kept: Mutex<Kept>,
}

/// As long as this lives, errors are not for people yet: a caller gets them and decides.
pub(crate) struct Quiet(&'static Logger);

impl Drop for Quiet {
    fn drop(&mut self) {
        self.0.quiet.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Kept {
    /// How many errors there have been.
    errors: u64,
    last_errors: VecDeque<String>,
    last_line: String,
}

// SAFETY: `table` points to a static that nobody writes; the rest is synchronised.
unsafe impl Send for Logger {}
// SAFETY: as above.
unsafe impl Sync for Logger {}

/// A moment in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(u64);

impl Logger {
    /// A logger for a generation whose `ILogger` starts with the versioned interface, or not.
    pub(crate) fn leaked(versioned: bool) -> &'static Self {
        let table = if versioned { (&raw const VERSIONED).cast() } else { (&raw const PLAIN).cast() };
        Box::leak(Box::new(Self {
            table,
            lines: AtomicU64::new(0),
            quiet: AtomicU32::new(0),
            kept: Mutex::default(),
        }))
    }

    /// The object as TensorRT takes it.
    pub(crate) fn as_object(&'static self) -> This {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// Errors go to the log's details until the guard is dropped, since whoever called shows them.
    pub(crate) fn quietly(&'static self) -> Quiet {
        self.quiet.fetch_add(1, Ordering::Relaxed);
        Quiet(self)
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark(self.lock().errors)
    }

    /// The errors since `mark`. Calls of other threads at the same time share the log: theirs are among them.
    pub(crate) fn errors_since(&self, mark: Mark) -> Said {
        let kept = self.lock();
        let new = usize::try_from(kept.errors - mark.0).unwrap_or(usize::MAX).min(kept.last_errors.len());
        Said(kept.last_errors.iter().skip(kept.last_errors.len() - new).cloned().collect())
    }

    /// How many lines of any severity there have been.
    pub(crate) fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// The last line, of any severity but verbose.
    pub(crate) fn last_line(&self) -> String {
        self.lock().last_line.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, severity: c_int, text: String) {
        self.lines.fetch_add(1, Ordering::Relaxed);
        match severity {
            ..=1 if self.quiet.load(Ordering::Relaxed) > 0 => tracing::debug!(target: "tensorrt", "{text}"),
            ..=1 => tracing::error!(target: "tensorrt", "{text}"),
            2 => tracing::warn!(target: "tensorrt", "{text}"),
            3 => tracing::debug!(target: "tensorrt", "{text}"),
            _ => tracing::trace!(target: "tensorrt", "{text}"),
        }
        if severity > 3 {
            return;
        }
        let mut kept = self.lock();
        if severity <= 1 {
            kept.errors += 1;
            if kept.last_errors.len() == KEPT_ERRORS {
                kept.last_errors.pop_front();
            }
            kept.last_errors.push_back(text.clone());
        }
        kept.last_line = text;
    }
}

/// `void log(Severity, char const*)`, from any thread.
extern "C" fn log(this: This, severity: c_int, text: *const c_char) {
    if text.is_null() {
        return;
    }
    // A subscriber that panics must not unwind into TensorRT.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: TensorRT calls this with the object that it was given, a leaked `Logger`, and a C string.
        let (logger, text) = unsafe { (&*this.cast::<Logger>(), CStr::from_ptr(text)) };
        logger.take(severity, text.to_string_lossy().into_owned());
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_since_a_mark_are_kept_in_order() {
        let logger = Logger::leaked(false);
        logger.take(1, "before".into());
        let mark = logger.mark();
        logger.take(0, "first".into());
        logger.take(2, "a warning".into());
        logger.take(1, "second".into());
        assert_eq!(logger.errors_since(mark), Said(vec!["first".into(), "second".into()]));
        assert_eq!(logger.lines(), 4);
        assert_eq!(logger.last_line(), "second");
        for index in 0..2 * KEPT_ERRORS {
            logger.take(1, index.to_string());
        }
        assert_eq!(logger.errors_since(mark).0.len(), KEPT_ERRORS);
        assert!(logger.errors_since(logger.mark()).0.is_empty());
    }
}
