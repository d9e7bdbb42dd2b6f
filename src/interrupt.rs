//! Ctrl-C, SIGTERM and SIGHUP: files are finished first.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What a second signal does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// A person insists: it ends the program at once.
    EndsAtOnce,
    /// Nothing. When its parent dies, a worker is sent the signal once for each of the parent's threads.
    IsIgnored,
}

/// Listens from now on. The first signal asks for an orderly end.
pub(crate) fn listen(second: Second) {
    let listening = ctrlc::set_handler(move || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) && second == Second::EndsAtOnce {
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
