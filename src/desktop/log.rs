//! The lines that the log page shows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use mien_gui::{LogLevel, LogLine};
use mien_supervisor::CameraEvent;

/// Lines kept; older ones go.
const CAPACITY: usize = 5000;

/// Collects lines from any thread.
pub(crate) struct Log {
    started: Instant,
    new: Mutex<VecDeque<LogLine>>,
}

impl Log {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { started: Instant::now(), new: Mutex::default() })
    }

    /// Adds a line, here and to the program's log on standard error.
    pub(crate) fn add(&self, level: LogLevel, origin: &str, text: impl Into<String>) {
        let seconds = self.started.elapsed().as_secs_f64();
        let text = mien_address::redact_text(&text.into()).into_owned();
        let line = LogLine { seconds, level, origin: origin.to_owned(), text };
        let LogLine { origin, text, .. } = &line;
        match level {
            LogLevel::Error => tracing::error!("{origin}: {text}"),
            LogLevel::Warning => tracing::warn!("{origin}: {text}"),
            LogLevel::Info => tracing::info!("{origin}: {text}"),
            LogLevel::Debug => tracing::debug!("{origin}: {text}"),
        }
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        if new.len() == CAPACITY {
            new.pop_front();
        }
        new.push_back(line);
    }

    /// A camera has come into another state; what its worker told is in the worker's log.
    pub(crate) fn camera_event(&self, event: &CameraEvent) {
        if event.by_worker {
            return;
        }
        let level = if event.state.is_trouble() { LogLevel::Warning } else { LogLevel::Info };
        let reason = if event.reason.is_empty() { String::new() } else { format!(": {}", event.reason) };
        self.add(level, &event.camera, format!("{}{reason}", event.state.label()));
    }

    /// A line of a worker's log, with its level in front as `tracing` writes it.
    pub(crate) fn worker_line(&self, camera: &str, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        let levels = [
            ("ERROR", LogLevel::Error),
            ("WARN", LogLevel::Warning),
            ("INFO", LogLevel::Info),
            ("DEBUG", LogLevel::Debug),
            ("TRACE", LogLevel::Debug),
        ];
        match levels.iter().find_map(|(word, level)| Some((line.strip_prefix(word)?, *level))) {
            Some((text, level)) => self.add(level, camera, text.trim_start()),
            // Not from the log: a panic's message, a library's complaint.
            None => self.add(LogLevel::Warning, camera, line),
        }
    }

    /// Moves what is new to the end of `shown`; whether there was anything.
    pub(crate) fn take(&self, shown: &mut Vec<LogLine>) -> bool {
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        if new.is_empty() {
            return false;
        }
        shown.extend(new.drain(..));
        let excess = shown.len().saturating_sub(CAPACITY);
        shown.drain(..excess);
        true
    }
}

#[cfg(test)]
mod tests {
    use mien_supervisor::CameraState;

    use super::*;

    #[test]
    fn levels_are_read_off_the_line() {
        let log = Log::new();
        log.worker_line("front", " WARN starting: opening the source");
        log.worker_line("front", "thread 'track' panicked");
        log.worker_line("front", "   ");
        let mut shown = Vec::new();
        assert!(log.take(&mut shown));
        assert!(!log.take(&mut shown));
        let read: Vec<_> = shown.iter().map(|line| (line.level, line.text.as_str())).collect();
        assert_eq!(
            read,
            [
                (LogLevel::Warning, "starting: opening the source"),
                (LogLevel::Warning, "thread 'track' panicked")
            ]
        );
    }

    #[test]
    fn a_state_is_said_once_by_whom_it_comes_from_and_the_same_words_as_often_as_they_are_said() {
        let log = Log::new();
        let event = |by_worker| CameraEvent {
            camera: "front".into(),
            state: CameraState::Reconnecting,
            reason: "was unplugged".into(),
            nanos: 0,
            by_worker,
        };
        log.worker_line("front", " WARN reconnecting: was unplugged");
        log.camera_event(&event(true));
        let mut shown = Vec::new();
        log.take(&mut shown);
        assert_eq!(shown.len(), 1);
        log.camera_event(&event(false));
        log.camera_event(&event(false));
        log.take(&mut shown);
        let first = (shown[0].level, &shown[0].origin, &shown[0].text);
        assert!(shown.len() == 3 && shown.iter().all(|line| (line.level, &line.origin, &line.text) == first));
    }

    #[test]
    fn what_a_worker_prints_tells_no_secret() {
        let log = Log::new();
        log.worker_line("front", "thread 'capture' panicked: http://alice:s3cret@cam/?pwd=pa55");
        let mut shown = Vec::new();
        log.take(&mut shown);
        assert_eq!(shown[0].text, "thread 'capture' panicked: http://…@cam/?pwd=…");
    }

    #[test]
    fn old_lines_go() {
        let log = Log::new();
        let mut shown = Vec::new();
        for part in 0..3 {
            for line in 0..CAPACITY / 2 {
                log.add(LogLevel::Info, "app", format!("{part} {line}"));
            }
            log.take(&mut shown);
        }
        assert_eq!(shown.len(), CAPACITY);
        assert_eq!(shown[0].text, "1 0");
    }
}
