//! Columns as OpenFace names them, with OpenFace's units and axes.
//!
//! One row per face, and one row with `success` 0 and empty fields for a frame without a face. Behind
//! OpenFace's columns stand three of the frame: whether it is damaged, and its size.
//! What lies between is the columns of the outputs, as their table says.

use mien_face::{Face, FaceParts, FrameFaces};
use mien_outputs::{ALL, AnyValues, Camera, Computation, Csv, FrameFacts, OutputId, Sample, State};

use crate::jsonl::seconds;

/// What computes the columns of the outputs, which stand after `success` and are empty without a face.
pub(crate) struct Columns {
    computations: Vec<Box<dyn Computation>>,
    /// How many columns they fill.
    count: usize,
    values: Vec<f32>,
}

/// An output's columns.
type Group = (OutputId, &'static dyn AnyValues);

/// The outputs that these parts of a face give and that have columns: OpenFace's in its order, then the others in that of the table.
fn groups(parts: FaceParts) -> Vec<Group> {
    let mut placed: Vec<(u16, Group)> = ALL
        .iter()
        .filter(|output| output.is_given_by(parts))
        .filter_map(|&output| match output.csv {
            Csv::No => None,
            Csv::OpenFace { place, values, .. } => Some((u16::from(place), (output, values))),
            Csv::Channels(_) => Some((u16::MAX, (output, output.values))),
        })
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, group)| group).collect()
}

/// What the outputs' columns mean, in their order.
pub(crate) fn meanings(parts: FaceParts) -> impl Iterator<Item = (&'static str, &'static str)> {
    groups(parts).into_iter().flat_map(|(output, _)| output.csv.meanings().iter().copied())
}

/// Appends the line of column names.
pub(crate) fn write_header(row: &mut Vec<u8>, parts: FaceParts) {
    row.extend_from_slice(b"frame,face_id,timestamp,confidence,success");
    for (_, values) in groups(parts) {
        for channel in 0..values.count() {
            row.push(b',');
            row.extend_from_slice(values.channel(channel).label.as_bytes());
        }
    }
    row.extend_from_slice(b",damaged,frame_width,frame_height\n");
}

impl Columns {
    pub fn start(parts: FaceParts) -> Self {
        let groups = groups(parts);
        Self {
            computations: groups.iter().map(|(_, values)| values.start()).collect(),
            count: groups.iter().map(|(_, values)| values.count()).sum(),
            values: Vec::new(),
        }
    }

    /// Appends the frame's lines.
    pub fn write_row(&mut self, row: &mut Vec<u8>, frame: &FrameFaces, camera: Camera) {
        for face in frame.faces() {
            self.write_face(row, frame, face, camera);
        }
        if frame.faces().is_empty() {
            write_start(row, frame, 0, 0.0, false);
            row.resize(row.len() + self.count, b',');
            write_end(row, frame);
        }
    }

    fn write_face(&mut self, row: &mut Vec<u8>, frame: &FrameFaces, face: &Face, camera: Camera) {
        write_start(row, frame, face.track_id, face.score, true);
        let sample =
            Sample { camera, frame: FrameFacts::of(frame), face: Some(face), state: State::Smoothed };
        self.values.clear();
        for computation in &mut self.computations {
            computation.row(&sample, &mut self.values);
        }
        self.values.iter().for_each(|&value| number(row, value));
        write_end(row, frame);
    }
}

/// What concerns the whole frame; its size stays empty where it is not known.
fn write_end(row: &mut Vec<u8>, frame: &FrameFaces) {
    let FrameFaces { damaged, frame_width, frame_height, .. } = *frame;
    let size = |pixels: u32| if pixels == 0 { String::new() } else { pixels.to_string() };
    let damaged = u32::from(damaged != 0);
    row.extend_from_slice(format!(",{damaged},{},{}\n", size(frame_width), size(frame_height)).as_bytes());
}

fn write_start(row: &mut Vec<u8>, frame: &FrameFaces, face_id: u32, confidence: f32, success: bool) {
    row.extend_from_slice(frame.frame_index.to_string().as_bytes());
    row.push(b',');
    row.extend_from_slice(face_id.to_string().as_bytes());
    row.push(b',');
    row.extend_from_slice(zmij::Buffer::new().format(seconds(frame.capture_nanos)).as_bytes());
    number(row, confidence);
    row.extend_from_slice(if success { b",1" } else { b",0" });
}

/// A comma and the shortest digits that read back as the same number.
fn number(row: &mut Vec<u8>, value: f32) {
    row.push(b',');
    if value.is_finite() {
        row.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use mien_face::FacePart;

    use super::*;

    #[test]
    fn every_row_has_every_column() {
        for parts in [FaceParts::ALL, FaceParts::of(&[FacePart::Irises]), FaceParts::NONE] {
            let mut header = Vec::new();
            write_header(&mut header, parts);
            let mut frame = FrameFaces::boxed();
            let (mut row, mut columns) = (Vec::new(), Columns::start(parts));
            columns.write_row(&mut row, &frame, Camera::default());
            frame.face_count = 2;
            columns.write_row(&mut row, &frame, Camera::default());
            let names: Vec<_> = header.trim_ascii_end().split(|&byte| byte == b',').collect();
            let unique: std::collections::HashSet<_> = names.iter().collect();
            assert_eq!(unique.len(), names.len(), "no two columns have one name");
            let has = |start: &[u8]| names.iter().any(|name| name.starts_with(start));
            assert_eq!(has(b"bs_"), parts.contains(FacePart::Blendshapes));
            assert_eq!(has(b"iris_distance"), parts.contains(FacePart::Irises));
            let commas = |line: &[u8]| line.iter().filter(|&&byte| byte == b',').count();
            let lines: Vec<&[u8]> = row.split_inclusive(|&byte| byte == b'\n').collect();
            assert_eq!(lines.len(), 3);
            assert!(lines.iter().all(|line| commas(line) == commas(&header)));
        }
    }
}
