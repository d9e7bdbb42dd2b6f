use std::collections::VecDeque;

/// Events per second over the last seconds.
#[derive(Debug, Clone)]
pub struct RateMeter {
    window_nanos: i64,
    times: VecDeque<i64>,
}

/// Most events that are kept: rates above this many per window are understated.
const MOST_EVENTS: usize = 4096;

impl RateMeter {
    /// Looks back this far.
    #[must_use]
    pub fn new(window_nanos: i64) -> Self {
        Self { window_nanos, times: VecDeque::new() }
    }

    /// Counts an event at a monotonic time.
    pub fn record(&mut self, now_nanos: i64) {
        if self.times.len() == MOST_EVENTS {
            self.times.pop_front();
        }
        self.times.push_back(now_nanos);
    }

    /// Events per second, now: the events of the window over the time since the first of them, so that
    /// the rate falls when they cease.
    pub fn per_second(&mut self, now_nanos: i64) -> f64 {
        while self.times.front().is_some_and(|time| now_nanos - time > self.window_nanos) {
            self.times.pop_front();
        }
        let (Some(first), Some(last)) = (self.times.front(), self.times.back()) else { return 0.0 };
        let intervals = self.times.len() - 1;
        if intervals == 0 {
            return 0.0;
        }
        // An interval that is longer than usual already has begun to tell.
        let usual = (last - first) / intervals as i64;
        let span = (last - first) + (now_nanos - last - usual).max(0);
        if span > 0 { intervals as f64 * 1e9 / span as f64 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_and_its_end() {
        let mut meter = RateMeter::new(2_000_000_000);
        assert_eq!(meter.per_second(0), 0.0);
        for frame in 0..100 {
            meter.record(frame * 40_000_000);
        }
        let last = 99 * 40_000_000;
        assert!((meter.per_second(last) - 25.0).abs() < 0.01);
        assert!((meter.per_second(last + 30_000_000) - 25.0).abs() < 0.01);
        assert!(meter.per_second(last + 1_000_000_000) < 20.0);
        assert_eq!(meter.per_second(last + 3_000_000_000), 0.0);
    }
}
