//! What a file holds, and what is wrong with it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use mien_folder::Folder;

use crate::chunk::{ChunkReader, MAGIC, RawChunk};
use crate::decoder::{Decoder, NO_HEADER, headless_footer};
use crate::resync::{Lookahead, is_unfinished};
use crate::sums::{Sum, SumsReader, kept_headers};
use crate::{Event, StreamInfo, StreamTotals, XdfError};

/// Changed chunks that are told one by one.
const TOLD_CHANGES: usize = 100;

/// A stretch of the file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins.
    pub offset: u64,
    /// Where reading goes on: at the next sound chunk, or at the end of the file.
    pub resumes_at: u64,
    /// Whether it is only what a crash leaves at the end of a file: one chunk that was not finished, or
    /// zeros.
    pub is_unfinished: bool,
    /// What is wrong.
    pub what: String,
}

/// A whole chunk that is not what was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where it begins.
    pub offset: u64,
    /// Where it ends.
    pub end: u64,
    /// Its stream, where it has one.
    pub stream: Option<String>,
    /// First and last timestamp of its samples as they are now, in seconds.
    pub span: Option<(f64, f64)>,
}

/// What was found of one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamReport {
    /// Number in the file.
    pub stream: u32,
    /// What its header says.
    pub info: StreamInfo,
    /// What was counted.
    pub totals: StreamTotals,
    /// Whether there is a footer.
    pub has_footer: bool,
    /// The footer's sample count, where it differs from what was counted.
    pub wrong_footer_count: Option<u64>,
    /// Timestamps that are not above the one before.
    pub backward_timestamps: u64,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Size of the file.
    pub file_bytes: u64,
    /// Whether the file header is there.
    pub has_file_header: bool,
    /// Whole chunks.
    pub chunk_count: u64,
    /// The streams, by number.
    pub streams: Vec<StreamReport>,
    /// What cannot be read.
    pub damages: Vec<Damage>,
    /// Streams whose header cannot be read, so that nothing of them can: those that have a footer, with
    /// the number of samples that it gives.
    pub headless_streams: Vec<(u32, u64)>,
    /// Streams whose header cannot be read but is kept beside the file: number and name. A repair puts it back.
    pub restorable_headers: Vec<(u32, String)>,
    /// Whether checksums lie beside the file. Without them, changed bytes cannot be told from recorded ones.
    pub has_sums: bool,
    /// Chunks that are whole and are not what was recorded.
    pub changed_chunks: u64,
    /// The first of them.
    pub changes: Vec<Change>,
}

impl StreamReport {
    fn new(stream: u32, info: StreamInfo) -> Self {
        Self {
            stream,
            info,
            totals: StreamTotals::default(),
            has_footer: false,
            wrong_footer_count: None,
            backward_timestamps: 0,
        }
    }
}

impl Report {
    /// Whether there is nothing to repair.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.has_file_header
            && self.damages.is_empty()
            && self.restorable_headers.is_empty()
            && self.streams.iter().all(|stream| stream.has_footer)
    }
}

/// Reads the whole file and says what is there. The file is not changed.
///
/// # Errors
/// When the file cannot be read or never was an XDF file.
pub fn check(path: &Path) -> Result<Report, XdfError> {
    let (folder, name) = Folder::of_file(path).map_err(XdfError::io("cannot open", path))?;
    check_in(&folder, &name)
}

/// [`check`] of a file in an open folder.
///
/// # Errors
/// When the file cannot be read or never was an XDF file.
pub fn check_in(folder: &Folder, name: &OsStr) -> Result<Report, XdfError> {
    let report = survey(folder, name, &[], |_, _| Ok(()))?;
    if report.is_sound() || !report.has_sums {
        return Ok(report);
    }
    let is_there = |number| report.streams.iter().any(|stream| stream.stream == number);
    let lost = kept_headers_of(folder, name, |number| !is_there(number));
    if lost.is_empty() {
        return Ok(report);
    }
    let mut report = survey(folder, name, &lost, |_, _| Ok(()))?;
    // A header of which nothing else is there brings nothing back.
    let restorable = report.restorable_headers.clone();
    report.streams.retain(|stream| {
        let totals = &stream.totals;
        let is_empty = totals.sample_count == 0 && totals.clock_offsets.is_empty() && !stream.has_footer;
        !is_empty || restorable.iter().all(|(number, _)| *number != stream.stream)
    });
    let kept: Vec<_> = report.streams.iter().map(|stream| stream.stream).collect();
    report.restorable_headers.retain(|(number, _)| kept.contains(number));
    Ok(report)
}

