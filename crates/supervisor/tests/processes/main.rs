//! What becomes of cameras when processes die, freeze or lose their source.
//!
//! Supervisor and workers are real processes: this program starts itself again in the role of a worker,
//! which captures and writes rings as `mien worker` does, but with a tracker that finds nobody, or people
//! who are not there (tracking needs models, and these faults do not need tracking). Times are printed, not asserted; a deadline that
//! is far too long keeps a failure from hanging.

mod resources;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mien_capture::{LiveOptions, Source, SourceError, SourceInfo, SourceKind, Step, open_live};
use mien_config::{Camera, Config, Preview};
use mien_control::{FatalCause, WorkerSettings};
use mien_face::{Frame, FrameFaces, Picture, PixelFormat};
use mien_metrics::gpu::GpuReport;
use mien_metrics::{ProcessUsage, open_descriptors};
use mien_ring::{FacesEntry, MAX_STAGES, ProcessId, SHM_DIR};
use mien_supervisor::{
    CameraState, CameraStatus, FacesFollower, RestartPolicy, SupervisorHandle, SupervisorOptions, start,
};
use mien_worker::{Made, Parts, Tracker, TrackerError, die_with_parent};
use rustix::process::{Pid, Signal, kill_process};

/// Far longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A tracker that finds nobody, or in every tenth frame somebody new.
struct Imagination {
    result: Box<FrameFaces>,
    next_track_id: Option<u32>,
}

impl Tracker for Imagination {
    fn track(
        &mut self,
        frame: Picture<'_>,
        frame_index: u64,
        capture_nanos: i64,
    ) -> Result<(), TrackerError> {
        let result = &mut *self.result;
        (result.frame_index, result.capture_nanos) = (frame_index, capture_nanos);
        (result.frame_width, result.frame_height) = (frame.width(), frame.height());
        if let Some(next) = &mut self.next_track_id
            && frame_index.is_multiple_of(10)
        {
            result.face_count = 1;
            result.faces[0].track_id = *next;
            *next += 1;
        }
        Ok(())
    }

    fn result(&self) -> &FrameFaces {
        &self.result
    }

    fn preview(&mut self, _frame: Picture<'_>, _most: [u32; 2]) -> Result<([u32; 2], &[u8]), TrackerError> {
        Ok(([1, 1], &[0; 3]))
    }

    fn stages(&self) -> &'static [&'static str] {
        &["nothing"]
    }

    fn stage_nanos(&self) -> [u64; MAX_STAGES] {
        [0; MAX_STAGES]
    }
}

/// A camera that is plugged in while a file exists, and silent while another one does.
struct GateSource {
    gate: PathBuf,
    info: SourceInfo,
    next_index: u64,
}

impl GateSource {
    fn open(gate: &str) -> Result<Box<dyn Source>, SourceError> {
        let unplugged = || SourceError::Camera { camera: gate.into(), reason: "unplugged".into() };
        Path::new(gate).exists().then_some(()).ok_or_else(unplugged)?;
        let info = SourceInfo {
            name: "gate".into(),
            spec: gate.into(),
            kind: SourceKind::Synthetic,
            size: (32, 16),
            pixel_aspect: None,
            rate_hz: Some(50.0),
            frame_count: None,
            files: Vec::new(),
            live: true,
        };
        Ok(Box::new(Self { gate: gate.into(), info, next_index: 0 }))
    }
}

impl Source for GateSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
        while self.gate.with_extension("silent").exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        if !self.gate.exists() {
            return Err(SourceError::Camera { camera: "gate".into(), reason: "unplugged".into() });
        }
        std::thread::sleep(Duration::from_millis(20));
        frame.reshape(32, 16, PixelFormat::Rgb8);
        frame.capture_nanos = mien_clock::monotonic_nanos();
        frame.frame_index = self.next_index;
        self.next_index += 1;
        Ok(Step::Frame)
    }
}

