//! Times of pictures that do not rise: told apart on the way, and mended.

use std::fmt;

/// Longest time without a picture that is not told of, in nanoseconds.
const LONGEST_PAUSE_NANOS: i64 = 10_000_000_000;
/// A pause is only told of where it is this many times as long as the interval before it.
const LONGEST_PAUSE_INTERVALS: i64 = 20;

/// Where a video's times stop to rise, and how many pictures were given other ones.
///
/// A picture whose time is not after the last picture's follows it at the video's nominal interval.
/// Where the times have gone backwards, those after the step are moved along with it; where some are
/// equal, the next one that is later stands as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MendedTimes {
    /// Number of the first picture whose time does not rise.
    pub frame_index: u64,
    /// What the file says of it, in nanoseconds from the start of the file.
    pub file_nanos: i64,
    /// What the file says of the picture before it.
    pub previous_file_nanos: i64,
    /// Pictures that were given another time than the file's.
    pub frames: u64,
}

impl fmt::Display for MendedTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [at, before] = [self.file_nanos, self.previous_file_nanos].map(|nanos| nanos as f64 / 1e9);
        let (how, remedy) = match at < before {
            true => ("go backwards", "from there on they are moved to follow those before"),
            false => ("stand still", "such frames follow at the nominal frame rate"),
        };
        write!(
            f,
            "the file's times {how} at frame {} ({at:.3} s after {before:.3} s); {remedy}",
            self.frame_index
        )
    }
}

/// A long time without a picture, which is kept as the file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeGap {
    /// Number of the first picture after it.
    pub frame_index: u64,
    /// Time of the last picture before it, in nanoseconds from the start of the file.
    pub from_nanos: i64,
    /// Time of the first picture after it.
    pub to_nanos: i64,
}

impl fmt::Display for TimeGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to] = [self.from_nanos, self.to_nanos].map(|nanos| nanos as f64 / 1e9);
        write!(
            f,
            "the file's times have a gap of {:.3} s before frame {} (from {from:.3} s to {to:.3} s); they are kept",
            to - from,
            self.frame_index
        )
    }
}

/// The times of one video's pictures, in their order.
#[derive(Debug)]
pub(crate) struct Times {
    interval_nanos: i64,
    shift_nanos: i64,
    last: Option<Last>,
    mended: Option<MendedTimes>,
    gap: Option<TimeGap>,
}

/// The picture before.
#[derive(Debug, Clone, Copy)]
struct Last {
    file_nanos: i64,
    nanos: i64,
    /// From the picture before it.
    interval_nanos: Option<i64>,
}

impl Times {
    /// For pictures at this nominal rate.
    pub(crate) fn new(rate_hz: Option<f64>) -> Self {
        let rate_hz = rate_hz.filter(|rate| (0.001..1e6).contains(rate)).unwrap_or(30.0);
        let interval_nanos = (1e9 / rate_hz).round() as i64;
        Self { interval_nanos, shift_nanos: 0, last: None, mended: None, gap: None }
    }

    /// Nanoseconds from one picture to the next at the nominal rate.
    pub(crate) fn interval_nanos(&self) -> i64 {
        self.interval_nanos
    }

    /// The time of picture number `frame_index`, in nanoseconds, which the file shows at `file_micros`; where
    /// it does not say, it follows the picture before.
    pub(crate) fn next(&mut self, frame_index: u64, file_micros: Option<i64>) -> i64 {
        // Sums of such times do not overflow; 73 years are enough.
        let file_nanos = match file_micros {
            Some(micros) => micros.saturating_mul(1000).clamp(i64::MIN / 4, i64::MAX / 4),
            None => self.last.map_or(0, |last| last.file_nanos),
        };
        let own_nanos = file_nanos.saturating_add(self.shift_nanos);
        let nanos = match self.last {
            Some(last) if own_nanos <= last.nanos => {
                let nanos = last.nanos.saturating_add(self.interval_nanos);
                if file_nanos != last.file_nanos {
                    self.shift_nanos = nanos.saturating_sub(file_nanos);
                }
                let first =
                    MendedTimes { frame_index, file_nanos, previous_file_nanos: last.file_nanos, frames: 0 };
                self.mended.get_or_insert(first);
                nanos
            }
            Some(last) => {
                self.look_for_gap(frame_index, last, own_nanos);
                own_nanos
            }
            None => own_nanos,
        };
        if let Some(mended) = self.mended.as_mut().filter(|_| nanos != file_nanos) {
            mended.frames += 1;
        }
        let interval_nanos = self.last.map(|last| nanos.saturating_sub(last.nanos));
        self.last = Some(Last { file_nanos, nanos, interval_nanos });
        nanos
    }

