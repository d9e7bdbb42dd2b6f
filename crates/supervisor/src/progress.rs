//! When a camera without results hangs.

use std::time::Duration;

/// Without a result for this long, or for four frames of a slow source or on a slow machine, it does.
const LIMIT: Duration = Duration::from_secs(2);
const LIMIT_FRAMES: f64 = 4.0;
/// However slow they are.
const MOST: Duration = Duration::from_secs(60);

/// How long a live camera may go without a result, given its rate and how long the last result took.
pub(crate) fn progress_limit(rate_hz: Option<f64>, work: Duration) -> Duration {
    let frame_seconds = rate_hz.filter(|rate_hz| *rate_hz > 0.0).map_or(0.0, |rate_hz| 1.0 / rate_hz);
    let slower = LIMIT_FRAMES * frame_seconds.max(work.as_secs_f64());
    Duration::try_from_secs_f64(slower).unwrap_or(Duration::MAX).clamp(LIMIT, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_source_or_machine_is_given_time_but_not_for_ever() {
        let limit = |rate_hz, work_ms| progress_limit(rate_hz, Duration::from_millis(work_ms)).as_secs_f64();
        assert_eq!((limit(Some(30.0), 20), limit(None, 0), limit(Some(0.0), 0)), (2.0, 2.0, 2.0));
        assert_eq!(limit(Some(1.0), 20), 4.0);
        assert_eq!(limit(Some(30.0), 3000), 12.0);
        assert_eq!((limit(Some(1e-300), 0), limit(None, u64::MAX)), (60.0, 60.0));
    }
}
