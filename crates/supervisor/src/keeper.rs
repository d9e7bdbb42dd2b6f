//! Keeps one camera alive.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use mien_config::{Camera, Detection, Preview, Smoothing};
use mien_control::{CameraState, Command, FatalCause, Report, VideoPlan, VideoStatus, WorkerSettings};
use mien_metrics::TraceWriter;
use mien_ring::{FacesEntry, FacesReader, open_faces, remove_segment, remove_stale};

use crate::child::{Worker, in_words};
use crate::gpus::Gpus;
use crate::loss::Loss;
use crate::options::{RestartLog, SupervisorOptions};
use crate::progress::Progress;
use crate::spans::write_spans;
use crate::status::{CameraEvent, RingPaths, Shared, lock};

/// Longest sleep: how late an order or the end of a worker may be noticed.
const TICK: Duration = Duration::from_millis(40);
/// How often the use of the machine is looked at.
const LOOK_NANOS: i64 = 1_000_000_000;
/// Leftovers of dead sessions are looked for at one of this many looks.
const SWEEP_LOOKS: i64 = 10;
/// A worker whose heartbeat is older than this is frozen.
const HEARTBEAT_LIMIT: Duration = Duration::from_millis(1500);
/// A live camera without a result for this long is shown as stalled; when it is restarted, `progress` says.
const STALL: Duration = Duration::from_millis(1000);
/// A worker that has not made its rings after this long hangs.
const START_LIMIT: Duration = Duration::from_secs(15);

/// What the rest of the program asks of a keeper.
pub(crate) enum Order {
    Start,
    Stop,
    Restart,
    Settings {
        detection: Detection,
        smoothing: Smoothing,
    },
    /// Begin anew with other settings of the camera or of its pictures.
    Change(Box<Change>),
    /// Record the video by this plan, or no longer.
    Record(Option<Box<VideoPlan>>),
    Quit,
}

/// What a worker cannot take over while it runs.
#[derive(Clone)]
pub(crate) struct Change {
    pub camera: Option<Camera>,
    pub preview: Option<Preview>,
}

/// Why a worker is no more.
enum Ending {
    Quit,
    Stopped,
    /// A person wants a fresh one.
    Restart,
    /// It died or had to be killed.
    Lost(Loss),
}

/// How a worker that still runs is ended.
#[derive(PartialEq)]
enum Means {
    Steps,
    Kill,
}

pub(crate) struct Keeper {
    pub camera: Camera,
    /// Which camera it is, counted from 0 in the order of their coming.
    pub index: usize,
    pub options: Arc<SupervisorOptions>,
    pub shared: Arc<Shared>,
    pub gpus: Arc<Gpus>,
    pub orders: Receiver<Order>,
    pub events: Sender<CameraEvent>,
    pub trace: Arc<Mutex<Option<TraceWriter>>>,
    pub epoch: u64,
    /// Beyond every track id that anybody can have read.
    pub next_track_id: u32,
    /// Most faces in one run of a network, as far as the GPU's memory has shown it; 0 when there is none
    /// even for one.
    pub batch_limit: usize,
    pub restarts: RestartLog,
    pub detection: Detection,
    pub smoothing: Smoothing,
    pub preview: Preview,
    /// What every new worker records, too.
    pub recording: Option<Box<VideoPlan>>,
}

/// What is known of the present worker.
struct Life {
    worker: Worker,
    started: Instant,
    ring: Option<FacesReader>,
    result: Box<FacesEntry>,
    /// As the worker reports it.
    state: CameraState,
    progress: Progress,
    last_progress: Instant,
    /// When its first result was told of, on the monotonic clock.
    ready_nanos: Option<i64>,
    next_look_nanos: i64,
    fatal: Option<Loss>,
    /// Most faces in one run of this worker's networks.
    max_batch: usize,
}

impl Keeper {
    /// Runs until ordered to quit.
    pub fn run(mut self) {
        loop {
            let ending = self.live();
            let proceed = match ending {
                Ending::Quit => false,
                Ending::Restart => true,
                Ending::Stopped => {
                    self.set_state(CameraState::Stopped, "stopped on request");
                    self.wait_for_start()
                }
                Ending::Lost(loss) => self.pause_after(loss),
            };
            if !proceed {
                self.set_state(CameraState::Stopped, "the program ends");
                return;
            }
            self.epoch += 1;
        }
    }

