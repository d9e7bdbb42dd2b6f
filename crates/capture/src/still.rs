//! Whether a file is a still picture and of which kind, and whether a JPEG is whole, by walking over its parts.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use crate::heif;

/// First bytes of a JPEG: its start marker, and the first byte of the next marker.
const JPEG_START: [u8; 3] = [0xFF, 0xD8, 0xFF];
const PNG_START: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Endings of files of JPEGs one after the other.
const MOTION_JPEG_ENDINGS: [&str; 2] = ["mjpeg", "mjpg"];
/// Endings of files whose JPEG is the picture, even where others (previews, depth) lie behind it.
const JPEG_ENDINGS: [&str; 5] = ["jpg", "jpeg", "jpe", "jfif", "mpo"];

/// Endings of files that ffmpeg reads as pictures by their names or contents, and nothing else here does.
const FFMPEG_ENDINGS: [&str; 17] = [
    "dpx", "exr", "hdr", "j2c", "j2k", "jp2", "jpc", "jxl", "pcx", "psd", "qoi", "ras", "sgi", "tga", "xbm",
    "xpm", "xwd",
];
/// Endings of camera raw files, and the start of those that are built as a TIFF with a preview in it.
const RAW_ENDINGS: [&str; 17] = [
    "3fr", "arw", "cr2", "cr3", "crw", "dng", "erf", "iiq", "kdc", "mrw", "nef", "nrw", "orf", "pef", "raf",
    "rw2", "srw",
];

/// What a file's first bytes and parts say that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// A still picture (a TIFF may hold several).
    Still(Kind),
    /// An animated picture, or JPEGs one after the other.
    Moving,
    /// No picture that is known.
    Other,
}

/// Kinds of still pictures, by what reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// PNG, JPEG, BMP, GIF, WebP or a portable map: read as they are.
    Plain,
    /// TIFF, of which each page is a picture.
    Tiff,
    /// HEIC or AVIF.
    Heif,
    /// What a camera's sensor gave: not read, for what can be read of it is a small preview.
    Raw,
    /// Others, which ffmpeg reads.
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
    file.by_ref().take(64).read_to_end(&mut head)?;
    file.seek_relative(-(head.len() as i64))?;
    let ending = ending(path);
    if RAW_ENDINGS.contains(&ending.as_str()) {
        return Ok(Content::Still(Kind::Raw));
    }
    Ok(match first_bytes(&head) {
        Some(First::Png) if is_animated_png(&mut file)? => Content::Moving,
        Some(First::Gif) if is_animated_gif(&mut file)? => Content::Moving,
        Some(First::Jpeg) if is_motion_jpeg(&mut file, &ending)? => Content::Moving,
        Some(First::Png | First::Gif | First::Jpeg) => Content::Still(Kind::Plain),
        Some(First::Moving) => Content::Moving,
        Some(First::Still(kind)) => Content::Still(kind),
        None if FFMPEG_ENDINGS.contains(&ending.as_str()) => Content::Still(Kind::Other),
        None => Content::Other,
    })
}

/// What the first bytes of a file tell.
enum First {
    Png,
    Gif,
    Jpeg,
    Moving,
    Still(Kind),
}

fn first_bytes(head: &[u8]) -> Option<First> {
    let at = |place: usize, bytes: &[u8]| head.get(place..).is_some_and(|rest| rest.starts_with(bytes));
    let is_bitmap = || {
        // The size of the second header tells its version.
        let size = head.get(14..18).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
        size.is_some_and(|size| [12, 16, 40, 52, 56, 64, 108, 124].contains(&size))
    };
    let is_portable_map = || matches!(head, [b'P', b'1'..=b'7', space, ..] if space.is_ascii_whitespace());
    Some(match head {
        _ if at(0, &PNG_START) => First::Png,
        _ if at(0, &JPEG_START) => First::Jpeg,
        _ if at(0, b"GIF87a") || at(0, b"GIF89a") => First::Gif,
        // The flag of an animation in the extended header.
        _ if at(0, b"RIFF") && at(8, b"WEBPVP8X") && head.get(20).is_some_and(|flags| flags & 2 != 0) => {
            First::Moving
        }
        _ if at(0, b"RIFF") && at(8, b"WEBP") => First::Still(Kind::Plain),
        _ if at(0, b"BM") && is_bitmap() => First::Still(Kind::Plain),
        _ if is_portable_map() => First::Still(Kind::Plain),
        _ if at(0, b"II*\0") && at(8, b"CR\x02") => First::Still(Kind::Raw),
        _ if [&b"II*\0"[..], b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|start| at(0, start)) => {
            First::Still(Kind::Tiff)
        }
        _ if heif::is_still(head) => First::Still(Kind::Heif),
        _ if [&b"\xFF\x0A"[..], b"\0\0\0\x0CJXL ", b"\0\0\0\x0CjP  ", b"\xFF\x4F\xFF\x51"]
            .iter()
            .any(|start| at(0, start)) =>
        {
            First::Still(Kind::Other)
        }
        _ => return None,
    })
}

