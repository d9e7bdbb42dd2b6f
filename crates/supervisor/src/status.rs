use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mien_control::{CameraState, CameraStatus, VideoStatus};

use crate::measure::Measure;

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraEvent {
    /// The camera.
    pub camera: String,
    /// Its new state.
    pub state: CameraState,
    /// Why; empty when live.
    pub reason: String,
    /// When, on the monotonic clock.
    pub nanos: i64,
    /// Whether the worker itself has told it, which its log then says, too.
    pub by_worker: bool,
}

/// Where the rings of a camera's present worker are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RingPaths {
    pub epoch: u64,
    pub faces: PathBuf,
    pub preview: PathBuf,
}

/// What a keeper shows to the rest of the program.
pub(crate) struct Shared {
    status: Mutex<CameraStatus>,
    rings: Mutex<Option<RingPaths>>,
    measure: Mutex<Measure>,
    video: Mutex<Option<VideoStatus>>,
}

impl Shared {
    pub fn new(name: &str, source: &str) -> Self {
        Self {
            status: Mutex::new(CameraStatus::starting(name, source)),
            rings: Mutex::new(None),
            measure: Mutex::new(Measure::new()),
            video: Mutex::new(None),
        }
    }

    pub fn status(&self) -> MutexGuard<'_, CameraStatus> {
        lock(&self.status)
    }

    pub fn rings(&self) -> MutexGuard<'_, Option<RingPaths>> {
        lock(&self.rings)
    }

    pub fn video(&self) -> MutexGuard<'_, Option<VideoStatus>> {
        lock(&self.video)
    }

    pub fn measure(&self) -> MutexGuard<'_, Measure> {
        lock(&self.measure)
    }
}

/// The values are whole at every moment; a panic elsewhere does not spoil them.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
