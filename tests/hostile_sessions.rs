//! Sessions that somebody made to hurt, and recordings that somebody disturbs, as a person at a terminal sees it.

mod support;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{fail, mien, refusal, succeed, text, wait_for_ffmpeg};

/// Kibibytes of memory that a command may have for an input of a megabyte.
const MOST_KIB: u32 = 1 << 20;
/// Whatever waits here comes much sooner on a machine that is not busy.
const PATIENCE: Duration = Duration::from_secs(120);

fn chunk(tag: u16, content: &[u8]) -> Vec<u8> {
    let mut chunk = vec![4];
    chunk.extend_from_slice(&(content.len() as u32 + 2).to_le_bytes());
    chunk.extend_from_slice(&tag.to_le_bytes());
    chunk.extend_from_slice(content);
    chunk
}

fn header(number: u32, name: &str, format: &str, channels: u32, more: &str) -> Vec<u8> {
    let xml = format!(
        "<info><name>{name}</name><channel_count>{channels}</channel_count><nominal_srate>1</nominal_srate>\
         <channel_format>{format}</channel_format>{more}</info>"
    );
    chunk(2, &[&number.to_le_bytes()[..], xml.as_bytes()].concat())
}

/// One sample of zeros.
fn sample(number: u32, bytes: usize) -> Vec<u8> {
    chunk(3, &[&number.to_le_bytes()[..], &[1, 1, 0], &vec![0; bytes]].concat())
}

/// A session of one camera with these chunks.
fn session(parent: &Path, name: &str, chunks: &[Vec<u8>]) -> PathBuf {
    let folder = parent.join(name);
    fs::create_dir(&folder).unwrap();
    let settings = "version = 1\nmien_version = \"0\"\nstate = \"complete\"\nsubject = \"1\"\nsession = \"1\"\n\
         task = \"t\"\nstarted = \"2026-01-01T00:00:00.000Z\"\nstarted_lsl_seconds = 0.0\n\
         unix_minus_lsl_seconds = 0.0\nprivacy = \"full\"\nvideo = \"none\"\nconfiguration = \"\"\n";
    fs::write(folder.join("session.toml"), settings).unwrap();
    let data = [b"XDF:".to_vec(), chunk(1, b"<info/>"), chunks.concat()].concat();
    fs::write(folder.join("data.xdf"), data).unwrap();
    folder
}

/// Runs in little memory and to its end; gives what came out.
fn in_little_memory(arguments: &[&OsStr]) -> Output {
    let script = format!("ulimit -v {MOST_KIB}; exec \"$0\" \"$@\"");
    let begin = Instant::now();
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_mien")])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}: {}: {said}", output.status);
    assert!(!said.contains("panicked"), "{said}");
    println!("{arguments:?}: {:.1} s", begin.elapsed().as_secs_f64());
    assert!(begin.elapsed() < PATIENCE, "{arguments:?}");
    output
}

#[test]
fn small_sessions_take_little_memory_and_time() {
    let parent = tempfile::tempdir().unwrap();
    let million: Vec<_> = (0..20).map(|n| header(n, &format!("s{n}"), "int8", 1 << 20, "")).collect();
    let wide = 1 << 16;
    let samples: Vec<_> = (0..14).map(|_| sample(1, wide)).collect();
    let texts = header(1, "s", "string", 1, "");
    let text_sample =
        chunk(3, &[&1u32.to_le_bytes()[..], &[4, 0xe8, 3, 0, 0], &[0, 1, 0].repeat(1000)].concat());
    let described = format!("<desc>{}</desc>", "<channel/>".repeat(90_000));
    let cases = [
        ("million", million),
        ("wide", [vec![header(1, "s", "int8", wide as u32, "")], samples].concat()),
        ("described", vec![header(1, "s", "float32", 90_000, &described)]),
        ("texts", [vec![texts], vec![text_sample; 300]].concat()),
        ("streams", (0..3000).map(|n| header(n, "same", "int8", 1, "")).collect()),
    ];
    for (name, chunks) in cases {
        let folder = session(parent.path(), name, &chunks);
        for format in ["csv", "parquet", "openface", "bids"] {
            let out = parent.path().join("out");
            let to = ["--to", format, "--out"].map(OsStr::new);
            let arguments = [OsStr::new("export"), folder.as_os_str()];
            in_little_memory(&[&arguments[..], &to, &[out.as_os_str()]].concat());
            let _ = fs::remove_dir_all(out);
        }
        in_little_memory(&[OsStr::new("session"), OsStr::new("check"), folder.as_os_str()]);
    }
}

