//! Appending whole chunks.

use crate::chunk::{BOUNDARY_UUID, MAGIC, chunk, put_length, tag};
use crate::sink::Sink;
use crate::totals::{StreamTotals, file_header};
use crate::{ChannelFormat, Element, StreamDescription, XdfError};

/// Samples of one stream are written out early once they take this many bytes, so that chunks stay
/// small whatever the rate.
const LARGEST_PENDING_BYTES: usize = 4 << 20;

/// So long after its beginning a recording is written this often at the least: one that is killed early is to leave
/// the frames that it had, too.
const EAGER_SECONDS: f64 = 1.0;
const EAGER_FLUSH_SECONDS: f64 = 0.03;

/// How often a [`Writer`] does what, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlushPolicy {
    /// Collected samples go to the file: what a killed process loses.
    pub flush_seconds: f64,
    /// The file goes to the disk: what a power cut loses, together with `flush_seconds`.
    pub sync_seconds: f64,
    /// Clock offsets are noted.
    pub offset_seconds: f64,
    /// A boundary is set.
    pub boundary_seconds: f64,
}

impl Default for FlushPolicy {
    fn default() -> Self {
        Self { flush_seconds: 0.25, sync_seconds: 0.5, offset_seconds: 5.0, boundary_seconds: 10.0 }
    }
}

/// Names a stream of one [`Writer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId(u32);

impl StreamId {
    /// The number that the file carries; counts from 1.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    fn index(self) -> usize {
        self.0 as usize - 1
    }
}

/// Samples that wait for the next flush, encoded.
#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    samples: u64,
    first_timestamp: f64,
    last_timestamp: f64,
}

#[derive(Debug)]
struct StreamState {
    name: String,
    format: ChannelFormat,
    channels: usize,
    pending: Pending,
    totals: StreamTotals,
}

/// Writes a recording, one whole chunk at a time.
///
/// Samples are collected for each stream; [`tick`](Self::tick) writes them out. After an error
/// (a full disk) the file still ends in a whole chunk, and what was not written is kept for the next
/// try as long as no more than a few megabytes collect.
#[derive(Debug)]
pub struct Writer<S> {
    sink: S,
    policy: FlushPolicy,
    streams: Vec<StreamState>,
    /// Until then every tick writes.
    eager_until: f64,
    last_flush: f64,
    last_sync: f64,
    last_offsets: f64,
    last_boundary: f64,
}

