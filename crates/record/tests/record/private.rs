//! Who may read a session.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use mien_record::{ExportFormat, RecordError, SessionPlan, VideoKind, VideoRecorder};

use crate::crafted::run;
use crate::support::{capture_times, faces, outputs, picture, plan};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Records with video; gives the modes of the folder and of each file.
fn modes(parent: &Path, group: Option<String>) -> (u32, Vec<(String, u32)>) {
    let mut outputs = outputs(1, false);
    let plan = SessionPlan { group, video: VideoKind::Ffv1, ..plan(&outputs, parent, VideoKind::None) };
    let recorder = outputs.start_recording(plan).unwrap();
    let folder = recorder.folder().to_owned();
    let video = VideoRecorder::start(recorder.videos()[0].clone()).unwrap();
    for (index, nanos) in capture_times(5) {
        let faces = faces(index, nanos);
        outputs.push(0, &faces);
        video.push(&picture(&faces), &faces);
    }
    assert_eq!(video.stop().problem, None);
    outputs.stop_recording().unwrap();
    let files = fs::read_dir(&folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name().to_string_lossy().into_owned(), mode(&entry.path()))
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    let out = parent.join("bids");
    run(&folder, ExportFormat::Bids, &out).unwrap();
    assert_eq!(mode(&out), 0o700, "exports hold faces, too");
    fs::remove_dir_all(out).unwrap();
    (mode(&folder), files)
}

#[test]
fn a_session_is_its_owners_and_a_groups_on_request() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let (folder, files) = modes(parent.path(), None);
    assert_eq!(folder, 0o700);
    assert!(files.iter().any(|(name, _)| name == "cam0.mkv") && files.len() >= 5, "{files:?}");
    assert!(files.iter().all(|(_, mode)| *mode == 0o600), "{files:?}");

    let own = fs::metadata(parent.path()).unwrap().gid();
    let (folder, files) = modes(parent.path(), Some(own.to_string()));
    assert_eq!(folder, 0o2750);
    assert!(files.iter().all(|(_, mode)| *mode == 0o640), "{files:?}");
}

#[test]
fn an_unknown_group_is_named_before_anything_is_made() {
    let parent = tempfile::tempdir().unwrap();
    let mut outputs = outputs(1, false);
    let group = Some("no-such-group".to_owned());
    let plan = SessionPlan { group, ..plan(&outputs, parent.path(), VideoKind::None) };
    let error = outputs.start_recording(plan).unwrap_err();
    assert!(
        matches!(error, RecordError::Group { .. }) && error.to_string().contains("no-such-group"),
        "{error}"
    );
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}
