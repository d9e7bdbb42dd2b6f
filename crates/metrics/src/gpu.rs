//! NVIDIA's GPUs through NVML, the library of their driver, loaded at run time.
//!
//! A machine without a driver or a GPU is as good as any other: [`GpuReport::absence`] then says why there
//! is nothing to tell. Each value that a GPU or a driver does not know (the utilisation of a MIG slice, the
//! processes of other containers) is `None`.

use std::ffi::OsStr;

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use serde::{Deserialize, Serialize};

/// The driver and its GPUs, at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GpuReport {
    /// Why there are no GPUs to tell of, in words for a person; `None` when there are some.
    pub absence: Option<String>,
    /// Version of the driver, such as `550.54.14`.
    pub driver: Option<String>,
    /// Highest version of CUDA that the driver serves: major, minor.
    pub cuda: Option<[u32; 2]>,
    /// The GPUs, in the order of their places on the PCI bus.
    pub gpus: Vec<GpuReading>,
}

/// One GPU, at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GpuReading {
    /// Number, in the order of the PCI bus.
    pub index: u32,
    /// Name of the model.
    pub name: String,
    /// Its number for life: `GPU-` and a UUID.
    pub uuid: Option<String>,
    /// CUDA compute capability: major, minor.
    pub compute_capability: Option<[u32; 2]>,
    /// Memory in bytes.
    pub memory_total_bytes: Option<u64>,
    /// Memory in use by all processes, in bytes.
    pub memory_used_bytes: Option<u64>,
    /// Time in which anything ran on it, over the driver's last sample period, in per cent.
    pub utilization_percent: Option<u32>,
    /// Temperature of the chip.
    pub temperature_celsius: Option<u32>,
    /// Clock of the multiprocessors.
    pub sm_clock_mhz: Option<u32>,
    /// Clock of the memory.
    pub memory_clock_mhz: Option<u32>,
    /// Electrical power.
    pub power_watts: Option<f64>,
    /// Processes on this GPU, as far as the driver shows them.
    pub processes: Vec<GpuProcess>,
}

/// A process on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuProcess {
    /// Number of the process, as the driver sees it: in a container it may be another one.
    pub pid: u32,
    /// Its memory on the GPU in bytes.
    pub memory_bytes: Option<u64>,
}

impl GpuReading {
    /// Memory of a process on this GPU in bytes; `None` when it has none or the driver does not say.
    #[must_use]
    pub fn process_memory_bytes(&self, pid: u32) -> Option<u64> {
        self.processes.iter().filter(|process| process.pid == pid).find_map(|process| process.memory_bytes)
    }
}

impl GpuReport {
    /// A report without GPUs.
    #[must_use]
    pub fn absent(reason: impl Into<String>) -> Self {
        Self { absence: Some(reason.into()), ..Self::default() }
    }

    /// The GPUs that CUDA shows a program, in CUDA's order: indices into `gpus`.
    ///
    /// `visible_devices` is the environment variable `CUDA_VISIBLE_DEVICES`, with CUDA's rules: numbers or
    /// the beginnings of UUIDs, and nothing after the first entry that names no GPU. The order holds for
    /// programs that are started with `CUDA_DEVICE_ORDER=PCI_BUS_ID`.
    #[must_use]
    pub fn visible(&self, visible_devices: Option<&str>) -> Vec<usize> {
        let Some(list) = visible_devices else { return (0..self.gpus.len()).collect() };
        let named = |entry: &str| match entry.parse::<usize>() {
            Ok(index) => (index < self.gpus.len()).then_some(index),
            Err(_) if entry.starts_with("GPU-") => {
                let is_named =
                    |gpu: &GpuReading| gpu.uuid.as_ref().is_some_and(|uuid| uuid.starts_with(entry));
                self.gpus.iter().position(is_named)
            }
            Err(_) => None,
        };
        list.split(',').map_while(|entry| named(entry.trim())).collect()
    }
}

/// Asks the driver.
pub struct GpuMonitor(Result<Nvml, String>);

impl GpuMonitor {
    /// Loads the driver's library. Without persistence mode the driver may take seconds for it.
    #[must_use]
    pub fn open() -> Self {
        Self::from_result(Nvml::init())
    }

    /// Loads this library instead of the driver's.
    #[must_use]
    pub fn open_library(path: &OsStr) -> Self {
        Self::from_result(Nvml::builder().lib_path(path).init())
    }

