//! A recording cut at every byte, or damaged in its middle, is made whole again.

use std::fs;

use crate::support::{compare_with_pyxdf, small_recording};
use mien_xdf::{FileSink, FlushPolicy, Writer, XdfError, check, repair};
use serde_json::json;

#[test]
fn a_recording_cut_at_every_byte_keeps_every_whole_chunk() {
    let recording = small_recording(2);
    // In memory where possible: each repair waits for the disk.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut cases = Vec::new();
    for cut in 0..=recording.bytes.len() {
        let file = folder.path().join(format!("cut-{cut:05}.xdf"));
        fs::write(&file, &recording.bytes[..cut]).unwrap();
        repair(&file).unwrap();
        // All that had been written whole, and nothing else.
        let state = recording.states.iter().rev().find(|(end, _)| *end <= cut).unwrap();
        let report = check(&file).unwrap();
        assert!(report.is_sound(), "cut at {cut}: {report:?}");
        let counts: Vec<_> = report.streams.iter().map(|s| s.totals.sample_count as usize).collect();
        let wanted: Vec<_> = state.1.iter().map(|s| s.rows.len()).collect();
        assert_eq!(counts, wanted, "cut at {cut}");
        let repaired = fs::read(&file).unwrap();
        assert_eq!(repair(&file).unwrap(), Default::default(), "a second repair has nothing to do");
        assert_eq!(fs::read(&file).unwrap(), repaired);
        let streams: Vec<_> = state.1.iter().map(|s| s.json()).collect();
        cases.push(json!({"file": file, "streams": streams}));
    }
    println!("{} offsets", cases.len());
    compare_with_pyxdf(folder.path(), &cases);
}

#[test]
fn damage_in_the_middle_costs_only_what_lies_up_to_the_next_boundary() {
    let recording = small_recording(12);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.xdf");
    let mut bytes = recording.bytes.clone();
    // In the samples of the second round: before the first boundary.
    let hit = recording.states[16].0;
    bytes[hit..hit + 4].fill(0xee);
    fs::write(&file, &bytes).unwrap();
    let report = check(&file).unwrap();
    assert_eq!(report.damages.len(), 1, "{report:?}");
    assert_eq!(report.damages[0].offset, hit as u64);
    assert!(report.damages[0].resumes_at < bytes.len() as u64);
    let done = repair(&file).unwrap();
    assert_eq!(fs::read(done.original.unwrap()).unwrap(), bytes, "the original is kept");
    let after = check(&file).unwrap();
    assert!(after.is_sound());
    let kept: u64 = after.streams.iter().map(|s| s.totals.sample_count).sum();
    // Boundaries are three rounds apart, and a round has five samples.
    assert!((45..60).contains(&kept), "{kept} of 60 samples are left");
    assert!(after.streams.iter().all(|s| s.wrong_footer_count.is_none()), "the footers count anew");
}

#[test]
fn zeros_after_a_power_cut_are_taken_off() {
    let recording = small_recording(3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.xdf");
    let mut bytes = recording.bytes.clone();
    bytes.resize(bytes.len() + 4096, 0);
    fs::write(&file, &bytes).unwrap();
    assert_eq!(repair(&file).unwrap().removed_bytes, 4096);
    assert_eq!(fs::read(&file).unwrap(), recording.bytes);
}

#[test]
fn a_file_that_is_being_recorded_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.xdf");
    let sink = FileSink::create(&file).unwrap();
    let writer = Writer::new(sink, &[], FlushPolicy::default(), 0.0).unwrap();
    assert!(matches!(repair(&file), Err(XdfError::Busy { .. })));
    writer.finish().unwrap();
    assert_eq!(repair(&file).unwrap(), Default::default());
}

#[test]
fn other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.xdf");
    fs::write(&file, "my notes").unwrap();
    assert!(matches!(repair(&file), Err(XdfError::NotXdf { .. })));
    assert_eq!(fs::read(&file).unwrap(), b"my notes");
}
