//! Landmarks of the face.

use std::borrow::Cow;

use mien_face::LANDMARK_COUNT;

use crate::{Channel, Csv, Json, Layout, Output, Sample, Unit, Values};

const COUNT: usize = 3 * LANDMARK_COUNT;

/// See [`LANDMARKS`](crate::LANDMARKS).
pub(crate) static OUTPUT: Output = Output {
    name: "landmarks",
    title: "Landmarks",
    content_type: "MoCap",
    coordinates: Some(
        "frame: pixels of the captured picture, x right, y down, origin at the outer \
         corner of the top left pixel; z on the scale of x, relative to the face's middle, smaller is nearer",
    ),
    is_filtered: true,
    is_usual: true,
    needs: &[],
    layout: Layout::Points,
    values: &Values::<COUNT>::of_face(channel, row),
    json: Json::Points(&[(
        "faces[].landmarks",
        "478 x [x, y, z]: pixels; z on the scale of x, smaller is nearer to the camera",
    )]),
    csv: Csv::OpenFace {
        place: 1,
        values: &Values::<COUNT>::of_face(column, columns),
        meanings: &[
            ("x_N, y_N", "landmark N in pixels of the source frame; the top left corner is (0, 0)"),
            ("z_N", "depth of landmark N on the scale of x, smaller is nearer to the camera"),
        ],
    },
    restore: Some(|row, state| {
        for (point, values) in state.landmarks.iter_mut().zip(row.as_chunks::<3>().0) {
            *point = *values;
        }
    }),
    plot: None,
};

fn channel(channel: usize) -> Channel {
    let marker = format!("landmark{}", channel / 3);
    let (axis, content_type) = [("X", "PositionX"), ("Y", "PositionY"), ("Z", "PositionZ")][channel % 3];
    Channel {
        label: Cow::Owned(format!("{marker}_{axis}")),
        content_type,
        unit: Unit::Pixels,
        marker: Some(Cow::Owned(marker)),
    }
}

fn row(_: &mut (), sample: &Sample<'_>) -> [f32; COUNT] {
    let mut row = [f32::NAN; COUNT];
    if let Some(state) = sample.face_state() {
        row.copy_from_slice(state.landmarks.as_flattened());
    }
    row
}

/// OpenFace has all x, then all y, then all z.
fn column(column: usize) -> Channel {
    let (axis, content_type) =
        [("x", "PositionX"), ("y", "PositionY"), ("z", "PositionZ")][column / LANDMARK_COUNT];
    Channel {
        label: Cow::Owned(format!("{axis}_{}", column % LANDMARK_COUNT)),
        content_type,
        unit: Unit::Pixels,
        marker: None,
    }
}

fn columns(_: &mut (), sample: &Sample<'_>) -> [f32; COUNT] {
    let mut row = [f32::NAN; COUNT];
    if let Some(state) = sample.face_state() {
        for (landmark, point) in state.landmarks.iter().enumerate() {
            for (axis, &value) in point.iter().enumerate() {
                row[axis * LANDMARK_COUNT + landmark] = value;
            }
        }
    }
    row
}
