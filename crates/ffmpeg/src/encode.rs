//! Writes a video file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

use mien_face::PixelFormat;

use crate::matroska::{write_headers, write_picture};
use crate::process::{Process, file_url};
use crate::{FfmpegError, HardwareEncoder};

/// Bytes that the pipe to ffmpeg holds.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;
/// How long a dropped encoder may take to finish its file.
const PATIENCE: Duration = Duration::from_secs(5);

/// How pictures are encoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Codec {
    /// H.264, visually lossless, as small as a fast preset gets it: for results to look at.
    #[default]
    H264,
    /// H.264 for recording beside live tracking: every picture leaves the encoder at once, so that
    /// hardly any is lost when the program is killed.
    H264Live,
    /// Lossless.
    Ffv1,
    /// A hardware encoder that [`hardware_encoder`](crate::hardware_encoder) found.
    Hardware(HardwareEncoder),
}

impl Codec {
    /// Its name, as ffmpeg has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::H264 | Self::H264Live => "libx264",
            Self::Ffv1 => "ffv1",
            Self::Hardware(encoder) => encoder.name(),
        }
    }

    /// Whether the processor has next to nothing to do.
    #[must_use]
    pub fn is_hardware(&self) -> bool {
        matches!(self, Self::Hardware(_))
    }

    /// ffmpeg's arguments ahead of the input.
    fn device_arguments(&self) -> String {
        match self {
            Self::Hardware(encoder) => encoder.device_arguments(),
            _ => String::new(),
        }
    }

    /// ffmpeg's arguments for pictures of this format.
    pub(crate) fn arguments(&self, format: PixelFormat) -> String {
        let even = "-vf pad=ceil(iw/2)*2:ceil(ih/2)*2 -pix_fmt yuv420p -g 60";
        match self {
            Self::H264 => format!("{even} -c:v libx264 -preset veryfast -crf 18"),
            Self::H264Live => {
                format!("{even} -c:v libx264 -preset veryfast -tune zerolatency -crf 20 -threads 1")
            }
            Self::Ffv1 => {
                let pixels = match format {
                    PixelFormat::Rgb8 | PixelFormat::Bgr8 => "bgr0",
                    PixelFormat::Yuyv => "yuv422p",
                    PixelFormat::Nv12 => "yuv420p",
                };
                format!("-c:v ffv1 -level 3 -g 1 -slices 4 -slicecrc 1 -threads 1 -pix_fmt {pixels}")
            }
            Self::Hardware(encoder) => encoder.arguments(),
        }
    }
}

/// What is encoded, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderSettings {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Format of the pictures.
    pub format: PixelFormat,
    /// Nominal frames per second; the pictures' own times count.
    pub rate_hz: f64,
    /// How they are encoded.
    pub codec: Codec,
}

/// A video in Matroska that is readable up to its last fifth of a second at any moment, even
/// when Mien is killed.
pub struct Encoder {
    path: PathBuf,
    stdin: Option<ChildStdin>,
    ffmpeg: Process,
    picture_bytes: usize,
    last_nanos: Option<u64>,
}

impl Encoder {
    /// Starts an H.264 file of RGB pictures of this size; `rate_hz` is nominal, the pictures' own times
    /// count. An existing file is replaced.
    ///
    /// # Errors
    /// When ffmpeg is not installed.
    pub fn create(path: &Path, width: u32, height: u32, rate_hz: f64) -> Result<Self, FfmpegError> {
        let format = PixelFormat::Rgb8;
        Self::with_settings(path, &EncoderSettings { width, height, format, rate_hz, codec: Codec::H264 })
    }

    /// Starts a file; an existing one is replaced.
    ///
    /// # Errors
    /// When ffmpeg is not installed.
    pub fn with_settings(path: &Path, settings: &EncoderSettings) -> Result<Self, FfmpegError> {
        let EncoderSettings { width, height, format, rate_hz, .. } = *settings;
        let mut ffmpeg = Process::start("ffmpeg", arguments(path, settings), Stdio::piped(), path)?;
        ffmpeg.yield_to_others();
        let stdin = ffmpeg.take_stdin();
        // Larger pipes are a courtesy of the system, not a need.
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&stdin, PIPE_BYTES);
        let mut encoder = Self {
            path: path.to_owned(),
            stdin: Some(stdin),
            ffmpeg,
            picture_bytes: format.row_bytes(width) * format.rows(height),
            last_nanos: None,
        };
        let rate_hz = if rate_hz.is_finite() && rate_hz > 0.0 { rate_hz } else { 30.0 };
        let stdin = encoder.stdin.as_mut().expect("just put there");
        match write_headers(stdin, width, height, format, rate_hz) {
            Ok(()) => Ok(encoder),
            Err(error) => Err(encoder.failure(&error.to_string())),
        }
    }

    /// Adds a picture of tight rows in the format of the video, shown at `nanos` from the start. Times
    /// that do not rise are moved to a microsecond after the last one.
    ///
    /// # Errors
    /// When ffmpeg has ended (a full disk, an encoder that it lacks), with its last words.
    ///
    /// # Panics
    /// When `pixels` has another length.
    pub fn write(&mut self, pixels: &[u8], nanos: i64) -> Result<(), FfmpegError> {
        assert_eq!(pixels.len(), self.picture_bytes, "a picture of the video's size");
        let earliest = self.last_nanos.map_or(0, |last| last + 1000);
        let nanos = u64::try_from(nanos).unwrap_or(0).max(earliest);
        self.last_nanos = Some(nanos);
        let Some(stdin) = self.stdin.as_mut() else {
            return Err(FfmpegError::Write {
                path: self.path.clone(),
                reason: "ffmpeg has ended".to_owned(),
            });
        };
        write_picture(stdin, nanos, pixels).map_err(|error| self.failure(&error.to_string()))
    }

    /// The process that encodes.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.ffmpeg.id()
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When ffmpeg could not write all of it, with its last words.
    pub fn finish(mut self) -> Result<(), FfmpegError> {
        self.stdin = None;
        let ending = self
            .ffmpeg
            .wait(&self.path)
            .map_err(|error| FfmpegError::Write { path: self.path.clone(), reason: error.to_string() })?;
        if ending.status.success() {
            return Ok(());
        }
        let silent = ending.last_words.is_empty();
        let reason = if silent { ending.status.to_string() } else { ending.last_words };
        Err(FfmpegError::Write { path: self.path.clone(), reason })
    }

    /// The pipe broke: ffmpeg says why better than the system does.
    fn failure(&mut self, system: &str) -> FfmpegError {
        self.stdin = None;
        let words = self.ffmpeg.wait(&self.path).map(|ending| ending.last_words).unwrap_or_default();
        let reason = if words.is_empty() { system.to_owned() } else { words };
        FfmpegError::Write { path: self.path.clone(), reason }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // The end of its input makes ffmpeg complete the file.
        self.stdin = None;
        self.ffmpeg.end_within(PATIENCE);
    }
}

fn arguments(path: &Path, settings: &EncoderSettings) -> Vec<OsString> {
    let words = format!(
        "-nostdin -hide_banner -v error {} -protocol_whitelist pipe,file -f matroska -i pipe:0 {} \
         -fps_mode passthrough -enc_time_base 1:90000 \
         -f matroska -flush_packets 1 -cluster_time_limit 200 -y",
        settings.codec.device_arguments(),
        settings.codec.arguments(settings.format)
    );
    let mut arguments: Vec<OsString> = words.split_ascii_whitespace().map(OsString::from).collect();
    arguments.push(file_url(path));
    arguments
}
