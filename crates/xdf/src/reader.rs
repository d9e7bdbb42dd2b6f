//! Walking through a recording.

use std::collections::HashMap;
use std::io::Read;

use roxmltree::{Document, Node};

use crate::chunk::{BOUNDARY_UUID, ChunkReader, MAGIC, RawChunk, length_width, tag};
use crate::resync::chunk_length;
use crate::{Channel, ChannelFormat, XdfError};

/// Most channels that a stream may claim.
const MAX_CHANNELS: usize = 1 << 20;
/// What is wrong with a chunk of a stream that no header has named.
pub(crate) const NO_HEADER: &str = "no header names its stream";

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

/// What decoding the samples of a stream needs to know.
#[derive(Debug, Clone)]
struct StreamState {
    format: ChannelFormat,
    channels: usize,
    /// Seconds from one sample to the next where timestamps are left out.
    interval: f64,
    last_timestamp: f64,
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

/// Makes events of chunks; knows the streams seen so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Decoder {
    streams: HashMap<u32, StreamState>,
}

impl Decoder {
    pub fn decode(&mut self, chunk: &RawChunk) -> Result<Event, XdfError> {
        let offset = chunk.offset;
        let damaged = |what| XdfError::Damaged { offset, what };
        let mut content = Bytes { rest: &chunk.content, offset };
        Ok(match chunk.tag {
            tag::FILE_HEADER => Event::FileHeader { xml: content.xml()? },
            tag::BOUNDARY if chunk.content == BOUNDARY_UUID => Event::Boundary,
            tag::BOUNDARY => return Err(damaged("it is no boundary")),
            tag::STREAM_HEADER => {
                let stream = content.u32()?;
                let xml = content.xml()?;
                let info = stream_info(&xml).map_err(damaged)?;
                let interval = if info.nominal_rate_hz > 0.0 { 1.0 / info.nominal_rate_hz } else { 0.0 };
                let state = StreamState {
                    format: info.format,
                    channels: info.channel_count,
                    interval,
                    last_timestamp: 0.0,
                };
                self.streams.insert(stream, state);
                Event::StreamHeader { stream, info, xml }
            }
            tag::SAMPLES => {
                let stream = content.u32()?;
                let state = self.streams.get_mut(&stream).ok_or(damaged(NO_HEADER))?;
                Event::Samples { stream, samples: content.samples(state)? }
            }
            tag::CLOCK_OFFSET => {
                let stream = content.u32()?;
                if !self.streams.contains_key(&stream) {
                    return Err(damaged(NO_HEADER));
                }
                let offset = Event::ClockOffset { stream, time: content.f64()?, value: content.f64()? };
                if !content.rest.is_empty() {
                    return Err(damaged("its content is longer than a clock offset"));
                }
                offset
            }
            tag::STREAM_FOOTER => {
                let stream = content.u32()?;
                if !self.streams.contains_key(&stream) {
                    return Err(damaged(NO_HEADER));
                }
                let footer = footer(&content.xml()?).map_err(damaged)?;
                Event::Footer { stream, footer }
            }
            tag => Event::Other { tag },
        })
    }

    /// Whether a sound chunk of `length` bytes can begin with these, of which the first two are its tag.
    pub fn could_begin(&self, bytes: &[u8], length: u64) -> bool {
        let Some((&[tag, 0], content)) = bytes.split_first_chunk() else { return false };
        let stream = content.first_chunk().map(|&number| u32::from_le_bytes(number));
        let known = stream.and_then(|number| self.streams.get(&number));
        let xml = |content: &[u8]| content.starts_with(b"<");
        match u16::from(tag) {
            tag::FILE_HEADER => xml(content),
            tag::BOUNDARY => length == 18 && content.starts_with(&BOUNDARY_UUID),
            tag::STREAM_HEADER => xml(&content[content.len().min(4)..]),
            tag::STREAM_FOOTER => known.is_some() && xml(&content[4..]),
            tag::CLOCK_OFFSET => known.is_some() && length == 22,
            tag::SAMPLES => known.is_some_and(|stream| stream.fits(&content[4..], length - 6)),
            _ => false,
        }
    }

