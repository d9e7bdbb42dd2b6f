//! Running the program as a person would.

#![allow(dead_code, reason = "each test file uses its own share")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Where reference clips and models lie on the maintainers' machines.
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    path.exists().then_some(path)
}

/// The program, with a home of its own so that nobody's imported models interfere, and with the
/// reference models where the built-in ones are missing. `None` (with a message) without any models.
pub fn mien() -> Option<Command> {
    let mut command = mien_without_models();
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/manifest.toml");
    if !built_in.exists() {
        let Some(models) = shared("models") else {
            eprintln!("skipped: neither models/ nor ../shared/models has models");
            return None;
        };
        command.env("MIEN_MODELS", models);
    }
    Some(command)
}

/// The program, where no model is needed.
pub fn mien_without_models() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mien"));
    command.stdin(Stdio::null()).env_remove("RUST_LOG").env_remove("MIEN_MODELS");
    command.env("XDG_DATA_HOME", std::env::temp_dir().join("mien-tests-without-models"));
    command
}

pub fn have_ffmpeg() -> bool {
    let found = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: ffmpeg is not installed");
    }
    found
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
