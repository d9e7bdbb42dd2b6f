//! One JSON object per frame.

use mien_face::{Face, FaceParts, FrameFaces};
use mien_outputs::{ALL, Camera, Computation, FrameFacts, Json, OutputId, Sample, State};
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

/// What computes the fields of the outputs.
pub(crate) struct Fields {
    /// Each output with a field, and how many values its row has.
    outputs: Vec<(OutputId, usize)>,
    computations: Vec<Box<dyn Computation>>,
    /// The rows of all faces of a frame, one after another.
    values: Vec<f32>,
}

/// What the fields of the outputs that these parts of a face give mean, in their order.
pub(crate) fn meanings(parts: FaceParts) -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter()
        .filter(move |output| output.is_given_by(parts))
        .flat_map(|output| output.json.meanings().iter().copied())
}

impl Fields {
    /// For the outputs that these parts of a face give.
    pub fn start(parts: FaceParts) -> Self {
        let outputs =
            ALL.iter().filter(|output| output.is_given_by(parts) && !matches!(output.json, Json::No));
        // Arrays of a face's state need no row.
        let count = |output: &OutputId| match output.json {
            Json::Fields(..) => 0,
            _ => output.channel_count(),
        };
        let outputs: Vec<_> = outputs.map(|output| (*output, count(output))).collect();
        let with_row = outputs.iter().filter(|(_, count)| *count > 0);
        let computations = with_row.map(|(output, _)| output.start()).collect();
        Self { outputs, computations, values: Vec::new() }
    }

    /// Appends the frame's object and a line feed. Its size is given where it is not the usual one.
    pub fn write_row(
        &mut self,
        row: &mut Vec<u8>,
        frame: &FrameFaces,
        camera: Camera,
        usual_size: Option<[u32; 2]>,
    ) {
        let own_size = [frame.frame_width, frame.frame_height];
        let size = usual_size.filter(|usual| *usual != own_size).map(|_| own_size);
        self.values.clear();
        for face in frame.faces() {
            let sample =
                Sample { camera, frame: FrameFacts::of(frame), face: Some(face), state: State::Smoothed };
            for computation in &mut self.computations {
                computation.row(&sample, &mut self.values);
            }
        }
        // Writing to memory cannot fail, and no key of these types is anything but a string.
        serde_json::to_writer(&mut *row, &FrameRow { frame, size, fields: self })
            .expect("plain numbers are always JSON");
        row.push(b'\n');
    }
}

/// Seconds, divided rather than multiplied: 33 333 000 ns become 0.033333, not 0.033333000000000004.
pub(crate) fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

struct FrameRow<'a> {
    frame: &'a FrameFaces,
    size: Option<[u32; 2]>,
    fields: &'a Fields,
}

struct Faces<'a>(&'a [Face], &'a Fields);

struct FaceRow<'a> {
    face: &'a Face,
    fields: &'a Fields,
    values: &'a [f32],
}

/// An output's field.
struct Field<'a> {
    output: OutputId,
    face: &'a Face,
    values: &'a [f32],
}

impl Serialize for FrameRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let frame = self.frame;
        let is_damaged = frame.damaged != 0;
        let fields = 3 + usize::from(self.size.is_some()) + usize::from(is_damaged);
        let mut row = serializer.serialize_struct("frame", fields)?;
        row.serialize_field("frame", &frame.frame_index)?;
        row.serialize_field("time", &seconds(frame.capture_nanos))?;
        if let Some(size) = self.size {
            row.serialize_field("size", &size)?;
        }
        if is_damaged {
            row.serialize_field("damaged", &true)?;
        }
        row.serialize_field("faces", &Faces(frame.faces(), self.fields))?;
        row.end()
    }
}

impl Serialize for Faces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stride: usize = self.1.outputs.iter().map(|(_, count)| count).sum();
        serializer.collect_seq(self.0.iter().enumerate().map(|(place, face)| FaceRow {
            face,
            fields: self.1,
            values: &self.1.values[place * stride..(place + 1) * stride],
        }))
    }
}

impl Serialize for FaceRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let face = self.face;
        let bounds = &face.bounds;
        let mut row = serializer.serialize_struct("face", 3 + self.fields.outputs.len())?;
        row.serialize_field("id", &face.track_id)?;
        row.serialize_field("score", &face.score)?;
        row.serialize_field("box", &[bounds.x1, bounds.y1, bounds.x2, bounds.y2])?;
        let mut rest = self.values;
        for &(output, count) in &self.fields.outputs {
            let (values, others) = rest.split_at(count);
            row.serialize_field(output.name, &Field { output, face, values })?;
            rest = others;
        }
        row.end()
    }
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.output.json {
            Json::No => serializer.serialize_none(),
            Json::Numbers(_) => self.values.serialize(serializer),
            Json::Points(_) => self.values.as_chunks::<3>().0.serialize(serializer),
            Json::Fields(fields, _) => {
                let mut object = serializer.serialize_map(Some(fields.len()))?;
                for field in fields {
                    object.serialize_entry(field.name, (field.values)(&self.face.smoothed))?;
                }
                object.end()
            }
            Json::Channels(_) => {
                let name = self.output.name;
                let mut object = serializer.serialize_map(Some(self.values.len()))?;
                for (channel, value) in self.output.channels().zip(self.values) {
                    let own = channel.label.strip_prefix(name).and_then(|rest| rest.strip_prefix('_'));
                    object.serialize_entry(own.unwrap_or(&channel.label), value)?;
                }
                object.end()
            }
        }
    }
}