    /// Whether a chunk that is cut off can begin with these bytes, of which the first two are its tag.
    pub fn could_be_unfinished(&self, bytes: &[u8]) -> bool {
        let Some((&[tag, high], content)) = bytes.split_first_chunk() else { return true };
        let stream = content.first_chunk().map(|&number| u32::from_le_bytes(number));
        high == 0
            && match u16::from(tag) {
                tag::FILE_HEADER | tag::STREAM_HEADER | tag::BOUNDARY => true,
                tag::SAMPLES | tag::CLOCK_OFFSET | tag::STREAM_FOOTER => {
                    stream.is_none_or(|number| self.streams.contains_key(&number))
                }
                _ => false,
            }
    }
}

impl StreamState {
    /// Whether samples of this stream can take `length` bytes, which begin with these: their count.
    fn fits(&self, bytes: &[u8], length: u64) -> bool {
        let Some((count, width)) = chunk_length(bytes) else { return false };
        let value_bytes = match self.format {
            ChannelFormat::Int8 => 1,
            ChannelFormat::Int16 => 2,
            ChannelFormat::Int32 | ChannelFormat::Float32 => 4,
            ChannelFormat::Int64 | ChannelFormat::Double64 => 8,
            // At least a length and its width.
            ChannelFormat::String => 2,
        };
        let row_bytes = (self.channels * value_bytes) as u64;
        let Some(rest) = length.checked_sub(width as u64) else { return false };
        // A timestamp takes one byte or nine.
        let least = count.saturating_mul(1 + row_bytes);
        let most = count.saturating_mul(9 + row_bytes);
        count > 0 && least <= rest && (rest <= most || self.format == ChannelFormat::String)
    }
}

/// The undecoded rest of a chunk.
struct Bytes<'a> {
    rest: &'a [u8],
    /// Where the chunk begins, for errors.
    offset: u64,
}

impl<'a> Bytes<'a> {
    fn damaged(&self, what: &'static str) -> XdfError {
        XdfError::Damaged { offset: self.offset, what }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], XdfError> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| self.damaged("its content is too short"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], XdfError> {
        Ok(self.take(N)?.try_into().expect("took N bytes"))
    }

    fn u32(&mut self) -> Result<u32, XdfError> {
        self.array().map(u32::from_le_bytes)
    }

    fn f64(&mut self) -> Result<f64, XdfError> {
        self.array().map(f64::from_le_bytes)
    }

    fn length(&mut self) -> Result<u64, XdfError> {
        let width = length_width(self.array::<1>()?[0])
            .ok_or_else(|| self.damaged("a length in it takes neither 1, 4 nor 8 bytes"))?;
        let mut length = [0; 8];
        length[..width].copy_from_slice(self.take(width)?);
        Ok(u64::from_le_bytes(length))
    }

    fn xml(&mut self) -> Result<String, XdfError> {
        let bytes = std::mem::take(&mut self.rest);
        String::from_utf8(bytes.to_vec()).map_err(|_| self.damaged("its XML is not UTF-8"))
    }

    fn samples(&mut self, stream: &mut StreamState) -> Result<Samples, XdfError> {
        // The count bounds nothing that is reserved: each round takes bytes or fails.
        let count = self.length()?;
        let mut timestamps = Vec::new();
        let mut values = match stream.format {
            ChannelFormat::Float32 => Values::Float32(Vec::new()),
            ChannelFormat::Double64 => Values::Double64(Vec::new()),
            ChannelFormat::String => Values::String(Vec::new()),
            _ => Values::Integer(Vec::new()),
        };
        let mut last_timestamp = stream.last_timestamp;
        for _ in 0..count {
            last_timestamp = match self.array::<1>()?[0] {
                0 => last_timestamp + stream.interval,
                8 => self.f64()?,
                _ => return Err(self.damaged("a timestamp takes neither 0 nor 8 bytes")),
            };
            timestamps.push(last_timestamp);
            self.row(stream, &mut values)?;
        }
        if !self.rest.is_empty() {
            return Err(self.damaged("its content is longer than its samples"));
        }
        stream.last_timestamp = last_timestamp;
        Ok(Samples { timestamps, values })
    }