fn commands_the_terminal(text: &str) -> bool {
    let turns =
        |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    text.chars().any(|c| turns(c) || (c.is_control() && c != '\n' && c != '\t'))
}

#[test]
fn names_from_files_do_not_command_the_terminal() {
    let parent = tempfile::tempdir().unwrap();
    // XML has no ESC; the other control characters do as much harm.
    let name = "a\u{9b}2J\u{202e}b\u{85}";
    let folder =
        session(parent.path(), "\u{1b}[2Jevil\u{7}", &[header(1, name, "int8", 1, ""), sample(1, 1)]);
    let session_toml = folder.join("session.toml");
    let settings = fs::read_to_string(&session_toml).unwrap();
    fs::write(&session_toml, settings.replace("2026-01-01", "\\u001b[2J")).unwrap();
    fs::write(folder.join("\u{1b}[31m.mkv"), "x").unwrap();
    fs::write(folder.join("a\nmien: all is well.mkv"), "x").unwrap();
    let commands: [&[&str]; 5] = [
        &["session", "check"],
        &["export", "--to", "csv"],
        &["export", "--to", "csv"],
        &["track"],
        &["export", "--to", "bids"],
    ];
    for command in commands {
        let output = mien().args(command).arg(&folder).output().unwrap();
        for said in [text(&output.stdout), text(&output.stderr)] {
            assert!(!commands_the_terminal(&said), "{command:?}: {said:?}");
            assert!(!said.lines().any(|line| line.starts_with("mien: all is well")), "{said}");
        }
    }
    let missing = parent.path().join("\u{1b}[31mnothing.mp4");
    let said = fail(mien().arg("track").arg(missing).arg("--out").arg(parent.path().join("o")));
    assert!(!commands_the_terminal(&said) && said.contains("u{1b}"), "{said:?}");
}

/// A recording that runs.
struct Recording {
    process: Child,
    folder: PathBuf,
}

impl Recording {
    /// Starts a recording of the synthetic camera; `None` without ffmpeg.
    fn start(out: &Path, more: &[&str]) -> Option<Self> {
        if !mien_needs::ffmpeg() {
            return None;
        }
        let mut command = mien();
        command.arg("record").arg("--out").arg(out).args(["--no-stream", "--engine", "cpu", "--anyway"]);
        command.args(["--source", "synthetic"]).args(more);
        let mut process =
            command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).split(b'\n');
        let folder = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                line.strip_prefix(b"recording into ").map(|path| PathBuf::from(OsStr::from_bytes(path)))
            })
            .expect("it says where it records");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Some(Self { process, folder })
    }

    /// Waits until the sidecar of the camera's first video has so many rows.
    fn wait_for_rows(&self, count: usize) {
        let sidecar = self.folder.join("camera_frames.csv");
        wait_for("frames", || fs::read_to_string(&sidecar).is_ok_and(|text| text.lines().count() > count));
    }

    fn signal(&self, process: u32, name: &str) {
        assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
    }

    /// Waits for its end; gives the exit code and standard output.
    fn end(mut self) -> (Option<i32>, String) {
        wait_for("end", || self.process.try_wait().unwrap().is_some());
        let mut said = String::new();
        self.process.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap().code(), said)
    }
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "no {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Processes below this one whose command line has the word in it.
fn below(process: u32, word: &str) -> Vec<u32> {
    let children = |process: u32| -> Vec<u32> {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        lists
            .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
            .collect()
    };
    let mut all = children(process);
    all.extend(all.clone().into_iter().flat_map(children));
    let has = |id: &u32| fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| text(&line).contains(word));
    all.into_iter().filter(has).collect()
}

#[test]
fn a_recording_whose_data_or_folder_is_removed_fails_at_once() {
    let parent = tempfile::tempdir().unwrap();
    let harms: [fn(&Path); 2] = [
        |folder| fs::remove_file(folder.join("data.xdf")).unwrap(),
        |folder| fs::rename(folder, folder.with_extension("moved")).unwrap(),
    ];
    for harm in harms {
        let Some(recording) = Recording::start(parent.path(), &[]) else { return };
        recording.wait_for_rows(3);
        harm(&recording.folder);
        let (code, said) = recording.end();
        assert_eq!(code, Some(1), "{said}");
    }
}

