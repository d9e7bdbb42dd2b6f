//! What is said of items, and their bytes as ffmpeg reads them.

use image::RgbImage;
use image::metadata::Orientation;
use mien_ffmpeg::Colours;

use super::container::Property;

/// Width and height in pixels (`ispe`).
pub(super) fn size_of(property: &Property) -> Option<[u32; 2]> {
    let numbers = property.content.get(4..12)?.as_chunks::<4>().0;
    (&property.kind == b"ispe").then(|| [u32::from_be_bytes(numbers[0]), u32::from_be_bytes(numbers[1])])
}

/// How a picture is turned (`irot`: quarter turns to the left) or mirrored (`imir`: 0 exchanges top and bottom).
pub(super) fn orientation_of(property: &Property) -> Option<Orientation> {
    let value = *property.content.first()?;
    match (&property.kind, value) {
        (b"irot", value) => {
            [None, Some(Orientation::Rotate270), Some(Orientation::Rotate180), Some(Orientation::Rotate90)]
                [usize::from(value & 3)]
        }
        (b"imir", value) if value & 1 == 0 => Some(Orientation::FlipVertical),
        (b"imir", _) => Some(Orientation::FlipHorizontal),
        _ => None,
    }
}

/// Whether an item with this property says what is transparent (`auxC`).
pub(super) fn is_alpha(property: &Property) -> bool {
    let names = [&b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"[..], b"urn:mpeg:hevc:2015:auxid:1"];
    let content = property.content.get(4..).unwrap_or_default();
    &property.kind == b"auxC" && names.iter().any(|name| content.starts_with(name))
}

/// How colours are coded (`colr` of type `nclx`), where that is said beside the coded picture.
fn colours_of(property: &Property) -> Option<Colours> {
    let content = property.content.strip_prefix(b"nclx").filter(|_| &property.kind == b"colr")?;
    let matrix = match u16::from_be_bytes([*content.get(4)?, *content.get(5)?]) {
        1 => Some("bt709"),
        5 | 6 => Some("bt601"),
        9 => Some("bt2020"),
        _ => None,
    };
    Some(Colours { matrix, is_full_range: content.get(6)? & 0x80 != 0 })
}

/// Pictures side by side (`grid`).
pub(super) struct Grid {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Width and height of the whole in pixels.
    pub(super) size: [u32; 2],
}

impl Grid {
    pub(super) fn parse(data: &[u8]) -> Result<Self, String> {
        let short = || "its grid is damaged".to_owned();
        let [_version, flags, rows, columns, ref rest @ ..] = *data else { return Err(short()) };
        let side = |at: usize| match flags & 1 {
            1 => rest.get(4 * at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)),
            _ => rest.get(2 * at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes).into()),
        };
        let size = [side(0).ok_or_else(short)?, side(1).ok_or_else(short)?];
        Ok(Self { rows: usize::from(rows) + 1, columns: usize::from(columns) + 1, size })
    }

    /// Lays the tile of this number, counted row by row, into the whole; what reaches beyond is left out.
    pub(super) fn lay(&self, number: usize, tile: &RgbImage, whole: &mut RgbImage) {
        let (column, row) = (number % self.columns, number / self.columns);
        let x = column as i64 * i64::from(tile.width());
        let y = row as i64 * i64::from(tile.height());
        image::imageops::replace(whole, tile, x, y);
    }

    /// Whether tiles of this size cover the whole.
    pub(super) fn is_covered_by(&self, [width, height]: [u32; 2]) -> bool {
        u64::from(width) * self.columns as u64 >= self.size[0].into()
            && u64::from(height) * self.rows as u64 >= self.size[1].into()
    }
}

/// How transparency is coded.
const ALPHA: Colours = Colours { matrix: None, is_full_range: true };

/// Coded pictures, one behind the other.
#[derive(Default)]
pub(super) struct Coded {
    codec: Option<Codec>,
    /// The decoder's settings of the picture before.
    configuration: Vec<u8>,
    pub(super) bytes: Vec<u8>,
    /// How their colours are coded, where the container says so.
    pub(super) colours: Option<Colours>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Hevc,
    Av1,
}

impl Coded {
    /// ffmpeg's name of what reads them.
    pub(super) fn demuxer(&self) -> &'static str {
        match self.codec {
            Some(Codec::Av1) => "obu",
            _ => "hevc",
        }
    }

    /// Adds an item of this kind.
    pub(super) fn add<'a>(
        &mut self,
        kind: [u8; 4],
        data: &[u8],
        properties: impl Iterator<Item = &'a Property>,
    ) -> Result<(), String> {
        let properties: Vec<&Property> = properties.collect();
        let codec = match &kind {
            b"hvc1" | b"hev1" => Codec::Hevc,
            b"av01" => Codec::Av1,
            _ => return Err(format!("its pictures are of the kind `{}`", kind.escape_ascii())),
        };
        if *self.codec.get_or_insert(codec) != codec {
            return Err("its parts are of several kinds".to_owned());
        }
        let wanted = if codec == Codec::Hevc { b"hvcC" } else { b"av1C" };
        let property = properties.iter().find(|property| &property.kind == wanted);
        let configuration = &property.ok_or("a part of it lacks its decoder's settings")?.content;
        let is_new = self.configuration != *configuration;
        match codec {
            Codec::Hevc => add_hevc(&mut self.bytes, configuration, is_new, data),
            Codec::Av1 => add_av1(&mut self.bytes, configuration, is_new, data),
        }
        .ok_or("a part of it is damaged")?;
        if is_new {
            self.configuration.clone_from(configuration);
        }
        let said = || properties.iter().find_map(|property| colours_of(property));
        // What is transparent is a number from 0 to the largest one, whoever says nothing.
        let alpha = || properties.iter().any(|property| is_alpha(property)).then_some(ALPHA);
        self.colours = self.colours.or_else(said).or_else(alpha);
        Ok(())
    }
}

/// Adds a picture's units, each behind a start code instead of its length, ahead of them the parameter sets of its
/// `hvcC` where these are new.
fn add_hevc(stream: &mut Vec<u8>, configuration: &[u8], is_new: bool, data: &[u8]) -> Option<()> {
    let mut add = |unit: &[u8]| {
        stream.extend_from_slice(&[0, 0, 0, 1]);
        stream.extend_from_slice(unit);
    };
    let length_bytes = usize::from(configuration.get(21)? & 3) + 1;
    let mut rest = configuration.get(23..)?;
    for _ in 0..if is_new { configuration[22] } else { 0 } {
        let (array, units) = rest.split_first_chunk::<3>()?;
        rest = units;
        for _ in 0..u16::from_be_bytes([array[1], array[2]]) {
            let unit;
            (unit, rest) = split_unit(rest, 2)?;
            add(unit);
        }
    }
    let mut rest = data;
    while !rest.is_empty() {
        let unit;
        (unit, rest) = split_unit(rest, length_bytes)?;
        add(unit);
    }
    Some(())
}

/// Splits off a unit behind its length of so many bytes.
fn split_unit(bytes: &[u8], length_bytes: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(length_bytes)?;
    rest.split_at_checked(length.iter().fold(0, |value, &byte| value << 8 | usize::from(byte)))
}

/// Adds a temporal delimiter and a picture's units, between them the headers of its `av1C` where these are new.
fn add_av1(stream: &mut Vec<u8>, configuration: &[u8], is_new: bool, data: &[u8]) -> Option<()> {
    let headers = configuration.get(4..)?;
    stream.extend_from_slice(&[0x12, 0]);
    stream.extend_from_slice(if is_new { headers } else { &[] });
    stream.extend_from_slice(data);
    Some(())
}
