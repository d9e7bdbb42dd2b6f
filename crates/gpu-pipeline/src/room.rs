//! Whether a camera finds room in a GPU's memory, and for how many faces at a time.
//!
//! There are three outcomes, each told in one line: room for all faces, room for fewer at a time, or none. What a
//! camera needs is estimated first, so that TensorRT is not tried where it must fail; then all of it is taken, frame
//! buffers, decoder and graphs included, and what the estimate has missed leads to fewer faces, too.

use std::fmt;
use std::time::Duration;

/// How often a camera that finds no room looks again: another may just be giving its memory back.
const LOOKS: usize = 8;
/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(250);
/// What stays free for the driver, which loads code when it is first used.
pub(crate) const RESERVE_BYTES: usize = 16 << 20;

/// What a camera takes of a GPU's memory, about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Numbers of faces that may be read at a time, rising, and the bytes that the camera takes if this is the most.
    pub buckets: Vec<(usize, usize)>,
}

impl Needs {
    /// How many of the buckets, from the smallest, fit into so many free bytes.
    fn fitting(&self, free_bytes: usize) -> usize {
        self.buckets.iter().take_while(|(_, bytes)| *bytes <= free_bytes).count()
    }

    fn faces(&self, buckets: usize) -> usize {
        buckets.checked_sub(1).map_or(0, |last| self.buckets[last].0)
    }

    fn bytes(&self, buckets: usize) -> usize {
        buckets.checked_sub(1).map_or(0, |last| self.buckets[last].1)
    }
}

/// A GPU that can be tried.
pub(crate) trait Room {
    /// What is made in it.
    type Made;
    /// Why it is not.
    type Error: fmt::Display;

    /// What is free now.
    fn free_bytes(&self) -> Result<usize, Self::Error>;
    /// Takes everything that so many buckets need, or nothing.
    fn make(&mut self, buckets: usize) -> Result<Self::Made, Self::Error>;
    /// Whether it failed because memory is short.
    fn is_about_memory(&self, error: &Self::Error) -> bool;
    /// Lets time pass.
    fn pause(&mut self, duration: Duration);
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    /// Room for all faces at a time.
    All(T),
    /// Room for fewer at a time, and the line that says so.
    Fewer(T, String),
    /// None, and why, as the end of "has too little free memory for a camera".
    None(String),
}

/// Makes room for as many of the buckets as there is memory for.
pub(crate) fn fit<R: Room>(room: &mut R, needs: &Needs) -> Result<Outcome<R::Made>, R::Error> {
    let all = needs.buckets.len();
    let (mut said, mut limit) = (None, all);
    for look in 0..LOOKS {
        let first_free = room.free_bytes()?;
        let mut count = needs.fitting(first_free).min(limit);
        while count > 0 {
            match room.make(count) {
                Ok(made) if count == all => return Ok(Outcome::All(made)),
                Ok(made) => {
                    let [free, needed] = in_mebibytes(first_free, needs.bytes(all));
                    let [most, faces] = [needs.faces(all), needs.faces(count)];
                    let line = format!(
                        "{free} MiB are free and {most} faces at a time take about {needed} MiB: faces are read \
                         {faces} at a time"
                    );
                    return Ok(Outcome::Fewer(made, line));
                }
                Err(error) if room.is_about_memory(&error) => {
                    said = Some(error.to_string());
                    // The estimate was too low: what has failed is not tried again.
                    limit = if count == 1 { 1 } else { count - 1 };
                    count = if count == 1 { 0 } else { needs.fitting(room.free_bytes()?).min(limit) };
                }
                Err(error) => return Err(error),
            }
        }
        if look + 1 < LOOKS {
            room.pause(PAUSE);
        }
    }
    let free = room.free_bytes()?;
    Ok(Outcome::None(match said {
        // The estimate says enough.
        _ if needs.fitting(free) == 0 => {
            let [free, needed] = in_mebibytes(free, needs.bytes(1));
            format!("{free} MiB, and one face at a time takes about {needed} MiB")
        }
        Some(said) => format!("{} MiB: {said}", free >> 20),
        None => format!("{} MiB", free >> 20),
    }))
}

