use procfs::process::Process;

/// What a process has used, at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessUsage {
    /// Processor time in seconds, all threads, user and system.
    pub cpu_seconds: f64,
    /// Resident memory in bytes, shared memory included.
    pub resident_bytes: u64,
}

impl ProcessUsage {
    /// Reads `/proc`; nothing when the process is gone or hidden.
    #[must_use]
    pub fn read(pid: u32) -> Option<Self> {
        let stat = Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()?;
        Some(Self {
            cpu_seconds: (stat.utime + stat.stime) as f64 / rustix::param::clock_ticks_per_second() as f64,
            resident_bytes: stat.rss * rustix::param::page_size() as u64,
        })
    }
}

/// Open file descriptors of a process; nothing when the process is gone or another user's.
#[must_use]
pub fn open_descriptors(pid: u32) -> Option<usize> {
    Process::new(i32::try_from(pid).ok()?).ok()?.fd_count().ok()
}

/// Processor use between two looks.
#[derive(Debug, Clone, Default)]
pub struct CpuMeter {
    last: Option<(u32, i64, f64)>,
}

impl CpuMeter {
    /// Per cent of one core since the last call for the same process; nothing at the first.
    pub fn percent(&mut self, pid: u32, usage: ProcessUsage, now_nanos: i64) -> Option<f64> {
        let last = self.last.replace((pid, now_nanos, usage.cpu_seconds));
        let (last_pid, then_nanos, then_seconds) = last?;
        let elapsed_seconds = (now_nanos - then_nanos) as f64 * 1e-9;
        (last_pid == pid && elapsed_seconds > 0.0)
            .then(|| 100.0 * (usage.cpu_seconds - then_seconds) / elapsed_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_measured() {
        let usage = ProcessUsage::read(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 100_000 && usage.cpu_seconds >= 0.0);
        assert!(open_descriptors(std::process::id()).unwrap() >= 3);
        assert_eq!(ProcessUsage::read(u32::MAX), None);
    }

    #[test]
    fn use_is_relative_to_the_time_between() {
        let mut meter = CpuMeter::default();
        let usage = |cpu_seconds| ProcessUsage { cpu_seconds, resident_bytes: 0 };
        assert_eq!(meter.percent(1, usage(1.0), 0), None);
        assert_eq!(meter.percent(1, usage(1.5), 1_000_000_000), Some(50.0));
        assert_eq!(meter.percent(2, usage(0.1), 2_000_000_000), None);
    }
}
