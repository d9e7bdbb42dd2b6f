//! What goes to a child: records of one byte for their kind, four for their length, and their content. All numbers
//! are little-endian.

use std::io::{self, Read};

use mien_stream::{FrameRows, Row, StreamDescription};
use serde::{Deserialize, Serialize};

use crate::{Limits, Reach};

/// Longest record; a camera with ten faces has outlet descriptions of some 10 MB in all.
const LONGEST_RECORD: usize = 1 << 28;
/// Bytes before the content.
const HEADER_BYTES: usize = 5;

const ORDER: u8 = b'O';
const ROWS: u8 = b'R';
const MARKER: u8 = b'M';

/// An outlet to be opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OutletPlan {
    pub name: String,
    /// The stream's `<info>` document.
    pub document: String,
}

impl OutletPlan {
    pub fn new(stream: &StreamDescription, created_at: f64) -> Self {
        Self { name: stream.name.clone(), document: stream.document(created_at) }
    }
}

/// What a child is for. The first record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub(crate) enum Order {
    /// Open these outlets, and push what follows into them.
    Open {
        limits: Limits,
        reach: Reach,
        /// Samples that an outlet keeps for a consumer that has stopped reading, as liblsl counts them.
        buffered: i32,
        /// Each camera's outlets.
        cameras: Vec<Vec<OutletPlan>>,
        markers: OutletPlan,
    },
    /// Look for these streams until all are found or the time is over.
    Search { limits: Limits, wanted: Vec<String>, patience_ms: u64 },
}

/// Values of one row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Float32(Vec<f32>),
    Double64(Vec<f64>),
}

/// A record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    Order(Box<Order>),
    /// The rows of one frame of a camera, each with the number of its outlet.
    Rows {
        camera: usize,
        timestamp: f64,
        rows: Vec<(usize, Values)>,
    },
    Marker {
        timestamp: f64,
        text: String,
    },
}

/// Puts an order into `record`, in place of what is there.
pub(crate) fn write_order(record: &mut Vec<u8>, order: &Order) {
    begin(record, ORDER);
    serde_json::to_writer(&mut *record, order).expect("an order is plain data");
    end(record);
}

/// Puts the rows of a frame of camera number `camera` into `record`, in place of what is there.
pub(crate) fn write_rows(record: &mut Vec<u8>, camera: usize, rows: &FrameRows) {
    begin(record, ROWS);
    record.extend_from_slice(&(camera as u32).to_le_bytes());
    record.extend_from_slice(&rows.timestamp.to_le_bytes());
    for (stream, row) in rows.iter() {
        record.extend_from_slice(&(stream as u32).to_le_bytes());
        match row {
            Row::Float32(values) => {
                record.push(4);
                record.extend_from_slice(&(values.len() as u32).to_le_bytes());
                values.iter().for_each(|value| record.extend_from_slice(&value.to_le_bytes()));
            }
            Row::Double64(values) => {
                record.push(8);
                record.extend_from_slice(&(values.len() as u32).to_le_bytes());
                values.iter().for_each(|value| record.extend_from_slice(&value.to_le_bytes()));
            }
        }
    }
    end(record);
}

/// Puts a marker into `record`, in place of what is there.
pub(crate) fn write_marker(record: &mut Vec<u8>, timestamp: f64, text: &str) {
    begin(record, MARKER);
    record.extend_from_slice(&timestamp.to_le_bytes());
    record.extend_from_slice(text.as_bytes());
    end(record);
}

fn begin(record: &mut Vec<u8>, kind: u8) {
    record.clear();
    record.push(kind);
    record.extend_from_slice(&[0; 4]);
}

