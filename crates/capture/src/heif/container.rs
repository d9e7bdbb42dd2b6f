//! The boxes of a HEIF file: which items there are, where their bytes lie, and what is said of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use image::metadata::Orientation;

use super::properties::{Coded, is_alpha, orientation_of, size_of};

/// Largest description of a file that is read, in bytes; phones write some thousand.
const MAX_META_BYTES: u64 = 8 << 20;
/// Most boxes ahead of the description.
const MAX_BOXES: usize = 64;

/// A file's description.
pub(super) struct Container {
    file: File,
    file_bytes: u64,
    /// The item that is shown.
    pub(super) primary: u32,
    items: BTreeMap<u32, Item>,
    /// Properties, which items share.
    properties: Vec<Property>,
    /// Bytes of items that lie within the description.
    item_data: Vec<u8>,
}

/// What is said of items.
pub(super) struct Property {
    pub(super) kind: [u8; 4],
    pub(super) content: Vec<u8>,
}

#[derive(Default)]
struct Item {
    kind: [u8; 4],
    is_in_description: bool,
    /// Offsets and lengths; a length of 0 goes to the end.
    extents: Vec<[u64; 2]>,
    /// Indices of its properties, in their order.
    properties: Vec<usize>,
    /// The items that it is made of.
    parts: Vec<u32>,
    /// The items of which it says more, such as what is transparent.
    belongs_to: Vec<u32>,
}

