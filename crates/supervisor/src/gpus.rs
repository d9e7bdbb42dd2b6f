//! The machine's GPUs: dealt out to cameras, and watched.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use mien_metrics::gpu::{GpuMonitor, GpuReport};
use mien_metrics::{GpuRunStats, GpuTotals};

/// Says what GPUs there are, and how they are. It may take seconds: a thread of its own asks.
pub type GpuProbe = Arc<dyn Fn() -> GpuReport + Send + Sync>;

/// Asks the NVIDIA driver.
#[must_use]
pub fn nvml_probe() -> GpuProbe {
    let monitor = OnceLock::new();
    Arc::new(move || monitor.get_or_init(GpuMonitor::open).read())
}

/// Time between two readings.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a camera waits for the first reading; a driver that takes longer is taken for none.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
struct State {
    /// Nothing before the first reading.
    last: Option<GpuReport>,
    totals: GpuTotals,
    stop: bool,
}

/// What is known of the GPUs.
pub(crate) struct Gpus {
    state: Mutex<State>,
    changed: Condvar,
    /// `CUDA_VISIBLE_DEVICES`, which workers inherit.
    visible_devices: Option<String>,
}

impl Gpus {
    /// Begins to read. The thread ends after [`stop`](Self::stop), or when there is no GPU.
    pub fn watch(probe: GpuProbe, visible_devices: Option<String>) -> Arc<Self> {
        let gpus = Arc::new(Self { state: Mutex::default(), changed: Condvar::new(), visible_devices });
        let watched = Arc::clone(&gpus);
        let thread = std::thread::Builder::new().name("gpus".into()).spawn(move || watched.run(&probe));
        if let Err(error) = thread {
            gpus.lock().last = Some(GpuReport::absent(format!("nobody asks the driver: {error}")));
        }
        gpus
    }

    fn run(&self, probe: &GpuProbe) {
        loop {
            let report = probe();
            let mut state = self.lock();
            let absent = report.gpus.is_empty();
            state.totals.add(&report);
            state.last = Some(report);
            self.changed.notify_all();
            let wait = self.changed.wait_timeout_while(state, PAUSE, |state| !state.stop);
            if absent || wait.unwrap_or_else(PoisonError::into_inner).0.stop {
                return;
            }
        }
    }

    /// The thread ends, some time; a driver that hangs keeps nobody waiting.
    pub fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    /// The GPU of a camera that names none: cameras are dealt out in turn. Nothing without GPUs.
    pub fn deal(&self, camera_index: usize) -> Option<u32> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        while state.last.is_none() && !state.stop && Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let count = self.visible(state.last.as_ref()?).len();
        u32::try_from(camera_index.checked_rem(count)?).ok()
    }

    /// Memory of a process on the GPU that CUDA calls `gpu`, in bytes.
    pub fn process_memory_bytes(&self, gpu: Option<u32>, pid: u32) -> Option<u64> {
        let state = self.lock();
        let report = state.last.as_ref()?;
        let index = *self.visible(report).get(usize::try_from(gpu?).ok()?)?;
        report.gpus[index].process_memory_bytes(pid)
    }

    /// The last reading.
    pub fn report(&self) -> GpuReport {
        self.lock().last.clone().unwrap_or_else(|| GpuReport::absent("the driver has not answered yet"))
    }

    /// The run so far.
    pub fn stats(&self) -> GpuRunStats {
        self.lock().totals.stats()
    }

    fn visible(&self, report: &GpuReport) -> Vec<usize> {
        report.visible(self.visible_devices.as_deref())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use mien_metrics::gpu::{GpuProcess, GpuReading};

    use super::*;

    fn machine(count: u32) -> GpuProbe {
        let gpu = move |index| GpuReading {
            index,
            processes: vec![GpuProcess { pid: 70 + index, memory_bytes: Some(1000) }],
            ..GpuReading::default()
        };
        let absence = (count == 0).then(|| "none here".to_owned());
        Arc::new(move || GpuReport {
            absence: absence.clone(),
            gpus: (0..count).map(gpu).collect(),
            ..GpuReport::default()
        })
    }

    fn dealt(gpus: &Gpus) -> Vec<Option<u32>> {
        (0..5).map(|camera| gpus.deal(camera)).collect()
    }

    #[test]
    fn cameras_are_dealt_out_in_turn_over_the_gpus_that_cuda_shows() {
        let two = Gpus::watch(machine(2), None);
        assert_eq!(dealt(&two), [0, 1, 0, 1, 0].map(Some));
        let of_three = Gpus::watch(machine(3), Some("2,1".into()));
        assert_eq!(dealt(&of_three), [0, 1, 0, 1, 0].map(Some));
        // CUDA's GPU 0 is the machine's GPU 2.
        assert_eq!(of_three.process_memory_bytes(Some(0), 72), Some(1000));
        assert_eq!(of_three.process_memory_bytes(Some(0), 70), None);
        assert_eq!(of_three.process_memory_bytes(Some(9), 70), None);
        for gpus in [Gpus::watch(machine(0), None), Gpus::watch(machine(2), Some(String::new()))] {
            assert_eq!(dealt(&gpus), [None; 5]);
        }
        two.stop();
        of_three.stop();
    }

    #[test]
    fn a_machine_without_gpus_has_a_reason_in_its_statistics() {
        let gpus = Gpus::watch(machine(0), None);
        assert_eq!(gpus.deal(0), None);
        assert_eq!(gpus.stats().absence.as_deref(), Some("none here"));
        assert_eq!(gpus.report().absence.as_deref(), Some("none here"));
    }
}
