//! Frames of invented faces: every number is a small multiple of a power of two, so it is exact everywhere.

use mien_face::{Face, FaceBox, FaceState, FrameFaces, HeadPose};

/// Later than the clock of any machine that runs the test: the recorder leaves out what was captured before it began.
const START_NANOS: i64 = 100_000_000_000_000_000;

/// When frame `index` was captured.
pub fn capture_nanos(index: u64) -> i64 {
    START_NANOS + index as i64 * 33_333_000
}

/// Frames with no face, one, and more than there are slots; with dropped frames, a damaged one, one of another size,
/// and a restart of the source.
pub fn frames() -> Vec<Box<FrameFaces>> {
    let shown: [(u64, u64, &[u32]); 9] = [
        (0, 0, &[1]),
        (1, 1, &[1, 2]),
        (2, 2, &[2, 3, 1]),
        (3, 3, &[]),
        (4, 4, &[2]),
        (7, 7, &[2]),
        (8, 60, &[2, 1]),
        (0, 61, &[5]),
        (1, 62, &[5]),
    ];
    shown.into_iter().map(|(index, time, tracks)| frame(index, capture_nanos(time), tracks)).collect()
}

fn frame(index: u64, capture_nanos: i64, tracks: &[u32]) -> Box<FrameFaces> {
    let mut frame = FrameFaces::boxed();
    (frame.frame_index, frame.capture_nanos) = (index, capture_nanos);
    (frame.frame_width, frame.frame_height) = if index == 7 { (320, 240) } else { (640, 480) };
    frame.detector_ran = u32::from(index.is_multiple_of(5));
    frame.damaged = u32::from(index == 4);
    frame.face_count = tracks.len() as u32;
    for (face, &track_id) in frame.faces.iter_mut().zip(tracks) {
        *face = this_face(face, index, track_id);
    }
    frame
}

fn this_face(empty: &Face, index: u64, track_id: u32) -> Face {
    let place = track_id as f32;
    let mut face = *empty;
    (face.track_id, face.detection_age_frames) = (track_id, index as u32 % 5);
    (face.score, face.presence) = (1.0 - place / 16.0, 1.0 - place / 64.0);
    face.bounds = FaceBox { x1: 100.0 * place, y1: 60.25, x2: 100.0 * place + 80.0, y2: 180.5 };
    for (k, point) in face.keypoints.iter_mut().enumerate() {
        *point = [100.0 * place + k as f32, 90.0];
    }
    face.measured = state(&face.measured, index, place);
    face.smoothed = face.measured;
    face.smoothed.landmarks.iter_mut().for_each(|point| *point = point.map(|value| value + 0.25));
    face.smoothed.blendshapes.iter_mut().for_each(|value| *value *= 0.5);
    face.smoothed.pose.translation_cm[0] += 0.5;
    face.smoothed.pose.camera_from_head[3] += 0.5;
    face.smoothed.pose.rotation_deg = face.measured.pose.rotation_deg.map(|angle| angle + 1.0);
    face
}

fn state(empty: &FaceState, index: u64, place: f32) -> FaceState {
    let mut state = *empty;
    for (k, point) in state.landmarks.iter_mut().enumerate() {
        let k = k as f32;
        *point = [k * 0.5, 60.0 + k * 0.125, (k - 200.0) * 0.0625];
    }
    // Few that tell face and frame, so that the copies stay small; and a face whose model has no irises.
    state.landmarks[1][0] += 100.0 * place;
    state.landmarks[2][0] += index as f32;
    if place == 3.0 {
        state.landmarks[468..].fill([f32::NAN; 3]);
    }
    for (k, value) in state.blendshapes.iter_mut().enumerate() {
        *value = (k as f32 + place) / 64.0;
    }
    // 1.25 times a rotation about y with cosine 0.6 and sine 0.8.
    let [x, y, z] = [place, -2.5, -60.0 - index as f32];
    let camera_from_head = [0.75, 0.0, 1.0, x, 0.0, 1.25, 0.0, y, -1.0, 0.0, 0.75, z, 0.0, 0.0, 0.0, 1.0];
    let rotation_deg = [5.0, -10.0 * place, 2.5];
    state.pose = HeadPose { camera_from_head, rotation_deg, translation_cm: [x, y, z] };
    state
}
