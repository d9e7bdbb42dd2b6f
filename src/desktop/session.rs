//! Recordings: begun, ended, marked, and how they stand.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use mien_config::Recording;
use mien_gui::{LogLevel, RecordingStatus, Warning};
use mien_record::{RecordState, RecordStatus, Severity};
use mien_supervisor::CameraState;

use super::control::{CAMERA_PATIENCE, Control};
use crate::live::Live;

impl Control {
    /// Begins a recording. Nothing where one runs: who pressed twice wants one.
    pub(super) fn start_recording(&mut self, recording: &Recording) -> Result<()> {
        if self.recording_since.is_some() {
            return Ok(());
        }
        self.clear_warnings();
        self.board.change(|shown| {
            shown.recording = RecordingStatus { is_starting: true, ..RecordingStatus::default() };
        });
        let started = self.begin(recording);
        self.board.change(|shown| shown.recording.is_starting = false);
        started
    }

    fn begin(&mut self, recording: &Recording) -> Result<()> {
        self.tell_workers(Duration::ZERO);
        self.open_streams(CAMERA_PATIENCE);
        let Some(live) = &self.live else { bail!("there is no camera to record") };
        let folder = live.start_recording(&self.supervisor, &self.config, recording)?;
        self.log.add(LogLevel::Info, "app", format!("recording into {}", folder.display()));
        self.recording_since = Some(Instant::now());
        self.board.change(|shown| {
            shown.recording = RecordingStatus { folder: Some(folder), ..RecordingStatus::default() };
        });
        Ok(())
    }

    pub(super) fn stop_recording(&mut self) {
        let Some(live) = &self.live else { return };
        let mut last = None;
        match live.stop_recording(&self.supervisor) {
            Ok(Some(summary)) => {
                let (seconds, folder) = (summary.duration_seconds, summary.folder);
                self.log.add(
                    LogLevel::Info,
                    "app",
                    format!("recorded {seconds:.1} s into {}", folder.display()),
                );
                last = Some((seconds, folder));
            }
            Ok(None) => {}
            Err(error) => self.warn(Warning::Failed { text: format!("{error:#}") }),
        }
        if self.recording_since.take().is_some() {
            self.board.change(|shown| {
                // What went wrong stays on the screen until the next recording.
                let warnings = std::mem::take(&mut shown.recording.warnings);
                let lasting =
                    warnings.into_iter().filter(|warning| !matches!(warning, Warning::CameraNotLive { .. }));
                let warnings = lasting.collect();
                shown.recording = RecordingStatus { warnings, last, ..RecordingStatus::default() };
            });
        }
    }

    /// Sets a marker at a time on the monotonic clock.
    pub(super) fn marker(&self, nanos: i64, text: &str) {
        if let Some(live) = &self.live {
            live.marker(nanos, text);
        }
        self.log.add(LogLevel::Info, "app", format!("marker {text}"));
        if let Some(since) = self.recording_since {
            let age_seconds = (mien_clock::monotonic_nanos() - nanos) as f64 * 1e-9;
            let seconds = (since.elapsed().as_secs_f64() - age_seconds).max(0.0);
            self.board.change(|shown| shown.recording.markers.push((seconds, text.to_owned())));
        }
    }

    pub(super) fn name_participant(&self, camera: &str, track_id: u32, name: &str) {
        match &self.live {
            Some(live) => drop(live.name_participant(camera, track_id, name)),
            None => self.names.give(camera, track_id, name),
        }
        let said = if name.is_empty() { "has no name any more".to_owned() } else { format!("is {name}") };
        self.log.add(LogLevel::Info, camera, format!("face {track_id} {said}"));
    }

    /// What is missing for a recording, measured, into the log and, where it matters, the warnings.
    pub(super) fn check_recording(&mut self, recording: &Recording) -> Result<()> {
        self.clear_warnings();
        self.board.change(|shown| {
            shown.recording.readiness = None;
            shown.recording.is_checking = true;
        });
        let checked = self.check(recording);
        self.board.change(|shown| shown.recording.is_checking = false);
        checked
    }

    fn check(&mut self, recording: &Recording) -> Result<()> {
        self.open_streams(CAMERA_PATIENCE);
        let Some(live) = &self.live else { bail!("there is no camera to record") };
        let found = live.check(&self.supervisor, &self.config, recording, None);
        for line in found.lines() {
            self.log.add(LogLevel::Info, "check", line);
        }
        for problem in &found.problems {
            self.log.add(LogLevel::Warning, "check", problem.text.clone());
        }
        let missing = found.problems.iter().filter(|problem| problem.severity == Severity::Missing);
        let missing: Vec<String> = missing.map(|problem| problem.text.clone()).collect();
        let verdict = if missing.is_empty() { found.lines().join("\n") } else { missing.join("\n") };
        self.board.change(|shown| {
            shown.recording.readiness = Some((missing.is_empty(), verdict));
        });
        Ok(())
    }

