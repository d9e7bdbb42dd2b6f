//! When a camera without results hangs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Without a result for this long, or for four frames of a slow source or on a slow machine, it does.
const LIMIT: Duration = Duration::from_secs(2);
const LIMIT_FRAMES: u32 = 4;
/// However slow they are.
const MOST: Duration = Duration::from_secs(60);
/// While the pace of a source that tells no rate is unknown.
const UNKNOWN: Duration = Duration::from_secs(15);
/// Intervals that are remembered, and those that tell the pace.
const REMEMBERED: usize = 8;
const ENOUGH: usize = 3;

/// How results have come so far.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// What the source says.
    rate_hz: Option<f64>,
    last: Option<Instant>,
    intervals: VecDeque<Duration>,
    /// How long the pipeline took for the last result.
    work: Duration,
}

impl Progress {
    /// For a source that has been opened, which may say its rate.
    pub(crate) fn of_source(rate_hz: Option<f64>) -> Self {
        Self { rate_hz: rate_hz.filter(|rate_hz| *rate_hz > 0.0), ..Self::default() }
    }

    /// A result has come, which took so long.
    pub(crate) fn result(&mut self, now: Instant, work: Duration) {
        self.work = work;
        if let Some(last) = self.last.replace(now) {
            if self.intervals.len() == REMEMBERED {
                self.intervals.pop_front();
            }
            self.intervals.push_back(now.saturating_duration_since(last));
        }
    }

    /// The source is being opened anew, or there can be no result for a while: that is no interval.
    pub(crate) fn pause(&mut self) {
        self.last = None;
    }

    /// How long the live camera may go without a result.
    pub(crate) fn limit(&self) -> Duration {
        let frame_seconds = self.rate_hz.map_or(0.0, |rate_hz| 1.0 / rate_hz);
        let frame = Duration::try_from_secs_f64(frame_seconds).unwrap_or(Duration::MAX);
        let longest = self.intervals.iter().max().copied().unwrap_or_default();
        let is_unknown = self.rate_hz.is_none() && self.intervals.len() < ENOUGH;
        let least = if is_unknown { UNKNOWN } else { LIMIT };
        frame.max(longest).max(self.work).saturating_mul(LIMIT_FRAMES).clamp(least, MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit in seconds after results at these seconds, each of which took so many milliseconds.
    fn limit(rate_hz: Option<f64>, seconds: &[f64], work_ms: u64) -> f64 {
        let (start, mut progress) = (Instant::now(), Progress::of_source(rate_hz));
        for &second in seconds {
            progress.result(start + Duration::from_secs_f64(second), Duration::from_millis(work_ms));
        }
        progress.limit().as_secs_f64()
    }

    #[test]
    fn a_slow_source_or_machine_is_given_time_but_not_for_ever() {
        assert_eq!(limit(Some(30.0), &[0.0, 0.03], 20), 2.0);
        assert_eq!(limit(Some(1.0), &[0.0], 20), 4.0);
        assert_eq!(limit(Some(30.0), &[0.0], 3000), 12.0);
        assert_eq!((limit(Some(1e-300), &[], 0), limit(Some(30.0), &[0.0], u64::MAX)), (60.0, 60.0));
    }

    #[test]
    fn a_source_that_tells_no_rate_is_taken_at_its_pace() {
        assert_eq!((limit(None, &[], 0), limit(Some(0.0), &[0.0, 0.1], 0)), (15.0, 15.0), "not known yet");
        assert_eq!(limit(None, &[0.0, 0.1, 0.2, 0.3], 20), 2.0);
        assert_eq!(limit(None, &[0.0, 2.0, 4.0, 6.0], 20), 8.0);
        let fast_again: Vec<f64> = (0..9).map(|count| 10.0 + f64::from(count) * 0.1).collect();
        assert_eq!(limit(None, &[&[0.0], &fast_again[..]].concat(), 20), 2.0);
        let mut progress = Progress::of_source(None);
        let start = Instant::now();
        for second in 0..5 {
            progress.result(start + Duration::from_secs(10 * second), Duration::ZERO);
            progress.pause();
        }
        assert_eq!(progress.limit(), UNKNOWN, "pauses are no intervals");
    }
}
