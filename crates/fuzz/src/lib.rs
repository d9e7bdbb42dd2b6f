//! Inputs made to hurt, for the tests of everything that reads foreign bytes.
//!
//! A target is an ordinary test whose name begins with `fuzz_` and which calls [`fuzz`] with a few sound inputs.
//! Without further notice it tries a fixed number of damaged ones, the same each time. `MIEN_FUZZ_SECONDS=N` makes
//! every target go on for that long with inputs that nobody has tried; `./x fuzz MINUTES` does so for all.
//!
//! An input at which a target panics is kept in the folder for temporary files, and the panic says where.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longest input, unless a sound one is longer.
const MOST_BYTES: usize = 1 << 20;
/// Most damages of one input.
const MOST_DAMAGES: u64 = 6;
/// Numbers at which parsers go wrong.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    3,
    127,
    128,
    255,
    256,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// Hands damaged inputs to `run`, which must not panic: `cases` of them, or as many as the time allows where
/// `MIEN_FUZZ_SECONDS` gives one.
///
/// # Panics
/// When `run` does, with the place of the input.
pub fn fuzz(target: &str, sound: &[Vec<u8>], cases: u64, mut run: impl FnMut(&[u8])) {
    let seconds = std::env::var("MIEN_FUZZ_SECONDS").ok().and_then(|text| text.parse::<u64>().ok());
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let first = match until {
        Some(_) => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64),
        None => 0,
    };
    let mut slowest = Duration::ZERO;
    let mut tried = 0;
    while until.map_or(tried < cases, |until| Instant::now() < until) {
        let input = Damage::new(first.wrapping_add(tried)).input(sound);
        let begin = Instant::now();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(&input))) {
            let kept = std::env::temp_dir().join(format!("mien-fuzz-{target}-{first}-{tried}"));
            let what = match std::fs::write(&kept, &input) {
                Ok(()) => kept.display().to_string(),
                Err(error) => format!("nowhere ({error})"),
            };
            eprintln!("{target}: case {tried} from {first} panics; its input is kept in {what}");
            resume_unwind(panic);
        }
        slowest = slowest.max(begin.elapsed());
        tried += 1;
    }
    println!("{target}: {tried} inputs, the slowest took {:.3} s", slowest.as_secs_f64());
}

/// A little random generator (SplitMix64), the same for the same number.
struct Damage(u64);

impl Damage {
    fn new(number: u64) -> Self {
        Self(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where that is 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % (end.max(1) as u64)) as usize
    }

    fn input(&mut self, sound: &[Vec<u8>]) -> Vec<u8> {
        let mut input = sound.get(self.below(sound.len())).cloned().unwrap_or_default();
        let most = input.len().max(MOST_BYTES);
        for _ in 0..1 + self.next() % MOST_DAMAGES {
            self.damage(&mut input, sound);
        }
        input.truncate(most);
        input
    }

    fn damage(&mut self, input: &mut Vec<u8>, sound: &[Vec<u8>]) {
        let place = self.below(input.len());
        // Most pieces are short: a damage of a whole file tells little.
        let reach = 1 << self.below(12);
        let end = (place + 1 + self.below(reach)).min(input.len());
        match self.next() % 9 {
            0 => input.truncate(place),
            1 => {
                let bit = 1 << self.below(8);
                put(input, place, &[bit], |old, new| old ^ new);
            }
            2 => {
                let byte = self.next() as u8;
                put(input, place, &[byte], |_, new| new);
            }
            3 | 4 => {
                let number = NUMBERS[self.below(NUMBERS.len())].wrapping_add(self.next() % 3).wrapping_sub(1);
                let width = [1, 2, 4, 8][self.below(4)];
                put(input, place, &number.to_le_bytes()[..width], |_, new| new);
            }
            5 => drop(input.drain(place.min(end)..end)),
            6 => {
                let piece = input[place.min(end)..end].to_vec();
                let at = self.below(input.len() + 1);
                input.splice(at..at, piece);
            }
            7 => {
                let bytes: Vec<u8> = (0..self.below(16)).map(|_| self.next() as u8).collect();
                input.splice(place..place, bytes);
            }
            _ => {
                let Some(other) = sound.get(self.below(sound.len())) else { return };
                let from = self.below(other.len());
                let to = (from + self.below(reach)).min(other.len());
                input.splice(place..place, other[from..to].iter().copied());
            }
        }
    }
}

fn put(input: &mut [u8], place: usize, bytes: &[u8], join: impl Fn(u8, u8) -> u8) {
    for (old, new) in input.iter_mut().skip(place).zip(bytes) {
        *old = join(*old, *new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_differ_and_are_the_same_each_time() {
        let sound = [b"some sound input".to_vec(), b"another".to_vec(), Vec::new()];
        let all = || (0..500).map(|number| Damage::new(number).input(&sound)).collect::<Vec<_>>();
        let inputs = all();
        assert_eq!(inputs, all());
        let mut different = inputs.clone();
        different.sort();
        different.dedup();
        assert!(different.len() > 350, "{}", different.len());
        assert!(inputs.iter().any(Vec::is_empty) && inputs.iter().any(|input| input.len() > 16));
    }

    #[test]
    fn a_panic_is_told_with_its_input() {
        let panics = catch_unwind(|| fuzz("self", &[b"abc".to_vec()], 10, |_| panic!("as it should")));
        assert!(panics.is_err());
        let kept = std::env::temp_dir().join("mien-fuzz-self-0-0");
        assert!(std::fs::remove_file(kept).is_ok() || std::env::var_os("MIEN_FUZZ_SECONDS").is_some());
        let mut seen = 0;
        fuzz("self", &[], 10, |_| seen += 1);
        assert!(seen == 10 || std::env::var_os("MIEN_FUZZ_SECONDS").is_some());
    }
}
