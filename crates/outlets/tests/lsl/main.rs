//! A real consumer: pylsl receives what is published, in a network namespace that has only `lo`.
//!
//! liblsl's data sockets bind every address whatever its configuration says, so this test leaves the
//! machine's networks out altogether: it starts itself again under `unshare --net`.

mod lost;
mod namespace;
mod reach;
mod stalled;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mien_clock::monotonic_nanos;
use mien_face::FrameFaces;
use mien_outlets::{Publisher, find_required, library};
use mien_stream::{CameraDescription, CameraEncoder, ModelNote, StreamSettings, marker_stream};

/// Set in the process that runs inside the namespace; its value is how many seconds to publish.
const INSIDE: &str = "MIEN_TEST_LSL_SECONDS";
const CAMERAS: usize = 4;

#[test]
fn pylsl_receives_every_sample_for_a_few_seconds() {
    namespace::run("inside_the_namespace", &[(INSIDE, "5")]);
}

#[test]
#[ignore = "takes more than a minute"]
fn pylsl_receives_every_sample_for_a_minute() {
    namespace::run("inside_the_namespace", &[(INSIDE, "60")]);
}

#[test]
fn required_streams_are_found() {
    namespace::run("required_streams_inside", &[(INSIDE, "0")]);
}

#[test]
#[ignore = "is run by the test above, in a namespace of its own"]
fn required_streams_inside() {
    if std::env::var_os(INSIDE).is_none() {
        return println!("a role: it is run by another test");
    }
    let settings = StreamSettings::default();
    let streams = vec![CameraEncoder::new(camera(0), settings.clone()).streams().to_vec()];
    let launch = namespace::launch();
    let publisher = Publisher::start(&launch, marker_stream(&settings), streams).unwrap();
    let wanted = ["mien_markers", "type=VideoFrames", "type=EEG"].map(str::to_owned);
    let found = find_required(&launch, &wanted, Duration::from_secs(2)).unwrap();
    let names: Vec<_> = found.iter().map(|stream| Some(stream.found.as_ref()?.name.as_str())).collect();
    assert_eq!(names, [Some("mien_markers"), Some("mien_cam0_Frames"), None]);
    drop(publisher);
    assert_eq!(find_required(&launch, &[], Duration::from_secs(60)).unwrap(), []);
}

#[test]
fn liblsls_clock_is_ours() {
    if let Err(error) = library() {
        return mien_needs::skip(mien_needs::Need::Liblsl, error);
    }
    for _ in 0..100 {
        let before = mien_clock::seconds(monotonic_nanos());
        let theirs = lsl::local_clock();
        let after = mien_clock::seconds(monotonic_nanos());
        // A microsecond for the rounding of both.
        assert!(before - 1e-6 <= theirs && theirs <= after + 1e-6, "{before} {theirs} {after}");
    }
}

