//! Reads the frames of a video file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mien_face::{Frame, PixelFormat};

use crate::arguments::{EditList, Pass, Threads};
use crate::damage::Damage;
use crate::limits::Limits;
use crate::log::{Log, PictureNews};
use crate::nut::{FrameHeader, NutReader};
use crate::patience::Patient;
use crate::probe::probe;
use crate::process::Process;
use crate::streams::joins;
use crate::times::Times;
use crate::{FfmpegError, MendedTimes, NutError, TimeGap, VideoInfo};

/// Bytes that the pipe from ffmpeg holds; a frame comes over in a few large reads.
const PIPE_BYTES: usize = 1 << 20;
/// Longest time from one packet to the next within a recording, in seconds.
const LONGEST_STEP_SECONDS: f64 = 1.0;
/// Most pictures that are decoded once more to learn exactly which of those that follow are damaged.
const MOST_REPEATED: u64 = 3000;

/// How a video is to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Number of the stream in the file; without one, moving pictures come before still ones, the default
    /// stream before others, large before small.
    pub stream: Option<u32>,
    /// Pictures are wanted no faster than they are shown, but without long pauses: they are decoded one at a
    /// time, and none twice; missing ones are no error.
    pub steady: bool,
}

/// The frames of a video file, in order, each once, with its own presentation time.
///
/// Orientations that the file or a picture asks for are applied, and pixels made square; each picture keeps
/// its own size. Pictures come as [`PixelFormat::Rgb8`].
pub struct Decoder {
    path: PathBuf,
    info: VideoInfo,
    frames: u64,
    damaged_frames: u64,
    first_damaged: Option<u64>,
    times: Times,
    /// What is subtracted from the pictures' times, in microseconds.
    origin_micros: i64,
    steady: bool,
    pass: Pass,
    run: Run,
    /// The first picture, of which the size is known before it is read.
    first: Option<(FrameHeader, PictureNews)>,
    ended: bool,
}

/// A running ffmpeg.
struct Run {
    ffmpeg: Process,
    reader: NutReader<Patient>,
    log: Arc<Log>,
    limits: Limits,
}

/// Frames of a video that are damaged, or were made from damaged ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamageReport {
    /// How many were read so far.
    pub frames: u64,
    /// Number of the first one.
    pub first_frame: u64,
    /// What ffmpeg said first.
    pub reason: String,
}

impl Decoder {
    /// Opens the best video stream of a file.
    ///
    /// # Errors
    /// When ffmpeg is not installed, or the file is no readable video.
    pub fn open(path: &Path) -> Result<Self, FfmpegError> {
        Self::open_with(path, &DecodeOptions::default())
    }

