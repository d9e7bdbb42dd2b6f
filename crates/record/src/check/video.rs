//! The videos of a session and the rows beside them.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use mien_folder::Folder;

use super::VideoReport;
use super::matroska::{Patience, Probed, probe, remux};
use crate::RecordError;
use crate::session_file::{SessionFile, SessionState, open_session};
use crate::video::{REPAIRING, SidecarRows, read_sidecar_in, sidecar_path, truncate_sidecar, video_files};

/// Whose videos these are.
pub(super) struct Owners<'a> {
    /// Camera and part of each file, in their order; none of a video that is nobody's.
    of_files: Vec<Option<(&'a str, u32)>>,
    /// The last part of each camera.
    last_parts: HashMap<&'a str, u32>,
}

impl<'a> Owners<'a> {
    pub fn of(files: &[PathBuf], session: &'a SessionFile) -> Self {
        let of_files: Vec<_> = files.iter().map(|file| session.camera_of_video(file)).collect();
        let mut last_parts = HashMap::new();
        for &(camera, part) in of_files.iter().flatten() {
            let last = last_parts.entry(camera).or_insert(part);
            *last = part.max(*last);
        }
        Self { of_files, last_parts }
    }

    /// Whether the camera has a video.
    pub fn has(&self, camera: &str) -> bool {
        self.last_parts.contains_key(camera)
    }

    /// Whether a later part of the same camera's video is there.
    fn was_replaced(&self, index: usize) -> bool {
        let owner = self.of_files.get(index).copied().flatten();
        owner.is_some_and(|(camera, part)| self.last_parts.get(camera).is_some_and(|&last| last > part))
    }
}

/// Pictures of a camera that were handed to ffmpeg and did not reach its video, because ffmpeg or the camera's
/// process died: rows beside its files without a picture. Only where the camera has several files is it looked at;
/// one file is what an undisturbed recording leaves.
///
/// # Errors
/// When the session or a video cannot be read.
pub fn lost_pictures(session_folder: &Path, camera: &str) -> Result<u64, RecordError> {
    let folder = open_session(session_folder)?;
    let session = SessionFile::read_in(&folder)?;
    let mut files = video_files(session_folder)?;
    files.retain(|file| session.camera_of_video(file).is_some_and(|(owner, _)| owner == camera));
    if files.len() < 2 {
        return Ok(0);
    }
    let patience = Patience::for_files(&folder, &files);
    let mut lost = 0;
    for path in files {
        let report = check_video(&folder, path, &patience, Repairs::default())?;
        lost += report.rows.saturating_sub(report.pictures.unwrap_or(0));
    }
    Ok(lost)
}

/// What may be changed about a video.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Repairs {
    /// Whether anything may.
    pub wanted: bool,
    /// Whether the session was killed.
    pub was_killed: bool,
    /// Whether another part took the video's place.
    pub was_replaced: bool,
}

impl Repairs {
    /// Of the file with this number.
    pub fn of(index: usize, owners: &Owners<'_>, session: &SessionFile, wanted: bool) -> Self {
        let was_killed = session.state == SessionState::Recording;
        Self { wanted, was_killed, was_replaced: owners.was_replaced(index) }
    }
}

/// Looks at a video. With repair, one whose recording was killed is finished and its rows are cut to its
/// pictures; in a session that came to its end, a copy of the rows is kept. A video that was finished once is
/// left as it is, and so are its rows, unless the session was killed or another part took its place: a worker that
/// dies takes some pictures with it, and its ffmpeg finishes the video.
pub(super) fn check_video(
    folder: &Folder,
    path: PathBuf,
    patience: &Patience,
    repairs: Repairs,
) -> Result<VideoReport, RecordError> {
    let mut report = VideoReport { path, ..VideoReport::default() };
    let video = report.path.file_name().unwrap_or_default().to_owned();
    let sidecar = sidecar_path(&report.path).file_name().unwrap_or_default().to_owned();
    let mut rows = match read_sidecar_in(folder, &sidecar) {
        Ok(rows) => Some(rows),
        Err(error) => {
            report.problems.push(unreadable_sidecar(&sidecar, &error));
            None
        }
    };
    let opened = open_video(folder, &video)?;
    // A recording that was killed at once leaves an empty one.
    let exists = match &opened {
        Some(file) => file.metadata().is_ok_and(|metadata| metadata.len() > 0),
        None => folder.has(&video),
    };
    let mut probed = match &opened {
        Some(file) => probe(file, &report.path, patience)?,
        None => Probed::NoVideo,
    };
    // It ends where its recording was killed; one that was finished once has lost its end since.
    let was_cut = matches!(probed, Probed::Video { is_finished: false, .. });
    if let (Some(file), Probed::Video { pictures, .. }) = (&opened, &probed)
        && repairs.wanted
        && was_cut
        && let Some(finished) = finish_video(folder, &video, file, *pictures, patience)?
    {
        report.repairs.push("given its index and duration".to_owned());
        probed = finished;
    }
    if repairs.wanted
        && (was_cut || repairs.was_replaced || repairs.was_killed)
        && let (Some(pictures), Some(beside)) = (probed.pictures(), &mut rows)
    {
        report.repairs.extend(cut_rows(folder, &sidecar, beside, pictures, !repairs.was_killed)?);
    }
    report.pictures = probed.pictures();
    report.is_finished = matches!(probed, Probed::Video { is_finished: true, .. });
    if let Some(rows) = &rows {
        report.rows = rows.count;
        report.span = rows.times.first().zip(rows.times.last()).map(|(a, b)| (a.seconds(), b.seconds()));
        report.problems.extend(row_problem(&sidecar, rows));
    }
    let found = picture_problems(&report, &probed, exists, rows.is_some());
    report.problems.extend(found);
    Ok(report)
}

