//! Reads the frames of a video file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};

use mien_face::{Frame, PixelFormat};

use crate::nut::NutReader;
use crate::probe::probe;
use crate::process::{Process, file_url};
use crate::times::{Times, filter};
use crate::{FfmpegError, MendedTimes, NutError, VideoInfo};

/// Bytes that the pipe from ffmpeg holds; a frame comes over in a few large reads.
const PIPE_BYTES: usize = 1 << 20;

/// The frames of a video file, in order, each once, with its own presentation time.
///
/// Rotations that the file asks for are applied, and pixels made square; pictures come as
/// [`PixelFormat::Rgb8`].
pub struct Decoder {
    path: PathBuf,
    info: VideoInfo,
    frames: u64,
    times: Times,
    reader: NutReader<ChildStdout>,
    ffmpeg: Process,
    edit_list: EditList,
    ended: bool,
}

/// What becomes of an edit list, which says which part of the pictures is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EditList {
    Obeyed,
    Ignored,
}

impl Decoder {
    /// Opens the first video stream of a file.
    ///
    /// # Errors
    /// When ffmpeg is not installed, or the file is no readable video.
    pub fn open(path: &Path) -> Result<Self, FfmpegError> {
        let info = probe(path)?;
        let (ffmpeg, reader) = start(path, &info, EditList::Obeyed)?;
        Ok(Self {
            path: path.to_owned(),
            frames: 0,
            times: Times::new(info.rate_hz),
            info,
            reader,
            ffmpeg,
            edit_list: EditList::Obeyed,
            ended: false,
        })
    }

    /// What the file says about itself.
    #[must_use]
    pub fn info(&self) -> &VideoInfo {
        &self.info
    }

    /// What was mended so far of times that do not rise.
    #[must_use]
    pub fn mended_times(&self) -> Option<&MendedTimes> {
        self.times.mended()
    }

    /// Whether the file's edit list would leave out every picture, so that it is ignored; known with the
    /// first picture.
    #[must_use]
    pub fn ignores_edit_list(&self) -> bool {
        self.edit_list == EditList::Ignored
    }

    /// Fills `frame` with the next picture; `false` at the end of the video. `capture_nanos` is the
    /// presentation time, counted from the start of the file; see [`MendedTimes`] where such times do not
    /// rise.
    ///
    /// # Errors
    /// When the video is damaged; every frame before the damage has been delivered by then.
    pub fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, FfmpegError> {
        if self.ended {
            return Ok(false);
        }
        let header = match self.reader.next_header() {
            Ok(Some(header)) => header,
            Ok(None) if self.may_have_hidden_pictures() => {
                self.edit_list = EditList::Ignored;
                (self.ffmpeg, self.reader) = start(&self.path, &self.info, self.edit_list)?;
                return self.next_frame(frame);
            }
            Ok(None) => return self.end(None),
            Err(error) => return self.end(Some(error)),
        };
        frame.reshape(self.info.width, self.info.height, PixelFormat::Rgb8);
        if header.size != frame.pixels.len() {
            return self.end(Some(NutError::Format("a picture of another size")));
        }
        if let Err(error) = self.reader.read_picture(&mut frame.pixels) {
            return self.end(Some(error));
        }
        frame.capture_nanos = self.times.next(self.frames, header.pts_micros);
        frame.frame_index = self.frames;
        self.frames += 1;
        Ok(true)
    }

    /// Whether there was no picture at all in a file whose edit list is a possible reason.
    fn may_have_hidden_pictures(&self) -> bool {
        self.frames == 0 && self.info.has_edit_lists && self.edit_list == EditList::Obeyed
    }

