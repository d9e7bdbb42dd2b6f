//! Where reading goes on after damage, and whether a broken end is what a crash leaves.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use crate::chunk::{ChunkReader, FileAt, MAX_CHUNK_BYTES, length_width};
use crate::decoder::{Decoder, NO_HEADER, is_boundary};
use crate::{Event, XdfError};

/// Chunks in a row that must be sound before reading goes on, unless the file ends before.
const CHUNKS_IN_A_ROW: usize = 3;
/// Bytes that are looked through at once.
const WINDOW_BYTES: usize = 1 << 16;
/// What may be read in vain: so many times the file, and so many bytes more.
const PATIENCE_FACTOR: u64 = 8;
const LEAST_PATIENCE_BYTES: u64 = 16 << 20;
/// What a chunk costs beside its bytes.
const CHUNK_COST_BYTES: u64 = 64;
/// Longest beginning of a chunk that [`Decoder::could_begin`] looks at: length, tag, stream, boundary or count.
const HEAD_BYTES: usize = 9 + 2 + 4 + 16;

/// Length of a chunk, tag included, and how many bytes that length takes; `None` where the bytes are no
/// length or end inside it.
pub(crate) fn chunk_length(bytes: &[u8]) -> Option<(u64, usize)> {
    let width = length_width(*bytes.first()?)?;
    let mut length = [0; 8];
    length[..width].copy_from_slice(bytes.get(1..=width)?);
    Some((u64::from_le_bytes(length), 1 + width))
}

/// Looks ahead for the place where reading goes on.
///
/// A file can be made so that nearly every byte of it seems to begin a long chunk. What is read in vain is
/// therefore counted, and once that is many times the file, reading goes on at boundaries only.
pub(crate) struct Lookahead<'a> {
    file: &'a File,
    file_bytes: u64,
    chunks: ChunkReader<BufReader<FileAt<'a>>>,
    /// Bytes that may still be read in vain.
    patience_bytes: u64,
}

impl<'a> Lookahead<'a> {
    pub fn new(file: &'a File, file_bytes: u64) -> Self {
        let patience_bytes = file_bytes.saturating_mul(PATIENCE_FACTOR).saturating_add(LEAST_PATIENCE_BYTES);
        Self { file, file_bytes, chunks: ChunkReader::of_file(file, 0), patience_bytes }
    }

    /// The first place at or after `from` where sound chunks follow one another; `decoder` knows the streams
    /// so far.
    pub fn next_sound_chunk(&mut self, from: u64, decoder: &Decoder) -> Result<Option<u64>, XdfError> {
        let mut window = Vec::new();
        let mut start = from;
        while start < self.file_bytes {
            let is_last = self.read_on(&mut window, start)?;
            // The last bytes of a window are looked at again together with what follows them.
            let looked_at = if is_last { window.len() } else { window.len().saturating_sub(HEAD_BYTES) };
            for place in 0..looked_at {
                let offset = start + place as u64;
                let head = &window[place..window.len().min(place + HEAD_BYTES)];
                if self.is_plausible(head, offset, decoder) && self.begins_a_row(offset, decoder)?.is_some() {
                    return Ok(Some(offset));
                }
            }
            if is_last {
                break;
            }
            window.drain(..looked_at);
            start += looked_at as u64;
        }
        Ok(None)
    }

    /// Adds to a window that begins at `start`; whether the file ends in it.
    fn read_on(&self, window: &mut Vec<u8>, start: u64) -> Result<bool, XdfError> {
        let known = window.len();
        window.resize(known + WINDOW_BYTES, 0);
        let mut filled = known;
        while filled < window.len() {
            match self.file.read_at(&mut window[filled..], start + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(XdfError::data("cannot read")(error)),
            }
        }
        window.truncate(filled);
        Ok(filled < known + WINDOW_BYTES || start + filled as u64 >= self.file_bytes)
    }

    /// Whether a whole chunk can begin with these bytes at `offset`.
    fn is_plausible(&self, head: &[u8], offset: u64, decoder: &Decoder) -> bool {
        let Some((length, at)) = chunk_length(head) else { return false };
        let left = self.file_bytes.saturating_sub(offset + at as u64);
        let fits = (2..=MAX_CHUNK_BYTES).contains(&length) && length <= left;
        let content = head.get(at..).filter(|content| fits && content.len() >= 2);
        content.is_some_and(|content| match self.patience_bytes {
            0 => is_boundary(content, length),
            _ => decoder.could_begin(content, length),
        })
    }

    /// Where the last of several sound chunks ends that follow one another from `offset` on; `None` where
    /// they do not. A boundary says so by itself.
    pub fn begins_a_row(&mut self, offset: u64, decoder: &Decoder) -> Result<Option<u64>, XdfError> {
        self.chunks.go_to(offset)?;
        let mut cost = decoder.bytes();
        let row = row_end(&mut self.chunks, decoder.clone(), &mut cost, self.patience_bytes)?;
        if row.is_none() {
            self.patience_bytes = self.patience_bytes.saturating_sub(cost);
        }
        Ok(row)
    }
}

/// Reads a row of sound chunks and adds what that takes to `cost`; chunks of an unknown kind are passed
/// over only while that is no more than `most`.
fn row_end(
    chunks: &mut ChunkReader<BufReader<FileAt<'_>>>,
    mut decoder: Decoder,
    cost: &mut u64,
    most: u64,
) -> Result<Option<u64>, XdfError> {
    let mut sound = 0;
    while sound < CHUNKS_IN_A_ROW {
        let chunk = match chunks.next() {
            Ok(Some(chunk)) => chunk,
            Ok(None) | Err(XdfError::Truncated { .. }) => return Ok((sound > 0).then_some(chunks.position)),
            Err(error @ XdfError::Io { .. }) => return Err(error),
            Err(_) => return Ok(None),
        };
        *cost += CHUNK_COST_BYTES + chunk.content.len() as u64;
        match decoder.decode(&chunk) {
            Ok(Event::Boundary) => return Ok(Some(chunks.position)),
            // Whatever it is, what follows it decides.
            Ok(Event::Other { .. }) if *cost <= most => {}
            Ok(Event::Other { .. }) => return Ok(None),
            Ok(_) => sound += 1,
            // The stream's header was lost; the chunk itself may be sound.
            Err(XdfError::Damaged { what: NO_HEADER, .. }) if sound > 0 => {}
            _ => return Ok(None),
        }
    }
    Ok(Some(chunks.position))
}

/// Whether all that follows `from` is one chunk that was not finished, or zeros, as after a power cut:
/// nothing in it could be kept.
pub(crate) fn is_unfinished(mut file: &File, from: u64, decoder: &Decoder) -> io::Result<bool> {
    file.seek(SeekFrom::Start(from))?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    if head.iter().all(|&byte| byte == 0) {
        return only_zeros(file);
    }
    let Some(width) = length_width(head[0]) else { return Ok(false) };
    Ok(match head.get(1 + width..) {
        Some(content) => decoder.could_be_unfinished(content),
        None => true,
    })
}

/// Whether nothing but zeros follows.
fn only_zeros(mut file: &File) -> io::Result<bool> {
    let mut window = Vec::with_capacity(WINDOW_BYTES);
    loop {
        window.clear();
        if file.by_ref().take(WINDOW_BYTES as u64).read_to_end(&mut window)? == 0 {
            return Ok(true);
        }
        if window.iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
    }
}
