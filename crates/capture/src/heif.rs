//! Still pictures in the HEIF container: HEIC from phones, and AVIF.
//!
//! A phone stores its photo as a grid of small pictures, with a rotation beside them. ffmpeg's releases before 8.1
//! take one of them for the photo, or refuse the file. So the container is read here ([`container`]), ffmpeg
//! decodes the bare HEVC or AV1 pictures, and they are put together here. Names are those of ISO/IEC 23008-12.

mod container;
mod properties;

use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use mien_ffmpeg::{FfmpegError, PictureInput, decode_pictures};

use crate::images::seen_through;
use container::Container;
use properties::{Coded, Grid};

/// Brands of files whose main content is a still picture.
const STILL_BRANDS: [&[u8; 4]; 8] = [b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"miaf", b"avif"];
/// Most small pictures that one is made of.
const MAX_TILES: usize = 4096;
/// Most pixels of all of them together, as a multiple of what one picture may have.
const TILES_TO_WHOLE: u64 = 4;

/// Whether a file with these first bytes is a HEIF still picture.
pub(crate) fn is_still(head: &[u8]) -> bool {
    head.get(4..8) == Some(b"ftyp") && STILL_BRANDS.iter().any(|brand| head.get(8..12) == Some(&brand[..]))
}

/// A picture whose pixels have not been decoded.
pub(crate) struct HeifPicture {
    container: Container,
    primary: u32,
    /// Width and height in pixels before it is turned.
    stored_size: [u32; 2],
}

impl HeifPicture {
    /// Reads what the file says of its main picture; the reason where that cannot be shown.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let container = Container::open(path)?;
        let primary = container.primary;
        let stored_size = container.size_of(primary).ok_or("it does not say how large the picture is")?;
        Ok(Self { container, primary, stored_size })
    }

    /// Width and height in pixels before it is turned.
    pub(crate) fn stored_size(&self) -> [u32; 2] {
        self.stored_size
    }

    /// Width and height in pixels as shown.
    pub(crate) fn shown_size(&self) -> [u32; 2] {
        let turns = self.container.transforms_of(self.primary);
        let sideways = turns.iter().filter(|turn| is_sideways(**turn)).count() % 2 == 1;
        let [width, height] = self.stored_size;
        if sideways { [height, width] } else { [width, height] }
    }

    /// Decodes the picture, of which no part may have more than `max_pixels`.
    pub(crate) fn decode(&mut self, path: &Path, max_pixels: u64) -> Result<RgbImage, String> {
        let mut picture = self.decode_item(path, self.primary, max_pixels)?;
        if let Some(alpha) = self.container.alpha_of(self.primary) {
            let alpha = self.decode_item(path, alpha, max_pixels)?;
            if alpha.dimensions() != picture.dimensions() {
                return Err("what is transparent in it has another size".to_owned());
            }
            let pairs = picture.pixels_mut().zip(alpha.pixels());
            pairs.for_each(|(pixel, alpha)| pixel.0 = seen_through(pixel.0, alpha.0[0]));
        }
        let mut picture = DynamicImage::ImageRgb8(picture);
        for turn in self.container.transforms_of(self.primary) {
            picture.apply_orientation(turn);
        }
        Ok(picture.into_rgb8())
    }

    /// The item as it is stored.
    fn decode_item(&mut self, path: &Path, item: u32, max_pixels: u64) -> Result<RgbImage, String> {
        if &self.container.kind_of(item)? != b"grid" {
            return self.decode_parts(path, &[item], max_pixels, Place::Whole);
        }
        let grid = Grid::parse(&self.container.data_of(item)?)?;
        let parts = self.container.parts_of(item);
        if parts.len() != grid.rows * grid.columns || parts.len() > MAX_TILES {
            return Err(format!("its grid of {} × {} has {} parts", grid.columns, grid.rows, parts.len()));
        }
        let [width, height] = grid.size;
        if u64::from(width) * u64::from(height) > max_pixels {
            return Err(format!("{width} × {height} pixels are too many for it"));
        }
        self.decode_parts(path, &parts, max_pixels, Place::Grid(grid))
    }

    /// Decodes pictures and lays each into its place.
    fn decode_parts(
        &mut self,
        path: &Path,
        parts: &[u32],
        max_pixels: u64,
        place: Place,
    ) -> Result<RgbImage, String> {
        let coded = self.container.coded(parts)?;
        let demuxer = coded.demuxer();
        let Coded { bytes, colours, .. } = coded;
        let mut canvas = match &place {
            Place::Whole => RgbImage::default(),
            Place::Grid(grid) => RgbImage::new(grid.size[0], grid.size[1]),
        };
        let most = match &place {
            Place::Whole => max_pixels,
            // Those at the edges may reach beyond it, but together they are not many times as large.
            Place::Grid(_) => (TILES_TO_WHOLE * max_pixels / parts.len() as u64).min(max_pixels),
        };
        let (mut count, mut tile_size) = (0, None);
        let mut uneven = false;
        let input = PictureInput::Bytes { bytes, demuxer: Some(demuxer), colours };
        decode_pictures(path, input, most, &mut |tile| {
            let tile = RgbImage::from_raw(tile.width, tile.height, tile.pixels).unwrap_or_default();
            uneven |= *tile_size.get_or_insert(tile.dimensions()) != tile.dimensions();
            match &place {
                Place::Whole => canvas = tile,
                Place::Grid(grid) => grid.lay(count, &tile, &mut canvas),
            }
            count += 1;
        })
        .map_err(reason_of)?;
        match tile_size {
            Some((width, height)) if count == parts.len() && !uneven => match place {
                Place::Grid(grid) if !grid.is_covered_by([width, height]) => {
                    Err("its parts do not cover the picture".to_owned())
                }
                _ => Ok(canvas),
            },
            _ => Err(format!("{count} of its {} parts could be decoded", parts.len())),
        }
    }
}

