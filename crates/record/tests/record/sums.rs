//! Changed bytes are seen, and damaged headers are put back.

use std::fs;
use std::path::{Path, PathBuf};

use mien_record::{DATA_FILE, check_session};

use crate::damaged::ten_seconds;

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|found| found == wanted).unwrap()
}

/// Changes the data.
fn change(folder: &Path, how: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let data = folder.join(DATA_FILE);
    let mut bytes = fs::read(&data).unwrap();
    how(&mut bytes);
    fs::write(&data, bytes).unwrap();
    data
}

/// Changes a value in the middle of the landmarks: 100 + 7 × 0.2.
fn change_landmark(bytes: &mut [u8]) {
    let place = find(bytes, &(100.0f32 + 7.0 * 0.2).to_le_bytes());
    bytes[place] ^= 1;
}

#[test]
fn a_changed_value_is_told_with_its_stream_and_time_each_time() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, _) = ten_seconds(parent.path());
    change(&folder, |bytes| change_landmark(bytes));
    for _ in 0..2 {
        let report = check_session(&folder, true).unwrap();
        let [problem] = report.problems.as_slice() else { panic!("{:?}", report.problems) };
        assert!(
            problem.contains("mien_cam0_face1_landmarks") && problem.contains("changed since"),
            "{problem}"
        );
        assert_eq!(report.data_repair, Default::default(), "nothing can be done about it");
    }
}

#[test]
fn a_change_is_still_told_after_a_repair_of_something_else() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, _) = ten_seconds(parent.path());
    change(&folder, |bytes| {
        change_landmark(bytes);
        let middle = bytes.len() * 2 / 3;
        bytes[middle..middle + 8000].fill(0xee);
    });
    for _ in 0..2 {
        let report = check_session(&folder, true).unwrap();
        assert!(
            report.problems.iter().any(|problem| problem.contains("changed since")),
            "{:?}",
            report.problems
        );
        assert!(report.data.is_sound());
    }
}

#[test]
fn a_damaged_header_is_put_back() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, _) = ten_seconds(parent.path());
    let before = check_session(&folder, true).unwrap();
    for name in ["mien_markers", "mien_cam0_face1_pose", "mien_cam0_Frames"] {
        let data = change(&folder, |bytes| {
            let place = find(bytes, name.as_bytes());
            bytes[place - 40..place].fill(0);
        });
        let damaged = fs::read(&data).unwrap();
        let dry = check_session(&folder, false).unwrap();
        assert!(
            dry.problems.iter().any(|problem| problem.contains(&format!("header of {name}"))),
            "{:?}",
            dry.problems
        );
        let report = check_session(&folder, true).unwrap();
        assert_eq!(report.problems, [""; 0], "{name}");
        assert_eq!(report.data_repair.restored_headers, [name]);
        assert_eq!(report.data_repair.lost_samples, []);
        assert_eq!(fs::read(report.data_repair.original.as_ref().unwrap()).unwrap(), damaged);
        let counts = |report: &mien_record::SessionReport| -> Vec<_> {
            let mut counts: Vec<_> =
                report.data.streams.iter().map(|s| (s.info.name.clone(), s.totals.sample_count)).collect();
            counts.sort();
            counts
        };
        assert_eq!(counts(&report), counts(&before), "every sample is there");
    }
    assert_eq!(check_session(&folder, true).unwrap().data_repair, Default::default());
}

#[test]
fn sums_that_are_missing_torn_or_nonsense_are_no_problem_of_the_data() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, _) = ten_seconds(parent.path());
    let sums = folder.join("data.xdf.sums");
    let whole = fs::read(&sums).unwrap();
    for length in (0..whole.len()).step_by(whole.len() / 97) {
        fs::write(&sums, &whole[..length]).unwrap();
        assert_eq!(check_session(&folder, true).unwrap().problems, [""; 0], "{length}");
    }
    for nonsense in [&b""[..], b"nonsense", &[0xff; 5000]] {
        fs::write(&sums, nonsense).unwrap();
        let report = check_session(&folder, true).unwrap();
        assert!(report.problems.is_empty() && !report.data.has_sums);
    }
    fs::remove_file(&sums).unwrap();
    assert!(check_session(&folder, true).unwrap().problems.is_empty());
}

#[test]
fn data_that_were_cut_keep_true_sums() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, _) = ten_seconds(parent.path());
    let data = change(&folder, |bytes| bytes.truncate(bytes.len() / 2));
    let report = check_session(&folder, true).unwrap();
    assert!(
        report.problems.iter().all(|problem| !problem.contains("changed since")),
        "{:?}",
        report.problems
    );
    assert!(report.data.has_sums && report.data.is_sound());
    // And they are the repaired file's: a change is seen in what was kept and in what was written.
    for place in [1000, fs::metadata(&data).unwrap().len() as usize - 20] {
        change(&folder, |bytes| bytes[place] ^= 2);
        let data = check_session(&folder, false).unwrap().data;
        assert!(data.changed_chunks == 1 || !data.damages.is_empty(), "{place}");
        change(&folder, |bytes| bytes[place] ^= 2);
    }
}
