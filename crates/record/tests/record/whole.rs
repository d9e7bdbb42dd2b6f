//! A session that comes to its end.

use std::time::Duration;

use mien_record::{RecordState, SessionState, VideoKind, VideoRecorder, check_session};

use crate::support::{capture_times, faces, outputs, picture, plan, run_python};

#[test]
fn data_video_and_markers_agree() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let mut outputs = outputs(2, true);
    // Before the recording: it begins with what has been measured of the timing.
    for (index, nanos) in capture_times(60) {
        outputs.push(0, &faces(index, nanos - 10_000_000_000));
    }
    let plan = plan(&outputs, parent.path(), VideoKind::H264);
    let recorder = outputs.start_recording(plan).unwrap();
    let videos: Vec<_> =
        recorder.videos().iter().cloned().map(|plan| VideoRecorder::start(plan).unwrap()).collect();
    assert_eq!(videos.len(), 2);
    for (index, nanos) in capture_times(90) {
        for (camera, video) in videos.iter().enumerate() {
            let faces = faces(100 + index, nanos);
            outputs.push(camera, &faces);
            video.push(&picture(&faces), &faces);
            // As fast as this machine encodes, so that nothing has to be dropped.
            while index > video.status().frames + 8 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        if index == 45 {
            outputs.marker("halfway, “quoted” <tag>");
        }
    }
    for video in videos {
        let status = video.stop();
        assert_eq!((status.frames, status.dropped_frames, status.problem), (90, 0, None));
    }
    let summary = outputs.stop_recording().unwrap().unwrap();
    assert_eq!(summary.status.state, RecordState::Finished);
    assert_eq!(summary.status.frames, 180);
    for (name, totals) in &summary.streams {
        let expected = if name.ends_with("_markers") { 4 } else { 90 };
        assert_eq!(totals.sample_count, expected, "{name}");
    }

    let report = check_session(&summary.folder, false).unwrap();
    assert_eq!(report.problems, [""; 0]);
    assert_eq!(report.session.state, SessionState::Complete);
    assert_eq!(report.session.gaps.len(), 0, "camera 0 had its gap before the recording began");
    assert_eq!(report.session.cameras[1].models[0].sha256, "ab".repeat(32));
    for video in &report.videos {
        assert_eq!((video.pictures, video.rows, video.is_finished), (Some(90), 90, true));
    }
    run_python("whole.py", &[&summary.folder]);
}

#[test]
fn rows_keep_coming_while_the_disk_is_slow_or_the_recording_ends() {
    let parent = tempfile::tempdir().unwrap();
    let mut outputs = outputs(1, false);
    let first = plan(&outputs, parent.path(), VideoKind::None);
    let folder = outputs.start_recording(first.clone()).unwrap().folder().to_owned();
    for (index, nanos) in capture_times(10) {
        outputs.push(0, &faces(index, nanos));
    }
    // A second recording ends the first and never touches its folder.
    let second = outputs.start_recording(first).unwrap().folder().to_owned();
    assert_ne!(folder, second);
    let later = mien_clock::monotonic_nanos() + 1_000_000_000;
    outputs.push(0, &faces(10, later));
    assert!(second.to_string_lossy().ends_with("_run-2"));
    outputs.stop_recording().unwrap();
    assert!(outputs.stop_recording().unwrap().is_none());
    for folder in [folder, second] {
        assert_eq!(check_session(&folder, false).unwrap().problems, [""; 0]);
    }
}
