//! What the window sees of supervisor and control thread.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use crossbeam_channel::{Sender, bounded};
use mien_capture::{CameraControl, CameraDevice};
use mien_config::Config;
use mien_face::FrameFaces;
use mien_gui::{
    Backend, Check, Command, LogLevel, LogLine, MachineLoad, PreviewImage, RecordingStatus, SettingsFile,
    StreamStatus,
};
use mien_supervisor::{CameraStatus, SupervisorError, SupervisorHandle};

use super::Errand;
use super::board::{Board, Shown};
use super::control::Control;
use super::feed::{CameraFeed, Wake};
use super::log::Log;
use super::settings::{Keeping, Place};
use super::streams;
use crate::build_info::VERSION;
use crate::commands::run::write_stats;

/// Commands that may wait; a person cannot give more.
const COMMANDS: usize = 256;

/// See the module.
pub(crate) struct DesktopBackend {
    supervisor: Option<Arc<SupervisorHandle>>,
    place: Place,
    errand: Errand,
    started: Instant,
    /// Repaints in each second since the start; kept only where somebody asked for statistics.
    repaints: Vec<u32>,
    thread: Option<JoinHandle<()>>,
    commands: Option<Sender<(i64, Command)>>,
    board: Option<Arc<Board>>,
    log: Arc<Log>,
    wake: Wake,
    feeds: Vec<CameraFeed>,
    cameras: Vec<CameraStatus>,
    shown: Shown,
    shown_version: u64,
    lines: Vec<LogLine>,
}

impl DesktopBackend {
    /// Takes over the supervised cameras.
    pub(crate) fn new(
        supervisor: Arc<SupervisorHandle>,
        config: Config,
        place: Place,
        errand: Errand,
        log: Arc<Log>,
    ) -> Self {
        let settings_file = Keeping::new(place.clone(), &config).shown();
        Self {
            supervisor: Some(supervisor),
            place,
            errand,
            started: Instant::now(),
            repaints: Vec::new(),
            thread: None,
            commands: None,
            board: None,
            log,
            wake: Arc::new(|| {}),
            feeds: Vec::new(),
            cameras: Vec::new(),
            shown: Shown { config, settings_file, ..Shown::default() },
            shown_version: 0,
            lines: Vec::new(),
        }
    }

    fn start_control(&mut self) -> Result<()> {
        let Some(supervisor) = self.supervisor.clone() else { return Ok(()) };
        let board = Arc::new(Board::new(self.shown.clone(), Arc::clone(&self.wake)));
        self.board = Some(Arc::clone(&board));
        let config = self.shown.config.clone();
        let keeping = Keeping::new(self.place.clone(), &config);
        let mut control = Control::new(supervisor, config, keeping, Arc::clone(&self.log), board);
        control.deadline = self.deadline();
        let (sender, receiver) = bounded(COMMANDS);
        let thread =
            std::thread::Builder::new().name("control".to_owned()).spawn(move || control.run(&receiver));
        self.thread = Some(thread.context("the control thread cannot be started")?);
        self.commands = Some(sender);
        Ok(())
    }

    /// Follows the cameras that there are now, in their order.
    fn follow_cameras(&mut self, supervisor: &SupervisorHandle) -> Result<(), SupervisorError> {
        let names = || self.cameras.iter().map(|camera| camera.name.as_str());
        if names().eq(self.feeds.iter().map(|feed| feed.name.as_str())) {
            return Ok(());
        }
        let mut feeds = Vec::with_capacity(self.cameras.len());
        for name in names() {
            let known = self.feeds.iter().position(|feed| feed.name == name);
            feeds.push(match known {
                Some(place) => self.feeds.swap_remove(place),
                None => CameraFeed::start(supervisor, name, Arc::clone(&self.wake))?,
            });
        }
        self.feeds = feeds;
        Ok(())
    }
}

impl DesktopBackend {
    /// When the window is to close by itself.
    fn deadline(&self) -> Option<Instant> {
        let seconds = Duration::try_from_secs_f64(self.errand.seconds?).ok()?;
        self.started.checked_add(seconds)
    }

    fn count_repaint(&mut self) {
        if self.errand.stats.is_some() {
            let second = self.started.elapsed().as_secs() as usize;
            self.repaints.resize(self.repaints.len().max(second + 1), 0);
            self.repaints[second] += 1;
        }
    }

