//! Ctrl-C, SIGTERM and SIGHUP: files are finished first.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Listens from now on. The first signal asks for an orderly end, a second one ends at once.
pub(crate) fn listen() {
    let listening = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    if let Err(error) = listening {
        tracing::warn!("Ctrl-C will end the program without finishing its files: {error}");
    }
}

/// Whether the user wants an end.
pub(crate) fn is_requested() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}
