//! What is written to is removed, moved or replaced while it is being recorded: said at once.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mien_record::{DATA_FILE, RecordState, VideoKind, check_session};

use crate::support::{faces, outputs, plan};

/// Records until the recording fails, or a long time is over; gives why it failed, and what its end says.
fn record_while(parent: &Path, harm: impl FnOnce(&Path)) -> (String, bool) {
    let mut outputs = outputs(1, false);
    let plan = plan(&outputs, parent, VideoKind::None);
    let folder = outputs.start_recording(plan).unwrap().folder().to_owned();
    let mut harm = Some(harm);
    let start = Instant::now();
    for index in 0.. {
        outputs.push(0, &faces(index, mien_clock::monotonic_nanos()));
        std::thread::sleep(Duration::from_millis(10));
        let status = outputs.record_status().unwrap();
        if let RecordState::Failed(reason) = status.state {
            let summary = outputs.stop_recording().unwrap().unwrap();
            return (reason, matches!(summary.status.state, RecordState::Failed(_)));
        }
        if index == 20 {
            harm.take().unwrap()(&folder);
        }
        assert!(start.elapsed() < Duration::from_secs(60), "nobody noticed");
    }
    unreachable!("it goes on until it fails")
}

#[test]
fn removed_data_end_the_recording_at_once() {
    let parent = tempfile::tempdir().unwrap();
    let (reason, failed) =
        record_while(parent.path(), |folder| fs::remove_file(folder.join(DATA_FILE)).unwrap());
    assert!(failed && reason.contains("data.xdf was removed"), "{reason}");
}

#[test]
fn replaced_data_end_the_recording_at_once() {
    let parent = tempfile::tempdir().unwrap();
    let (reason, failed) = record_while(parent.path(), |folder| {
        let data = folder.join(DATA_FILE);
        fs::copy(&data, folder.join("copy")).unwrap();
        fs::rename(folder.join("copy"), data).unwrap();
    });
    assert!(failed && reason.contains("data.xdf was removed, moved or replaced"), "{reason}");
}

#[test]
fn a_removed_folder_ends_the_recording_at_once() {
    let parent = tempfile::tempdir().unwrap();
    let (reason, failed) = record_while(parent.path(), |folder| fs::remove_dir_all(folder).unwrap());
    assert!(failed && reason.contains("sub-P-01_ses-01_task-rest was removed or moved"), "{reason}");
}

#[test]
fn a_moved_folder_ends_the_recording_and_what_was_recorded_is_whole() {
    let parent = tempfile::tempdir().unwrap();
    let moved = parent.path().join("moved");
    let (reason, failed) = record_while(parent.path(), |folder| fs::rename(folder, &moved).unwrap());
    assert!(failed && reason.contains("was removed or moved"), "{reason}");
    let report = check_session(&moved, false).unwrap();
    assert_eq!(report.problems, [""; 0]);
    assert_eq!(report.session.ended_because, Some(reason), "session.toml went with it");
}

#[test]
fn data_removed_just_before_the_end_fail_too() {
    let parent = tempfile::tempdir().unwrap();
    let mut outputs = outputs(1, false);
    let plan = plan(&outputs, parent.path(), VideoKind::None);
    let folder = outputs.start_recording(plan).unwrap().folder().to_owned();
    fs::remove_file(folder.join(DATA_FILE)).unwrap();
    let summary = outputs.stop_recording().unwrap().unwrap();
    assert!(matches!(summary.status.state, RecordState::Failed(_)), "{summary:?}");
}
