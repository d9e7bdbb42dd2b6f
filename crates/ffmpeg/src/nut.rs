//! Reads one raw video stream from a NUT container, the way ffmpeg writes it to a pipe.
//!
//! NUT is the one container that ffmpeg can write to a pipe without seeking, and in which raw pictures may
//! differ in size. Only what such a stream contains is understood, and their times are passed over: a muxer
//! changes those that do not rise. The names of the fields are those of the NUT specification
//! (<https://ffmpeg.org/~michael/nut.txt>).

use std::io::{BufReader, ErrorKind, Read};

const FILE_ID: &[u8; 25] = b"nut/multimedia container\0";
const MAIN: u64 = 0x4E4D_7A56_1F5F_04AD;
const STREAM: u64 = 0x4E53_1140_5BF2_F9DB;
/// Longest header packet that is believed, in bytes.
const MAX_PACKET_BYTES: u64 = 1 << 20;

const FLAG_CODED_PTS: u64 = 1 << 3;
const FLAG_STREAM_ID: u64 = 1 << 4;
const FLAG_SIZE_MSB: u64 = 1 << 5;
const FLAG_CHECKSUM: u64 = 1 << 6;
const FLAG_RESERVED: u64 = 1 << 7;
const FLAG_SIDE_DATA: u64 = 1 << 8;
const FLAG_HEADER_IDX: u64 = 1 << 10;
const FLAG_MATCH_TIME: u64 = 1 << 11;
const FLAG_CODED: u64 = 1 << 12;
const FLAG_INVALID: u64 = 1 << 13;

/// Why a NUT stream cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum NutError {
    /// The pipe broke.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// The bytes are not what the specification says.
    #[error("the NUT stream has {0}")]
    Format(&'static str),
}

/// One entry of the table that a frame's first byte points into.
#[derive(Clone, Copy, Default)]
struct FrameCode {
    flags: u64,
    stream_id: u64,
    data_size_mul: u64,
    data_size_lsb: u64,
    reserved_count: u64,
    header_idx: u64,
}

/// What precedes a picture. Its time is what the muxer makes of it: not to be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the picture.
    pub(crate) size: usize,
}

/// A stream of raw pictures.
pub(crate) struct NutReader<R> {
    input: BufReader<R>,
    codes: [FrameCode; 256],
    elided: Vec<Vec<u8>>,
    has_stream: bool,
}

/// The content of one header packet.
struct Packet<'a>(&'a [u8]);

impl<R: Read> NutReader<R> {
    /// Reads the headers, up to the first picture.
    pub(crate) fn new(input: R) -> Result<Self, NutError> {
        let mut reader = Self {
            input: BufReader::with_capacity(16 << 10, input),
            codes: [FrameCode { flags: FLAG_INVALID, ..FrameCode::default() }; 256],
            elided: vec![Vec::new()],
            has_stream: false,
        };
        let mut id = [0; FILE_ID.len()];
        reader.input.read_exact(&mut id)?;
        if &id != FILE_ID {
            return Err(NutError::Format("no NUT signature"));
        }
        while !reader.has_stream {
            let first = reader.byte()?.ok_or(NutError::Format("no video stream"))?;
            if first != b'N' {
                return Err(NutError::Format("a frame before the stream's header"));
            }
            reader.header_packet()?;
        }
        Ok(reader)
    }

    /// The next picture's header, or `None` at the end. Its bytes must be read with
    /// [`NutReader::read_picture`] before the next call.
    pub(crate) fn next_header(&mut self) -> Result<Option<FrameHeader>, NutError> {
        loop {
            match self.byte()? {
                None => return Ok(None),
                Some(b'N') => self.header_packet()?,
                Some(code) => return self.frame_header(self.codes[usize::from(code)]).map(Some),
            }
        }
    }

    /// Fills `pixels`, whose length is that of the last header.
    pub(crate) fn read_picture(&mut self, pixels: &mut [u8]) -> Result<(), NutError> {
        Ok(self.input.read_exact(pixels)?)
    }

