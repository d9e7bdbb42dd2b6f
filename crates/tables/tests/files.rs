//! The files as a reader finds them.

use std::path::Path;

use mien_face::{FaceBox, FrameFaces, LANDMARK_COUNT};
use mien_tables::{
    EngineRecord, InputClock, InputRecord, MetaFile, ModelRecord, Outcome, Provenance, TableError,
    TableFormat, TableWriter,
};
use serde_json::Value;

/// A frame with `faces` faces full of numbers that are not round.
fn frame(index: u64, faces: u32) -> Box<FrameFaces> {
    let mut frame = FrameFaces::boxed();
    frame.frame_index = index;
    frame.capture_nanos = index as i64 * 33_366_667;
    frame.face_count = faces;
    for (i, face) in frame.faces[..faces as usize].iter_mut().enumerate() {
        face.track_id = i as u32 + 1;
        face.score = 0.987_654_3;
        face.bounds = FaceBox { x1: 1.25, y1: 2.5, x2: 30.1, y2: 40.7 };
        for (k, landmark) in face.smoothed.landmarks.iter_mut().enumerate() {
            *landmark = [k as f32 / 3.0, k as f32 / 7.0, -1e-8 * k as f32];
        }
        face.smoothed.blendshapes[25] = 0.5;
        face.smoothed.pose.camera_from_head[0] = 1.0;
        face.smoothed.pose.translation_cm = [1.0, -2.0, -60.5];
    }
    frame
}

fn provenance() -> Provenance {
    Provenance {
        program: "mien 0.1.0".into(),
        started: "2026-01-01T00:00:00Z".into(),
        input: InputRecord {
            source: "clip.mkv".into(),
            kind: "video".into(),
            width: 640,
            height: 480,
            pixel_aspect: None,
            rate_hz: Some(30.0),
            clock: InputClock::StartOfInput,
            files: Vec::new(),
        },
        engine: EngineRecord { asked: "auto".into(), used: "rten".into(), reason: "no GPU".into() },
        models: vec![ModelRecord {
            role: "detector".into(),
            file: "d.onnx".into(),
            sha256: "ab".repeat(32),
            origin: "built in".into(),
            input_shape: vec![3, 480, 640],
            engine: "rten, FP32".into(),
        }],
        absent: Vec::new(),
        settings: serde_json::json!({"detect_every": 5}),
    }
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn json_lines_hold_every_number_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    let mut table = TableWriter::create(&path, TableFormat::Jsonl, false).unwrap();
    for (index, faces) in [(0, 1), (1, 0), (3, 2)] {
        table.write(&frame(index, faces)).unwrap();
    }
    table.finish().unwrap();
    let rows: Vec<Value> = lines(&path).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1], serde_json::json!({"frame": 1, "time": 0.033366667, "faces": []}));
    assert_eq!(rows[2]["faces"].as_array().unwrap().len(), 2);
    let (face, expected) = (&rows[0]["faces"][0], frame(0, 1));
    let expected = &expected.faces[0];
    assert_eq!(face["id"], 1);
    assert_eq!(face["box"][2].as_f64().unwrap() as f32, 30.1);
    assert_eq!(face["landmarks"].as_array().unwrap().len(), LANDMARK_COUNT);
    for (k, landmark) in expected.smoothed.landmarks.iter().enumerate() {
        for axis in 0..3 {
            assert_eq!(face["landmarks"][k][axis].as_f64().unwrap() as f32, landmark[axis]);
        }
    }
    assert_eq!(face["blendshapes"].as_array().unwrap().len(), 52);
    assert_eq!(face["pose"]["matrix"].as_array().unwrap().len(), 16);
    assert_eq!(face["pose"]["translation_cm"], serde_json::json!([1.0, -2.0, -60.5]));
    let keys: Vec<&String> = face.as_object().unwrap().keys().collect();
    let outputs = mien_outputs::ALL.iter().filter(|output| !matches!(output.json, mien_outputs::Json::No));
    assert_eq!(keys.len(), 3 + outputs.count(), "{keys:?}");
}

