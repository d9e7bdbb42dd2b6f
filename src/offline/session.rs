//! Recorded sessions as inputs: their videos with the frame numbers and capture times of the recording.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mien_capture::{Source, SourceError, SourceInfo, Step, VideoOptions, VideoSource};
use mien_config::Config;
use mien_face::Frame;
use mien_record::{FrameTime, SESSION_FILE, SessionFile, frame_times, video_files};

/// A video that Mien recorded.
pub struct RecordedVideo {
    /// Its file.
    pub path: PathBuf,
    /// The configuration that it was recorded with.
    pub config: Config,
}

/// The videos of the session that lies in this folder, in the order of their names; `None` where the folder is
/// no session's. One video that lies in a session's folder can be given too. A camera whose video or frame
/// times are missing is among them: [`RecordedSource::open`] says what is missing.
///
/// # Errors
/// When the session cannot be read, or has no video.
pub fn recorded_videos(input: &Path) -> Result<Option<Vec<RecordedVideo>>> {
    let is_folder = input.is_dir();
    let folder = if is_folder { input } else { input.parent().unwrap_or(Path::new("")) };
    if !folder.join(SESSION_FILE).is_file() {
        return Ok(None);
    }
    if !is_folder && frame_times(input)?.is_none() {
        return Ok(None);
    }
    let session = SessionFile::read(folder)?;
    let path = folder.join(SESSION_FILE);
    let config = mien_config::parse(&session.configuration, &path)?;
    let paths = if is_folder { videos(folder, &session)? } else { vec![input.to_owned()] };
    if paths.is_empty() {
        bail!("{} has no video: it was recorded without, or its videos were moved", folder.display());
    }
    Ok(Some(paths.into_iter().map(|path| RecordedVideo { path, config: config.clone() }).collect()))
}

/// The videos of a session's cameras: those that lie in its folder, and those of which only the frame times do.
/// Other videos there are nobody's.
fn videos(folder: &Path, session: &SessionFile) -> Result<Vec<PathBuf>> {
    let mut paths = video_files(folder)?;
    paths.retain(|path| session.camera_of_video(path).is_some());
    if !paths.is_empty() {
        for camera in session.cameras_without_video(&paths) {
            tracing::warn!(
                "{}: there is no video of the camera {}; `mien session check` says whether one is missing",
                folder.display(),
                camera.name
            );
        }
    }
    Ok(paths)
}

/// A recorded video whose frames have the numbers and capture times that they had live, so that tables made of
/// it can be laid beside the recording's.
pub struct RecordedSource {
    inner: VideoSource,
    path: PathBuf,
    times: Vec<FrameTime>,
    next: usize,
}

impl RecordedSource {
    /// Opens the video and its frame times.
    ///
    /// # Errors
    /// When either cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let remedy = "`mien session check` on the session's folder says what it lacks";
        if !path.exists() {
            bail!("{} is missing, of which the frame times are there; {remedy}", path.display());
        }
        let times = frame_times(path)?
            .with_context(|| format!("{} has no frame times beside it; {remedy}", path.display()))?;
        Ok(Self {
            inner: VideoSource::open(path, &VideoOptions::default())?,
            path: path.to_owned(),
            times,
            next: 0,
        })
    }
}

impl Source for RecordedSource {
    fn info(&self) -> &SourceInfo {
        self.inner.info()
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
        if self.inner.next_frame(frame)? == Step::End {
            return Ok(Step::End);
        }
        let Some(time) = self.times.get(self.next) else {
            let reason = format!(
                "it has more pictures than the {} frame times beside it; `mien session check` on the session's \
                 folder says what is wrong",
                self.times.len()
            );
            return Err(SourceError::Recording { path: self.path.clone(), reason });
        };
        self.next += 1;
        (frame.frame_index, frame.capture_nanos) = (time.frame_index, time.capture_nanos);
        Ok(Step::Frame)
    }

    fn notice(&mut self) -> Option<String> {
        self.inner.notice()
    }
}