impl Container {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let mut file = File::open(path).map_err(|error| error.to_string())?;
        let file_bytes = file.metadata().map_err(|error| error.to_string())?.len();
        let meta = read_meta(&mut file, file_bytes)?;
        let mut container = Self {
            file,
            file_bytes,
            primary: 0,
            items: BTreeMap::new(),
            properties: Vec::new(),
            item_data: Vec::new(),
        };
        container.parse(&meta).ok_or("its description is damaged")?;
        Ok(container)
    }

    /// Reads the boxes within `meta`, whose own version comes first.
    fn parse(&mut self, meta: &[u8]) -> Option<()> {
        let mut reader = Reader(meta.get(4..)?);
        while let Some((kind, content)) = reader.next_box() {
            let mut content = Reader(content);
            match &kind {
                b"pitm" => {
                    let [version, ..] = content.array::<4>()?;
                    self.primary = content.id(version > 0)?;
                }
                b"iinf" => self.parse_items(content)?,
                b"iloc" => self.parse_locations(content)?,
                b"iref" => self.parse_references(content)?,
                b"iprp" => self.parse_properties(content)?,
                b"idat" => self.item_data = content.0.to_vec(),
                _ => {}
            }
        }
        self.items.contains_key(&self.primary).then_some(())
    }

    fn parse_items(&mut self, mut content: Reader<'_>) -> Option<()> {
        let [version, ..] = content.array::<4>()?;
        content.id(version > 0)?; // How many there are; they are counted by their boxes.
        while let Some((kind, entry)) = content.next_box() {
            let mut entry = Reader(entry);
            let [version, ..] = entry.array::<4>()?;
            if &kind == b"infe" && version >= 2 {
                let id = entry.id(version > 2)?;
                entry.array::<2>()?; // Protection.
                self.items.entry(id).or_default().kind = entry.array()?;
            }
        }
        Some(())
    }

    fn parse_locations(&mut self, mut content: Reader<'_>) -> Option<()> {
        let [version, ..] = content.array::<4>()?;
        let [sizes, more_sizes] = content.array()?;
        let [offset_bytes, length_bytes, base_bytes] = [sizes >> 4, sizes & 15, more_sizes >> 4];
        let index_bytes = if version > 0 { more_sizes & 15 } else { 0 };
        if offset_bytes + length_bytes == 0 {
            return None; // Nothing would bound the number of parts.
        }
        for _ in 0..content.id(version > 1)? {
            let id = content.id(version > 1)?;
            let method = if version > 0 { content.array::<2>()?[1] & 15 } else { 0 };
            let is_in_this_file = content.array::<2>()? == [0, 0];
            let base = content.number(base_bytes)?;
            let mut extents = Vec::new();
            for _ in 0..content.id(false)? {
                content.number(index_bytes)?;
                let offset = base.checked_add(content.number(offset_bytes)?)?;
                extents.push([offset, content.number(length_bytes)?]);
            }
            let item = self.items.entry(id).or_default();
            item.is_in_description = method == 1;
            if is_in_this_file && method <= 1 {
                item.extents = extents;
            }
        }
        Some(())
    }

    fn parse_references(&mut self, mut content: Reader<'_>) -> Option<()> {
        let [version, ..] = content.array::<4>()?;
        while let Some((kind, reference)) = content.next_box() {
            let mut reference = Reader(reference);
            let from = reference.id(version > 0)?;
            let count = reference.id(false)?;
            let to = (0..count).map(|_| reference.id(version > 0)).collect::<Option<Vec<_>>>()?;
            match &kind {
                b"dimg" => self.items.entry(from).or_default().parts = to,
                b"auxl" => self.items.entry(from).or_default().belongs_to = to,
                _ => {}
            }
        }
        Some(())
    }

    fn parse_properties(&mut self, mut content: Reader<'_>) -> Option<()> {
        while let Some((kind, content)) = content.next_box() {
            let mut content = Reader(content);
            match &kind {
                b"ipco" => {
                    while let Some((kind, content)) = content.next_box() {
                        self.properties.push(Property { kind, content: content.to_vec() });
                    }
                }
                b"ipma" => self.parse_associations(content)?,
                _ => {}
            }
        }
        Some(())
    }

    fn parse_associations(&mut self, mut content: Reader<'_>) -> Option<()> {
        let [version, _, _, flags] = content.array()?;
        for _ in 0..u32::from_be_bytes(content.array()?) {
            let id = content.id(version > 0)?;
            let [count] = content.array()?;
            let item = self.items.entry(id).or_default();
            for _ in 0..count {
                // The first bit says that the property must be understood.
                let number = match flags & 1 {
                    1 => u16::from_be_bytes(content.array()?) & 0x7FFF,
                    _ => u16::from(content.array::<1>()?[0] & 0x7F),
                };
                item.properties.extend(usize::from(number).checked_sub(1));
            }
        }
        Some(())
    }

    /// The item's type: `grid`, `hvc1`, `av01`.
    pub(super) fn kind_of(&self, item: u32) -> Result<[u8; 4], String> {
        Ok(self.items.get(&item).ok_or("a part of it is missing")?.kind)
    }

    /// The items that one is made of.
    pub(super) fn parts_of(&self, item: u32) -> Vec<u32> {
        self.items.get(&item).map(|item| item.parts.clone()).unwrap_or_default()
    }

    pub(super) fn properties_of(&self, item: u32) -> impl Iterator<Item = &Property> {
        let numbers = self.items.get(&item).into_iter().flat_map(|item| &item.properties);
        numbers.filter_map(|&number| self.properties.get(number))
    }

    /// Width and height in pixels, before it is turned.
    pub(super) fn size_of(&self, item: u32) -> Option<[u32; 2]> {
        self.properties_of(item).find_map(size_of)
    }

    /// How it is turned and mirrored, in this order.
    pub(super) fn transforms_of(&self, item: u32) -> Vec<Orientation> {
        self.properties_of(item).filter_map(orientation_of).collect()
    }

    /// The item that says how transparent another one is.
    pub(super) fn alpha_of(&self, item: u32) -> Option<u32> {
        let is_alpha = |other: &u32| self.properties_of(*other).any(is_alpha);
        let belongs = self.items.iter().filter(|(_, other)| other.belongs_to.contains(&item));
        belongs.map(|(number, _)| *number).find(is_alpha)
    }

    /// The item's own bytes.
    pub(super) fn data_of(&mut self, item: u32) -> Result<Vec<u8>, String> {
        let item = self.items.get(&item).ok_or("a part of it is missing")?;
        let within = if item.is_in_description { self.item_data.len() as u64 } else { self.file_bytes };
        let mut data = Vec::new();
        for &[offset, length] in &item.extents {
            let most = within.saturating_sub(offset);
            let length = if length == 0 { most } else { length };
            if offset > within || length > most || data.len() as u64 + length > within {
                return Err("a part of it is missing: the file was cut off".to_owned());
            }
            if item.is_in_description {
                data.extend_from_slice(&self.item_data[offset as usize..(offset + length) as usize]);
            } else {
                self.file.seek(SeekFrom::Start(offset)).map_err(|error| error.to_string())?;
                let read = self.file.by_ref().take(length).read_to_end(&mut data);
                read.map_err(|error| error.to_string())?;
            }
        }
        if data.is_empty() {
            return Err("a part of it has no data in this file".to_owned());
        }
        Ok(data)
    }

    /// Coded pictures, one behind the other, as ffmpeg reads them. Together they are not much larger than
    /// the file.
    pub(super) fn coded(&mut self, items: &[u32]) -> Result<Coded, String> {
        let mut coded = Coded::default();
        for &item in items {
            let kind = self.kind_of(item)?;
            let data = self.data_of(item)?;
            coded.add(kind, &data, self.properties_of(item))?;
            if coded.bytes.len() as u64 > 2 * self.file_bytes {
                return Err("its parts are larger than the file".to_owned());
            }
        }
        Ok(coded)
    }
}

