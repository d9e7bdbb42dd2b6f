//! Making a broken file whole.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use mien_folder::{Folder, Refusal};

use crate::check::{Seen, restorable_headers, survey};
use crate::chunk::MAGIC;
use crate::sink::{FileSink, Sink};
use crate::sums::{Sum, SumsReader, SumsWriter, sums_name};
use crate::totals::file_header;
use crate::{Event, Report, XdfError, check_in};

/// Ends the names of files that are not whole yet.
const REPAIRING: &str = ".repairing";

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Repair {
    /// Bytes of broken chunks that were taken out.
    pub removed_bytes: u64,
    /// Names of the streams that were given a footer.
    pub footers_written: Vec<String>,
    /// Names of the streams whose header was put back.
    pub restored_headers: Vec<String>,
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
/// of may be cut off in place. A stream's header that cannot be read is put back where a copy of it is kept beside
/// the file. No sample is made up. Doing it twice changes nothing more, and it may be interrupted anywhere.
///
/// # Errors
/// When the file cannot be read or written, is being recorded, or never was an XDF file.
pub fn repair(path: &Path, keep: KeepOriginal) -> Result<Repair, XdfError> {
    let (folder, name) = Folder::of_file(path).map_err(XdfError::io("cannot open", path))?;
    repair_in(&folder, &name, keep)
}

/// [`repair`] of a file in an open folder.
///
/// # Errors
/// When the file cannot be read or written, is being recorded, or never was an XDF file.
pub fn repair_in(folder: &Folder, name: &OsStr, keep: KeepOriginal) -> Result<Repair, XdfError> {
    let path = folder.join(name);
    if is_being_recorded_in(folder, name)? {
        return Err(XdfError::Busy { path: path.display().to_string() });
    }
    finish_interrupted(folder, name);
    let report = check_in(folder, name)?;
    let mut done = Repair::default();
    if report.is_sound() {
        return Ok(done);
    }
    done.removed_bytes = report.damages.iter().map(|damage| damage.resumes_at - damage.offset).sum();
    done.lost_samples = lost_samples(&report);
    done.restored_headers = report.restorable_headers.iter().map(|(_, stream)| stream.clone()).collect();
    let length = in_place(&report, keep);
    let opened = length.map(|length| FileSink::reopen(folder, name, length));
    match opened {
        Some(Ok(mut sink)) => {
            write_missing(&mut sink, &report, &mut done).map_err(XdfError::io("cannot repair", &path))?;
            if report.has_sums {
                renew_sums(folder, name, length.unwrap_or(0))?;
            }
        }
        // A file with a second name elsewhere is left as it is; the copy takes its name here.
        Some(Err(error)) if !is_second_name(&error) => return Err(error),
        _ => {
            let lost = restorable_headers(folder, name, &report);
            done.footers_written = report.streams.iter().map(|stream| stream.info.name.clone()).collect();
            done.original = Some(copy_sound_chunks(folder, name, &report, &lost)?);
        }
    }
    Ok(done)
}

fn is_second_name(error: &XdfError) -> bool {
    let XdfError::Io { source, .. } = error else { return false };
    Refusal::in_error(source) == Some(Refusal::SecondName)
}

/// Whether somebody writes the file at this moment: a writer holds a lock for as long as it lives.
///
/// # Errors
/// When the file cannot be opened.
pub fn is_being_recorded(path: &Path) -> Result<bool, XdfError> {
    let (folder, name) = Folder::of_file(path).map_err(XdfError::io("cannot open", path))?;
    is_being_recorded_in(&folder, &name)
}

/// [`is_being_recorded`] of a file in an open folder.
///
/// # Errors
/// When the file cannot be opened.
pub fn is_being_recorded_in(folder: &Folder, name: &OsStr) -> Result<bool, XdfError> {
    let file = folder.open_file(name).map_err(XdfError::io("cannot open", &folder.join(name)))?;
    // No locks here: as without them.
    Ok(matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Makes the checksums beside a file anew, after it was changed on purpose; nothing where there are none.
///
/// # Errors
/// When the file cannot be read.
pub fn write_sums(path: &Path) -> Result<(), XdfError> {
    let (folder, name) = Folder::of_file(path).map_err(XdfError::io("cannot open", path))?;
    if SumsReader::open(&folder, &name).is_some() { renew_sums(&folder, &name, 0) } else { Ok(()) }
}

/// The length that the file has when its broken end is cut off, where that is all that needs to go.
fn in_place(report: &Report, keep: KeepOriginal) -> Option<u64> {
    let was_cut_in_header = report.chunk_count == 0;
    if !report.restorable_headers.is_empty() {
        return None;
    }
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

/// Replaces the file by one of its sound chunks alone, with the headers that it has lost, and with new footers,
/// because the old ones count samples that are gone. Gives where the original is.
fn copy_sound_chunks(
    folder: &Folder,
    name: &OsStr,
    report: &Report,
    lost_headers: &[Vec<u8>],
) -> Result<PathBuf, XdfError> {
    let path = folder.join(name);
    let failed = || XdfError::io("cannot repair", &path);
    let (partial, partial_sums) = (with_ending(name, REPAIRING), with_ending(&sums_name(name), REPAIRING));
    let mut copy = Copy {
        file: folder.create_scratch(&partial).map_err(XdfError::io("cannot make", &folder.join(&partial)))?,
        old_sums: SumsReader::open(folder, name),
        sums: match report.has_sums {
            true => Some(SumsWriter::create(folder, &partial_sums).map_err(failed())?),
            false => None,
        },
    };
    copy.append(MAGIC).map_err(failed())?;
    if !report.has_file_header {
        copy.append(&file_header(&[])).map_err(failed())?;
    }
    let mut headers = lost_headers.iter();
    survey(folder, name, lost_headers, |file, seen| {
        let is_first = matches!(seen.event, Event::FileHeader { .. });
        if !is_first {
            headers.by_ref().try_for_each(|header| copy.append(header)).map_err(failed())?;
        }
        let is_footer = matches!(seen.event, Event::Footer { .. });
        if is_footer { Ok(()) } else { copy.keep(file, seen).map_err(failed()) }
    })?;
    headers.try_for_each(|header| copy.append(header)).map_err(failed())?;
    let mut footers = report.streams.iter().map(|stream| stream.totals.footer(stream.stream));
    footers.try_for_each(|footer| copy.append(&footer)).map_err(failed())?;
    copy.file.sync_all().map_err(failed())?;
    let has_sums = copy.sums.is_some_and(SumsWriter::finish);
    // The original has its second name before the copy takes its first: neither is ever lost.
    let original = keep_original(folder, name).map_err(failed())?;
    folder.rename(&partial, name).map_err(failed())?;
    if has_sums {
        // It is of no use to whoever has no second names here.
        let _ = folder.link_numbered(sums_name(name), sums_name(&original));
        folder.rename(&partial_sums, sums_name(name)).map_err(failed())?;
    }
    folder.sync().map_err(failed())?;
    Ok(folder.join(original))
}

/// Gives the file a second name that nothing has: `NAME.damaged`, `NAME.damaged-2`, …; a copy where the file system
/// has no second names.
fn keep_original(folder: &Folder, name: &OsStr) -> io::Result<OsString> {
    let wanted = with_ending(name, ".damaged");
    folder.link_numbered(name, &wanted).or_else(|_| {
        let (mut copy, original) = folder.create_numbered(&wanted)?;
        io::copy(&mut folder.open_file(name)?, &mut copy)?;
        copy.sync_all()?;
        Ok(original)
    })
}

fn with_ending(name: &OsStr, ending: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(ending);
    name
}

/// A repair that was killed between its last two steps has the new data, but not yet their checksums.
fn finish_interrupted(folder: &Folder, name: &OsStr) {
    let partial_sums = with_ending(&sums_name(name), REPAIRING);
    let is_new =
        !folder.has(with_ending(name, REPAIRING)) && SumsReader::open_named(folder, &partial_sums).is_some();
    if is_new {
        // Should it fail, the check says that bytes have changed.
        let _ = folder.rename(&partial_sums, sums_name(name));
    }
}

/// Writes the checksums of a whole file: before `recorded_until` they are those of the recording, behind it those of
/// what is there now.
fn renew_sums(folder: &Folder, name: &OsStr, recorded_until: u64) -> Result<(), XdfError> {
    let mut old = SumsReader::open(folder, name);
    let path = folder.join(sums_name(name));
    let partial = with_ending(&sums_name(name), REPAIRING);
    let mut sums =
        SumsWriter::create(folder, &partial).map_err(XdfError::io("cannot make", &folder.join(&partial)))?;
    sums.add(MAGIC, true);
    survey(folder, name, &[], |file, seen| {
        let old = old.as_mut().filter(|_| seen.start < recorded_until);
        keep_sum(&mut sums, old, file, seen).map_err(XdfError::io("cannot read", &path))
    })?;
    sums.finish();
    folder.rename(&partial, sums_name(name)).map_err(XdfError::io("cannot write", &path))
}

fn keep_sum(
    sums: &mut SumsWriter,
    old: Option<&mut SumsReader>,
    file: &File,
    seen: &Seen<'_>,
) -> io::Result<()> {
    if matches!(seen.event, Event::StreamHeader { .. }) {
        sums.header(&bytes_of(file, seen)?);
    }
    let sum = match old.and_then(|old| old.piece_at(seen.start)) {
        None => Sum::Crc32(seen.crc32),
        Some(piece) if (piece.start, piece.end) == (seen.start, seen.end) => piece.sum,
        Some(_) => Sum::Changed,
    };
    sums.note(seen.end - seen.start, sum);
    Ok(())
}

fn bytes_of(file: &File, seen: &Seen<'_>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(seen.end - seen.start).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, seen.start)?;
    Ok(bytes)
}

/// The new file of a repair, with its checksums.
struct Copy {
    file: File,
    old_sums: Option<SumsReader>,
    sums: Option<SumsWriter>,
}

impl Copy {
    /// Adds something new.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(sums) = &mut self.sums {
            sums.add(bytes, true);
        }
        self.file.write_all(bytes)
    }

    /// Adds a chunk of the old file.
    fn keep(&mut self, file: &File, seen: &Seen<'_>) -> io::Result<()> {
        if let Some(sums) = &mut self.sums {
            keep_sum(sums, self.old_sums.as_mut(), file, seen)?;
        }
        self.file.write_all(&bytes_of(file, seen)?)
    }
}
