//! `mien run`: cameras, live.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use mien_address::redact_text;
use mien_capture::{SourceAddress, SourceError, SourceSpec};
use mien_config::{Camera, Config, EngineKind, NetworkChoice};
use mien_engine::EngineChoice;
use mien_ring::SHM_DIR;
use mien_supervisor::{
    CameraEvent, CameraState, CameraStatus, RestartPolicy, SupervisorHandle, SupervisorOptions, nvml_probe,
    start,
};

use crate::build_info::VERSION;
#[cfg(feature = "gui")]
use crate::desktop::Errand;
use crate::live::Live;
use crate::names::Names;

/// How often the headless mode says how the cameras are doing.
const TELL: Duration = Duration::from_secs(5);

/// How long cameras may take to start before their streams are opened without knowing more of them.
const STREAM_PATIENCE: Duration = Duration::from_secs(5);

/// Which cameras.
#[derive(Args)]
pub(crate) struct CameraArguments {
    /// Configuration file; without one, the defaults hold
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A camera, instead of the configuration's: synthetic, usb:ID, a URL, or a file (repeatable). In a URL, ${NAME}
    /// is the environment variable NAME and ${file:PATH} the first line of a file, for passwords
    #[arg(long, value_name = "SPEC")]
    source: Vec<SourceAddress>,
}

impl CameraArguments {
    /// Whether nothing is said of cameras.
    pub(crate) fn are_none(&self) -> bool {
        self.config.is_none() && self.source.is_empty()
    }

    /// The file's configuration, with the cameras that the command line names.
    fn config(&self) -> Result<Config> {
        self.config_of(self.config.as_deref())
    }

    /// Likewise, of a given file.
    fn config_of(&self, file: Option<&Path>) -> Result<Config> {
        let mut config = file.map_or_else(|| Ok(Config::default()), mien_config::load)?;
        if let Some(warning) = file.and_then(|file| mien_config::readable_secret(file, &config)) {
            tracing::warn!("{warning}");
        }
        if self.source.iter().any(SourceAddress::holds_secret) {
            tracing::warn!(
                "every user of this machine can read the arguments of programs, so the secret of --source, too: \
                 write '${{NAME}}' for the environment variable NAME, or '${{file:PATH}}' for a file"
            );
        }
        if !self.source.is_empty() {
            self.source.iter().try_for_each(refuse_missing_file)?;
            let name =
                |index| if self.source.len() == 1 { "camera".into() } else { format!("camera{index}") };
            config.cameras =
                (1..).zip(&self.source).map(|(index, spec)| Camera::new(name(index), spec.clone())).collect();
        }
        Ok(config)
    }

    /// Where the app keeps settings: cameras only where the command line names none.
    #[cfg(feature = "gui")]
    fn place(&self, file: Option<PathBuf>) -> crate::desktop::Place {
        crate::desktop::Place { file, keeps_cameras: self.source.is_empty() }
    }
}

/// A file that is not there now was mistyped; a camera may still be plugged in.
fn refuse_missing_file(source: &SourceAddress) -> Result<()> {
    let spec = source.expose_secret();
    match SourceSpec::parse(spec) {
        Ok(SourceSpec::Path(path)) if !spec.starts_with("usb:") && !path.exists() => {
            Err(SourceError::NotFound { path }.into())
        }
        _ => Ok(()),
    }
}

/// Opens the app over these cameras; there may be none. Without `--config` the user's own settings hold, and
/// are begun where there are none.
#[cfg(feature = "gui")]
pub(crate) fn open_app(cameras: &CameraArguments) -> Result<()> {
    let Some(file) = cameras.config.clone().or_else(mien_config::user_file) else {
        return crate::desktop::open(cameras.config()?, cameras.place(None), Errand::default());
    };
    let config = if file.exists() || cameras.config.is_some() {
        cameras.config_of(Some(&file))?
    } else {
        // A window is started from anywhere: what it records belongs to the user, not to that folder.
        let mut config = cameras.config_of(None)?;
        if let Some(home) = std::env::home_dir() {
            config.recording.dir = home.join("mien-recordings");
        }
        config
    };
    crate::desktop::open(config, cameras.place(Some(file)), Errand::default())
}

/// This build has no app.
#[cfg(not(feature = "gui"))]
pub(crate) fn open_app(_cameras: &CameraArguments) -> Result<()> {
    bail!(
        "this build has no window (feature `gui`); `mien run` works without one, `mien --help` lists the rest"
    )
}

/// Whether a window can be shown.
#[cfg(feature = "gui")]
fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Arguments of `mien run`.
#[derive(Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    cameras: CameraArguments,
    /// No window: states and rates go to standard error
    #[arg(long)]
    headless: bool,
    /// Engine, instead of the configuration's: auto, cpu or tensorrt
    #[arg(long)]
    engine: Option<EngineChoice>,
    /// Blendshapes: auto (where there is a model for them), on (or an error) or off
    #[arg(long, value_name = "WHETHER")]
    blendshapes: Option<NetworkChoice>,
    /// Folder of models that comes before the usual ones
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// End after so many seconds
    #[arg(long, value_name = "N", value_parser = super::seconds)]
    seconds: Option<f64>,
    /// Write rates, latencies, drops and the use of the machine to a JSON file at the end
    #[arg(long, value_name = "FILE")]
    stats: Option<PathBuf>,
    /// Write a trace of every frame, for ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// Runs the cameras.