/// Finds the description among the file's own boxes.
fn read_meta(file: &mut File, file_bytes: u64) -> Result<Vec<u8>, String> {
    let mut offset = 0u64;
    for _ in 0..MAX_BOXES {
        file.seek(SeekFrom::Start(offset)).map_err(|error| error.to_string())?;
        let mut head = Vec::new();
        file.take(16).read_to_end(&mut head).map_err(|error| error.to_string())?;
        let mut reader = Reader(&head);
        let Some((kind, header_bytes, length)) = reader.box_header() else { break };
        let length = length.unwrap_or_else(|| file_bytes.saturating_sub(offset + header_bytes));
        if &kind == b"meta" {
            if length > MAX_META_BYTES {
                return Err("its description is too long to be one".to_owned());
            }
            file.seek(SeekFrom::Start(offset + header_bytes)).map_err(|error| error.to_string())?;
            let mut meta = Vec::new();
            file.take(length).read_to_end(&mut meta).map_err(|error| error.to_string())?;
            return match meta.len() as u64 == length {
                true => Ok(meta),
                false => Err("it was cut off within its description".to_owned()),
            };
        }
        offset = offset.saturating_add(header_bytes).saturating_add(length);
    }
    Err("it has no description of a picture".to_owned())
}

/// Big-endian numbers and boxes from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    /// An item's number, or a count, of two or four bytes.
    fn id(&mut self, is_long: bool) -> Option<u32> {
        match is_long {
            true => self.array().map(u32::from_be_bytes),
            false => self.array().map(u16::from_be_bytes).map(u32::from),
        }
    }

    /// A number of up to eight bytes.
    fn number(&mut self, bytes: u8) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(usize::from(bytes.min(8)))?;
        self.0 = rest;
        Some(number.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    /// A box's type, the bytes of its header, and those of its content; none where it goes to the end.
    fn box_header(&mut self) -> Option<([u8; 4], u64, Option<u64>)> {
        let length = u32::from_be_bytes(self.array()?);
        let kind = self.array()?;
        let (header, length) = match length {
            0 => return Some((kind, 8, None)),
            1 => (16, u64::from_be_bytes(self.array()?)),
            length => (8, u64::from(length)),
        };
        Some((kind, header, Some(length.checked_sub(header)?)))
    }

    fn next_box(&mut self) -> Option<([u8; 4], &'a [u8])> {
        let (kind, _, length) = self.box_header()?;
        let length = length.map_or(self.0.len(), |length| usize::try_from(length).unwrap_or(usize::MAX));
        let (content, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some((kind, content))
    }
}