fn end(record: &mut [u8]) {
    let length = (record.len() - HEADER_BYTES) as u32;
    record[1..HEADER_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// Reads the next record; nothing at the end of the input, also where that is within a record.
pub(crate) fn read_record(input: &mut impl Read) -> io::Result<Option<Record>> {
    let mut header = [0; HEADER_BYTES];
    let mut content = Vec::new();
    let read = input.read_exact(&mut header).and_then(|()| {
        let length = u32::from_le_bytes([header[1], header[2], header[3], header[4]]) as usize;
        if length > LONGEST_RECORD {
            return Err(io::Error::other("a record that is too long"));
        }
        // Memory is taken as the content comes.
        let read = input.by_ref().take(length as u64).read_to_end(&mut content)?;
        if read < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    });
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let record = match header[0] {
        ORDER => serde_json::from_slice(&content).ok().map(Record::Order),
        ROWS => parse_rows(&content),
        MARKER => parse_marker(&content),
        _ => None,
    };
    record.map(Some).ok_or_else(|| io::Error::other("a record that makes no sense"))
}

fn parse_rows(content: &[u8]) -> Option<Record> {
    let mut rest = content;
    let camera = u32::from_le_bytes(take(&mut rest)?) as usize;
    let timestamp = f64::from_le_bytes(take(&mut rest)?);
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let stream = u32::from_le_bytes(take(&mut rest)?) as usize;
        let [width] = take(&mut rest)?;
        let count = u32::from_le_bytes(take(&mut rest)?) as usize;
        let values = rest.split_off(..count.checked_mul(usize::from(width))?)?;
        rows.push((
            stream,
            match width {
                4 => Values::Float32(values.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
                8 => Values::Double64(values.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()),
                _ => return None,
            },
        ));
    }
    Some(Record::Rows { camera, timestamp, rows })
}

fn parse_marker(content: &[u8]) -> Option<Record> {
    let mut rest = content;
    let timestamp = f64::from_le_bytes(take(&mut rest)?);
    Some(Record::Marker { timestamp, text: String::from_utf8(rest.to_vec()).ok()? })
}

/// The next bytes.
fn take<const COUNT: usize>(rest: &mut &[u8]) -> Option<[u8; COUNT]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use mien_face::FrameFaces;
    use mien_stream::{CameraDescription, CameraEncoder, StreamSettings};

    use super::*;

    fn rows() -> FrameRows {
        let mut encoder = CameraEncoder::new(CameraDescription::default(), StreamSettings::default());
        let mut faces = FrameFaces::boxed();
        (faces.face_count, faces.capture_nanos) = (1, 1_234_567_890_123);
        faces.faces[0].track_id = 3;
        encoder.encode(&faces, 1_234_600_000_000).unwrap()
    }

    #[test]
    fn records_come_back_bit_by_bit() {
        let (mut record, mut bytes) = (Vec::new(), Vec::new());
        let order = Order::Search { limits: Limits::for_search(), wanted: vec!["ä".into()], patience_ms: 7 };
        let rows = rows();
        write_order(&mut record, &order);
        bytes.extend_from_slice(&record);
        write_rows(&mut record, 2, &rows);
        bytes.extend_from_slice(&record);
        write_marker(&mut record, 0.1 + 0.2, "now");
        bytes.extend_from_slice(&record);
        let mut input = &bytes[..];
        let mut next = || read_record(&mut input).unwrap();
        assert_eq!(next(), Some(Record::Order(Box::new(order))));
        let Some(Record::Rows { camera: 2, timestamp, rows: read }) = next() else { panic!("rows") };
        assert_eq!(timestamp.to_bits(), rows.timestamp.to_bits());
        assert_eq!(read.len(), rows.iter().count());
        for ((stream, values), (index, row)) in read.iter().zip(rows.iter()) {
            assert_eq!(*stream, index);
            // As bits, since rows hold NaN.
            match (values, row) {
                (Values::Float32(read), Row::Float32(row)) => {
                    assert!(read.iter().map(|v| v.to_bits()).eq(row.iter().map(|v| v.to_bits())));
                }
                (Values::Double64(read), Row::Double64(row)) => {
                    assert!(read.iter().map(|v| v.to_bits()).eq(row.iter().map(|v| v.to_bits())));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(next(), Some(Record::Marker { timestamp: 0.1 + 0.2, text: "now".into() }));
        assert_eq!(next(), None);
    }

    #[test]
    fn what_is_cut_short_is_the_end_and_what_makes_no_sense_an_error() {
        let mut record = Vec::new();
        write_rows(&mut record, 0, &rows());
        for length in 0..record.len() {
            assert_eq!(read_record(&mut &record[..length]).unwrap(), None, "{length}");
        }
        // More values than there are.
        let count = HEADER_BYTES + 12 + 5;
        record[count..count + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read_record(&mut &record[..]).is_err());
        assert!(read_record(&mut &b"?\0\0\0\0"[..]).is_err());
        assert!(read_record(&mut &b"R\xff\xff\xff\xff"[..]).is_err());
    }
}
