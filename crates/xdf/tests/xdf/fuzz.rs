//! Damaged recordings: no panic, no endless loop, and a repair leaves a sound file.

use std::fs;

use mien_xdf::{FileSink, FlushPolicy, KeepOriginal, Reader, StreamDescription, Writer, check, repair};

use crate::support::{description, small_recording};

#[test]
fn fuzz_reader() {
    let sound = [small_recording(1).bytes, small_recording(6).bytes];
    mien_fuzz::fuzz("xdf-reader", &sound, 2000, |input| {
        if let Ok(reader) = Reader::new(input) {
            reader.take_while(Result::is_ok).for_each(drop);
        }
    });
}

#[test]
fn fuzz_repair() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("data.xdf");
    let sound = [small_recording(1).bytes, small_recording(6).bytes];
    mien_fuzz::fuzz("xdf-repair", &sound, 500, |input| {
        fs::write(&path, input).unwrap();
        if repair(&path, KeepOriginal::BeyondUnfinishedChunk).is_ok() {
            assert!(check(&path).unwrap().is_sound());
            assert_eq!(repair(&path, KeepOriginal::Always).unwrap(), Default::default());
        }
        for entry in fs::read_dir(folder.path()).unwrap().flatten() {
            fs::remove_file(entry.path()).unwrap();
        }
    });
}

/// A file with checksums beside it.
pub fn with_sums(path: &std::path::Path, rounds: u32) {
    let streams: Vec<StreamDescription> =
        ["a", "b"].map(|name| description(name, mien_xdf::ChannelFormat::Int32, 2)).to_vec();
    let policy = FlushPolicy { boundary_seconds: 3.0, ..FlushPolicy::default() };
    let mut writer = Writer::new(FileSink::create(path).unwrap(), &[], policy, 0.0).unwrap();
    let ids: Vec<_> = streams.iter().map(|stream| writer.add_stream(stream, 0.0).unwrap()).collect();
    for round in 0..rounds {
        let at = f64::from(round) + 0.5;
        for &id in &ids {
            writer.push_i32(id, at, &[round as i32, 7]).unwrap();
        }
        writer.tick(at).unwrap();
    }
    writer.finish().unwrap();
}

/// Whatever is beside the data, a sound file is never called changed where it is not, and damage never panics.
#[test]
fn fuzz_sums() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let (path, sums) = (folder.path().join("data.xdf"), folder.path().join("data.xdf.sums"));
    with_sums(&path, 8);
    let (data, sound) = (fs::read(&path).unwrap(), fs::read(&sums).unwrap());
    let mut damaged = data.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 9].fill(0xee);
    damaged[30..60].fill(0xee);
    mien_fuzz::fuzz("xdf-sums", &[sound], 400, |input| {
        fs::write(&path, &damaged).unwrap();
        fs::write(&sums, input).unwrap();
        repair(&path, KeepOriginal::Always).unwrap();
        assert!(check(&path).unwrap().is_sound());
        for entry in fs::read_dir(folder.path()).unwrap().flatten() {
            fs::remove_file(entry.path()).unwrap();
        }
    });
}

#[test]
fn every_changed_byte_is_seen_and_no_other() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("data.xdf");
    with_sums(&path, 4);
    let whole = fs::read(&path).unwrap();
    let report = check(&path).unwrap();
    assert!(report.is_sound() && report.has_sums && report.changed_chunks == 0);
    for place in 4..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        fs::write(&path, &bytes).unwrap();
        let report = check(&path).unwrap();
        assert!(report.changed_chunks > 0 || !report.damages.is_empty(), "byte {place}");
    }
    // Cut anywhere, what is there is what was recorded.
    for length in 4..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(check(&path).unwrap().changed_chunks, 0, "{length}");
    }
}

#[test]
fn a_repair_that_was_killed_between_its_last_steps_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.xdf");
    with_sums(&path, 8);
    let old_sums = fs::read(folder.path().join("data.xdf.sums")).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 9].fill(0xee);
    fs::write(&path, &bytes).unwrap();
    repair(&path, KeepOriginal::Always).unwrap();
    assert_eq!(check(&path).unwrap().changed_chunks, 0);
    // As it lies there when the data have their name and the sums do not yet.
    fs::rename(folder.path().join("data.xdf.sums"), folder.path().join("data.xdf.sums.repairing")).unwrap();
    fs::write(folder.path().join("data.xdf.sums"), old_sums).unwrap();
    assert!(check(&path).unwrap().changed_chunks > 0);
    repair(&path, KeepOriginal::Always).unwrap();
    assert_eq!(check(&path).unwrap().changed_chunks, 0);
}