    /// After a loss: waits as long as it takes before the next try; `false` to quit.
    fn pause_after(&mut self, Loss { cause, reason }: Loss) -> bool {
        self.shared.status().restarts += 1;
        if cause == FatalCause::GpuMemory && self.batch_limit == 0 {
            self.set_state(CameraState::Failed, reason);
            return self.wait_for_start();
        }
        let Some(pause) = self.restarts.next_pause(&self.options.policy, Instant::now()) else {
            let most = self.options.policy.most_per_minute;
            self.set_state(
                CameraState::Failed,
                match cause {
                    FatalCause::SharedMemory => reason,
                    _ => format!("lost more than {most} times in a minute: {reason}"),
                },
            );
            return self.wait_for_start();
        };
        self.set_state(CameraState::Reconnecting, reason);
        // Cameras that were refused together, because both reserved the last of something, do not try again together.
        let apart = pause * (self.index % 4) as u32 / 8;
        let until = Instant::now() + pause + apart;
        loop {
            match self.orders.recv_deadline(until) {
                Ok(Order::Quit) | Err(RecvTimeoutError::Disconnected) => return false,
                Ok(Order::Stop) => {
                    self.set_state(CameraState::Stopped, "stopped on request");
                    return self.wait_for_start();
                }
                Ok(Order::Start | Order::Restart) | Err(RecvTimeoutError::Timeout) => return true,
                Ok(Order::Settings { detection, smoothing }) => self.change(detection, smoothing),
                Ok(Order::Change(change)) => {
                    self.take(*change);
                    return true;
                }
                Ok(Order::Record(plan)) => self.recording = plan,
            }
        }
    }

    /// Waits until a person wants the camera; `false` to quit.
    fn wait_for_start(&mut self) -> bool {
        loop {
            match self.orders.recv() {
                Ok(Order::Start | Order::Restart) => {
                    self.begin_anew();
                    return true;
                }
                Ok(Order::Quit) | Err(_) => return false,
                Ok(Order::Settings { detection, smoothing }) => self.change(detection, smoothing),
                Ok(Order::Change(change)) => {
                    self.take(*change);
                    return true;
                }
                Ok(Order::Record(plan)) => self.recording = plan,
                Ok(Order::Stop) => {}
            }
        }
    }

    /// A person wants another try: what was learnt from losses is forgotten.
    fn begin_anew(&mut self) {
        self.restarts.clear();
        self.batch_limit = usize::MAX;
    }

    fn change(&mut self, detection: Detection, smoothing: Smoothing) {
        (self.detection, self.smoothing) = (detection, smoothing);
    }

    fn take(&mut self, change: Change) {
        if let Some(camera) = change.camera {
            self.shared.status().source = camera.source.to_string();
            self.camera = camera;
        }
        self.preview = change.preview.unwrap_or_else(|| self.preview.clone());
        self.begin_anew();
    }

    /// One worker, from its start until nothing is left of it.
    fn live(&mut self) -> Ending {
        if self.epoch == 0 {
            self.set_state(CameraState::Starting, "starting the worker");
        }
        let worker = match Worker::spawn(&self.options, &self.camera.name) {
            Ok(worker) => worker,
            Err(error) => {
                let program = self.options.program.display();
                return Ending::Lost(Loss::seen(format!("{program} cannot be started: {error}")));
            }
        };
        let settings = self.settings();
        let mut status = self.shared.status();
        (status.pid, status.gpu) = (Some(worker.pid()), settings.gpu);
        drop(status);
        let mut life = Life {
            worker,
            started: Instant::now(),
            ring: None,
            result: FacesEntry::boxed(),
            state: CameraState::Starting,
            progress: Progress::default(),
            last_progress: Instant::now(),
            ready_nanos: None,
            next_look_nanos: 0,
            fatal: None,
            max_batch: settings.max_batch,
        };
        life.worker.send(&Command::Start { settings: Box::new(settings) });
        if let Some(plan) = &self.recording {
            life.worker.send(&Command::RecordStart { plan: plan.clone() });
        }
        let (mut ending, means) = self.watch(&mut life);
        self.read_results(&mut life);
        if means == Means::Steps && !life.worker.has_ended() {
            life.worker.stop(self.has_open_files());
            self.read_results(&mut life);
        }
        while let Ok(report) = life.worker.reports.try_recv() {
            self.hear(&mut life, report);
        }
        // Its rings may have become known only now.
        self.read_results(&mut life);
        let has_ended = life.worker.has_ended();
        if matches!(ending, Ending::Quit) {
            life.worker.finish_soon();
            self.forget_rings();
            return ending;
        }
        let status = life.worker.finish();
        if let Ending::Lost(loss) = &mut ending {
            // What the worker said comes before what was seen: one that dies slowly falls silent, too.
            if let Some(fatal) = life.fatal.take() {
                *loss = fatal;
            } else if loss.reason.is_empty() {
                *loss = Loss::seen(in_words(status.filter(|_| has_ended)));
            }
            if loss.cause == FatalCause::GpuMemory {
                self.batch_limit = loss.smaller_batches(life.max_batch);
            }
        }
        self.forget_rings();
        ending
    }

