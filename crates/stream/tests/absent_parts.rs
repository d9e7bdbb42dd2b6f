//! Rows and streams of cameras whose networks do not measure everything.

use mien_face::{FacePart, FaceParts, FrameFaces};
use mien_stream::{CameraDescription, CameraEncoder, Row, StreamSettings};

/// How many values each row of a frame with these tracks has, in the order of the streams.
fn widths(encoder: &mut CameraEncoder, index: u64, track_ids: &[u32]) -> Vec<(usize, usize)> {
    let mut frame = FrameFaces::boxed();
    (frame.frame_index, frame.capture_nanos) = (index, index as i64 + 1);
    frame.face_count = track_ids.len() as u32;
    for (face, &track_id) in frame.faces.iter_mut().zip(track_ids) {
        face.track_id = track_id;
    }
    let rows = encoder.encode(&frame, 0).unwrap();
    let width = |row: Row<'_>| match row {
        Row::Float32(values) => values.len(),
        Row::Double64(values) => values.len(),
    };
    let mut widths: Vec<(usize, usize)> = rows.iter().map(|(stream, row)| (stream, width(row))).collect();
    widths.sort_unstable();
    widths
}

#[test]
fn rows_and_streams_agree_whatever_is_measured() {
    let irises = FaceParts::of(&[FacePart::Irises]);
    for (parts, kinds) in [(FaceParts::ALL, 7), (irises, 5), (FaceParts::NONE, 5)] {
        let camera = CameraDescription {
            name: "front".to_owned(),
            filter: Some("One-Euro".to_owned()),
            parts,
            ..CameraDescription::default()
        };
        let settings = StreamSettings { slots: 2, ..StreamSettings::default() };
        let mut encoder = CameraEncoder::new(camera, settings);
        let described: Vec<(usize, usize)> =
            encoder.streams().iter().map(|stream| stream.channels.len()).enumerate().collect();
        assert_eq!(described.len(), 2 * kinds + 1);
        for (index, track_ids) in [&[][..], &[1], &[1, 2]].into_iter().enumerate() {
            assert_eq!(widths(&mut encoder, index as u64, track_ids), described);
        }
    }
}
