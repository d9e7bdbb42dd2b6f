//! What may take long, on a thread of its own: streams, recordings, cameras, settings, the check-up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use crossbeam_channel::Receiver;
use mien_config::Config;
use mien_gui::{Check, CheckState, Command, LogLevel, StreamStatus, Warning};
use mien_supervisor::{CameraState, SupervisorHandle};

use super::board::Board;
use super::devices;
use super::load::LoadMeter;
use super::log::Log;
use super::settings::Keeping;
use super::streams;
use crate::doctor;
use crate::live::Live;
use crate::names::Names;

/// How often statuses are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How often the load is measured.
const LOAD_LOOK: Duration = Duration::from_secs(1);
/// How long new cameras may take before the streams begin without knowing their picture sizes.
pub(super) const CAMERA_PATIENCE: Duration = Duration::from_secs(4);
/// How long a camera that is changed may go on to be live as it was.
const CHANGE_TAKES: Duration = Duration::from_millis(500);
/// How long settings of tracking must have been still before the workers are told: they load networks.
const SETTINGS_REST: Duration = Duration::from_millis(400);

/// The control thread's belongings.
pub(crate) struct Control {
    pub(super) supervisor: Arc<SupervisorHandle>,
    pub(super) config: Config,
    pub(super) keeping: Keeping,
    pub(super) log: Arc<Log>,
    pub(super) board: Arc<Board>,
    pub(super) live: Option<Live>,
    pub(super) names: Names,
    pub(super) recording_since: Option<Instant>,
    /// What went wrong and stays on the screen until it is dismissed or a recording begins.
    pub(super) lasting_warnings: Vec<Warning>,
    /// Warnings that were dismissed and are still so.
    pub(super) dismissed: Vec<Warning>,
    /// Cameras that `live` streams, and what their streams' descriptions say.
    streamed: Option<(Vec<String>, Config)>,
    /// Since when the cameras are others than those.
    cameras_changed: Option<Instant>,
    /// What the workers were told, and since when it is to be something else.
    told: Config,
    settings_changed: Option<Instant>,
    /// How often the process of the LSL outlets was lost, as far as the log tells.
    lsl_restarts: u32,
    load: LoadMeter,
    next_load: Instant,
    trace: Option<PathBuf>,
    /// When the window is to close by itself.
    pub(super) deadline: Option<Instant>,
}

impl Control {
    pub(crate) fn new(
        supervisor: Arc<SupervisorHandle>,
        config: Config,
        keeping: Keeping,
        log: Arc<Log>,
        board: Arc<Board>,
    ) -> Self {
        Self {
            supervisor,
            told: config.clone(),
            config,
            keeping,
            log,
            board,
            live: None,
            names: Names::default(),
            recording_since: None,
            lasting_warnings: Vec::new(),
            dismissed: Vec::new(),
            streamed: None,
            cameras_changed: None,
            settings_changed: None,
            lsl_restarts: 0,
            load: LoadMeter::default(),
            next_load: Instant::now(),
            trace: None,
            deadline: None,
        }
    }

    /// Carries out commands until the window has gone; then finishes the recording and the settings.
    pub(crate) fn run(mut self, commands: &Receiver<(i64, Command)>) {
        devices::look(&self.board);
        let events = self.supervisor.events();
        loop {
            crossbeam_channel::select! {
                recv(commands) -> command => match command {
                    Ok(command) => {
                        self.carry_out(command);
                        commands.try_iter().for_each(|command| self.carry_out(command));
                    }
                    Err(_window_gone) => break,
                },
                recv(events) -> event => event.iter().for_each(|event| self.log.camera_event(event)),
                default(TICK) => {}
            }
            events.try_iter().for_each(|event| self.log.camera_event(&event));
            self.keeping.look(&self.config);
            self.keeping.tick(&self.config);
            self.tell_workers(SETTINGS_REST);
            self.follow_cameras();
            self.show();
            let is_over = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if is_over || crate::interrupt::is_requested() {
                // It closes when it is painted.
                self.board.wake();
            }
        }
        self.stop_recording();
        self.keeping.look(&self.config);
        self.keeping.finish(&self.config);
        self.end_trace();
    }

