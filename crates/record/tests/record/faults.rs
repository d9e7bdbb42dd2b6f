//! Wrong input, full disks, a missing or dying ffmpeg: a clear state, and everything else goes on.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mien_record::{
    DiskLimits, PrivacyKind, RecordError, RecordState, SessionNames, VideoKind, VideoRecorder, check_session,
};

use crate::support::{capture_times, faces, outputs, picture, plan};

/// Set in a process that runs one of these tests in a place of its own.
pub const INSIDE: &str = "MIEN_TEST_INSIDE";

#[test]
fn wrong_names_and_folders_are_refused_and_nothing_is_made() {
    let parent = tempfile::tempdir().unwrap();
    let mut outputs = outputs(1, false);
    let good = plan(&outputs, parent.path(), VideoKind::None);
    for subject in ["../evil", "a/b", "", ".."] {
        let names = SessionNames { subject: subject.to_owned(), ..good.names.clone() };
        let error = outputs.start_recording(mien_record::SessionPlan { names, ..good.clone() }).unwrap_err();
        assert!(matches!(error, RecordError::Name { what: "subject", .. }), "{error}");
    }
    let mut camera = good.clone();
    camera.cameras[0].record.name = "../cam".to_owned();
    assert!(matches!(outputs.start_recording(camera).unwrap_err(), RecordError::Name { what: "camera", .. }));
    let mut twice = good.clone();
    let mut second = twice.cameras[0].clone();
    second.record.name = "CAM0".to_owned();
    twice.cameras.push(second);
    assert!(matches!(outputs.start_recording(twice).unwrap_err(), RecordError::SameName { .. }));
    let mut full = good.clone();
    full.limits = DiskLimits { warn_bytes: u64::MAX, stop_bytes: u64::MAX };
    assert!(matches!(outputs.start_recording(full).unwrap_err(), RecordError::DiskFull { .. }));
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0, "nothing was made");

    let file = parent.path().join("a file");
    std::fs::write(&file, "").unwrap();
    let error = outputs
        .start_recording(mien_record::SessionPlan { parent: file.join("folder"), ..good.clone() })
        .unwrap_err();
    assert!(error.to_string().contains("a file"), "{error}");
    // After all of these, tracking goes on.
    let (index, nanos) = capture_times(1).next().unwrap();
    outputs.push(0, &faces(index, nanos));
    assert!(outputs.recording().is_none());
}

#[test]
fn a_recording_that_runs_is_not_repaired() {
    let parent = tempfile::tempdir().unwrap();
    let mut outputs = outputs(1, false);
    let plan = plan(&outputs, parent.path(), VideoKind::None);
    let folder = outputs.start_recording(plan).unwrap().folder().to_owned();
    let error = check_session(&folder, true).unwrap_err();
    assert!(error.to_string().contains("being recorded"), "{error}");
    let (index, nanos) = capture_times(1).next().unwrap();
    outputs.push(0, &faces(index, nanos));
    outputs.stop_recording().unwrap();
    assert_eq!(check_session(&folder, true).unwrap().problems, [""; 0]);
}

#[test]
fn a_killed_encoder_is_replaced_in_a_new_part() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let mut outputs = outputs(1, false);
    let plan = plan(&outputs, parent.path(), VideoKind::H264);
    let recorder = outputs.start_recording(plan).unwrap();
    let folder = recorder.folder().to_owned();
    let video = VideoRecorder::start(recorder.videos()[0].clone()).unwrap();
    let mut killed = false;
    for (index, nanos) in capture_times(90) {
        let faces = faces(index, nanos);
        outputs.push(0, &faces);
        video.push(&picture(&faces), &faces);
        if index >= 45 && !killed {
            let process = video.status().encoder_process.expect("it runs");
            killed = Command::new("kill").args(["-9", &process.to_string()]).status().unwrap().success();
        }
        // As fast as this machine encodes; the pictures that the killed encoder had are lost.
        while index > video.status().frames + 10 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let status = video.stop();
    assert_eq!((status.parts, status.failed), (2, false), "{status:?}");
    assert!(status.problem.is_some());
    outputs.stop_recording().unwrap();
    let report = check_session(&folder, true).unwrap();
    assert_eq!(report.problems, [""; 0]);
    let counts: Vec<_> = report.videos.iter().map(|video| video.pictures.unwrap()).collect();
    println!("pictures of the two parts: {counts:?} of 90");
    assert!(folder.join("cam0_frames.csv.damaged").exists(), "a copy of the rows is kept");
    // Of those before: ten wait for the encoder, four are in its pipe, one is in it, six in its last cluster.
    assert!(counts[0] >= 20 && counts.iter().sum::<u64>() >= 65, "{counts:?}");
}