#[test]
#[ignore = "a role that other tests start"]
fn role_worker() {
    if std::env::var_os("MIEN_ROLE").is_none() {
        return;
    }
    assert!(die_with_parent(None).unwrap());
    let open = |camera: &Camera| match camera.source.expose_secret().strip_prefix("gate:") {
        Some(gate) => GateSource::open(gate),
        None if camera.source == "crash" => std::process::exit(7),
        None => {
            let options =
                LiveOptions { size: camera.size, rate_hz: camera.rate_hz, ..LiveOptions::default() };
            let imagined =
                ["people", "memory:"].iter().any(|kind| camera.source.expose_secret().starts_with(kind));
            open_live(&if imagined { QUIET.into() } else { camera.source.clone() }, &options)
        }
    };
    let parts = Parts::new(open, |settings, _, _| imagine(settings));
    if let Err(error) = mien_worker::run(&parts, std::io::stdin(), std::io::stdout(), || false) {
        // It dies slowly, as one that gives a GPU's memory back, and is silent meanwhile for longer than is allowed.
        std::thread::sleep(Duration::from_secs(2));
        eprintln!("{error}");
        std::process::exit(1);
    }
    // The harness would wait for threads that a silent source holds.
    std::process::exit(0);
}

/// The tracker of a worker; its engine says what the worker was told. The source `memory:N` has a GPU with
/// memory for batches of N faces.
fn imagine(settings: &WorkerSettings) -> Result<Made, TrackerError> {
    let WorkerSettings { camera, gpu, max_batch, first_track_id, .. } = settings;
    let memory = camera
        .source
        .expose_secret()
        .strip_prefix("memory:")
        .map_or(usize::MAX, |faces| faces.parse().unwrap());
    if *max_batch > memory {
        return Err(TrackerError { cause: Some(FatalCause::GpuMemory), reason: "out of memory".into() });
    }
    let tracker = Box::new(Imagination {
        result: FrameFaces::boxed(),
        next_track_id: (camera.source == "people").then_some(*first_track_id),
    });
    let gpu = gpu.map_or("none".into(), |gpu| gpu.to_string());
    Ok(Made { tracker, engine: format!("GPU {gpu}"), reason: format!("batches of {max_batch}") })
}

/// A folder in shared memory for the rings of one test.
fn ring_dir() -> tempfile::TempDir {
    tempfile::tempdir_in(SHM_DIR).unwrap()
}

fn camera(name: &str, source: &str) -> Camera {
    Camera { size: Some([64, 48]), rate_hz: Some(50.0), ..Camera::new(name, source) }
}

const QUIET: &str = "synthetic?heads=0";

fn options(ring_dir: &Path, cameras: Vec<Camera>) -> SupervisorOptions {
    let mut config = Config { cameras, ..Config::default() };
    (config.preview.width, config.preview.height, config.rings.preview_slots) = (64, 48, 4);
    // The kills of a test are no sign of a camera that cannot live.
    let policy = RestartPolicy { most_per_minute: 10_000, ..RestartPolicy::default() };
    let longest_pause = policy.first_pause;
    SupervisorOptions {
        program: "env".into(),
        arguments: ["MIEN_ROLE=worker".into(), std::env::current_exe().unwrap().into_os_string()]
            .into_iter()
            .chain(["--exact", "role_worker", "--ignored", "--nocapture"].map(OsString::from))
            .collect(),
        session: "test".into(),
        ring_dir: ring_dir.to_path_buf(),
        config,
        policy: RestartPolicy { longest_pause, ..policy },
        trace: None,
        log: Arc::new(|camera, line| eprintln!("[{camera}] {line}")),
        gpus: Arc::new(|| GpuReport::absent("a test")),
    }
}

/// Starts cameras and prints what happens to them: shown when a test fails.
fn begin(options: SupervisorOptions) -> SupervisorHandle {
    let supervisor = start(options).unwrap();
    let events = supervisor.events();
    let started = Instant::now();
    std::thread::spawn(move || {
        for event in events {
            let (seconds, state) = (started.elapsed().as_secs_f64(), event.state.label());
            eprintln!("{seconds:.3} {}: {state}: {}", event.camera, event.reason);
        }
    });
    supervisor
}