#[test]
#[ignore = "is run by the tests above, in a namespace of its own"]
fn inside_the_namespace() {
    let Ok(seconds) = std::env::var(INSIDE) else {
        println!("a role: it is run by the other tests");
        return;
    };
    let frames = seconds.parse::<u64>().unwrap() * 30;
    let settings = StreamSettings { slots: 2, ..StreamSettings::default() };
    let mut encoders: Vec<_> =
        (0..CAMERAS).map(|k| CameraEncoder::new(camera(k), settings.clone())).collect();
    let markers = marker_stream(&settings);
    let streams: Vec<_> = encoders.iter().map(|encoder| encoder.streams().to_vec()).collect();
    let publisher = Publisher::start(&namespace::launch(), markers.clone(), streams.clone()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let expected = folder.path().join("expected.json");
    write_expectation(&expected, streams.iter().flatten().chain([&markers]), frames);
    let mut consumer = Command::new(std::env::var("MIEN_TEST_PYTHON").unwrap())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lsl/consume.py"))
        .arg(&expected)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(consumer.stdout.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "ready", "the consumer has opened every stream");

    // LabRecorder takes half a minute to end, so only the long test has it.
    let recorder = (frames >= 1800).then(|| start_lab_recorder(&expected, &seconds, folder.path()));
    let mut delay = Command::new(std::env::var("MIEN_TEST_PYTHON").unwrap())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lsl/delay.py"))
        .arg((frames / 30 + 2).to_string())
        .spawn()
        .unwrap();
    publish(&publisher, &mut encoders, frames);
    assert!(delay.wait().unwrap().success());
    if let Some((mut recorder, said)) = recorder {
        said.map_while(Result::ok).for_each(|line| println!("{line}"));
        assert!(recorder.wait().unwrap().success());
    }
    for line in said {
        println!("pylsl: {}", line.unwrap());
    }
    assert!(consumer.wait().unwrap().success());
    let status = publisher.status();
    assert_eq!((status.dropped_frames, status.failed_samples), (0, 0), "{status:?}");
    assert_eq!(status.outlets, CAMERAS * (2 * 7 + 1) + 1);
}

/// LabRecorder's own code, recording; and what it says from here on.
fn start_lab_recorder(
    expected: &Path,
    seconds: &str,
    folder: &Path,
) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut recorder = Command::new(std::env::var("MIEN_TEST_PYTHON").unwrap())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lsl/lab_recorder.py"))
        .args([expected, Path::new(seconds), &folder.join("labrecorder.xdf")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(recorder.stdout.take().unwrap()).lines();
    assert!(said.by_ref().map_while(Result::ok).any(|line| line == "ready"), "LabRecorder records");
    (recorder, said)
}

/// Frames at 30 fps from every camera, a face in one slot, and a marker each second.
fn publish(publisher: &Publisher, encoders: &mut [CameraEncoder], frames: u64) {
    let start = Instant::now();
    let mut faces = FrameFaces::boxed();
    faces.face_count = 1;
    faces.faces[0].track_id = 1;
    for index in 0..frames {
        std::thread::sleep(Duration::from_nanos(index * 1_000_000_000 / 30).saturating_sub(start.elapsed()));
        for (camera, encoder) in encoders.iter_mut().enumerate() {
            faces.frame_index = index;
            faces.capture_nanos = monotonic_nanos();
            for (k, point) in faces.faces[0].measured.landmarks.iter_mut().enumerate() {
                *point = [k as f32 + 0.1, index as f32, camera as f32 / 3.0];
            }
            let rows = encoder.encode(&faces, monotonic_nanos()).unwrap();
            publisher.push(camera, Arc::new(rows));
        }
        if index % 30 == 0 {
            publisher.marker(mien_clock::seconds(monotonic_nanos()), format!("second {}", index / 30));
        }
    }
}

fn camera(number: usize) -> CameraDescription {
    CameraDescription {
        name: format!("cam{number}"),
        source: "synthetic:faces=1".into(),
        frame_size: Some((640, 480)),
        engine: "embedded".to_owned(),
        models: vec![ModelNote {
            role: "landmarks".to_owned(),
            name: "test <&>".to_owned(),
            sha256: "00".repeat(32),
        }],
        filter: Some("One-Euro".to_owned()),
        ..CameraDescription::default()
    }
}

/// What the consumer must find: names, channel labels and units, and how many samples.
fn write_expectation<'a>(
    path: &Path,
    streams: impl Iterator<Item = &'a mien_stream::StreamDescription>,
    frames: u64,
) {
    let streams: Vec<_> = streams
        .map(|stream| {
            let markers = stream.content_type == "Markers";
            let channels: Vec<_> = stream
                .channels
                .iter()
                .map(|channel| serde_json::json!([channel.label, channel.unit, channel.content_type]))
                .collect();
            serde_json::json!({
                "name": stream.name,
                "type": stream.content_type,
                "source_id": stream.source_id,
                "channels": channels,
                "samples": if markers { frames.div_ceil(30) } else { frames },
            })
        })
        .collect();
    let mut text = String::new();
    write!(text, "{}", serde_json::Value::from(streams)).unwrap();
    std::fs::write(path, text).unwrap();
}
