//! Making a broken file whole.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::check::survey;
use crate::chunk::MAGIC;
use crate::sink::{FileSink, Sink};
use crate::totals::file_header;
use crate::{Event, Report, XdfError, check};

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Repair {
    /// Bytes of broken chunks that were taken out.
    pub removed_bytes: u64,
    /// Names of the streams that were given a footer.
    pub footers_written: Vec<String>,
    /// Samples that the footers counted and that could not be read, by the name of their stream.
    pub lost_samples: Vec<(String, u64)>,
    /// Where the damaged original was kept.
    pub original: Option<PathBuf>,
}

/// When a repair keeps the file as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepOriginal {
    /// When more goes than one chunk that the file ends in the middle of: for a recording that was
    /// killed.
    BeyondUnfinishedChunk,
    /// When anything goes: for a file that was whole before.
    Always,
}

/// Takes out what cannot be read and writes the missing footers. The sound chunks are copied to a new
/// file, and the original is kept beside it as `….damaged`; only a chunk that the file ends in the middle
/// of may be cut off in place. No sample is made up. Doing it twice changes nothing more, and it may be
/// interrupted anywhere.
///
/// # Errors
/// When the file cannot be read or written, is being recorded, or never was an XDF file.
pub fn repair(path: &Path, keep: KeepOriginal) -> Result<Repair, XdfError> {
    if is_being_recorded(path)? {
        return Err(XdfError::Busy { path: path.display().to_string() });
    }
    let mut report = check(path)?;
    let mut done = Repair::default();
    if report.is_sound() {
        return Ok(done);
    }
    done.removed_bytes = report.damages.iter().map(|damage| damage.resumes_at - damage.offset).sum();
    done.lost_samples = lost_samples(&report);
    let length = match in_place(&report, keep) {
        Some(length) => length,
        None => {
            let (length, original) = copy_sound_chunks(path, report.has_file_header)?;
            done.original = Some(original);
            report.has_file_header = true;
            for stream in &mut report.streams {
                stream.has_footer = false;
            }
            length
        }
    };
    let mut sink = FileSink::reopen(path, length)?;
    write_missing(&mut sink, &report, &mut done).map_err(XdfError::io("cannot repair", path))?;
    Ok(done)
}

/// Whether somebody writes the file at this moment: a writer holds a lock for as long as it lives.
///
/// # Errors
/// When the file cannot be opened.
pub fn is_being_recorded(path: &Path) -> Result<bool, XdfError> {
    let file = File::open(path).map_err(XdfError::io("cannot open", path))?;
    // No locks here: as without them.
    Ok(matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The length that the file has when its broken end is cut off, where that is all that needs to go.
fn in_place(report: &Report, keep: KeepOriginal) -> Option<u64> {
    let was_cut_in_header = report.chunk_count == 0;
    match report.damages.as_slice() {
        [] if report.has_file_header => Some(report.file_bytes),
        [damage]
            if damage.is_unfinished
                && keep == KeepOriginal::BeyondUnfinishedChunk
                && (report.has_file_header || was_cut_in_header) =>
        {
            Some(damage.offset)
        }
        _ => None,
    }
}

/// What the footers count beyond what was found.
fn lost_samples(report: &Report) -> Vec<(String, u64)> {
    let lost = report.streams.iter().filter_map(|stream| {
        let count = stream.wrong_footer_count?.checked_sub(stream.totals.sample_count)?;
        Some((stream.info.name.clone(), count))
    });
    let headless = report
        .headless_streams
        .iter()
        .map(|(stream, count)| (format!("stream number {stream}, whose header is damaged"), *count));
    lost.chain(headless).collect()
}

fn write_missing(sink: &mut FileSink, report: &Report, done: &mut Repair) -> io::Result<()> {
    if !report.has_file_header {
        // The file was cut inside its very first chunk: nothing else is there.
        sink.clear()?;
        sink.append(&[MAGIC.as_slice(), &file_header(&[])].concat())?;
    }
    for stream in report.streams.iter().filter(|stream| !stream.has_footer) {
        sink.append(&stream.totals.footer(stream.stream))?;
        done.footers_written.push(stream.info.name.clone());
    }
    sink.sync()
}

/// A name for the damaged original of a file that no file has: `NAME.damaged`, `NAME.damaged-2`, …
#[must_use]
pub fn damaged_path(path: &Path) -> PathBuf {
    let named = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let first = named(".damaged");
    if !first.exists() {
        return first;
    }
    (2..).map(|number: u64| named(&format!(".damaged-{number}"))).find(|name| !name.exists()).unwrap_or(first)
}

/// Replaces the file by one of its sound chunks alone, but for the footers, which count samples that
/// are gone. Gives the file's new length and where the original is.
fn copy_sound_chunks(path: &Path, has_file_header: bool) -> Result<(u64, PathBuf), XdfError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".repairing");
    let partial = PathBuf::from(partial);
    let failed = || XdfError::io("cannot repair", path);
    let mut source = File::open(path).map_err(failed())?;
    let mut copy = File::create(&partial).map_err(failed())?;
    let mut start = MAGIC.to_vec();
    if !has_file_header {
        start.extend_from_slice(&file_header(&[]));
    }
    copy.write_all(&start).map_err(failed())?;
    let mut length = start.len() as u64;
    survey(path, |start, end, event| {
        if matches!(event, Event::Footer { .. }) {
            return Ok(());
        }
        source.seek(SeekFrom::Start(start)).map_err(failed())?;
        length += io::copy(&mut (&mut source).take(end - start), &mut copy).map_err(failed())?;
        Ok(())
    })?;
    copy.sync_all().map_err(failed())?;
    let original = damaged_path(path);
    // The original has its second name before the copy takes its first: neither is ever lost. Without hard
    // links it moves.
    fs::hard_link(path, &original).or_else(|_| fs::rename(path, &original)).map_err(failed())?;
    fs::rename(&partial, path).map_err(failed())?;
    Ok((length, original))
}
