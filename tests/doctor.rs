//! `mien doctor` on this machine, on one that has nothing, and on one where everything is broken.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{mien, refusal, succeed, text};

/// The checks of `mien doctor --json`, whether or not something failed.
fn report(command: &mut Command) -> (Output, Value) {
    let output = command.args(["doctor", "--json"]).output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}\n{}", text(&output.stdout), text(&output.stderr));
    });
    (output, report)
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}: {report:#}"))
}

fn state<'a>(report: &'a Value, name: &str) -> &'a str {
    check(report, name)["state"].as_str().unwrap()
}

/// A program in the folder, as a script.
fn program(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn everything_is_looked_at_and_told_on_one_page() {
    let output = mien().arg("doctor").output().unwrap();
    let page = text(&output.stdout);
    for name in [
        "Configuration",
        "Models",
        "Processor",
        "Shared memory",
        "Disk",
        "Display",
        "Cameras",
        "ffmpeg",
        "Video encoders",
        "liblsl",
        "NVIDIA driver",
        "TensorRT",
        "nvJPEG",
    ] {
        assert_eq!(
            page.lines().filter(|line| line.get(9..).is_some_and(|rest| rest.starts_with(name))).count(),
            1,
            "{name}\n{page}"
        );
    }
    assert!(page.starts_with("mien ") && !page.contains('\x1b'), "{page}");
    for check in report(&mut mien()).1["checks"].as_array().unwrap() {
        let known = ["ok", "warning", "missing", "failed"].contains(&check["state"].as_str().unwrap());
        assert!(known && check["found"].as_str().unwrap().len() > 1, "{check}");
    }
}

#[test]
fn where_there_is_nothing_each_thing_is_missed_by_name() {
    let empty = tempfile::tempdir().unwrap();
    // Only a package manager, so that there is a line to type.
    program(empty.path(), "apt-get", "exit 1");
    let mut bare = mien();
    bare.env("PATH", empty.path())
        .env("LSL_LIBRARY", empty.path().join("liblsl.so"))
        .env("MIEN_TENSORRT", empty.path())
        .env("MIEN_NVJPEG", empty.path().join("libnvjpeg.so"))
        .env("MIEN_MODELS", empty.path())
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    let (_, report) = report(&mut bare);
    for name in ["ffmpeg", "Video encoders", "liblsl", "TensorRT", "nvJPEG", "Display"] {
        assert_eq!(state(&report, name), "missing", "{report:#}");
    }
    for (name, line) in
        [("ffmpeg", "sudo apt install ffmpeg"), ("liblsl", "./x lib"), ("Display", "mien run --headless")]
    {
        assert_eq!(check(&report, name)["remedy"], line);
    }
}

#[test]
fn what_hangs_crashes_or_lies_costs_its_own_line() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("liblsl.so");
    let code = folder.path().join("crash.c");
    std::fs::write(&code, "__attribute__((constructor)) void start(void) { *(volatile int *)0 = 1; }")
        .unwrap();
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-w", "-o"]).arg(&library).arg(&code).status();
    assert!(compiled.expect("the linker that Rust uses compiles C, too").success());
    program(folder.path(), "ffmpeg", "exec /bin/sleep 1000");
    std::fs::create_dir(folder.path().join("models")).unwrap();
    std::fs::write(folder.path().join("models/manifest.toml"), "nonsense").unwrap();
    let started = Instant::now();
    let mut broken = mien();
    broken
        .env("PATH", folder.path())
        .env("LSL_LIBRARY", &library)
        .env("MIEN_MODELS", folder.path().join("models"));
    let (output, report) = report(&mut broken);
    assert!(refusal(&output).contains("ffmpeg"));
    // Nothing here takes as long as the program would.
    assert!(started.elapsed() < Duration::from_secs(500));
    assert_eq!(state(&report, "ffmpeg"), "failed");
    assert!(check(&report, "ffmpeg")["found"].as_str().unwrap().contains("no answer"), "{report:#}");
    assert!(check(&report, "lsl")["found"].as_str().unwrap().contains("crashed"), "{report:#}");
    assert_eq!(state(&report, "Models"), "failed");
    assert_eq!(state(&report, "Processor"), "ok");
}

#[test]
fn a_wrong_configuration_is_a_failure_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("mien.toml");
    std::fs::write(&config, "version = 1\n[rings]\nslots = 5\n").unwrap();
    let output = mien().args(["doctor", "--config"]).arg(&config).output().unwrap();
    assert!(refusal(&output).contains("Configuration"));
    let page = text(&output.stdout);
    assert!(page.contains("mien.toml:3: slots") && page.contains("→ mien config check "), "{page}");
}

#[test]
fn one_check_can_be_asked_for() {
    let found = succeed(mien().args(["doctor", "--probe", "processor"]));
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found[0]["name"], "Processor");
    let output = mien().args(["doctor", "--probe", "nonsense"]).output().unwrap();
    assert!(refusal(&output).contains("nonsense"));
}