    /// Puts the present state of the recording on the board.
    pub(super) fn show_recording(&mut self) {
        let status = self.live.as_ref().and_then(Live::record_status);
        let parent = &self.config.recording.dir;
        let free = status.as_ref().map(|status| status.free_bytes).or_else(|| free_bytes(parent));
        let now = status.as_ref().map(|status| self.warnings(status));
        let now = now.map(|mut now| {
            self.dismissed.retain(|dismissed| now.iter().any(|warning| warning.is_still(dismissed)));
            now.retain(|warning| !self.dismissed.iter().any(|dismissed| warning.is_still(dismissed)));
            now
        });
        self.log_new(now.as_deref().unwrap_or_default());
        let lasting = &self.lasting_warnings;
        let since = self.recording_since;
        self.board.change(|shown| {
            // Shown to a hundredth of a gigabyte: it need not be newer.
            shown.recording.free_bytes = free.unwrap_or(0) / 10_000_000 * 10_000_000;
            if let (Some(since), Some(folder)) = (since, &shown.recording.folder) {
                shown.recording.elapsed_seconds = since.elapsed().as_secs_f64();
                shown.recording.bytes_on_disk = folder_bytes(folder);
            }
            if let Some(now) = now {
                shown.recording.warnings = lasting.iter().cloned().chain(now).collect();
            }
        });
        if let Some(RecordState::Failed(reason)) = status.map(|status| status.state) {
            // It has ended by itself, its files are closed: the button says so.
            self.stop_recording();
            self.warn(Warning::RecordingEnded { reason });
        }
    }

    /// Warnings that were not there at the last look, into the log; a count in one may have grown.
    fn log_new(&self, warnings: &[Warning]) {
        let known = self.board.read(|shown| shown.recording.warnings.clone());
        for new in warnings.iter().filter(|new| known.iter().all(|known| !known.is_still(new))) {
            self.log.add(LogLevel::Warning, "app", new.to_string());
        }
    }

    /// Something that cannot be missed, until it is dismissed or the next recording begins.
    pub(super) fn warn(&mut self, warning: Warning) {
        self.log.add(LogLevel::Error, "app", warning.to_string());
        if !self.lasting_warnings.contains(&warning) {
            self.lasting_warnings.push(warning.clone());
        }
        self.board.change(|shown| {
            if !shown.recording.warnings.contains(&warning) {
                shown.recording.warnings.push(warning);
            }
        });
    }

    /// Takes the warnings off the screen: what is still so does not come back until it has ceased to be so.
    pub(super) fn dismiss_warnings(&mut self) {
        let shown = self.board.read(|shown| shown.recording.warnings.clone());
        self.dismissed.extend(shown);
        self.lasting_warnings.clear();
        self.board.change(|shown| shown.recording.warnings.clear());
    }

    /// Forgets what was said and what was dismissed; what is still so comes back at the next look.
    fn clear_warnings(&mut self) {
        self.dismissed.clear();
        self.lasting_warnings.clear();
        self.board.change(|shown| shown.recording.warnings.clear());
    }

    fn warnings(&self, status: &RecordStatus) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if let RecordState::Failed(reason) = &status.state {
            warnings.push(Warning::RecordingEnded { reason: reason.clone() });
        }
        if status.disk_low {
            warnings.push(Warning::DiskLow);
        }
        if status.dropped_frames > 0 {
            warnings.push(Warning::RowsDropped { count: status.dropped_frames });
        }
        let videos = self.live.as_ref().map(|live| live.videos(&self.supervisor)).unwrap_or_default();
        let failed = videos.into_iter().filter(|(_, video)| video.failed);
        warnings.extend(failed.map(|(camera, video)| {
            let problem = video.problem.unwrap_or_else(|| "its encoder gave up".to_owned());
            Warning::NoVideo { camera, problem }
        }));
        let cameras = self.supervisor.cameras();
        let lost = cameras.into_iter().filter(|camera| camera.state != CameraState::Live);
        warnings.extend(lost.map(|camera| Warning::CameraNotLive { camera: camera.name }));
        warnings
    }
}

/// Free bytes where a folder is, or is going to be.
fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    mien_record::free_bytes(if there.as_os_str().is_empty() { Path::new(".") } else { there }).ok()
}

fn folder_bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}
