//! A recording cut at every byte, or damaged in its middle, is made whole again.

use std::fs;

use crate::support::{compare_with_pyxdf, description, small_recording};
use mien_xdf::{ChannelFormat, FileSink, FlushPolicy, KeepOriginal, Writer, XdfError, check, repair};
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
        repair(&file, KeepOriginal::BeyondUnfinishedChunk).unwrap();
        // All that had been written whole, and nothing else.
        let state = recording.states.iter().rev().find(|(end, _)| *end <= cut).unwrap();
        let report = check(&file).unwrap();
        assert!(report.is_sound(), "cut at {cut}: {report:?}");
        let counts: Vec<_> = report.streams.iter().map(|s| s.totals.sample_count as usize).collect();
        let wanted: Vec<_> = state.1.iter().map(|s| s.rows.len()).collect();
        assert_eq!(counts, wanted, "cut at {cut}");
        let repaired = fs::read(&file).unwrap();
        assert_eq!(
            repair(&file, KeepOriginal::BeyondUnfinishedChunk).unwrap(),
            Default::default(),
            "a second repair has nothing to do"
        );
        assert_eq!(fs::read(&file).unwrap(), repaired);
        let streams: Vec<_> = state.1.iter().map(|s| s.json()).collect();
        cases.push(json!({"file": file, "streams": streams}));
    }
    println!("{} offsets", cases.len());
    compare_with_pyxdf(folder.path(), &cases);
}

#[test]
fn damage_in_the_middle_costs_only_the_chunk_that_it_hits() {
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
    assert_eq!(report.damages[0].resumes_at, recording.states[17].0 as u64);
    let done = repair(&file, KeepOriginal::BeyondUnfinishedChunk).unwrap();
    assert_eq!(fs::read(done.original.unwrap()).unwrap(), bytes, "the original is kept");
    let after = check(&file).unwrap();
    assert!(after.is_sound());
    let kept: u64 = after.streams.iter().map(|s| s.totals.sample_count).sum();
    let lost: u64 = done.lost_samples.iter().map(|(_, count)| count).sum();
    assert!((58..60).contains(&kept) && kept + lost == 60, "{kept} of 60 samples are left, {lost} told");
    assert!(after.streams.iter().all(|s| s.wrong_footer_count.is_none()), "the footers count anew");
}

/// Without any boundary, as in the first seconds of every recording.
#[test]
fn damage_anywhere_costs_no_chunk_that_it_does_not_touch() {
    let recording = small_recording(2);
    let whole = &recording.bytes;
    let mut ends: Vec<usize> = recording.states.iter().map(|(end, _)| *end).filter(|&end| end > 0).collect();
    ends.dedup();
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let file = folder.path().join("data.xdf");
    for hit in 4..whole.len() {
        for (junk, width) in [(0xee, 4), (0x00, 1), (0x01, 1), (0x04, 9), (0x08, 200)] {
            let mut bytes = whole.clone();
            let end = (hit + width).min(bytes.len());
            bytes[hit..end].fill(junk);
            fs::write(&file, &bytes).unwrap();
            let report = check(&file).unwrap();
            let first = ends.iter().rev().find(|&&end| end <= hit).copied().unwrap_or(4);
            let last = *ends.iter().find(|&&chunk_end| chunk_end >= end).unwrap();
            // A lost header costs its stream's samples too, wherever they are.
            let samples_begin = recording.states[11].0;
            let cost: u64 = report.damages.iter().map(|damage| damage.resumes_at - damage.offset).sum();
            if first >= samples_begin {
                let what = format!("{junk:#x} × {width} at {hit}: {cost} of {} bytes", last - first);
                assert!(cost <= (last - first) as u64, "{what}");
                assert!(report.streams.len() == 5, "{what}");
            } else {
                assert!(report.chunk_count >= 4, "{hit}: {report:?}");
            }
            assert!(report.damages.iter().all(|damage| !damage.is_unfinished || last == whole.len()));
        }
    }
}

