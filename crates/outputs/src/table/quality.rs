//! How far a face can be believed, and how its frame came.

use mien_face::Face;

use crate::{Channel, Csv, Json, Layout, Output, Sample, Unit, Values};

/// See [`QUALITY`](crate::QUALITY).
pub(crate) static OUTPUT: Output = Output {
    name: "quality",
    title: "Quality",
    content_type: "Quality",
    coordinates: Some("frame: pixels of the captured picture, x right, y down"),
    is_filtered: false,
    is_usual: true,
    needs: &[],
    layout: Layout::Values,
    // Latency, drops and damage concern the frame.
    values: &Values { channel, start: || (), row, without_face: true },
    json: Json::No,
    csv: Csv::No,
    restore: None,
    plot: None,
};

/// A channel and its value.
type Column = (Channel, fn(&Sample<'_>) -> f32);

/// NaN where it takes a face to know.
fn of(sample: &Sample<'_>, value: fn(&Face) -> f32) -> f32 {
    sample.face.map_or(f32::NAN, value)
}

static COLUMNS: [Column; 11] = [
    (Channel::new("score", "Confidence", Unit::Normalized), |s| of(s, |face| face.score)),
    (Channel::new("presence", "Confidence", Unit::Normalized), |s| of(s, |face| face.presence)),
    (Channel::new("latency", "Latency", Unit::Seconds), |s| s.frame.latency_seconds as f32),
    (Channel::new("dropped_frames", "Count", Unit::Frames), |s| s.frame.dropped_frames as f32),
    (Channel::new("track_id", "Identifier", Unit::None), |s| of(s, |face| face.track_id as f32)),
    (Channel::new("detection_age", "Count", Unit::Frames), |s| {
        of(s, |face| face.detection_age_frames as f32)
    }),
    (Channel::new("box_x1", "ScreenX", Unit::Pixels), |s| of(s, |face| face.bounds.x1)),
    (Channel::new("box_y1", "ScreenY", Unit::Pixels), |s| of(s, |face| face.bounds.y1)),
    (Channel::new("box_x2", "ScreenX", Unit::Pixels), |s| of(s, |face| face.bounds.x2)),
    (Channel::new("box_y2", "ScreenY", Unit::Pixels), |s| of(s, |face| face.bounds.y2)),
    (Channel::new("damaged", "Flag", Unit::Boolean), |s| s.frame.damaged as f32),
];

fn channel(channel: usize) -> Channel {
    COLUMNS[channel].0.clone()
}

fn row(_: &mut (), sample: &Sample<'_>) -> [f32; COLUMNS.len()] {
    std::array::from_fn(|column| COLUMNS[column].1(sample))
}
