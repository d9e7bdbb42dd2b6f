//! What a session holds, and making a killed one whole.

mod data;
mod video;

use std::path::{Path, PathBuf};

use self::data::{check_data, data_seconds, ends_early, frame_count};
use self::video::{check_video, was_replaced};
use crate::RecordError;
use crate::session_file::{SessionFile, SessionState};
use crate::video::video_files;

/// What was found of one video.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VideoReport {
    /// The file.
    pub path: PathBuf,
    /// Pictures in it; `None` where it is missing or cannot be read.
    pub pictures: Option<u64>,
    /// Rows of its sidecar.
    pub rows: u64,
    /// Whether its recording came to its end.
    pub is_finished: bool,
    /// Capture times of its first and last picture, in seconds on the LSL clock.
    pub span: Option<(f64, f64)>,
    /// What was done about it.
    pub repairs: Vec<String>,
    /// What is wrong with it still.
    pub problems: Vec<String>,
}

/// What a session holds.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionReport {
    /// What `session.toml` says, after the repair if there was one.
    pub session: SessionFile,
    /// What `data.xdf` holds, after the repair if there was one; empty where it cannot be read.
    pub data: mien_xdf::Report,
    /// From the start of the recording to the last sample, in seconds.
    pub data_seconds: Option<f64>,
    /// What was done about `data.xdf`.
    pub data_repair: mien_xdf::Repair,
    /// The videos, by name.
    pub videos: Vec<VideoReport>,
    /// What is wrong still, the videos' problems among it; empty for a whole session.
    pub problems: Vec<String>,
}

impl SessionReport {
    /// Whether the data end earlier than the recording did.
    #[must_use]
    pub fn ends_early(&self) -> bool {
        let recorded = self.session.duration_seconds;
        recorded.zip(self.data_seconds).is_some_and(|(recorded, there)| ends_early(recorded, there))
    }
}

/// Looks at every file of a session. With `repair`, a killed one is made whole: broken ends are cut
/// off, XDF footers written, Matroska files given their index and duration, sidecars cut to the
/// pictures that there are. In one that was complete, what cannot be read is taken out of `data.xdf` and a
/// video whose encoder was killed is finished, and what they were before is kept beside them (`….damaged`);
/// everything else is told and left. Nothing is made up; doing it twice changes nothing more.
///
/// # Errors
/// When the folder is no session, is being recorded, or a file cannot be written.
pub fn check_session(folder: &Path, repair: bool) -> Result<SessionReport, RecordError> {
    let mut session = SessionFile::read(folder)?;
    let data = check_data(folder, &session, repair)?;
    let mut problems = data.problems;
    let mut videos = Vec::new();
    let files = video_files(folder)?;
    for path in &files {
        let was_replaced = was_replaced(path, &files, &session);
        let video = check_video(path.clone(), session.state, was_replaced, repair)?;
        problems.extend(video.problems.iter().cloned());
        videos.push(video);
    }
    problems.extend(missing_videos(&session, &data.report, &files));
    let data_seconds = data_seconds(&session, &data.report);
    let was_repaired = match session.state {
        SessionState::Recording => {
            let open = |video: &VideoReport| video.pictures.is_some() && !video.is_finished;
            data.report.is_sound() && !videos.iter().any(open)
        }
        _ => data.repair != mien_xdf::Repair::default(),
    };
    if repair && was_repaired {
        if session.state == SessionState::Recording {
            session.duration_seconds = data_seconds;
        }
        session.state = SessionState::Repaired;
        session.write(folder)?;
    }
    Ok(SessionReport { session, data: data.report, data_seconds, data_repair: data.repair, videos, problems })
}

/// Cameras that had frames and were to be filmed, and of which there is no video.
fn missing_videos(session: &SessionFile, data: &mien_xdf::Report, files: &[PathBuf]) -> Vec<String> {
    session
        .cameras_without_video(files)
        .filter(|camera| frame_count(camera, data) != Some(0))
        .map(|camera| {
            format!(
                "{}.mkv is missing: session.toml says that this camera was recorded as video",
                camera.name
            )
        })
        .collect()
}
