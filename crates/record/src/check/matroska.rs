//! What ffprobe and ffmpeg do with a session's videos, which may come from anybody.
//!
//! The children get open files and no names, so they can open nothing else; they read Matroska and nothing that
//! names further files; and they have so much time and no more.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mien_folder::Folder;

use crate::RecordError;

/// Bytes of a video that are read in a second at the least, by a slow disk.
const SLOWEST_BYTES_PER_SECOND: u64 = 10_000_000;
/// Time for one video and for all of a session, whatever their size.
const SECONDS_PER_VIDEO: u64 = 10;
const SECONDS_PER_SESSION: u64 = 30;
/// Most pixels of a picture: 8192 × 4320.
const MOST_PIXELS: u32 = 8192 * 4320;
/// Longest answer of ffprobe.
const ANSWER_BYTES: u64 = 1 << 16;

/// What ffprobe finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probed {
    /// Matroska with a video.
    Video {
        /// Pictures in it.
        pictures: u64,
        /// The muxer writes the duration last.
        is_finished: bool,
    },
    /// Something else.
    NoVideo,
    /// It was not finished in time.
    TimeRanOut,
}

impl Probed {
    pub fn pictures(&self) -> Option<u64> {
        match self {
            Self::Video { pictures, .. } => Some(*pictures),
            _ => None,
        }
    }
}

/// When looking at videos ends.
pub(super) struct Patience {
    until: Instant,
}

impl Patience {
    /// Time enough to read all of these several times.
    pub fn for_files(folder: &Folder, files: &[PathBuf]) -> Self {
        let length = |path: &PathBuf| Some(folder.open_file(path.file_name()?).ok()?.metadata().ok()?.len());
        let bytes: u64 = files.iter().filter_map(length).sum();
        Self { until: Instant::now() + Duration::from_secs(SECONDS_PER_SESSION) + 3 * reading_time(bytes) }
    }

    fn until(&self, file: &File) -> Instant {
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let own = Instant::now() + Duration::from_secs(SECONDS_PER_VIDEO) + reading_time(bytes);
        own.min(self.until)
    }
}

fn reading_time(bytes: u64) -> Duration {
    Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND)
}

/// Asks ffprobe about a file; `path` is for messages.
pub(super) fn probe(file: &File, path: &Path, patience: &Patience) -> Result<Probed, RecordError> {
    let until = patience.until(file);
    if Instant::now() >= until {
        return Ok(Probed::TimeRanOut);
    }
    let words = format!(
        "-v error -protocol_whitelist file -f matroska -threads 1 -max_pixels {MOST_PIXELS} -count_packets \
         -select_streams v:0 -show_entries stream=nb_read_packets:format=duration -of json -i file:/dev/stdin"
    );
    let failed = |source| RecordError::Io {
        action: "run ffprobe to check",
        path: path.to_owned(),
        source,
        remedy: "install ffmpeg",
    };
    let mut child = Command::new("ffprobe")
        .args(words.split_ascii_whitespace())
        .stdin(file.try_clone().map_err(RecordError::io("read", path))?)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let answer = child.stdout.take().expect("it is a pipe");
    let reading = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _shorter_is_no_answer = answer.take(ANSWER_BYTES).read_to_end(&mut text);
        text
    });
    let ended = end_before(&mut child, until);
    let text = reading.join().unwrap_or_default();
    if ended.is_none() {
        return Ok(Probed::TimeRanOut);
    }
    let Ok(answer) = serde_json::from_slice::<serde_json::Value>(&text) else { return Ok(Probed::NoVideo) };
    let pictures = answer["streams"][0]["nb_read_packets"].as_str().and_then(|count| count.parse().ok());
    let is_finished = answer["format"]["duration"].is_string();
    Ok(pictures.map_or(Probed::NoVideo, |pictures| Probed::Video { pictures, is_finished }))
}

/// Copies the pictures of one file into another, empty one; whether ffmpeg was content.
pub(super) fn remux(from: &File, to: &File, patience: &Patience) -> bool {
    let words = format!(
        "-nostdin -v error -protocol_whitelist file -f matroska -threads 1 -max_pixels {MOST_PIXELS} \
         -i file:/dev/stdin -map 0:v:0 -c copy -f matroska -y file:/dev/stdout"
    );
    let (Ok(input), Ok(output)) = (from.try_clone(), to.try_clone()) else { return false };
    let child = Command::new("ffmpeg")
        .args(words.split_ascii_whitespace())
        .stdin(input)
        .stdout(output)
        .stderr(Stdio::null())
        .spawn();
    child.is_ok_and(|mut child| end_before(&mut child, patience.until(from)) == Some(true))
}

/// Whether a child ended well; `None` where it had to be killed because the time was over.
fn end_before(child: &mut Child, until: Instant) -> Option<bool> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}