#[test]
fn more_than_an_unfinished_chunk_goes_only_with_a_copy_kept() {
    let recording = small_recording(3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.xdf");
    let cut = &recording.bytes[..recording.bytes.len() - 3];
    let mut scrambled = recording.bytes.clone();
    let middle = recording.states[14].0;
    scrambled[middle..].iter_mut().for_each(|byte| *byte = byte.wrapping_mul(31) ^ 0x5a);
    let mut appended = recording.bytes.clone();
    appended.extend_from_slice(b"not XDF at all, and more than a little of it");
    // In each case: what lies in the file, when the original is kept, and whether it is.
    let cases = [
        (cut, KeepOriginal::BeyondUnfinishedChunk, false),
        (cut, KeepOriginal::Always, true),
        (&scrambled, KeepOriginal::BeyondUnfinishedChunk, true),
        (&appended, KeepOriginal::BeyondUnfinishedChunk, true),
        (&[][..], KeepOriginal::BeyondUnfinishedChunk, false),
        (&b"XD"[..], KeepOriginal::Always, true),
    ];
    for (number, (bytes, keep, is_kept)) in cases.into_iter().enumerate() {
        fs::write(&file, bytes).unwrap();
        let done = repair(&file, keep).unwrap();
        assert_eq!(done.original.is_some(), is_kept, "case {number}");
        if let Some(original) = &done.original {
            assert_eq!(fs::read(original).unwrap(), bytes, "case {number}");
        }
        assert!(check(&file).unwrap().is_sound(), "case {number}");
    }
    let kept = fs::read_dir(folder.path()).unwrap().flatten();
    let kept = kept.filter(|entry| entry.file_name().to_string_lossy().contains(".damaged")).count();
    assert_eq!(kept, 4, "no kept original takes the place of another");
}

#[test]
fn a_stream_whose_header_is_damaged_is_told() {
    let recording = small_recording(4);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.xdf");
    let mut bytes = recording.bytes.clone();
    // After its number and the beginning of its XML.
    let header = recording.states[1].0;
    bytes[header + 30..header + 40].fill(0xee);
    fs::write(&file, &bytes).unwrap();
    let done = repair(&file, KeepOriginal::BeyondUnfinishedChunk).unwrap();
    let told = ("stream number 1, whose header is damaged".to_owned(), 8);
    assert_eq!(done.lost_samples, [told]);
    let after = check(&file).unwrap();
    assert!(after.is_sound());
    let kept: Vec<_> = after.streams.iter().map(|s| s.totals.sample_count).collect();
    assert_eq!(kept, [4, 4, 4, 0], "the other streams have all of theirs");
}

#[test]
fn a_damaged_file_header_is_replaced_at_the_beginning() {
    let recording = small_recording(2);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.xdf");
    let mut bytes = recording.bytes.clone();
    bytes[5..9].fill(0xff);
    fs::write(&file, &bytes).unwrap();
    assert!(!check(&file).unwrap().has_file_header);
    assert!(repair(&file, KeepOriginal::BeyondUnfinishedChunk).unwrap().original.is_some());
    let after = check(&file).unwrap();
    assert!(after.is_sound());
    assert_eq!(after.streams.iter().map(|s| s.totals.sample_count).sum::<u64>(), 10);
    let first = mien_xdf::Reader::new(fs::File::open(&file).unwrap()).unwrap().next().unwrap().unwrap();
    assert!(matches!(first, mien_xdf::Event::FileHeader { .. }));
}

#[test]
fn zeros_after_a_power_cut_are_taken_off() {
    let recording = small_recording(3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.xdf");
    let mut bytes = recording.bytes.clone();
    bytes.resize(bytes.len() + 4096, 0);
    fs::write(&file, &bytes).unwrap();
    assert_eq!(repair(&file, KeepOriginal::BeyondUnfinishedChunk).unwrap().removed_bytes, 4096);
    assert_eq!(fs::read(&file).unwrap(), recording.bytes);
}

#[test]
fn a_file_that_is_being_recorded_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.xdf");
    let sink = FileSink::create(&file).unwrap();
    let writer = Writer::new(sink, &[], FlushPolicy::default(), 0.0).unwrap();
    assert!(matches!(repair(&file, KeepOriginal::BeyondUnfinishedChunk), Err(XdfError::Busy { .. })));
    writer.finish().unwrap();
    assert_eq!(repair(&file, KeepOriginal::BeyondUnfinishedChunk).unwrap(), Default::default());
}

#[test]
fn other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.xdf");
    fs::write(&file, "my notes").unwrap();
    assert!(matches!(repair(&file, KeepOriginal::BeyondUnfinishedChunk), Err(XdfError::NotXdf { .. })));
    assert_eq!(fs::read(&file).unwrap(), b"my notes");
}

#[test]
fn the_first_samples_do_not_wait_for_the_rest() {
    let mut writer = Writer::new(Vec::new(), &[], FlushPolicy::default(), 50.0).unwrap();
    let stream = writer.add_stream(&description("pose", ChannelFormat::Float32, 1), 50.0).unwrap();
    let mut push = |at: f64| {
        writer.push_f32(stream, at, &[1.0]).unwrap();
        writer.tick(at).unwrap();
        writer.totals().next().unwrap().1.sample_count
    };
    // Killed now, the file has the samples.
    assert_eq!([push(50.04), push(50.08), push(50.12)], [1, 2, 3]);
    let later: Vec<_> = (1..6).map(|k| push(60.0 + 0.1 * f64::from(k))).collect();
    assert_eq!(later, [4, 4, 4, 7, 7], "then several at once");
}
