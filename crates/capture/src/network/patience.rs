//! How long to wait for the next picture: by the pace at which they have come.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Shortest and longest wait.
const LIMITS: [Duration; 2] = [Duration::from_millis(1500), Duration::from_secs(60)];
/// The wait while the pace is unknown.
const UNKNOWN: Duration = Duration::from_secs(15);
/// Intervals that are remembered, and those that tell the pace.
const REMEMBERED: usize = 8;
const ENOUGH: usize = 3;
/// A picture is missing after so many of the longest interval.
const INTERVALS: u32 = 4;

/// Intervals between the last pictures.
pub(super) struct Patience {
    last: Instant,
    intervals: VecDeque<Duration>,
}

impl Patience {
    /// For a stream whose first picture has come now.
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, intervals: VecDeque::with_capacity(REMEMBERED) }
    }

    /// Another picture has come.
    pub(super) fn came(&mut self, now: Instant) {
        if self.intervals.len() == REMEMBERED {
            self.intervals.pop_front();
        }
        self.intervals.push_back(now.duration_since(self.last));
        self.last = now;
    }

    /// How long the next picture may take.
    pub(super) fn limit(&self) -> Duration {
        let longest = self.intervals.iter().max().copied().unwrap_or_default();
        let shortest_limit = if self.intervals.len() < ENOUGH { UNKNOWN } else { LIMITS[0] };
        (longest * INTERVALS).clamp(shortest_limit, LIMITS[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wait after pictures at these seconds.
    fn limit(seconds: &[f64]) -> f64 {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        for &second in seconds {
            patience.came(start + Duration::from_secs_f64(second));
        }
        patience.limit().as_secs_f64()
    }

    #[test]
    fn slow_cameras_are_waited_for_longer() {
        assert_eq!(limit(&[]), 15.0);
        assert_eq!(limit(&[0.04, 0.08]), 15.0, "the pace is not known yet");
        assert_eq!(limit(&[0.04, 0.08, 0.12, 0.16]), 1.5);
        assert_eq!(limit(&[1.0, 2.0, 3.0]), 4.0);
        assert_eq!(limit(&[2.0, 4.0, 6.0]), 8.0);
        assert_eq!(limit(&[10.0, 20.0, 30.0]), 40.0);
        assert_eq!(limit(&[30.0]), 60.0);
        // A camera that has become fast again.
        let fast: Vec<f64> = (0..9).map(|count| 10.0 + f64::from(count) * 0.1).collect();
        assert_eq!(limit(&fast), 1.5);
    }
}
