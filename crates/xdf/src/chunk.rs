//! Chunks: lengths, tags and where one ends.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use crate::XdfError;

/// First bytes of every XDF file.
pub(crate) const MAGIC: &[u8; 4] = b"XDF:";

/// Longest chunk that is read. LSL recorders write a chunk every half second or so; a longer one is
/// the length field of a damaged file. A chunk takes up to twelve times its length of memory (texts).
pub const MAX_CHUNK_BYTES: u64 = 64 << 20;
/// Bytes that are read from a file at once.
const READ_BYTES: usize = 1 << 16;

/// How many bytes a length takes that begins with this one; `None` where no length begins so.
pub(crate) fn length_width(byte: u8) -> Option<usize> {
    matches!(byte, 1 | 4 | 8).then_some(byte.into())
}

/// Marks a boundary, from which reading can go on after damage.
pub(crate) const BOUNDARY_UUID: [u8; 16] =
    [0x43, 0xA5, 0x46, 0xDC, 0xCB, 0xF5, 0x41, 0x0F, 0xB3, 0x0E, 0xD5, 0x46, 0x73, 0x83, 0xCB, 0xE4];

/// Tags of the chunks that the specification names.
pub(crate) mod tag {
    pub const FILE_HEADER: u16 = 1;
    pub const STREAM_HEADER: u16 = 2;
    pub const SAMPLES: u16 = 3;
    pub const CLOCK_OFFSET: u16 = 4;
    pub const BOUNDARY: u16 = 5;
    pub const STREAM_FOOTER: u16 = 6;
}

/// Appends a length as XDF stores it: how many bytes it takes (1, 4 or 8), then the length.
pub(crate) fn put_length(out: &mut Vec<u8>, length: u64) {
    if let Ok(length) = u8::try_from(length) {
        out.extend_from_slice(&[1, length]);
    } else if let Ok(length) = u32::try_from(length) {
        out.push(4);
        out.extend_from_slice(&length.to_le_bytes());
    } else {
        out.push(8);
        out.extend_from_slice(&length.to_le_bytes());
    }
}

/// A whole chunk: length, tag, then the parts of its content.
pub(crate) fn chunk(tag: u16, parts: &[&[u8]]) -> Vec<u8> {
    let content: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(content + 16);
    put_length(&mut out, content as u64 + 2);
    out.extend_from_slice(&tag.to_le_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A chunk as it lies in the file.
#[derive(Debug)]
pub(crate) struct RawChunk {
    /// Where it begins.
    pub offset: u64,
    pub tag: u16,
    pub content: Vec<u8>,
    /// Checksum (CRC-32) of all its bytes in the file.
    pub crc32: u32,
}

impl RawChunk {
    /// The chunk that these bytes are; `None` where they are none, or more than one.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let mut chunks = ChunkReader::new(bytes, 0);
        let chunk = chunks.next().ok()??;
        (chunks.position == bytes.len() as u64).then_some(chunk)
    }
}

/// A file that is read from a place of its own, whoever else reads it.
#[derive(Debug)]
pub(crate) struct FileAt<'a> {
    file: &'a File,
    position: u64,
}

impl Read for FileAt<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for FileAt<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let wanted = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        self.position = wanted.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Cuts a byte stream, after the magic, into chunks.
#[derive(Debug)]
pub(crate) struct ChunkReader<R> {
    input: R,
    /// Bytes read since the beginning of the file.
    pub position: u64,
}

impl<R: Read> ChunkReader<R> {
    /// Reads on at `position` bytes into the file.
    pub fn new(input: R, position: u64) -> Self {
        Self { input, position }
    }

    /// The next chunk; `None` where the file ends after a whole one.
    pub fn next(&mut self) -> Result<Option<RawChunk>, XdfError> {
        let offset = self.position;
        let mut first = [0];
        if self.fill(&mut first)? == 0 {
            return Ok(None);
        }
        let length = self.length(first[0], offset)?;
        if length < 2 {
            return Err(XdfError::Damaged { offset, what: "it is too short to hold a tag" });
        }
        if length > MAX_CHUNK_BYTES {
            return Err(XdfError::Damaged { offset, what: "its length cannot be right" });
        }
        let mut tag = [0; 2];
        let mut content = Vec::new();
        let mut is_whole = self.fill(&mut tag)? == tag.len();
        if is_whole {
            // `take` bounds the read and the buffer grows with what is really there, so a wrong length
            // costs no memory.
            let rest = length - tag.len() as u64;
            let mut input = self.input.by_ref().take(rest);
            let read = input.read_to_end(&mut content).map_err(XdfError::data("cannot read"))? as u64;
            self.position += read;
            is_whole = read == rest;
        }
        if !is_whole {
            return Err(XdfError::Truncated { offset });
        }
        let mut sum = crc32fast::Hasher::new();
        sum.update(&first);
        sum.update(&length.to_le_bytes()[..first[0].into()]);
        sum.update(&tag);
        sum.update(&content);
        Ok(Some(RawChunk { offset, tag: u16::from_le_bytes(tag), content, crc32: sum.finalize() }))
    }

    fn length(&mut self, bytes: u8, offset: u64) -> Result<u64, XdfError> {
        let mut length = [0; 8];
        let wanted = length_width(bytes)
            .ok_or(XdfError::Damaged { offset, what: "its length takes neither 1, 4 nor 8 bytes" })?;
        if self.fill(&mut length[..wanted])? < wanted {
            return Err(XdfError::Truncated { offset });
        }
        Ok(u64::from_le_bytes(length))
    }

    /// Fills the buffer as far as the input goes.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, XdfError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(XdfError::data("cannot read")(error)),
            }
        }
        self.position += filled as u64;
        Ok(filled)
    }
}

impl<'a> ChunkReader<BufReader<FileAt<'a>>> {
    /// Reads a file from `position` on.
    pub fn of_file(file: &'a File, position: u64) -> Self {
        Self::new(BufReader::with_capacity(READ_BYTES, FileAt { file, position }), position)
    }

    /// Goes on at another place; near ones are read from memory.
    pub fn go_to(&mut self, position: u64) -> Result<(), XdfError> {
        let by = position.wrapping_sub(self.position).cast_signed();
        self.input.seek_relative(by).map_err(XdfError::data("cannot read"))?;
        self.position = position;
        Ok(())
    }
}
