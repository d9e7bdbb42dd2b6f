//! Runs with a landmark model of 468 points, and without blendshapes: tracked, recorded, exported.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{fail, json, mien, rows, succeed, text};

/// A folder with the built-in detector and, cut off the built-in landmark network, one without irises.
fn mesh_models(parent: &Path) -> PathBuf {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let folder = parent.join("models");
    fs::create_dir(&folder).unwrap();
    fs::copy(built_in.join("detector.onnx"), folder.join("detector.onnx")).unwrap();
    let landmarks = fs::read(built_in.join("landmarks.onnx")).unwrap();
    fs::write(folder.join("mesh.onnx"), mien_engine::without_irises(&landmarks)).unwrap();
    folder
}

const INPUT: &str = "synthetic?heads=1&seconds=0.5";

fn track(out: &Path, more: &[&str]) -> Command {
    let mut command = mien();
    command.args(["track", INPUT, "--engine", "cpu", "--out"]).arg(out).args(more);
    command
}

/// The only results in the folder with this ending.
fn result(folder: &Path, ending: &str) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut found = files.filter(|file| file.to_string_lossy().ends_with(ending));
    let file = found.next().unwrap_or_else(|| panic!("no {ending} in {}", folder.display()));
    assert!(found.next().is_none(), "several {ending}");
    file
}

fn first_face(rows: &[Value]) -> &Value {
    rows.iter().find_map(|row| row["faces"].get(0)).expect("a face")
}