    fn from_result(nvml: Result<Nvml, NvmlError>) -> Self {
        Self(nvml.map_err(|error| match error {
            NvmlError::LibloadingError(_) => "no NVIDIA driver (libnvidia-ml.so.1 was not found)".to_owned(),
            NvmlError::DriverNotLoaded => "the NVIDIA driver is installed but not loaded".to_owned(),
            NvmlError::NoPermission => "the NVIDIA driver refuses to talk to this user".to_owned(),
            error => format!("the NVIDIA driver does not answer: {error}"),
        }))
    }

    /// The driver and its GPUs, now.
    #[must_use]
    pub fn read(&self) -> GpuReport {
        let nvml = match &self.0 {
            Ok(nvml) => nvml,
            Err(reason) => return GpuReport::absent(reason),
        };
        let cuda = nvml.sys_cuda_driver_version().ok().and_then(|version| u32::try_from(version).ok());
        let mut report = GpuReport {
            absence: None,
            driver: nvml.sys_driver_version().ok(),
            cuda: cuda.map(|version| [version / 1000, version % 1000 / 10]),
            gpus: Vec::new(),
        };
        match nvml.device_count() {
            Ok(0) => report.absence = Some("the NVIDIA driver sees no GPU".into()),
            Ok(count) => report.gpus.extend((0..count).map(|index| read_gpu(nvml, index))),
            Err(error) => report.absence = Some(format!("the NVIDIA driver does not answer: {error}")),
        }
        report
    }
}

/// A GPU that has fallen off the bus keeps its place, without values.
fn read_gpu(nvml: &Nvml, index: u32) -> GpuReading {
    let gpu = match nvml.device_by_index(index) {
        Ok(gpu) => gpu,
        Err(error) => {
            return GpuReading { index, name: format!("not accessible: {error}"), ..GpuReading::default() };
        }
    };
    let memory = gpu.memory_info().ok();
    let capability = gpu.cuda_compute_capability().ok();
    let capability = capability.map(|found| [found.major, found.minor].map(u32::try_from));
    let mut processes: Vec<GpuProcess> = Vec::new();
    let compute = gpu.running_compute_processes().unwrap_or_default();
    let graphics = gpu.running_graphics_processes().unwrap_or_default();
    for process in compute.into_iter().chain(graphics) {
        // A process that computes and draws is in both lists, with the same memory.
        if processes.iter().all(|known| known.pid != process.pid) {
            let memory_bytes = match process.used_gpu_memory {
                UsedGpuMemory::Used(bytes) => Some(bytes),
                UsedGpuMemory::Unavailable => None,
            };
            processes.push(GpuProcess { pid: process.pid, memory_bytes });
        }
    }
    GpuReading {
        index,
        name: gpu.name().unwrap_or_else(|_| "NVIDIA GPU".into()),
        uuid: gpu.uuid().ok(),
        compute_capability: match capability {
            Some([Ok(major), Ok(minor)]) => Some([major, minor]),
            _ => None,
        },
        memory_total_bytes: memory.as_ref().map(|memory| memory.total),
        memory_used_bytes: memory.as_ref().map(|memory| memory.used),
        utilization_percent: gpu.utilization_rates().ok().map(|rates| rates.gpu),
        temperature_celsius: gpu.temperature(TemperatureSensor::Gpu).ok(),
        sm_clock_mhz: gpu.clock_info(Clock::SM).ok(),
        memory_clock_mhz: gpu.clock_info(Clock::Memory).ok(),
        power_watts: gpu.power_usage().ok().map(|milliwatts| f64::from(milliwatts) * 1e-3),
        processes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_driver_there_is_a_reason_and_nothing_else() {
        let report = GpuMonitor::open_library(OsStr::new("/nowhere/libnvidia-ml.so.1")).read();
        assert_eq!(report, GpuReport::absent("no NVIDIA driver (libnvidia-ml.so.1 was not found)"));
    }

    #[test]
    fn cuda_visible_devices_follow_cudas_rules() {
        let gpu = |uuid: &str| GpuReading { uuid: Some(uuid.into()), ..GpuReading::default() };
        let report =
            GpuReport { gpus: ["GPU-aa01", "GPU-bb02", "GPU-cc03"].map(gpu).into(), ..GpuReport::default() };
        for (variable, expected) in [
            (None, vec![0, 1, 2]),
            (Some("2, 0"), vec![2, 0]),
            (Some("1,7,0"), vec![1]),
            (Some("GPU-cc,0"), vec![2, 0]),
            (Some("GPU-dd,0"), vec![]),
            (Some(""), vec![]),
            (Some("-1"), vec![]),
        ] {
            assert_eq!(report.visible(variable), expected, "{variable:?}");
        }
    }
}
