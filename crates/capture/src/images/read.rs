//! Reads one picture, whatever its format, as it is to be looked at: turned upright, and without what is
//! transparent.

use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};
use mien_ffmpeg::{PictureInput, decode_pictures};

use super::pages::{Page, PageFile, RAW, pages};
use crate::SourceError;
use crate::budget::Budget;
use crate::heif::{HeifPicture, reason_of};
use crate::still::{Content, Kind, content, is_whole};

/// Largest width and height that are decoded, in pixels.
const MAX_SIDE: u32 = 65_535;
/// Most memory that decoding one picture may take, in bytes.
const MAX_DECODE_BYTES: u64 = 1 << 30;
/// Bytes that the decoder of JPEGs keeps of each pixel of a progressive one: two for each of up to four components.
const JPEG_COEFFICIENT_BYTES: u64 = 8;
/// Largest file of a single picture, in bytes; some decoders read it as a whole.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// The shade that is seen through what is transparent: the middle between black and white.
const BACKGROUND: u32 = 128;

/// One picture: a file, or a page of one.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub(super) path: PathBuf,
    page: Option<Page>,
    /// Pictures that share the file.
    pages: u64,
}

/// A picture of which the header has been read.
enum Opened {
    Plain(Box<dyn ImageDecoder>),
    Heif(Box<HeifPicture>),
    /// Decoded by ffmpeg as a whole.
    Other,
}

impl Picture {
    /// The pictures of a file: the pages of a TIFF, else one. A file that cannot be read counts as one, which says
    /// why when it is.
    pub(super) fn all_of(path: &Path) -> Vec<Self> {
        // Reading a pipe or a device may never end.
        let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        let pages = match is_file.then(|| content(path)) {
            Some(Ok(Content::Still(Kind::Tiff))) => pages(path).unwrap_or_default(),
            _ => Vec::new(),
        };
        let count = pages.len().max(1) as u64;
        let of_page = |page| Self { path: path.to_owned(), page, pages: count };
        match pages.as_slice() {
            [] => vec![of_page(None)],
            pages => pages.iter().map(|page| of_page(Some(*page))).collect(),
        }
    }

    /// Width and height in pixels as shown.
    pub(super) fn size(&self) -> Result<(u32, u32), SourceError> {
        match self.open()? {
            Opened::Plain(mut decoder) => {
                let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
                let (width, height) = decoder.dimensions();
                Ok(if is_sideways(orientation) { (height, width) } else { (width, height) })
            }
            Opened::Heif(picture) => Ok(picture.shown_size().into()),
            Opened::Other => self.read().map(|picture| picture.dimensions()),
        }
    }

    /// The picture as it is to be looked at.
    pub(super) fn read(&self) -> Result<RgbImage, SourceError> {
        let picture = match self.open()? {
            Opened::Plain(decoder) => self.read_plain(decoder)?,
            Opened::Heif(mut picture) => {
                picture.decode(&self.path, self.budget()?.pixels).map_err(|reason| self.bad(&reason))?
            }
            Opened::Other => self.read_through_ffmpeg()?,
        };
        match picture.dimensions() {
            (0, _) | (_, 0) => Err(self.bad("it has no pixels")),
            _ => Ok(picture),
        }
    }

    fn open(&self) -> Result<Opened, SourceError> {
        let path = &self.path;
        let metadata = std::fs::metadata(path).map_err(|error| self.unreadable(error))?;
        if !metadata.is_file() {
            return Err(self.bad("it is a pipe or a device"));
        }
        let length = metadata.len();
        if length == 0 {
            return Err(SourceError::Empty { path: path.clone() });
        }
        let kind = match content(path).map_err(|error| self.unreadable(error))? {
            Content::Still(kind) => kind,
            Content::Moving => return Err(self.bad("it is an animation; give it by its own name")),
            Content::Other => return Err(self.bad("it begins as no picture does")),
        };
        if kind != Kind::Tiff && length > MAX_FILE_BYTES {
            return Err(self.bad("it is larger than 1 GiB"));
        }
        match kind {
            Kind::Raw => Err(self.bad(RAW)),
            Kind::Tiff if self.page.is_none() => match pages(path) {
                Err(reason) => Err(self.bad(&reason)),
                Ok(_) => Err(self.bad("it has changed")),
            },
            Kind::Plain | Kind::Tiff => self.open_plain(),
            Kind::Heif => {
                let picture = HeifPicture::open(path).map_err(|reason| self.bad(&reason))?;
                let [width, height] = picture.stored_size();
                self.budget()?.check_size(width, height).map_err(|reason| self.bad(&reason))?;
                Ok(Opened::Heif(Box::new(picture)))
            }
            Kind::Other => Ok(Opened::Other),
        }
    }

