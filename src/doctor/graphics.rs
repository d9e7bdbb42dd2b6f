//! NVIDIA's driver, GPUs and libraries.

use std::path::PathBuf;

use mien_gpu_pipeline::tensorrt_library;
use mien_metrics::gpu::{GpuMonitor, GpuReading, GpuReport};

use super::{Check, State, Subject, install, size};

/// The driver from which on the kernels' PTX is accepted.
const OLDEST_DRIVER: u32 = 550;
/// A GPU that is hotter slows itself down soon.
const HOT_CELSIUS: u32 = 85;
/// Memory that networks and buffers of one camera want.
const WANTED_BYTES: u64 = 1_000_000_000;

/// Driver, CUDA, and each GPU.
pub(super) fn nvidia(_: &Subject) -> Vec<Check> {
    checks(&GpuMonitor::open().read(), has_nvidia_hardware())
}

fn checks(report: &GpuReport, has_hardware: bool) -> Vec<Check> {
    let Some(driver) = &report.driver else {
        let reason = report.absence.as_deref().unwrap_or("no NVIDIA driver");
        return vec![match has_hardware {
            false => Check::new(
                "NVIDIA driver",
                State::Missing,
                "there is no NVIDIA GPU in this machine: faces are tracked on the CPU",
                "",
            ),
            true => Check::new(
                "NVIDIA driver",
                State::Warning,
                format!("there is an NVIDIA GPU, but {reason}: faces are tracked on the CPU"),
                driver_remedy(),
            ),
        }];
    };
    let major = driver.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(u32::MAX);
    let mut checks = vec![match major < OLDEST_DRIVER {
        true => Check::new(
            "NVIDIA driver",
            State::Warning,
            format!("{driver}; Mien's kernels want {OLDEST_DRIVER} or later"),
            driver_remedy(),
        ),
        false => Check::ok("NVIDIA driver", driver),
    }];
    checks.push(match report.cuda {
        Some([major, minor]) => Check::ok("CUDA", format!("{major}.{minor} (the driver's API)")),
        None => Check::new(
            "CUDA",
            State::Warning,
            "the driver's libcuda.so.1 is not here; in a container it has to be asked for",
            "docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility,video …",
        ),
    });
    if let Some(absence) = &report.absence {
        checks.push(Check::new("GPU", State::Warning, absence, "nvidia-smi"));
    }
    checks.extend(report.gpus.iter().map(gpu));
    checks
}

fn gpu(gpu: &GpuReading) -> Check {
    let mut found = vec![gpu.name.clone()];
    found.extend(gpu.compute_capability.map(|[major, minor]| format!("compute capability {major}.{minor}")));
    let memory = gpu.memory_used_bytes.zip(gpu.memory_total_bytes);
    found.extend(memory.map(|(used, total)| format!("{} of {} in use", size(used), size(total))));
    found.extend(gpu.temperature_celsius.map(|celsius| format!("{celsius} °C")));
    found.extend(gpu.utilization_percent.map(|percent| format!("{percent} % busy")));
    let name = format!("GPU {}", gpu.index);
    let full = memory.is_some_and(|(used, total)| total.saturating_sub(used) < WANTED_BYTES);
    if gpu.memory_total_bytes.is_none() && gpu.compute_capability.is_none() {
        return Check::new(name, State::Failed, &gpu.name, "nvidia-smi");
    }
    if full {
        found.push("hardly any memory is free".into());
    }
    let hot = gpu.temperature_celsius.is_some_and(|celsius| celsius >= HOT_CELSIUS);
    if hot {
        found.push("it is hot and will slow down".into());
    }
    let (state, remedy) = if full || hot { (State::Warning, "nvidia-smi") } else { (State::Ok, "") };
    Check::new(name, state, found.join(", "), remedy)
}

fn driver_remedy() -> String {
    if super::run::is_on_path("ubuntu-drivers") {
        return "sudo ubuntu-drivers install".into();
    }
    install(["nvidia-driver", "akmod-nvidia", "nvidia", ""])
}

/// Whether the PCI bus has a display controller of NVIDIA's.
fn has_nvidia_hardware() -> bool {
    let devices = std::fs::read_dir("/sys/bus/pci/devices").into_iter().flatten().flatten();
    let text = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    devices.map(|device| device.path()).any(|device| {
        text(device.join("vendor")).trim() == "0x10de" && text(device.join("class")).starts_with("0x03")
    })
}

