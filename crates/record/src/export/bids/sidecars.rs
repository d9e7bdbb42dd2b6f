//! What stands beside the tables.

use std::fmt::Write as _;

use serde_json::json;

use super::MISSING;
use super::parts::Column;
use crate::export::Source;
use crate::export::text::cell;

/// `_motion.json`: what the table is and how it was made.
pub(super) fn motion(
    source: &Source<'_>,
    camera: &str,
    columns: &[Column],
    rows: u64,
    seconds: f64,
) -> serde_json::Value {
    let count = |kind: &str| columns.iter().filter(|column| column.kind == kind).count();
    let mut points: Vec<&str> = columns
        .iter()
        .map(|column| column.tracked_point.as_str())
        .filter(|&point| point != MISSING)
        .collect();
    points.sort_unstable();
    points.dedup();
    let effective = if seconds > 0.0 { rows.saturating_sub(1) as f64 / seconds } else { 0.0 };
    let record = source.session.cameras.iter().find(|record| record.name == camera);
    let nominal = record.map_or(effective, |record| record.rate_hz);
    json!({
        "TaskName": source.session.task,
        "TrackingSystemName": camera,
        "SamplingFrequency": nominal,
        "SamplingFrequencyEffective": effective,
        "RecordingDuration": seconds,
        "RecordingType": "continuous",
        "TrackedPointsCount": points.len(),
        "MotionChannelCount": columns.len(),
        "POSChannelCount": count("POS"),
        "ORNTChannelCount": count("ORNT"),
        "MISCChannelCount": count("MISC"),
        "LATENCYChannelCount": count("LATENCY"),
        "MissingValues": MISSING,
        "Manufacturer": "Mien",
        "ManufacturersModelName": record.map(|record| record.source.as_str()).unwrap_or_default(),
        "SoftwareVersions": source.session.mien_version,
        "Engine": record.map(|record| record.engine.as_str()).unwrap_or_default(),
        "Networks": record.map(|record| &record.models),
    })
}

/// `_channels.tsv`: a line for each column of the table.
pub(super) fn channels(columns: &[Column]) -> String {
    let mut text = "name\tcomponent\ttype\ttracked_point\tunits\treference_frame\n".to_owned();
    for Column { name, component, kind, tracked_point, units, reference_frame } in columns {
        let (name, tracked_point) = (tsv(name), tsv(tracked_point));
        let _ = writeln!(text, "{name}\t{component}\t{kind}\t{tracked_point}\t{units}\t{reference_frame}");
    }
    text
}

/// A text on one line, without tabs.
fn tsv(text: &str) -> String {
    cell(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// `_channels.json`: the frames of reference.
pub(super) fn reference_frames() -> serde_json::Value {
    json!({
        "reference_frame": {
            "Description": "Frame of reference of positions and orientations.",
            "Levels": {
                "frame": {
                    "Description": "Pixels of the captured picture: x right, y down, origin at the outer corner \
                        of the top left pixel; z on the scale of x, relative to the face's middle, smaller is \
                        nearer to the camera.",
                    "SpatialAxes": "RIA",
                    "RotationRule": "n/a",
                    "RotationOrder": "n/a"
                },
                "camera": {
                    "Description": "The camera: x right in the picture, y up, z towards the viewer, origin at \
                        the pinhole. Rotation = R_y(heading) R_x(pitch) R_z(roll).",
                    "SpatialAxes": "RSP",
                    "RotationRule": "right-hand",
                    "RotationOrder": "YXZ"
                }
            }
        }
    })
}

/// `_events.tsv`: the markers, in seconds since `start`.
pub(super) fn events(markers: &[(f64, String)], start: f64) -> String {
    let mut events = "onset\tduration\ttrial_type\n".to_owned();
    let mut sorted: Vec<_> = markers.iter().collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (timestamp, text) in sorted {
        // Tabs and line ends would break the table.
        let text: Vec<_> = text.split_whitespace().collect();
        let text = if text.is_empty() { MISSING.to_owned() } else { cell(&text.join(" ")) };
        let _ = writeln!(events, "{:.9}\t{MISSING}\t{text}", timestamp - start);
    }
    events
}

/// `_events.json`.
pub(super) fn events_description() -> serde_json::Value {
    json!({
        "onset": { "Description": "When the marker was set, since this camera's first frame.", "Units": "s" },
        "trial_type": { "Description": "Text of the marker." },
        "StimulusPresentation": { "SoftwareName": "Mien" }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_cannot_break_the_table() {
        let markers = [(12.0, "b\tc\nd".to_owned()), (11.5, String::new())];
        assert_eq!(
            events(&markers, 10.0),
            "onset\tduration\ttrial_type\n1.500000000\tn/a\tn/a\n2.000000000\tn/a\tb c d\n"
        );
    }
}