fn status(supervisor: &SupervisorHandle, camera: &str) -> CameraStatus {
    supervisor.cameras().into_iter().find(|status| status.name == camera).unwrap()
}

/// Waits until something is so, and says how long it took.
fn until(what: &str, mut so: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    started.elapsed()
}

fn until_live(supervisor: &SupervisorHandle, camera: &str) -> u32 {
    let mut last = None;
    until("live", || {
        let now = status(supervisor, camera);
        let live = now.state == CameraState::Live;
        last = now.pid;
        live && now.pid.is_some()
    });
    last.unwrap()
}

/// Waits for a worker other than `old` that is live.
fn until_replaced(supervisor: &SupervisorHandle, camera: &str, old: u32) -> (u32, Duration) {
    let mut new = old;
    let took = until("replaced", || {
        let now = status(supervisor, camera);
        new = now.pid.unwrap_or(old);
        now.state == CameraState::Live && new != old
    });
    (new, took)
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

/// Reads all results on a thread of its own until told to stop: what was read, and whether any is missing.
struct Witness {
    stop: Arc<Mutex<bool>>,
    thread: std::thread::JoinHandle<(u64, u64, BTreeSet<u64>)>,
}

impl Witness {
    fn start(mut follower: FacesFollower) -> Self {
        let stop = Arc::new(Mutex::new(false));
        let stopping = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut result = FacesEntry::boxed();
            let (mut count, mut gaps, mut epochs, mut last) = (0, 0, BTreeSet::new(), None);
            while !*stopping.lock().unwrap() {
                while let Some(followed) = follower.next(&mut result) {
                    count += 1;
                    let drops = result.timings.dropped_frames;
                    let index = result.frame.frame_index;
                    if epochs.insert(followed.epoch) {
                        last = None;
                    }
                    // What the pipeline dropped because the machine is busy is no fault of the rings.
                    if let Some((before, dropped)) = last {
                        gaps += index - before - 1 - (drops - dropped) + followed.missed;
                    }
                    last = Some((index, drops));
                }
                follower.wait(Duration::from_millis(20));
            }
            (count, gaps, epochs)
        });
        Self { stop, thread }
    }

    fn finish(self) -> (u64, u64, BTreeSet<u64>) {
        *self.stop.lock().unwrap() = true;
        self.thread.join().unwrap()
    }
}

fn segments(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

fn is_gone(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Err(_) => true,
        Ok(stat) => stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X'])),
    }
}

#[test]
fn a_killed_worker_is_replaced_and_the_other_camera_loses_nothing() {
    let dir = ring_dir();
    let supervisor = begin(options(dir.path(), vec![camera("a", QUIET), camera("b", QUIET)]));
    let (a, b) = (until_live(&supervisor, "a"), until_live(&supervisor, "b"));
    let mut news = supervisor.faces("a").unwrap();
    until("a result to skip", || news.skip());
    let of_a = Witness::start(supervisor.faces("a").unwrap());
    let of_b = Witness::start(supervisor.faces("b").unwrap());
    until("results", || status(&supervisor, "b").fps > 0.0);
    signal(a, Signal::KILL);
    let (_, took) = until_replaced(&supervisor, "a", a);
    println!("live again after {took:?}");
    news.skip();
    until("a result of the next worker to skip", || news.skip());
    std::thread::sleep(Duration::from_millis(300));
    let ((_, gaps_of_a, epochs_of_a), (count, gaps, epochs)) = (of_a.finish(), of_b.finish());
    assert_eq!((gaps, epochs.len(), status(&supervisor, "b").pid), (0, 1, Some(b)));
    assert!(count > 0);
    assert_eq!((gaps_of_a, epochs_of_a.len()), (0, 2));
    assert_eq!((status(&supervisor, "a").restarts, status(&supervisor, "b").restarts), (1, 0));
    assert_eq!(segments(dir.path()), 4);
    supervisor.shutdown();
    assert_eq!(segments(dir.path()), 0);
    assert!(is_gone(a) && is_gone(b));
}

