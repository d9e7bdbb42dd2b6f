//! What goes wrong, and what the program says then: one line that names the file and the remedy, exit
//! code 1, and everything already written still readable.

#![cfg(unix)]

mod support;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{fail, json, mien, refusal, rows, succeed};

/// `mien track INPUT --out FOLDER/out`.
fn track(input: &Path, folder: &Path) -> Command {
    let mut command = mien();
    command.arg("track").arg(input).arg("--out").arg(folder.join("out"));
    command
}

#[test]
fn missing_empty_and_garbled_videos() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("zero.mp4"), b"").unwrap();
    std::fs::write(at("garbled.mkv"), vec![0x55; 100_000]).unwrap();
    std::fs::write(at("sound.txt"), b"these are words").unwrap();
    for (name, words) in [
        ("missing.mp4", "does not exist; check the path"),
        ("zero.mp4", "is empty (0 bytes)"),
        ("garbled.mkv", "cannot be read as a video"),
        ("sound.txt", "cannot be read as a video"),
    ] {
        let mut command = track(&at(name), folder.path());
        let line = fail(&mut command);
        assert!(line.contains(name) && line.contains(words), "{line}");
    }
    assert_eq!(std::fs::read_dir(at("out")).unwrap().count(), 0, "no result of nothing");
}

#[test]
fn pictures_to_calibrate_with_are_for_eight_bits() {
    let mut command = mien();
    let line = fail(command.args(["engines", "build", "--precision", "fp16", "--calibrate", "people.mp4"]));
    assert!(line.contains("--calibrate is for --precision int8"), "{line}");
}

#[test]
fn a_video_cut_short_keeps_what_was_read() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = mien();
    command.args(["track", "synthetic?seconds=1", "--annotate", "--out"]);
    succeed(command.arg(folder.path()));
    let whole = std::fs::read(folder.path().join("synthetic.annotated.mkv")).unwrap();
    let cut = folder.path().join("cut.mkv");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let mut command = track(&cut, folder.path());
    let line = fail(&mut command);
    assert!(line.contains("cut.mkv is damaged") && line.contains("frames could be read"), "{line}");
    let rows = rows(&folder.path().join("out/cut.jsonl"));
    assert!((3..30).contains(&rows.len()), "{}", rows.len());
    let meta = json(&folder.path().join("out/cut.meta.json"));
    assert_eq!((&meta["complete"], meta["frames"].as_u64()), (&false.into(), Some(rows.len() as u64)));
    assert!(meta["problem"].as_str().unwrap().contains("damaged"));
}

#[test]
fn a_bad_image_among_good_ones_is_named_and_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    for name in ["a.png", "c.png"] {
        mien_annotate::write_png(&images.join(name), &[90; 64 * 48 * 3], 64, 48).unwrap();
    }
    std::fs::write(images.join("b.png"), b"\x89PNG\r\n\x1a\nand then nothing").unwrap();
    let mut command = track(&images, folder.path());
    let line = fail(&mut command);
    assert!(line.contains("b.png") && line.contains("cannot be read as an image"), "{line}");
    let frames: Vec<u64> = rows(&folder.path().join("out/images.jsonl"))
        .iter()
        .map(|row| row["frame"].as_u64().unwrap())
        .collect();
    assert_eq!(frames, [0, 2], "the gap is the bad image's");
}

#[test]
fn one_bad_input_does_not_stop_the_others() {
    let mut command = mien();
    let folder = tempfile::tempdir().unwrap();
    command.args(["track", "/nonexistent/one.mp4", "synthetic?seconds=0.1", "--out"]);
    let output = command.arg(folder.path()).output().unwrap();
    let errors = support::text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("mien: /nonexistent/one.mp4 does not exist"), "{errors}");
    assert!(errors.ends_with("mien: 1 of 2 inputs failed; the others are complete\n"), "{errors}");
    assert_eq!(rows(&folder.path().join("synthetic.jsonl")).len(), 3);
}

#[test]
fn a_folder_that_may_not_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let locked = folder.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o000)).unwrap();
    let reopen = || std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o700)).unwrap();
    let mut command = mien();
    if std::fs::read_dir(&locked).is_ok() {
        // Permissions do not bind this user (root), so the program runs as one whom they bind.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let mut other = Command::new("setpriv");
        other.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(command.get_program());
        let runs = other.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !runs.is_ok_and(|status| status.success()) {
            reopen();
            let why = "permissions do not bind root, and the program cannot run as another user";
            return mien_needs::skip(mien_needs::Need::OtherUser, why);
        }
        let program = command.get_program().to_owned();
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    }
    let output =
        command.arg("track").arg(&locked).arg("--out").arg(folder.path().join("out")).output().unwrap();
    reopen();
    let line = refusal(&output);
    assert!(line.contains("locked cannot be read") && line.contains("check its permissions"), "{line}");
}

#[test]
fn video_without_ffmpeg() {
    let folder = tempfile::tempdir().unwrap();
    let video = folder.path().join("clip.mp4");
    std::fs::write(&video, b"anything").unwrap();
    let mut command = mien();
    command.env("PATH", folder.path()).arg("track").arg(&video).arg("--out").arg(folder.path());
    let line = fail(&mut command);
    assert!(line.contains("clip.mp4") && line.contains("apt-get install ffmpeg"), "{line}");
}

