//! What heads a file and what ends a stream.

use crate::Element;
use crate::chunk::{chunk, tag};

/// What was written of a stream; also what its footer says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamTotals {
    /// Samples in the file.
    pub sample_count: u64,
    /// Timestamp of the first sample in seconds.
    pub first_timestamp: Option<f64>,
    /// Timestamp of the last sample in seconds.
    pub last_timestamp: Option<f64>,
    /// Clock offsets: when measured, and the offset, in seconds.
    pub clock_offsets: Vec<(f64, f64)>,
}

impl StreamTotals {
    /// The footer chunk.
    pub(crate) fn footer(&self, number: u32) -> Vec<u8> {
        let offsets = self.clock_offsets.iter().map(|(time, value)| {
            Element::new("offset").with(Element::text("time", time)).with(Element::text("value", value))
        });
        let document = Element::new("info")
            .with(Element::text("first_timestamp", self.first_timestamp.unwrap_or(0.0)))
            .with(Element::text("last_timestamp", self.last_timestamp.unwrap_or(0.0)))
            .with(Element::text("sample_count", self.sample_count))
            .with(Element::new("clock_offsets").with_all(offsets))
            .document();
        chunk(tag::STREAM_FOOTER, &[&number.to_le_bytes(), document.as_bytes()])
    }
}

/// The chunk that heads a file.
pub(crate) fn file_header(details: &[Element]) -> Vec<u8> {
    let document = Element::new("info")
        .with(Element::text("version", "1.0"))
        .with_all(details.iter().cloned())
        .document();
    chunk(tag::FILE_HEADER, &[document.as_bytes()])
}