#[test]
fn a_model_without_irises_gives_the_same_mesh_and_nothing_else() {
    let parent = tempfile::tempdir().unwrap();
    let models = mesh_models(parent.path());
    let (usual, mesh) = (parent.path().join("usual"), parent.path().join("mesh"));
    let mut command = track(&usual, &["--raw"]);
    succeed(&mut command);
    let mut command = track(&mesh, &["--raw", "--models", models.to_str().unwrap()]);
    let output = command.env("RUST_LOG", "info").output().unwrap();
    let log = text(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(log.contains("irises are not measured: ") && log.contains("mesh.onnx"), "{log}");
    assert!(log.contains("blendshapes are not measured: "), "{log}");

    let (usual_rows, mesh_rows) = (rows(&result(&usual, ".jsonl")), rows(&result(&mesh, ".jsonl")));
    assert_eq!(usual_rows.len(), mesh_rows.len());
    assert!(mesh_rows.iter().any(|row| row["faces"].get(0).is_some()));
    for (usual, mesh) in usual_rows.iter().zip(&mesh_rows) {
        let faces = usual["faces"].as_array().unwrap();
        assert_eq!(faces.len(), mesh["faces"].as_array().unwrap().len());
        for (usual, mesh) in faces.iter().zip(mesh["faces"].as_array().unwrap()) {
            let (all, points) =
                (usual["landmarks"].as_array().unwrap(), mesh["landmarks"].as_array().unwrap());
            assert_eq!((points.len(), &points[..468]), (478, &all[..468]));
            assert!(points[468..].iter().all(|point| *point == serde_json::json!([null, null, null])));
            assert!(all.iter().flat_map(|point| point.as_array().unwrap()).all(Value::is_number));
            assert_eq!(usual["pose"], mesh["pose"]);
            assert_eq!(usual["blendshapes"].as_array().unwrap().len(), 52);
            assert!(mesh.get("blendshapes").is_none());
        }
    }

    let meta = json(&result(&mesh, ".meta.json"));
    assert_eq!(meta["models"].as_array().unwrap().len(), 2);
    assert!(meta["absent"]["irises"].as_str().unwrap().contains("mesh.onnx"), "{}", meta["absent"]);
    assert!(meta["absent"]["blendshapes"].is_string(), "{}", meta["absent"]);
    assert!(meta.get("blendshape_names").is_none() && meta["columns"].get("faces[].blendshapes").is_none());
    let meta = json(&result(&usual, ".meta.json"));
    assert!(meta.get("absent").is_none(), "{}", meta["absent"]);
    assert_eq!(meta["blendshape_names"].as_array().unwrap().len(), 52);
}

#[test]
fn blendshapes_are_off_where_a_person_says_so_and_an_error_where_they_cannot_be() {
    let parent = tempfile::tempdir().unwrap();
    let out = parent.path().join("off");
    let mut command = track(&out, &["--blendshapes", "off", "--format", "csv", "--smooth"]);
    succeed(&mut command);
    let table = fs::read_to_string(result(&out, ".csv")).unwrap();
    let header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    assert!(header.contains(&"x_477") && !header.iter().any(|name| name.starts_with("bs_")), "{header:?}");
    let iris = header.iter().position(|name| *name == "x_477").unwrap();
    let seen = table.lines().skip(1).filter(|row| row.split(',').nth(4) == Some("1"));
    let irises: Vec<&str> = seen.map(|row| row.split(',').nth(iris).unwrap()).collect();
    assert!(!irises.is_empty() && irises.iter().all(|x| x.parse::<f32>().is_ok()), "{irises:?}");
    let meta = json(&result(&out, ".meta.json"));
    assert!(meta["absent"]["blendshapes"].as_str().unwrap().contains("off"), "{}", meta["absent"]);
    assert!(meta["absent"].get("irises").is_none());

    let models = mesh_models(parent.path());
    let models = models.to_str().unwrap();
    let refusal = fail(&mut track(&out.join("on"), &["--blendshapes", "on", "--models", models]));
    assert!(refusal.contains("blendshapes cannot be computed"), "{refusal}");
    let listed = succeed(mien().args(["models", "list", "--models", models]));
    assert!(listed.contains("mesh.onnx") && listed.contains("irises"), "{listed}");
    succeed(mien().args(["models", "verify", "--models", models]));
}

#[test]
fn a_folder_may_have_another_optional_network() {
    let parent = tempfile::tempdir().unwrap();
    let mut command = mien();
    let (file, home) = (parent.path().join("mean.onnx"), parent.path().join("home"));
    fs::write(&file, mien_engine::mean_model()).unwrap();
    let imported = succeed(command.args(["models", "import"]).arg(&file).env("XDG_DATA_HOME", &home));
    assert!(imported.starts_with("mean "), "{imported}");
    let verified = succeed(mien().args(["models", "verify"]).env("XDG_DATA_HOME", &home));
    assert!(verified.lines().any(|line| line.starts_with("mean ") && line.ends_with("sound")), "{verified}");
    let out = parent.path().join("out");
    succeed(track(&out, &[]).env("XDG_DATA_HOME", &home));
    let meta = json(&result(&out, ".meta.json"));
    let roles: Vec<&Value> = meta["models"].as_array().unwrap().iter().map(|model| &model["role"]).collect();
    assert_eq!(roles, ["detector", "landmarks", "blendshapes", "mean"]);
    let stages = meta["stages"].as_array().unwrap();
    let mean = stages.iter().find(|stage| stage["stage"] == "mean").expect("its time is told");
    assert!(mean["frames"].as_u64().unwrap() > 0);
    assert_eq!(first_face(&rows(&result(&out, ".jsonl")))["blendshapes"].as_array().unwrap().len(), 52);
}

#[test]
fn a_session_without_irises_and_blendshapes_is_recorded_exported_and_tracked_again() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let models = mesh_models(parent.path());
    let config = parent.path().join("mien.toml");
    // The session's own configuration names the models.
    fs::write(&config, format!("version = 1\n[models]\ndir = \"{}\"\n", models.display())).unwrap();
    let mut command = mien();
    command.args([
        "record",
        "--source",
        "synthetic",
        "--engine",
        "cpu",
        "--no-stream",
        "--seconds",
        "2",
        "--anyway",
    ]);
    succeed(command.arg("--config").arg(&config).arg("--out").arg(parent.path().join("recordings")));
    let session = fs::read_dir(parent.path().join("recordings")).unwrap().next().unwrap().unwrap().path();

    let data = fs::read(session.join("data.xdf")).unwrap();
    let has = |what: &str| data.windows(what.len()).any(|bytes| bytes == what.as_bytes());
    assert!(has("_landmarks</name>") && has("<not_measured>irises blendshapes</not_measured>"));
    assert!(!has("_blendshapes"), "a stream of blendshapes was recorded");
    succeed(mien().args(["session", "check"]).arg(&session));

    let openface = parent.path().join("openface");
    succeed(mien().arg("export").arg(&session).args(["--to", "openface", "--out"]).arg(&openface));
    let table = fs::read_to_string(result(&openface, ".csv")).unwrap();
    let header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    assert!(!header.iter().any(|name| name.starts_with("bs_")), "{header:?}");
    let place = |name: &str| header.iter().position(|known| *known == name).unwrap();
    let seen: Vec<Vec<&str>> = table
        .lines()
        .skip(1)
        .map(|row| row.split(',').collect())
        .filter(|row: &Vec<&str>| row[4] == "1")
        .collect();
    assert!(!seen.is_empty());
    assert!(
        seen.iter().all(|row| row[place("x_467")].parse::<f32>().is_ok() && row[place("x_468")].is_empty())
    );
    let bids = parent.path().join("bids");
    succeed(mien().arg("export").arg(&session).args(["--to", "bids", "--out"]).arg(&bids));

    let again = parent.path().join("again");
    let mut command = mien();
    command.arg("track").arg(&session).args(["--engine", "cpu", "--frames", "20", "--annotate", "--models"]);
    succeed(command.arg(&models).arg("--out").arg(&again));
    let rows = rows(&result(&again, ".jsonl"));
    assert!(first_face(&rows).get("blendshapes").is_none());
}