#[test]
fn json_lines_say_what_is_unusual_of_a_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    let mut table = TableWriter::create(&path, TableFormat::Jsonl, false).unwrap().with_usual_size(640, 480);
    for (index, size, damaged) in [(0, (640, 480), 0), (1, (480, 640), 1)] {
        let mut frame = frame(index, 0);
        (frame.frame_width, frame.frame_height) = size;
        frame.damaged = damaged;
        table.write(&frame).unwrap();
    }
    table.finish().unwrap();
    let lines = lines(&path);
    assert_eq!(lines[0], r#"{"frame":0,"time":0.0,"faces":[]}"#);
    assert_eq!(lines[1], r#"{"frame":1,"time":0.033366667,"size":[480,640],"damaged":true,"faces":[]}"#);
}

#[test]
fn csv_has_openfaces_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let mut table = TableWriter::create(&path, TableFormat::Csv, false).unwrap();
    let mut damaged = frame(0, 2);
    (damaged.damaged, damaged.frame_width, damaged.frame_height) = (1, 640, 480);
    table.write(&damaged).unwrap();
    table.write(&frame(1, 0)).unwrap();
    table.finish().unwrap();
    let lines = lines(&path);
    assert_eq!(lines.len(), 4);
    let header: Vec<&str> = lines[0].split(',').collect();
    let column = |name: &str| header.iter().position(|&n| n == name).unwrap_or_else(|| panic!("no {name}"));
    let field = |row: usize, name: &str| lines[row].split(',').nth(column(name)).unwrap().to_owned();
    assert_eq!(header[..5], ["frame", "face_id", "timestamp", "confidence", "success"]);
    let openface = 5 + 6 + 3 * LANDMARK_COUNT + 52;
    assert!(header.len() >= openface + 3 && header[openface - 1].starts_with("bs_"), "others come after");
    assert_eq!(header[header.len() - 3..], ["damaged", "frame_width", "frame_height"]);
    assert!(lines[1].ends_with(",1,640,480") && lines[3].ends_with(",0,,"), "{}", lines[3]);
    assert_eq!((field(2, "face_id"), field(2, "success")), ("2".into(), "1".into()));
    assert_eq!(field(1, "x_477").parse::<f32>().unwrap(), 477.0 / 3.0);
    assert_eq!(field(1, "bs_jawOpen"), "0.5");
    assert_eq!(field(1, "pose_Tz"), "605.0");
    assert_eq!(
        (field(3, "frame"), field(3, "success"), field(3, "x_0")),
        ("1".into(), "0".into(), "".into())
    );
}

#[test]
fn nothing_is_overwritten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, "precious").unwrap();
    let refused = TableWriter::create(&path, TableFormat::Csv, false).err().expect("refused");
    assert!(matches!(refused, TableError::Exists { .. }) && refused.to_string().contains("--overwrite"));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    TableWriter::create(&path, TableFormat::Csv, true).unwrap().finish().unwrap();
    assert!(lines(&path)[0].starts_with("frame,"));
}

#[test]
fn the_meta_file_tells_whether_the_run_ended() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("a.b.jsonl");
    let meta = MetaFile::create(&table, TableFormat::Jsonl, provenance(), false).unwrap();
    let path = folder.path().join("a.b.meta.json");
    assert_eq!(meta.path(), path);
    let read = || serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(read()["complete"], false);
    assert!(MetaFile::create(&table, TableFormat::Jsonl, provenance(), false).is_err());
    let outcome = Outcome { complete: true, frames: 7, frames_with_a_face: 6, ..Outcome::default() };
    meta.finish(&outcome).unwrap();
    let content = read();
    assert_eq!((&content["complete"], &content["frames"]), (&Value::Bool(true), &Value::from(7)));
    assert_eq!(content["models"][0]["sha256"], "ab".repeat(32));
    assert_eq!(content["blendshape_names"][25], "jawOpen");
    assert!(content["columns"]["faces[].landmarks"].as_str().unwrap().contains("pixels"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let mut table = TableWriter::create(Path::new("/dev/full"), TableFormat::Jsonl, true).unwrap();
    let full = (0..1000).find_map(|i| table.write(&frame(i, 3)).err()).expect("the disk is full");
    assert!(full.to_string().contains("/dev/full") && full.to_string().contains("free some space"), "{full}");
    // It said so once; it takes no more, and does not panic.
    table.write(&frame(0, 3)).unwrap();
    table.finish().unwrap();
}