    /// Decides whether the video ended well: ffmpeg may report damage and still exit with success.
    fn end(&mut self, broken: Option<NutError>) -> Result<bool, FfmpegError> {
        self.ended = true;
        if broken.is_some() {
            self.ffmpeg.end_within(std::time::Duration::from_millis(500));
        }
        let damaged =
            |reason: String| FfmpegError::Damaged { path: self.path.clone(), frames: self.frames, reason };
        let ending = self.ffmpeg.wait(&self.path).map_err(|error| damaged(error.to_string()))?;
        let silent = ending.last_words.is_empty();
        let reason = match (silent, &broken) {
            (false, _) => ending.last_words,
            (true, Some(error)) => error.to_string(),
            (true, None) if ending.status.success() => "it holds no picture that can be decoded".to_owned(),
            (true, None) => ending.status.to_string(),
        };
        if self.frames == 0 {
            return Err(FfmpegError::Unreadable { path: self.path.clone(), reason });
        }
        let too_few = self.frames < self.info.expected_frames();
        if broken.is_some() || !ending.status.success() || (too_few && !silent) {
            return Err(damaged(reason));
        }
        Ok(false)
    }
}

/// Starts ffmpeg, and reads up to the first picture.
fn start(
    path: &Path,
    info: &VideoInfo,
    edit_list: EditList,
) -> Result<(Process, NutReader<ChildStdout>), FfmpegError> {
    let mut ffmpeg = Process::start("ffmpeg", arguments(path, info, edit_list), Stdio::null(), path)?;
    let stdout = ffmpeg.take_stdout();
    // Larger pipes are a courtesy of the system, not a need.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE_BYTES);
    let reader = match NutReader::new(stdout) {
        Ok(reader) => reader,
        Err(error) => return Err(start_failure(path, &mut ffmpeg, error)),
    };
    if reader.size() != (u64::from(info.width), u64::from(info.height)) {
        let source = NutError::Format("another picture size than asked for");
        return Err(FfmpegError::Stream { path: path.to_owned(), source });
    }
    Ok((ffmpeg, reader))
}

fn start_failure(path: &Path, ffmpeg: &mut Process, error: NutError) -> FfmpegError {
    match ffmpeg.wait(path) {
        Ok(ending) if !ending.last_words.is_empty() => {
            FfmpegError::Unreadable { path: path.to_owned(), reason: ending.last_words }
        }
        _ => FfmpegError::Stream { path: path.to_owned(), source: error },
    }
}

fn arguments(path: &Path, info: &VideoInfo, edit_list: EditList) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut push = |words: &str| arguments.extend(words.split_ascii_whitespace().map(OsString::from));
    push("-nostdin -hide_banner -v error -protocol_whitelist file,pipe");
    if edit_list == EditList::Ignored {
        push("-ignore_editlist 1");
    }
    push("-i");
    arguments.push(file_url(path));
    let mut push = |words: &str| arguments.extend(words.split_ascii_whitespace().map(OsString::from));
    push("-map 0:V:0 -map_metadata -1 -map_chapters -1");
    // Pixels are made square; a stream that changes its size midway is scaled to the size it began with.
    let (times, width, height) = (filter(), info.width, info.height);
    push(&format!("-vf {times},scale={width}:{height},setsar=1 -pix_fmt rgb24 -c:v rawvideo"));
    // Every frame once, at its own time (the encoder's clock would else tick once per average frame).
    push(passthrough(&info.ffmpeg_version));
    push("-enc_time_base 1:1000000 -f nut -write_index 0 pipe:1");
    arguments
}

/// ffmpeg 5.1 renamed the option, and later versions drop the old name.
fn passthrough(version: &str) -> &'static str {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    let major = numbers.next().and_then(|n| n.parse::<u32>().ok());
    let minor = numbers.next().and_then(|n| n.parse::<u32>().ok()).unwrap_or(0);
    match major {
        Some(major) if (major, minor) < (5, 1) => "-vsync passthrough",
        _ => "-fps_mode passthrough",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_of_each_version() {
        for old in ["4.4.2-0ubuntu0.22.04.1", "5.0.1", "3.4"] {
            assert_eq!(passthrough(old), "-vsync passthrough");
        }
        for new in ["5.1.9-0+deb12u1", "6.0", "7.1.1", "N-118123-gabcdef", ""] {
            assert_eq!(passthrough(new), "-fps_mode passthrough");
        }
    }
}