    fn open_plain(&self) -> Result<Opened, SourceError> {
        let file = PageFile::open(&self.path, self.page.as_ref()).map_err(|error| self.unreadable(error))?;
        let reader = ImageReader::new(BufReader::new(file)).with_guessed_format();
        let mut reader = reader.map_err(|error| self.unreadable(error))?;
        // Decoders that take the size from the header check it before they take memory.
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_DECODE_BYTES);
        reader.limits(limits);
        let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
        let decoder = match reader.into_decoder() {
            Ok(decoder) => decoder,
            Err(ImageError::Unsupported(_)) if self.page.is_some() => return Ok(Opened::Other),
            Err(error) => return Err(self.bad(&error.to_string())),
        };
        let (width, height) = decoder.dimensions();
        let budget = self.budget()?;
        let is_within = budget.check_size(width, height);
        let has_alpha = decoder.color_type().has_alpha();
        // Red, green, blue; with transparency as four bytes before that.
        let copies = if has_alpha { 7 } else { 3 };
        let more = copies + if is_jpeg { JPEG_COEFFICIENT_BYTES } else { 0 };
        let is_within =
            is_within.and_then(|()| budget.check_memory([width, height], decoder.total_bytes(), more));
        is_within.map_err(|reason| self.bad(&reason))?;
        if decoder.total_bytes() > MAX_DECODE_BYTES {
            return Err(self.bad(&format!("{width} × {height} pixels take more than 1 GiB")));
        }
        Ok(Opened::Plain(Box::new(decoder)))
    }

    fn read_plain(&self, mut decoder: Box<dyn ImageDecoder>) -> Result<RgbImage, SourceError> {
        // The decoder takes what is left of a JPEG for the whole, with grey below.
        if !is_whole(&self.path).map_err(|error| self.unreadable(error))? {
            return Err(self.bad("it is a JPEG that was cut off: its end is missing"));
        }
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let picture = DynamicImage::from_decoder(decoder).map_err(|error| self.bad(&error.to_string()))?;
        let mut picture = DynamicImage::ImageRgb8(without_transparency(picture));
        picture.apply_orientation(orientation);
        Ok(picture.into_rgb8())
    }

    fn read_through_ffmpeg(&self) -> Result<RgbImage, SourceError> {
        let input = match &self.page {
            None => PictureInput::File,
            Some(page) => {
                let file = PageFile::open(&self.path, Some(page)).map_err(|error| self.unreadable(error))?;
                if file.length().map_err(|error| self.unreadable(error))? > MAX_FILE_BYTES {
                    return Err(self.bad("its colours are of a kind that is read up to 1 GiB only"));
                }
                let mut bytes = Vec::new();
                BufReader::new(file).read_to_end(&mut bytes).map_err(|error| self.unreadable(error))?;
                PictureInput::Bytes { bytes, demuxer: Some("tiff_pipe"), colours: None }
            }
        };
        let most = Budget::in_ffmpeg(self.bytes()?).pixels;
        let mut first = None;
        let decoded = decode_pictures(&self.path, input, most, &mut |picture| {
            first.get_or_insert(picture);
        });
        decoded.map_err(|error| self.bad(&reason_of(error)))?;
        let first = first.and_then(|first| RgbImage::from_raw(first.width, first.height, first.pixels));
        let mut picture = DynamicImage::ImageRgb8(first.ok_or_else(|| self.bad("it holds no picture"))?);
        let orientation = self.page.and_then(|page| Orientation::from_exif(page.orientation));
        picture.apply_orientation(orientation.unwrap_or(Orientation::NoTransforms));
        Ok(picture.into_rgb8())
    }

    fn budget(&self) -> Result<Budget, SourceError> {
        self.bytes().map(Budget::of_bytes)
    }

    /// Bytes of the file that are this picture's.
    fn bytes(&self) -> Result<u64, SourceError> {
        let length = std::fs::metadata(&self.path).map_err(|error| self.unreadable(error))?.len();
        Ok(length / self.pages)
    }

    fn bad(&self, reason: &str) -> SourceError {
        // Decoders end their words with a new line.
        SourceError::Image { path: self.path.clone(), reason: reason.trim_end().to_owned() }
    }

    fn unreadable(&self, source: std::io::Error) -> SourceError {
        match source.kind() {
            ErrorKind::NotFound => SourceError::NotFound { path: self.path.clone() },
            _ => SourceError::Unreadable { path: self.path.clone(), source },
        }
    }
}

fn is_sideways(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// The picture as it is seen on a grey surface.
fn without_transparency(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    let (width, height) = picture.dimensions();
    let mut seen = RgbImage::new(width, height);
    for (to, from) in seen.pixels_mut().zip(picture.pixels()) {
        let [red, green, blue, alpha] = from.0;
        to.0 = seen_through([red, green, blue], alpha);
    }
    seen
}

/// A colour, transparent for `alpha` below 255, as it is seen on a grey surface.
pub(crate) fn seen_through(colour: [u8; 3], alpha: u8) -> [u8; 3] {
    let alpha = u32::from(alpha);
    colour.map(|value| ((u32::from(value) * alpha + BACKGROUND * (255 - alpha) + 127) / 255) as u8)
}

#[cfg(test)]
mod tests {
    use image::ImageFormat;

    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = image::RgbImage::from_fn(24, 16, |x, y| image::Rgb([x as u8 * 9, y as u8 * 11, 7]));
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// Still pictures of every kind that is decoded in this process.
    #[test]
    fn fuzz_pictures() {
        use ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP};
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path().join("picture");
        let sound = [Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP].map(encoded);
        mien_fuzz::fuzz("pictures", &sound, 3000, |input| {
            std::fs::write(&path, input).unwrap();
            for picture in Picture::all_of(&path).iter().take(4) {
                // What ffmpeg decodes runs in another process.
                if let Ok(Opened::Plain(decoder)) = picture.open() {
                    let _damaged = picture.read_plain(decoder);
                }
            }
        });
    }
}