fn is_motion_jpeg(file: &mut BufReader<File>, ending: &str) -> io::Result<bool> {
    Ok(match ending {
        ending if MOTION_JPEG_ENDINGS.contains(&ending) => true,
        ending if JPEG_ENDINGS.contains(&ending) => false,
        _ => skip_jpeg(file)? && next_is_jpeg(file)?,
    })
}

/// Whether a GIF has more than one picture.
fn is_animated_gif(file: &mut BufReader<File>) -> io::Result<bool> {
    let counted = count_gif_pictures(file, 2);
    match counted {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        counted => Ok(counted? > 1),
    }
}

/// Counts pictures up to `most`.
fn count_gif_pictures(file: &mut BufReader<File>, most: u32) -> io::Result<u32> {
    /// Bytes of a table of colours, by the byte of flags that announces it.
    fn colours(flags: u8) -> i64 {
        if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
    }
    let mut header = [0; 13];
    file.read_exact(&mut header)?;
    file.seek_relative(colours(header[10]))?;
    let mut count = 0;
    while let Some(block) = byte(file)? {
        match block {
            // A picture: its descriptor, its colours, and the size of its codes.
            0x2C => {
                count += 1;
                if count == most {
                    return Ok(count);
                }
                let mut descriptor = [0; 9];
                file.read_exact(&mut descriptor)?;
                file.seek_relative(colours(descriptor[8]) + 1)?;
            }
            // An extension and its kind.
            0x21 => file.seek_relative(1)?,
            _ => return Ok(count),
        }
        // Parts, each behind its length, up to an empty one.
        while let Some(length @ 1..) = byte(file)? {
            file.seek_relative(length.into())?;
        }
    }
    Ok(count)
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

    const STILL: Content = Content::Still(Kind::Plain);

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

    /// A GIF of so many pictures of one pixel, with tables of colours and an extension.
    fn gif(pictures: usize) -> Vec<u8> {
        let picture = b"\x21\xF9\x04\0\0\0\0\0\x2C\0\0\0\0\x01\0\x01\0\x80abcdef\x02\x02\x44\x01\0";
        [b"GIF89a\x01\0\x01\0\x80\0\0abcdef".to_vec(), picture.repeat(pictures), b";".to_vec()].concat()
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
            ("one.jpg", jpegs(1), STILL),
            ("with-preview.JPG", jpegs(2), STILL),
            ("stereo.mpo", jpegs(2), STILL),
            ("one", jpegs(1), STILL),
            ("two", jpegs(2), Content::Moving),
            ("padded.bin", padded, Content::Moving),
            ("trailing", [jpegs(1), b"\xFF\xD8".to_vec()].concat(), STILL),
            ("cut.png", OPEN.to_vec(), STILL),
            ("one.mjpeg", jpegs(1), Content::Moving),
            ("still.png", png(b"tEXt"), STILL),
            ("moving.png", png(b"acTL"), Content::Moving),
            ("short.png", PNG_START.to_vec(), STILL),
            ("words.jpg", b"words".to_vec(), Content::Other),
            ("still.gif", gif(1), STILL),
            ("moving.gif", gif(2), Content::Moving),
            ("cut.gif", gif(1)[..20].to_vec(), STILL),
            ("still.webp", b"RIFF\x10\0\0\0WEBPVP8X\x0A\0\0\0\x08".to_vec(), STILL),
            ("moving.webp", b"RIFF\x10\0\0\0WEBPVP8X\x0A\0\0\0\x0A".to_vec(), Content::Moving),
            ("a.bmp", [&b"BM"[..], &[0; 12], &[40, 0, 0, 0]].concat(), STILL),
            ("BM-words", b"BM is how this text begins".to_vec(), Content::Other),
            ("a.pgm", b"P5 2 2 255 abcd".to_vec(), STILL),
            ("a.tif", b"MM\0*\0\0\0\x08".to_vec(), Content::Still(Kind::Tiff)),
            ("a.nef", b"MM\0*\0\0\0\x08".to_vec(), Content::Still(Kind::Raw)),
            ("renamed", b"II*\0\x10\0\0\0CR\x02\0".to_vec(), Content::Still(Kind::Raw)),
            ("a.jxl", b"\xFF\x0A\0".to_vec(), Content::Still(Kind::Other)),
            ("a.tga", vec![0; 30], Content::Still(Kind::Other)),
            ("photo", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(), Content::Still(Kind::Heif)),
            ("burst", b"\0\0\0\x18ftyphevc\0\0\0\0msf1hevc".to_vec(), Content::Other),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(content(&path).unwrap(), expected, "{name}");
        }
    }
}
