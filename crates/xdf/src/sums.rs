//! Checksums of a recording's chunks, beside it: what tells changed bytes from recorded ones.
//!
//! `data.xdf.sums` is text. Its first line names it; then, for each piece of the data from the first byte on, a line
//! with the piece's length and its CRC-32 (`5321 1a2b3c4d`). A stream's header is kept whole in a block of its
//! own (`header LENGTH`, the chunk's bytes, a line end), so that a damaged one can be restored. What a crash has
//! torn off at its end covers less of the data and harms nothing else.
//!
//! These are no signatures: whoever changes the data on purpose can change the sums, too.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use mien_folder::Folder;

use crate::chunk::{MAGIC, MAX_CHUNK_BYTES, tag};
use crate::resync::chunk_length;

const FIRST_LINE: &str = "mien-sums 1 (length and CRC-32 of each chunk of the XDF file beside this one)";
/// Instead of a checksum: the piece is not what was recorded.
const CHANGED: &str = "changed";
/// Longest line, but for headers.
const LINE_BYTES: u64 = 200;
/// Bytes of headers that are read from a file.
const MAX_HEADER_BYTES: u64 = MAX_CHUNK_BYTES;

/// The name of the file with the checksums of `data`.
pub(crate) fn sums_name(data: &OsStr) -> OsString {
    let mut name = data.to_owned();
    name.push(".sums");
    name
}

/// What was noted of a piece of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sum {
    Crc32(u32),
    /// It is known not to be what was recorded.
    Changed,
}

/// A piece of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub start: u64,
    pub end: u64,
    pub sum: Sum,
}

/// Notes the checksums of chunks as they are written. Nothing that goes wrong here stops a recording.
#[derive(Debug)]
pub(crate) struct SumsWriter {
    /// `None` once it cannot be written.
    file: Option<File>,
    lines: Vec<u8>,
}

impl SumsWriter {
    pub fn create(folder: &Folder, name: &OsStr) -> io::Result<Self> {
        let lines = format!("{FIRST_LINE}\n").into_bytes();
        Ok(Self { file: Some(folder.create_scratch(name)?), lines })
    }

    /// Notes a whole chunk; the magic may precede it.
    pub fn add(&mut self, bytes: &[u8], is_start: bool) {
        let chunk = match bytes.strip_prefix(MAGIC) {
            Some(chunk) if is_start => {
                self.note(MAGIC.len() as u64, Sum::Crc32(crc32fast::hash(MAGIC)));
                chunk
            }
            _ => bytes,
        };
        if chunk.is_empty() {
            return;
        }
        if is_header(chunk) {
            self.header(chunk);
        }
        self.note(chunk.len() as u64, Sum::Crc32(crc32fast::hash(chunk)));
    }

    /// Keeps a stream's header chunk.
    pub fn header(&mut self, chunk: &[u8]) {
        let _into_memory = writeln!(self.lines, "header {}", chunk.len());
        self.lines.extend_from_slice(chunk);
        self.lines.push(b'\n');
    }

    /// Notes the next piece.
    pub fn note(&mut self, length: u64, sum: Sum) {
        let _into_memory = match sum {
            Sum::Crc32(crc32) => writeln!(self.lines, "{length} {crc32:08x}"),
            Sum::Changed => writeln!(self.lines, "{length} {CHANGED}"),
        };
        if self.lines.len() > 1 << 16 {
            self.write();
        }
    }

    /// Hands what was noted to the system.
    pub fn write(&mut self) {
        if let Some(file) = &mut self.file
            && file.write_all(&self.lines).is_err()
        {
            self.file = None;
        }
        self.lines.clear();
    }

    /// Writes all to the disk; whether that went well.
    pub fn finish(mut self) -> bool {
        self.write();
        self.file.is_some_and(|file| file.sync_all().is_ok())
    }
}

fn is_header(chunk: &[u8]) -> bool {
    chunk_length(chunk).and_then(|(_, at)| chunk.get(at..at + 2)) == Some(&tag::STREAM_HEADER.to_le_bytes())
}

/// Reads the pieces in the order of the data.
pub(crate) struct SumsReader {
    input: BufReader<File>,
    position: u64,
    /// The piece that was looked at last.
    ahead: Option<Piece>,
    headers: Vec<Vec<u8>>,
    header_bytes: u64,
}

impl SumsReader {
    /// `None` where there are none, or what is there is something else.
    pub fn open(folder: &Folder, data: &OsStr) -> Option<Self> {
        Self::open_named(folder, &sums_name(data))
    }

    pub fn open_named(folder: &Folder, name: &OsStr) -> Option<Self> {
        let input = BufReader::new(folder.open_file(name).ok()?);
        let mut reader = Self { input, position: 0, ahead: None, headers: Vec::new(), header_bytes: 0 };
        (reader.line()? == FIRST_LINE).then_some(reader)
    }

    /// The piece in which `offset` lies, or the next one after it.
    pub fn piece_at(&mut self, offset: u64) -> Option<Piece> {
        while self.ahead.is_none_or(|piece| piece.end <= offset) {
            self.ahead = Some(self.next()?);
        }
        self.ahead
    }

    /// The next piece; `None` at the end, or where what follows makes no sense.
    pub fn next(&mut self) -> Option<Piece> {
        loop {
            let line = self.line()?;
            let (length, sum) = line.split_once(' ')?;
            if length == "header" {
                self.keep_header(sum.parse().ok()?)?;
                continue;
            }
            let length: u64 = length.parse().ok().filter(|&length| length > 0)?;
            let sum = match sum {
                CHANGED => Sum::Changed,
                crc32 => Sum::Crc32(u32::from_str_radix(crc32, 16).ok()?),
            };
            let start = self.position;
            self.position = start.checked_add(length)?;
            return Some(Piece { start, end: self.position, sum });
        }
    }

    fn keep_header(&mut self, length: u64) -> Option<()> {
        self.header_bytes = self.header_bytes.checked_add(length)?;
        if self.header_bytes > MAX_HEADER_BYTES {
            return None;
        }
        let mut chunk = Vec::new();
        let read = self.input.by_ref().take(length).read_to_end(&mut chunk).ok()? as u64;
        let is_whole = read == length && self.line()?.is_empty() && is_header(&chunk);
        is_whole.then(|| self.headers.push(chunk))
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        self.input.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line).ok()?;
        (line.pop()? == b'\n').then(|| String::from_utf8(line).ok())?
    }
}

/// Every header that the sums of `data` keep, as whole chunks.
pub(crate) fn kept_headers(folder: &Folder, data: &OsStr) -> Vec<Vec<u8>> {
    let Some(mut reader) = SumsReader::open(folder, data) else { return Vec::new() };
    while reader.next().is_some() {}
    reader.headers
}
