//! Still pictures that ffmpeg decodes: from bytes, or from a file whose name is taken literally.

use std::ffi::OsString;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;

use crate::FfmpegError;
use crate::limits::{FORMATS, Limits, PROTOCOLS};
use crate::patience::Patient;
use crate::process::{Process, file_url};
use crate::release::passthrough;

/// Where pictures come from.
#[derive(Debug)]
pub enum PictureInput {
    /// A file, by its name and content.
    File,
    /// Bytes, which the file's reader has put together.
    Bytes {
        /// The bytes.
        bytes: Vec<u8>,
        /// ffmpeg's name of their format; none where the bytes tell it.
        demuxer: Option<&'static str>,
        /// How colours are coded, where something else than the bytes says so.
        colours: Option<Colours>,
    },
}

/// How colours are coded as luma and chroma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colours {
    /// ffmpeg's name of the matrix; none where it is what the bytes say.
    pub matrix: Option<&'static str>,
    /// Whether black is 0 and white the largest number.
    pub is_full_range: bool,
}

/// A picture with tight rows of red, green, blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedPicture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Three bytes a pixel.
    pub pixels: Vec<u8>,
}

/// Decodes all pictures of an input and hands each over. `path` is the file that they come from.
///
/// # Errors
/// When ffmpeg is missing, says that anything is wrong with the input, or finds a picture of more than `max_pixels`.
pub fn decode_pictures(
    path: &Path,
    input: PictureInput,
    max_pixels: u64,
    each: &mut dyn FnMut(DecodedPicture),
) -> Result<(), FfmpegError> {
    let (bytes, arguments) = match input {
        PictureInput::File => (Vec::new(), arguments(Some(path), None, None, max_pixels)),
        PictureInput::Bytes { bytes, demuxer, colours } => {
            // Whole files, such as a TIFF, are read in one piece.
            let length = bytes.len();
            let demuxer = demuxer.map(|demuxer| match demuxer.ends_with("_pipe") {
                true => format!("-frame_size {length} -f {demuxer}"),
                false => format!("-f {demuxer}"),
            });
            (bytes, arguments(None, demuxer, colours, max_pixels))
        }
    };
    let mut ffmpeg = Process::start("ffmpeg", arguments, Stdio::piped(), path)?;
    let limits = Limits::of_file(path).with_pixels(max_pixels);
    ffmpeg.limit_memory(limits.process_bytes());
    let mut stdin = ffmpeg.take_stdin();
    // ffmpeg may hang up before it has read everything: what it says then counts.
    let feed = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
    let mut pictures = BufReader::new(Patient::new(ffmpeg.take_stdout(), limits.patience));
    let mut read = Ok(true);
    while let Ok(true) = read {
        read = read_pixmap(&mut pictures, max_pixels).map(|picture| picture.map(&mut *each).is_some());
    }
    drop(pictures);
    if read.is_err() {
        ffmpeg.end_within(std::time::Duration::from_millis(500));
    }
    let ending = ffmpeg.wait(path);
    let _ = feed.join();
    let unreadable = |reason: String| FfmpegError::Picture { path: path.to_owned(), reason };
    let ending = ending.map_err(|error| unreadable(error.to_string()))?;
    match read {
        _ if !ending.last_words.is_empty() => Err(unreadable(limits.explain(ending.last_words))),
        Err(reason) => Err(unreadable(reason)),
        Ok(_) if !ending.status.success() => Err(unreadable(ending.status.to_string())),
        Ok(_) => Ok(()),
    }
}

fn arguments(
    file: Option<&Path>,
    demuxer: Option<String>,
    colours: Option<Colours>,
    max_pixels: u64,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut push = |words: &str| arguments.extend(words.split_ascii_whitespace().map(OsString::from));
    let protocols = if file.is_some() { PROTOCOLS } else { "pipe" };
    push(&format!("-nostdin -hide_banner -v error -protocol_whitelist {protocols}"));
    push(&Limits::of_bytes(0).with_pixels(max_pixels).options());
    match (file, demuxer) {
        // A `%` in the name is no pattern.
        (Some(_), _) => push("-f image2 -pattern_type none"),
        // Whoever gives the bytes turns the picture.
        (None, Some(demuxer)) => push(&format!("-noautorotate {demuxer}")),
        (None, None) => push(&format!("-format_whitelist {FORMATS}")),
    }
    push("-i");
    arguments.push(file.map_or_else(|| OsString::from("pipe:0"), file_url));
    let mut push = |words: &str| arguments.extend(words.split_ascii_whitespace().map(OsString::from));
    let mut scale = String::new();
    if let Some(Colours { matrix, is_full_range }) = colours {
        let matrix = matrix.map(|matrix| format!(":in_color_matrix={matrix}")).unwrap_or_default();
        scale = format!(",scale=in_range={}{matrix}", if is_full_range { "full" } else { "limited" });
    }
    push(&format!("-map 0:v:0 -vf setpts=N{scale}"));
    push(passthrough());
    push("-pix_fmt rgb24 -c:v ppm -f image2pipe pipe:1");
    arguments
}

/// Reads `P6 WIDTH HEIGHT 255` and the pixels; nothing at the end.
fn read_pixmap(input: &mut impl Read, max_pixels: u64) -> Result<Option<DecodedPicture>, String> {
    let mut words = [const { String::new() }; 4];
    for (number, word) in words.iter_mut().enumerate() {
        loop {
            let mut byte = [0];
            match input.read(&mut byte) {
                Ok(0) if number == 0 && word.is_empty() => return Ok(None),
                Ok(1) if byte[0].is_ascii_whitespace() => break,
                Ok(1) if word.len() < 16 => word.push(char::from(byte[0])),
                Ok(_) => return Err("ffmpeg sent something that is no picture".to_owned()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
    let [_, width, height, _] = &words;
    let (Ok(width), Ok(height)) = (width.parse::<u32>(), height.parse::<u32>()) else {
        return Err("ffmpeg sent something that is no picture".to_owned());
    };
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(format!("{width} × {height} pixels are too many"));
    }
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    input.read_exact(&mut pixels).map_err(|error| error.to_string())?;
    Ok(Some(DecodedPicture { width, height, pixels }))
}
