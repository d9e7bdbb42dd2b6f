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
    /// Where the damaged original was kept: only when damage lay in the middle of the file, so that
    /// the sound chunks were copied to a new one.
    pub original: Option<PathBuf>,
}

/// Takes out what cannot be read and writes the missing footers. A broken end is cut off in place;
/// when chunks after the damage can be read, the sound ones are copied to a new file and the original
/// is kept beside it as `….damaged`. No sample is made up. Doing it twice changes nothing more, and
/// it may be interrupted anywhere.
///
/// # Errors
/// When the file cannot be read or written, is being recorded, or never was an XDF file.
pub fn repair(path: &Path) -> Result<Repair, XdfError> {
    refuse_while_recorded(path)?;
    let mut report = check(path)?;
    let mut done = Repair::default();
    if report.is_sound() {
        return Ok(done);
    }
    let broken_tail = report.damages.last().filter(|damage| damage.resumes_at == report.file_bytes);
    let only_a_tail = report.damages.is_empty() || (report.damages.len() == 1 && broken_tail.is_some());
    let mut length = report.file_bytes;
    if only_a_tail {
        if let Some(damage) = broken_tail {
            done.removed_bytes = damage.resumes_at - damage.offset;
            length = damage.offset;
        }
    } else {
        length = copy_sound_chunks(path)?;
        done.removed_bytes = report.file_bytes - length;
        done.original = Some(damaged_path(path));
        for stream in &mut report.streams {
            stream.has_footer = false;
        }
    }
    let mut sink = FileSink::reopen(path, length)?;
    write_missing(&mut sink, &report, &mut done).map_err(XdfError::io("cannot repair", path))?;
    Ok(done)
}

/// A writer holds a lock for as long as it lives.
fn refuse_while_recorded(path: &Path) -> Result<(), XdfError> {
    let file = File::open(path).map_err(XdfError::io("cannot open", path))?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Err(XdfError::Busy { path: path.display().to_string() }),
        // No locks here: as without them.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn write_missing(sink: &mut FileSink, report: &Report, done: &mut Repair) -> io::Result<()> {
    if !report.has_file_header {
        // Only a file that was cut inside its very first chunk has none: nothing else can be there.
        let mut start = if report.streams.is_empty() { MAGIC.to_vec() } else { Vec::new() };
        start.extend_from_slice(&file_header(&[]));
        if report.streams.is_empty() {
            sink.clear()?;
        }
        sink.append(&start)?;
    }
    for stream in report.streams.iter().filter(|stream| !stream.has_footer) {
        sink.append(&stream.totals.footer(stream.stream))?;
        done.footers_written.push(stream.info.name.clone());
    }
    sink.sync()
}

fn damaged_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".damaged");
    name.into()
}

/// Replaces the file by one of its sound chunks alone, but for the footers, which count samples that
/// are gone. Gives the file's new length.
fn copy_sound_chunks(path: &Path) -> Result<u64, XdfError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".repairing");
    let partial = PathBuf::from(partial);
    let failed = || XdfError::io("cannot repair", path);
    let mut source = File::open(path).map_err(failed())?;
    let mut copy = File::create(&partial).map_err(failed())?;
    copy.write_all(MAGIC).map_err(failed())?;
    let mut length = MAGIC.len() as u64;
    survey(path, |start, end, event| {
        if matches!(event, Event::Footer { .. }) {
            return Ok(());
        }
        source.seek(SeekFrom::Start(start)).map_err(failed())?;
        length += io::copy(&mut (&mut source).take(end - start), &mut copy).map_err(failed())?;
        Ok(())
    })?;
    copy.sync_all().map_err(failed())?;
    // The original moves aside before the copy takes its name: neither is ever lost.
    fs::rename(path, damaged_path(path)).map_err(failed())?;
    fs::rename(&partial, path).map_err(failed())?;
    Ok(length)
}