#[test]
fn frames_of_another_size_begin_a_new_part() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let outputs = outputs(1, false);
    let mut plan = mien_record::VideoPlan {
        folder: parent.path().to_owned(),
        camera: "cam0".to_owned(),
        kind: VideoKind::Ffv1,
        hardware: false,
        privacy: PrivacyKind::Blur,
        rate_hz: 30.0,
        vertical_fov_deg: 63.0,
    };
    drop(outputs);
    let video = VideoRecorder::start(plan.clone()).unwrap();
    for (index, nanos) in capture_times(12) {
        let faces = faces(index, nanos);
        let mut frame = picture(&faces);
        if index >= 6 {
            frame.reshape(64, 48, mien_face::PixelFormat::Nv12);
        }
        video.push(&frame, &faces);
    }
    let status = video.stop();
    assert_eq!((status.parts, status.frames, status.problem), (2, 12, None));
    plan.camera = "a/b".to_owned();
    assert!(VideoRecorder::start(plan).is_err());
}

/// Runs the test of that name again under a command; `None` where the command is not permitted.
pub fn run_inside(test: &str, command: &mut Command) -> bool {
    let status = command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .status()
        .unwrap();
    status.success()
}

/// A command whose words run with an empty file system of that size on `folder`, in a mount namespace of its
/// own; says so where that is not permitted.
pub fn on_small_disk(folder: &Path, size: &str) -> Option<Command> {
    let probe = Command::new("unshare").args(["--mount", "mount", "-t", "tmpfs", "none", "/mnt"]).status();
    if !probe.is_ok_and(|status| status.success()) {
        mien_needs::skip(mien_needs::Need::Namespace, "nobody may mount a small file system here");
        return None;
    }
    let script = "mount -t tmpfs -o size=$SIZE none \"$DISK\" && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).env("DISK", folder).env("SIZE", size);
    Some(command)
}

#[test]
fn without_ffmpeg_the_data_is_recorded() {
    assert!(run_inside(
        "faults::inside_without_ffmpeg",
        Command::new("env").args(["PATH=/nonexistent", &format!("{INSIDE}=1")])
    ));
}

#[test]
#[ignore = "is run by the test above, without a PATH"]
fn inside_without_ffmpeg() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let mut outputs = outputs(1, false);
    let plan = plan(&outputs, parent.path(), VideoKind::H264);
    let recorder = outputs.start_recording(plan).unwrap();
    let video = VideoRecorder::start(recorder.videos()[0].clone()).unwrap();
    for (index, nanos) in capture_times(30) {
        let faces = faces(index, nanos);
        outputs.push(0, &faces);
        video.push(&picture(&faces), &faces);
    }
    let status = video.stop();
    let problem = status.problem.unwrap();
    assert!(problem.contains("ffmpeg") && problem.contains("not installed"), "{problem}");
    let summary = outputs.stop_recording().unwrap().unwrap();
    assert_eq!((summary.status.state, summary.status.frames), (RecordState::Finished, 30));
}

#[test]
fn a_full_disk_ends_the_recording_with_readable_files() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut command) = on_small_disk(folder.path(), "3m") else { return };
    command.env(INSIDE, folder.path());
    assert!(run_inside("faults::inside_a_small_disk", &mut command));
}

#[test]
#[ignore = "is run by the test above, on a small disk"]
fn inside_a_small_disk() {
    let Some(folder) = std::env::var_os(INSIDE) else { return };
    let mut outputs = outputs(1, false);
    let mut plan = plan(&outputs, Path::new(&folder), VideoKind::None);
    // No guard: the disk runs full under the writer.
    plan.limits = DiskLimits { warn_bytes: 0, stop_bytes: 0 };
    let session = outputs.start_recording(plan).unwrap().folder().to_owned();
    let start = Instant::now();
    let mut index = 0;
    while outputs.record_status().unwrap().state == RecordState::Recording {
        assert!(start.elapsed() < Duration::from_secs(60), "the disk never filled");
        let nanos = mien_clock::monotonic_nanos();
        outputs.push(0, &faces(index, nanos));
        index += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    let RecordState::Failed(reason) = outputs.record_status().unwrap().state else { panic!("it failed") };
    assert!(reason.contains("No space left") && reason.contains("data.xdf"), "{reason}");
    // Tracking and streaming go on.
    outputs.push(0, &faces(index, mien_clock::monotonic_nanos()));
    // session.toml has no room either: an error that says so, no panic.
    let stopped = outputs.stop_recording();
    println!("stopped: {stopped:?}");
    // With room again the recording is made whole.
    let repaired = tempfile::tempdir_in("/dev/shm").unwrap();
    for file in ["session.toml", "data.xdf"] {
        std::fs::copy(session.join(file), repaired.path().join(file)).unwrap();
    }
    let report = check_session(repaired.path(), true).unwrap();
    assert_eq!(report.problems, [""; 0]);
    let frames = report.data.streams.iter().find(|s| s.info.name.ends_with("_Frames")).unwrap();
    assert!(frames.totals.sample_count > 30, "{}", frames.totals.sample_count);
}