#[test]
fn a_change_of_state_says_whether_the_worker_told_it() {
    let dir = ring_dir();
    let supervisor = start(options(dir.path(), vec![camera("a", QUIET)])).unwrap();
    let a = until_live(&supervisor, "a");
    signal(a, Signal::KILL);
    until_replaced(&supervisor, "a", a);
    let told: Vec<_> =
        supervisor.events().try_iter().map(|event| (event.state, event.reason, event.by_worker)).collect();
    let lives: Vec<bool> =
        told.iter().filter(|told| told.0 == CameraState::Live).map(|told| told.2).collect();
    assert_eq!(lives, [true, true], "{told:?}");
    let lost = (CameraState::Reconnecting, "the worker was killed by signal 9".to_owned(), false);
    assert!(told.contains(&lost), "{told:?}");
}

#[test]
fn a_frozen_worker_is_noticed_and_replaced() {
    let dir = ring_dir();
    let supervisor = begin(options(dir.path(), vec![camera("a", QUIET)]));
    let pid = until_live(&supervisor, "a");
    signal(pid, Signal::STOP);
    let started = Instant::now();
    until("noticed", || status(&supervisor, "a").state != CameraState::Live);
    println!("noticed after {:?}", started.elapsed());
    until_replaced(&supervisor, "a", pid);
    println!("live again after {:?}", started.elapsed());
    assert!(is_gone(pid));
}

#[test]
fn a_worker_that_lives_but_gives_no_results_is_replaced() {
    let (dir, files) = (ring_dir(), tempfile::tempdir().unwrap());
    let gate = files.path().join("gate");
    std::fs::write(&gate, "").unwrap();
    let supervisor = begin(options(dir.path(), vec![camera("a", &format!("gate:{}", gate.display()))]));
    let pid = until_live(&supervisor, "a");
    std::fs::write(gate.with_extension("silent"), "").unwrap();
    let mut seen = BTreeSet::new();
    let took = until("a restart", || {
        seen.insert(status(&supervisor, "a").state.label());
        status(&supervisor, "a").restarts > 0
    });
    println!("noticed and stopped after {took:?}, by way of {seen:?}");
    assert!(seen.contains("stalled"), "{seen:?}");
    std::fs::remove_file(gate.with_extension("silent")).unwrap();
    until_replaced(&supervisor, "a", pid);
}

#[test]
fn a_source_that_vanishes_and_returns_is_reconnected_by_the_same_worker() {
    let (dir, files) = (ring_dir(), tempfile::tempdir().unwrap());
    let gate = files.path().join("gate");
    let source = format!("gate:{}", gate.display());
    let supervisor = begin(options(dir.path(), vec![camera("a", &source)]));
    until("reconnecting", || status(&supervisor, "a").state == CameraState::Reconnecting);
    assert!(status(&supervisor, "a").reason.contains("unplugged"));
    let pid = status(&supervisor, "a").pid;
    for _ in 0..3 {
        std::fs::write(&gate, "").unwrap();
        assert_eq!(Some(until_live(&supervisor, "a")), pid);
        std::fs::remove_file(&gate).unwrap();
        until("reconnecting", || status(&supervisor, "a").state == CameraState::Reconnecting);
    }
    assert_eq!(status(&supervisor, "a").restarts, 0);
}

