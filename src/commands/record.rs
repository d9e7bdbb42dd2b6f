//! `mien record`: cameras, live, into a session's folder.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use crossbeam_channel::{Receiver, bounded};
use mien_config::{Config, PrivacyKind, VideoKind};
use mien_record::{Readiness, RecordState, SessionSummary, Severity, lost_pictures};
use mien_supervisor::{SupervisorHandle, VideoStatus, start};

use super::name;
use super::run::{RunArguments, options, tell, tell_event};
use crate::build_info::VERSION;
use crate::interrupt;
use crate::live::Live;
use crate::names::Names;

/// How long cameras may take to give their first result.
const START_PATIENCE: Duration = Duration::from_secs(20);
/// How often it is said how the recording stands.
const TELL: Duration = Duration::from_secs(5);

/// Arguments of `mien record`.
#[derive(Args)]
pub(crate) struct RecordArguments {
    #[command(flatten)]
    run: RunArguments,
    /// Folder that receives the session's folder, instead of the configuration's
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Name of the subject
    #[arg(long, value_name = "NAME", value_parser = name)]
    subject: Option<String>,
    /// Name of the session
    #[arg(long, value_name = "NAME", value_parser = name)]
    session: Option<String>,
    /// Name of the task
    #[arg(long, value_name = "NAME", value_parser = name)]
    task: Option<String>,
    /// Video: h264, ffv1 (lossless) or none
    #[arg(long, value_name = "KIND", value_parser = video_kind)]
    video: Option<VideoKind>,
    /// Faces in the video: full, blur, or mesh (replaced by it)
    #[arg(long, value_name = "KIND", value_parser = privacy_kind)]
    privacy: Option<PrivacyKind>,
    /// Do not publish to LSL meanwhile
    #[arg(long)]
    no_stream: bool,
    /// Record even when a camera or a required stream is not there, or the disk too small
    #[arg(long)]
    anyway: bool,
}

fn video_kind(text: &str) -> Result<VideoKind, String> {
    match text {
        "h264" => Ok(VideoKind::H264),
        "ffv1" => Ok(VideoKind::Ffv1),
        "none" => Ok(VideoKind::None),
        _ => Err("use h264, ffv1 or none".to_owned()),
    }
}

fn privacy_kind(text: &str) -> Result<PrivacyKind, String> {
    match text {
        "full" => Ok(PrivacyKind::Full),
        "blur" => Ok(PrivacyKind::Blur),
        "mesh" => Ok(PrivacyKind::Mesh),
        _ => Err("use full, blur or mesh".to_owned()),
    }
}

impl RecordArguments {
    fn config(&self) -> Result<Config> {
        let mut config = self.run.config()?;
        let recording = &mut config.recording;
        let texts = [
            (&self.subject, &mut recording.subject),
            (&self.session, &mut recording.session),
            (&self.task, &mut recording.task),
        ];
        for (named, setting) in texts {
            if let Some(name) = named {
                setting.clone_from(name);
            }
        }
        if let Some(out) = &self.out {
            recording.dir.clone_from(out);
        }
        recording.video = self.video.unwrap_or(recording.video);
        recording.privacy = self.privacy.unwrap_or(recording.privacy);
        if self.no_stream {
            config.lsl.enabled = false;
        }
        Ok(config)
    }
}

/// Records until the time is over or somebody ends it.
pub(crate) fn run(arguments: &RecordArguments) -> Result<()> {
    let config = arguments.config()?;
    if !config.cameras.iter().any(|camera| camera.enabled) {
        bail!("there are no cameras: give some with --source (try `synthetic`), or a --config that has some");
    }
    let supervisor = start(options(config.clone(), arguments.run.trace())?)?;
    Live::wait_for_cameras(&supervisor, START_PATIENCE);
    let live = Live::start(&supervisor, &config, config.lsl.enabled, &Names::default())?;
    if let Some(problem) = live.stream_problem() {
        tracing::warn!("nothing is streamed: {problem}");
    }
    let seconds = arguments.run.seconds();
    agree(&live.check(&supervisor, &config, &config.recording, seconds), arguments.anyway)?;
    if interrupt::is_requested() {
        bail!("interrupted before the recording began; nothing was recorded");
    }
    let folder = live.start_recording(&supervisor, &config, &config.recording)?;
    say_error!("recording into {}", folder.display());
    let failed = watch(&supervisor, &live, arguments.run.seconds());
    let stopped = live.stop_recording(&supervisor);
    let videos = live.videos(&supervisor);
    let failed = failed.or_else(|| videos.iter().find_map(|(camera, video)| failed_video(camera, video)));
    videos.iter().for_each(|(camera, video)| print_video(&folder, camera, video));
    drop(live);
    let stats = supervisor.stats(VERSION);
    supervisor.shutdown();
    let summary = match (&failed, stopped) {
        // It says better what has happened.
        (Some(reason), Err(_)) => bail!("{reason}"),
        (_, stopped) => stopped?,
    };
    summary.iter().for_each(print_summary);
    arguments.run.write_stats(&stats)?;
    let ended = summary.and_then(|summary| match summary.status.state {
        RecordState::Failed(reason) => Some(reason),
        _ => None,
    });
    match failed.or(ended) {
        Some(reason) => bail!("{reason}"),
        None => Ok(()),
    }
}

