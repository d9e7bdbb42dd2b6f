//! Images as a source: one file, or a folder of them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use mien_face::{Frame, PixelFormat};

use crate::still::{ending, is_whole};
use crate::{Source, SourceError, SourceInfo, SourceKind, Step};

/// Images carry no times: those of a folder count as frames of a video at this rate.
pub const ASSUMED_RATE_HZ: f64 = 30.0;
/// Endings of the files that are looked at, in lower case.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];
/// Endings of pictures, in lower case, that are not read from a folder.
const OTHER_ENDINGS: [&str; 16] = [
    "arw", "avif", "bmp", "cr2", "dng", "gif", "heic", "heif", "jfif", "jp2", "jpe", "jxl", "nef", "tif",
    "tiff", "webp",
];
/// Largest width and height that are decoded, in pixels.
const MAX_SIDE: u32 = 32_768;
/// Most memory that decoding one image may take, in bytes.
const MAX_DECODE_BYTES: u64 = 1 << 30;

/// One image, or the images of a folder in natural order (`img2` before `img10`). Sizes may differ.
/// An orientation that a camera left in the file is applied.
pub struct ImageSource {
    info: SourceInfo,
    is_folder: bool,
    next: usize,
    notice: Option<String>,
}

/// Whether a file's name ends as an image's does.
pub(crate) fn is_image_name(path: &Path) -> bool {
    ENDINGS.contains(&ending(path).as_str())
}

/// Whether a file is kept out of sight: copying programs leave such ones beside pictures.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

impl ImageSource {
    /// Opens a single image.
    ///
    /// # Errors
    /// When the file cannot be read or its first bytes are no PNG's or JPEG's.
    pub fn open_file(path: &Path) -> Result<Self, SourceError> {
        Self::new(path, vec![path.to_owned()])
    }

    /// Lists the images of a folder; folders within it, and files whose names begin with a dot, are not
    /// looked at.
    ///
    /// # Errors
    /// When the folder cannot be listed or holds no image.
    pub fn open_folder(path: &Path) -> Result<Self, SourceError> {
        let unreadable = |source| SourceError::Unreadable { path: path.to_owned(), source };
        let mut files = Vec::new();
        let mut left_out: BTreeMap<String, usize> = BTreeMap::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if is_hidden(&file) || file.is_dir() {
                continue;
            }
            if is_image_name(&file) {
                files.push(file);
            } else if OTHER_ENDINGS.contains(&ending(&file).as_str()) {
                *left_out.entry(ending(&file)).or_default() += 1;
            }
        }
        if files.is_empty() {
            return Err(SourceError::NoImages { path: path.to_owned() });
        }
        files.sort_by(|a, b| natural_order(&a.to_string_lossy(), &b.to_string_lossy()));
        Ok(Self { notice: left_out_notice(path, &left_out), ..Self::new(path, files)? })
    }

    fn new(path: &Path, files: Vec<PathBuf>) -> Result<Self, SourceError> {
        let single = files.len() == 1 && files[0] == path;
        // A folder's first image may be a bad one; the size is then that of the first good one.
        let mut sizes = files.iter().map(|file| open_decoder(file).map(|decoder| decoder.dimensions()));
        let size = match sizes.next() {
            Some(Err(error)) if single => return Err(error),
            Some(Ok(size)) => size,
            _ => sizes.find_map(Result::ok).unwrap_or_default(),
        };
        let name = if single { path.file_stem() } else { path.file_name() };
        let info = SourceInfo {
            name: name.unwrap_or(std::ffi::OsStr::new("images")).to_string_lossy().into_owned(),
            spec: path.display().to_string(),
            kind: SourceKind::Images,
            size,
            pixel_aspect: None,
            rate_hz: None,
            frame_count: Some(files.len() as u64),
            files,
            live: false,
        };
        Ok(Self { info, is_folder: !single, next: 0, notice: None })
    }
}

