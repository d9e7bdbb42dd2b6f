//! Times of pictures that do not rise: told apart on the way, and mended.
//!
//! ffmpeg's muxers move a time that goes backwards to a tick after the last one, without a word that
//! could be relied on. So ffmpeg is asked to lift every picture after a step back by [`LIFT_MICROS`]
//! ([`filter`]); [`Times`] takes that off again and sees the step.

/// Microseconds that the times are lifted by with each step back: 116 days, longer than any video.
const LIFT_MICROS: i64 = 10_000_000_000_000;

/// Filters that give the pictures times in microseconds, lifted once more with each step back.
pub(crate) fn filter() -> String {
    format!("settb=1/1000000,setpts='if(lt(PTS,PREV_INPTS),st(0,ld(0)+{LIFT_MICROS}));PTS+ld(0)'")
}

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

impl std::fmt::Display for MendedTimes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

/// The times of one video's pictures, in their order.
#[derive(Debug)]
pub(crate) struct Times {
    interval_nanos: i64,
    shift_nanos: i64,
    last: Option<Last>,
    mended: Option<MendedTimes>,
}

/// The picture before.
#[derive(Debug, Clone, Copy)]
struct Last {
    lifted_micros: i64,
    file_nanos: i64,
    nanos: i64,
}

impl Times {
    /// For pictures at this nominal rate.
    pub(crate) fn new(rate_hz: Option<f64>) -> Self {
        let rate_hz = rate_hz.filter(|rate| (0.001..1e6).contains(rate)).unwrap_or(30.0);
        Self { interval_nanos: (1e9 / rate_hz).round() as i64, shift_nanos: 0, last: None, mended: None }
    }

    /// The time of picture number `frame_index`, in nanoseconds, which comes with this lifted time.
    pub(crate) fn next(&mut self, frame_index: u64, lifted_micros: i64) -> i64 {
        // A video may begin a little before 0.
        let steps = lifted_micros.saturating_add(LIFT_MICROS / 2).div_euclid(LIFT_MICROS);
        let unlifted_nanos = (lifted_micros - steps * LIFT_MICROS) * 1000;
        // Equal times come a tick apart.
        let file_nanos = match self.last {
            Some(last) if lifted_micros == last.lifted_micros.saturating_add(1) => last.file_nanos,
            _ => unlifted_nanos,
        };
        let own_nanos = file_nanos + self.shift_nanos;
        let nanos = match self.last {
            Some(last) if own_nanos <= last.nanos => {
                let nanos = last.nanos + self.interval_nanos;
                if file_nanos != last.file_nanos {
                    self.shift_nanos = nanos - file_nanos;
                }
                let first =
                    MendedTimes { frame_index, file_nanos, previous_file_nanos: last.file_nanos, frames: 0 };
                self.mended.get_or_insert(first);
                nanos
            }
            _ => own_nanos,
        };
        if let Some(mended) = self.mended.as_mut().filter(|_| nanos != file_nanos) {
            mended.frames += 1;
        }
        self.last = Some(Last { lifted_micros, file_nanos, nanos });
        nanos
    }

    /// What was mended so far.
    pub(crate) fn mended(&self) -> Option<&MendedTimes> {
        self.mended.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times in milliseconds of a video of 25 frames a second, and how many were mended.
    fn mended(micros: &[i64]) -> (Vec<i64>, u64) {
        let mut times = Times::new(Some(25.0));
        let given = (0..).zip(micros).map(|(i, &micros)| times.next(i, micros) / 1_000_000).collect();
        (given, times.mended().map_or(0, |mended| mended.frames))
    }

    #[test]
    fn times_that_rise_stand() {
        assert_eq!(mended(&[-80_000, 0, 33_000, 900_000]), (vec![-80, 0, 33, 900], 0));
    }

    #[test]
    fn after_a_step_back_they_go_on_at_the_interval() {
        let lifted = [0, 40_000, 80_000, LIFT_MICROS, LIFT_MICROS + 50_000, 2 * LIFT_MICROS - 9_000];
        assert_eq!(mended(&lifted), (vec![0, 40, 80, 120, 170, 210], 3));
    }

    #[test]
    fn equal_times_are_spread_without_moving_the_rest() {
        let mut times = Times::new(Some(2000.0));
        let given: Vec<i64> =
            (0..).zip([0, 1, 1000, 1001, 2000]).map(|(i, micros)| times.next(i, micros) / 1000).collect();
        assert_eq!(given, [0, 500, 1000, 1500, 2000]);
        let mended = times.mended().unwrap();
        assert_eq!((mended.frame_index, mended.frames), (1, 2));
        assert!(mended.to_string().contains("stand still at frame 1"), "{mended}");
    }

    #[test]
    fn nonsense_is_survived() {
        let mut times = Times::new(Some(f64::NAN));
        let mut last = i64::MIN;
        for (i, micros) in (0..).zip([0, i64::MAX, i64::MIN, 3, -3, i64::MAX - 1]) {
            let nanos = times.next(i, micros);
            assert!(nanos > last, "{nanos} after {last}");
            last = nanos;
        }
    }
}
