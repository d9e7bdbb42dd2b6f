//! Making events of chunks.

use std::collections::HashMap;

use roxmltree::{Document, Node};

use crate::chunk::{BOUNDARY_UUID, RawChunk, length_width, tag};
use crate::resync::chunk_length;
use crate::{Channel, ChannelFormat, Event, Footer, Samples, StreamInfo, Values, XdfError};

/// Most channels of all streams together that no header describes one by one: a header of a few bytes may claim
/// any number of them.
const MAX_UNDESCRIBED_CHANNELS: usize = 1 << 16;
/// What is wrong with a chunk of a stream that no header has named.
pub(crate) const NO_HEADER: &str = "no header names its stream";

/// What decoding the samples of a stream needs to know.
#[derive(Debug, Clone)]
struct StreamState {
    format: ChannelFormat,
    channels: usize,
    /// Seconds from one sample to the next where timestamps are left out.
    interval: f64,
    last_timestamp: f64,
}

/// Makes events of chunks; knows the streams seen so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Decoder {
    streams: HashMap<u32, StreamState>,
    undescribed_channels: usize,
}

/// Whether this is the content, after its tag, of a boundary chunk of this length.
pub(crate) fn is_boundary(content: &[u8], length: u64) -> bool {
    length == 18
        && content.starts_with(&tag::BOUNDARY.to_le_bytes())
        && content[2..].starts_with(&BOUNDARY_UUID)
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
                let undescribed = info.channel_count.saturating_sub(info.channels.len());
                let undescribed = self.undescribed_channels.saturating_add(undescribed);
                if undescribed > MAX_UNDESCRIBED_CHANNELS {
                    return Err(damaged("its channel count cannot be right"));
                }
                self.undescribed_channels = undescribed;
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

    /// About how much memory it takes.
    pub fn bytes(&self) -> u64 {
        (self.streams.len() * 2 * size_of::<StreamState>()) as u64
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
    if channel_count == 0 {
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