    fn frame_header(&mut self, code: FrameCode) -> Result<FrameHeader, NutError> {
        let mut flags = code.flags;
        if flags & FLAG_CODED != 0 {
            flags ^= self.varint()?;
        }
        if flags & (FLAG_INVALID | FLAG_SIDE_DATA) != 0 {
            return Err(NutError::Format("an invalid frame code"));
        }
        let stream_id = if flags & FLAG_STREAM_ID != 0 { self.varint()? } else { code.stream_id };
        if stream_id != 0 {
            return Err(NutError::Format("more than one stream"));
        }
        if flags & FLAG_CODED_PTS != 0 {
            self.varint()?;
        }
        let msb = if flags & FLAG_SIZE_MSB != 0 { self.varint()? } else { 0 };
        let size = msb.checked_mul(code.data_size_mul).and_then(|size| size.checked_add(code.data_size_lsb));
        if flags & FLAG_MATCH_TIME != 0 {
            self.varint()?;
        }
        let header_idx = if flags & FLAG_HEADER_IDX != 0 { self.varint()? } else { code.header_idx };
        let reserved = if flags & FLAG_RESERVED != 0 { self.varint()? } else { code.reserved_count };
        for _ in 0..reserved {
            self.varint()?;
        }
        if flags & FLAG_CHECKSUM != 0 {
            self.input.read_exact(&mut [0; 4])?;
        }
        // ffmpeg elides the start codes of compressed pictures only.
        if usize::try_from(header_idx).ok().and_then(|i| self.elided.get(i)).is_none_or(|e| !e.is_empty()) {
            return Err(NutError::Format("a picture with an elided header"));
        }
        let size = size.and_then(|size| usize::try_from(size).ok());
        Ok(FrameHeader { size: size.ok_or(NutError::Format("a picture too large to exist"))? })
    }

    /// A packet whose start code's first byte has been read.
    fn header_packet(&mut self) -> Result<(), NutError> {
        let mut code = [b'N', 0, 0, 0, 0, 0, 0, 0];
        self.input.read_exact(&mut code[1..])?;
        let length = self.varint()?;
        if length > 4096 {
            self.input.read_exact(&mut [0; 4])?;
        }
        if !(4..=MAX_PACKET_BYTES).contains(&length) {
            return Err(NutError::Format("a header of impossible length"));
        }
        let mut content = vec![0; length as usize];
        self.input.read_exact(&mut content)?;
        let mut packet = Packet(&content[..content.len() - 4]);
        match u64::from_be_bytes(code) {
            MAIN => self.main_header(&mut packet),
            STREAM => self.stream_header(&mut packet),
            _ => Ok(()), // Syncpoints, information, index: nothing that the pictures need.
        }
    }

    fn main_header(&mut self, packet: &mut Packet<'_>) -> Result<(), NutError> {
        let version = packet.varint()?;
        if version > 3 {
            packet.varint()?; // minor_version
        }
        if packet.varint()? != 1 {
            return Err(NutError::Format("more than one stream"));
        }
        packet.varint()?; // max_distance
        for _ in 0..packet.varint()? {
            packet.varint()?; // a time base's numerator, and its denominator
            packet.varint()?;
        }
        self.codes = packet.frame_codes()?;
        self.elided = vec![Vec::new()];
        for _ in 0..packet.varint()? {
            let length = packet.varint()?;
            self.elided.push(packet.bytes(length)?.to_vec());
        }
        Ok(())
    }

    fn stream_header(&mut self, packet: &mut Packet<'_>) -> Result<(), NutError> {
        let stream_id = packet.varint()?;
        let class = packet.varint()?;
        if stream_id != 0 || class != 0 {
            return Err(NutError::Format("a stream that is no video"));
        }
        self.has_stream = true;
        Ok(())
    }

    /// The next byte; `None` at a clean end.
    fn byte(&mut self) -> Result<Option<u8>, NutError> {
        let mut byte = [0];
        match self.input.read_exact(&mut byte) {
            Ok(()) => Ok(Some(byte[0])),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn varint(&mut self) -> Result<u64, NutError> {
        varint(|| self.byte()?.ok_or(NutError::Format("an end within a header")))
    }
}

impl Packet<'_> {
    fn varint(&mut self) -> Result<u64, NutError> {
        varint(|| {
            let (&first, rest) = self.0.split_first().ok_or(NutError::Format("a header cut short"))?;
            self.0 = rest;
            Ok(first)
        })
    }

    fn signed(&mut self) -> Result<i64, NutError> {
        let coded = self.varint()?;
        let half = (coded / 2 + coded % 2) as i64;
        Ok(if coded % 2 == 0 { -half } else { half })
    }

    fn bytes(&mut self, length: u64) -> Result<&[u8], NutError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(NutError::Format("a header cut short"))?;
        self.0 = rest;
        Ok(bytes)
    }

