//! Looks at what a child uses.
//!
//! A query from the network can keep a thread of liblsl busy for hours. Such a thread never sleeps, which the system
//! shows however busy the machine is: it is runnable at every look, and the count of the times at which it gave its
//! processor away stands still. It is then moved out of everybody's way: lowest priority, and one processor for all of
//! its kind. The other threads, which push and send, stay as they are.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use mien_metrics::ProcessUsage;
use rustix::process::{Pid, setpriority_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Share of a processor below which a child's threads are not looked at one by one.
const QUIET: f64 = 0.02;
/// The lowest priority.
const LOWEST: i32 = 19;

/// What is known of a child.
pub(crate) struct Watch {
    pid: u32,
    looked: Instant,
    cpu_seconds: f64,
    /// The threads that were runnable at the last look, where there was a reason to look.
    runnable: HashMap<i32, Runnable>,
    /// Threads that were moved out of the way.
    moved: HashSet<i32>,
}

#[derive(Clone, Copy)]
struct Runnable {
    /// How often it had given its processor away.
    sleeps: u64,
    /// Since when that count stands still.
    since: Instant,
}

/// What a look found.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// Threads that were in everybody's way, and no longer are.
    pub moved: usize,
    /// For how long a thread has not slept; the longest of them.
    pub sleepless: Duration,
}

impl Watch {
    pub fn new(pid: u32) -> Self {
        let (runnable, moved) = (HashMap::new(), HashSet::new());
        Self { pid, looked: Instant::now(), cpu_seconds: 0.0, runnable, moved }
    }

    /// Looks; to be called several times a second.
    pub fn look(&mut self) -> Look {
        let now = Instant::now();
        let Some(usage) = ProcessUsage::read(self.pid) else { return Look::default() };
        let elapsed = now.saturating_duration_since(self.looked).as_secs_f64().max(1e-3);
        let share = (usage.cpu_seconds - self.cpu_seconds) / elapsed;
        (self.looked, self.cpu_seconds) = (now, usage.cpu_seconds);
        let mut found = Look { resident_bytes: usage.resident_bytes, ..Look::default() };
        if share < QUIET && self.moved.is_empty() {
            self.runnable.clear();
            return found;
        }
        let before = std::mem::take(&mut self.runnable);
        for (tid, sleeps) in runnable_threads(self.pid) {
            let same = before.get(&tid).filter(|before| before.sleeps == sleeps);
            let since = same.map_or(now, |before| before.since);
            self.runnable.insert(tid, Runnable { sleeps, since });
            if same.is_some() && self.moved.insert(tid) {
                move_aside(tid);
                found.moved += 1;
            }
            found.sleepless = found.sleepless.max(now - since);
        }
        found
    }
}

/// The threads of a process that run or wait for a processor, each with how often it has given one away by itself.
fn runnable_threads(pid: u32) -> Vec<(i32, u64)> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let thread = |entry: std::fs::DirEntry| {
        let tid = entry.file_name().to_str()?.parse().ok()?;
        let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let runs = field("State:")?.starts_with('R');
        runs.then_some((tid, field("voluntary_ctxt_switches:")?.parse().ok()?))
    };
    entries.filter_map(|entry| thread(entry.ok()?)).collect()
}

/// Gives a thread the lowest priority and the last processor; where the system refuses, it stays as it is.
fn move_aside(tid: i32) {
    let Some(thread) = Pid::from_raw(tid) else { return };
    let _refused = setpriority_process(Some(thread), LOWEST);
    if let Ok(allowed) = sched_getaffinity(Some(thread))
        && let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu))
    {
        let mut one = CpuSet::new();
        one.set(last);
        let _refused = sched_setaffinity(Some(thread), &one);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_thread_that_never_sleeps_is_moved_aside_and_one_that_sleeps_is_not() {
        let shell = |script: &str| {
            Command::new("sh")
                .args(["-c", script])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        };
        let (mut busy, mut idle) = (shell("while :; do :; done"), shell("exec sleep 1000"));
        let (mut watch, mut quiet) = (Watch::new(busy.id()), Watch::new(idle.id()));
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut moved = 0;
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let look = watch.look();
            moved += look.moved;
            assert_eq!(quiet.look().moved, 0);
            if look.sleepless > Duration::from_millis(500) || Instant::now() > deadline {
                assert!(look.resident_bytes > 0);
                break;
            }
        }
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", busy.id())).unwrap();
        busy.kill().unwrap();
        idle.kill().unwrap();
        let _reaped = (busy.wait(), idle.wait());
        // Once, though it was seen several times.
        assert_eq!(moved, 1);
        let nice = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap();
        assert_eq!(nice, LOWEST.to_string());
    }
}
