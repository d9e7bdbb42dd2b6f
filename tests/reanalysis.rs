//! A recorded session tracked again gives the tables that were recorded live.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mien_capture::{SourceSpec, Step};
use mien_config::Config;
use mien_face::Frame;
use mien_outputs::Camera;
use mien_record::{
    DiskLimits, Outputs, PrivacyKind, SessionNames, SessionPlan, VideoKind, VideoRecorder, check_session,
};
use mien_stream::{CameraDescription, StreamSettings};
use support::{cpu_pipeline, mien, succeed};

/// Two heads, who are detected on every third frame, filtered.
const SOURCE: &str = "synthetic?heads=2&width=320&height=240&fps=30&motion=turning&seconds=1";
/// As `mien` chooses for frames of 320×240.
const DETECTOR_SIZE: [usize; 2] = [256, 320];

/// A table by frame number: for each of its faces the fields, as they stand there.
struct Table {
    columns: Vec<String>,
    frames: BTreeMap<u64, Vec<Vec<String>>>,
}

impl Table {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let fields = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        let mut lines = text.lines();
        let columns = fields(lines.next().unwrap());
        let mut frames: BTreeMap<u64, Vec<Vec<String>>> = BTreeMap::new();
        for row in lines.map(fields) {
            frames.entry(row[0].parse().unwrap()).or_default().push(row);
        }
        // Slots and tracks may list people in another order.
        frames.values_mut().for_each(|faces| faces.sort_by_key(|face| face[1].clone()));
        Self { columns, frames }
    }

    /// Largest difference of columns whose names `of` takes, and whether all other fields are the same text.
    fn difference(&self, other: &Self, of: impl Fn(&str) -> bool) -> (f64, bool) {
        let (mut largest, mut equal) = (0.0_f64, true);
        for (frame, faces) in &self.frames {
            for (face, same) in faces.iter().zip(&other.frames[frame]) {
                for ((column, a), b) in self.columns.iter().zip(face).zip(same) {
                    if ["frame_width", "frame_height"].contains(&column.as_str()) {
                        // A recording's data do not say it.
                        assert!(a.is_empty() && !b.is_empty(), "{column}: {a}, {b}");
                    } else if of(column) && !a.is_empty() && !b.is_empty() {
                        largest = largest.max((a.parse::<f64>().unwrap() - b.parse::<f64>().unwrap()).abs());
                    } else {
                        equal &= a == b;
                    }
                }
            }
        }
        (largest, equal)
    }
}

/// What `mien export` and `mien track` make of a session.
fn tables(session: &Path, out: &Path) -> [Table; 2] {
    let [live, again] = ["live", "again"].map(|name| out.join(name));
    succeed(mien().arg("export").arg(session).args(["--to", "openface", "--out"]).arg(&live));
    let mut track = mien();
    succeed(
        track.arg("track").arg(session).args(["--engine", "cpu", "--format", "csv", "--out"]).arg(&again),
    );
    [live, again].map(|folder| Table::read(&folder.join("cam.csv")))
}

fn config() -> Config {
    let mut config = Config::default();
    config.detection.detect_every = 3;
    config.detection.vertical_fov_deg = 50.0;
    config
}

/// As a worker does it, from the first frame on.
fn record(parent: &Path, video: VideoKind) -> PathBuf {
    let config = config();
    let faces = config.detection.max_faces;
    let mut pipeline = cpu_pipeline(&config.detection, &config.smoothing, DETECTOR_SIZE);

    let camera = CameraDescription {
        name: "cam".to_owned(),
        frame_size: Some((320, 240)),
        optics: Camera::with_fov_deg(config.detection.vertical_fov_deg),
        filter: Some("One-Euro".to_owned()),
        ..CameraDescription::default()
    };
    let streams = StreamSettings { slots: faces, ..StreamSettings::default() };
    let mut outputs = Outputs::new(vec![camera], streams, None);
    let plan = SessionPlan {
        parent: parent.to_owned(),
        names: SessionNames { subject: "1".into(), session: "1".into(), task: "again".into() },
        group: None,
        video,
        hardware: false,
        privacy: PrivacyKind::Full,
        limits: DiskLimits { warn_bytes: 1000, stop_bytes: 1000 },
        configuration: mien_config::print(&config),
        markers: outputs.markers(),
        cameras: outputs.camera_plans(&[30.0], config.detection.vertical_fov_deg),
    };
    let recorder = outputs.start_recording(plan).unwrap();
    let recording = VideoRecorder::start(recorder.videos()[0].clone()).unwrap();
    let start_nanos = mien_clock::monotonic_nanos();
    let mut source = SourceSpec::parse(SOURCE).unwrap().open().unwrap();
    let mut frame = Frame::empty();
    while source.next_frame(&mut frame).unwrap() == Step::Frame {
        // A frame that was dropped, and one that was late: neither may shift what comes after it.
        if frame.frame_index == 11 {
            continue;
        }
        let late_nanos = if frame.frame_index == 20 { 7_654_321 } else { 0 };
        frame.capture_nanos += start_nanos + late_nanos;
        let (index, nanos) = (frame.frame_index, frame.capture_nanos);
        let faces = pipeline.process(frame.view().unwrap(), index, nanos).unwrap();
        outputs.push(0, faces);
        recording.push(&frame, faces);
        while index > recording.status().frames + 8 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    assert_eq!(recording.stop().dropped_frames, 0);
    let folder = outputs.stop_recording().unwrap().unwrap().folder;
    assert_eq!(check_session(&folder, false).unwrap().problems, [""; 0]);
    folder
}

#[test]
fn a_lossless_session_tracked_again_gives_the_same_tables() {
    let parent = tempfile::tempdir().unwrap();
    if !mien_needs::ffmpeg() {
        return;
    }
    let session = record(parent.path(), VideoKind::Ffv1);
    let [live, again] = tables(&session, parent.path());
    assert_eq!(live.columns, again.columns);
    assert_eq!(live.frames.len(), 29);
    assert_eq!(live.frames.keys().collect::<Vec<_>>(), again.frames.keys().collect::<Vec<_>>());
    assert!(live.frames.values().all(|faces| faces.len() == 2), "both heads are there all the time");
    // The same pictures at the same times through the same networks: frame numbers, capture times, tracks,
    // landmarks and blendshapes are the same to the last digit. The export makes the pose anew, from metres
    // and degrees as LSL has them, in single precision: a few units in the last place of half a metre and of
    // the angles' sines.
    let (pose, equal) = live.difference(&again, |column| column.starts_with("pose_"));
    assert!(equal, "every other field is the same text");
    assert!(pose < 1e-3, "{pose} mm or radians");
}

#[test]
fn a_session_with_h264_keeps_frames_times_and_faces() {
    let parent = tempfile::tempdir().unwrap();
    if !mien_needs::ffmpeg() {
        return;
    }
    let session = record(parent.path(), VideoKind::H264);
    let [live, again] = tables(&session, parent.path());
    assert_eq!(live.columns, again.columns);
    let times = |table: &Table| -> Vec<(u64, String, usize)> {
        let of = |(&frame, faces): (&u64, &Vec<Vec<String>>)| (frame, faces[0][2].clone(), faces.len());
        table.frames.iter().map(of).collect()
    };
    assert_eq!(times(&live), times(&again), "frames, capture times, number of faces");
    let (landmarks, _) =
        live.difference(&again, |column| column.starts_with("x_") || column.starts_with("y_"));
    println!("landmarks differ by up to {landmarks:.2} px after H.264");
    assert!(landmarks < 8.0, "{landmarks} px: other faces, or another picture");
}
