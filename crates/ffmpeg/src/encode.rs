//! Writes a video file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

use crate::FfmpegError;
use crate::matroska::{write_headers, write_picture};
use crate::process::{Process, file_url};

/// How long a dropped encoder may take to finish its file.
const PATIENCE: Duration = Duration::from_secs(5);

/// An H.264 video in Matroska that is readable up to its last fifth of a second at any moment, even
/// when Mien is killed.
pub struct Encoder {
    path: PathBuf,
    stdin: Option<ChildStdin>,
    ffmpeg: Process,
    width: u32,
    height: u32,
    last_nanos: Option<u64>,
}

impl Encoder {
    /// Starts a file of pictures of this size; `rate_hz` is nominal, the pictures' own times count.
    /// An existing file is replaced.
    ///
    /// # Errors
    /// When ffmpeg is not installed.
    pub fn create(path: &Path, width: u32, height: u32, rate_hz: f64) -> Result<Self, FfmpegError> {
        let mut ffmpeg = Process::start("ffmpeg", arguments(path), Stdio::piped(), path)?;
        let mut encoder = Self {
            path: path.to_owned(),
            stdin: Some(ffmpeg.take_stdin()),
            ffmpeg,
            width,
            height,
            last_nanos: None,
        };
        let rate_hz = if rate_hz.is_finite() && rate_hz > 0.0 { rate_hz } else { 30.0 };
        let stdin = encoder.stdin.as_mut().expect("just put there");
        match write_headers(stdin, width, height, rate_hz) {
            Ok(()) => Ok(encoder),
            Err(error) => Err(encoder.failure(&error.to_string())),
        }
    }

    /// Adds a picture: `rgb` holds width × height × 3 bytes, shown at `nanos` from the start. Times
    /// that do not rise are moved to a microsecond after the last one.
    ///
    /// # Errors
    /// When ffmpeg has ended (a full disk, an encoder that it lacks), with its last words.
    ///
    /// # Panics
    /// When `rgb` has another length.
    pub fn write(&mut self, rgb: &[u8], nanos: i64) -> Result<(), FfmpegError> {
        assert_eq!(
            rgb.len(),
            self.width as usize * self.height as usize * 3,
            "a picture of the video's size"
        );
        let earliest = self.last_nanos.map_or(0, |last| last + 1000);
        let nanos = u64::try_from(nanos).unwrap_or(0).max(earliest);
        self.last_nanos = Some(nanos);
        let Some(stdin) = self.stdin.as_mut() else {
            return Err(FfmpegError::Write {
                path: self.path.clone(),
                reason: "ffmpeg has ended".to_owned(),
            });
        };
        write_picture(stdin, nanos, rgb).map_err(|error| self.failure(&error.to_string()))
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

fn arguments(path: &Path) -> Vec<OsString> {
    let words = "-nostdin -hide_banner -v error -protocol_whitelist pipe,file -f matroska -i pipe:0 \
        -vf pad=ceil(iw/2)*2:ceil(ih/2)*2 -c:v libx264 -preset veryfast -crf 18 -pix_fmt yuv420p \
        -g 60 -fps_mode passthrough -enc_time_base 1:90000 \
        -f matroska -flush_packets 1 -cluster_time_limit 200 -y";
    let mut arguments: Vec<OsString> = words.split_ascii_whitespace().map(OsString::from).collect();
    arguments.push(file_url(path));
    arguments
}
