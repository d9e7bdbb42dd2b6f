//! Which channels stand in which table.

use mien_outputs::{Layout, Unit};
use mien_stream::StreamKind;
use mien_xdf::Channel;

use super::MISSING;
use super::names::labels;
use crate::export::frames::{CameraLayout, SlotLayout};

/// Most columns of a table. The BIDS validator reads the first 1,000 lines of a `_channels.tsv` and takes
/// every column after them for one too many.
pub(super) const MOST_COLUMNS: usize = 999;
/// Columns with which every table begins: time and frame number.
const COMMON_COLUMNS: usize = 2;

/// Where a column's values come from: a stream of the slot, and a channel of it.
type Value = (StreamKind, usize);

/// The values of one table: those of one face slot, or as many of them as fit.
pub(super) struct Part {
    /// What tells it from the camera's other tables, as a BIDS label (`acq-…`).
    pub label: String,
    /// Index of its slot.
    pub slot: usize,
    /// Each column's stream and channel there.
    pub values: Vec<Value>,
    /// The columns, the common ones first.
    pub columns: Vec<Column>,
}

/// The tables of a camera: for every slot one with pose, blendshapes and quality, then as many with
/// landmarks (`…mesh1`, `…mesh2`) as it takes. Raw and filtered values of a point stand in one table.
pub(super) fn parts(camera: &CameraLayout) -> Vec<Part> {
    let slot_labels = labels(camera.slots.iter().map(|slot| slot.name.as_str()));
    let mut parts = Vec::new();
    for (index, (slot, label)) in camera.slots.iter().zip(slot_labels).enumerate() {
        let (head, mesh) = values(slot);
        let room = MOST_COLUMNS - COMMON_COLUMNS;
        parts.extend(head.chunks(room).map(|chunk| part(slot, index, label.clone(), chunk.to_vec())));
        let points = pack(&mesh, room);
        parts.extend(
            (1..).zip(points).map(|(number, chunk)| part(slot, index, format!("{label}mesh{number}"), chunk)),
        );
    }
    parts
}

/// A slot's values: pose, blendshapes and quality in the order of the file, and the landmarks point by point.
fn values(slot: &SlotLayout) -> (Vec<Value>, Vec<Vec<Value>>) {
    let is_mesh = |kind: &StreamKind| matches!(kind, StreamKind::Output { output, .. } if output.layout == Layout::Points);
    let head = slot.kinds.iter().filter(|(kind, _)| !is_mesh(kind));
    let head = head.flat_map(|(kind, channels)| (0..channels.len()).map(|channel| (*kind, channel)));
    let mesh: Vec<_> = slot.kinds.iter().filter(|(kind, _)| is_mesh(kind)).collect();
    let points = mesh.iter().map(|(_, channels)| channels.len() / 3).max().unwrap_or(0);
    let point = |point: usize| {
        let of = |(kind, channels): &&(StreamKind, Vec<Channel>)| {
            let there = 3 * point..(3 * point + 3).min(channels.len());
            there.map(|channel| (*kind, channel)).collect::<Vec<_>>()
        };
        mesh.iter().flat_map(of).collect()
    };
    (head.collect(), (0..points).map(point).collect())
}

/// Points put together, none of them torn, into tables of about the same size.
fn pack(points: &[Vec<Value>], room: usize) -> Vec<Vec<Value>> {
    let Some(width) = points.iter().map(Vec::len).max().filter(|&width| width > 0) else { return Vec::new() };
    let tables = points.len().div_ceil((room / width).max(1));
    points.chunks(points.len().div_ceil(tables)).map(<[_]>::concat).collect()
}

fn part(slot: &SlotLayout, index: usize, label: String, values: Vec<Value>) -> Part {
    let channels = |wanted: StreamKind| {
        slot.kinds.iter().find(|(kind, _)| *kind == wanted).map(|(_, channels)| channels)
    };
    let mut columns =
        vec![Column::plain("latency", "LATENCY", "s"), Column::plain("frame_index", "MISC", MISSING)];
    let named = values
        .iter()
        .filter_map(|&(kind, channel)| Some(Column::of(&slot.name, kind, channels(kind)?.get(channel)?)));
    columns.extend(named);
    Part { label, slot: index, values, columns }
}

