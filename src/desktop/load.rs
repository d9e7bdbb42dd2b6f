//! The load that the performance page shows: every process of the program, and the GPUs.

use std::collections::HashMap;

use mien_gui::{GpuLoad, MachineLoad, ProcessLoad};
use mien_metrics::gpu::GpuReport;
use mien_metrics::{CpuMeter, ProcessUsage};
use mien_supervisor::CameraStatus;

/// Measures between one look and the next.
#[derive(Default)]
pub(crate) struct LoadMeter(HashMap<u32, CpuMeter>);

impl LoadMeter {
    /// The load since the last look. `encoders` are the processes that encode videos, with their cameras.
    pub(crate) fn look(
        &mut self,
        cameras: &[CameraStatus],
        encoders: &[(String, u32)],
        gpus: &GpuReport,
    ) -> MachineLoad {
        let workers = cameras.iter().filter_map(|camera| Some((camera.name.clone(), camera.pid?)));
        let encoders = encoders.iter().map(|(camera, pid)| (format!("{camera}, video"), *pid));
        let all: Vec<(String, u32)> =
            [("app".to_owned(), std::process::id())].into_iter().chain(workers).chain(encoders).collect();
        self.0.retain(|known, _| all.iter().any(|(_, pid)| pid == known));
        MachineLoad {
            processes: all.into_iter().filter_map(|(name, pid)| self.process(name, pid)).collect(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            gpus: gpus.gpus.iter().map(gpu).collect(),
            gpu_note: gpus.absence.clone().unwrap_or_default(),
        }
    }

    fn process(&mut self, name: String, pid: u32) -> Option<ProcessLoad> {
        let usage = ProcessUsage::read(pid)?;
        let percent = self.0.entry(pid).or_default().percent(pid, usage, mien_clock::monotonic_nanos());
        Some(ProcessLoad {
            name,
            pid,
            cpu_percent: percent.unwrap_or(0.0) as f32,
            memory_bytes: usage.resident_bytes,
        })
    }
}

fn gpu(reading: &mien_metrics::gpu::GpuReading) -> GpuLoad {
    GpuLoad {
        index: reading.index,
        name: reading.name.clone(),
        utilization_percent: reading.utilization_percent.map(|percent| percent as f32),
        used_bytes: reading.memory_used_bytes,
        total_bytes: reading.memory_total_bytes,
        temperature_celsius: reading.temperature_celsius.map(|celsius| celsius as f32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_itself_is_measured_and_missing_gpus_are_explained() {
        let mut meter = LoadMeter::default();
        let absent = GpuReport::absent("no NVIDIA driver");
        let load = meter.look(&[], &[("left".into(), u32::MAX)], &absent);
        assert_eq!(load.processes.len(), 1);
        assert!(load.processes[0].name == "app" && load.processes[0].memory_bytes > 100_000);
        assert!(load.cores >= 1 && load.gpus.is_empty() && load.gpu_note == "no NVIDIA driver");
    }
}
