//! A child's log, bounded: strangers can make liblsl write a line for each of their packets.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use crate::report::plain;

/// Lines that may come at once.
const BURST: u32 = 20;
/// A further line is shown after each of these times.
const EVERY: Duration = Duration::from_secs(10);
/// Longest part of a line that is looked at.
const MOST_LINE_BYTES: u64 = 1024;
/// Pause after lines that are not shown: the pipe fills meanwhile, and the child's log, which never blocks, drops them
/// itself.
const PAUSE: Duration = Duration::from_millis(100);
/// Lines between two such pauses.
const READ_AT_ONCE: u32 = 100;

/// How many lines may be shown, over time.
#[derive(Debug)]
struct Budget {
    lines: u32,
    refilled: Instant,
    hidden: u64,
}

impl Budget {
    fn new(now: Instant) -> Self {
        Self { lines: BURST, refilled: now, hidden: 0 }
    }

    /// Whether a line is shown, and how many before it were not.
    fn spend(&mut self, now: Instant) -> Option<u64> {
        while self.lines < BURST && now.saturating_duration_since(self.refilled) >= EVERY {
            self.refilled += EVERY;
            self.lines += 1;
        }
        if self.lines == BURST {
            self.refilled = now;
        }
        if self.lines == 0 {
            self.hidden += 1;
            return None;
        }
        self.lines -= 1;
        Some(std::mem::take(&mut self.hidden))
    }
}

/// Passes lines on until the input ends.
pub(crate) fn follow(input: impl Read, mut tell: impl FnMut(&str)) {
    let mut input = BufReader::new(input);
    let mut budget = Budget::new(Instant::now());
    let (mut bytes, mut unshown) = (Vec::new(), 0);
    while matches!(input.by_ref().take(MOST_LINE_BYTES).read_until(b'\n', &mut bytes), Ok(count) if count > 0)
    {
        let text = String::from_utf8_lossy(&bytes);
        let line = plain(text.trim());
        bytes.clear();
        if line.is_empty() {
            continue;
        }
        match budget.spend(Instant::now()) {
            Some(0) => tell(&line),
            Some(hidden) => {
                tell(&format!("({hidden} lines or more not shown)"));
                tell(&line);
            }
            None => {
                unshown += 1;
                if unshown >= READ_AT_ONCE {
                    unshown = 0;
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }
    if budget.hidden > 0 {
        tell(&format!("({} lines or more not shown)", budget.hidden));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_counted_and_strangers_steer_no_terminal() {
        let flood = "x\u{1b}[2J\n".repeat(200) + &"y".repeat(5000);
        let mut said = Vec::new();
        follow(flood.as_bytes(), |line| said.push(line.to_owned()));
        // 200 lines, and one that is looked at in five parts.
        assert_eq!(said.len() as u32, BURST + 1);
        assert_eq!(said[0], "x\u{fffd}[2J");
        assert_eq!(said.last().unwrap(), "(185 lines or more not shown)");
    }

    #[test]
    fn who_was_quiet_may_speak_again() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let at = |seconds| start + Duration::from_secs(seconds);
        let shown = (0..100).filter(|_| budget.spend(at(1)).is_some()).count();
        assert_eq!(shown as u32, BURST);
        assert_eq!(budget.spend(at(12)), Some(80));
        assert_eq!(budget.spend(at(13)), None);
        let shown = (0..100).filter(|_| budget.spend(at(5000)).is_some()).count();
        assert_eq!(shown as u32, BURST);
    }
}
