//! How far a build is: an `IProgressMonitor` of our own where TensorRT has it, and the log everywhere.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::abi::call::This;
use crate::logger::{InterfaceInfo, Logger, VersionedSlots, api_language, keep};

/// The longest time between two reports, so that a display of the elapsed time keeps moving.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// One phase of a build that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// TensorRT's name for it, in English.
    pub name: String,
    /// The phase that it is part of.
    pub parent: Option<String>,
    /// Steps that are done.
    pub done: u32,
    /// Steps in all, never 0.
    pub total: u32,
}

/// How far a build is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Since the build began.
    pub elapsed: Duration,
    /// The phases under way, in the order in which they began. Always empty in 8.6, which does not report them.
    pub phases: Vec<Phase>,
    /// Lines that TensorRT has logged since the build began: a sign of life where there are no phases.
    pub log_lines: u64,
    /// The last of them that was more than a detail; empty before the first.
    pub last_line: String,
    reached: f64,
}

impl Progress {
    /// How much of the outermost phase under way is done, in 0..=1 and never less than before; `None` where TensorRT
    /// reports no phases. A build has several outermost phases one after another, and does not say how many.
    pub fn fraction(&self) -> Option<f64> {
        self.phases.iter().any(|phase| phase.parent.is_none()).then_some(self.reached)
    }
}

/// How much of the outermost of these phases is done.
fn outermost_done(phases: &[Phase]) -> f64 {
    phases.iter().find(|phase| phase.parent.is_none()).map_or(0.0, |phase| done(phase, phases, phases.len()))
}

/// Steps done, and of the step under way what its own phases have done. `depth` bounds a ring of parents.
fn done(phase: &Phase, phases: &[Phase], depth: usize) -> f64 {
    let inner = phases.iter().filter(|inner| inner.parent.as_ref() == Some(&phase.name));
    let begun = match depth.checked_sub(1) {
        Some(depth) => inner.map(|inner| done(inner, phases, depth)).fold(0.0, f64::max),
        None => 0.0,
    };
    ((f64::from(phase.done) + begun) / f64::from(phase.total.max(1))).min(1.0)
}

/// What TensorRT calls during a build, and what the reporting thread reads.
#[repr(C)]
pub(crate) struct Monitor<'a> {
    table: *const c_void,
    cancel: Option<&'a AtomicBool>,
    logger: &'static Logger,
    start: Instant,
    lines_before: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    phases: Vec<Phase>,
    /// The most of the outermost phase that was ever done: phases may end before their last step.
    reached: f64,
    changed: bool,
    finished: bool,
}

// SAFETY: `table` points to a static that nobody writes; the rest is synchronised.
unsafe impl Sync for Monitor<'_> {}

/// `IProgressMonitor`.
#[repr(C)]
struct Table {
    versioned: VersionedSlots,
    phase_start: extern "C" fn(This, *const c_char, *const c_char, c_int),
    step_complete: extern "C" fn(This, *const c_char, c_int) -> bool,
    phase_finish: extern "C" fn(This, *const c_char),
}

static TABLE: Table = Table {
    versioned: VersionedSlots {
        api_language,
        interface_info: monitor_info,
        destructor: keep,
        deleting_destructor: keep,
    },
    phase_start,
    step_complete,
    phase_finish,
};

extern "C" fn monitor_info(_: This) -> InterfaceInfo {
    InterfaceInfo { kind: c"IProgressMonitor".as_ptr(), major: 1, minor: 0 }
}

