//! What NVML says, through a library that answers as the driver's does.

use std::path::{Path, PathBuf};
use std::process::Command;

use mien_metrics::gpu::{GpuMonitor, GpuProcess};

/// Two GPUs: one that knows nearly everything, and one that has fallen off the bus.
const FAKE_NVML: &str = r#"
#include <string.h>
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory;
typedef struct { unsigned pid; unsigned long long bytes; unsigned gpu_instance, compute_instance; } process;
enum { OK = 0, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15 };
int nvmlInit_v2(void) { return OK; }
int nvmlShutdown(void) { return OK; }
int nvmlSystemGetDriverVersion(char *text, unsigned bytes) { strncpy(text, "580.65.06", bytes); return OK; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 13020; return OK; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = (void *)1;
    return index == 0 ? OK : GPU_IS_LOST;
}
int nvmlDeviceGetName(void *device, char *text, unsigned bytes) { strncpy(text, "Imaginary 9", bytes); return OK; }
int nvmlDeviceGetUUID(void *device, char *text, unsigned bytes) { strncpy(text, "GPU-0123", bytes); return OK; }
int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) { *major = 9; *minor = 1; return OK; }
int nvmlDeviceGetMemoryInfo_v2(void *device, memory *found) { found->total = 1000; found->used = 300; return OK; }
int nvmlDeviceGetUtilizationRates(void *device, unsigned *rates) { return NOT_SUPPORTED; }
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius) { *celsius = 61; return OK; }
int nvmlDeviceGetClockInfo(void *device, int clock, unsigned *mhz) { *mhz = clock == 1 ? 1980 : 2619; return OK; }
int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) { *milliwatts = 71500; return OK; }
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, process *found) {
    unsigned room = *count;
    *count = 2;
    if (room < 2) return INSUFFICIENT_SIZE;
    found[0] = (process){ 41, 120, -1, -1 };
    found[1] = (process){ 42, -1, -1, -1 };
    return OK;
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned *count, process *found) {
    unsigned room = *count;
    *count = 1;
    if (room < 1) return INSUFFICIENT_SIZE;
    found[0] = (process){ 41, 120, -1, -1 };
    return OK;
}
"#;

fn compile(folder: &Path, source: &str) -> PathBuf {
    let (code, library) = (folder.join("nvml.c"), folder.join("libnvidia-ml.so.1"));
    std::fs::write(&code, source).unwrap();
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-w", "-o"]).arg(&library).arg(&code).status();
    assert!(compiled.expect("the linker that Rust uses compiles C, too").success());
    library
}

#[test]
fn gpus_are_read_and_what_is_not_known_stays_open() {
    let folder = tempfile::tempdir().unwrap();
    let report = GpuMonitor::open_library(compile(folder.path(), FAKE_NVML).as_os_str()).read();
    assert_eq!((report.absence, report.cuda), (None, Some([13, 2])));
    assert_eq!(report.driver.as_deref(), Some("580.65.06"));
    let [good, lost] = &report.gpus[..] else { panic!("{:?}", report.gpus) };
    assert_eq!((good.name.as_str(), good.uuid.as_deref()), ("Imaginary 9", Some("GPU-0123")));
    assert_eq!(good.compute_capability, Some([9, 1]));
    assert_eq!((good.memory_total_bytes, good.memory_used_bytes), (Some(1000), Some(300)));
    assert_eq!((good.utilization_percent, good.temperature_celsius), (None, Some(61)));
    assert_eq!((good.sm_clock_mhz, good.memory_clock_mhz), (Some(1980), Some(2619)));
    assert_eq!(good.power_watts, Some(71.5));
    let process = |pid, memory_bytes| GpuProcess { pid, memory_bytes };
    assert_eq!(good.processes, [process(41, Some(120)), process(42, None)]);
    assert_eq!((good.process_memory_bytes(41), good.process_memory_bytes(7)), (Some(120), None));
    assert_eq!((lost.index, lost.memory_total_bytes), (1, None));
    assert!(lost.name.contains("not accessible"), "{}", lost.name);
}

#[test]
fn a_library_that_is_no_nvml_is_no_gpu() {
    let folder = tempfile::tempdir().unwrap();
    let report = GpuMonitor::open_library(compile(folder.path(), "int something;").as_os_str()).read();
    assert!(report.absence.is_some_and(|reason| reason.contains("does not answer")));
}

#[test]
fn a_driver_without_gpus_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let source = FAKE_NVML.replace("*count = 2; return OK", "*count = 0; return OK");
    let report = GpuMonitor::open_library(compile(folder.path(), &source).as_os_str()).read();
    assert_eq!(report.absence.as_deref(), Some("the NVIDIA driver sees no GPU"));
    assert!(report.driver.is_some());
}
