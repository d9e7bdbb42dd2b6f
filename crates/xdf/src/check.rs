//! What a file holds, and what is wrong with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::chunk::{ChunkReader, MAGIC};
use crate::reader::{Decoder, NO_HEADER, headless_footer};
use crate::resync::{begins_a_row, is_unfinished, next_sound_chunk};
use crate::{Event, StreamInfo, StreamTotals, XdfError};

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
}

impl Report {
    /// Whether there is nothing to repair.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.has_file_header && self.damages.is_empty() && self.streams.iter().all(|stream| stream.has_footer)
    }
}

/// Reads the whole file and says what is there. The file is not changed.
///
/// # Errors
/// When the file cannot be read or never was an XDF file.
pub fn check(path: &Path) -> Result<Report, XdfError> {
    survey(path, |_, _, _| Ok(()))
}

/// [`check`], handing each whole chunk and its place (first byte, end) to `visit` on the way.
pub(crate) fn survey(
    path: &Path,
    mut visit: impl FnMut(u64, u64, &Event) -> Result<(), XdfError>,
) -> Result<Report, XdfError> {
    let mut file = File::open(path).map_err(XdfError::io("cannot open", path))?;
    let file_bytes = file.metadata().map_err(XdfError::io("cannot read", path))?.len();
    let mut report = Report { file_bytes, ..Report::default() };
    if !read_magic(&mut file, path)? {
        let what = "the file ends before its first chunk".to_owned();
        report.damages.push(Damage { offset: 0, resumes_at: file_bytes, is_unfinished: true, what });
        return Ok(report);
    }
    let mut streams = BTreeMap::new();
    let mut decoder = Decoder::default();
    let mut position = MAGIC.len() as u64;
    // Has a place of its own in the file.
    let mut ahead = File::open(path).map_err(XdfError::io("cannot open", path))?;
    while position < file_bytes {
        file.seek(SeekFrom::Start(position)).map_err(XdfError::io("cannot read", path))?;
        let mut chunks = ChunkReader::new(BufReader::with_capacity(1 << 20, &file), position);
        let error = loop {
            let event = match chunks.next() {
                Ok(Some(chunk)) => {
                    let event = decoder.decode(&chunk);
                    if matches!(event, Err(XdfError::Damaged { what: NO_HEADER, .. })) {
                        report.headless_streams.extend(headless_footer(&chunk));
                    }
                    event
                }
                Ok(None) => return Ok(finish(report, streams)),
                Err(error) => Err(error),
            };
            match event {
                // The length of a damaged chunk could lead anywhere.
                Ok(Event::Other { .. })
                    if chunks.position < file_bytes
                        && !begins_a_row(&mut ahead, chunks.position, &decoder)? =>
                {
                    break XdfError::Damaged { offset: position, what: "its kind is unknown" };
                }
                Ok(event) => {
                    visit(position, chunks.position, &event)?;
                    position = chunks.position;
                    note(&mut report, &mut streams, event);
                }
                Err(error @ XdfError::Io { .. }) => return Err(error),
                Err(error) => break error,
            }
        };
        let next = next_sound_chunk(&mut ahead, position + 1, file_bytes, &decoder)?;
        let resumes_at = next.unwrap_or(file_bytes);
        let is_unfinished = next.is_none()
            && is_unfinished(&mut ahead, position, &decoder).map_err(XdfError::io("cannot read", path))?;
        report.damages.push(Damage { offset: position, resumes_at, is_unfinished, what: error.to_string() });
        position = resumes_at;
    }
    Ok(finish(report, streams))
}

/// Whether the magic is there; `false` for a file that was cut inside it.
fn read_magic(file: &mut File, path: &Path) -> Result<bool, XdfError> {
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

fn note(report: &mut Report, streams: &mut BTreeMap<u32, StreamReport>, event: Event) {
    report.chunk_count += 1;
    match event {
        Event::FileHeader { .. } => report.has_file_header = true,
        Event::StreamHeader { stream, info, .. } => {
            streams.insert(
                stream,
                StreamReport {
                    stream,
                    info,
                    totals: StreamTotals::default(),
                    has_footer: false,
                    wrong_footer_count: None,
                    backward_timestamps: 0,
                },
            );
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

fn finish(mut report: Report, streams: BTreeMap<u32, StreamReport>) -> Report {
    report.streams = streams.into_values().collect();
    report
}