    fn row(&mut self, stream: &StreamState, values: &mut Values) -> Result<(), XdfError> {
        let channels = stream.channels;
        match values {
            Values::Float32(values) => {
                let row = self.take(4 * channels)?.as_chunks().0;
                values.extend(row.iter().map(|&bytes| f32::from_le_bytes(bytes)));
            }
            Values::Double64(values) => {
                let row = self.take(8 * channels)?.as_chunks().0;
                values.extend(row.iter().map(|&bytes| f64::from_le_bytes(bytes)));
            }
            Values::String(values) => {
                for _ in 0..channels {
                    let length = usize::try_from(self.length()?).unwrap_or(usize::MAX);
                    values.push(String::from_utf8_lossy(self.take(length)?).into_owned());
                }
            }
            Values::Integer(values) => {
                for _ in 0..channels {
                    values.push(match stream.format {
                        ChannelFormat::Int8 => i8::from_le_bytes(self.array()?).into(),
                        ChannelFormat::Int16 => i16::from_le_bytes(self.array()?).into(),
                        ChannelFormat::Int32 => i32::from_le_bytes(self.array()?).into(),
                        _ => i64::from_le_bytes(self.array()?),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Text of the child of that name; empty where there is none.
fn text<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.children().find(|child| child.has_tag_name(name)).and_then(|child| child.text()).unwrap_or("").trim()
}

fn stream_info(xml: &str) -> Result<StreamInfo, &'static str> {
    let document = Document::parse(xml).map_err(|_| "its XML cannot be parsed")?;
    let info = document.root_element();
    let channel_count = text(info, "channel_count").parse().map_err(|_| "its channel count is no number")?;
    if channel_count == 0 || channel_count > MAX_CHANNELS {
        return Err("its channel count cannot be right");
    }
    let channels = info
        .descendants()
        .filter(|node| node.has_tag_name("channel"))
        .map(|channel| Channel {
            label: text(channel, "label").to_owned(),
            unit: text(channel, "unit").to_owned(),
            content_type: text(channel, "type").to_owned(),
            marker: Some(text(channel, "marker").to_owned()).filter(|marker| !marker.is_empty()),
        })
        .collect();
    Ok(StreamInfo {
        name: text(info, "name").to_owned(),
        content_type: text(info, "type").to_owned(),
        format: ChannelFormat::from_name(text(info, "channel_format"))
            .ok_or("its channel format is unknown")?,
        channel_count,
        nominal_rate_hz: text(info, "nominal_srate").parse().map_err(|_| "its sampling rate is no number")?,
        source_id: text(info, "source_id").to_owned(),
        channels,
    })
}

/// Number and sample count of the stream that a footer ends, whether or not a header has named it.
pub(crate) fn headless_footer(chunk: &RawChunk) -> Option<(u32, u64)> {
    let mut content = Bytes { rest: &chunk.content, offset: chunk.offset };
    if chunk.tag != tag::STREAM_FOOTER {
        return None;
    }
    let stream = content.u32().ok()?;
    Some((stream, footer(&content.xml().ok()?).ok()?.sample_count?))
}

fn footer(xml: &str) -> Result<Footer, &'static str> {
    let document = Document::parse(xml).map_err(|_| "its XML cannot be parsed")?;
    let info = document.root_element();
    Ok(Footer {
        sample_count: text(info, "sample_count").parse().ok(),
        first_timestamp: text(info, "first_timestamp").parse().ok(),
        last_timestamp: text(info, "last_timestamp").parse().ok(),
    })
}
