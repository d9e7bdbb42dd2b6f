//! Sessions whose data somebody else has made.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use mien_record::{
    DATA_FILE, ExportFormat, Exported, Outputs, RecordError, VideoKind, check_session, export,
};
use mien_stream::{CameraDescription, Channel, ChannelFormat, StreamDescription, StreamSettings};
use mien_xdf::{FlushPolicy, StreamId, Writer};

use crate::support::{outputs, plan};

pub const FORMATS: [ExportFormat; 4] =
    [ExportFormat::Csv, ExportFormat::Parquet, ExportFormat::OpenFace, ExportFormat::Bids];

/// A session that came to its end, with these data.
pub fn session_of(parent: &Path, data: &[u8]) -> PathBuf {
    let mut outputs = outputs(1, false);
    let plan = plan(&outputs, parent, VideoKind::None);
    outputs.start_recording(plan).unwrap();
    let folder = outputs.stop_recording().unwrap().unwrap().folder;
    fs::remove_file(folder.join("data.xdf.sums")).unwrap();
    fs::write(folder.join(DATA_FILE), data).unwrap();
    folder
}

/// Streams as Mien describes those of a camera of this name with these people.
pub fn camera_streams(camera: &str, participants: &[&str]) -> Vec<StreamDescription> {
    let camera = CameraDescription {
        name: camera.to_owned(),
        participants: participants.iter().map(|&name| name.to_owned()).collect(),
        ..CameraDescription::default()
    };
    let settings = StreamSettings { slots: 2, ..StreamSettings::default() };
    Outputs::new(vec![camera], settings, None).camera_plans(&[30.0], 63.0).remove(0).streams
}

/// Data with these streams and what `fill` puts into them.
pub fn data_of(
    streams: &[StreamDescription],
    fill: impl FnOnce(&mut Writer<Vec<u8>>, &[StreamId]),
) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &[], FlushPolicy::default(), 0.0).unwrap();
    let ids: Vec<_> = streams.iter().map(|stream| writer.add_stream(stream, 0.0).unwrap()).collect();
    fill(&mut writer, &ids);
    writer.finish().unwrap().0
}

/// Three samples of every stream, at 1, 2 and 3 s.
pub fn fill(streams: &[StreamDescription], writer: &mut Writer<Vec<u8>>, ids: &[StreamId]) {
    for at in [1.0, 2.0, 3.0] {
        for (stream, &id) in streams.iter().zip(ids) {
            let count = stream.channels.len();
            match stream.format {
                ChannelFormat::Float32 => writer.push_f32(id, at, &vec![0.5; count]).unwrap(),
                ChannelFormat::Double64 => writer.push_f64(id, at, &vec![at; count]).unwrap(),
                _ => writer.push_text(id, at, &vec!["text"; count]).unwrap(),
            }
        }
        writer.flush().unwrap();
    }
}

pub fn run(session: &Path, format: ExportFormat, out: &Path) -> Result<Exported, RecordError> {
    export(session, format, out, &mut |_, _| ControlFlow::Continue(()))
}

fn texts(name: &str, channels: &[&str]) -> StreamDescription {
    StreamDescription {
        name: name.to_owned(),
        content_type: "Markers".to_owned(),
        format: ChannelFormat::String,
        nominal_rate_hz: 0.0,
        source_id: String::new(),
        channels: channels.iter().map(|&label| Channel::new(label, "Marker", "")).collect(),
        details: Vec::new(),
    }
}

#[test]
fn names_in_the_data_are_no_paths() {
    let parent = tempfile::tempdir().unwrap();
    for name in ["../../escaped", "/tmp/mien-test-escaped", "..", "a/b", "a\u{1b}[2J", ""] {
        let streams = camera_streams(name, &["../p"]);
        let data = data_of(&streams, |writer, ids| fill(&streams, writer, ids));
        let session = session_of(parent.path(), &data);
        let place = parent.path().join("deep/er");
        for format in FORMATS {
            let out = place.join(format.name());
            let exported = run(&session, format, &out);
            if format == ExportFormat::OpenFace {
                let error = exported.unwrap_err().to_string();
                let named =
                    name.is_empty() && error.contains("no camera") || error.contains("part of file names");
                assert!(named, "{name:?}: {error}");
                assert!(!out.exists());
            } else if let Ok(exported) = exported {
                let inside = |file: &PathBuf| file.canonicalize().unwrap().starts_with(&exported.folder);
                let folder = exported.folder.canonicalize().unwrap();
                assert_eq!(folder, exported.folder);
                assert!(exported.files.iter().all(inside), "{name:?} {format:?}: {:?}", exported.files);
            }
        }
        let _ = fs::remove_dir_all(&place);
        let names: Vec<_> =
            fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(
            names.iter().all(|name| name.to_string_lossy().starts_with("sub-") || name == "deep"),
            "{names:?}"
        );
    }
    assert!(!Path::new("/tmp/mien-test-escaped.csv").exists());
}

