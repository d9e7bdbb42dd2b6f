//! Pictures as a source: one file, or a folder of them.

mod order;
mod pages;
mod read;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use mien_face::{Frame, PixelFormat};

use crate::still::ending;
use crate::{Source, SourceError, SourceInfo, SourceKind, Step};
use order::natural_order;
use read::Picture;
pub(crate) use read::seen_through;

/// Images carry no times: those of a folder count as frames of a video at this rate.
pub const ASSUMED_RATE_HZ: f64 = 30.0;
/// Endings of the files of a folder that are read, in lower case.
const ENDINGS: [&str; 26] = [
    "avif", "bmp", "dib", "gif", "heic", "heif", "hif", "j2c", "j2k", "jfif", "jp2", "jpc", "jpe", "jpeg",
    "jpg", "jxl", "pbm", "pgm", "png", "pnm", "ppm", "qoi", "tga", "tif", "tiff", "webp",
];
/// Endings of files, in lower case, that somebody may have wanted read, but that are left out of a folder: videos
/// and cameras' raw files.
const OTHER_ENDINGS: [&str; 31] = [
    "3fr", "3gp", "arw", "avi", "cr2", "cr3", "crw", "dng", "flv", "iiq", "m2ts", "m4v", "mjpeg", "mjpg",
    "mkv", "mov", "mp4", "mpeg", "mpg", "mpo", "mts", "mxf", "nef", "orf", "pef", "raf", "rw2", "ts", "vob",
    "webm", "wmv",
];

/// One picture, the pages of one TIFF, or the pictures of a folder in natural order (`img2` before `img10`,
/// `0.25` before `0.3`). Sizes may differ.
///
/// An orientation that a camera left in the file is applied. What is transparent is seen as grey.
pub struct ImageSource {
    info: SourceInfo,
    pictures: Vec<Picture>,
    is_folder: bool,
    next: usize,
    notice: Option<String>,
}

/// Whether a file's name ends as a picture's does.
pub(crate) fn is_image_name(path: &Path) -> bool {
    ENDINGS.contains(&ending(path).as_str())
}

/// Whether a file is kept out of sight: copying programs leave such ones beside pictures.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

impl ImageSource {
    /// Opens a single picture, or a TIFF of several.
    ///
    /// # Errors
    /// When the file cannot be read or its first bytes are no picture's.
    pub fn open_file(path: &Path) -> Result<Self, SourceError> {
        let pictures = Picture::all_of(path);
        let size = pictures[0].size()?;
        let name = path.file_stem();
        Ok(Self::new(path, name, pictures, size))
    }

    /// Lists the pictures of a folder; folders within it, and files whose names begin with a dot, are not
    /// looked at.
    ///
    /// # Errors
    /// When the folder cannot be listed or holds no picture.
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
        let name_of = |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Names that are shown alike stand in the order of their bytes.
        files.sort();
        let names: Vec<String> = files.iter().map(name_of).collect();
        let order = natural_order(&names);
        let pictures: Vec<Picture> = order.iter().flat_map(|&at| Picture::all_of(&files[at])).collect();
        // The first one may be a bad one; the size is then that of the first good one.
        let size = pictures.iter().find_map(|picture| picture.size().ok()).unwrap_or_default();
        let source = Self::new(path, path.file_name(), pictures, size);
        Ok(Self { is_folder: true, notice: left_out_notice(path, &left_out), ..source })
    }

    fn new(path: &Path, name: Option<&OsStr>, pictures: Vec<Picture>, size: (u32, u32)) -> Self {
        let info = SourceInfo {
            name: name.unwrap_or(OsStr::new("images")).to_string_lossy().into_owned(),
            spec: path.display().to_string(),
            kind: SourceKind::Images,
            size,
            pixel_aspect: None,
            rate_hz: None,
            frame_count: Some(pictures.len() as u64),
            files: pictures.iter().map(|picture| picture.path.clone()).collect(),
            live: false,
        };
        Self { info, pictures, is_folder: false, next: 0, notice: None }
    }
}

/// Says how many files of a folder are left out, by their endings.
fn left_out_notice(folder: &Path, left_out: &BTreeMap<String, usize>) -> Option<String> {
    let count = match left_out.values().sum() {
        0 => return None,
        1 => "1 file was".to_owned(),
        count => format!("{count} files were"),
    };
    let kinds: Vec<String> = left_out.iter().map(|(ending, count)| format!("{count} .{ending}")).collect();
    let (folder, kinds) = (folder.display(), kinds.join(", "));
    Some(format!(
        "{folder}: {count} left out ({kinds}); of a folder only pictures are read: give videos by their own names, \
         and develop raw files"
    ))
}

impl Source for ImageSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
        let Some(picture) = self.pictures.get(self.next) else { return Ok(Step::End) };
        let index = self.next;
        self.next += 1;
        let read = picture.read().map_err(|error| match error {
            // Of several, one that is gone is one bad picture.
            SourceError::NotFound { path } if self.is_folder => {
                SourceError::Image { path, reason: "it is gone, or a link to nothing".to_owned() }
            }
            error => error,
        })?;
        let (width, height) = read.dimensions();
        frame.pixels = read.into_raw();
        frame.reshape(width, height, PixelFormat::Rgb8);
        frame.frame_index = index as u64;
        frame.capture_nanos = (index as f64 / ASSUMED_RATE_HZ * 1e9).round() as i64;
        Ok(Step::Frame)
    }

    fn notice(&mut self) -> Option<String> {
        self.notice.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings() {
        assert!(is_image_name(Path::new("a/B.JPeG")));
        assert!(is_image_name(Path::new("IMG_0001.HEIC")));
        assert!(!is_image_name(Path::new("a/png")));
    }
}