    /// The table of frame codes: runs of entries that differ in `data_size_lsb` only.
    fn frame_codes(&mut self) -> Result<[FrameCode; 256], NutError> {
        let mut codes = [FrameCode { flags: FLAG_INVALID, ..FrameCode::default() }; 256];
        let mut run = FrameCode { data_size_mul: 1, ..FrameCode::default() };
        let mut i = 0;
        while i < 256 {
            run.flags = self.varint()?;
            let fields = self.varint()?;
            if fields > 0 {
                self.signed()?; // pts_delta
            }
            if fields > 1 {
                run.data_size_mul = self.varint()?;
            }
            if fields > 2 {
                run.stream_id = self.varint()?;
            }
            run.data_size_lsb = if fields > 3 { self.varint()? } else { 0 };
            run.reserved_count = if fields > 4 { self.varint()? } else { 0 };
            let count = match fields > 5 {
                true => self.varint()?,
                false => run.data_size_mul.saturating_sub(run.data_size_lsb),
            };
            if fields > 6 {
                self.signed()?; // match_time_delta
            }
            if fields > 7 {
                run.header_idx = self.varint()?;
            }
            for _ in 8..fields {
                self.varint()?;
            }
            if count == 0 {
                return Err(NutError::Format("an empty run of frame codes"));
            }
            for j in 0..count {
                // The letter N begins start codes and is never a frame code.
                i += usize::from(i == usize::from(b'N'));
                if i >= 256 {
                    break;
                }
                codes[i] = FrameCode { data_size_lsb: run.data_size_lsb.wrapping_add(j), ..run };
                i += 1;
            }
        }
        Ok(codes)
    }
}

/// Seven bits a byte, most significant first; the top bit says that more follows.
fn varint(mut byte: impl FnMut() -> Result<u8, NutError>) -> Result<u64, NutError> {
    let mut value = 0u64;
    for _ in 0..10 {
        let next = byte()?;
        value = value << 7 | u64::from(next & 0x7F);
        if next & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(NutError::Format("a number without an end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The main header that ffmpeg 5.1 writes for one stream at a time base of a microsecond.
    const MAIN_HEADER: &[u8] = &[
        0x4E, 0x4D, 0x7A, 0x56, 0x1F, 0x5F, 0x04, 0xAD, 0x48, 0x03, 0x01, 0x81, 0xFF, 0x7F, 0x01, 0x01, 0xBD,
        0x84, 0x40, 0xC0, 0x00, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xA0, 0x00, 0x02, 0x01, 0x01, 0x28,
        0x01, 0x00, 0x29, 0x00, 0x21, 0x01, 0x01, 0x20, 0x02, 0x01, 0x81, 0x79, 0xC0, 0x00, 0x06, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x01, 0x06, 0x03, 0x00, 0x00, 0x01, 0x04, 0x00, 0x00, 0x01, 0xB6, 0x02, 0xFF, 0xFA,
        0x02, 0xFF, 0xFB, 0x02, 0xFF, 0xFC, 0x02, 0xFF, 0xFD, 0x2B, 0x6F, 0xC9, 0xB8,
    ];

    #[test]
    fn numbers() {
        let bytes = [0xBD, 0x84, 0x40];
        assert_eq!(Packet(&bytes).varint().unwrap(), 1_000_000);
        assert_eq!(Packet(&[0]).signed().unwrap(), 0);
        assert_eq!(Packet(&[1]).signed().unwrap(), 1);
        assert_eq!(Packet(&[2]).signed().unwrap(), -1);
        assert!(Packet(&[0xFF; 11]).varint().is_err());
    }

    /// Two pictures of twelve bytes behind the headers.
    fn small_stream() -> Vec<u8> {
        let mut stream = FILE_ID.to_vec();
        stream.extend_from_slice(MAIN_HEADER);
        let header = [0, 0, 0, 0, 0, 0, 0, 0];
        stream.extend_from_slice(&STREAM.to_be_bytes());
        stream.push(header.len() as u8 + 4);
        stream.extend_from_slice(&header);
        stream.extend_from_slice(&[0; 4]);
        for _ in 0..2 {
            // Everything is said with the frame: flags, stream, time, size.
            stream.extend_from_slice(&[0, 0x81, 0x38, 0, 0, 12]);
            stream.extend_from_slice(&[7; 12]);
        }
        stream
    }

    #[test]
    fn fuzz_nut() {
        mien_fuzz::fuzz("nut", &[small_stream()], 20_000, |input| {
            let Ok(mut reader) = NutReader::new(input) else { return };
            let mut pixels = vec![0; 1 << 12];
            while let Ok(Some(header)) = reader.next_header() {
                // Whoever reads compares the size with the picture's before memory is taken.
                if header.size > pixels.len() || reader.read_picture(&mut pixels[..header.size]).is_err() {
                    return;
                }
            }
        });
    }

    #[test]
    fn garbage_is_refused() {
        let mut stream = FILE_ID.to_vec();
        stream.extend_from_slice(MAIN_HEADER);
        for cut in 0..stream.len() {
            assert!(NutReader::new(&stream[..cut]).is_err(), "cut at {cut}");
        }
        for at in FILE_ID.len()..stream.len() {
            for value in [0, 0x4E, 0x7F, 0x80, 0xFF] {
                let mut damaged = stream.clone();
                damaged[at] = value;
                // No stream header follows, so whatever the damage does, this must end in an error.
                assert!(NutReader::new(damaged.as_slice()).is_err());
            }
        }
    }
}
