//! The rows of a session put together again, frame by frame.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::BufReader;

use mien_stream::StreamKind;
use mien_xdf::{Channel, Event, Reader, Samples, Values};

use super::Source;
use super::layout::{Role, role};
use crate::RecordError;

/// A camera of the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CameraLayout {
    pub name: String,
    /// Width and height of its frames in pixels; 0 where they are not known.
    pub frame_size: [u32; 2],
    /// Its slots, in the order of the file.
    pub slots: Vec<SlotLayout>,
}

/// A face slot of a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlotLayout {
    pub name: String,
    /// What it has, in the order of the file, with the channels of each.
    pub kinds: Vec<(StreamKind, Vec<Channel>)>,
}

/// What one frame of a camera has in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FrameRecord {
    /// Index of the camera among [`Frames::cameras`].
    pub camera: usize,
    /// Capture time in seconds on the LSL clock.
    pub timestamp: f64,
    /// The row of `…_Frames`.
    pub frame: Vec<f64>,
    /// For each slot of the camera, its rows.
    pub slots: Vec<BTreeMap<StreamKind, Vec<f32>>>,
}

/// What [`Frames::next`] gives.
pub(super) enum Item {
    Frame(FrameRecord),
    Marker(f64, String),
}

/// One slot stream's rows that wait for their frame.
struct Pending {
    camera: usize,
    slot: usize,
    kind: StreamKind,
    rows: VecDeque<(f64, Vec<f32>)>,
}

/// Goes through a session's data frame by frame. The writer puts the rows of a frame's slots before
/// the row of the frame itself, so that a frame is complete when its own row comes.
pub(super) struct Frames {
    reader: Reader<BufReader<File>>,
    size: u64,
    cameras: Vec<CameraLayout>,
    /// Stream number → rows of a slot.
    faces: BTreeMap<u32, Pending>,
    /// Stream number → camera.
    frames: BTreeMap<u32, usize>,
    markers: Option<u32>,
    ready: VecDeque<Item>,
    /// Read while looking for the headers.
    ahead: Option<Event>,
}

impl Frames {
    pub fn open(source: &Source<'_>) -> Result<Self, RecordError> {
        let (reader, size) = source.open()?;
        let mut frames = Self {
            reader,
            size,
            cameras: Vec::new(),
            faces: BTreeMap::new(),
            frames: BTreeMap::new(),
            markers: None,
            ready: VecDeque::new(),
            ahead: None,
        };
        // All headers precede all samples.
        while let Some(event) = frames.reader.next_event()? {
            match event {
                Event::StreamHeader { stream, info, xml } => {
                    frames.add_stream(stream, role(&info.name, &info.content_type, &xml), info.channels);
                }
                Event::Samples { .. } => {
                    frames.ahead = Some(event);
                    break;
                }
                _ => {}
            }
        }
        if frames.frames.is_empty() {
            return Err(RecordError::NothingToExport {
                path: source.data.clone(),
                missing: "camera of Mien's",
                remedy: "export it as csv or parquet instead",
            });
        }
        Ok(frames)
    }

    pub fn cameras(&self) -> &[CameraLayout] {
        &self.cameras
    }

    /// Bytes read and bytes in all.
    pub fn progress(&self) -> (u64, u64) {
        (self.reader.position(), self.size)
    }

    pub fn next(&mut self) -> Result<Option<Item>, RecordError> {
        while self.ready.is_empty() {
            let event = match self.ahead.take() {
                Some(event) => Some(event),
                None => self.reader.next_event()?,
            };
            match event {
                Some(Event::Samples { stream, samples }) => self.take(stream, samples),
                Some(_) => {}
                None => return Ok(None),
            }
        }
        Ok(self.ready.pop_front())
    }

    fn add_stream(&mut self, stream: u32, role: Option<Role>, channels: Vec<Channel>) {
        match role {
            Some(Role::Markers) => self.markers = Some(stream),
            Some(Role::Frames { camera, frame_size }) => {
                let camera = self.camera(camera);
                self.cameras[camera].frame_size = frame_size;
                self.frames.insert(stream, camera);
            }
            Some(Role::Face { camera, slot, kind }) => {
                let camera = self.camera(camera);
                let slots = &mut self.cameras[camera].slots;
                let index = slots.iter().position(|known| known.name == slot).unwrap_or_else(|| {
                    slots.push(SlotLayout { name: slot, kinds: Vec::new() });
                    slots.len() - 1
                });
                slots[index].kinds.push((kind, channels));
                let pending = Pending { camera, slot: index, kind, rows: VecDeque::new() };
                self.faces.insert(stream, pending);
            }
            None => {}
        }
    }

    fn camera(&mut self, name: String) -> usize {
        self.cameras.iter().position(|camera| camera.name == name).unwrap_or_else(|| {
            self.cameras.push(CameraLayout { name, frame_size: [0; 2], slots: Vec::new() });
            self.cameras.len() - 1
        })
    }

    fn take(&mut self, stream: u32, samples: Samples) {
        let timestamps = samples.timestamps;
        if timestamps.is_empty() {
            return;
        }
        match samples.values {
            Values::Float32(values) => {
                let Some(pending) = self.faces.get_mut(&stream) else { return };
                let rows = values.chunks(values.len() / timestamps.len()).map(<[f32]>::to_vec);
                pending.rows.extend(timestamps.into_iter().zip(rows));
            }
            Values::Double64(values) => {
                let Some(&camera) = self.frames.get(&stream) else { return };
                for (timestamp, frame) in
                    timestamps.iter().zip(values.chunks(values.len() / timestamps.len()))
                {
                    let record = self.frame(camera, *timestamp, frame.to_vec());
                    self.ready.push_back(Item::Frame(record));
                }
            }
            Values::String(values) if self.markers == Some(stream) => {
                self.ready.extend(timestamps.into_iter().zip(values).map(|(t, text)| Item::Marker(t, text)));
            }
            _ => {}
        }
    }

    fn frame(&mut self, camera: usize, timestamp: f64, frame: Vec<f64>) -> FrameRecord {
        let mut slots = vec![BTreeMap::new(); self.cameras[camera].slots.len()];
        for pending in self.faces.values_mut().filter(|pending| pending.camera == camera) {
            while pending.rows.front().is_some_and(|(at, _)| *at < timestamp) {
                pending.rows.pop_front();
            }
            if pending.rows.front().is_some_and(|(at, _)| *at == timestamp)
                && let Some((_, row)) = pending.rows.pop_front()
            {
                slots[pending.slot].insert(pending.kind, row);
            }
        }
        FrameRecord { camera, timestamp, frame, slots }
    }
}
