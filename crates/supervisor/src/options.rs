use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mien_config::Config;

use crate::gpus::GpuProbe;

/// Takes the lines that workers write to their logs: the camera's name, the line.
pub type LogSink = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// What a supervisor needs to know.
#[derive(Clone)]
pub struct SupervisorOptions {
    /// The program that is started for each camera.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Name of the session: 1 to 64 of `A–Z a–z 0–9 _ -`.
    pub session: String,
    /// Folder of the rings, normally [`SHM_DIR`](mien_ring::SHM_DIR).
    pub ring_dir: PathBuf,
    /// Cameras, and how they are tracked.
    pub config: Config,
    /// How lost workers are brought back.
    pub policy: RestartPolicy,
    /// File that receives a trace of every frame.
    pub trace: Option<PathBuf>,
    /// Where the workers' logs go.
    pub log: LogSink,
    /// Who says what GPUs there are, normally [`nvml_probe`](crate::nvml_probe).
    pub gpus: GpuProbe,
}

/// How lost workers are brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartPolicy {
    /// A worker that is lost more often than this within a minute has failed.
    pub most_per_minute: usize,
    /// Pause before the first restart within a minute; each further one is twice as long.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            most_per_minute: 5,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(5),
        }
    }
}

/// The restarts of one camera.
#[derive(Debug, Default)]
pub(crate) struct RestartLog(VecDeque<Instant>);

impl RestartLog {
    /// Counts a restart, and says how long to pause before it; nothing when it would be one too many.
    pub fn next_pause(&mut self, policy: &RestartPolicy, now: Instant) -> Option<Duration> {
        while self.0.front().is_some_and(|then| now - *then > Duration::from_secs(60)) {
            self.0.pop_front();
        }
        if self.0.len() >= policy.most_per_minute {
            return None;
        }
        let doublings = u32::try_from(self.0.len()).unwrap_or(u32::MAX).min(16);
        self.0.push_back(now);
        Some((policy.first_pause * 2_u32.pow(doublings)).min(policy.longest_pause))
    }

    /// A person wants another try.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_the_minute_is_full_and_begin_anew_after_it() {
        let policy = RestartPolicy { longest_pause: Duration::from_millis(500), ..RestartPolicy::default() };
        let mut log = RestartLog::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let pauses: Vec<_> = (0..6).map(|second| log.next_pause(&policy, at(second))).collect();
        let expected = [100, 200, 400, 500, 500].map(|millis| Some(Duration::from_millis(millis)));
        assert_eq!(pauses[..5], expected);
        assert_eq!(pauses[5], None);
        assert_eq!(log.next_pause(&policy, at(61)), Some(Duration::from_millis(500)));
        assert_eq!(log.next_pause(&policy, at(300)), Some(Duration::from_millis(100)));
    }
}
