//! The monotonic clock that the Lab Streaming Layer uses.
//!
//! liblsl's `local_clock()` reads the C++ `steady_clock`, which is `CLOCK_MONOTONIC` on Linux. Every
//! `…_nanos` of this project counts nanoseconds on that clock, so capture times can be handed to LSL
//! (as seconds) without conversion, and clock steps (NTP, daylight saving) never move them.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds on the monotonic clock, now.
#[must_use]
pub fn monotonic_nanos() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Nanoseconds since the Unix epoch, now: for names and provenance, never for intervals.
#[must_use]
pub fn unix_nanos() -> i64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Nanoseconds as the seconds that LSL and XDF carry.
#[must_use]
pub fn seconds(nanos: i64) -> f64 {
    // Divided, not multiplied: 33 333 000 ns are 0.033333, not 0.033333000000000004.
    nanos as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_runs_backwards() {
        let mut last = monotonic_nanos();
        for _ in 0..10_000 {
            let now = monotonic_nanos();
            assert!(now >= last);
            last = now;
        }
    }
}
