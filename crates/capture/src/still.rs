//! Whether a file is one still picture, and whether a JPEG is whole, by walking over its parts.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

/// First bytes of a JPEG: its start marker, and the first byte of the next marker.
const JPEG_START: [u8; 3] = [0xFF, 0xD8, 0xFF];
const PNG_START: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Endings of files of JPEGs one after the other.
const MOTION_JPEG_ENDINGS: [&str; 2] = ["mjpeg", "mjpg"];
/// Endings of files whose JPEG is the picture, even where others (previews, depth) lie behind it.
const JPEG_ENDINGS: [&str; 5] = ["jpg", "jpeg", "jpe", "jfif", "mpo"];

/// What a file's first bytes and parts say that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// One PNG or JPEG.
    Still,
    /// An animated PNG, or JPEGs one after the other.
    Moving,
    /// Neither PNG nor JPEG.
    Other,
}

/// The ending of a file's name in lower case; empty without one.
pub(crate) fn ending(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

/// Looks into a file.
pub(crate) fn content(path: &Path) -> io::Result<Content> {
    let mut file = BufReader::new(File::open(path)?);
    let mut head = Vec::new();
    file.by_ref().take(8).read_to_end(&mut head)?;
    file.seek_relative(-(head.len() as i64))?;
    if head == PNG_START {
        return Ok(if is_animated_png(&mut file)? { Content::Moving } else { Content::Still });
    }
    if !head.starts_with(&JPEG_START) {
        return Ok(Content::Other);
    }
    let is_moving = match ending(path).as_str() {
        ending if MOTION_JPEG_ENDINGS.contains(&ending) => true,
        ending if JPEG_ENDINGS.contains(&ending) => false,
        _ => skip_jpeg(&mut file)? && next_is_jpeg(&mut file)?,
    };
    Ok(if is_moving { Content::Moving } else { Content::Still })
}

/// Whether a file that begins as a JPEG is one to its end marker. Others count as whole: their decoders
/// notice an end that comes too early.
pub(crate) fn is_whole(path: &Path) -> io::Result<bool> {
    let mut file = BufReader::new(File::open(path)?);
    let is_jpeg = file.fill_buf()?.starts_with(&JPEG_START);
    Ok(!is_jpeg || skip_jpeg(&mut file)?)
}

/// Reads a JPEG to behind its end marker; false where that is missing.
///
/// Markers are those of ITU-T T.81, table B.1. A segment is skipped by its length, so that a preview
/// within one does not count.
fn skip_jpeg(input: &mut impl BufRead) -> io::Result<bool> {
    let mut is_first = true;
    loop {
        // What precedes a marker is the picture's own data, or filling.
        if input.skip_until(0xFF)? == 0 {
            return Ok(false);
        }
        let marker = loop {
            match byte(input)? {
                None => return Ok(false),
                Some(0xFF) => {}
                Some(marker) => break marker,
            }
        };
        match marker {
            // Start: of this picture, or of the next one while this has not ended.
            0xD8 if is_first => is_first = false,
            0xD8 => return Ok(false),
            0xD9 => return Ok(true),
            // Without a length: a stuffed byte of data, TEM, restarts.
            0x00 | 0x01 | 0xD0..=0xD7 => {}
            _ => {
                let (Some(high), Some(low)) = (byte(input)?, byte(input)?) else { return Ok(false) };
                let rest = u64::from(u16::from_be_bytes([high, low])).saturating_sub(2);
                if io::copy(&mut input.by_ref().take(rest), &mut io::sink())? < rest {
                    return Ok(false);
                }
            }
        }
    }
}

/// Whether a JPEG follows, perhaps after zeros that pad the one before.
fn next_is_jpeg(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        match byte(input)? {
            Some(0) => {}
            Some(first) => {
                let mut rest = Vec::new();
                input.take(2).read_to_end(&mut rest)?;
                return Ok(first == JPEG_START[0] && rest == JPEG_START[1..]);
            }
            None => return Ok(false),
        }
    }
}

/// Whether a PNG has the chunk of animated ones, which precedes the picture's data.
fn is_animated_png(file: &mut BufReader<File>) -> io::Result<bool> {
    file.seek_relative(PNG_START.len() as i64)?;
    loop {
        let mut head = [0; 8];
        match file.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
        match &head[4..] {
            b"acTL" => return Ok(true),
            b"IDAT" | b"IEND" => return Ok(false),
            _ => {}
        }
        let [a, b, c, d, ..] = head;
        // Content and checksum.
        file.seek_relative(i64::from(u32::from_be_bytes([a, b, c, d])) + 4)?;
    }
}

fn byte(input: &mut impl BufRead) -> io::Result<Option<u8>> {
    let Some(&first) = input.fill_buf()?.first() else { return Ok(None) };
    input.consume(1);
    Ok(Some(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start, a segment with a whole preview in it, a scan with stuffing, a restart and filling; no end.
    const OPEN: &[u8] = &[
        0xFF, 0xD8, 0xFF, 0xE1, 0, 10, 0xFF, 0xD8, 0xFF, 0xD9, 0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xDA, 0, 3, 7,
        1, 0xFF, 0, 2, 0xFF, 0xD3, 3,
    ];

    fn jpegs(count: usize) -> Vec<u8> {
        [OPEN, &[0xFF, 0xD9]].concat().repeat(count)
    }

    #[test]
    fn a_jpeg_ends_with_its_own_end_marker() {
        let whole = jpegs(1);
        for cut in 0..whole.len() {
            assert!(!skip_jpeg(&mut &whole[..cut]).unwrap(), "cut at {cut}");
        }
        assert!(skip_jpeg(&mut whole.as_slice()).unwrap());
        assert!(skip_jpeg(&mut [&whole[..], b"trailing"].concat().as_slice()).unwrap());
        assert!(!skip_jpeg(&mut [OPEN, &jpegs(1)].concat().as_slice()).unwrap(), "another begins before");
    }

    #[test]
    fn one_picture_or_several() {
        let folder = tempfile::tempdir().unwrap();
        let padded = [jpegs(1), vec![0; 9], jpegs(1)].concat();
        let png = |chunk: &[u8; 4]| {
            let header = [&[0, 0, 0, 13], b"IHDR".as_slice(), &[0; 17]].concat();
            [&PNG_START, &header[..], &[0, 0, 0, 0], chunk, &[0; 4], b"\0\0\0\0IDAT"].concat()
        };
        for (name, bytes, expected) in [
            ("one.jpg", jpegs(1), Content::Still),
            ("with-preview.JPG", jpegs(2), Content::Still),
            ("stereo.mpo", jpegs(2), Content::Still),
            ("one", jpegs(1), Content::Still),
            ("two", jpegs(2), Content::Moving),
            ("padded.bin", padded, Content::Moving),
            ("trailing", [jpegs(1), b"\xFF\xD8".to_vec()].concat(), Content::Still),
            ("cut.png", OPEN.to_vec(), Content::Still),
            ("one.mjpeg", jpegs(1), Content::Moving),
            ("still.png", png(b"tEXt"), Content::Still),
            ("moving.png", png(b"acTL"), Content::Moving),
            ("short.png", PNG_START.to_vec(), Content::Still),
            ("words.jpg", b"words".to_vec(), Content::Other),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(content(&path).unwrap(), expected, "{name}");
        }
    }
}