/// TensorRT: flavour, version, place.
pub(super) fn tensorrt(_: &Subject) -> Vec<Check> {
    vec![match tensorrt_library() {
        Ok(library) => {
            let parser = match library.parser_path() {
                Ok(path) => format!("reads ONNX by {}", path.display()),
                Err(error) => format!("builds no engines: {error}"),
            };
            let state = if library.parser_path().is_ok() { State::Ok } else { State::Warning };
            Check::new("TensorRT", state, format!("{library} at {}; {parser}", library.path().display()), "")
        }
        Err(error) if has_nvidia_hardware() => Check::new(
            "TensorRT",
            State::Missing,
            format!("faces are tracked on the CPU: {error}"),
            TENSORRT_LINE,
        ),
        Err(_) => {
            Check::new("TensorRT", State::Missing, "none, which is of no use without an NVIDIA GPU", "")
        }
    }]
}

/// From NVIDIA's package repository; a tar file's folder goes into MIEN_TENSORRT.
const TENSORRT_LINE: &str = "sudo apt install libnvinfer10 libnvonnxparsers10";

/// nvJPEG, which decodes MJPEG cameras' pictures on the GPU.
pub(super) fn nvjpeg(_: &Subject) -> Vec<Check> {
    vec![match mien_gpu::nvjpeg_library() {
        Ok((path, [major, minor, patch])) => {
            let path = super::machine::mapped_file("libnvjpeg").unwrap_or(path.into());
            Check::ok("nvJPEG", format!("{major}.{minor}.{patch} at {}", path.display()))
        }
        Err(_) if !has_nvidia_hardware() => {
            Check::new("nvJPEG", State::Missing, "none, which is of no use without an NVIDIA GPU", "")
        }
        Err(error) => Check::new(
            "nvJPEG",
            State::Missing,
            format!("MJPEG pictures are decoded on the CPU: {error}"),
            install(["libnvjpeg-12-6", "libnvjpeg-12-6", "cuda", ""]),
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(driver: &str, gpu: GpuReading) -> GpuReport {
        GpuReport { absence: None, driver: Some(driver.into()), cuda: Some([13, 0]), gpus: vec![gpu] }
    }

    fn good() -> GpuReading {
        GpuReading {
            name: "Imaginary 9".into(),
            compute_capability: Some([9, 0]),
            memory_total_bytes: Some(80_000_000_000),
            memory_used_bytes: Some(3_000_000_000),
            temperature_celsius: Some(40),
            ..GpuReading::default()
        }
    }

    #[test]
    fn a_machine_without_a_gpu_misses_nothing_that_could_be_typed() {
        let checks = checks(&GpuReport::absent("no NVIDIA driver"), false);
        assert_eq!((checks.len(), checks[0].state, checks[0].remedy.as_str()), (1, State::Missing, ""));
        let with_gpu = super::checks(&GpuReport::absent("no NVIDIA driver"), true);
        assert_eq!(with_gpu[0].state, State::Warning);
        assert!(with_gpu[0].found.contains("no NVIDIA driver"));
    }

    #[test]
    fn a_good_gpu_is_told_in_one_line() {
        let checks = checks(&machine("580.65.06", good()), true);
        assert!(checks.iter().all(|check| check.state == State::Ok), "{checks:?}");
        let expected = "Imaginary 9, compute capability 9.0, 3.0 GB of 80.0 GB in use, 40 °C";
        assert_eq!((checks[2].name.as_str(), checks[2].found.as_str()), ("GPU 0", expected));
    }

    #[test]
    fn old_drivers_and_full_hot_or_lost_gpus_are_warned_of() {
        let state = |driver: &str, gpu| {
            checks(&machine(driver, gpu), true).iter().map(|c| c.state).collect::<Vec<_>>()
        };
        let (ok, warning) = (State::Ok, State::Warning);
        assert_eq!(state("470.1", good()), [warning, ok, ok]);
        let full = GpuReading { memory_used_bytes: Some(79_500_000_000), ..good() };
        assert_eq!(state("580.1", full), [ok, ok, warning]);
        let hot = GpuReading { temperature_celsius: Some(91), ..good() };
        assert_eq!(state("580.1", hot), [ok, ok, warning]);
        let lost = GpuReading { name: "not accessible".into(), ..GpuReading::default() };
        assert_eq!(state("580.1", lost), [ok, ok, State::Failed]);
    }
}
