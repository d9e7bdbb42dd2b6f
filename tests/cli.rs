//! The program from end to end, on the synthetic camera and, where it is, on a real clip.

mod support;

use std::collections::BTreeSet;

use mien_annotate::write_png;
use mien_face::BLENDSHAPE_NAMES;
use support::{fail, frames_with, json, mien, rows, succeed};

#[test]
fn version_help_and_nonsense() {
    let version = succeed(mien().arg("--version"));
    assert!(version.starts_with(concat!("mien ", env!("CARGO_PKG_VERSION"))), "{version}");
    assert!(succeed(mien().arg("--help")).contains("track"));
    for nonsense in [
        &["trak"][..],
        &["track"],
        &["track", "x", "--out", "y", "--format", "xls"],
        &["track", "x", "--out", "y", "--faces", "11"],
        &["track", "x", "--out", "y", "--fov", "0"],
        &["track", "", "--out", "y"],
        &["--source", "synthetic", "track", "x", "--out", "y"],
        &["run", "--headless", "--source", "synthetic", "--seconds", "nan"],
        &["record", "--source", "synthetic", "--seconds=-1"],
        &["record", "--source", "synthetic", "--subject", "../x"],
    ] {
        let output = mien().args(nonsense).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{nonsense:?}");
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_fault() {
    let mut child = mien()
        .args(["config", "print"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", support::text(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", support::text(&output.stderr));
}

#[test]
fn standard_error_that_nobody_reads_ends_no_run() {
    let mut command = mien();
    let folder = tempfile::tempdir().unwrap();
    command
        .args(["-v", "track", "/nonexistent/one.mp4", "synthetic?seconds=0.1", "--out"])
        .arg(folder.path());
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(1), "one input was not there");
    assert_eq!(rows(&folder.path().join("synthetic.jsonl")).len(), 3);
}

#[test]
fn inputs_of_one_name_have_results_of_their_own() {
    let mut command = mien();
    command.arg("track");
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    for (path, width) in [(one.join("a.png"), 40), (other.join("a.png"), 50), (other.join("a-2.png"), 60)] {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_png(&path, &vec![90; width * 48 * 3], width as u32, 48).unwrap();
        command.arg(path);
    }
    command.args(["--out"]).arg(folder.path().join("out"));
    succeed(&mut command);
    for (name, width) in [("a", 40), ("a-2", 50), ("a-2-2", 60)] {
        let meta = json(&folder.path().join(format!("out/{name}.meta.json")));
        assert_eq!(meta["input"]["width"], width, "{name}");
    }
}

#[test]
fn the_synthetic_camera_becomes_json_lines() {
    let mut mien = mien();
    let folder = tempfile::tempdir().unwrap();
    let output = mien
        .args(["track", "synthetic?heads=2&seconds=1", "--smooth", "--out"])
        .arg(folder.path())
        .output()
        .unwrap();
    let log = support::text(&output.stderr);
    assert!(output.status.success(), "{log}");
    // The log's first line is the header.
    let header = log.lines().next().unwrap_or_default();
    assert!(header.contains("engine rten") && header.contains("sha256"), "{log}");

    let rows = rows(&folder.path().join("synthetic.jsonl"));
    assert_eq!(rows.len(), 30);
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row["frame"], index);
        assert!((row["time"].as_f64().unwrap() - index as f64 / 30.0).abs() < 1e-6);
    }
    assert!(frames_with(&rows, 2) >= 29, "{}", frames_with(&rows, 2));
    let ids: BTreeSet<u64> = rows
        .iter()
        .flat_map(|row| row["faces"].as_array().unwrap())
        .map(|face| face["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, BTreeSet::from([1, 2]));
    let face = &rows[10]["faces"][0];
    assert_eq!(face["landmarks"].as_array().unwrap().len(), 478);
    assert_eq!(face["blendshapes"].as_array().unwrap().len(), 52);
    let distance = face["pose"]["translation_cm"][2].as_f64().unwrap();
    assert!((-120.0..-40.0).contains(&distance), "{distance}");

    let meta = json(&folder.path().join("synthetic.meta.json"));
    assert_eq!((&meta["complete"], &meta["frames"]), (&true.into(), &30.into()));
    assert!(meta["engine"]["used"].as_str().unwrap().contains("rten"));
    assert!(!meta["engine"]["reason"].as_str().unwrap().is_empty());
    let models = meta["models"].as_array().unwrap();
    assert_eq!(models.len(), 3);
    assert!(models.iter().all(|model| model["sha256"].as_str().unwrap().len() == 64));
    assert_eq!(models[0]["input_shape"], serde_json::json!([3, 256, 320]));
    assert!(meta["settings"]["smoothing"]["beta"].is_number());
}

#[test]
fn csv_has_openfaces_columns_and_a_row_without_a_face() {
    let mut mien = mien();
    let folder = tempfile::tempdir().unwrap();
    mien.args(["track", "synthetic?heads=0&seconds=0.1&width=320&height=240", "synthetic?seconds=0.1"]);
    succeed(mien.args(["--format", "csv", "--out"]).arg(folder.path()));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let (nobody, somebody) = (read("synthetic.csv"), read("synthetic-2.csv"));
    let header: Vec<&str> = nobody.lines().next().unwrap().split(',').collect();
    assert_eq!(header[..6], ["frame", "face_id", "timestamp", "confidence", "success", "pose_Tx"]);
    let last_blendshape = format!("bs_{}", BLENDSHAPE_NAMES[51]);
    let place = |name: &str| header.iter().position(|column| *column == name).expect(name);
    assert_eq!(place("iris_distance_left_mm"), place(&last_blendshape) + 1);
    assert_eq!(header[header.len() - 3..], ["damaged", "frame_width", "frame_height"]);
    assert_eq!(nobody.lines().nth(3).unwrap().split(',').take(5).collect::<Vec<_>>()[4], "0");
    let row: Vec<&str> = somebody.lines().nth(1).unwrap().split(',').collect();
    assert_eq!(row.len(), header.len());
    assert_eq!((row[0], row[1], row[4]), ("0", "1", "1"));
    let x_0: f64 = row[header.iter().position(|&name| name == "x_0").unwrap()].parse().unwrap();
    assert!((0.0..640.0).contains(&x_0));
}

#[test]
fn annotated_videos_and_pictures() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let mut command = mien();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    succeed(command.args(["track", "synthetic?seconds=0.4&fps=20", "--annotate", "--out"]).arg(&out));
    let video = out.join("synthetic.annotated.mkv");
    // The drawn video is a video again.
    let mut command = mien();
    succeed(command.arg("track").arg(&video).arg("--out").arg(&out));
    let rows = rows(&out.join("synthetic.annotated.jsonl"));
    assert_eq!(rows.len(), 8);
    assert_eq!(rows[7]["time"], 0.35);

    // Images of odd sizes, down to a single pixel.
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    for (width, height) in [(1, 1), (3, 2), (641, 479), (1, 500)] {
        let grey = vec![128; (width * height * 3) as usize];
        write_png(&images.join(format!("{width}x{height}.png")), &grey, width, height).unwrap();
    }
    let mut command = mien();
    succeed(command.arg("track").arg(&images).args(["--annotate", "--out"]).arg(&out));
    let meta = json(&out.join("images.meta.json"));
    assert_eq!(meta["frames"], 4);
    assert_eq!(meta["input"]["files"], serde_json::json!(["1x1.png", "1x500.png", "3x2.png", "641x479.png"]));
    assert!(out.join("images.annotated/641x479.png").exists());
}

#[test]
fn the_demo_finds_its_heads_and_leaves_a_picture() {
    let mut mien = mien();
    let folder = tempfile::tempdir().unwrap();
    let said =
        succeed(mien.args(["demo", "--source", "synthetic?heads=2&seconds=2", "--out"]).arg(folder.path()));
    let picture = folder.path().join("demo.png");
    assert!(said.contains(&picture.display().to_string()), "{said}");
    assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
    let found: Vec<u32> = said
        .lines()
        .find(|line| line.contains("appearances"))
        .unwrap_or_else(|| panic!("{said}"))
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(found[1] == 120 && found[0] >= 116 && found[2] == 0, "{said}");
}

#[test]
fn results_are_not_replaced_unasked() {
    let mut command = mien();
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("synthetic.jsonl");
    std::fs::write(&table, "precious").unwrap();
    let arguments = ["track", "synthetic?seconds=0.1", "--out"];
    let line = fail(command.args(arguments).arg(folder.path()));
    assert!(line.contains("synthetic.jsonl exists already") && line.contains("--overwrite"), "{line}");
    assert_eq!(std::fs::read(&table).unwrap(), b"precious");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was left beside it");
    let mut command = mien();
    succeed(command.args(arguments).arg(folder.path()).arg("--overwrite"));
    assert_eq!(rows(&table).len(), 3);
}

#[test]
fn models_are_listed_verified_and_imported() {
    let mut command = mien();
    let listed = succeed(command.args(["models", "list"]));
    for role in ["detector", "landmarks", "blendshapes"] {
        assert!(listed.lines().any(|line| line.starts_with(role)), "{listed}");
    }
    let mut command = mien();
    assert_eq!(succeed(command.args(["models", "verify"])).matches("sound").count(), 3);

    let Some(bundle) = mien_needs::reference("models/face_landmarker.task") else { return };
    let home = tempfile::tempdir().unwrap();
    let import = |command: &mut std::process::Command| {
        succeed(command.env("XDG_DATA_HOME", home.path()).args(["models", "import"]).arg(&bundle))
    };
    let said = import(&mut mien());
    assert!(said.contains("landmarks") && said.contains("blendshapes"), "{said}");
    assert!(home.path().join("mien/models/manifest.toml").exists());
}

#[test]
fn a_real_clip_has_its_person_in_every_frame() {
    let Some(clip) = mien_needs::reference("clips/asl_no.mkv") else { return };
    if !mien_needs::ffmpeg() {
        return;
    }
    let mut mien = mien();
    let folder = tempfile::tempdir().unwrap();
    succeed(mien.arg("track").arg(clip).arg("--out").arg(folder.path()));
    let rows = rows(&folder.path().join("asl_no.jsonl"));
    assert_eq!(rows.len(), 66);
    assert!(frames_with(&rows, 1) >= 65, "{} of 66", frames_with(&rows, 1));
}