pub(crate) fn run(arguments: &RunArguments) -> Result<()> {
    let config = arguments.config()?;
    if !config.cameras.iter().any(|camera| camera.enabled) {
        bail!("there are no cameras: give some with --source (try `synthetic`), or a --config that has some");
    }
    if !arguments.headless {
        #[cfg(feature = "gui")]
        if has_display() {
            let place = arguments.cameras.place(arguments.cameras.config.clone());
            let errand = Errand {
                seconds: arguments.seconds,
                stats: arguments.stats.clone(),
                trace: arguments.trace.clone(),
            };
            return crate::desktop::open(config, place, errand);
        }
        tracing::warn!("no display, or a build without the app: running as with --headless");
    }
    let supervisor = start(options(config.clone(), arguments.trace.clone())?)?;
    let live = stream(&supervisor, &config)?;
    watch(&supervisor, arguments.seconds);
    drop(live);
    let stats = supervisor.stats(VERSION);
    let statuses = supervisor.cameras();
    supervisor.shutdown();
    arguments.write_stats(&stats)?;
    let lost = |state: CameraState| statuses.iter().find(|status| status.state == state);
    if let Some(CameraStatus { name, reason, .. }) = lost(CameraState::Failed) {
        bail!("camera {name} has failed: {reason}");
    }
    match lost(CameraState::Reconnecting) {
        Some(CameraStatus { name, reason, .. }) => bail!("camera {name} was not there at the end: {reason}"),
        None => Ok(()),
    }
}

impl RunArguments {
    /// Where the trace goes.
    pub(crate) fn trace(&self) -> Option<PathBuf> {
        self.trace.clone()
    }

    /// Writes statistics where they were asked for.
    pub(crate) fn write_stats(&self, stats: &impl serde::Serialize) -> Result<()> {
        self.stats.as_ref().map_or(Ok(()), |path| write_stats(path, stats))
    }

    /// When to end.
    pub(crate) fn seconds(&self) -> Option<f64> {
        self.seconds
    }

    /// The file's configuration, with what the command line says instead.
    pub(crate) fn config(&self) -> Result<Config> {
        let mut config = self.cameras.config()?;
        if let Some(engine) = self.engine {
            config.engine.kind = match engine {
                EngineChoice::Auto => EngineKind::Auto,
                EngineChoice::Cpu => EngineKind::Cpu,
                EngineChoice::TensorRt => EngineKind::TensorRt,
            };
            config.cameras.iter_mut().for_each(|camera| camera.engine = None);
        }
        config.models.blendshapes = self.blendshapes.unwrap_or(config.models.blendshapes);
        if let Some(models) = &self.models {
            config.models.dir = Some(models.clone());
        }
        Ok(config)
    }
}

/// Publishes to LSL, where the configuration says so.
fn stream(supervisor: &SupervisorHandle, config: &Config) -> Result<Option<Live>> {
    if !config.lsl.enabled {
        return Ok(None);
    }
    Live::wait_for_cameras(supervisor, STREAM_PATIENCE);
    let live = Live::start(supervisor, config, true, &Names::default())?;
    match live.stream_problem() {
        Some(problem) => tracing::warn!("nothing is streamed: {problem}"),
        None => tracing::info!("results are published to LSL"),
    }
    Ok(Some(live))
}

/// Workers are this very program. The session's name is its time and its process: unique on a machine.
pub(crate) fn options(mut config: Config, trace: Option<PathBuf>) -> Result<SupervisorOptions> {
    if config.engine.threads == 0 {
        let cameras = config.cameras.iter().filter(|camera| camera.enabled).count().max(1);
        config.engine.threads = (available_parallelism().map_or(1, usize::from) / cameras).max(1);
    }
    let pid = std::process::id();
    Ok(SupervisorOptions {
        program: std::env::current_exe().context("the path of this program is not known")?,
        arguments: ["worker".into(), "--parent".into(), pid.to_string().into()].into(),
        session: format!("{}-{pid}", mien_clock::unix_nanos() / 1_000_000_000),
        ring_dir: SHM_DIR.into(),
        config,
        policy: RestartPolicy::default(),
        trace,
        log: Arc::new(|camera, line| say_error!("[{camera}] {}", redact_text(line))),
        gpus: nvml_probe(),
    })
}

/// Tells what happens until the time is over or somebody ends it.
fn watch(supervisor: &SupervisorHandle, seconds: Option<f64>) {
    let events = supervisor.events();
    let started = Instant::now();
    let over = |started: Instant| seconds.is_some_and(|seconds| started.elapsed().as_secs_f64() >= seconds);
    let mut told = Instant::now();
    while !crate::interrupt::is_requested() && !over(started) {
        if let Ok(event) = events.recv_timeout(Duration::from_millis(50)) {
            tell_event(&event);
        }
        if told.elapsed() >= TELL {
            told = Instant::now();
            supervisor.cameras().iter().for_each(tell);
        }
    }
}

/// Tells of a camera's new state, unless its worker's log does.
pub(crate) fn tell_event(CameraEvent { camera, state, reason, by_worker, .. }: &CameraEvent) {
    // A worker that starts says so itself.
    if *by_worker || *state == CameraState::Starting {
        return;
    }
    match state.is_trouble() {
        true => tracing::warn!("camera {camera}: {}: {reason}", state.label()),
        false => tracing::info!("camera {camera}: {}", state.label()),
    }
}

pub(crate) fn tell(status: &CameraStatus) {
    let CameraStatus { name, state, fps, latency, dropped_frames, cpu_percent, restarts, .. } = status;
    tracing::info!(
        "camera {name}: {}, {fps:.1} fps, latency p50 {:.1} ms p95 {:.1} ms, {dropped_frames} dropped, \
         {cpu_percent:.0} % of a core, {restarts} restarts",
        state.label(),
        latency.p50_ms,
        latency.p95_ms
    );
}

pub(crate) fn write_stats(path: &Path, stats: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(stats)?;
    std::fs::write(path, text + "\n")
        .with_context(|| format!("{}: the statistics cannot be written", path.display()))
}