fn unreadable_sidecar(sidecar: &OsStr, error: &io::Error) -> String {
    let name = sidecar.to_string_lossy();
    match error.kind() {
        ErrorKind::NotFound => format!("{name} is missing: it says which frame each picture is"),
        _ => format!("{name}: cannot be read: {error}"),
    }
}

/// Opens a video, if it is there and is a file.
fn open_video(folder: &Folder, name: &OsStr) -> Result<Option<File>, RecordError> {
    match folder.open_file(name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(None),
        Err(error) => Err(RecordError::io("open", &folder.join(name))(error)),
    }
}

/// Copies the pictures into a finished file, which takes the old one's place if it holds as many.
fn finish_video(
    folder: &Folder,
    name: &OsStr,
    video: &File,
    pictures: u64,
    patience: &Patience,
) -> Result<Option<Probed>, RecordError> {
    let path = folder.join(name);
    let partial = Path::new(name).with_extension(REPAIRING).into_os_string();
    let copy = folder.create_scratch(&partial).map_err(RecordError::io("create", &folder.join(&partial)))?;
    let probed = match remux(video, &copy, patience) {
        true => probe(&copy, &path, patience)?,
        false => Probed::NoVideo,
    };
    if matches!(probed, Probed::Video { is_finished: true, pictures: copied } if copied == pictures) {
        copy.sync_all()
            .and_then(|()| folder.rename(&partial, name))
            .map_err(RecordError::io("replace", &path))?;
        return Ok(Some(probed));
    }
    folder.remove(&partial).map_err(RecordError::io("remove", &folder.join(&partial)))?;
    Ok(None)
}

/// Takes off the rows that were written before their pictures, and a last line that was not finished. Where
/// other lines cannot be read, all are left.
fn cut_rows(
    folder: &Folder,
    name: &OsStr,
    rows: &mut SidecarRows,
    pictures: u64,
    keeps_copy: bool,
) -> Result<Option<String>, RecordError> {
    let path = folder.join(name);
    let surplus = rows.count.saturating_sub(pictures);
    if !rows.unreadable_lines.is_empty() || (surplus == 0 && !rows.is_torn) {
        return Ok(None);
    }
    if keeps_copy {
        keep_copy(folder, name).map_err(RecordError::io("keep a copy of", &path))?;
    }
    rows.count -= surplus;
    rows.times.truncate(usize::try_from(rows.count).unwrap_or(usize::MAX));
    rows.is_torn = false;
    truncate_sidecar(folder, name, rows.times.len()).map_err(RecordError::io("write", &path))?;
    Ok(Some(match surplus {
        0 => "an unfinished last row beside it taken off".to_owned(),
        1 => "1 row beside it without a picture taken off".to_owned(),
        _ => format!("{surplus} rows beside it without a picture taken off"),
    }))
}

/// Copies a file to `NAME.damaged`, or `NAME.damaged-2`, … where that is taken.
fn keep_copy(folder: &Folder, name: &OsStr) -> io::Result<()> {
    let mut wanted = OsString::from(name);
    wanted.push(".damaged");
    let (mut copy, _) = folder.create_numbered(wanted)?;
    io::copy(&mut folder.open_file(name)?, &mut copy)?;
    copy.sync_all()
}

fn row_problem(name: &OsStr, rows: &SidecarRows) -> Option<String> {
    let name = name.to_string_lossy();
    let more = match rows.unreadable_lines.len() {
        0 if rows.is_torn => return Some(format!("{name}: its last line is not finished")),
        0 => return None,
        1 => String::new(),
        count => format!(", nor are {} more", count - 1),
    };
    Some(format!("{name}: line {} is no row of it{more}", rows.unreadable_lines[0]))
}

fn picture_problems(report: &VideoReport, probed: &Probed, exists: bool, has_rows: bool) -> Vec<String> {
    let name = report.path.file_name().unwrap_or_default().to_string_lossy();
    let rows = report.rows;
    let Some(pictures) = report.pictures else {
        return vec![match (exists, rows) {
            (true, _) if matches!(probed, Probed::TimeRanOut) => {
                format!("{name}: ffprobe did not come to an end, so it was not checked")
            }
            (true, _) => format!("{name}: cannot be read as a video"),
            (false, 0) => format!("{name}: no picture was recorded"),
            (false, _) => format!("{name} is missing: the rows of its {rows} pictures are there"),
        }];
    };
    let mut problems = Vec::new();
    if has_rows && pictures != rows {
        problems.push(format!("{name}: {pictures} pictures, but {rows} rows beside it"));
    }
    if !report.is_finished {
        problems.push(format!("{name}: was not finished, or its end is missing"));
    }
    problems
}