#[test]
fn nonsense_and_crashes_end_in_a_failed_state_with_a_reason_and_others_go_on() {
    let dir = ring_dir();
    let cameras = vec![camera("good", QUIET), camera("typo", "synthetic?heads=x"), camera("crash", "crash")];
    let policy = RestartPolicy { first_pause: Duration::from_millis(1), ..RestartPolicy::default() };
    let supervisor = begin(SupervisorOptions { policy, ..options(dir.path(), cameras) });
    until("failed", || {
        ["typo", "crash"].iter().all(|name| status(&supervisor, name).state == CameraState::Failed)
    });
    until_live(&supervisor, "good");
    let typo = status(&supervisor, "typo");
    assert!(typo.reason.contains("heads=x") && typo.restarts == 0, "{}", typo.reason);
    let crash = status(&supervisor, "crash");
    assert!(
        crash.reason.contains("exit code 7") && crash.restarts == 6,
        "{}: {}",
        crash.restarts,
        crash.reason
    );
    // A person may try again.
    supervisor.restart_camera("crash").unwrap();
    until("another try", || status(&supervisor, "crash").restarts > 6);
}

#[test]
fn cameras_are_stopped_started_added_and_removed_while_others_run() {
    let dir = ring_dir();
    let supervisor = begin(options(dir.path(), vec![camera("a", QUIET)]));
    let pid = until_live(&supervisor, "a");
    supervisor.add(camera("b", QUIET)).unwrap();
    assert!(supervisor.add(camera("b", QUIET)).is_err());
    assert!(supervisor.add(camera("b/c", QUIET)).is_err());
    let b = until_live(&supervisor, "b");
    supervisor.stop_camera("b").unwrap();
    until("stopped", || status(&supervisor, "b").state == CameraState::Stopped && is_gone(b));
    assert_eq!(segments(dir.path()), 2);
    supervisor.start_camera("b").unwrap();
    let b = until_live(&supervisor, "b");
    supervisor.remove("b").unwrap();
    until("removed", || is_gone(b) && segments(dir.path()) == 2);
    assert!(supervisor.faces("b").is_err());
    assert_eq!(status(&supervisor, "a").pid, Some(pid));
}

#[test]
fn a_camera_takes_other_settings_while_the_others_do_not_notice() {
    let dir = ring_dir();
    let supervisor = begin(options(dir.path(), vec![camera("a", QUIET), camera("b", "nowhere?x=1")]));
    let pid = until_live(&supervisor, "a");
    // Whatever state the camera is in, the change is its next try.
    supervisor.change_camera(camera("b", QUIET)).unwrap();
    let b = until_live(&supervisor, "b");
    assert_eq!(status(&supervisor, "b").source, QUIET);
    supervisor.change_preview(&Preview { width: 32, height: 32, ..Preview::default() });
    until("begun anew", || [pid, b].into_iter().all(is_gone));
    until_live(&supervisor, "a");
    until_live(&supervisor, "b");
    assert!(supervisor.change_camera(camera("c", QUIET)).is_err());
    let (a, trace) = (status(&supervisor, "a").pid, dir.path().join("trace.json"));
    supervisor.start_trace(&trace).unwrap();
    until("traced", || std::fs::metadata(&trace).is_ok_and(|file| file.len() > 0));
    assert_eq!(supervisor.end_trace().unwrap(), Some(0));
    assert_eq!(supervisor.end_trace().unwrap(), None);
    assert!(supervisor.start_trace(Path::new("/nowhere/trace.json")).is_err());
    assert_eq!(status(&supervisor, "a").pid, a);
}

/// A supervisor that tells its workers' numbers and then waits to be killed.
#[test]
#[ignore = "a role that other tests start"]
fn role_supervisor() {
    let Some(dir) = std::env::var_os("MIEN_RING_DIR") else { return };
    let supervisor = begin(options(Path::new(&dir), vec![camera("a", QUIET), camera("b", QUIET)]));
    let pids = ["a", "b"].map(|name| until_live(&supervisor, name));
    println!("workers={} {}", pids[0], pids[1]);
    std::thread::sleep(DEADLINE);
}

fn kill_a_supervisor(dir: &Path) -> Duration {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "role_supervisor", "--ignored", "--nocapture"])
        .env("MIEN_RING_DIR", dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let pids: Vec<u32> = output
        .lines()
        .find_map(|line| Some(line.ok()?.split_once("workers=")?.1.to_owned()))
        .expect("the supervisor tells its workers")
        .split(' ')
        .map(|pid| pid.parse().unwrap())
        .collect();
    child.kill().unwrap();
    let took = until("workers gone", || pids.iter().all(|pid| is_gone(*pid)));
    child.wait().unwrap();
    took
}

