//! The pages of a TIFF: where their directories lie, and a file seen as if it began with one of them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Most pages that are read.
const MAX_PAGES: usize = 100_000;
/// Most entries of a directory.
const MAX_ENTRIES: u64 = 65_535;

// Tags, of the TIFF 6.0 specification and of Adobe's DNG specification.
const NEW_SUBFILE_TYPE: u16 = 254;
const SUBFILE_TYPE: u16 = 255;
const PHOTOMETRIC_INTERPRETATION: u16 = 262;
const ORIENTATION: u16 = 274;
const DNG_VERSION: u16 = 50_706;
/// Photometric interpretation of what a sensor gave, without colours.
const COLOUR_FILTER_ARRAY: u64 = 32_803;

/// A page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// Where its directory lies.
    directory: u64,
    /// How it is turned, as EXIF has it: 1 to 8.
    pub(super) orientation: u8,
}

/// The pages of a file, without previews and masks that belong to others; the reason where there is none.
pub(super) fn pages(path: &Path) -> Result<Vec<Page>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut directories = Directories::open(BufReader::new(file)).map_err(|_| "it was cut off")?;
    let (mut pages, mut seen) = (Vec::new(), HashSet::new());
    let mut next = directories.first;
    while next != 0 && pages.len() < MAX_PAGES && seen.insert(next) {
        let directory = match directories.read(next) {
            Ok(directory) => directory,
            // What was read is good; the decoder would say the same of the first.
            Err(_) if !pages.is_empty() => return Err(format!("it was cut off after {} pages", pages.len())),
            Err(error) => return Err(error.to_string()),
        };
        if directory.is_raw {
            return Err(RAW.to_owned());
        }
        if !directory.belongs_to_another {
            pages.push(Page { directory: next, orientation: directory.orientation });
        }
        next = directory.next;
    }
    match pages.is_empty() {
        true => Err(RAW.to_owned()),
        false => Ok(pages),
    }
}

/// Why a camera's raw file is not read.
pub(super) const RAW: &str = "it is a camera's raw file, of which only a preview could be read; develop it, or \
                              let the camera save JPEGs";

/// What a directory says.
struct Directory {
    /// Where the next one lies; 0 after the last.
    next: u64,
    orientation: u8,
    /// Whether it is a preview or a mask.
    belongs_to_another: bool,
    is_raw: bool,
}

/// Reads directories, of a TIFF or a BigTIFF.
struct Directories<R> {
    input: R,
    is_big_endian: bool,
    is_big: bool,
    first: u64,
}

impl<R: Read + Seek> Directories<R> {
    fn open(mut input: R) -> io::Result<Self> {
        let mut head = [0; 4];
        input.read_exact(&mut head)?;
        let is_big = head.contains(&b'+');
        let mut directories = Self { input, is_big_endian: head[0] == b'M', is_big, first: 0 };
        if is_big {
            directories.number(4)?; // The bytes of an offset: 8.
        }
        directories.first = directories.offset()?;
        Ok(directories)
    }

    fn read(&mut self, place: u64) -> io::Result<Directory> {
        self.input.seek(SeekFrom::Start(place))?;
        let count = self.number(if self.is_big { 8 } else { 2 })?;
        if count > MAX_ENTRIES {
            return Err(io::Error::other("a directory is damaged"));
        }
        let mut directory = Directory { next: 0, orientation: 1, belongs_to_another: false, is_raw: false };
        for _ in 0..count {
            let (tag, kind) = (self.number(2)? as u16, self.number(2)?);
            self.offset()?; // How many values.
            let value_bytes = if self.is_big { 8 } else { 4 };
            let bytes = self.bytes(value_bytes)?;
            // 3 is a number of two bytes, others that matter have four.
            let value = self.value(&bytes[..if kind == 3 { 2 } else { 4 }]);
            match tag {
                NEW_SUBFILE_TYPE => directory.belongs_to_another |= value & 0b101 != 0,
                SUBFILE_TYPE => directory.belongs_to_another |= value == 2,
                PHOTOMETRIC_INTERPRETATION => directory.is_raw |= value == COLOUR_FILTER_ARRAY,
                ORIENTATION => directory.orientation = value as u8,
                DNG_VERSION => directory.is_raw = true,
                _ => {}
            }
        }
        directory.next = self.offset()?;
        Ok(directory)
    }

    fn offset(&mut self) -> io::Result<u64> {
        self.number(if self.is_big { 8 } else { 4 })
    }

    fn number(&mut self, bytes: usize) -> io::Result<u64> {
        let bytes = self.bytes(bytes)?;
        Ok(self.value(&bytes))
    }

    fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn value(&self, bytes: &[u8]) -> u64 {
        let add = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        if self.is_big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }
}

/// A TIFF whose header points to one page's directory, so that a decoder takes it for the first.
pub(super) struct PageFile {
    file: File,
    place: u64,
    /// Where the header has the offset of the first directory, and what is read there.
    patch: Option<(u64, Vec<u8>)>,
}

impl PageFile {
    /// The file as it is, or as if it began with the page.
    pub(super) fn open(path: &Path, page: Option<&Page>) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut patch = None;
        if let Some(page) = page {
            let mut head = [0; 4];
            file.read_exact(&mut head)?;
            file.rewind()?;
            let is_big = head.contains(&b'+');
            let mut offset = page.directory.to_le_bytes().to_vec();
            offset.truncate(if is_big { 8 } else { 4 });
            if head[0] == b'M' {
                offset.reverse();
            }
            patch = Some((if is_big { 8 } else { 4 }, offset));
        }
        Ok(Self { file, place: 0, patch })
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

impl Read for PageFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(bytes)?;
        if let Some((from, patch)) = &self.patch {
            for (place, byte) in (*from..).zip(patch) {
                let at = place.checked_sub(self.place).and_then(|at| usize::try_from(at).ok());
                if let Some(at) = at.filter(|at| *at < count) {
                    bytes[at] = *byte;
                }
            }
        }
        self.place += count as u64;
        Ok(count)
    }
}

impl Seek for PageFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.place = self.file.seek(to)?;
        Ok(self.place)
    }
}
