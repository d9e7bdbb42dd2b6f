//! Looks at what a child uses.
//!
//! A query from the network can keep a thread of liblsl busy for hours. Such a thread never sleeps, which the system
//! shows however busy the machine is: it is runnable at every look, uses its processor, and the count of the times at
//! which it gave that away by itself stands still. (One that only waits for a processor uses none.) It is then moved out of everybody's way: lowest priority, and one processor for all of
//! its kind. The other threads, which push and send, stay as they are. The first thread is Mien's own; what it may
//! hang in is noticed by its silence.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use mien_metrics::ProcessUsage;
use rustix::process::{Pid, setpriority_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Share of a processor below which a child's threads are not looked at one by one.
const QUIET: f64 = 0.02;
/// A thread that has not slept for so long is moved aside, if it used its processor meanwhile.
const SLEEPLESS: Duration = Duration::from_millis(400);
const USED: Duration = Duration::from_millis(20);
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
    /// How often it had given its processor away by itself.
    sleeps: u64,
    /// Since when that count stands still, and how much it had used its processor by then.
    since: Instant,
    used_by_then: Duration,
}

/// A thread, as the system shows it.
struct Thread {
    tid: i32,
    sleeps: u64,
    used: Duration,
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
        for Thread { tid, sleeps, used } in runnable_threads(self.pid) {
            let same = before.get(&tid).filter(|before| before.sleeps == sleeps).copied();
            let thread = same.unwrap_or(Runnable { sleeps, since: now, used_by_then: used });
            self.runnable.insert(tid, thread);
            let sleepless = now - thread.since;
            if sleepless < SLEEPLESS || used.saturating_sub(thread.used_by_then) < USED {
                continue;
            }
            if self.moved.insert(tid) {
                move_aside(tid);
                found.moved += 1;
            }
            found.sleepless = found.sleepless.max(sleepless);
        }
        found
    }
}

/// The threads of a process that run or wait for a processor, but for its first.
fn runnable_threads(pid: u32) -> Vec<Thread> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let thread = |entry: std::fs::DirEntry| {
        let tid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let read = |file: &str| std::fs::read_to_string(entry.path().join(file)).ok();
        let status = read("status")?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let runs = field("State:")?.starts_with('R') && u32::try_from(tid) != Ok(pid);
        // Nanoseconds on a processor come first.
        let nanos = || read("schedstat")?.split_whitespace().next()?.parse().ok();
        runs.then_some(Thread {
            tid,
            sleeps: field("voluntary_ctxt_switches:")?.parse().ok()?,
            used: Duration::from_nanos(if runs { nanos()? } else { 0 }),
        })
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn nice(tid: i32) -> String {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{tid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().to_owned()
    }

    #[test]
    fn a_thread_that_never_sleeps_is_moved_aside_and_one_that_sleeps_is_not() {
        let over = Arc::new(AtomicBool::new(false));
        let start = |work: fn()| {
            let (over, (sender, receiver)) = (Arc::clone(&over), std::sync::mpsc::channel());
            let thread = std::thread::spawn(move || {
                sender.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
                while !over.load(Ordering::Relaxed) {
                    work();
                }
            });
            (receiver.recv().unwrap(), thread)
        };
        let (busy, busy_thread) = start(std::hint::spin_loop);
        let (idle, idle_thread) = start(|| std::thread::sleep(Duration::from_millis(1)));
        let before = nice(idle);
        let mut watch = Watch::new(std::process::id());
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut moved = 0;
        while moved == 0 || !watch.moved.contains(&busy) {
            assert!(Instant::now() < deadline, "it is not seen");
            std::thread::sleep(Duration::from_millis(50));
            moved += watch.look().moved;
        }
        let (busy_nice, idle_nice, has_moved_idle) = (nice(busy), nice(idle), watch.moved.contains(&idle));
        let again = watch.look();
        over.store(true, Ordering::Relaxed);
        busy_thread.join().unwrap();
        idle_thread.join().unwrap();
        assert_eq!(busy_nice, LOWEST.to_string());
        assert_eq!((idle_nice, has_moved_idle), (before, false));
        assert!(again.resident_bytes > 0);
    }
}
