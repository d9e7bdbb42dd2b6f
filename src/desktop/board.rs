//! What the control thread shows to the window.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mien_capture::{CameraControl, CameraDevice};
use mien_config::Config;
use mien_gui::{Check, MachineLoad, RecordingStatus, SettingsFile, StreamStatus};

use super::feed::Wake;
use crate::names::NamesByTrack;

/// Everything that the window reads but pictures, results, cameras' states and the log.
#[derive(Default, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) config: Config,
    pub(crate) settings_file: SettingsFile,
    pub(crate) recording: RecordingStatus,
    pub(crate) streams: Vec<StreamStatus>,
    pub(crate) streams_note: String,
    pub(crate) devices: Vec<CameraDevice>,
    /// By camera.
    pub(crate) controls: HashMap<String, Vec<CameraControl>>,
    pub(crate) checks: Vec<Check>,
    pub(crate) load: MachineLoad,
    pub(crate) trace: Option<PathBuf>,
    /// Participants' names.
    pub(crate) participants: NamesByTrack,
}

/// Shared with the window.
pub(crate) struct Board {
    shown: Mutex<(Shown, u64)>,
    wake: Wake,
}

impl Board {
    /// `wake` is called whenever something is different.
    pub(crate) fn new(shown: Shown, wake: Wake) -> Self {
        Self { shown: Mutex::new((shown, 1)), wake }
    }

    /// Copies what is shown, if it is another than that of the given version; gives its version.
    pub(crate) fn take(&self, into: &mut Shown, version: u64) -> u64 {
        let board = self.lock();
        if board.1 != version {
            into.clone_from(&board.0);
        }
        board.1
    }

    /// Looks at what is shown.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Shown) -> T) -> T {
        look(&self.lock().0)
    }

    /// Changes what is shown, and wakes the window if it is different then.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Shown)) {
        let mut board = self.lock();
        let before = board.0.clone();
        change(&mut board.0);
        if board.0 == before {
            return;
        }
        board.1 += 1;
        drop(board);
        (self.wake)();
    }

    /// Wakes the window.
    pub(crate) fn wake(&self) {
        (self.wake)();
    }

    fn lock(&self) -> MutexGuard<'_, (Shown, u64)> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn the_window_is_woken_by_what_is_different_only() {
        let woken = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&woken);
        let wake: Wake = Arc::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let board = Board::new(Shown::default(), wake);
        let mut seen = Shown::default();
        let version = board.take(&mut seen, 0);
        board.change(|shown| shown.streams_note.clear());
        assert_eq!((board.take(&mut seen, version), woken.load(Ordering::Relaxed)), (version, 0));
        board.change(|shown| shown.streams_note = "no liblsl".to_owned());
        assert_ne!(board.take(&mut seen, version), version);
        assert_eq!((seen.streams_note.as_str(), woken.load(Ordering::Relaxed)), ("no liblsl", 1));
    }
}