    /// Whether the worker records a video, or still closes one.
    fn has_open_files(&self) -> bool {
        let is_open = |video: &VideoStatus| !video.finished && !video.failed;
        self.recording.is_some() || self.shared.video().as_ref().is_some_and(is_open)
    }

    fn settings(&self) -> WorkerSettings {
        let config = &self.options.config;
        let mut engine = config.engine.clone();
        engine.kind = self.camera.engine.unwrap_or(engine.kind);
        WorkerSettings {
            session: self.options.session.clone(),
            epoch: self.epoch,
            ring_dir: self.options.ring_dir.clone(),
            camera: self.camera.clone(),
            gpu: self.camera.gpu.or_else(|| self.gpus.deal(self.index)),
            max_batch: self.batch_limit.min(self.detection.max_faces).max(1),
            first_track_id: self.next_track_id,
            engine,
            models: config.models.clone(),
            detection: self.detection.clone(),
            smoothing: self.smoothing.clone(),
            preview: self.preview.clone(),
            rings: config.rings.clone(),
        }
    }

    /// Reads reports and results until the worker is to end or has ended.
    fn watch(&mut self, life: &mut Life) -> (Ending, Means) {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Quit) | Err(TryRecvError::Disconnected) => return (Ending::Quit, Means::Steps),
                Ok(Order::Stop) => return (Ending::Stopped, Means::Steps),
                Ok(Order::Restart) => {
                    self.begin_anew();
                    return (Ending::Restart, Means::Steps);
                }
                Ok(Order::Change(change)) => {
                    self.take(*change);
                    return (Ending::Restart, Means::Steps);
                }
                Ok(Order::Settings { detection, smoothing }) => {
                    self.change(detection.clone(), smoothing.clone());
                    life.worker.send(&Command::Settings { detection, smoothing });
                }
                Ok(Order::Record(plan)) => {
                    self.recording = plan.clone();
                    if plan.is_some() {
                        *self.shared.video() = Some(VideoStatus::default());
                    }
                    life.worker.send(&match plan {
                        Some(plan) => Command::RecordStart { plan },
                        None => Command::RecordStop,
                    });
                }
                Ok(Order::Start) | Err(TryRecvError::Empty) => {}
            }
            match &life.ring {
                Some(ring) => drop(ring.wait(TICK)),
                None => {
                    if let Ok(report) = life.worker.reports.recv_timeout(TICK) {
                        self.hear(life, report);
                    }
                }
            }
            while let Ok(report) = life.worker.reports.try_recv() {
                self.hear(life, report);
            }
            self.read_results(life);
            if life.worker.has_ended() {
                return (Ending::Lost(Loss::seen(String::new())), Means::Steps);
            }
            if let Some((reason, means)) = self.judge(life) {
                return (Ending::Lost(Loss::seen(reason)), means);
            }
            self.look(life);
        }
    }

    fn hear(&mut self, life: &mut Life, report: Report) {
        match report {
            Report::Rings { epoch, faces, preview } => match open_faces(&faces) {
                Ok(ring) => {
                    life.ring = Some(ring);
                    *self.shared.rings() = Some(RingPaths { epoch, faces, preview });
                }
                Err(error) => life.fatal = Some(Loss::seen(error.to_string())),
            },
            Report::Source { size, rate_hz } => {
                self.shared.status().size = Some(size);
                life.progress = Progress::of_source(rate_hz);
            }
            Report::Engine { name, reason, stages } => {
                self.shared.measure().name_stages(stages);
                self.shared.status().engine = format!("{name} ({reason})");
            }
            Report::State { state, reason } => {
                life.state = state;
                life.last_progress = Instant::now();
                life.progress.pause();
                if state == CameraState::Live {
                    life.ready_nanos.get_or_insert_with(mien_clock::monotonic_nanos);
                }
                self.change_state(state, reason, true);
            }
            // Heard where the worker is stopped.
            Report::Ended => {}
            Report::Video { status } => *self.shared.video() = Some(status),
            Report::Fatal { cause, reason } => life.fatal = Some(Loss { cause, reason }),
        }
    }

    fn read_results(&mut self, life: &mut Life) {
        let Some(ring) = &mut life.ring else { return };
        while let Some(entry) = ring.next(&mut life.result) {
            let now_nanos = mien_clock::monotonic_nanos();
            let frame = &life.result.frame;
            let used = frame.faces().iter().map(|face| face.track_id.saturating_add(1)).max();
            // Others may have read what was missed here: each may have had as many new faces as it holds.
            let unseen = entry.missed.saturating_mul(frame.faces.len() as u64);
            let beyond = self.next_track_id.max(used.unwrap_or(0));
            self.next_track_id = beyond.saturating_add(u32::try_from(unseen).unwrap_or(u32::MAX));
            life.last_progress = Instant::now();
            let timings = &life.result.timings;
            let work_nanos = timings.finished_nanos.saturating_sub(timings.started_nanos);
            let work = Duration::from_nanos(work_nanos.max(0) as u64);
            life.progress.result(life.last_progress, work);
            if life.ready_nanos.is_some_and(|ready| life.result.timings.received_nanos >= ready) {
                self.shared.measure().result(ring.epoch(), &life.result, ring.missed(), now_nanos);
            } else {
                self.shared.measure().before_readiness(&life.result, ring.missed());
            }
            self.trace(life.worker.pid(), &life.result, now_nanos);
        }
    }

    /// Whether the worker hangs: why, and how it is to be ended.
    fn judge(&self, life: &Life) -> Option<(String, Means)> {
        let Some(ring) = &life.ring else {
            let reason = || (format!("the worker made no rings within {START_LIMIT:?}"), Means::Steps);
            return (life.started.elapsed() > START_LIMIT).then(reason);
        };
        let heartbeat_age = ring.heartbeat_age();
        if heartbeat_age > HEARTBEAT_LIMIT {
            let seconds = heartbeat_age.as_secs_f64();
            return Some((format!("the worker gave no sign of life for {seconds:.1} s"), Means::Kill));
        }
        if life.state != CameraState::Live {
            return None;
        }
        let limit = life.progress.limit();
        let age = life.last_progress.elapsed();
        if age > limit {
            return Some((format!("no result for {:.1} s", age.as_secs_f64()), Means::Steps));
        }
        let state = self.shared.status().state;
        if age > STALL.max(limit / 2) && state == CameraState::Live {
            self.set_state(CameraState::Stalled, "no result for a while");
        } else if age < STALL && state == CameraState::Stalled {
            self.set_state(CameraState::Live, "");
        }
        None
    }

    fn look(&self, life: &mut Life) {
        let now_nanos = mien_clock::monotonic_nanos();
        let mut measure = self.shared.measure();
        measure.live(life.state == CameraState::Live, now_nanos);
        if now_nanos >= life.next_look_nanos {
            life.next_look_nanos = now_nanos + LOOK_NANOS;
            measure.look(life.worker.pid(), &self.gpus, &mut self.shared.status(), now_nanos);
            drop(measure);
            self.sweep(now_nanos);
        }
    }

    /// Removes what other sessions that have died left in shared memory: one keeper looks, at times.
    fn sweep(&self, now_nanos: i64) {
        if self.index == 0 && now_nanos / LOOK_NANOS % SWEEP_LOOKS == 0 {
            let _unlisted = remove_stale(&self.options.ring_dir);
        }
    }

    /// The worker is gone: so are its rings, also when it was killed.
    fn forget_rings(&self) {
        let mut measure = self.shared.measure();
        measure.live(false, mien_clock::monotonic_nanos());
        measure.worker_gone();
        drop(measure);
        let mut status = self.shared.status();
        (status.pid, status.cpu_percent, status.resident_bytes) = (None, 0.0, 0);
        status.gpu_memory_bytes = None;
        drop(status);
        let removed = match self.shared.rings().take() {
            Some(paths) => remove_segment(&paths.faces).and(remove_segment(&paths.preview)),
            // It may have died before it could say where they are.
            None => remove_stale(&self.options.ring_dir).map(drop),
        };
        if let Err(error) = removed {
            tracing::warn!(camera = self.camera.name, "{error}");
        }
    }

    fn set_state(&self, state: CameraState, reason: impl Into<String>) {
        self.change_state(state, reason.into(), false);
    }

    fn change_state(&self, state: CameraState, reason: String, by_worker: bool) {
        let mut status = self.shared.status();
        if status.state == state && status.reason == reason {
            return;
        }
        (status.state, status.reason) = (state, reason.clone());
        if state != CameraState::Live {
            status.fps = 0.0;
        }
        drop(status);
        let nanos = mien_clock::monotonic_nanos();
        // Who does not read events loses them; the status tells the present state anyway.
        let camera = self.camera.name.clone();
        let _full = self.events.try_send(CameraEvent { camera, state, reason, nanos, by_worker });
    }

    fn trace(&self, pid: u32, result: &FacesEntry, read_nanos: i64) {
        let mut trace = lock(&self.trace);
        let Some(writer) = trace.as_mut() else { return };
        let measure = self.shared.measure();
        if let Err(error) =
            write_spans(writer, pid, &self.camera.name, measure.stage_names(), result, read_nanos)
        {
            tracing::warn!("the trace ends here: {error}");
            *trace = None;
        }
    }
}