    /// Does what was asked for at a time on the monotonic clock.
    fn carry_out(&mut self, (asked_nanos, command): (i64, Command)) {
        let result = match command {
            Command::AddCamera(camera) => self.add_camera(*camera),
            Command::RemoveCamera(name) => self.remove_camera(&name),
            Command::RestartCamera(name) => self.supervisor.restart_camera(&name).map_err(Into::into),
            Command::ChangeCamera { name, camera } => self.change_camera(&name, *camera),
            Command::MoveCamera { name, to } => self.move_camera(&name, to),
            Command::ReadControls(name) => self.driver(&name, None),
            Command::SetControl { camera, control, value } => self.driver(&camera, Some((control, value))),
            Command::ChangeSettings(config) => {
                self.change_settings(*config);
                Ok(())
            }
            Command::SaveSettings => {
                self.keeping.save(&self.config);
                Ok(())
            }
            Command::KeepWindow(window) => {
                self.keeping.window(window);
                Ok(())
            }
            Command::StartRecording(recording) => self.start_recording(&recording),
            Command::CheckRecording(recording) => self.check_recording(&recording),
            Command::StopRecording => {
                self.stop_recording();
                Ok(())
            }
            Command::DismissWarnings => {
                self.dismiss_warnings();
                Ok(())
            }
            Command::Marker(text) => {
                self.marker(asked_nanos, &text);
                Ok(())
            }
            Command::NameParticipant { camera, track_id, name } => {
                self.name_participant(&camera, track_id, &name);
                Ok(())
            }
            Command::RefreshDevices => {
                devices::look(&self.board);
                Ok(())
            }
            Command::RefreshChecks => {
                self.look_at_machine();
                Ok(())
            }
            Command::ToggleTrace => self.toggle_trace(),
        };
        if let Err(error) = result {
            self.warn(Warning::Failed { text: crate::cli::one_line(&error) });
        }
    }

    fn change_settings(&mut self, wanted: Config) {
        let cameras = std::mem::take(&mut self.config.cameras);
        self.config = Config { cameras, ..wanted };
        self.settings_changed = Some(Instant::now());
    }

    /// Tells the workers the settings that have been still for so long.
    pub(super) fn tell_workers(&mut self, rest: Duration) {
        if self.settings_changed.is_none_or(|since| since.elapsed() < rest) {
            return;
        }
        self.settings_changed = None;
        let (told, config) = (&self.told, &self.config);
        if (&told.detection, &told.smoothing) != (&config.detection, &config.smoothing) {
            self.supervisor.change_settings(&config.detection, &config.smoothing);
            if let Some(live) = &self.live {
                live.set_vertical_fov_deg(config.detection.vertical_fov_deg);
            }
        }
        if told.preview != config.preview {
            self.supervisor.change_preview(&config.preview);
        }
        self.told = config.clone();
    }

    /// Opens the streams of the present cameras anew when cameras have come, gone or changed, or what the streams say
    /// of themselves has, and all have settled; not during a recording, whose streams are fixed.
    fn follow_cameras(&mut self) {
        if self.streams_are_current() || self.recording_since.is_some() {
            self.cameras_changed = None;
            return;
        }
        let since = self.cameras_changed.get_or_insert_with(Instant::now).elapsed();
        let cameras = self.supervisor.cameras();
        let settled =
            cameras.iter().all(|camera| matches!(camera.state, CameraState::Live | CameraState::Failed));
        if (settled && since >= CHANGE_TAKES) || since >= CAMERA_PATIENCE {
            self.open_streams(Duration::ZERO);
        }
    }

    /// Streams of exactly the cameras that there are, and as they are; they may be open already. Cameras that are
    /// not live yet are waited for no longer than `patience`.
    pub(super) fn open_streams(&mut self, patience: Duration) {
        if self.streams_are_current() && self.live.is_some() {
            return;
        }
        self.cameras_changed = None;
        self.live = None;
        let names = self.camera_names();
        self.streamed = Some((names.clone(), self.described()));
        if names.is_empty() {
            return;
        }
        Live::wait_for_cameras(&self.supervisor, patience);
        match Live::start(&self.supervisor, &self.config, self.config.lsl.enabled, &self.names) {
            Ok(live) => {
                if let Some(problem) = live.stream_problem() {
                    self.log.add(LogLevel::Warning, "lsl", problem);
                }
                self.live = Some(live);
            }
            Err(error) => self.log.add(LogLevel::Error, "lsl", format!("{error:#}")),
        }
    }

    fn camera_names(&self) -> Vec<String> {
        self.supervisor.cameras().into_iter().map(|camera| camera.name).collect()
    }

    fn streams_are_current(&self) -> bool {
        let is_current = |(names, described): &(Vec<String>, Config)| {
            *names == self.camera_names() && *described == self.described()
        };
        self.streamed.as_ref().is_some_and(is_current)
    }

