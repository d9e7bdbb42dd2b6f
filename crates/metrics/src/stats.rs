//! The statistics file of `mien run --stats`.

use serde::{Deserialize, Serialize};

use crate::{DurationSummary, GpuRunStats};

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStats {
    /// Version of the program.
    pub mien: String,
    /// Name of the session.
    pub session: String,
    /// Length of the run.
    pub seconds: f64,
    /// Per camera, in the configuration's order.
    pub cameras: Vec<CameraStats>,
    /// The supervising process itself.
    pub supervisor: ProcessStats,
    /// The machine's GPUs.
    #[serde(default)]
    pub gpu: GpuRunStats,
}

/// One camera in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraStats {
    /// Name.
    pub name: String,
    /// Source SPEC.
    pub source: String,
    /// State at the end.
    pub state: String,
    /// Why, when not live.
    pub reason: String,
    /// The engine in use, as it names itself.
    pub engine: String,
    /// Time in which the camera was live, in seconds.
    #[serde(default)]
    pub live_seconds: f64,
    /// Results that were read, of frames that came since the worker was ready; only these are in any figure.
    pub frames: u64,
    /// Results in which there was a face.
    pub frames_with_face: u64,
    /// Different track ids seen.
    pub track_ids: u64,
    /// Results per second of the time in which the camera was live.
    pub fps: f64,
    /// Frames of the camera that the pipeline never saw: lost on their way, damaged, or replaced by newer ones
    /// while the pipeline was busy.
    pub dropped_frames: u64,
    /// Results that the supervising process did not get from the ring.
    pub missed_results: u64,
    /// Pictures that it did not get.
    pub missed_previews: u64,
    /// Times that the worker was started again.
    pub restarts: u32,
    /// From the capture of a frame until its result was read.
    pub latency: DurationSummary,
    /// The pipeline's stages.
    pub stages: Vec<StageStats>,
    /// The worker.
    pub worker: ProcessStats,
    /// The GPU that the worker was given, as CUDA numbers them.
    #[serde(default)]
    pub gpu: Option<u32>,
    /// Most memory that the worker had on its GPU, in bytes; nothing when the driver does not tell.
    #[serde(default)]
    pub most_gpu_memory_bytes: Option<u64>,
}

/// One stage of the pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageStats {
    /// Name of the stage, as the pipeline calls it.
    pub stage: String,
    /// Times.
    #[serde(flatten)]
    pub times: DurationSummary,
}

/// What a process used.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ProcessStats {
    /// Number of the process; 0 when it does not run.
    pub pid: u32,
    /// Mean processor use; 100 is one core.
    pub cpu_percent: f64,
    /// Largest resident memory seen, in bytes, shared memory included.
    pub resident_bytes: u64,
}
