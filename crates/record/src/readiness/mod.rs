//! Whether a recording can start, and how long it can go on: looked at, and measured, before it does.
//!
//! [`Readiness::measure`] writes to the target's disk, encodes a second of each camera's pictures (which are kept
//! nowhere), and looks
//! for the streams that have to be there. It takes about two seconds and is done while the cameras run, so
//! what it finds is what is left beside tracking.

mod disk_speed;
mod drain;
mod encoder_speed;
mod judge;
mod words;

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use mien_config::VideoKind;
use mien_face::Frame;
use mien_stream::{ChannelFormat, RequiredStream, StreamDescription, find_required};

use self::disk_speed::disk_speed;
use self::encoder_speed::{EncoderSpeed, encoder_speed};
use crate::video::codec;
use crate::{DiskLimits, RecordError, free_bytes};

/// How long streams of others are looked for.
const STREAM_PATIENCE: Duration = Duration::from_secs(3);

/// A camera as it runs now.
#[derive(Debug, Clone, Default)]
pub struct CameraLoad {
    /// Its name.
    pub name: String,
    /// Why it gives no frames; `None` while it does.
    pub missing: Option<String>,
    /// Frames that come, a second.
    pub rate_hz: f64,
    /// Width and height of its frames in pixels.
    pub frame_size: Option<(u32, u32)>,
    /// How long a frame is in the pipeline on average, in seconds; 0 where that is not known.
    pub pipeline_seconds: f64,
    /// Processor time of its worker for a frame, in seconds; 0 where that is not known.
    pub processor_seconds: f64,
    /// Its streams.
    pub streams: Vec<StreamDescription>,
    /// Some pictures of it, in order, perhaps smaller than its frames.
    pub pictures: Vec<Frame>,
}

/// What is to be recorded.
#[derive(Debug, Clone)]
pub struct ReadinessRequest {
    /// Folder that is to receive the session's folder; it may not exist yet.
    pub parent: PathBuf,
    /// How video is kept.
    pub video: VideoKind,
    /// Whether a hardware encoder is used where one works.
    pub hardware: bool,
    /// When to warn and stop.
    pub limits: DiskLimits,
    /// How long the recording is to take, where that is known.
    pub seconds: Option<f64>,
    /// The cameras.
    pub cameras: Vec<CameraLoad>,
    /// Streams that have to be there: names, or `type=TYPE`.
    pub required_streams: Vec<String>,
}

/// What is estimated of a camera.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CameraEstimate {
    /// Its name.
    pub name: String,
    /// Why it gives no frames; `None` while it does.
    pub missing: Option<String>,
    /// Frames that come, a second.
    pub rate_hz: f64,
    /// Frames a second that its pipeline takes, one after the other.
    pub pipeline_hz: Option<f64>,
    /// Frames a second that its video's encoder takes.
    pub encoder_hz: Option<f64>,
    /// Processor time that a frame costs in all, in seconds.
    pub processor_seconds: Option<f64>,
    /// Frames a second that the machine sustains while every camera runs at the same multiple of its rate.
    pub sustained_hz: Option<f64>,
    /// What it adds to the disk, a second.
    pub bytes_per_second: f64,
}

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Frames may be lost, or the disk may get full: worth a look.
    Warning,
    /// Something that has to be there is not: recording needs a confirmation.
    Missing,
}

/// What a person should know before recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, and what helps.
    pub text: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Readiness {
    /// The cameras.
    pub cameras: Vec<CameraEstimate>,
    /// The encoder of their videos, as ffmpeg calls it; `None` without video.
    pub encoder: Option<String>,
    /// Bytes a second that the disk takes; `None` where it could not be written.
    pub disk_bytes_per_second: Option<f64>,
    /// Bytes free on it.
    pub free_bytes: u64,
    /// Bytes a second that the recording adds.
    pub bytes_per_second: f64,
    /// How long a recording can go on at this rate until the disk's limit stops it, in seconds.
    pub room_seconds: Option<f64>,
    /// The streams that have to be there.
    pub streams: Vec<RequiredStream>,
    /// What a person should know, the worst first.
    pub problems: Vec<Problem>,
}