#[test]
fn a_removed_video_fails_the_recording() {
    let parent = tempfile::tempdir().unwrap();
    let Some(recording) = Recording::start(parent.path(), &[]) else { return };
    recording.wait_for_rows(30);
    fs::remove_file(recording.folder.join("camera.mkv")).unwrap();
    recording.signal(recording.process.id(), "-TERM");
    assert_eq!(recording.end().0, Some(1));
}

#[test]
fn pictures_that_a_killed_ffmpeg_had_are_told_as_lost() {
    let parent = tempfile::tempdir().unwrap();
    let Some(recording) = Recording::start(parent.path(), &[]) else { return };
    recording.wait_for_rows(40);
    let encoder = below(recording.process.id(), "camera.mkv");
    recording.signal(*encoder.first().expect("ffmpeg runs"), "-KILL");
    let second = recording.folder.join("camera_part-2_frames.csv");
    wait_for("second part", || fs::read_to_string(&second).is_ok_and(|text| text.lines().count() > 3));
    recording.signal(recording.process.id(), "-TERM");
    let folder = recording.folder.clone();
    let (code, said) = recording.end();
    assert_eq!(code, Some(0), "{said}");
    let before = said.split(" lost with the process").next().unwrap();
    let lost: u64 = before.rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{said}"));
    let found = succeed(mien().args(["session", "check"]).arg(&folder));
    let taken_off = if lost == 1 { "1 row beside".to_owned() } else { format!("{lost} rows beside") };
    assert!(lost > 0 && found.contains(&taken_off), "{lost}: {found}");
}

#[test]
fn a_worker_killed_at_once_leaves_its_frames() {
    let parent = tempfile::tempdir().unwrap();
    let Some(recording) = Recording::start(parent.path(), &[]) else { return };
    // It has handed over four frames.
    recording.wait_for_rows(4);
    let worker = below(recording.process.id(), "worker");
    recording.signal(*worker.first().expect("a worker runs"), "-KILL");
    recording.signal(recording.process.id(), "-TERM");
    let folder = recording.folder.clone();
    recording.end();
    wait_for_ffmpeg(&folder);
    // Its video lacks what it had in hand; its results are there.
    let output = mien().args(["session", "check"]).arg(&folder).output().unwrap();
    let found = text(&output.stdout);
    assert!(found.contains("mien_camera_Frames") && !found.contains("data.xdf: "), "{found}");
}

#[test]
fn a_folder_whose_name_is_no_text_is_recorded_into() {
    let parent = tempfile::tempdir().unwrap();
    let out = parent.path().join(OsStr::from_bytes(b"caf\xe9\xff"));
    let Some(recording) = Recording::start(&out, &["--seconds", "2"]) else { return };
    let (code, said) = recording.end();
    assert_eq!(code, Some(0), "{said}");
    let folder = out.join("sub-01_ses-01_task-default");
    let found = succeed(mien().args(["session", "check"]).arg(&folder));
    assert!(found.contains("camera.mkv") && !found.contains("PROBLEM"), "{found}");
    succeed(mien().arg("export").arg(&folder).args(["--to", "bids"]));
}

#[test]
fn the_limit_on_the_size_of_files_is_an_error_and_no_end() {
    let command = mien();
    let parent = tempfile::tempdir().unwrap();
    // In units of 512 bytes: some thirty frames.
    let script = "ulimit -f 400; exec \"$0\" \"$@\"";
    let mut limited = Command::new("sh");
    limited.args(["-c", script]).arg(command.get_program());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.args(["track", "synthetic?seconds=20", "--engine", "cpu", "--out"]).arg(parent.path());
    let output = limited.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.signal(), None, "{}", text(&output.stderr));
    let line = refusal(&output);
    assert!(line.contains("File too large"), "{line}");
    let tables: Vec<_> = fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let table = tables.iter().find(|path| path.extension().is_some_and(|ending| ending == "jsonl")).unwrap();
    assert!(support::rows(table).len() > 5, "whole rows are kept");
}