/// What is free, rounded down, and what is needed, rounded up: the larger is the larger in words, too.
fn in_mebibytes(free: usize, needed: usize) -> [usize; 2] {
    [free >> 20, needed.div_ceil(1 << 20)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// A GPU on which things take more than was estimated, and a neighbour comes or goes.
    struct Fake {
        free: usize,
        /// What each number of buckets really takes.
        takes: [usize; 3],
        /// Free memory after each pause.
        later: Vec<usize>,
        tried: Vec<usize>,
        broken: bool,
    }

    impl Room for Fake {
        type Made = usize;
        type Error = String;

        fn free_bytes(&self) -> Result<usize, String> {
            Ok(self.free)
        }

        fn make(&mut self, buckets: usize) -> Result<usize, String> {
            self.tried.push(buckets);
            match self.takes[buckets - 1] <= self.free {
                _ if self.broken => Err("no such kernel".into()),
                true => Ok(buckets),
                false => Err("out of memory: nvJPEG".into()),
            }
        }

        fn is_about_memory(&self, error: &String) -> bool {
            error.starts_with("out of memory")
        }

        fn pause(&mut self, _duration: Duration) {
            self.free = self.later.pop().unwrap_or(self.free);
        }
    }

    fn needs() -> Needs {
        Needs { buckets: vec![(1, 100 * MIB), (2, 120 * MIB), (4, 160 * MIB)] }
    }

    fn fake(free: usize, takes: [usize; 3]) -> Fake {
        Fake { free, takes, later: Vec::new(), tried: Vec::new(), broken: false }
    }

    #[test]
    fn every_amount_of_memory_has_one_of_three_outcomes() {
        // Rightly estimated, and 12 MiB too low.
        for over in [0, 12 * MIB] {
            let takes = [100 * MIB + over, 120 * MIB + over, 160 * MIB + over];
            for free in (0..=200).map(|mib| mib * MIB) {
                let mut gpu = fake(free, takes);
                let outcome = fit(&mut gpu, &needs()).unwrap();
                let fits = takes.iter().filter(|bytes| **bytes <= free).count();
                match (fits, &outcome) {
                    (3, Outcome::All(3)) => {}
                    (1 | 2, Outcome::Fewer(made, line)) => {
                        assert!(*made == fits && line.lines().count() == 1, "{free}: {line}");
                        assert!(line.ends_with(&format!("faces are read {fits} at a time")), "{line}");
                    }
                    (0, Outcome::None(why)) => assert_eq!(why.lines().count(), 1, "{why}"),
                    _ => panic!("{free} bytes, {over} more than estimated: {outcome:?}"),
                }
                // What must fail is not tried.
                assert!(gpu.tried.iter().all(|count| needs().bytes(*count) <= free));
            }
        }
    }

    #[test]
    fn what_is_short_is_less_than_what_is_needed_in_words_too() {
        let needs = Needs { buckets: vec![(1, 28 * MIB + 900)] };
        let Outcome::None(why) = fit(&mut fake(28 * MIB + 800, [28 * MIB + 900; 3]), &needs).unwrap() else {
            panic!("it does not fit");
        };
        assert_eq!(why, "28 MiB, and one face at a time takes about 29 MiB");
    }

    #[test]
    fn memory_that_is_being_given_back_is_waited_for() {
        let mut gpu =
            Fake { later: vec![170 * MIB, 90 * MIB, 50 * MIB], ..fake(0, [100 * MIB, 120 * MIB, 160 * MIB]) };
        assert_eq!(fit(&mut gpu, &needs()).unwrap(), Outcome::All(3));
        assert_eq!(gpu.tried, [3]);
    }

    #[test]
    fn what_has_nothing_to_do_with_memory_is_an_error_at_once() {
        let mut gpu = Fake { broken: true, ..fake(200 * MIB, [0; 3]) };
        assert_eq!(fit(&mut gpu, &needs()), Err("no such kernel".to_owned()));
        assert_eq!(gpu.tried, [3]);
    }
}