#[test]
fn an_empty_chunk_and_a_narrow_stream_do_no_harm() {
    let parent = tempfile::tempdir().unwrap();
    let mut streams = camera_streams("cam0", &[]);
    for stream in &mut streams {
        // One channel, where ten are usual.
        if stream.name.ends_with("_quality") {
            stream.channels.truncate(1);
        }
    }
    let mut data = data_of(&streams, |writer, ids| fill(&streams, writer, ids));
    for number in 1..=streams.len() as u8 {
        // A chunk of no samples.
        data.extend_from_slice(&[1, 8, 3, 0, number, 0, 0, 0, 1, 0]);
    }
    let session = session_of(parent.path(), &data);
    for format in FORMATS {
        let exported = run(&session, format, &parent.path().join(format.name())).unwrap();
        assert!(!exported.files.is_empty(), "{format:?}");
    }
    let rows = fs::read_to_string(parent.path().join("openface/cam0.csv")).unwrap();
    assert_eq!(rows.lines().count(), 4, "a line a frame");
    assert!(check_session(&session, true).is_ok());
}

#[test]
fn long_names_of_cameras_and_people_stay_apart() {
    let parent = tempfile::tempdir().unwrap();
    let (camera, person) = ("c".repeat(64), "p".repeat(64));
    for names in [[person.as_str(), "other"], [&person[..19], &person[..20]]] {
        let streams = camera_streams(&camera, &names);
        let data = data_of(&streams, |writer, ids| fill(&streams, writer, ids));
        let session = session_of(parent.path(), &data);
        for format in FORMATS {
            let out = parent.path().join(format.name());
            let exported = run(&session, format, &out).unwrap_or_else(|error| panic!("{format:?}: {error}"));
            if format == ExportFormat::Csv {
                assert_eq!(exported.files.len(), streams.len());
            }
            fs::remove_dir_all(out).unwrap();
        }
    }
    // Names that differ in what no file name shows.
    let streams = [texts("a/b", &["x"]), texts("a?b", &["x"]), texts("A?B", &["x"])];
    let session = session_of(parent.path(), &data_of(&streams, |writer, ids| fill(&streams, writer, ids)));
    assert_eq!(run(&session, ExportFormat::Csv, &parent.path().join("csv")).unwrap().files.len(), 3);
}

#[test]
fn formulas_reach_no_spreadsheet() {
    let parent = tempfile::tempdir().unwrap();
    let mut streams = camera_streams("cam0", &[]);
    streams.push(texts("notes", &["=HYPERLINK(1)", "plain"]));
    let data = data_of(&streams, |writer, ids| {
        fill(&streams[..streams.len() - 1], writer, ids);
        let notes = *ids.last().unwrap();
        writer.push_text(notes, 1.0, &["=1+1", "-1.5"]).unwrap();
        writer.push_text(notes, 2.0, &["@SUM(1;2)", "a\t=2"]).unwrap();
    });
    let session = session_of(parent.path(), &data);
    run(&session, ExportFormat::Csv, &parent.path().join("csv")).unwrap();
    let text = fs::read_to_string(parent.path().join("csv/notes.csv")).unwrap();
    assert_eq!(text, "timestamp,'=HYPERLINK(1),plain\n1,'=1+1,-1.5\n2,\"'@SUM(1;2)\",\"a\t=2\"\n");
    run(&session, ExportFormat::Bids, &parent.path().join("bids")).unwrap();
    let events =
        parent.path().join("bids/sub-P01/ses-01/motion/sub-P01_ses-01_task-rest_tracksys-cam0_events.tsv");
    let text = fs::read_to_string(events).unwrap();
    assert!(text.contains("\t'=1+1\n") && text.contains("\t-1.5\n"), "{text}");
}