#[test]
fn when_the_supervisor_is_killed_its_workers_end_and_the_next_start_cleans_up() {
    let dir = ring_dir();
    let took = kill_a_supervisor(dir.path());
    println!("workers gone after {took:?}, {} segments left", segments(dir.path()));
    // What a kill -9 of everything at once would leave.
    let mut name = mien_ring::SegmentName::new("s", "c", mien_ring::RingKind::Faces).unwrap();
    name.owner = ProcessId { pid: u32::MAX, start_ticks: 1 };
    std::fs::write(dir.path().join(name.file_name()), "half made").unwrap();
    let supervisor = begin(options(dir.path(), Vec::new()));
    assert_eq!(segments(dir.path()), 0);
    supervisor.shutdown();
}

fn kill_in_a_row(kills: usize) {
    let dir = ring_dir();
    let supervisor = begin(options(dir.path(), vec![camera("a", QUIET), camera("b", QUIET)]));
    let (mut pid, b) = (until_live(&supervisor, "a"), until_live(&supervisor, "b"));
    let witness = Witness::start(supervisor.faces("b").unwrap());
    let own = std::process::id();
    let mut descriptors = Vec::new();
    let mut resident = Vec::new();
    let mut times = Vec::new();
    for _ in 0..kills {
        signal(pid, Signal::KILL);
        let (new, took) = until_replaced(&supervisor, "a", pid);
        assert!(is_gone(pid));
        pid = new;
        times.push(took);
        until("two rings for each camera", || segments(dir.path()) == 4);
        descriptors.push(open_descriptors(own).unwrap());
        resident.push(ProcessUsage::read(own).unwrap().resident_bytes);
    }
    times.sort();
    println!(
        "{kills} kills: live again after {:?} (median), {:?} (p99), {:?} (longest)",
        times[kills / 2],
        times[kills * 99 / 100],
        times[kills - 1]
    );
    println!(
        "open descriptors: {} after the first, {} at most, {} after the last; resident memory {} → {} MB",
        descriptors[0],
        descriptors.iter().max().unwrap(),
        descriptors[kills - 1],
        resident[0] >> 20,
        resident[kills - 1] >> 20
    );
    let (_, gaps, epochs) = witness.finish();
    assert_eq!((gaps, epochs.len(), status(&supervisor, "b").pid), (0, 1, Some(b)));
    supervisor.shutdown();
    assert_eq!(segments(dir.path()), 0);
    assert!(is_gone(pid) && is_gone(b));
    // Other tests of this process open files, too; a leak would grow with every kill.
    if kills >= 20 {
        assert!(descriptors[kills - 1] <= descriptors[0] + kills / 4, "{descriptors:?}");
    }
}

#[test]
fn kills_in_a_row_leave_nothing() {
    kill_in_a_row(4);
}

#[test]
#[ignore = "long; ./x stress"]
fn stress_fifty_kills_in_a_row() {
    kill_in_a_row(50);
}

#[test]
#[ignore = "long: MIEN_STRESS_KILLS, 1000 by default; ./x stress"]
fn stress_a_thousand_kills_in_a_row() {
    kill_in_a_row(std::env::var("MIEN_STRESS_KILLS").map_or(1000, |text| text.parse().unwrap()));
}

#[test]
#[ignore = "long; ./x stress"]
fn stress_two_hundred_killed_supervisors() {
    let dir = ring_dir();
    let mut times: Vec<Duration> = (0..200).map(|_| kill_a_supervisor(dir.path())).collect();
    times.sort();
    println!("workers gone after {:?} (median), {:?} (longest)", times[100], times[199]);
    begin(options(dir.path(), Vec::new())).shutdown();
    assert_eq!(segments(dir.path()), 0);
}
