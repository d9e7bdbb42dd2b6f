//! Keeps a child: starts it, feeds it, watches it, and starts the next one when it is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use mien_clock::{monotonic_nanos, seconds};
use mien_xdf::StreamDescription;

use crate::child::{LslChild, in_words};
use crate::publisher::{LslNotice, Message, PublisherStatus, lock};
use crate::report::{Counts, Report};
use crate::watch::Watch;
use crate::wire::{Order, OutletPlan, write_marker, write_order, write_rows};
use crate::{Launch, Limits, Reach, StreamError};

/// A child that has said nothing for this long is replaced. It says something twice a second.
pub const SILENCE: Duration = Duration::from_secs(5);
/// Reports that are heard between two messages.
const REPORTS_AT_ONCE: usize = 16;
/// How often a child is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How long a child may take to open its outlets.
const OPEN_LIMIT: Duration = Duration::from_secs(30);
/// Longest wait for a message, or for room in the pipe.
const TICK: Duration = Duration::from_millis(40);
/// A thread that never sleeps for so long has the child replaced: what it was to do is not done.
const SLEEPLESS: Duration = Duration::from_secs(4);
/// Pauses before the next child: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A child that was well for so long counts as one that nothing is wrong with.
const WELL: Duration = Duration::from_secs(60);
/// How long what is queued may take at the end, and then the child to end by itself.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// What is published.
pub(crate) struct Streams {
    pub markers: StreamDescription,
    pub cameras: Vec<Vec<StreamDescription>>,
    pub buffered: i32,
}

impl Streams {
    fn all(&self) -> impl Iterator<Item = &StreamDescription> {
        self.cameras.iter().flatten().chain([&self.markers])
    }

    fn limits(&self) -> Limits {
        Limits::for_outlets(self.all(), u64::try_from(self.buffered).unwrap_or(0) * 100)
    }

    fn order(&self, limits: Limits, reach: Reach) -> Order {
        let created_at = seconds(monotonic_nanos());
        let plan = |stream: &StreamDescription| OutletPlan::new(stream, created_at);
        Order::Open {
            limits,
            reach,
            buffered: self.buffered,
            cameras: self.cameras.iter().map(|streams| streams.iter().map(plan).collect()).collect(),
            markers: plan(&self.markers),
        }
    }
}

pub(crate) struct Keeper {
    pub launch: Launch,
    pub streams: Streams,
    pub queue: Receiver<Message>,
    pub notify: Sender<LslNotice>,
    pub status: Arc<Mutex<PublisherStatus>>,
    /// Nobody publishes any more.
    pub closing: Arc<AtomicBool>,
}

/// Why a child is no more.
enum Ending {
    /// Nobody publishes any more.
    Closed,
    /// It cannot do what it is for.
    Refused(String),
    /// It died or had to be ended.
    Lost(String),
    /// One of its threads never slept. It can be replaced at once.
    Sleepless(String),
}

/// A child and what is known of it.
struct Life {
    child: LslChild,
    watch: Watch,
    limits: Limits,
    started: Instant,
    is_open: bool,
    /// Looks since it last said something. Looks, not time: this process may have been stopped meanwhile.
    silent_looks: u32,
    next_look: Instant,
    /// What is being written, and how much of it was.
    record: Vec<u8>,
    written: usize,
    closing_since: Option<Instant>,
    /// Whether a thread of it never slept.
    is_sleepless: bool,
}

/// What holds over the lives of several children.
struct Course {
    pause: Duration,
    /// Samples of earlier children.
    pushed: u64,
    failed: u64,
    /// When a child last said that it lives, in seconds on the LSL clock.
    heard: f64,
    /// While there are no outlets: since when, in seconds on the LSL clock.
    away_since: Option<f64>,
    /// Whoever waits for the first child to open.
    waiting: Option<Sender<Result<(), StreamError>>>,
}

impl Keeper {
    /// Runs until nobody publishes any more. `opened` is told once: that the first child has opened its outlets or was
    /// lost, or that there will be none.
    pub fn run(self, opened: Sender<Result<(), StreamError>>) {
        let mut course = Course {
            pause: FIRST_PAUSE,
            pushed: 0,
            failed: 0,
            heard: seconds(monotonic_nanos()),
            away_since: None,
            waiting: Some(opened),
        };
        loop {
            let started = Instant::now();
            let ending = self.live(&mut course);
            if started.elapsed() >= WELL {
                course.pause = FIRST_PAUSE;
            }
            let (reason, pause) = match ending {
                Ending::Closed => return,
                Ending::Refused(reason) => {
                    if let Some(waiting) = course.waiting.take() {
                        let _nobody = waiting.send(Err(StreamError::Refused(reason)));
                        return;
                    }
                    (reason, course.pause)
                }
                Ending::Lost(reason) => (reason, course.pause),
                Ending::Sleepless(reason) => (reason, Duration::ZERO),
            };
            course.pause = (course.pause * 2).min(LONGEST_PAUSE);
            self.lost(&mut course, reason, pause);
            let until = Instant::now() + pause;
            while Instant::now() < until {
                if self.closing.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::sleep(TICK.min(until.saturating_duration_since(Instant::now())));
            }
        }
    }

    /// Tells of a loss.
    fn lost(&self, course: &mut Course, reason: String, pause: Duration) {
        tracing::warn!("LSL outlets: {reason}; started again in {:.1} s", pause.as_secs_f64());
        let mut status = lock(&self.status);
        status.restarts += 1;
        status.reason.clone_from(&reason);
        (status.outlets, status.outlets_with_consumers, status.pid) = (0, 0, None);
        status.listened.clear();
        (course.pushed, course.failed) = (status.samples, status.failed_samples);
        drop(status);
        if course.away_since.is_none() {
            course.away_since = Some(course.heard);
            // Whoever never asks is not told.
            let _full = self.notify.try_send(LslNotice::Lost { reason });
        }
        course.opened();
    }