/// The headers, as whole chunks, that a repair puts back.
pub(crate) fn restorable_headers(folder: &Folder, name: &OsStr, report: &Report) -> Vec<Vec<u8>> {
    let is_lost = |number| report.restorable_headers.iter().any(|(lost, _)| *lost == number);
    if report.restorable_headers.is_empty() { Vec::new() } else { kept_headers_of(folder, name, is_lost) }
}

/// The headers kept beside the file of the streams that are `wanted`.
fn kept_headers_of(folder: &Folder, name: &OsStr, wanted: impl Fn(u32) -> bool) -> Vec<Vec<u8>> {
    let mut headers = kept_headers(folder, name);
    headers.retain(|chunk| {
        let event = RawChunk::of_bytes(chunk).and_then(|chunk| Decoder::default().decode(&chunk).ok());
        matches!(event, Some(Event::StreamHeader { stream, .. }) if wanted(stream))
    });
    headers
}

/// A whole chunk of a file.
pub(crate) struct Seen<'a> {
    /// Its first byte.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// Checksum of its bytes.
    pub crc32: u32,
    /// What it is.
    pub event: &'a Event,
}

/// [`check`] of a file of which these headers are known from elsewhere, handing each whole chunk and the file to
/// `visit` on the way.
pub(crate) fn survey(
    folder: &Folder,
    name: &OsStr,
    known_headers: &[Vec<u8>],
    mut visit: impl FnMut(&File, &Seen<'_>) -> Result<(), XdfError>,
) -> Result<Report, XdfError> {
    let path = folder.join(name);
    let file = folder.open_file(name).map_err(XdfError::io("cannot open", &path))?;
    let file_bytes = file.metadata().map_err(XdfError::io("cannot read", &path))?.len();
    let mut survey = Survey::new(file_bytes, SumsReader::open(folder, name));
    survey.know(known_headers);
    if !read_magic(&file, &path)? {
        let what = "the file ends before its first chunk".to_owned();
        survey.report.damages.push(Damage { offset: 0, resumes_at: file_bytes, is_unfinished: true, what });
        return Ok(survey.finish());
    }
    let mut position = MAGIC.len() as u64;
    let mut lookahead = Lookahead::new(&file, file_bytes);
    let mut chunks = ChunkReader::of_file(&file, position);
    // Up to here a row of chunks is known to be sound.
    let mut sound_until = 0;
    while position < file_bytes {
        chunks.go_to(position)?;
        let error = loop {
            let chunk = match chunks.next() {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(survey.finish()),
                Err(error) => break error,
            };
            let event = match survey.decode(&chunk) {
                Ok(event) => event,
                Err(error) => break error,
            };
            // The length of a damaged chunk could lead anywhere.
            if matches!(event, Event::Other { .. })
                && survey.was_recorded(position, chunks.position, chunk.crc32) == Some(false)
            {
                break XdfError::Damaged { offset: position, what: "its kind is unknown" };
            }
            if matches!(event, Event::Other { .. })
                && chunks.position < file_bytes
                && sound_until < chunks.position
            {
                match lookahead.begins_a_row(chunks.position, &survey.decoder)? {
                    Some(end) => sound_until = end,
                    None => break XdfError::Damaged { offset: position, what: "its kind is unknown" },
                }
            }
            let seen = Seen { start: position, end: chunks.position, crc32: chunk.crc32, event: &event };
            visit(&file, &seen)?;
            position = seen.end;
            survey.compare(&seen);
            survey.note(event);
        };
        if matches!(error, XdfError::Io { .. }) {
            return Err(error);
        }
        let next = lookahead.next_sound_chunk(position + 1, &survey.decoder)?;
        let resumes_at = next.unwrap_or(file_bytes);
        let is_unfinished = next.is_none()
            && is_unfinished(&file, position, &survey.decoder).map_err(XdfError::io("cannot read", &path))?;
        let what = error.to_string();
        survey.report.damages.push(Damage { offset: position, resumes_at, is_unfinished, what });
        position = resumes_at;
    }
    Ok(survey.finish())
}

/// Whether the magic is there; `false` for a file that was cut inside it.
fn read_magic(mut file: &File, path: &Path) -> Result<bool, XdfError> {
    let mut start = Vec::new();
    file.by_ref()
        .take(MAGIC.len() as u64)
        .read_to_end(&mut start)
        .map_err(XdfError::io("cannot read", path))?;
    if MAGIC.starts_with(&start) {
        Ok(start.len() == MAGIC.len())
    } else {
        Err(XdfError::NotXdf { path: path.display().to_string() })
    }
}

/// What is found on the way through a file.
struct Survey {
    report: Report,
    streams: BTreeMap<u32, StreamReport>,
    decoder: Decoder,
    sums: Option<SumsReader>,
}

impl Survey {
    fn new(file_bytes: u64, sums: Option<SumsReader>) -> Self {
        let report = Report { file_bytes, has_sums: sums.is_some(), ..Report::default() };
        Self { report, streams: BTreeMap::new(), decoder: Decoder::default(), sums }
    }

    /// Takes over headers that the file lacks.
    fn know(&mut self, headers: &[Vec<u8>]) {
        for chunk in headers.iter().filter_map(|bytes| RawChunk::of_bytes(bytes)) {
            if let Ok(Event::StreamHeader { stream, info, .. }) = self.decoder.decode(&chunk) {
                self.report.restorable_headers.push((stream, info.name.clone()));
                self.streams.insert(stream, StreamReport::new(stream, info));
            }
        }
    }

    fn decode(&mut self, chunk: &RawChunk) -> Result<Event, XdfError> {
        let event = self.decoder.decode(chunk);
        if matches!(event, Err(XdfError::Damaged { what: NO_HEADER, .. })) {
            self.report.headless_streams.extend(headless_footer(chunk));
        }
        event
    }

    /// Whether these bytes are what was noted when they were recorded; `None` where nothing was.
    fn was_recorded(&mut self, start: u64, end: u64, crc32: u32) -> Option<bool> {
        let piece = self.sums.as_mut()?.piece_at(start)?;
        Some((piece.start, piece.end) == (start, end) && piece.sum == Sum::Crc32(crc32))
    }

    /// Compares a chunk with what was noted when it was recorded.
    fn compare(&mut self, seen: &Seen<'_>) {
        if self.was_recorded(seen.start, seen.end, seen.crc32) != Some(false) {
            return;
        }
        self.report.changed_chunks += 1;
        if self.report.changes.len() < TOLD_CHANGES {
            let name = |stream: &u32| self.streams.get(stream).map(|report| report.info.name.clone());
            let (stream, span) = match seen.event {
                Event::Samples { stream, samples } => {
                    let times = &samples.timestamps;
                    (name(stream), times.first().copied().zip(times.last().copied()))
                }
                Event::ClockOffset { stream, .. } | Event::Footer { stream, .. } => (name(stream), None),
                Event::StreamHeader { info, .. } => (Some(info.name.clone()), None),
                _ => (None, None),
            };
            self.report.changes.push(Change { offset: seen.start, end: seen.end, stream, span });
        }
    }

    fn note(&mut self, event: Event) {
        let (report, streams) = (&mut self.report, &mut self.streams);
        report.chunk_count += 1;
        match event {
            Event::FileHeader { .. } => report.has_file_header = true,
            Event::StreamHeader { stream, info, .. } => {
                report.restorable_headers.retain(|(copied, _)| *copied != stream);
                streams.insert(stream, StreamReport::new(stream, info));
            }
            Event::Samples { stream, samples } => {
                let Some(report) = streams.get_mut(&stream) else { return };
                for &timestamp in &samples.timestamps {
                    if report.totals.last_timestamp.is_some_and(|last| timestamp <= last) {
                        report.backward_timestamps += 1;
                    }
                    report.totals.first_timestamp.get_or_insert(timestamp);
                    report.totals.last_timestamp = Some(timestamp);
                }
                report.totals.sample_count += samples.timestamps.len() as u64;
            }
            Event::ClockOffset { stream, time, value } => {
                if let Some(report) = streams.get_mut(&stream) {
                    report.totals.clock_offsets.push((time, value));
                }
            }
            Event::Footer { stream, footer } => {
                if let Some(report) = streams.get_mut(&stream) {
                    report.has_footer = true;
                    report.wrong_footer_count =
                        footer.sample_count.filter(|&count| count != report.totals.sample_count);
                }
            }
            Event::Boundary | Event::Other { .. } => {}
        }
    }

    fn finish(mut self) -> Report {
        self.report.streams = self.streams.into_values().collect();
        self.report
    }
}
