//! What the program writes, held byte by byte against copies in `tests/golden/`.
//!
//! Faces made of plain numbers go through the writers of `mien track`, the recorder and every export. No network and
//! no video takes part, so the files are the same on every machine but for what [`normal`] takes out: versions, the
//! host's name, the time of day, how long things took, and the last digits of sines and cosines.
//!
//! Where a change of the files is intended, this writes the copies again; the commit says what changed and why:
//!
//! ```sh
//! MIEN_WRITE_GOLDEN=1 cargo test --test golden
//! ```

#[path = "golden/faces.rs"]
mod faces;
#[path = "golden/normal.rs"]
mod normal;
#[path = "golden/texts.rs"]
mod texts;

use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use mien_record::{
    DiskLimits, ExportFormat, Outputs, PrivacyKind, SessionNames, SessionPlan, VideoKind, export,
};
use mien_stream::{CameraDescription, ModelNote, StreamSettings};
use mien_tables::TableFormat;

use faces::{capture_nanos, frames};

/// The cameras' names; the first is how the second begins.
const CAMERAS: [&str; 2] = ["left", "left_2"];

#[test]
fn tables_of_mien_track() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for format in [TableFormat::Jsonl, TableFormat::Csv] {
        texts::track(folder.path(), format);
        for name in [format!("clip.{}", format.name()), "clip.meta.json".to_owned()] {
            text += &texts::file(folder.path(), Path::new(&name));
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
    hold("track", &text);
}

#[test]
fn recorded_streams_and_session_file() {
    let folder = tempfile::tempdir().unwrap();
    let session = record(folder.path());
    let mut text = texts::streams(&session.join("data.xdf"));
    text += &normal::session(&std::fs::read_to_string(session.join("session.toml")).unwrap());
    hold("session", &text);
}

#[test]
fn exports_of_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let session = record(folder.path());
    for format in [ExportFormat::Csv, ExportFormat::Parquet, ExportFormat::OpenFace, ExportFormat::Bids] {
        let out = folder.path().join(format.name());
        let mut files = export(&session, format, &out, &mut |_, _| ControlFlow::Continue(())).unwrap().files;
        files.sort();
        let text: String =
            files.iter().map(|file| texts::file(&out, file.strip_prefix(&out).unwrap())).collect();
        hold(format.name(), &text);
    }
}

/// Records the frames of both cameras: the first filtered and with a named slot, the second as it was measured.
fn record(parent: &Path) -> PathBuf {
    let camera = |(index, name): (usize, &str)| CameraDescription {
        name: name.to_owned(),
        source: "synthetic?heads=3".into(),
        frame_size: Some((640, 480)),
        engine: "embedded".to_owned(),
        models: vec![ModelNote {
            role: "landmarks".to_owned(),
            name: "test.onnx".to_owned(),
            sha256: "ab".repeat(32),
        }],
        filter: (index == 0).then(|| "One-Euro".to_owned()),
        participants: if index == 0 { vec!["anna".to_owned()] } else { Vec::new() },
        triggered_rate_hz: (index == 1).then_some(30.0),
        ..CameraDescription::default()
    };
    let cameras = CAMERAS.into_iter().enumerate().map(camera).collect();
    let settings = StreamSettings { slots: 2, ..StreamSettings::default() };
    let mut outputs = Outputs::new(cameras, settings, None);
    let plan = SessionPlan {
        parent: parent.to_owned(),
        names: SessionNames { subject: "P-01".into(), session: "01".into(), task: "rest".into() },
        group: None,
        video: VideoKind::None,
        hardware: false,
        privacy: PrivacyKind::Full,
        limits: DiskLimits { warn_bytes: 1000, stop_bytes: 1000 },
        configuration: mien_config::print(&mien_config::Config::default()),
        markers: outputs.markers(),
        cameras: outputs.camera_plans(&[30.0, 30.0], 63.0),
    };
    outputs.start_recording(plan).unwrap();
    for frame in frames() {
        outputs.push(0, &frame);
        outputs.push(1, &frame);
        if frame.frame_index == 1 {
            outputs.name_participant(0, 2, "anna").expect("a slot has the name");
        }
    }
    outputs.marker_at(capture_nanos(2), "stimulus, \"1\"");
    outputs.stop_recording().unwrap().unwrap().folder
}

/// Compares a text with its copy, or writes the copy again.
fn hold(name: &str, text: &str) {
    let text = &normal::folded(text);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.gz"));
    if std::env::var_os("MIEN_WRITE_GOLDEN").is_some() {
        let mut file = GzEncoder::new(Vec::new(), Compression::best());
        file.write_all(text.as_bytes()).unwrap();
        std::fs::write(&path, file.finish().unwrap()).unwrap();
        return;
    }
    let mut expected = String::new();
    GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_string(&mut expected).unwrap();
    if expected != *text {
        let differs = expected.lines().zip(text.lines()).position(|(one, other)| one != other);
        let line = differs.unwrap_or_else(|| expected.lines().count().min(text.lines().count()));
        let file = expected.lines().take(line + 1).filter(|line| line.starts_with("=== ")).last();
        let [was, is] = [&expected, text].map(|text| text.lines().nth(line).unwrap_or("(nothing)"));
        let begin = was.bytes().zip(is.bytes()).take_while(|(one, other)| one == other).count();
        let shown = |line: &str| -> String {
            String::from_utf8_lossy(&line.as_bytes()[begin.saturating_sub(60)..]).chars().take(160).collect()
        };
        panic!(
            "{name}, {}: line {line} differs at byte {begin}\n was: …{}\n is:  …{}",
            file.unwrap_or("its first file"),
            shown(was),
            shown(is)
        );
    }
}
