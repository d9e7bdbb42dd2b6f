//! A terminal that hangs, and a supervising process that is killed.

mod support;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{mien, succeed, wait};

/// Far longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(90);

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

/// A pipe that is full already and that nobody reads, as a terminal after Ctrl-S.
fn hanging() -> (std::io::PipeReader, Stdio) {
    let (reader, writer) = std::io::pipe().unwrap();
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    while rustix::io::write(&writer, &[b'.'; 4096]).is_ok() {}
    while rustix::io::write(&writer, b".").is_ok() {}
    rustix::fs::fcntl_setfl(&writer, flags).unwrap();
    (reader, writer.into())
}

/// A recording whose output and errors nobody reads.
fn record(parent: &Path, more: &[&str]) -> Option<(Child, Vec<std::io::PipeReader>)> {
    if !mien_needs::ffmpeg() {
        return None;
    }
    let ((errors, error_end), (output, output_end)) = (hanging(), hanging());
    let mut command = mien();
    command
        .args(["-vv", "record", "--no-stream", "--engine", "cpu", "--anyway", "--out"])
        .arg(parent)
        .args(more);
    command.args(["--source", "synthetic?width=320&height=240&fps=5"]);
    let process = command.stdout(output_end).stderr(error_end).spawn().unwrap();
    Some((process, vec![errors, output]))
}

fn session(parent: &Path) -> Option<PathBuf> {
    let mut entries = std::fs::read_dir(parent).ok()?.flatten().map(|entry| entry.path());
    entries.find(|path| path.join("data.xdf").exists())
}

fn duration_seconds(session: &Path) -> f64 {
    let file = std::fs::read_to_string(session.join("session.toml")).unwrap();
    let line = file.lines().find(|line| line.starts_with("duration_seconds")).expect("it came to its end");
    line.split_once('=').unwrap().1.trim().parse().unwrap()
}

#[test]
fn a_terminal_that_hangs_holds_no_recording() {
    let parent = tempfile::tempdir().unwrap();
    let Some((mut process, _readers)) = record(parent.path(), &["--seconds", "4"]) else { return };
    assert!(wait(&mut process, DEADLINE).success());
    let session = session(parent.path()).expect("a session");
    let seconds = duration_seconds(&session);
    assert!((3.5..8.0).contains(&seconds), "{seconds}");
    succeed(mien().args(["session", "check", "--dry-run"]).arg(&session));
}

#[test]
fn a_signal_ends_a_recording_whose_terminal_hangs() {
    let parent = tempfile::tempdir().unwrap();
    let Some((mut process, _readers)) = record(parent.path(), &[]) else { return };
    let deadline = Instant::now() + DEADLINE;
    let grows = |size: u64| {
        session(parent.path()).is_some_and(|session| {
            std::fs::metadata(session.join("data.xdf")).is_ok_and(|file| file.len() > size)
        })
    };
    while !grows(20_000) {
        assert!(process.try_wait().unwrap().is_none() && Instant::now() < deadline, "it does not record");
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(process.id(), "-TERM");
    assert!(wait(&mut process, DEADLINE).success());
    assert!(duration_seconds(&session(parent.path()).unwrap()) > 0.0);
}

#[test]
fn a_slow_reader_gets_every_word_that_it_asked_for() {
    let mut command = mien();
    let whole = succeed(command.args(["config", "print"]));
    let mut process = mien().args(["config", "print"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = process.stdout.take().unwrap();
    let mut slow = Vec::new();
    let mut bytes = [0; 64];
    loop {
        let count = output.read(&mut bytes).unwrap();
        if count == 0 {
            break;
        }
        slow.extend_from_slice(&bytes[..count]);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(wait(&mut process, DEADLINE).success());
    assert_eq!(String::from_utf8(slow).unwrap(), whole);
}

/// Segments of shared memory that this process's workers have made.
fn segments(workers: &[u32]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/dev/shm").unwrap().flatten().map(|entry| entry.path());
    let is_theirs = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let parts: Vec<&str> = name.split('.').collect();
        parts.first() == Some(&"mien")
            && parts.get(5).and_then(|pid| pid.parse().ok()).is_some_and(|pid| workers.contains(&pid))
    };
    entries.filter(is_theirs).collect()
}

fn children(process: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
        .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

#[test]
fn a_killed_supervising_process_leaves_nothing_in_shared_memory() {
    let mut command = mien();
    command.args(["run", "--headless", "--engine", "cpu"]);
    for _ in 0..2 {
        command.args(["--source", "synthetic?width=320&height=240&fps=5"]);
    }
    // No streams: this is no test of LSL.
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("mien.toml");
    std::fs::write(&config, "version = 1\n[lsl]\nenabled = false\n").unwrap();
    command.arg("--config").arg(&config);
    // At several moments: while workers start, while they load networks, while they run.
    for pause_ms in [150, 400, 900, 2500] {
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + DEADLINE;
        let workers = loop {
            let workers = children(process.id());
            if workers.len() == 2 && (pause_ms < 400 || segments(&workers).len() == 4) {
                break workers;
            }
            assert!(process.try_wait().unwrap().is_none() && Instant::now() < deadline, "no workers run");
            std::thread::sleep(Duration::from_millis(10));
        };
        std::thread::sleep(Duration::from_millis(pause_ms));
        process.kill().unwrap();
        process.wait().unwrap();
        let runs = |pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
        };
        while workers.iter().any(runs) {
            assert!(Instant::now() < deadline, "workers outlive their supervisor");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(segments(&workers), Vec::<PathBuf>::new(), "after {pause_ms} ms");
    }
}
