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
    /// When the repaint that was asked for last is due, until it comes.
    due: Option<Instant>,
}

/// A repaint that is so late was forgotten, and is asked for again.
const FORGOTTEN: Duration = Duration::from_millis(500);

impl Pace {
    /// At most so many repaints a second.
    pub fn new(repaints_hz: f32) -> Self {
        Self(Mutex::new(Times { interval: interval(repaints_hz), last: None, due: None }))
    }

    /// Another highest rate from now on.
    pub fn set(&self, repaints_hz: f32) {
        self.times().interval = interval(repaints_hz);
    }

    /// Notes that the window is being painted.
    pub fn painted(&self, now: Instant) {
        let mut times = self.times();
        (times.last, times.due) = (Some(now), None);
    }

    /// How long the next repaint has to wait; nothing when it was asked for already: eframe may take up a
    /// second request after the repaint, and paint once more. Never zero: egui paints twice for those.
    pub fn pause(&self, now: Instant) -> Option<Duration> {
        let mut times = self.times();
        if times.due.is_some_and(|due| now.saturating_duration_since(due) < FORGOTTEN) {
            return None;
        }
        let since = times.last.map_or(Duration::MAX, |last| now.saturating_duration_since(last));
        let pause = times.interval.saturating_sub(since).max(Duration::from_nanos(1));
        times.due = Some(now + pause);
        Some(pause)
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
        assert_eq!(pace.pause(start), Some(soon));
        pace.painted(start);
        let after = |ms| start + Duration::from_millis(ms);
        // Rates are no whole numbers of nanoseconds.
        let is_ms = |pause: Option<Duration>, ms: f64| (pause.unwrap().as_secs_f64() * 1e3 - ms).abs() < 0.01;
        assert!(is_ms(pace.pause(after(20)), 30.0));
        // Asked for already; one that never came is asked for again.
        assert_eq!((pace.pause(after(30)), pace.pause(after(100))), (None, None));
        assert_eq!(pace.pause(after(560)), Some(soon));
        pace.painted(after(600));
        pace.set(10.0);
        assert!(is_ms(pace.pause(after(620)), 80.0));
    }
}