/// The file of a role's model, as `mien models list` tells it.
fn model_path(role: &str) -> PathBuf {
    let listed = succeed(mien().args(["models", "list"]));
    let line = listed.lines().find_map(|line| line.strip_prefix(role)).expect("the role is listed");
    line.rsplit_once("  (").expect("path and origin").0.trim().into()
}

#[test]
fn damaged_and_unfit_models() {
    let (detector, blendshapes) = (model_path("detector"), model_path("blendshapes"));
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.onnx");
    let whole = std::fs::read(detector).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let line = fail(mien().args(["models", "import"]).arg(&cut));
    assert!(line.contains("cut.onnx") && line.contains("cut short"), "{line}");

    let mut command = mien();
    let line = fail(command.args(["models", "import", "--role", "detector"]).arg(&blendshapes));
    assert!(line.contains(&blendshapes.display().to_string()) && line.contains("detector"), "{line}");

    let mut command = mien();
    command.args(["track", "synthetic?seconds=0.1", "--models", "/nonexistent/models", "--out"]);
    let line = fail(command.arg(folder.path().join("out")));
    assert!(line.contains("/nonexistent/models"), "{line}");
}

#[test]
fn a_folder_without_models_that_was_named_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = track(Path::new("synthetic?seconds=0.1"), folder.path());
    let line = fail(command.arg("--models").arg(folder.path()));
    assert!(line.contains("has no model of Mien's") && line.contains("mien models import"), "{line}");
}

#[test]
fn a_model_that_changed_since_it_was_imported_is_refused() {
    let blendshapes = model_path("blendshapes");
    let home = tempfile::tempdir().unwrap();
    let mut command = mien();
    succeed(command.env("XDG_DATA_HOME", home.path()).args(["models", "import"]).arg(blendshapes));
    let models = home.path().join("mien/models");
    let is_onnx = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "onnx");
    let file = std::fs::read_dir(&models).unwrap().map(|entry| entry.unwrap().path()).find(is_onnx).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();

    let mut command = mien();
    command.args(["track", "synthetic?seconds=0.1", "--models"]).arg(&models);
    let line = fail(command.arg("--out").arg(home.path().join("out")));
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    assert!(line.contains(&name) && line.to_lowercase().contains("sha"), "{line}");

    let mut command = mien();
    let line = fail(command.args(["models", "verify", "--models"]).arg(&models));
    assert!(line.contains("1 of 3 models are not sound"), "{line}");
}

#[test]
fn a_full_disk_keeps_whole_rows() {
    let command = mien();
    let folder = tempfile::tempdir().unwrap();
    // A device that is always full.
    if Path::new("/dev/full").exists() {
        std::fs::create_dir(folder.path().join("full")).unwrap();
        symlink("/dev/full", folder.path().join("full/synthetic.jsonl")).unwrap();
        let mut command = mien();
        command.args(["track", "synthetic?heads=2&seconds=1", "--overwrite", "--out"]);
        let line = fail(command.arg(folder.path().join("full")));
        assert!(line.contains("synthetic.jsonl") && line.contains("free some space"), "{line}");
        let meta = json(&folder.path().join("full/synthetic.meta.json"));
        assert_eq!(meta["complete"], false);
    }
    // A file that may grow to 100 KiB: a disk with that much room. (Without the trap, the system would
    // end the program with SIGXFSZ instead of telling it.)
    let mut shell = Command::new("bash");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\""]).arg(command.get_program());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.args(["track", "synthetic?heads=2&seconds=1", "--out"]).arg(folder.path().join("small"));
    let line = fail(shell.stdin(Stdio::null()));
    assert!(line.contains("synthetic.jsonl") && line.contains("free some space"), "{line}");
    let rows = rows(&folder.path().join("small/synthetic.jsonl"));
    assert!((1..30).contains(&rows.len()), "{}", rows.len());
}

/// Starts a run without an end, and waits until rows are on disk.
fn endless(folder: &Path) -> std::process::Child {
    let mut command = mien();
    command.args(["track", "synthetic?seconds=100000", "--out"]).arg(folder);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(300);
    let table = folder.join("synthetic.jsonl");
    while std::fs::metadata(&table).map_or(0, |file| file.len()) == 0 {
        assert!(Instant::now() < deadline, "no rows appear");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn signal(child: &std::process::Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn control_c_finishes_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let child = endless(folder.path());
    signal(&child, "INT");
    let line = refusal(&child.wait_with_output().unwrap());
    assert!(line.contains("interrupted after"), "{line}");
    let rows = rows(&folder.path().join("synthetic.jsonl"));
    let meta = json(&folder.path().join("synthetic.meta.json"));
    assert_eq!(meta["frames"].as_u64(), Some(rows.len() as u64), "every tracked frame has its row");
    assert!(meta["problem"].as_str().unwrap().contains("interrupted"));
}

#[test]
fn a_killed_run_leaves_whole_rows() {
    let folder = tempfile::tempdir().unwrap();
    let child = endless(folder.path());
    signal(&child, "KILL");
    child.wait_with_output().unwrap();
    assert!(!rows(&folder.path().join("synthetic.jsonl")).is_empty());
    assert_eq!(json(&folder.path().join("synthetic.meta.json"))["complete"], false);
}