    /// Opens a video stream of a file.
    ///
    /// # Errors
    /// When ffmpeg is not installed, the file is no readable video, or has no such stream.
    pub fn open_with(path: &Path, options: &DecodeOptions) -> Result<Self, FfmpegError> {
        let info = probe(path, options.stream)?;
        let threads = if options.steady { Threads::One } else { Threads::Many };
        let mut pass = Pass { threads, edit_list: EditList::Obeyed };
        let mut run = Run::start(path, &info, pass)?;
        let mut first = run.next_picture();
        if matches!(first, Ok(None)) && info.has_edit_lists {
            pass.edit_list = EditList::Ignored;
            run = Run::start(path, &info, pass)?;
            first = run.next_picture();
        }
        let mut decoder = Self {
            path: path.to_owned(),
            frames: 0,
            damaged_frames: 0,
            first_damaged: None,
            times: Times::new(info.rate_hz),
            origin_micros: info.start_micros,
            info,
            steady: options.steady,
            pass,
            run,
            first: None,
            ended: false,
        };
        match first {
            Ok(Some((header, news))) => decoder.begin(header, news),
            // Either is an error: there is no picture.
            Ok(None) => {
                decoder.end(None)?;
            }
            Err(error) => {
                decoder.end(Some(error))?;
            }
        }
        Ok(decoder)
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

    /// The first long time without a picture so far.
    #[must_use]
    pub fn time_gap(&self) -> Option<TimeGap> {
        self.times.gap()
    }

    /// Whether the file's edit list would leave out every picture, so that it is ignored.
    #[must_use]
    pub fn ignores_edit_list(&self) -> bool {
        self.pass.edit_list == EditList::Ignored
    }

    /// What is damaged of the frames that were read so far.
    #[must_use]
    pub fn damage(&self) -> Option<DamageReport> {
        let first_frame = self.first_damaged?;
        let reason = self.run.log.first_complaint().unwrap_or_default();
        Some(DamageReport { frames: self.damaged_frames, first_frame, reason })
    }

    /// Fills `frame` with the next picture; `false` at the end of the video. `capture_nanos` is the
    /// presentation time, counted from the start of the file; see [`MendedTimes`] where such times do not
    /// rise.
    ///
    /// # Errors
    /// When the video ends in damage; every frame before it has been delivered by then.
    pub fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, FfmpegError> {
        if self.ended {
            return Ok(false);
        }
        let next = match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.run.next_picture(),
        };
        let (header, news) = match self.repeat_if_damaged(next, frame) {
            Ok(Some(next)) => next,
            Ok(None) => return self.end(None),
            Err(error) => return self.end(Some(error)),
        };
        if let Err(error) = self.run.read(&header, &news, frame) {
            return self.end(Some(error));
        }
        frame.capture_nanos = self.time_of(&news);
        frame.frame_index = self.frames;
        frame.damaged = news.is_damaged;
        if news.is_damaged {
            self.damaged_frames += 1;
            self.first_damaged.get_or_insert(self.frames);
        }
        self.frames += 1;
        Ok(true)
    }

    /// Takes what the first picture tells of the video.
    fn begin(&mut self, header: FrameHeader, news: PictureNews) {
        (self.info.width, self.info.height) = news.size;
        if let Some((start, first)) = self.info.decode_start_micros.zip(news.pts_micros) {
            // ffmpeg gives a picture the time at which it leaves the decoder. Whatever is later than that has
            // lost its beginning.
            let interval = self.times.interval_nanos() / 1000;
            let delay = i64::from(self.info.delay) * interval;
            let late = first.saturating_sub(start).max(0);
            self.origin_micros += if late < delay + interval / 2 { late } else { delay };
        }
        self.first = Some((header, news));
    }

    fn time_of(&mut self, news: &PictureNews) -> i64 {
        let micros = news.pts_micros.map(|micros| micros.saturating_sub(self.origin_micros));
        self.times.next(self.frames, micros)
    }

    /// At the first complaint, lets a new ffmpeg decode one picture at a time up to here, which tells exactly
    /// where the damage is. No picture before this one can be damaged: complaints come first.
    fn repeat_if_damaged(
        &mut self,
        next: Result<Option<(FrameHeader, PictureNews)>, NutError>,
        scratch: &mut Frame,
    ) -> Result<Option<(FrameHeader, PictureNews)>, NutError> {
        let is_damaged = matches!(next, Ok(Some((_, news))) if news.is_damaged);
        if !is_damaged || self.pass.threads == Threads::One || self.frames > MOST_REPEATED {
            return next;
        }
        self.pass.threads = Threads::One;
        let Ok(run) = Run::start(&self.path, &self.info, self.pass) else { return next };
        self.run = run;
        for _ in 0..self.frames {
            let Some((header, news)) = self.run.next_picture()? else { return Ok(None) };
            self.run.read(&header, &news, scratch)?;
        }
        self.run.next_picture()
    }

