//! Recordings killed at a random moment: the recording process alone, or its ffmpeg with it, as when the
//! machine loses its power.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mien_clock::{monotonic_nanos, seconds};
use mien_record::{SessionState, VideoKind, VideoRecorder, check_session};

use crate::support::{faces, outputs, picture, plan, run_python};

/// Set in the process that is to be killed; its value is the folder to record into.
const VICTIM: &str = "MIEN_TEST_VICTIM";
/// Most that may be missing.
const ALLOWED_SECONDS: f64 = 1.0;

#[test]
fn two_killed_recordings_miss_less_than_a_second() {
    kill_recordings(2);
}

#[test]
#[ignore = "long: MIEN_STRESS_RECORDINGS, 100 by default; ./x stress"]
fn stress_killed_recordings_miss_less_than_a_second() {
    kill_recordings(std::env::var("MIEN_STRESS_RECORDINGS").map_or(100, |text| text.parse().unwrap()));
}

/// Records until it is killed, with one camera at 30 fps.
#[test]
#[ignore = "is run, and killed, by the tests above"]
fn victim() {
    let Some(folder) = std::env::var_os(VICTIM) else { return };
    let mut outputs = outputs(1, true);
    let plan = plan(&outputs, Path::new(&folder), VideoKind::H264);
    let recorder = outputs.start_recording(plan).unwrap();
    println!("folder {}", recorder.folder().display());
    let video = VideoRecorder::start(recorder.videos()[0].clone()).unwrap();
    let start = Instant::now();
    let mut encoder = None;
    for index in 0..1_000_000 {
        std::thread::sleep(Duration::from_nanos(index * 33_333_333).saturating_sub(start.elapsed()));
        let faces = faces(index, monotonic_nanos());
        outputs.push(0, &faces);
        video.push(&picture(&faces), &faces);
        if encoder.is_none() {
            encoder = video.status().encoder_process;
            encoder.inspect(|process| println!("encoder {process}"));
        }
        println!("frame {}", seconds(faces.capture_nanos));
        std::io::stdout().flush().unwrap();
    }
}

fn kill_recordings(count: u32) {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let mut worst: [f64; 2] = [0.0; 2];
    let mut folders = Vec::new();
    for round in 0..count {
        // 0 to 2 s after the first chunks, scattered.
        let milliseconds = 1500 + u64::from((round + 7).wrapping_mul(2_654_435_761) >> 21);
        let moment = Duration::from_millis(milliseconds);
        let (folder, last_frame) = record_and_kill(parent.path(), moment, round % 2 == 1);
        let before = check_session(&folder, false);
        assert!(before.is_err() || !before.unwrap().problems.is_empty(), "the kill left traces");
        let report = check_session(&folder, true).unwrap();
        assert_eq!(report.problems, [""; 0], "round {round}");
        assert_eq!(report.session.state, SessionState::Repaired);
        let again = check_session(&folder, true).unwrap();
        assert_eq!(again.data_repair, Default::default(), "a second repair has nothing to do");
        assert!(again.videos.iter().all(|video| video.repairs.is_empty()));

        let data_end = report
            .data
            .streams
            .iter()
            .filter(|stream| stream.info.content_type != "Markers")
            .map(|stream| stream.totals.last_timestamp.unwrap())
            .fold(f64::MAX, f64::min);
        let video = &report.videos[0];
        assert_eq!(video.pictures, Some(video.rows), "pictures and rows agree");
        let missing = [last_frame - data_end, last_frame - video.span.unwrap().1];
        for (worst, missing) in worst.iter_mut().zip(missing) {
            assert!(missing <= ALLOWED_SECONDS, "round {round}: {missing} s are missing");
            *worst = worst.max(missing);
        }
        folders.push(folder);
    }
    println!("{count} kills: at most {:.3} s of data and {:.3} s of video missing", worst[0], worst[1]);
    let folders: Vec<&Path> = folders.iter().map(|folder| folder.as_path()).collect();
    run_python("killed.py", &folders);
}

/// Gives the session's folder and the capture time of the last frame that the victim had handed over.
fn record_and_kill(parent: &Path, after: Duration, and_ffmpeg: bool) -> (std::path::PathBuf, f64) {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::victim", "--nocapture", "--include-ignored"])
        .env(VICTIM, parent)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let start = Instant::now();
    let mut folder = None;
    let mut last_frame = 0.0;
    let mut encoder = None;
    let mut killed = false;
    for line in lines.map_while(Result::ok) {
        if let Some(path) = line.strip_prefix("folder ") {
            folder = Some(path.into());
        } else if let Some(Ok(time)) = line.strip_prefix("frame ").map(str::parse) {
            last_frame = time;
        } else if let Some(process) = line.strip_prefix("encoder ") {
            encoder = Some(process.to_owned());
        }
        if !killed && encoder.is_some() && start.elapsed() > after {
            // Without its parent, ffmpeg finds its input at an end and closes the file.
            victim.kill().unwrap();
            if let Some(process) = encoder.as_ref().filter(|_| and_ffmpeg) {
                Command::new("kill").args(["-9", process]).status().unwrap();
            }
            killed = true;
        }
    }
    victim.wait().unwrap();
    let folder: std::path::PathBuf = folder.expect("the victim says where it records");
    // A check beside an ffmpeg that lives on would look too early; a process that has ended has no words.
    let words = format!("/proc/{}/cmdline", encoder.expect("ffmpeg had begun"));
    let deadline = Instant::now() + Duration::from_secs(60);
    while std::fs::read(&words).is_ok_and(|words| !words.is_empty()) {
        assert!(Instant::now() < deadline, "ffmpeg still writes");
        std::thread::sleep(Duration::from_millis(20));
    }
    (folder, last_frame)
}
