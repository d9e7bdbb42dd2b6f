//! What we write, pyxdf reads bit for bit; and we read it too.

use crate::support::{compare_with_pyxdf, small_recording};
use mien_xdf::{Event, Reader, Values};
use serde_json::json;

#[test]
fn pyxdf_reads_what_was_written_bit_for_bit() {
    let recording = small_recording(25);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("whole.xdf");
    std::fs::write(&file, &recording.bytes).unwrap();
    let streams: Vec<_> = recording.states.last().unwrap().1.iter().map(|s| s.json()).collect();
    compare_with_pyxdf(folder.path(), &[json!({"file": file, "streams": streams})]);
}

#[test]
fn our_reader_reads_it_too() {
    let recording = small_recording(5);
    let expected = &recording.states.last().unwrap().1;
    let mut timestamps = vec![Vec::new(); expected.len()];
    let mut texts = Vec::new();
    let mut footers = Vec::new();
    for event in Reader::new(&recording.bytes[..]).unwrap() {
        match event.unwrap() {
            Event::StreamHeader { stream, info, .. } => {
                let wanted = &expected[stream as usize - 1];
                assert_eq!(info.name, wanted.name);
                assert_eq!(info.channels.len(), info.channel_count);
                assert_eq!(info.channels[0].unit, "meters");
            }
            Event::Samples { stream, samples } => {
                timestamps[stream as usize - 1].extend(samples.timestamps);
                if let Values::String(values) = samples.values {
                    texts.extend(values);
                }
            }
            Event::Footer { footer, .. } => footers.push(footer.sample_count.unwrap()),
            _ => {}
        }
    }
    for (found, wanted) in timestamps.iter().zip(expected) {
        assert_eq!(found, &wanted.timestamps);
    }
    assert_eq!(texts[3], "round 3 <é>");
    assert_eq!(footers, [10, 5, 5, 5, 0]);
}
