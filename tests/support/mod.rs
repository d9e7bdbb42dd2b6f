//! Running the program as a person would.

#![allow(dead_code, reason = "each test file uses its own share")]

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use mien_config::{Detection, Smoothing};
use mien_engine::{EngineChoice, EngineOptions};
use mien_models::{ModelSet, Role};
use mien_pipeline::{Pipeline, PipelineEngines};
use mien_worker::pipeline_settings;
use serde_json::Value;

/// The program with its built-in models, whatever this user has imported.
pub fn mien() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mien"));
    command.stdin(Stdio::null()).env_remove("RUST_LOG").env_remove("MIEN_MODELS");
    command.env("XDG_DATA_HOME", std::env::temp_dir().join("mien-tests-without-models"));
    command
}

/// Waits until no ffmpeg writes into this folder any more: a check beside it would look too early.
pub fn wait_for_ffmpeg(folder: &Path) {
    let folder = folder.to_str().unwrap();
    let names_it = |process: &std::fs::DirEntry| {
        let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(folder)
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while std::fs::read_dir("/proc").into_iter().flatten().flatten().any(|process| names_it(&process)) {
        assert!(Instant::now() < deadline, "ffmpeg still writes into {folder}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for the end, which must come by itself.
pub fn wait(process: &mut Child, patience: Duration) -> ExitStatus {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        if Instant::now() >= deadline {
            process.kill().unwrap();
            process.wait().unwrap();
            panic!("it had not ended after {patience:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs to the end, which must be a good one; gives standard output.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{}\n{}", output.status, text(&output.stderr));
    text(&output.stdout)
}

/// Runs to the end, which must be exit code 1 with exactly one line that begins with `mien: `; gives
/// that line.
pub fn fail(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    refusal(&output)
}

pub fn refusal(output: &Output) -> String {
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(!errors.contains("panicked") && !errors.contains("backtrace"), "{errors}");
    let lines: Vec<&str> = errors.lines().filter(|line| line.starts_with("mien: ")).collect();
    assert_eq!(lines.len(), 1, "{errors}");
    assert_eq!(errors.lines().last(), Some(lines[0]), "{errors}");
    lines[0].to_owned()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every line as JSON; the file must end with a whole line.
pub fn rows(path: &Path) -> Vec<Value> {
    let content = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(content.is_empty() || content.ends_with('\n'), "{} ends within a row", path.display());
    content.lines().map(|line| serde_json::from_str(line).expect("a row of JSON")).collect()
}

pub fn json(path: &Path) -> Value {
    let content = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&content).expect("JSON")
}

/// Frames of these rows that have `count` faces or more.
pub fn frames_with(rows: &[Value], count: usize) -> usize {
    rows.iter().filter(|row| row["faces"].as_array().is_some_and(|faces| faces.len() >= count)).count()
}

/// The built-in models on the CPU with these settings. `detector_size` is the height and width of the detector's input.
pub fn cpu_pipeline(detection: &Detection, smoothing: &Smoothing, detector_size: [usize; 2]) -> Pipeline {
    let set = ModelSet::find(None).unwrap();
    let load = |role: Role, input_size, max_batch| {
        let options = EngineOptions { input_size, threads: None, max_batch };
        set.get(role).unwrap().load(EngineChoice::Cpu, &options).unwrap().engine
    };
    let engines = PipelineEngines::from([
        (Role::Detector, load(Role::Detector, Some(detector_size), 1)),
        (Role::Landmarks, load(Role::Landmarks, None, detection.max_faces)),
        (Role::Blendshapes, load(Role::Blendshapes, None, detection.max_faces)),
    ]);
    Pipeline::new(engines, pipeline_settings(detection, smoothing)).unwrap()
}