    fn look_for_gap(&mut self, frame_index: u64, last: Last, to_nanos: i64) {
        let Last { nanos: from_nanos, interval_nanos, .. } = last;
        let usual = interval_nanos.unwrap_or(self.interval_nanos).saturating_mul(LONGEST_PAUSE_INTERVALS);
        if self.gap.is_none() && to_nanos.saturating_sub(from_nanos) > usual.max(LONGEST_PAUSE_NANOS) {
            self.gap = Some(TimeGap { frame_index, from_nanos, to_nanos });
        }
    }

    /// What was mended so far.
    pub(crate) fn mended(&self) -> Option<&MendedTimes> {
        self.mended.as_ref()
    }

    /// The first long time without a picture so far.
    pub(crate) fn gap(&self) -> Option<TimeGap> {
        self.gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MILLIS: i64 = 86_400_000;

    /// Times in milliseconds of a video of 25 frames a second, and how many were mended.
    fn mended(millis: &[i64]) -> (Vec<i64>, u64) {
        let mut times = Times::new(Some(25.0));
        let given =
            (0..).zip(millis).map(|(i, &millis)| times.next(i, Some(millis * 1000)) / 1_000_000).collect();
        (given, times.mended().map_or(0, |mended| mended.frames))
    }

    #[test]
    fn times_that_rise_stand() {
        assert_eq!(mended(&[-80, 0, 33, 900]), (vec![-80, 0, 33, 900], 0));
        let long = [0, 40, 100 * DAY_MILLIS, 200 * DAY_MILLIS, 20_000 * DAY_MILLIS];
        assert_eq!(mended(&long), (long.to_vec(), 0));
    }

    #[test]
    fn after_a_step_back_they_go_on_at_the_interval() {
        assert_eq!(mended(&[0, 40, 80, 0, 50, -9]), (vec![0, 40, 80, 120, 170, 210], 3));
        let back = [0, 300 * DAY_MILLIS, 40, 80];
        let day = 300 * DAY_MILLIS;
        assert_eq!(mended(&back), (vec![0, day, day + 40, day + 80], 2));
    }

    #[test]
    fn equal_times_are_spread_without_moving_the_rest() {
        let mut times = Times::new(Some(2000.0));
        let file = [Some(0), Some(0), Some(1000), None, Some(2000)];
        let given: Vec<i64> = (0..).zip(file).map(|(i, micros)| times.next(i, micros) / 1000).collect();
        assert_eq!(given, [0, 500, 1000, 1500, 2000]);
        let mended = times.mended().unwrap();
        assert_eq!((mended.frame_index, mended.frames), (1, 2));
        assert!(mended.to_string().contains("stand still at frame 1"), "{mended}");
    }

    #[test]
    fn a_long_gap_is_kept_and_told_of_once() {
        let mut times = Times::new(Some(25.0));
        for (frame_index, millis) in (0..).zip([0, 40, 80, 12_080, 12_120, 90_000]) {
            assert_eq!(times.next(frame_index, Some(millis * 1000)), millis * 1_000_000);
            assert_eq!(times.gap().is_some(), frame_index >= 3);
        }
        let told = times.gap().unwrap().to_string();
        assert!(told.contains("a gap of 12.000 s before frame 3 (from 0.080 s to 12.080 s)"), "{told}");
        // A picture a minute is no gap.
        let mut times = Times::new(Some(1.0 / 60.0));
        for i in 0..5 {
            times.next(i, Some(i as i64 * 60_000_000));
        }
        assert_eq!((times.gap(), times.mended()), (None, None));
    }

    #[test]
    fn nonsense_is_survived() {
        let mut times = Times::new(Some(f64::NAN));
        let mut last = i64::MIN;
        for (i, micros) in (0..).zip([0, i64::MAX, i64::MIN, 3, -3, i64::MAX - 1]) {
            let nanos = times.next(i, Some(micros));
            assert!(nanos > last, "{nanos} after {last}");
            last = nanos;
        }
    }
}
