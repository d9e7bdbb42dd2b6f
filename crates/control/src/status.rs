//! How one camera is doing, for whoever watches or shows it.

use mien_metrics::{DurationSummary, StageStats};

use crate::CameraState;

/// One camera, now.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraStatus {
    /// Unique name, as in the configuration.
    pub name: String,
    /// Source SPEC, without secrets.
    pub source: String,
    /// How it is doing.
    pub state: CameraState,
    /// Why it is not live, in words for a person; empty when live.
    pub reason: String,
    /// The engine in use, as it names itself, and why it was taken; empty before it is loaded.
    pub engine: String,
    /// Width and height in pixels of the source's first frame.
    pub size: Option<[u32; 2]>,
    /// The worker, when one runs.
    pub pid: Option<u32>,
    /// Lives of the worker before this one, as far as they were lost.
    pub restarts: u32,
    /// Results per second over the last seconds.
    pub fps: f64,
    /// From capture to result in the hands of the supervising process, over the last seconds.
    pub latency: DurationSummary,
    /// The pipeline's stages over the last seconds, in their order.
    pub stages: Vec<StageStats>,
    /// Frames that the pipeline did not take because it was busy, since the start.
    pub dropped_frames: u64,
    /// Results that the supervising process did not get, since the start.
    pub missed_results: u64,
    /// Processor use of the worker over the last second; 100 is one core.
    pub cpu_percent: f64,
    /// Resident memory of the worker in bytes, shared memory included.
    pub resident_bytes: u64,
    /// The GPU that the camera was given, as CUDA numbers them; whether it is used is for the engine to say.
    pub gpu: Option<u32>,
    /// The worker's memory on it in bytes; nothing when it has none or the driver does not tell.
    pub gpu_memory_bytes: Option<u64>,
}

impl CameraStatus {
    /// How the camera is doing, with the reason where there is one.
    #[must_use]
    pub fn state_text(&self) -> String {
        let state = self.state.label();
        if self.reason.is_empty() { state.to_owned() } else { format!("{state}: {}", self.reason) }
    }

    /// A camera that is starting, of which nothing is known yet.
    #[must_use]
    pub fn starting(name: &str, source: &str) -> Self {
        Self {
            name: name.into(),
            source: source.into(),
            state: CameraState::Starting,
            reason: String::new(),
            engine: String::new(),
            size: None,
            pid: None,
            restarts: 0,
            fps: 0.0,
            latency: DurationSummary::default(),
            stages: Vec::new(),
            dropped_frames: 0,
            missed_results: 0,
            cpu_percent: 0.0,
            resident_bytes: 0,
            gpu: None,
            gpu_memory_bytes: None,
        }
    }
}
