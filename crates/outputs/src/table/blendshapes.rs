//! Coefficients of the expression.

use std::borrow::Cow;

use mien_face::{BLENDSHAPE_COUNT, BLENDSHAPE_NAMES, FacePart};

use crate::{Channel, Csv, Json, Layout, Output, Sample, Unit, Values};

/// See [`BLENDSHAPES`](crate::BLENDSHAPES).
pub(crate) static OUTPUT: Output = Output {
    name: "blendshapes",
    title: "Blendshapes",
    content_type: "FaceExpression",
    coordinates: None,
    is_filtered: true,
    is_usual: true,
    needs: &[FacePart::Blendshapes],
    layout: Layout::Values,
    values: &Values::of_face(channel, row),
    json: Json::Numbers(&[(
        "faces[].blendshapes",
        "52 coefficients 0-1, in the order of `blendshape_names`",
    )]),
    csv: Csv::OpenFace {
        place: 2,
        values: &Values::of_face(
            |column| Channel {
                label: Cow::Owned(format!("bs_{}", BLENDSHAPE_NAMES[column])),
                ..channel(column)
            },
            row,
        ),
        meanings: &[("bs_NAME", "blendshape coefficient 0-1")],
    },
    restore: Some(|row, state| {
        for (coefficient, value) in state.blendshapes.iter_mut().zip(row) {
            *coefficient = *value;
        }
    }),
    plot: None,
};

fn channel(channel: usize) -> Channel {
    Channel::new(BLENDSHAPE_NAMES[channel], "FaceExpression", Unit::Normalized)
}

fn row(_: &mut (), sample: &Sample<'_>) -> [f32; BLENDSHAPE_COUNT] {
    sample.face_state().map_or([f32::NAN; BLENDSHAPE_COUNT], |state| state.blendshapes)
}
