//! Histograms of stage times, rates, use of the machine and its GPUs, traces, and the statistics file.
//!
//! Everything here is fed by one thread and takes bounded memory however long a run lasts.

pub mod gpu;
mod gpu_totals;
mod histogram;
mod process;
mod rate;
mod stats;
mod trace;

pub use gpu_totals::{GpuRunStats, GpuStats, GpuTotals};
pub use histogram::{DurationHistogram, DurationSummary, StageHistograms};
pub use process::{CpuMeter, ProcessUsage, open_descriptors};
pub use rate::RateMeter;
pub use stats::{CameraStats, ProcessStats, RunStats, StageStats};
pub use trace::TraceWriter;
