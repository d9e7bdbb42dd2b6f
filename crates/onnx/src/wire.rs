//! The protocol-buffer wire format: bounded reading, plain writing.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

use crate::OnnxError;

/// A field's content.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
    Bytes(Span<'a>),
}

/// A field: its number, its content, and where it starts in the file.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    pub number: u64,
    pub value: Value<'a>,
    pub offset: usize,
}

/// A piece of the file that knows where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    pub bytes: &'a [u8],
    pub offset: usize,
}

impl<'a> Field<'a> {
    fn wrong(&self, what: &'static str) -> OnnxError {
        OnnxError::Malformed { offset: self.offset, what }
    }

    pub fn int(&self) -> Result<i64, OnnxError> {
        match self.value {
            Value::Varint(value) => Ok(value as i64),
            _ => Err(self.wrong("no whole number where one belongs")),
        }
    }

    pub fn float(&self) -> Result<f32, OnnxError> {
        match self.value {
            Value::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(self.wrong("no number where one belongs")),
        }
    }

    pub fn span(&self) -> Result<Span<'a>, OnnxError> {
        match self.value {
            Value::Bytes(span) => Ok(span),
            _ => Err(self.wrong("no text or message where one belongs")),
        }
    }

    pub fn text(&self) -> Result<String, OnnxError> {
        const LONGEST_NAME_BYTES: usize = 64 * 1024;
        let bytes = self.span()?.bytes;
        if bytes.len() > LONGEST_NAME_BYTES {
            return Err(self.wrong("an absurdly long name"));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(self.wrong("a name that is not UTF-8")),
        }
    }
}

impl<'a> Span<'a> {
    /// The next field, cut off the front; `None` at the end.
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, OnnxError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        let tag = self.varint(offset)?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint(offset)?),
            1 => Value::Fixed64(self.array(offset)?),
            2 => {
                let length = self.varint(offset)?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Value::Bytes(self.take(length, offset)?)
            }
            5 => Value::Fixed32(self.array(offset)?),
            _ => {
                let what = "an unknown kind of field";
                return Err(OnnxError::Malformed { offset, what });
            }
        };
        Ok(Some(Field { number: tag >> 3, value, offset }))
    }

    /// The next number of a packed list; `None` at the end.
    pub fn next_varint(&mut self) -> Result<Option<u64>, OnnxError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        self.varint(self.offset).map(Some)
    }

    fn take(&mut self, length: usize, field: usize) -> Result<Span<'a>, OnnxError> {
        let truncated = OnnxError::Truncated { offset: field };
        let (bytes, rest) = self.bytes.split_at_checked(length).ok_or(truncated)?;
        let offset = self.offset;
        self.bytes = rest;
        self.offset += length;
        Ok(Span { bytes, offset })
    }

    fn array<const N: usize>(&mut self, field: usize) -> Result<[u8; N], OnnxError> {
        let bytes = self.take(N, field)?.bytes;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }

    fn varint(&mut self, field: usize) -> Result<u64, OnnxError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array(field)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(OnnxError::Malformed { offset: field, what: "a number of more than ten bytes" })
    }
}

/// Writes fields one after the other.
#[derive(Default)]
pub struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub fn int(&mut self, number: u64, value: i64) {
        self.varint(number << 3);
        self.varint(value as u64);
    }

    pub fn float(&mut self, number: u64, value: f32) {
        self.varint(number << 3 | 5);
        self.bytes.extend(value.to_le_bytes());
    }

    pub fn bytes(&mut self, number: u64, bytes: &[u8]) {
        self.varint(number << 3 | 2);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    pub fn text(&mut self, number: u64, text: &str) {
        self.bytes(number, text.as_bytes());
    }

    pub fn message(&mut self, number: u64, write: impl FnOnce(&mut Writer)) {
        let mut inner = Writer::default();
        write(&mut inner);
        self.bytes(number, &inner.bytes);
    }
}