    /// The run's statistics, with the window's.
    fn write_stats(&self) {
        let (Some(path), Some(supervisor)) = (&self.errand.stats, &self.supervisor) else { return };
        let written =
            serde_json::to_value(supervisor.stats(VERSION)).map_err(Into::into).and_then(|mut stats| {
                stats["window"] = serde_json::json!({ "repaints_by_second": self.repaints });
                write_stats(path, &stats)
            });
        if let Err(error) = written {
            tracing::error!("{error:#}");
        }
    }

    /// How old the newest sample of each stream is.
    fn date_streams(&mut self) {
        let newest_nanos =
            |name: &str| self.feeds.iter().find(|feed| feed.name == name).map(CameraFeed::newest_nanos);
        streams::date(&mut self.shown.streams, mien_clock::monotonic_nanos(), newest_nanos);
    }
}

impl Backend for DesktopBackend {
    fn on_change(&mut self, wake: Box<dyn Fn() + Send + Sync>) {
        self.wake = Arc::from(wake);
        if let Err(error) = self.start_control() {
            self.log.add(LogLevel::Error, "app", format!("{error:#}"));
        }
    }

    fn poll(&mut self) -> bool {
        let Some(supervisor) = self.supervisor.clone() else { return false };
        self.count_repaint();
        if let Some(board) = &self.board {
            self.shown_version = board.take(&mut self.shown, self.shown_version);
        }
        self.cameras = supervisor.cameras();
        let order = |camera: &CameraStatus| {
            self.shown.config.cameras.iter().position(|known| known.name == camera.name)
        };
        self.cameras.sort_by_key(|camera| order(camera).unwrap_or(usize::MAX));
        // A camera that was removed between the two looks is not there at the next.
        let _gone = self.follow_cameras(&supervisor);
        self.cameras.truncate(self.feeds.len());
        self.date_streams();
        self.log.take(&mut self.lines);
        true
    }

    fn cameras(&self) -> &[CameraStatus] {
        &self.cameras
    }

    fn config(&self) -> &Config {
        &self.shown.config
    }

    fn settings_file(&self) -> &SettingsFile {
        &self.shown.settings_file
    }

    fn controls(&self, camera: &str) -> &[CameraControl] {
        self.shown.controls.get(camera).map(Vec::as_slice).unwrap_or_default()
    }

    fn load(&self) -> &MachineLoad {
        &self.shown.load
    }

    fn trace(&self) -> Option<&std::path::Path> {
        self.shown.trace.as_deref()
    }

    fn take_preview(&mut self, camera: usize, into: &mut PreviewImage) -> bool {
        self.feeds.get_mut(camera).is_some_and(|feed| feed.take_preview(into))
    }

    fn take_faces(&mut self, camera: usize, into: &mut FrameFaces) -> bool {
        self.feeds.get_mut(camera).is_some_and(|feed| feed.take_faces(into))
    }

    fn participant(&self, camera: usize, track_id: u32) -> Option<&str> {
        let name = &self.feeds.get(camera)?.name;
        self.shown.participants.get(&(name.clone(), track_id)).map(String::as_str)
    }

    fn recording(&self) -> &RecordingStatus {
        &self.shown.recording
    }

    fn streams(&self) -> &[StreamStatus] {
        &self.shown.streams
    }

    fn streams_note(&self) -> &str {
        &self.shown.streams_note
    }

    fn devices(&self) -> &[CameraDevice] {
        &self.shown.devices
    }

    fn checks(&self) -> &[Check] {
        &self.shown.checks
    }

    fn log(&self) -> &[LogLine] {
        &self.lines
    }

    fn wants_to_close(&self) -> bool {
        crate::interrupt::is_requested() || self.deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn command(&mut self, command: Command) {
        let asked = (mien_clock::monotonic_nanos(), command);
        let refused = self.commands.as_ref().is_none_or(|commands| commands.try_send(asked).is_err());
        if refused {
            self.log.add(
                LogLevel::Error,
                "app",
                "too many commands at once; the last one was not carried out",
            );
        }
    }

    fn shut_down(&mut self) {
        // The control thread finishes the recording once its channel closes.
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control thread had panicked");
        }
        self.write_stats();
        self.feeds.clear();
        self.supervisor = None;
    }
}