    /// One child, from its start until nothing is left of it.
    fn live(&self, course: &mut Course) -> Ending {
        let log = |line: &str| tracing::warn!("LSL process: {line}");
        let child = match LslChild::start(&self.launch, log) {
            Ok(child) => child,
            Err(StreamError::Refused(reason)) => return Ending::Refused(reason),
            Err(error) => return Ending::Lost(error.to_string()),
        };
        let limits = self.launch.limits.unwrap_or_else(|| self.streams.limits());
        let now = Instant::now();
        let mut life = Life {
            watch: Watch::new(child.pid()),
            child,
            limits,
            started: now,
            is_open: false,
            silent_looks: 0,
            next_look: now + LOOK,
            record: Vec::new(),
            written: 0,
            closing_since: None,
            is_sleepless: false,
        };
        lock(&self.status).pid = Some(life.child.pid());
        write_order(&mut life.record, &self.streams.order(limits, self.launch.reach));
        loop {
            if let Some(ending) = self.look(course, &mut life).or_else(|| self.feed(&mut life)) {
                if matches!(ending, Ending::Closed) {
                    life.child.close(CLOSE_PATIENCE);
                }
                return ending;
            }
        }
    }

    /// Passes one message on, or a part of it. Messages wait in the queue while there is no child, and it drops its
    /// oldest.
    fn feed(&self, life: &mut Life) -> Option<Ending> {
        if life.written < life.record.len() {
            match life.child.write(&life.record[life.written..], TICK) {
                Ok(count) => life.written += count,
                // It has ended, which a look sees.
                Err(_) => std::thread::sleep(TICK),
            }
            return None;
        }
        match self.queue.recv_timeout(TICK) {
            Ok(Message::Rows(camera, rows)) => write_rows(&mut life.record, camera, &rows),
            Ok(Message::Marker(timestamp, text)) => write_marker(&mut life.record, timestamp, &text),
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => return Some(Ending::Closed),
        }
        life.written = 0;
        None
    }

    /// Hears the child, and looks at it when it is time.
    fn look(&self, course: &mut Course, life: &mut Life) -> Option<Ending> {
        if self.closing.load(Ordering::Relaxed)
            && life.closing_since.get_or_insert_with(Instant::now).elapsed() >= CLOSE_PATIENCE
        {
            // It takes nothing, or not fast enough.
            return Some(Ending::Closed);
        }
        // A few at a time: a child that says much holds nobody either.
        for _ in 0..REPORTS_AT_ONCE {
            let Ok(report) = life.child.reports.try_recv() else { break };
            life.silent_looks = 0;
            if let Some(ending) = self.hear(course, life, report) {
                return Some(ending);
            }
        }
        if Instant::now() < life.next_look {
            return None;
        }
        life.next_look = Instant::now() + LOOK;
        life.silent_looks += 1;
        if let Some(status) = life.child.ended() {
            // What it said last may not have been heard yet.
            let last = life.child.reports.recv_timeout(TICK).ok();
            let last = last.and_then(|report| self.hear(course, life, report));
            return Some(last.unwrap_or_else(|| Ending::Lost(in_words(status))));
        }
        let limit = if life.is_open { SILENCE } else { OPEN_LIMIT };
        if LOOK * life.silent_looks >= limit {
            return Some(Ending::Lost(format!("its process said nothing for {} s", limit.as_secs())));
        }
        let look = life.watch.look();
        if look.resident_bytes > life.limits.resident_bytes {
            let (used, most) = (look.resident_bytes >> 20, life.limits.resident_bytes >> 20);
            return Some(Ending::Lost(format!("its process took {used} MiB, more than its {most} MiB")));
        }
        if look.moved > 0 && !life.is_sleepless {
            life.is_sleepless = true;
            tracing::warn!(
                "LSL outlets: a query from the network keeps liblsl busy; such threads have the lowest priority now"
            );
        }
        // The more often this happens, the longer it stays as it is: its other threads go on.
        let is_time = life.started.elapsed() >= SLEEPLESS.max(course.pause);
        (look.sleepless >= SLEEPLESS && is_time).then(|| {
            Ending::Sleepless("a query from the network kept a thread of its process busy".to_owned())
        })
    }

    fn hear(&self, course: &mut Course, life: &mut Life, report: Report) -> Option<Ending> {
        let now = seconds(monotonic_nanos());
        match report {
            Report::Open => {
                life.is_open = true;
                lock(&self.status).outlets = self.streams.all().count();
                if let Some(from) = course.away_since.take() {
                    let notice = LslNotice::Back { from, to: now };
                    tracing::info!("{notice}");
                    let _full = self.notify.try_send(notice);
                }
                course.opened();
            }
            Report::Refused { reason } => return Some(Ending::Refused(reason)),
            Report::Alive(Counts { samples, failed, listened }) => {
                course.heard = now;
                let mut status = lock(&self.status);
                status.samples = course.pushed + samples;
                status.failed_samples = course.failed + failed;
                status.outlets_with_consumers = listened.iter().filter(|&&listened| listened).count();
                status.listened = listened;
            }
            Report::Found { .. } => {}
        }
        None
    }
}

impl Course {
    /// Tells whoever waits that there is nothing to wait for any more.
    fn opened(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            let _nobody = waiting.send(Ok(()));
        }
    }
}
