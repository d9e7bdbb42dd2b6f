//! Capture devices and what their drivers let one change. Drivers may take their time: whoever asks does so on
//! a thread of its own.

use std::sync::Arc;

use mien_gui::LogLevel;

use super::board::Board;
use super::log::Log;

/// Lists the devices, on a thread of its own.
pub(crate) fn look(board: &Arc<Board>) {
    let board = Arc::clone(board);
    aside("devices", move || {
        let devices = mien_capture::list_cameras();
        board.change(|shown| shown.devices = devices);
    });
}

/// Reads a camera's controls, after changing one of them, on a thread of its own.
pub(crate) fn controls(
    board: &Arc<Board>,
    log: &Arc<Log>,
    name: String,
    source: String,
    change: Option<(String, i64)>,
) {
    let (board, log) = (Arc::clone(board), Arc::clone(log));
    aside("driver", move || {
        let changed =
            change.map_or(Ok(()), |(control, value)| mien_capture::set_control(&source, &control, value));
        let read = changed.and_then(|()| mien_capture::controls(&source));
        match read {
            Ok(controls) => board.change(|shown| drop(shown.controls.insert(name, controls))),
            Err(error) => log.add(LogLevel::Error, &name, error.to_string()),
        }
    });
}

/// Work that nobody waits for.
pub(crate) fn aside(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(work) {
        tracing::error!("the system starts no thread: {error}");
    }
}