impl<S: Sink> Writer<S> {
    /// Begins a recording at `now` (seconds on the recording's clock). `details` become children of
    /// the file header.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn new(mut sink: S, details: &[Element], policy: FlushPolicy, now: f64) -> Result<Self, XdfError> {
        let mut start = MAGIC.to_vec();
        start.extend_from_slice(&file_header(details));
        sink.append(&start).map_err(XdfError::data("cannot write the file header"))?;
        Ok(Self {
            sink,
            policy,
            streams: Vec::new(),
            eager_until: now + EAGER_SECONDS,
            last_flush: now,
            last_sync: now,
            last_offsets: now,
            last_boundary: now,
        })
    }

    /// Adds a stream and writes its header and first clock offset.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn add_stream(&mut self, stream: &StreamDescription, now: f64) -> Result<StreamId, XdfError> {
        let number = self.streams.len() as u32 + 1;
        let document = stream.document(now);
        let header = chunk(tag::STREAM_HEADER, &[&number.to_le_bytes(), document.as_bytes()]);
        self.append(&header)?;
        self.streams.push(StreamState {
            name: stream.name.clone(),
            format: stream.format,
            channels: stream.channels.len(),
            pending: Pending::default(),
            totals: StreamTotals::default(),
        });
        let stream = StreamId(number);
        self.clock_offset(stream, now, 0.0)?;
        Ok(stream)
    }

    /// Adds a sample of 32-bit floats; one value per channel, timestamp in seconds.
    ///
    /// # Errors
    /// When the row does not fit the stream, or the sink refuses.
    pub fn push_f32(&mut self, stream: StreamId, timestamp: f64, row: &[f32]) -> Result<(), XdfError> {
        self.push(stream, timestamp, ChannelFormat::Float32, row.len(), |out| {
            out.extend(row.iter().flat_map(|value| value.to_le_bytes()));
        })
    }

    /// Adds a sample of 64-bit floats; one value per channel, timestamp in seconds.
    ///
    /// # Errors
    /// When the row does not fit the stream, or the sink refuses.
    pub fn push_f64(&mut self, stream: StreamId, timestamp: f64, row: &[f64]) -> Result<(), XdfError> {
        self.push(stream, timestamp, ChannelFormat::Double64, row.len(), |out| {
            out.extend(row.iter().flat_map(|value| value.to_le_bytes()));
        })
    }

    /// Adds a sample of 32-bit integers; one value per channel, timestamp in seconds.
    ///
    /// # Errors
    /// When the row does not fit the stream, or the sink refuses.
    pub fn push_i32(&mut self, stream: StreamId, timestamp: f64, row: &[i32]) -> Result<(), XdfError> {
        self.push(stream, timestamp, ChannelFormat::Int32, row.len(), |out| {
            out.extend(row.iter().flat_map(|value| value.to_le_bytes()));
        })
    }

    /// Adds a sample of 64-bit integers; one value per channel, timestamp in seconds.
    ///
    /// # Errors
    /// When the row does not fit the stream, or the sink refuses.
    pub fn push_i64(&mut self, stream: StreamId, timestamp: f64, row: &[i64]) -> Result<(), XdfError> {
        self.push(stream, timestamp, ChannelFormat::Int64, row.len(), |out| {
            out.extend(row.iter().flat_map(|value| value.to_le_bytes()));
        })
    }

    /// Adds a sample of texts; one text per channel, timestamp in seconds.
    ///
    /// # Errors
    /// When the row does not fit the stream, or the sink refuses.
    pub fn push_text(&mut self, stream: StreamId, timestamp: f64, row: &[&str]) -> Result<(), XdfError> {
        self.push(stream, timestamp, ChannelFormat::String, row.len(), |out| {
            for text in row {
                put_length(out, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
        })
    }

    /// Notes that at `time` the stream's clock was `offset` behind the recording's, in seconds.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn clock_offset(&mut self, stream: StreamId, time: f64, offset: f64) -> Result<(), XdfError> {
        let parts = [&stream.0.to_le_bytes()[..], &time.to_le_bytes(), &offset.to_le_bytes()];
        self.append(&chunk(tag::CLOCK_OFFSET, &parts))?;
        self.streams[stream.index()].totals.clock_offsets.push((time, offset));
        Ok(())
    }

    /// Does what the [`FlushPolicy`] has due at `now`: call it a few times a second. Every stream is
    /// taken to be on the recording's own clock, so the offsets it notes are 0.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn tick(&mut self, now: f64) -> Result<(), XdfError> {
        let most = if now < self.eager_until { EAGER_FLUSH_SECONDS } else { f64::INFINITY };
        if now - self.last_flush >= self.policy.flush_seconds.min(most) {
            self.last_flush = now;
            self.flush()?;
        }
        if now - self.last_offsets >= self.policy.offset_seconds {
            self.last_offsets = now;
            for number in 1..=self.streams.len() as u32 {
                self.clock_offset(StreamId(number), now, 0.0)?;
            }
        }
        if now - self.last_boundary >= self.policy.boundary_seconds {
            self.last_boundary = now;
            self.append(&chunk(tag::BOUNDARY, &[&BOUNDARY_UUID]))?;
        }
        if now - self.last_sync >= self.policy.sync_seconds {
            self.last_sync = now;
            self.sink.sync().map_err(XdfError::data("cannot flush to disk"))?;
        }
        Ok(())
    }

    /// Writes out every collected sample.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn flush(&mut self) -> Result<(), XdfError> {
        for number in 1..=self.streams.len() as u32 {
            self.flush_stream(StreamId(number))?;
        }
        Ok(())
    }

    /// Writes out what is collected, then the footers. Gives back the sink and, in the order of
    /// [`add_stream`](Self::add_stream), what each stream holds.
    ///
    /// # Errors
    /// When the sink refuses; `repair` can write the footers later.
    pub fn finish(mut self) -> Result<(S, Vec<StreamTotals>), XdfError> {
        self.flush()?;
        let mut totals = Vec::with_capacity(self.streams.len());
        for (index, stream) in std::mem::take(&mut self.streams).into_iter().enumerate() {
            self.append(&stream.totals.footer(index as u32 + 1))?;
            totals.push(stream.totals);
        }
        self.sink.sync().map_err(XdfError::data("cannot flush to disk"))?;
        Ok((self.sink, totals))
    }

    /// Where the chunks go.
    pub fn sink(&self) -> &S {
        &self.sink
    }

    /// What is in the file of each stream so far, in the order of [`add_stream`](Self::add_stream).
    pub fn totals(&self) -> impl Iterator<Item = (&str, &StreamTotals)> {
        self.streams.iter().map(|stream| (stream.name.as_str(), &stream.totals))
    }

    fn push(
        &mut self,
        stream: StreamId,
        timestamp: f64,
        format: ChannelFormat,
        channels: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), XdfError> {
        let state = &mut self.streams[stream.index()];
        if (state.format, state.channels) != (format, channels) {
            return Err(XdfError::WrongRow {
                stream: state.name.clone(),
                expected: format!("{} × {}", state.channels, state.format.name()),
                found: format!("{channels} × {}", format.name()),
            });
        }
        let full = state.pending.bytes.len() >= LARGEST_PENDING_BYTES;
        if full {
            self.flush_stream(stream)?;
        }
        let pending = &mut self.streams[stream.index()].pending;
        if pending.samples == 0 {
            pending.first_timestamp = timestamp;
        }
        pending.last_timestamp = timestamp;
        pending.samples += 1;
        pending.bytes.push(8);
        pending.bytes.extend_from_slice(&timestamp.to_le_bytes());
        encode(&mut pending.bytes);
        Ok(())
    }

    fn flush_stream(&mut self, stream: StreamId) -> Result<(), XdfError> {
        let state = &mut self.streams[stream.index()];
        let pending = &mut state.pending;
        if pending.samples == 0 {
            return Ok(());
        }
        let mut count = Vec::with_capacity(9);
        put_length(&mut count, pending.samples);
        let parts = [&stream.0.to_le_bytes()[..], &count, &pending.bytes];
        let samples = chunk(tag::SAMPLES, &parts);
        self.sink.append(&samples).map_err(XdfError::data("cannot write samples"))?;
        state.totals.first_timestamp.get_or_insert(pending.first_timestamp);
        state.totals.last_timestamp = Some(pending.last_timestamp);
        state.totals.sample_count += pending.samples;
        pending.samples = 0;
        pending.bytes.clear();
        Ok(())
    }

    fn append(&mut self, chunk: &[u8]) -> Result<(), XdfError> {
        self.sink.append(chunk).map_err(XdfError::data("cannot write"))
    }
}