/// Says how many pictures of a folder are of other kinds, by their endings.
fn left_out_notice(folder: &Path, left_out: &BTreeMap<String, usize>) -> Option<String> {
    let count = match left_out.values().sum() {
        0 => return None,
        1 => "1 picture was".to_owned(),
        count => format!("{count} pictures were"),
    };
    let kinds: Vec<String> = left_out.iter().map(|(ending, count)| format!("{count} .{ending}")).collect();
    let (folder, kinds) = (folder.display(), kinds.join(", "));
    Some(format!("{folder}: {count} left out ({kinds}); of a folder only .png, .jpg and .jpeg are read"))
}

impl Source for ImageSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
        let Some(file) = self.info.files.get(self.next) else { return Ok(Step::End) };
        let index = self.next;
        self.next += 1;
        read_image(file, frame).map_err(|error| match error {
            // Of several, one that is gone is one bad picture.
            SourceError::NotFound { path } if self.is_folder => {
                SourceError::Image { path, reason: "it is gone, or a link to nothing".to_owned() }
            }
            error => error,
        })?;
        frame.frame_index = index as u64;
        frame.capture_nanos = (index as f64 / ASSUMED_RATE_HZ * 1e9).round() as i64;
        Ok(Step::Frame)
    }

    fn notice(&mut self) -> Option<String> {
        self.notice.take()
    }
}

/// Decodes an image into the frame as tight RGB rows.
fn read_image(path: &Path, frame: &mut Frame) -> Result<(), SourceError> {
    let bad = |reason: String| bad_image(path, &reason);
    let mut decoder = open_decoder(path)?;
    // The decoder takes what is left of a JPEG for the whole, with grey below.
    if !is_whole(path).map_err(|source| SourceError::Unreadable { path: path.to_owned(), source })? {
        return Err(bad("it is a JPEG that was cut off: its end is missing".to_owned()));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| bad(error.to_string()))?;
    picture.apply_orientation(orientation);
    let picture = picture.into_rgb8();
    if picture.width() == 0 || picture.height() == 0 {
        return Err(bad("it has no pixels".to_owned()));
    }
    frame.reshape(picture.width(), picture.height(), PixelFormat::Rgb8);
    frame.pixels.copy_from_slice(&picture);
    Ok(())
}

/// Decoders end their words with a new line.
fn bad_image(path: &Path, reason: &str) -> SourceError {
    SourceError::Image { path: path.to_owned(), reason: reason.trim_end().to_owned() }
}

/// Opens an image by its content, whatever its name says.
fn open_decoder(path: &Path) -> Result<impl ImageDecoder, SourceError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => SourceError::NotFound { path: path.to_owned() },
        _ => SourceError::Unreadable { path: path.to_owned(), source },
    };
    let bad = |reason: String| bad_image(path, &reason);
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.len() == 0 {
        return Err(SourceError::Empty { path: path.to_owned() });
    }
    let reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(unreadable)?;
    let mut reader = match reader.format() {
        Some(_) => reader,
        None => return Err(bad("it is neither PNG nor JPEG".to_owned())),
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODE_BYTES);
    reader.limits(limits);
    reader.into_decoder().map_err(|error| bad(error.to_string()))
}

/// Order in which a person counts: runs of digits compare as numbers.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        match (next_run(&mut left), next_run(&mut right)) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => {
                let is_number = |run: &str| run.starts_with(|c: char| c.is_ascii_digit());
                let order = if is_number(x) && is_number(y) {
                    let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
                    x.len().cmp(&y.len()).then_with(|| x.cmp(y))
                } else {
                    x.cmp(y)
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    }
}

/// Splits a run of digits, or of anything else, off the front.
fn next_run<'a>(text: &mut &'a str) -> Option<&'a str> {
    let first_is_digit = text.chars().next()?.is_ascii_digit();
    let end = text.find(|c: char| c.is_ascii_digit() != first_is_digit).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    *text = rest;
    Some(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_count_that_way() {
        let mut names = ["img10.png", "img2.png", "img02.png", "a", "img1b.png", "img1.png", "img10a.png"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["a", "img1.png", "img1b.png", "img02.png", "img2.png", "img10.png", "img10a.png"]);
        assert_eq!(natural_order("1".repeat(60).as_str(), "2"), Ordering::Greater);
    }

    #[test]
    fn endings() {
        assert!(is_image_name(Path::new("a/B.JPeG")));
        assert!(!is_image_name(Path::new("a/png")));
    }
}
