//! When the window is painted: at once where it has not been for a while, else at its highest rate.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Shared by the window and whoever wakes it.
#[derive(Debug)]
pub(crate) struct Pace(Mutex<Times>);

#[derive(Debug)]
struct Times {
    interval: Duration,
    last: Option<Instant>,
}

impl Pace {
    /// At most so many repaints a second.
    pub fn new(repaints_hz: f32) -> Self {
        Self(Mutex::new(Times { interval: interval(repaints_hz), last: None }))
    }

    /// Another highest rate from now on.
    pub fn set(&self, repaints_hz: f32) {
        self.times().interval = interval(repaints_hz);
    }

    /// Notes that the window is being painted.
    pub fn painted(&self, now: Instant) {
        self.times().last = Some(now);
    }

    /// How long the next repaint has to wait. Never zero: egui paints twice for those.
    pub fn pause(&self, now: Instant) -> Duration {
        let times = self.times();
        let since = times.last.map_or(Duration::MAX, |last| now.saturating_duration_since(last));
        times.interval.saturating_sub(since).max(Duration::from_nanos(1))
    }

    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn interval(repaints_hz: f32) -> Duration {
    Duration::from_secs_f32(1.0 / repaints_hz.clamp(1.0, 240.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_picture_is_painted_at_once_and_the_next_ones_in_time() {
        let pace = Pace::new(20.0);
        let start = Instant::now();
        let soon = Duration::from_nanos(1);
        assert_eq!(pace.pause(start), soon);
        pace.painted(start);
        // Rates are no whole numbers of nanoseconds.
        let pause_ms = |after_ms| pace.pause(start + Duration::from_millis(after_ms)).as_secs_f64() * 1e3;
        assert!((pause_ms(20) - 30.0).abs() < 0.01);
        assert_eq!(pace.pause(start + Duration::from_millis(80)), soon);
        pace.set(10.0);
        assert!((pause_ms(20) - 80.0).abs() < 0.01);
    }
}
