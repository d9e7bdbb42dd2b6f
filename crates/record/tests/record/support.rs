//! Sessions made of invented faces.

use std::path::Path;
use std::process::Command;

use mien_clock::monotonic_nanos;
use mien_face::{FaceBox, Frame, FrameFaces, PixelFormat};
use mien_record::{DiskLimits, Outputs, PrivacyKind, SessionNames, SessionPlan, VideoKind};
use mien_stream::{CameraDescription, ModelNote, StreamSettings};

pub const WIDTH: u32 = 320;
pub const HEIGHT: u32 = 240;

/// Cameras `cam0`, `cam1`, …, with two face slots, nothing published.
pub fn outputs(cameras: usize, filtered: bool) -> Outputs {
    let cameras = (0..cameras)
        .map(|k| CameraDescription {
            name: format!("cam{k}"),
            source: "synthetic:faces=1".into(),
            frame_size: Some((WIDTH, HEIGHT)),
            engine: "embedded".to_owned(),
            models: vec![ModelNote {
                role: "landmarks".to_owned(),
                name: "test".to_owned(),
                sha256: "ab".repeat(32),
            }],
            filter: filtered.then(|| "One-Euro".to_owned()),
            ..CameraDescription::default()
        })
        .collect();
    Outputs::new(cameras, StreamSettings { slots: 2, ..StreamSettings::default() }, None)
}

pub fn plan(outputs: &Outputs, parent: &Path, video: VideoKind) -> SessionPlan {
    SessionPlan {
        parent: parent.to_owned(),
        names: SessionNames { subject: "P-01".into(), session: "01".into(), task: "rest".into() },
        group: None,
        video,
        hardware: false,
        privacy: PrivacyKind::Full,
        limits: DiskLimits { warn_bytes: 1000, stop_bytes: 1000 },
        configuration: "version = 1\n".to_owned(),
        markers: outputs.markers(),
        cameras: outputs.camera_plans(&[30.0, 30.0, 30.0, 30.0], 63.0),
    }
}

/// The faces of frame number `index`: one, whose numbers tell the frame; none in every tenth frame.
pub fn faces(index: u64, capture_nanos: i64) -> Box<FrameFaces> {
    let mut frame = FrameFaces::boxed();
    (frame.frame_index, frame.capture_nanos) = (index, capture_nanos);
    (frame.frame_width, frame.frame_height) = (WIDTH, HEIGHT);
    if index % 10 != 9 {
        frame.face_count = 1;
        let face = &mut frame.faces[0];
        (face.track_id, face.score, face.presence) = (3, 0.97, 0.99);
        face.bounds = FaceBox { x1: 100.0, y1: 60.0, x2: 200.0, y2: 180.0 };
        for (k, point) in face.measured.landmarks.iter_mut().enumerate() {
            *point = [100.0 + k as f32 * 0.2, 60.0 + index as f32 * 0.1, -(k as f32) / 7.0];
        }
        face.measured.blendshapes[25] = index as f32 / 1000.0;
        face.measured.pose.translation_cm = [1.0, 2.0, -60.0];
        face.measured.pose.rotation_deg = [5.0, -10.0, 2.5];
        face.smoothed = face.measured;
        face.smoothed.blendshapes[25] += 0.5;
    }
    frame
}

/// A moving pattern.
pub fn picture(faces: &FrameFaces) -> Frame {
    let mut frame = Frame::empty();
    frame.reshape(WIDTH, HEIGHT, PixelFormat::Rgb8);
    (frame.frame_index, frame.capture_nanos) = (faces.frame_index, faces.capture_nanos);
    let shift = faces.frame_index as usize;
    for (y, row) in frame.pixels.chunks_exact_mut(frame.stride).enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            *value = ((x / 3 + shift) ^ y) as u8;
        }
    }
    frame
}

/// Capture times at 30 fps, from now on.
pub fn capture_times(count: u64) -> impl Iterator<Item = (u64, i64)> {
    let start = monotonic_nanos();
    (0..count).map(move |index| (index, start + index as i64 * 33_333_333))
}

/// Runs a script with the Python that `./x test` has set up; skips where it has not.
pub fn run_python(script: &str, arguments: &[&Path]) {
    let Some(python) = mien_needs::python() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record").join(script);
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
