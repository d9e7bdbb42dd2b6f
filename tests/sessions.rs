//! Sessions as a person records them: `mien record`, `mien session check`, `mien export`.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{fail, mien, succeed, wait_for_ffmpeg};

/// A recording of synthetic cameras that runs until it is told to end.
struct Recording {
    process: Child,
    folder: PathBuf,
}

/// Starts a recording and waits until its data grows; `None` without ffmpeg.
fn record(parent: &Path, cameras: usize, more: &[&str]) -> Option<Recording> {
    if !mien_needs::ffmpeg() {
        return None;
    }
    let mut command = mien();
    command.arg("record").arg("--out").arg(parent).args(["--no-stream", "--engine", "cpu"]).args(more);
    for _ in 0..cameras {
        command.args(["--source", "synthetic"]);
    }
    let mut process =
        command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let folder = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("recording into ").map(PathBuf::from))
        .expect("it says where it records");
    // Nobody else reads what it says; a full pipe would stop it.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    let deadline = Instant::now() + Duration::from_secs(60);
    let rows = |folder: &Path| {
        let sidecar = std::fs::read_to_string(
            folder.join(format!("camera{}_frames.csv", if cameras == 1 { "" } else { "1" })),
        );
        sidecar.map_or(0, |text| text.lines().count())
    };
    let wait_for = |what: &str, so: &dyn Fn() -> bool| {
        while !so() {
            assert!(Instant::now() < deadline, "no {what} come");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    wait_for("frames", &|| rows(&folder) >= 6);
    // The data follow twice a second; a sample of all landmarks takes more than this.
    let data_bytes = || std::fs::metadata(folder.join("data.xdf")).map_or(0, |file| file.len());
    let before = data_bytes();
    wait_for("data", &|| data_bytes() > before + 5000);
    Some(Recording { process, folder })
}

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

/// Processes whose parent is this one.
fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task");
    let tasks = std::fs::read_dir(path).unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
        .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

#[test]
fn a_recording_that_is_ended_is_complete_and_exports() {
    let parent = tempfile::tempdir().unwrap();
    let stats = parent.path().join("stats.json");
    let names = ["--subject", "P-07", "--task", "talk", "--stats", stats.to_str().unwrap()];
    let Some(mut recording) = record(parent.path(), 2, &names) else { return };
    writeln!(recording.process.stdin.as_mut().unwrap(), "stimulus 1").unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    signal(recording.process.id(), "-TERM");
    let output = recording.process.wait_with_output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("video of camera1") && said.contains("streams"), "{said}");
    assert_eq!(support::json(&stats)["cameras"].as_array().map(Vec::len), Some(2));
    assert_eq!(recording.folder, parent.path().join("sub-P-07_ses-01_task-talk"));
    let check = |more: &[&str]| succeed(mien().args(["session", "check"]).arg(&recording.folder).args(more));
    let found = check(&["--dry-run"]);
    assert!(found.contains("Complete") && found.contains("camera2.mkv"), "{found}");
    assert!(!found.contains("PROBLEM"), "{found}");
    for format in ["csv", "parquet", "openface", "bids"] {
        succeed(mien().arg("export").arg(&recording.folder).args(["--to", format]));
        assert!(recording.folder.join(format).is_dir());
    }
    let markers = std::fs::read_to_string(recording.folder.join("csv/mien_markers.csv")).unwrap();
    assert!(markers.contains("stimulus 1"), "{markers}");
    tracked_again(&recording.folder, parent.path());
    let again = fail(mien().arg("export").arg(&recording.folder).args(["--to", "csv"]));
    assert!(again.contains("exists already"), "{again}");
}

/// `mien track` makes a table of each video, with the frame numbers and times of the recording.
fn tracked_again(session: &Path, parent: &Path) {
    let out = parent.join("again");
    let mut track = mien();
    succeed(track.arg("track").arg(session).args(["--engine", "cpu", "--format", "csv", "--out"]).arg(&out));
    for camera in ["camera1", "camera2"] {
        let places = |path: &Path, columns: [usize; 2]| -> Vec<[String; 2]> {
            let text = std::fs::read_to_string(path).unwrap();
            let field = |line: &str, column: usize| line.split(',').nth(column).unwrap().to_owned();
            text.lines().skip(1).map(|line| columns.map(|column| field(line, column))).collect()
        };
        let mut tracked = places(&out.join(format!("{camera}.csv")), [0, 2]);
        tracked.dedup();
        let live = places(&session.join(format!("{camera}_frames.csv")), [1, 2]);
        let times = |rows: &[[String; 2]]| -> Vec<(u64, f64)> {
            rows.iter().map(|[frame, time]| (frame.parse().unwrap(), time.parse().unwrap())).collect()
        };
        assert_eq!(times(&tracked), times(&live), "{camera}");
        let meta = support::json(&out.join(format!("{camera}.meta.json")));
        assert_eq!(meta["input"]["clock"], "lsl_local_clock");
        assert!(!meta["settings"]["smoothing"].is_null(), "as the session was recorded");
    }
}

#[test]
fn a_killed_recording_is_made_whole() {
    let parent = tempfile::tempdir().unwrap();
    let Some(mut recording) = record(parent.path(), 1, &[]) else { return };
    recording.process.kill().unwrap();
    recording.process.wait().unwrap();
    // The worker sees that its parent is gone, ffmpeg that its input has ended.
    wait_for_ffmpeg(&recording.folder);
    let line = fail(mien().args(["session", "check", "--dry-run"]).arg(&recording.folder));
    assert!(line.contains("found, nothing was changed"), "{line}");
    let found = succeed(mien().args(["session", "check"]).arg(&recording.folder));
    assert!(found.contains("Repaired") && !found.contains("PROBLEM"), "{found}");
}

#[test]
fn a_killed_worker_leaves_a_marked_gap_and_a_second_video() {
    let parent = tempfile::tempdir().unwrap();
    let Some(recording) = record(parent.path(), 1, &[]) else { return };
    let worker = children(recording.process.id()).into_iter().next().expect("a worker runs");
    signal(worker, "-KILL");
    let second = recording.folder.join("camera_part-2_frames.csv");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !std::fs::read_to_string(&second).is_ok_and(|text| text.lines().count() > 4) {
        assert!(Instant::now() < deadline, "the new worker records no video");
        std::thread::sleep(Duration::from_millis(50));
    }
    signal(recording.process.id(), "-TERM");
    assert!(recording.process.wait_with_output().unwrap().status.success());
    let found = succeed(mien().args(["session", "check"]).arg(&recording.folder));
    assert!(found.contains("camera_part-2.mkv") && found.contains("was restarted"), "{found}");
    assert!(!found.contains("PROBLEM"), "{found}");
}

#[test]
fn wrong_input_is_refused_in_one_line() {
    let parent = tempfile::tempdir().unwrap();
    let line = fail(mien().args(["session", "check"]).arg(parent.path()));
    assert!(line.contains("is no session"), "{line}");
    let line = fail(mien().arg("record").arg("--out").arg(parent.path()));
    assert!(line.contains("there are no cameras"), "{line}");
    let named = ["record", "--source", "synthetic", "--no-stream", "--subject", "../evil", "--out"];
    let output = mien().args(named).arg(parent.path()).output().unwrap();
    let said = support::text(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("../evil"), "{said}");
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
}