/// A line of `_channels.tsv`.
pub(super) struct Column {
    pub name: String,
    pub component: &'static str,
    pub kind: &'static str,
    pub tracked_point: String,
    pub units: &'static str,
    pub reference_frame: &'static str,
}

impl Column {
    pub fn plain(name: &str, kind: &'static str, units: &'static str) -> Self {
        let tracked_point = MISSING.to_owned();
        let name = name.to_owned();
        Self { name, component: MISSING, kind, tracked_point, units, reference_frame: MISSING }
    }

    pub fn of(slot: &str, kind: StreamKind, channel: &Channel) -> Self {
        let (component, bids_kind) = match channel.content_type.as_str() {
            "PositionX" => ("x", "POS"),
            "PositionY" => ("y", "POS"),
            "PositionZ" => ("z", "POS"),
            "OrientationA" => ("quat_w", "ORNT"),
            "OrientationB" => ("quat_x", "ORNT"),
            "OrientationC" => ("quat_y", "ORNT"),
            "OrientationD" => ("quat_z", "ORNT"),
            // Pitch, heading and roll turn about the camera frame's x, y and z.
            "OrientationP" => ("x", "ORNT"),
            "OrientationH" => ("y", "ORNT"),
            "OrientationR" => ("z", "ORNT"),
            _ => (MISSING, "MISC"),
        };
        let units = Unit::named(&channel.unit).and_then(Unit::symbol).unwrap_or(MISSING);
        let reference_frame = match (bids_kind, units) {
            ("POS", "px") => "frame",
            ("POS" | "ORNT", _) => "camera",
            _ => MISSING,
        };
        let tracked_point = match (&channel.marker, bids_kind) {
            (Some(marker), "POS" | "ORNT") => format!("{slot}_{marker}"),
            _ => MISSING.to_owned(),
        };
        let filtered =
            if matches!(kind, StreamKind::Output { filtered: true, .. }) { "_filtered" } else { "" };
        let name = format!("{slot}_{}{filtered}", channel.label);
        Self { name, component, kind: bids_kind, tracked_point, units, reference_frame }
    }
}

#[cfg(test)]
mod tests {
    use mien_outputs::{LANDMARKS, OutputId, POSE};

    use super::*;

    const fn kind(output: OutputId, filtered: bool) -> StreamKind {
        StreamKind::Output { output, filtered }
    }

    fn slot(filtered: bool) -> SlotLayout {
        let channels = |count: usize| {
            (0..count).map(|k| Channel::new(format!("c{k}"), "PositionX", "pixels")).collect::<Vec<_>>()
        };
        let mut kinds = vec![(kind(LANDMARKS, false), channels(3 * 478)), (kind(POSE, false), channels(11))];
        if filtered {
            kinds.push((kind(LANDMARKS, true), channels(3 * 478)));
            kinds.push((kind(POSE, true), channels(11)));
        }
        SlotLayout { name: "P-01".to_owned(), kinds }
    }

    #[test]
    fn tables_are_narrow_enough_and_hold_every_value_once() {
        for filtered in [false, true] {
            let camera = CameraLayout {
                name: "front".to_owned(),
                frame_size: [640, 480],
                slots: vec![slot(filtered)],
            };
            let parts = parts(&camera);
            assert!(parts.iter().all(|part| part.columns.len() <= MOST_COLUMNS));
            assert!(parts.iter().all(|part| part.columns.len() == part.values.len() + COMMON_COLUMNS));
            let labels: Vec<_> = parts.iter().map(|part| part.label.as_str()).collect();
            let expected = ["P01", "P01mesh1", "P01mesh2", "P01mesh3"];
            assert_eq!(labels, expected[..if filtered { 4 } else { 3 }]);
            let mut values: Vec<_> = parts.iter().flat_map(|part| part.values.clone()).collect();
            values.sort_unstable();
            values.dedup();
            assert_eq!(values.len(), (3 * 478 + 11) * if filtered { 2 } else { 1 });
        }
    }

    #[test]
    fn raw_and_filtered_points_stand_side_by_side() {
        let (_, mesh) = values(&slot(true));
        let of = |kind| [0, 1, 2].map(|axis| (kind, 3 * 7 + axis));
        assert_eq!(mesh[7], [of(kind(LANDMARKS, false)), of(kind(LANDMARKS, true))].concat());
    }
}