/// What an error says beside the file's name.
pub(crate) fn reason_of(error: FfmpegError) -> String {
    match error {
        FfmpegError::Picture { reason, .. } => reason,
        FfmpegError::Missing { program, remedy, .. } => {
            format!("it needs the program `{program}`, which is not installed; {remedy}")
        }
        error => error.to_string(),
    }
}

/// Where decoded pictures go.
enum Place {
    /// The one picture is the whole.
    Whole,
    /// Row by row into a grid.
    Grid(Grid),
}

fn is_sideways(turn: Orientation) -> bool {
    matches!(turn, Orientation::Rotate90 | Orientation::Rotate270)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    }

    /// A grid of one small picture, with transparency and a rotation; nothing that could be decoded.
    fn small_picture() -> Vec<u8> {
        let entry = |number: u8, kind: &[u8; 4]| {
            boxed(b"infe", &[&[2, 0, 0, 0, 0, number, 0, 0], &kind[..], &[0]].concat())
        };
        let items =
            [&[0, 0, 0, 0, 0, 3][..], &entry(1, b"grid"), &entry(2, b"hvc1"), &entry(3, b"hvc1")].concat();
        let location = |number: u8, method: u8, offset: u8, length: u8| {
            vec![0, number, 0, method, 0, 0, 0, 1, 0, 0, 0, offset, 0, 0, 0, length]
        };
        let locations = [
            vec![1, 0, 0, 0, 0x44, 0, 0, 3],
            location(1, 1, 0, 8),
            location(2, 0, 32, 16),
            location(3, 0, 40, 16),
        ];
        let references =
            [vec![0; 4], boxed(b"dimg", &[0, 1, 0, 1, 0, 2]), boxed(b"auxl", &[0, 3, 0, 1, 0, 1])];
        let size = boxed(b"ispe", &[0u32, 64, 64].map(u32::to_be_bytes).concat());
        let settings = boxed(b"hvcC", &[[0; 21].as_slice(), &[3, 1, 32, 0, 1, 0, 2, 7, 7]].concat());
        let turn = boxed(b"irot", &[1]);
        let alpha = boxed(b"auxC", b"\0\0\0\0urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0");
        let properties = [
            boxed(b"ipco", &[size, settings, turn, alpha].concat()),
            boxed(b"ipma", &[0, 0, 0, 0, 0, 0, 0, 3, 0, 1, 2, 1, 3, 0, 2, 2, 1, 2, 0, 3, 3, 1, 2, 4]),
        ];
        let meta = [
            vec![0; 4],
            boxed(b"pitm", &[0, 0, 0, 0, 0, 1]),
            boxed(b"iinf", &items),
            boxed(b"iloc", &locations.concat()),
            boxed(b"iref", &references.concat()),
            boxed(b"iprp", &properties.concat()),
            boxed(b"idat", &[0, 0, 0, 0, 0, 64, 0, 64]),
        ];
        [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), boxed(b"free", &[0; 64]), boxed(b"meta", &meta.concat())]
            .concat()
    }

    /// Everything up to the bytes that a decoder gets.
    fn survive(path: &Path) -> Result<(), String> {
        let mut picture = HeifPicture::open(path)?;
        let (primary, container) = (picture.primary, &mut picture.container);
        let mut items = container.parts_of(primary);
        items.extend(container.alpha_of(primary));
        items.truncate(64);
        items.push(primary);
        if let Ok(grid) = container.data_of(primary).and_then(|data| Grid::parse(&data)) {
            let _ = grid.is_covered_by([64, 64]);
        }
        let coded = container.coded(&items[..items.len() - 1])?;
        let _ = (coded.demuxer(), picture.shown_size());
        Ok(())
    }

    #[test]
    fn fuzz_heif() {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path().join("a.heic");
        let sound = small_picture();
        std::fs::write(&path, &sound).unwrap();
        survive(&path).unwrap();
        mien_fuzz::fuzz("heif", &[sound], 10_000, |input| {
            std::fs::write(&path, input).unwrap();
            let _damaged = survive(&path);
        });
    }
}
