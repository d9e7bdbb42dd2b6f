use serde::{Deserialize, Serialize};

use crate::gpu::{GpuReading, GpuReport};

/// The GPUs in a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GpuRunStats {
    /// Why there are none; `None` when there are some.
    pub absence: Option<String>,
    /// Version of the driver.
    pub driver: Option<String>,
    /// Highest version of CUDA that the driver serves: major, minor.
    pub cuda: Option<[u32; 2]>,
    /// The GPUs, in the order of the PCI bus.
    pub gpus: Vec<GpuStats>,
}

/// One GPU in a run. What the driver does not tell is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GpuStats {
    /// Number, in the order of the PCI bus.
    pub index: u32,
    /// Name of the model.
    pub name: String,
    /// Its number for life.
    pub uuid: Option<String>,
    /// CUDA compute capability: major, minor.
    pub compute_capability: Option<[u32; 2]>,
    /// Memory in bytes.
    pub memory_total_bytes: Option<u64>,
    /// Most memory that was in use by all processes, in bytes.
    pub most_memory_used_bytes: Option<u64>,
    /// Mean utilisation in per cent.
    pub utilization_percent: Option<f64>,
    /// Highest temperature.
    pub most_temperature_celsius: Option<u32>,
    /// Mean clock of the multiprocessors.
    pub sm_clock_mhz: Option<f64>,
    /// Mean clock of the memory.
    pub memory_clock_mhz: Option<f64>,
    /// Mean electrical power.
    pub power_watts: Option<f64>,
}

/// A mean of the values that were known.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: Option<impl Into<f64>>) {
        if let Some(value) = value {
            self.sum += value.into();
            self.count += 1;
        }
    }

    fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

#[derive(Debug, Default)]
struct One {
    last: GpuReading,
    most_memory_used_bytes: Option<u64>,
    most_temperature_celsius: Option<u32>,
    utilization_percent: Mean,
    sm_clock_mhz: Mean,
    memory_clock_mhz: Mean,
    power_watts: Mean,
}

/// Sums up the readings of a run.
#[derive(Debug, Default)]
pub struct GpuTotals {
    last: GpuReport,
    gpus: Vec<One>,
}

impl GpuTotals {
    /// Counts a reading; readings are taken at equal distances in time.
    pub fn add(&mut self, report: &GpuReport) {
        self.last = GpuReport { gpus: Vec::new(), ..report.clone() };
        self.gpus.resize_with(self.gpus.len().max(report.gpus.len()), One::default);
        for (one, gpu) in self.gpus.iter_mut().zip(&report.gpus) {
            one.most_memory_used_bytes = one.most_memory_used_bytes.max(gpu.memory_used_bytes);
            one.most_temperature_celsius = one.most_temperature_celsius.max(gpu.temperature_celsius);
            one.utilization_percent.add(gpu.utilization_percent);
            one.sm_clock_mhz.add(gpu.sm_clock_mhz);
            one.memory_clock_mhz.add(gpu.memory_clock_mhz);
            one.power_watts.add(gpu.power_watts);
            one.last = gpu.clone();
        }
    }

    /// The run so far.
    #[must_use]
    pub fn stats(&self) -> GpuRunStats {
        let one = |one: &One| GpuStats {
            index: one.last.index,
            name: one.last.name.clone(),
            uuid: one.last.uuid.clone(),
            compute_capability: one.last.compute_capability,
            memory_total_bytes: one.last.memory_total_bytes,
            most_memory_used_bytes: one.most_memory_used_bytes,
            utilization_percent: one.utilization_percent.value(),
            most_temperature_celsius: one.most_temperature_celsius,
            sm_clock_mhz: one.sm_clock_mhz.value(),
            memory_clock_mhz: one.memory_clock_mhz.value(),
            power_watts: one.power_watts.value(),
        };
        GpuRunStats {
            absence: self.last.absence.clone(),
            driver: self.last.driver.clone(),
            cuda: self.last.cuda,
            gpus: self.gpus.iter().map(one).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_of_what_was_known_and_extremes_stay() {
        let reading = |utilization_percent, memory_used_bytes| GpuReport {
            driver: Some("1".into()),
            gpus: vec![GpuReading { utilization_percent, memory_used_bytes, ..GpuReading::default() }],
            ..GpuReport::default()
        };
        let mut totals = GpuTotals::default();
        for report in [reading(Some(10), Some(7)), reading(None, Some(9)), reading(Some(30), None)] {
            totals.add(&report);
        }
        let stats = totals.stats();
        assert_eq!((stats.driver.as_deref(), stats.gpus.len()), (Some("1"), 1));
        assert_eq!(stats.gpus[0].utilization_percent, Some(20.0));
        assert_eq!((stats.gpus[0].most_memory_used_bytes, stats.gpus[0].sm_clock_mhz), (Some(9), None));
    }
}
