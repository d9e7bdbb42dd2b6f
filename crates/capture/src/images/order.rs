//! The order of a folder's pictures, by their names.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A name and what decides its place.
struct Key {
    /// The name without its ending, in runs of digits and of anything else.
    runs: Vec<String>,
    name: String,
}

/// The order in which a person counts, as indices into `names`: runs of digits compare as numbers (`img2` before
/// `img10`), and digits after a decimal point as a fraction (`0.25` before `0.3`), where the names read like decimal
/// numbers rather than like two counters (`1.9`, `1.10`): see [`Fractions`].
pub(super) fn natural_order(names: &[String]) -> Vec<usize> {
    let keys: Vec<Key> = names.iter().map(|name| Key::new(name)).collect();
    let fractions = Fractions::find(&keys);
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| compare(&keys[a], &keys[b], &fractions));
    order
}

impl Key {
    fn new(name: &str) -> Self {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        Self { runs: split_runs(stem), name: name.to_owned() }
    }

    /// Whether the run of this number is digits behind `12.` or `12,`.
    fn is_after_point(&self, place: usize) -> bool {
        place >= 2
            && self.runs.get(place).is_some_and(|run| is_number(run))
            && [".", ","].contains(&self.runs[place - 1].as_str())
            && is_number(&self.runs[place - 2])
    }
}

/// The runs, by their number in the names, in which digits after a point are a fraction.
///
/// Where all have as many digits, it makes no difference. Elsewhere they are a fraction unless one of them ends with
/// 0 or has a further point behind it: programs that write decimal numbers leave such zeros out (`0.3285`) or write
/// all to the same length, while a counter comes past 10.
struct Fractions(Vec<usize>);

impl Fractions {
    fn find(keys: &[Key]) -> Self {
        let mut may_be: BTreeMap<usize, bool> = BTreeMap::new();
        for key in keys {
            for place in (2..key.runs.len()).filter(|&place| key.is_after_point(place)) {
                let run = &key.runs[place];
                let may_end_so = run.len() == 1 || !run.ends_with('0');
                *may_be.entry(place).or_insert(true) &= may_end_so && !key.is_after_point(place + 2);
            }
        }
        Self(may_be.into_iter().filter(|(_, is_fraction)| *is_fraction).map(|(place, _)| place).collect())
    }

    fn contains(&self, place: usize) -> bool {
        self.0.contains(&place)
    }
}

fn compare(a: &Key, b: &Key, fractions: &Fractions) -> Ordering {
    for (place, (x, y)) in a.runs.iter().zip(&b.runs).enumerate() {
        // The runs before are equal, so what is behind a point in one is so in the other.
        let is_fraction = fractions.contains(place) && a.is_after_point(place);
        let order = match (is_number(x) && is_number(y), is_fraction) {
            (true, true) => x.trim_end_matches('0').cmp(y.trim_end_matches('0')),
            (true, _) => {
                let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
            _ => x.cmp(y),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.runs.len().cmp(&b.runs.len()).then_with(|| a.name.cmp(&b.name))
}

fn is_number(run: &str) -> bool {
    run.starts_with(|c: char| c.is_ascii_digit())
}

/// Splits a name into runs of digits and of anything else.
fn split_runs(name: &str) -> Vec<String> {
    let mut runs: Vec<String> = Vec::new();
    for c in name.chars() {
        match runs.last_mut() {
            Some(run) if is_number(run) == c.is_ascii_digit() => run.push(c),
            _ => runs.push(c.to_string()),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts the names into order, from several orders that they may be found in.
    fn assert_order(expected: &[&str]) {
        for turn in 0..expected.len() {
            let mut names: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
            names.rotate_left(turn);
            names.swap(0, expected.len() - 1);
            let found: Vec<&str> = natural_order(&names).into_iter().map(|at| names[at].as_str()).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn people_count_that_way() {
        assert_order(&[
            "a",
            "img1.png",
            "img1b.png",
            "img02.png",
            "img2.png",
            "img10.png",
            "img10a.png",
            "img-x.png",
        ]);
        let long = format!("{}.png", "1".repeat(60));
        assert_order(&["2.png", &long]);
    }

    #[test]
    fn seconds_with_a_fraction_are_decimal_numbers() {
        assert_order(&[
            "1732800000.032285.png",
            "1732800000.098608.png",
            "1732800000.197789.png",
            "1732800000.3285.png",
            "1732800000.39703.png",
            "1732800000.4.png",
            "1732800001.0.png",
            "1732800001.05.jpg",
        ]);
        assert_order(&["t0.0s.png", "t0.25s.png", "t0.5s.png", "t1.125s.png", "t10.0s.png"]);
        assert_order(&["a 9,5.png", "a 9,75.png", "a 10,25.png"]);
        // No fraction at all for whole seconds.
        assert_order(&["17.jpg", "17.25.jpg", "17.5.jpg", "18.jpg"]);
        assert_order(&["0.030.png", "0.060.png", "0.100.png", "1.000.png"]);
    }

    #[test]
    fn two_counters_are_no_decimal_number() {
        let names: Vec<String> = (1..=12).map(|number| format!("subject3.{number}.png")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_order(&names);
        assert_order(&["1.2.9.png", "1.2.10.png", "1.10.1.png"]);
        // An order whatever is mixed.
        assert_order(&["1-3.png", "1-25.png", "1.4.png", "1.10.1.png", "1.35.png"]);
        assert_order(&["2024.11.5.png", "2024.11.20.png", "2024.12.1.png"]);
    }
}