impl<'a> Monitor<'a> {
    /// For a build that begins now.
    pub(crate) fn new(logger: &'static Logger, cancel: Option<&'a AtomicBool>) -> Self {
        Self {
            table: (&raw const TABLE).cast(),
            cancel,
            logger,
            start: Instant::now(),
            lines_before: logger.lines(),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// The object as TensorRT takes it.
    pub(crate) fn as_object(&self) -> This {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }

    /// Ends [`Self::report`].
    pub(crate) fn finish(&self) {
        self.change(|state| state.finished = true);
    }

    /// Reports every change, and at least every [`REPORT_EVERY`], until [`Self::finish`].
    pub(crate) fn report(&self, progress: &mut (dyn FnMut(Progress) + Send)) {
        loop {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self.changed.wait_timeout_while(state, REPORT_EVERY, |s| !s.changed && !s.finished);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.changed = false;
            let (phases, reached, finished) = (state.phases.clone(), state.reached, state.finished);
            drop(state);
            let log_lines = self.logger.lines() - self.lines_before;
            let last_line = if log_lines > 0 { self.logger.last_line() } else { String::new() };
            progress(Progress { elapsed: self.start.elapsed(), phases, log_lines, last_line, reached });
            if finished {
                return;
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        state.reached = state.reached.max(outermost_done(&state.phases));
        state.changed = true;
        self.changed.notify_all();
    }

    fn start(&self, name: String, parent: Option<String>, total: c_int) {
        let total = u32::try_from(total).unwrap_or(0).max(1);
        self.change(|state| {
            if parent.is_none() {
                state.reached = 0.0;
            }
            state.phases.push(Phase { name, parent, done: 0, total });
        });
    }

    fn step(&self, name: &str, step: c_int) {
        self.change(|state| {
            // Names may come back once their phase is over: the last one is the one under way.
            if let Some(phase) = state.phases.iter_mut().rfind(|phase| phase.name == name) {
                phase.done = u32::try_from(step).map_or(0, |step| step.saturating_add(1)).min(phase.total);
            }
        });
    }

    fn end(&self, name: &str) {
        self.change(|state| {
            if let Some(index) = state.phases.iter().rposition(|phase| phase.name == name) {
                state.phases.remove(index);
            }
        });
    }
}

/// # Safety
/// `this` is the object of a live [`Monitor`].
unsafe fn monitor<'a>(this: This) -> &'a Monitor<'a> {
    // SAFETY: the caller's.
    unsafe { &*this.cast::<Monitor<'_>>() }
}

/// # Safety
/// `text` is null or a C string.
unsafe fn string(text: *const c_char) -> Option<String> {
    // SAFETY: the caller's.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

extern "C" fn phase_start(this: This, name: *const c_char, parent: *const c_char, steps: c_int) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: TensorRT calls this with the object that it was given, during a build that the monitor outlives,
        // and with C strings or null.
        let (monitor, name, parent) = unsafe { (monitor(this), string(name), string(parent)) };
        monitor.start(name.unwrap_or_default(), parent, steps);
    }));
}

/// Whether to go on.
extern "C" fn step_complete(this: This, name: *const c_char, step: c_int) -> bool {
    catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as in `phase_start`.
        let (monitor, name) = unsafe { (monitor(this), string(name)) };
        monitor.step(&name.unwrap_or_default(), step);
        !monitor.cancelled()
    }))
    .unwrap_or(true)
}

extern "C" fn phase_finish(this: This, name: *const c_char) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as in `phase_start`.
        let (monitor, name) = unsafe { (monitor(this), string(name)) };
        monitor.end(&name.unwrap_or_default());
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(name: &str, parent: Option<&str>, done: u32, total: u32) -> Phase {
        Phase { name: name.into(), parent: parent.map(Into::into), done, total }
    }

    #[test]
    fn the_fraction_counts_the_step_under_way_by_its_own_phases() {
        assert_eq!(outermost_done(&[]), 0.0);
        assert_eq!(outermost_done(&[phase("build", None, 1, 4)]), 0.25);
        let nested = [phase("build", None, 1, 4), phase("tactics", Some("build"), 5, 10)];
        assert_eq!(outermost_done(&nested), 0.375);
        assert_eq!(outermost_done(&[phase("build", None, 9, 4)]), 1.0);
        let ring = [phase("a", None, 0, 1), phase("b", Some("b"), 0, 1)];
        assert_eq!(outermost_done(&ring), 0.0);
    }

    #[test]
    fn phases_come_and_go() {
        let monitor = Monitor::new(Logger::leaked(true), None);
        let this = monitor.as_object();
        phase_start(this, c"build".as_ptr(), std::ptr::null(), 3);
        phase_start(this, c"tactics".as_ptr(), c"build".as_ptr(), 10);
        assert!(step_complete(this, c"tactics".as_ptr(), 4));
        assert_eq!(
            monitor.state.lock().unwrap().phases,
            [phase("build", None, 0, 3), phase("tactics", Some("build"), 5, 10)]
        );
        let reached = || monitor.state.lock().unwrap().reached;
        assert_eq!(reached(), 0.5 / 3.0);
        phase_finish(this, c"tactics".as_ptr());
        assert_eq!(reached(), 0.5 / 3.0, "a phase that ends early takes nothing back");
        assert!(step_complete(this, c"build".as_ptr(), 0));
        assert_eq!(monitor.state.lock().unwrap().phases, [phase("build", None, 1, 3)]);
    }

    #[test]
    fn cancelling_stops_at_the_next_step() {
        let cancel = AtomicBool::new(false);
        let monitor = Monitor::new(Logger::leaked(true), Some(&cancel));
        assert!(step_complete(monitor.as_object(), c"build".as_ptr(), 0));
        cancel.store(true, Ordering::Relaxed);
        assert!(!step_complete(monitor.as_object(), c"build".as_ptr(), 1));
    }
}
