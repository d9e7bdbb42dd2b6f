//! Reading, writing and repairing XDF files.
//!
//! XDF (Extensible Data Format, <https://github.com/sccn/xdf/wiki/Specifications>) is what the Lab
//! Streaming Layer records to: the magic `XDF:`, then chunks of a length, a tag and a content. This
//! crate keeps to four roles:
//!
//! - [`StreamDescription`] says what a stream carries (channels, labels, units). The same value makes
//!   the header of an XDF stream and the description of an LSL outlet, so the two cannot disagree.
//! - [`Writer`] appends whole chunks to a [`Sink`]: a file cut off at any moment ends in at most one
//!   broken chunk.
//! - [`Reader`] walks through a file event by event. It trusts no length in it: memory stays bounded,
//!   and garbage ends in an error, never a panic.
//! - [`check`] says what a file holds and what is wrong with it; [`repair`] takes out what is broken and
//!   writes the missing footers.
//!
//! A recorded file has checksums beside it (`data.xdf.sums`), by which [`check`] sees changed bytes, and from which
//! [`repair`] puts a damaged stream header back.
//!
//! # Example
//! ```
//! use mien_xdf::{Channel, ChannelFormat, Event, FlushPolicy, Reader, StreamDescription, Values, Writer};
//!
//! let pupils = StreamDescription {
//!     name: "pupils".into(),
//!     content_type: "Gaze".into(),
//!     format: ChannelFormat::Float32,
//!     nominal_rate_hz: 0.0,
//!     source_id: "pupils of the first participant".into(),
//!     channels: vec![Channel::new("left", "Diameter", "millimeters"), Channel::new("right", "Diameter", "millimeters")],
//!     details: Vec::new(),
//! };
//! // Times are seconds on the recorder's clock.
//! let mut writer = Writer::new(Vec::new(), &[], FlushPolicy::default(), 100.0)?;
//! let stream = writer.add_stream(&pupils, 100.0)?;
//! writer.push_f32(stream, 100.01, &[3.1, 3.2])?;
//! writer.push_f32(stream, 100.03, &[3.0, 3.1])?;
//! let (file, _totals) = writer.finish()?;
//!
//! let mut reader = Reader::new(file.as_slice())?;
//! let (mut timestamps, mut values) = (Vec::new(), Vec::new());
//! while let Some(event) = reader.next_event()? {
//!     if let Event::Samples { samples, .. } = event {
//!         timestamps.extend(samples.timestamps);
//!         if let Values::Float32(row) = samples.values {
//!             values.extend(row);
//!         }
//!     }
//! }
//! assert_eq!(timestamps, [100.01, 100.03]);
//! assert_eq!(values, [3.1, 3.2, 3.0, 3.1]);
//! # Ok::<(), mien_xdf::XdfError>(())
//! ```

mod check;
mod chunk;
mod decoder;
mod description;
mod reader;
mod repair;
mod resync;
mod sink;
mod sums;
mod totals;
mod writer;
mod xml;

pub use check::{Change, Damage, Report, StreamReport, check, check_in};
pub use chunk::MAX_CHUNK_BYTES;
pub use description::{Channel, ChannelFormat, StreamDescription};
pub use reader::{Event, Footer, Reader, Samples, StreamInfo, Values};
pub use repair::{
    KeepOriginal, Repair, is_being_recorded, is_being_recorded_in, repair, repair_in, write_sums,
};
pub use sink::{FileSink, Sink};
pub use totals::StreamTotals;
pub use writer::{FlushPolicy, StreamId, Writer};
pub use xml::Element;

/// Why an XDF file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum XdfError {
    /// The operating system refused.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file, or `XDF data` where there is no file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The first four bytes are not `XDF:`.
    #[error("{path} is not an XDF file: it does not begin with `XDF:`")]
    NotXdf {
        /// The file, or `XDF data`.
        path: String,
    },
    /// The file ends in the middle of a chunk: it was cut off. `mien session check` repairs it.
    #[error("the XDF data ends inside the chunk at byte {offset}: cut off; `mien session check` repairs it")]
    Truncated {
        /// Where the cut chunk begins.
        offset: u64,
    },
    /// A chunk contradicts itself.
    #[error("the XDF chunk at byte {offset} is damaged: {what}")]
    Damaged {
        /// Where the chunk begins.
        offset: u64,
        /// What does not hold.
        what: &'static str,
    },
    /// The file is being written.
    #[error("{path} is being recorded: stop the recording first")]
    Busy {
        /// The file.
        path: String,
    },
    /// A row does not fit the stream it was written to.
    #[error("stream `{stream}` carries {expected}, but was given {found}")]
    WrongRow {
        /// Name of the stream.
        stream: String,
        /// Channels and format that the description gives.
        expected: String,
        /// Channels and format of the row.
        found: String,
    },
}

impl XdfError {
    pub(crate) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn data(action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: "XDF data".to_owned(), source }
    }
}
