//! Walking through a recording.

use std::io::Read;

use crate::chunk::{ChunkReader, MAGIC};
use crate::decoder::Decoder;
use crate::{Channel, ChannelFormat, XdfError};

/// What a stream header says.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamInfo {
    /// Name of the stream.
    pub name: String,
    /// Content type.
    pub content_type: String,
    /// How the values are stored.
    pub format: ChannelFormat,
    /// Channels of every sample.
    pub channel_count: usize,
    /// Samples a second; 0 for an irregular stream.
    pub nominal_rate_hz: f64,
    /// Source id, empty where there is none.
    pub source_id: String,
    /// The channels that the header describes; may be fewer than `channel_count`.
    pub channels: Vec<Channel>,
}

/// Values of a [`Samples`] chunk, sample after sample, channel after channel.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    Float32(Vec<f32>),
    /// 64-bit floats.
    Double64(Vec<f64>),
    /// Texts.
    String(Vec<String>),
    /// Integers of 8, 16, 32 or 64 bits.
    Integer(Vec<i64>),
}

/// Successive samples of one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// One timestamp a sample, in seconds on the stream's clock.
    pub timestamps: Vec<f64>,
    /// `timestamps.len() × channel_count` values.
    pub values: Values,
}

/// What a stream footer says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Footer {
    /// Samples in the file, where the footer counts them.
    pub sample_count: Option<u64>,
    /// First timestamp in seconds.
    pub first_timestamp: Option<f64>,
    /// Last timestamp in seconds.
    pub last_timestamp: Option<f64>,
}

/// One chunk, understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The head of the file.
    FileHeader {
        /// Its XML.
        xml: String,
    },
    /// A stream begins.
    StreamHeader {
        /// Its number in the file.
        stream: u32,
        /// What it carries.
        info: StreamInfo,
        /// The whole XML.
        xml: String,
    },
    /// Samples of a stream.
    Samples {
        /// The stream's number.
        stream: u32,
        /// The samples.
        samples: Samples,
    },
    /// The clock of a stream against that of the recorder.
    ClockOffset {
        /// The stream's number.
        stream: u32,
        /// When it was measured, in seconds.
        time: f64,
        /// What to add to the stream's timestamps, in seconds.
        value: f64,
    },
    /// A place to go on from after damage.
    Boundary,
    /// A stream ends.
    Footer {
        /// The stream's number.
        stream: u32,
        /// What it says.
        footer: Footer,
    },
    /// A chunk that the specification does not know.
    Other {
        /// Its tag.
        tag: u16,
    },
}

/// Gives the chunks of an XDF file one after the other.
#[derive(Debug)]
pub struct Reader<R> {
    chunks: ChunkReader<R>,
    decoder: Decoder,
}

impl<R: Read> Reader<R> {
    /// Reads the magic; `input` should be buffered.
    ///
    /// # Errors
    /// When the data is not XDF or cannot be read.
    pub fn new(mut input: R) -> Result<Self, XdfError> {
        let mut magic = [0; 4];
        input.read_exact(&mut magic).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => XdfError::NotXdf { path: "XDF data".to_owned() },
            _ => XdfError::data("cannot read")(error),
        })?;
        if &magic != MAGIC {
            return Err(XdfError::NotXdf { path: "XDF data".to_owned() });
        }
        Ok(Self { chunks: ChunkReader::new(input, MAGIC.len() as u64), decoder: Decoder::default() })
    }

    /// Bytes read so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.chunks.position
    }

    /// The next event; `None` at the end of the file.
    ///
    /// # Errors
    /// When the data is cut off, damaged, or cannot be read; nothing after that can be had from this
    /// reader.
    pub fn next_event(&mut self) -> Result<Option<Event>, XdfError> {
        match self.chunks.next()? {
            Some(chunk) => self.decoder.decode(&chunk).map(Some),
            None => Ok(None),
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Event, XdfError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_event().transpose()
    }
}
