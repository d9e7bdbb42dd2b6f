//! The FlatBuffers wire format: bounded reading.
//!
//! <https://flatbuffers.dev/internals/>: all numbers are little-endian; a table starts with a signed
//! distance back to its list of field offsets; references are unsigned distances forward.

use super::TfliteError;

type Result<T> = std::result::Result<T, TfliteError>;

/// The file's content; every access is checked.
#[derive(Clone, Copy)]
pub struct Buffer<'a>(pub &'a [u8]);

impl<'a> Buffer<'a> {
    fn bytes<const N: usize>(self, at: usize) -> Result<[u8; N]> {
        let bytes = at.checked_add(N).and_then(|end| self.0.get(at..end));
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(TfliteError::OutOfFile { offset: at })
    }

    fn u16(self, at: usize) -> Result<usize> {
        Ok(usize::from(u16::from_le_bytes(self.bytes(at)?)))
    }

    fn u32(self, at: usize) -> Result<usize> {
        Ok(u32::from_le_bytes(self.bytes(at)?) as usize)
    }

    /// The place that the reference at `at` points to.
    fn target(self, at: usize) -> Result<usize> {
        at.checked_add(self.u32(at)?).ok_or(TfliteError::OutOfFile { offset: at })
    }

    /// The table that the file's first reference points to.
    pub fn root(self) -> Result<Table<'a>> {
        Table::at(self, self.target(0)?)
    }
}

/// A record with optional fields, known by their numbers.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    buffer: Buffer<'a>,
    position: usize,
    offsets: usize,
    offsets_bytes: usize,
}

impl<'a> Table<'a> {
    fn at(buffer: Buffer<'a>, position: usize) -> Result<Self> {
        let back = i64::from(i32::from_le_bytes(buffer.bytes(position)?));
        let offsets = usize::try_from(position as i64 - back)
            .map_err(|_| TfliteError::OutOfFile { offset: position })?;
        Ok(Self { buffer, position, offsets, offsets_bytes: buffer.u16(offsets)? })
    }

    /// Where the field's value lies; `None` when it is left out.
    fn field(self, number: usize) -> Result<Option<usize>> {
        let entry = 4 + 2 * number;
        if entry + 2 > self.offsets_bytes {
            return Ok(None);
        }
        let offset = self.buffer.u16(self.offsets + entry)?;
        Ok((offset != 0).then_some(self.position + offset))
    }

    fn number<const N: usize>(self, number: usize) -> Result<Option<[u8; N]>> {
        self.field(number)?.map(|at| self.buffer.bytes(at)).transpose()
    }

    /// A 32-bit number.
    pub fn int(self, number: usize, default: i32) -> Result<i32> {
        Ok(self.number(number)?.map_or(default, i32::from_le_bytes))
    }

    /// An 8-bit number, enumeration or truth value.
    pub fn byte(self, number: usize, default: i8) -> Result<i8> {
        Ok(self.number(number)?.map_or(default, i8::from_le_bytes))
    }

    /// A table inside.
    pub fn table(self, number: usize) -> Result<Option<Table<'a>>> {
        let at = self.field(number)?;
        at.map(|at| Table::at(self.buffer, self.buffer.target(at)?)).transpose()
    }

    /// The bytes of a list whose elements take `size` bytes each; empty when it is left out.
    fn list(self, number: usize, size: usize) -> Result<(usize, &'a [u8])> {
        let Some(at) = self.field(number)? else {
            return Ok((0, &[]));
        };
        let start = self.buffer.target(at)?;
        let bytes = self.buffer.u32(start)?.checked_mul(size);
        let first = start + 4;
        bytes
            .and_then(|bytes| first.checked_add(bytes))
            .and_then(|end| self.buffer.0.get(first..end))
            .map(|bytes| (first, bytes))
            .ok_or(TfliteError::OutOfFile { offset: start })
    }

    /// A list of bytes.
    pub fn bytes(self, number: usize) -> Result<&'a [u8]> {
        Ok(self.list(number, 1)?.1)
    }

    /// A list of 32-bit numbers, at most `most`.
    pub fn ints(self, number: usize, most: usize) -> Result<Vec<i32>> {
        let (_, bytes) = self.list(number, 4)?;
        check_count(bytes.len() / 4, most)?;
        let numbers = bytes.chunks_exact(4);
        Ok(numbers.map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// A list of tables, at most `most`.
    pub fn tables(self, number: usize, most: usize) -> Result<Vec<Table<'a>>> {
        let (first, bytes) = self.list(number, 4)?;
        check_count(bytes.len() / 4, most)?;
        (0..bytes.len() / 4)
            .map(|index| Table::at(self.buffer, self.buffer.target(first + 4 * index)?))
            .collect()
    }
}

fn check_count(count: usize, most: usize) -> Result<()> {
    if count <= most { Ok(()) } else { Err(TfliteError::TooMany { count, most }) }
}
