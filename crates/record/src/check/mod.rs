//! What a session holds, and making a killed one whole.

mod data;
mod matroska;
mod video;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use mien_config::VideoKind;
use mien_folder::{Folder, Refusal};

use self::data::{check_data, data_seconds, ends_early, frame_count};
use self::matroska::Patience;
pub use self::video::lost_pictures;
use self::video::{Owners, Repairs, check_video};
use crate::RecordError;
use crate::session_file::{DATA_FILE, SESSION_FILE, SessionFile, SessionState, open_session};
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
/// The folder may come from anybody: it is opened once, nothing in it is opened that is no regular file, nothing
/// outside it is written, and where a link lies under a name that Mien uses nothing is repaired.
///
/// # Errors
/// When the folder is no session, is being recorded, or a file cannot be written.
pub fn check_session(path: &Path, repair: bool) -> Result<SessionReport, RecordError> {
    let folder = open_session(path)?;
    let mut session = SessionFile::read_in(&folder)?;
    let mut problems = planted(&folder)?;
    // What is written by name could lead elsewhere.
    let repair = repair && problems.is_empty();
    let data = check_data(&folder, &session, repair)?;
    problems.extend(data.problems);
    let mut videos = Vec::new();
    let files = video_files(path)?;
    let patience = Patience::for_files(&folder, &files);
    let owners = Owners::of(&files, &session);
    for (index, file) in files.iter().enumerate() {
        let repairs = Repairs::of(index, &owners, &session, repair);
        let video = check_video(&folder, file.clone(), &patience, repairs)?;
        problems.extend(video.problems.iter().cloned());
        videos.push(video);
    }
    problems.extend(missing_videos(&session, &data.report, &owners));
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
        session.write_in(&folder)?;
    }
    Ok(SessionReport { session, data: data.report, data_seconds, data_repair: data.repair, videos, problems })
}

/// Names under which Mien reads or writes that belong to no file: a link there could lead anywhere.
fn planted(folder: &Folder) -> Result<Vec<String>, RecordError> {
    let entries = folder.entries().map_err(RecordError::io("read", folder.path()))?;
    let is_ours = |name: &str| {
        name.starts_with(SESSION_FILE)
            || name.starts_with(DATA_FILE)
            || [".mkv", "_frames.csv", ".repairing", ".damaged"].iter().any(|ending| name.ends_with(ending))
    };
    let problem = |(name, is_file): (OsString, bool)| {
        let error = (!is_file).then(|| folder.open_file(&name).err())??;
        let name = name.to_string_lossy();
        let refusal = Refusal::in_error(&error).filter(|_| is_ours(&name))?;
        Some(format!("{name}: {refusal}; nothing was changed: remove it, or put the file itself there"))
    };
    Ok(entries.into_iter().filter_map(problem).collect())
}

/// Cameras that had frames and were to be filmed, and of which there is no video.
fn missing_videos(session: &SessionFile, data: &mien_xdf::Report, owners: &Owners<'_>) -> Vec<String> {
    let cameras = if session.video == VideoKind::None { [].as_slice() } else { &session.cameras };
    cameras
        .iter()
        .filter(|camera| !owners.has(&camera.name) && frame_count(camera, data) != Some(0))
        .map(|camera| {
            format!(
                "{}.mkv is missing: session.toml says that this camera was recorded as video",
                camera.name
            )
        })
        .collect()
}