/// Why a camera's video is not what was asked for, where it is not.
fn failed_video(camera: &str, video: &VideoStatus) -> Option<String> {
    if video.failed {
        let problem = video.problem.as_deref().unwrap_or("its encoder gave up");
        return Some(format!("the video of {camera} ended before the recording did: {problem}"));
    }
    let file = video.file.as_ref().filter(|file| !file.exists())?;
    Some(format!("{} was removed or moved while it was being recorded", file.display()))
}

fn print_video(session: &Path, camera: &str, video: &VideoStatus) {
    if let Some(problem) = &video.problem {
        say_error!("video of {camera}: {problem}");
    }
    let lost = lost_pictures(session, camera).unwrap_or_default();
    let lost = match lost {
        0 => String::new(),
        _ => format!(", {lost} lost with the process that wrote them"),
    };
    say!(
        "video of {camera}: {} frames in {} files ({}), {} dropped{lost}",
        video.frames,
        video.parts,
        video.encoder,
        video.dropped_frames
    );
}

/// Tells what was found; what is missing is to be missed on purpose only.
fn agree(found: &Readiness, anyway: bool) -> Result<()> {
    found.lines().iter().for_each(|line| tracing::info!("{line}"));
    let mut refusal = None;
    for problem in &found.problems {
        if problem.severity == Severity::Missing && !anyway {
            refusal.get_or_insert(&problem.text);
        }
        tracing::warn!("{}", problem.text);
    }
    match refusal {
        Some(text) => bail!("{text}; nothing was recorded (--anyway records all the same)"),
        None => Ok(()),
    }
}

/// Tells how it goes until the end; why the recording ended before its time, if it did.
fn watch(supervisor: &SupervisorHandle, live: &Live, seconds: Option<f64>) -> Option<String> {
    let started = Instant::now();
    let over = || seconds.is_some_and(|seconds| started.elapsed().as_secs_f64() >= seconds);
    let (markers, events) = (typed_markers(), supervisor.events());
    let (mut told, mut low) = (Instant::now(), false);
    while !interrupt::is_requested() && !over() {
        if let Ok((typed_nanos, marker)) = markers.recv_timeout(Duration::from_millis(50)) {
            live.marker(typed_nanos, &marker);
        }
        events.try_iter().for_each(|event| tell_event(&event));
        let status = live.record_status()?;
        if let RecordState::Failed(reason) = status.state {
            return Some(reason);
        }
        if status.disk_low && !low {
            tracing::warn!("only {:.1} GB are left on the disk", status.free_bytes as f64 / 1e9);
        }
        low = status.disk_low;
        if told.elapsed() >= TELL {
            told = Instant::now();
            supervisor.cameras().iter().for_each(tell);
            tracing::info!(
                "{} frames recorded, {} dropped by the disk",
                status.frames,
                status.dropped_frames
            );
        }
    }
    None
}

/// Lines on standard input are markers, at the time at which they were typed on the monotonic clock.
fn typed_markers() -> Receiver<(i64, String)> {
    let (sender, receiver) = bounded(64);
    let read = move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let typed = (mien_clock::monotonic_nanos(), line.trim().to_owned());
            if !typed.1.is_empty() && sender.send(typed).is_err() {
                return;
            }
        }
        // Without an input nobody types; the channel stays open so that waiting on it takes its time.
        std::mem::forget(sender);
    };
    if let Err(error) = std::thread::Builder::new().name("markers".into()).spawn(read) {
        tracing::warn!("lines on standard input set no markers: {error}");
    }
    receiver
}

fn print_summary(summary: &SessionSummary) {
    let samples: u64 = summary.streams.iter().map(|(_, totals)| totals.sample_count).sum();
    say!(
        "{}: {:.1} s, {} streams, {} frames, {samples} samples, {} dropped",
        summary.folder.display(),
        summary.duration_seconds,
        summary.streams.len(),
        summary.status.frames,
        summary.status.dropped_frames
    );
}
