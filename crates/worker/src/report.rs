//! What is told to the supervising process.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mien_control::{CameraState, Report, write_line};

/// Writes reports from any thread, each change of state once.
pub(crate) struct Reporter(Mutex<Inner>);

struct Inner {
    output: Box<dyn Write + Send>,
    state: Option<(CameraState, String)>,
    /// Whether the source gives frames: a result that is late must not call a lost source live.
    connected: bool,
    /// Whether nobody listens any more.
    gone: bool,
}

impl Reporter {
    pub fn new(output: Box<dyn Write + Send>) -> Self {
        Self(Mutex::new(Inner { output, state: None, connected: false, gone: false }))
    }

    /// Whether the supervising process has closed its end.
    pub fn is_gone(&self) -> bool {
        self.lock().gone
    }

    pub fn send(&self, report: &Report) {
        self.lock().send(report);
    }

    /// The source has given a frame.
    pub fn connected(&self) {
        self.lock().connected = true;
    }

    /// There is a result.
    pub fn result(&self) {
        let mut inner = self.lock();
        if inner.connected {
            inner.change(CameraState::Live, String::new());
        }
    }

    /// The source gives frames, but there can be no result for a while.
    pub fn busy(&self, reason: &str) {
        self.lock().change(CameraState::Starting, reason.to_owned());
    }

    /// The camera is in another state than live.
    pub fn state(&self, state: CameraState, reason: impl Into<String>) {
        let mut inner = self.lock();
        inner.connected = false;
        inner.change(state, reason.into());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn change(&mut self, state: CameraState, reason: String) {
        if let Some((old, why)) = &self.state {
            // What has failed stays so until a new start, whatever its source does meanwhile.
            let returns = matches!(state, CameraState::Starting | CameraState::Stopped);
            if (*old == state && *why == reason) || (*old == CameraState::Failed && !returns) {
                return;
            }
        }
        match state {
            CameraState::Live => tracing::info!("live"),
            CameraState::Starting | CameraState::Stopped => tracing::info!("{}: {reason}", state.label()),
            _ => tracing::warn!("{}: {reason}", state.label()),
        }
        self.send(&Report::State { state, reason: reason.clone() });
        self.state = Some((state, reason));
    }

    fn send(&mut self, report: &Report) {
        if !self.gone && write_line(&mut self.output, report).is_err() {
            self.gone = true;
        }
    }
}
