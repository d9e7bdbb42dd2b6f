//! The system's limit on the size of files (`ulimit -f`): writing beyond it is to be an error like a full disk, which
//! is told and after which files are closed in order. Unasked, the system ends the program instead.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGXFSZ;

/// From now on a write beyond the limit fails. Children, such as ffmpeg, are ended by the system as before, and
/// that is told.
pub(crate) fn be_told() {
    // What the signal sets is of no use: the write that it belongs to returns an error.
    if let Err(error) = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))) {
        tracing::warn!("a file that reaches the system's limit will end the program: {error}");
    }
}
