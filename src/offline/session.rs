//! Recorded sessions as inputs: their videos with the frame numbers and capture times of the recording.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mien_capture::{Source, SourceError, SourceInfo, Step, VideoSource};
use mien_config::Config;
use mien_face::Frame;
use mien_record::{FrameTime, SESSION_FILE, SessionFile, frame_times};

/// A video that Mien recorded.
pub struct RecordedVideo {
    /// Its file.
    pub path: PathBuf,
    /// The configuration that it was recorded with.
    pub config: Config,
}

/// The videos of the session that lies in this folder, in the order of their names; `None` where the folder is
/// no session's. One video that lies in a session's folder can be given too.
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
    let paths = if is_folder { videos(folder)? } else { vec![input.to_owned()] };
    if paths.is_empty() {
        bail!("{} has no video: it was recorded without, or its videos were moved", folder.display());
    }
    Ok(Some(paths.into_iter().map(|path| RecordedVideo { path, config: config.clone() }).collect()))
}

/// Videos of a folder that have their frame times beside them.
fn videos(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "mkv"))
        .collect();
    paths.retain(|path| frame_times(path).is_ok_and(|times| times.is_some()));
    paths.sort();
    Ok(paths)
}

/// A recorded video whose frames have the numbers and capture times that they had live, so that tables made of
/// it can be laid beside the recording's.
pub struct RecordedSource {
    inner: VideoSource,
    path: PathBuf,
    times: std::vec::IntoIter<FrameTime>,
}

impl RecordedSource {
    /// Opens the video and its frame times.
    ///
    /// # Errors
    /// When either cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let times = frame_times(path)?.with_context(|| {
            format!("{} has no frame times beside it: give the session's folder", path.display())
        })?;
        Ok(Self { inner: VideoSource::open(path)?, path: path.to_owned(), times: times.into_iter() })
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
        let Some(time) = self.times.next() else {
            let reason =
                "it has more pictures than frame times beside it; run `mien session check` on the session";
            return Err(SourceError::Unreadable {
                path: self.path.clone(),
                source: std::io::Error::other(reason),
            });
        };
        (frame.frame_index, frame.capture_nanos) = (time.frame_index, time.capture_nanos);
        Ok(Step::Frame)
    }
}