    /// Decides whether the video ended well: ffmpeg may report damage and still exit with success.
    fn end(&mut self, broken: Option<NutError>) -> Result<bool, FfmpegError> {
        self.ended = true;
        if broken.is_some() {
            self.run.ffmpeg.end_within(Duration::from_millis(500));
        }
        let damaged =
            |reason: String| FfmpegError::Damaged { path: self.path.clone(), frames: self.frames, reason };
        let ending = self.run.ffmpeg.wait(&self.path).map_err(|error| damaged(error.to_string()))?;
        let silent = ending.last_words.is_empty();
        let reason = match (silent, &broken) {
            (false, _) => self.run.limits.explain(ending.last_words),
            (true, Some(error)) => error.to_string(),
            (true, None) if ending.status.success() => "it holds no picture that can be decoded".to_owned(),
            (true, None) => ending.status.to_string(),
        };
        if self.frames == 0 {
            return Err(FfmpegError::Unreadable { path: self.path.clone(), reason });
        }
        if broken.is_some() || !ending.status.success() {
            return Err(damaged(reason));
        }
        // A recording that begins in the middle has fewer pictures than seconds; what ffmpeg says of that is
        // no complaint.
        let too_few = self.frames < self.info.expected_frames() && !self.run.log.began_late();
        let complaint = self.run.log.first_complaint();
        // A complaint that concerns no picture that came concerns one that did not.
        let are_missing = complaint.is_some() && self.damaged_frames == 0 && !self.steady;
        if are_missing || (too_few && !silent) {
            return Err(damaged(complaint.unwrap_or(reason)));
        }
        Ok(false)
    }
}

impl Run {
    /// Starts ffmpeg, and reads up to the first picture.
    fn start(path: &Path, info: &VideoInfo, pass: Pass) -> Result<Self, FfmpegError> {
        let mut damage = Damage::new(info.stream, &info.codec, info.delay, pass.threads.ahead());
        if info.counts_packets && pass.threads == Threads::One {
            damage = damage.with_joins(joins(path, info.stream, LONGEST_STEP_SECONDS));
        }
        let log = Log::new(damage);
        let listener = log.listener();
        let limits = Limits::of_file(path);
        let arguments = pass.arguments(path, info, &limits);
        let mut ffmpeg = Process::start_heard(arguments, path, move |line| listener.hear(line))?;
        ffmpeg.limit_memory(limits.process_bytes());
        let stdout = ffmpeg.take_stdout();
        // Larger pipes are a courtesy of the system, not a need.
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE_BYTES);
        match NutReader::new(Patient::new(stdout, limits.patience)) {
            Ok(reader) => Ok(Self { ffmpeg, reader, log, limits }),
            Err(error) => Err(start_failure(path, &mut ffmpeg, error)),
        }
    }

    /// The next picture's header and what is known of it; `None` at the end.
    fn next_picture(&mut self) -> Result<Option<(FrameHeader, PictureNews)>, NutError> {
        let Some(header) = self.reader.next_header()? else { return Ok(None) };
        let silent = NutError::Format("a picture of which ffmpeg says nothing");
        let news = self.log.take().ok_or(silent)?;
        Ok(Some((header, news)))
    }

    fn read(&mut self, header: &FrameHeader, news: &PictureNews, frame: &mut Frame) -> Result<(), NutError> {
        let (width, height) = news.size;
        let pixels = u64::from(width) * u64::from(height) * 3;
        if width == 0 || height == 0 || header.size as u64 != pixels {
            return Err(NutError::Format("a picture of another size than ffmpeg says"));
        }
        if u64::from(width) * u64::from(height) > self.limits.pixels {
            return Err(NutError::Format("a picture that is too large for the file"));
        }
        frame.reshape(width, height, PixelFormat::Rgb8);
        self.reader.read_picture(&mut frame.pixels)
    }
}

fn start_failure(path: &Path, ffmpeg: &mut Process, error: NutError) -> FfmpegError {
    if let NutError::Read(error) = &error
        && error.kind() == std::io::ErrorKind::TimedOut
    {
        return FfmpegError::Unreadable { path: path.to_owned(), reason: error.to_string() };
    }
    match ffmpeg.wait(path) {
        Ok(ending) if !ending.last_words.is_empty() => FfmpegError::Unreadable {
            path: path.to_owned(),
            reason: Limits::of_file(path).explain(ending.last_words),
        },
        _ => FfmpegError::Stream { path: path.to_owned(), source: error },
    }
}
