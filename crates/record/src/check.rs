//! What a session holds, and making a killed one whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mien_config::VideoKind;

use crate::RecordError;
use crate::session_file::{DATA_FILE, SessionFile, SessionState};
use crate::video::{read_sidecar, sidecar_path, truncate_sidecar};

/// What was found of one video.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoReport {
    /// The file.
    pub path: PathBuf,
    /// Pictures in it; `None` where it cannot be read.
    pub pictures: Option<u64>,
    /// Rows of its sidecar.
    pub rows: u64,
    /// Whether its recording came to its end.
    pub is_finished: bool,
    /// Capture times of its first and last picture, in seconds on the LSL clock.
    pub span: Option<(f64, f64)>,
    /// What was done about it.
    pub repairs: Vec<String>,
}

/// What a session holds.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionReport {
    /// What `session.toml` says.
    pub session: SessionFile,
    /// What `data.xdf` holds, after the repair if there was one.
    pub data: mien_xdf::Report,
    /// What was done about `data.xdf`.
    pub data_repair: mien_xdf::Repair,
    /// The videos, by name.
    pub videos: Vec<VideoReport>,
    /// What is wrong still; empty for a whole session.
    pub problems: Vec<String>,
}

/// Looks at every file of a session. With `repair`, a killed one is made whole: broken ends are cut
/// off, XDF footers written, Matroska files given their index and duration, sidecars cut to the
/// pictures that there are. Nothing is made up; doing it twice changes nothing more.
///
/// # Errors
/// When the folder is no session, or a file cannot be read or written.
pub fn check_session(folder: &Path, repair: bool) -> Result<SessionReport, RecordError> {
    let mut session = SessionFile::read(folder)?;
    let data_path = folder.join(DATA_FILE);
    let data_repair = if repair {
        mien_xdf::repair(&data_path, mien_xdf::KeepOriginal::BeyondUnfinishedChunk)?
    } else {
        mien_xdf::Repair::default()
    };
    let data = mien_xdf::check(&data_path)?;
    let mut videos = Vec::new();
    for path in video_files(folder)? {
        videos.push(check_video(path, repair)?);
    }
    let problems = problems(&session, &data, &videos);
    if repair && problems.is_empty() && session.state == SessionState::Recording {
        session.state = SessionState::Repaired;
        session.duration_seconds = duration(&session, &data);
        session.write(folder)?;
    }
    Ok(SessionReport { session, data, data_repair, videos, problems })
}

/// From the start to the last sample.
fn duration(session: &SessionFile, data: &mien_xdf::Report) -> Option<f64> {
    let last = data.streams.iter().filter_map(|stream| stream.totals.last_timestamp).reduce(f64::max)?;
    Some((last - session.started_lsl_seconds).max(0.0))
}

fn problems(session: &SessionFile, data: &mien_xdf::Report, videos: &[VideoReport]) -> Vec<String> {
    let mut problems: Vec<String> =
        data.damages.iter().map(|damage| format!("{DATA_FILE}: {}", damage.what)).collect();
    if !data.has_file_header {
        problems.push(format!("{DATA_FILE}: the file header is missing"));
    }
    for stream in &data.streams {
        let name = &stream.info.name;
        if !stream.has_footer {
            problems.push(format!("{DATA_FILE}: the stream {name} has no footer"));
        }
        if let Some(count) = stream.wrong_footer_count {
            let found = stream.totals.sample_count;
            problems.push(format!("{DATA_FILE}: {name} holds {found} samples, its footer says {count}"));
        }
        if stream.backward_timestamps > 0 {
            let count = stream.backward_timestamps;
            problems.push(format!("{DATA_FILE}: {count} timestamps of {name} do not rise"));
        }
    }
    for video in videos {
        let name = video.path.file_name().unwrap_or_default().to_string_lossy();
        match video.pictures {
            None => problems.push(format!("{name}: cannot be read as a video")),
            Some(pictures) if pictures != video.rows => {
                problems.push(format!("{name}: {pictures} pictures, but {} rows beside it", video.rows));
            }
            Some(_) if !video.is_finished => problems.push(format!("{name}: was not finished")),
            Some(_) => {}
        }
    }
    let wants_video = session.video != VideoKind::None;
    for camera in session.cameras.iter().filter(|_| wants_video) {
        let begins = |video: &&VideoReport| {
            let stem = video.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            stem == camera.name || stem.starts_with(&format!("{}_part-", camera.name))
        };
        if !videos.iter().any(|video| begins(&video)) {
            problems.push(format!("{}: no video was recorded", camera.name));
        }
    }
    problems
}

fn video_files(folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let failed = || RecordError::io("read", folder);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".mkv") && !name.ends_with(".repairing.mkv") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn check_video(path: PathBuf, repair: bool) -> Result<VideoReport, RecordError> {
    let sidecar = sidecar_path(&path);
    let mut rows = read_sidecar(&sidecar).map_err(RecordError::io("read", &sidecar))?;
    let mut probed = probe(&path)?;
    let mut repairs = Vec::new();
    if repair && let Some(found) = &probed {
        if !found.is_finished && remux(&path, found.pictures)? {
            repairs.push("given its index and duration".to_owned());
            probed = probe(&path)?;
        }
        let pictures = probed.as_ref().map_or(0, |found| found.pictures);
        if (rows.len() as u64) > pictures {
            let surplus = rows.len() as u64 - pictures;
            rows.truncate(pictures as usize);
            truncate_sidecar(&sidecar, rows.len()).map_err(RecordError::io("write", &sidecar))?;
            repairs.push(format!("{surplus} rows beside it without a picture taken off"));
        }
    }
    let span = rows.first().zip(rows.last()).map(|(a, b)| (a.seconds(), b.seconds()));
    Ok(VideoReport {
        path,
        pictures: probed.as_ref().map(|found| found.pictures),
        rows: rows.len() as u64,
        is_finished: probed.is_some_and(|found| found.is_finished),
        span,
        repairs,
    })
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
    let copy = path.with_extension("repairing.mkv");
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

/// `file:PATH`, which ffmpeg takes literally.
fn file_url(path: &Path) -> std::ffi::OsString {
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    url
}
