//! Where reading goes on after damage, and whether a broken end is what a crash leaves.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crate::chunk::{ChunkReader, MAX_CHUNK_BYTES, length_width};
use crate::reader::{Decoder, NO_HEADER};
use crate::{Event, XdfError};

/// Chunks in a row that must be sound before reading goes on, unless the file ends before.
const CHUNKS_IN_A_ROW: usize = 3;
/// Bytes that are looked through at once.
const WINDOW_BYTES: usize = 1 << 16;
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

/// The first place at or after `from` where sound chunks follow one another; `decoder` knows the streams
/// so far.
pub(crate) fn next_sound_chunk(
    file: &mut File,
    from: u64,
    file_bytes: u64,
    decoder: &Decoder,
) -> Result<Option<u64>, XdfError> {
    let mut window = Vec::new();
    let mut start = from;
    while start < file_bytes {
        file.seek(SeekFrom::Start(start + window.len() as u64)).map_err(XdfError::data("cannot read"))?;
        let read = file
            .by_ref()
            .take(WINDOW_BYTES as u64)
            .read_to_end(&mut window)
            .map_err(XdfError::data("cannot read"))?;
        // The last bytes of a window are looked at again together with what follows them.
        let is_last = read == 0 || start + window.len() as u64 >= file_bytes;
        let looked_at = if is_last { window.len() } else { window.len().saturating_sub(HEAD_BYTES) };
        for place in 0..looked_at {
            let offset = start + place as u64;
            let head = &window[place..window.len().min(place + HEAD_BYTES)];
            if is_plausible(head, file_bytes - offset, decoder) && begins_a_row(file, offset, decoder)? {
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

/// Whether a whole chunk can begin with these bytes, `left` bytes before the end of the file.
fn is_plausible(head: &[u8], left: u64, decoder: &Decoder) -> bool {
    let Some((length, at)) = chunk_length(head) else { return false };
    let fits = (2..=MAX_CHUNK_BYTES).contains(&length) && length <= left - at as u64;
    fits && head.len() >= at + 2 && decoder.could_begin(&head[at..], length)
}

/// Whether several sound chunks follow one another from `offset` on. A boundary says so by itself.
pub(crate) fn begins_a_row(file: &mut File, offset: u64, decoder: &Decoder) -> Result<bool, XdfError> {
    file.seek(SeekFrom::Start(offset)).map_err(XdfError::data("cannot read"))?;
    let mut chunks = ChunkReader::new(BufReader::with_capacity(WINDOW_BYTES, &*file), offset);
    let mut decoder = decoder.clone();
    let mut sound = 0;
    while sound < CHUNKS_IN_A_ROW {
        let chunk = match chunks.next() {
            Ok(Some(chunk)) => chunk,
            Ok(None) | Err(XdfError::Truncated { .. }) => return Ok(sound > 0),
            Err(error @ XdfError::Io { .. }) => return Err(error),
            Err(_) => return Ok(false),
        };
        match decoder.decode(&chunk) {
            Ok(Event::Boundary) => return Ok(true),
            // Whatever it is, what follows it decides.
            Ok(Event::Other { .. }) => {}
            Ok(_) => sound += 1,
            // The stream's header was lost; the chunk itself may be sound.
            Err(XdfError::Damaged { what: NO_HEADER, .. }) if sound > 0 => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Whether all that follows `from` is one chunk that was not finished, or zeros, as after a power cut:
/// nothing in it could be kept.
pub(crate) fn is_unfinished(file: &mut File, from: u64, decoder: &Decoder) -> io::Result<bool> {
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
fn only_zeros(file: &mut File) -> io::Result<bool> {
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