    /// What the streams' descriptions say of the settings, once these have rested: nothing of the order of the
    /// cameras, nor of what their drivers let one change while they run.
    fn described(&self) -> Config {
        let mut cameras = self.config.cameras.clone();
        cameras.sort_by(|one, other| one.name.cmp(&other.name));
        cameras.iter_mut().for_each(|camera| camera.controls.clear());
        let Config { lsl, smoothing, models, .. } = self.told.clone();
        Config { cameras, lsl, smoothing, models, ..Config::default() }
    }

    /// Puts the present state on the board.
    fn show(&mut self) {
        self.show_recording();
        if Instant::now() >= self.next_load {
            self.next_load = Instant::now() + LOAD_LOOK;
            self.show_load();
        }
        let note = self.live.as_ref().map(Live::stream_note).unwrap_or_default();
        self.tell_of_streams(&note);
        let streams = self.streams();
        let (file, names) = (self.keeping.shown(), self.names.all());
        self.board.change(|shown| {
            shown.streams_note = match self.config.lsl.enabled {
                false => "Streaming is switched off in the settings.".to_owned(),
                true => note,
            };
            shown.streams = streams;
            shown.participants = names;
            shown.settings_file = file;
            shown.config.clone_from(&self.config);
            shown.trace.clone_from(&self.trace);
        });
    }

    /// Adds to the log what is new about the streams.
    fn tell_of_streams(&mut self, note: &str) {
        let restarts = self.live.as_ref().and_then(Live::stream_status).map_or(0, |status| status.restarts);
        if restarts > self.lsl_restarts {
            self.log.add(LogLevel::Warning, "lsl", note);
        }
        self.lsl_restarts = restarts;
    }

    fn show_load(&mut self) {
        let videos = self.live.as_ref().map(|live| live.videos(&self.supervisor)).unwrap_or_default();
        let encoders: Vec<(String, u32)> = videos
            .into_iter()
            .filter(|(_, video)| !video.finished)
            .filter_map(|(camera, video)| Some((camera, video.encoder_process?)))
            .collect();
        let cameras = self.supervisor.cameras();
        let load = self.load.look(&cameras, &encoders, &self.supervisor.gpus());
        // Without cameras there is nothing to tell, and nobody to wake.
        if !cameras.is_empty() {
            self.board.change(|shown| shown.load = load);
        }
    }

    fn streams(&self) -> Vec<StreamStatus> {
        let cameras = self.supervisor.cameras();
        let rate_hz = |name: &str| {
            cameras.iter().find(|camera| camera.name == name).map_or(0.0, |camera| camera.fps as f32)
        };
        streams::statuses(self.live.as_ref().map(Live::outlets).unwrap_or_default(), rate_hz)
    }

    fn look_at_machine(&self) {
        let board = Arc::clone(&self.board);
        let subject = doctor::Subject::of(self.config.clone(), self.keeping.shown().path);
        let log = Arc::clone(&self.log);
        board.change(|shown| shown.checks.clear());
        devices::aside("check-up", move || {
            let checks: Vec<Check> = doctor::check_all(&subject).into_iter().map(check).collect();
            let good = checks.iter().filter(|check| check.state == CheckState::Ok).count();
            log.add(
                LogLevel::Info,
                "app",
                format!("check-up: {good} of {} are as they should be", checks.len()),
            );
            board.change(|shown| shown.checks = checks);
        });
    }

    fn toggle_trace(&mut self) -> Result<()> {
        if self.trace.is_some() {
            self.end_trace();
            return Ok(());
        }
        let folder = &self.config.recording.dir;
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let path = folder.join(format!("trace-{}.json", mien_clock::unix_nanos() / 1_000_000_000));
        self.supervisor.start_trace(&path)?;
        self.trace = Some(path);
        Ok(())
    }

    fn end_trace(&mut self) {
        let Some(path) = self.trace.take() else { return };
        let path = path.display();
        match self.supervisor.end_trace() {
            Ok(Some(0)) => self.log.add(LogLevel::Info, "app", format!("trace in {path}")),
            Ok(Some(skipped)) => {
                self.log.add(
                    LogLevel::Warning,
                    "app",
                    format!("trace in {path}; {skipped} events had no room"),
                );
            }
            Ok(None) => self.log.add(LogLevel::Error, "app", format!("{path}: the trace broke off")),
            Err(error) => self.log.add(LogLevel::Error, "app", format!("{path}: {error}")),
        }
    }
}

fn check(check: doctor::Check) -> Check {
    Check {
        subject: check.name,
        state: match check.state {
            doctor::State::Ok => CheckState::Ok,
            doctor::State::Warning => CheckState::Warning,
            doctor::State::Missing => CheckState::Missing,
            doctor::State::Failed => CheckState::Failed,
        },
        finding: check.found,
        remedy: check.remedy,
    }
}
