//! The videos of a session and the rows beside them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mien_ffmpeg::file_url;

use super::VideoReport;
use crate::RecordError;
use crate::session_file::{SessionFile, SessionState};
use crate::video::{REPAIRING, SidecarRows, read_sidecar, sidecar_path, truncate_sidecar};

/// Whether a later part of the same camera's video is among these.
pub(super) fn was_replaced(path: &Path, files: &[PathBuf], session: &SessionFile) -> bool {
    let Some((camera, number)) = session.camera_of_video(path) else { return false };
    let mut parts = files.iter().filter_map(|file| session.camera_of_video(file));
    parts.any(|(other, later)| other == camera && later > number)
}

/// Looks at a video. With `repair`, one whose recording was killed is finished and its rows are cut to its
/// pictures; in a session that came to its end, a copy of the rows is kept. A video that was finished once is
/// left as it is, and so are its rows, unless the session was killed or another part took its place
/// (`was_replaced`): a worker that dies takes some pictures with it, and its ffmpeg finishes the video.
pub(super) fn check_video(
    path: PathBuf,
    state: SessionState,
    was_replaced: bool,
    repair: bool,
) -> Result<VideoReport, RecordError> {
    let mut report = VideoReport { path, ..VideoReport::default() };
    let sidecar = sidecar_path(&report.path);
    let mut rows = match read_sidecar(&sidecar) {
        Ok(rows) => Some(rows),
        Err(error) => {
            report.problems.push(match error.kind() {
                ErrorKind::NotFound => {
                    format!("{} is missing: it says which frame each picture is", name(&sidecar))
                }
                _ => format!("{}: cannot be read: {error}", name(&sidecar)),
            });
            None
        }
    };
    let exists = report.path.exists();
    let mut probed = if exists { probe(&report.path)? } else { None };
    // It ends where its recording was killed; one that was finished once has lost its end since.
    let was_killed = probed.as_ref().is_some_and(|found| !found.is_finished);
    if let Some(found) = probed.as_ref().filter(|_| repair && was_killed)
        && remux(&report.path, found.pictures)?
    {
        report.repairs.push("given its index and duration".to_owned());
        probed = probe(&report.path)?;
    }
    if repair
        && (was_killed || was_replaced || state == SessionState::Recording)
        && let (Some(found), Some(beside)) = (&probed, &mut rows)
    {
        let keeps_copy = state != SessionState::Recording;
        report.repairs.extend(cut_rows(&sidecar, beside, found.pictures, keeps_copy)?);
    }
    report.pictures = probed.as_ref().map(|found| found.pictures);
    report.is_finished = probed.is_some_and(|found| found.is_finished);
    if let Some(rows) = &rows {
        report.rows = rows.count;
        report.span = rows.times.first().zip(rows.times.last()).map(|(a, b)| (a.seconds(), b.seconds()));
        report.problems.extend(row_problem(&sidecar, rows));
    }
    report.problems.extend(picture_problems(&report, exists, rows.is_some()));
    Ok(report)
}

/// Takes off the rows that were written before their pictures, and a last line that was not finished. Where
/// other lines cannot be read, all are left.
fn cut_rows(
    path: &Path,
    rows: &mut SidecarRows,
    pictures: u64,
    keeps_copy: bool,
) -> Result<Option<String>, RecordError> {
    let surplus = rows.count.saturating_sub(pictures);
    if !rows.unreadable_lines.is_empty() || (surplus == 0 && !rows.is_torn) {
        return Ok(None);
    }
    if keeps_copy {
        fs::copy(path, mien_xdf::damaged_path(path)).map_err(RecordError::io("keep a copy of", path))?;
    }
    rows.count -= surplus;
    rows.times.truncate(usize::try_from(rows.count).unwrap_or(usize::MAX));
    rows.is_torn = false;
    truncate_sidecar(path, rows.times.len()).map_err(RecordError::io("write", path))?;
    Ok(Some(match surplus {
        0 => "an unfinished last row beside it taken off".to_owned(),
        1 => "1 row beside it without a picture taken off".to_owned(),
        _ => format!("{surplus} rows beside it without a picture taken off"),
    }))
}

fn row_problem(path: &Path, rows: &SidecarRows) -> Option<String> {
    let more = match rows.unreadable_lines.len() {
        0 if rows.is_torn => return Some(format!("{}: its last line is not finished", name(path))),
        0 => return None,
        1 => String::new(),
        count => format!(", nor are {} more", count - 1),
    };
    Some(format!("{}: line {} is no row of it{more}", name(path), rows.unreadable_lines[0]))
}

fn picture_problems(report: &VideoReport, exists: bool, has_rows: bool) -> Vec<String> {
    let (name, rows) = (name(&report.path), report.rows);
    let Some(pictures) = report.pictures else {
        return vec![match (exists, rows) {
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

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

struct Probed {
    pictures: u64,
    /// The muxer writes the duration last.
    is_finished: bool,
}

/// What ffprobe finds; `None` where it finds no video.
fn probe(path: &Path) -> Result<Option<Probed>, RecordError> {
    let words = "-v error -protocol_whitelist file -count_packets -select_streams v:0 \
         -show_entries stream=nb_read_packets:format=duration -of json -i";
    let output = Command::new("ffprobe")
        .args(words.split_ascii_whitespace())
        .arg(file_url(path))
        .stdin(Stdio::null())
        .output()
        .map_err(|source| RecordError::Io {
            action: "run ffprobe to check",
            path: path.to_owned(),
            source,
            remedy: "install ffmpeg",
        })?;
    let Ok(answer) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else { return Ok(None) };
    let pictures = answer["streams"][0]["nb_read_packets"].as_str().and_then(|count| count.parse().ok());
    let is_finished = answer["format"]["duration"].is_string();
    Ok(pictures.map(|pictures| Probed { pictures, is_finished }))
}

/// Copies the pictures into a finished file, which takes the old one's place if it holds as many.
fn remux(path: &Path, pictures: u64) -> Result<bool, RecordError> {
    let copy = path.with_extension(REPAIRING);
    let done = Command::new("ffmpeg")
        .args("-nostdin -v error -protocol_whitelist file -i".split_ascii_whitespace())
        .arg(file_url(path))
        .args("-map 0:v:0 -c copy -f matroska -y".split_ascii_whitespace())
        .arg(file_url(&copy))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let complete = done && probe(&copy)?.is_some_and(|found| found.is_finished && found.pictures == pictures);
    if complete {
        fs::File::open(&copy)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&copy, path))
            .map_err(RecordError::io("replace", path))?;
    } else {
        // Made above, or never was.
        let _ = fs::remove_file(&copy);
    }
    Ok(complete)
}