impl Readiness {
    /// Looks and measures.
    #[must_use]
    pub fn measure(request: &ReadinessRequest) -> Self {
        let found = std::thread::scope(|scope| {
            let search = scope.spawn(|| find_required(&request.required_streams, STREAM_PATIENCE));
            let mut found = Self::measure_machine(request);
            match search.join().expect("looking for streams does not panic") {
                Ok(streams) => found.streams = streams,
                Err(error) => found.problem(
                    Severity::Missing,
                    format!("the streams that this recording requires cannot be looked for: {error}"),
                ),
            }
            found
        });
        found.judged(request)
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.problems.iter().all(|problem| problem.severity < Severity::Missing)
    }

    fn measure_machine(request: &ReadinessRequest) -> Self {
        let mut found = Self::default();
        let folder = existing_ancestor(&request.parent);
        match disk_speed(folder) {
            Ok(speed) => found.disk_bytes_per_second = Some(speed),
            Err(error) => found.problem(Severity::Missing, error.to_string()),
        }
        found.free_bytes = free_bytes(folder).unwrap_or(0);
        let codec = (request.video != VideoKind::None).then(|| codec(request.video, request.hardware));
        found.encoder = codec.as_ref().map(|codec| codec.name().to_owned());
        for camera in &request.cameras {
            let speed = codec.as_ref().map_or(Ok(None), |codec| {
                encoder_speed(
                    &camera.pictures,
                    if camera.rate_hz > 0.0 { camera.rate_hz } else { 30.0 },
                    codec,
                )
            });
            let speed = speed.unwrap_or_else(|error: RecordError| {
                found.problem(
                    Severity::Missing,
                    format!("there will be no video of {}: {error}", camera.name),
                );
                None
            });
            let in_software = codec.as_ref().is_none_or(|codec| !codec.is_hardware());
            found.cameras.push(estimate(camera, speed, in_software));
        }
        let processors = available_parallelism().map_or(1, usize::from);
        judge::sustained(&mut found.cameras, processors);
        found
    }

    fn problem(&mut self, severity: Severity, text: String) {
        self.problems.push(Problem { severity, text });
    }
}

/// A camera's estimate, all but what it sustains beside the others.
fn estimate(camera: &CameraLoad, speed: Option<EncoderSpeed>, in_software: bool) -> CameraEstimate {
    // Encoding takes as much longer as the frames are larger than the pictures.
    let scale = match (camera.frame_size, camera.pictures.first()) {
        (Some((width, height)), Some(picture)) => {
            f64::from(width) * f64::from(height)
                / (f64::from(picture.width) * f64::from(picture.height)).max(1.0)
        }
        _ => 1.0,
    };
    let encoder_hz = speed.map(|speed| speed.pictures_per_second / scale);
    // A live encoder has one thread.
    let encoding = encoder_hz.filter(|_| in_software).map_or(0.0, |rate_hz| 1.0 / rate_hz);
    let video_bytes = speed.map_or(0.0, |speed| speed.bytes_per_picture * scale);
    let data_bytes: usize = camera.streams.iter().map(row_bytes).sum();
    CameraEstimate {
        name: camera.name.clone(),
        missing: camera.missing.clone(),
        rate_hz: camera.rate_hz,
        pipeline_hz: (camera.pipeline_seconds > 0.0).then(|| 1.0 / camera.pipeline_seconds),
        encoder_hz,
        processor_seconds: (camera.processor_seconds > 0.0).then_some(camera.processor_seconds + encoding),
        sustained_hz: None,
        bytes_per_second: camera.rate_hz * (video_bytes + data_bytes as f64),
    }
}

/// What a row of a stream takes in an XDF file, its timestamp included.
fn row_bytes(stream: &StreamDescription) -> usize {
    let value = match stream.format {
        ChannelFormat::Double64 | ChannelFormat::Int64 => 8,
        _ => 4,
    };
    9 + value * stream.channels.len()
}

/// The folder, or the nearest one above it that there is.
fn existing_ancestor(folder: &Path) -> &Path {
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    if there.as_os_str().is_empty() { Path::new(".") } else { there }
}
