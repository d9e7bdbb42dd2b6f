//! Columns as OpenFace names them, with OpenFace's units and axes.
//!
//! One row per face, and one row with `success` 0 and empty fields for a frame without a face. Behind
//! OpenFace's columns stand three of the frame: whether it is damaged, and its size.
//! OpenFace's camera frame has x right, y down and z away from the camera, millimetres and radians, and
//! rotation = R_x(pose_Rx) · R_y(pose_Ry) · R_z(pose_Rz).

use mien_face::{BLENDSHAPE_NAMES, Face, FacePart, FaceParts, FrameFaces, HeadPose, LANDMARK_COUNT};

use crate::jsonl::seconds;

/// Columns after `success` that are empty without a face.
fn measures(parts: FaceParts) -> usize {
    let blendshapes = if parts.contains(FacePart::Blendshapes) { BLENDSHAPE_NAMES.len() } else { 0 };
    6 + 3 * LANDMARK_COUNT + blendshapes
}

/// Appends the line of column names.
pub(crate) fn write_header(row: &mut Vec<u8>, parts: FaceParts) {
    row.extend_from_slice(b"frame,face_id,timestamp,confidence,success");
    for name in ["pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"] {
        row.push(b',');
        row.extend_from_slice(name.as_bytes());
    }
    for axis in ["x", "y", "z"] {
        for i in 0..LANDMARK_COUNT {
            row.extend_from_slice(format!(",{axis}_{i}").as_bytes());
        }
    }
    for name in BLENDSHAPE_NAMES.iter().filter(|_| parts.contains(FacePart::Blendshapes)) {
        row.extend_from_slice(b",bs_");
        row.extend_from_slice(name.as_bytes());
    }
    row.extend_from_slice(b",damaged,frame_width,frame_height\n");
}

/// Appends the frame's lines.
pub(crate) fn write_row(row: &mut Vec<u8>, frame: &FrameFaces, parts: FaceParts) {
    for face in frame.faces() {
        write_face(row, frame, face, parts);
    }
    if frame.faces().is_empty() {
        write_start(row, frame, 0, 0.0, false);
        row.resize(row.len() + measures(parts), b',');
        write_end(row, frame);
    }
}

/// What concerns the whole frame; its size stays empty where it is not known.
fn write_end(row: &mut Vec<u8>, frame: &FrameFaces) {
    let FrameFaces { damaged, frame_width, frame_height, .. } = *frame;
    let size = |pixels: u32| if pixels == 0 { String::new() } else { pixels.to_string() };
    let damaged = u32::from(damaged != 0);
    row.extend_from_slice(format!(",{damaged},{},{}\n", size(frame_width), size(frame_height)).as_bytes());
}

fn write_start(row: &mut Vec<u8>, frame: &FrameFaces, face_id: u32, confidence: f32, success: bool) {
    row.extend_from_slice(frame.frame_index.to_string().as_bytes());
    row.push(b',');
    row.extend_from_slice(face_id.to_string().as_bytes());
    row.push(b',');
    row.extend_from_slice(zmij::Buffer::new().format(seconds(frame.capture_nanos)).as_bytes());
    number(row, confidence);
    row.extend_from_slice(if success { b",1" } else { b",0" });
}

fn write_face(row: &mut Vec<u8>, frame: &FrameFaces, face: &Face, parts: FaceParts) {
    write_start(row, frame, face.track_id, face.score, true);
    for value in openface_pose(&face.smoothed.pose) {
        number(row, value);
    }
    for axis in 0..3 {
        for landmark in &face.smoothed.landmarks {
            number(row, landmark[axis]);
        }
    }
    for &coefficient in face.smoothed.blendshapes.iter().filter(|_| parts.contains(FacePart::Blendshapes)) {
        number(row, coefficient);
    }
    write_end(row, frame);
}

/// A comma and the shortest digits that read back as the same number.
fn number(row: &mut Vec<u8>, value: f32) {
    row.push(b',');
    if value.is_finite() {
        row.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    }
}

/// Translation in mm, then rotation in radians, in OpenFace's camera frame: ours turned half a turn
/// about x.
fn openface_pose(pose: &HeadPose) -> [f32; 6] {
    let [tx, ty, tz] = pose.translation_cm;
    let m = &pose.camera_from_head;
    // The matrix holds a uniform scale; its columns' length is that scale.
    let scale = (m[0] * m[0] + m[4] * m[4] + m[8] * m[8]).sqrt().max(f32::MIN_POSITIVE);
    let flip = [1.0, -1.0, -1.0];
    let r = |row: usize, column: usize| flip[row] * flip[column] * m[4 * row + column] / scale;
    let pitch = (-r(1, 2)).atan2(r(2, 2));
    let yaw = r(0, 2).clamp(-1.0, 1.0).asin();
    let roll = (-r(0, 1)).atan2(r(0, 0));
    [10.0 * tx, -10.0 * ty, -10.0 * tz, pitch, yaw, roll]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R_x · R_y · R_z in OpenFace's frame, as our matrix of a head of scale 1.2.
    fn pose(rx: f32, ry: f32, rz: f32) -> HeadPose {
        let ((sx, cx), (sy, cy), (sz, cz)) = (rx.sin_cos(), ry.sin_cos(), rz.sin_cos());
        let open = [
            [cy * cz, -cy * sz, sy],
            [cx * sz + sx * sy * cz, cx * cz - sx * sy * sz, -sx * cy],
            [sx * sz - cx * sy * cz, sx * cz + cx * sy * sz, cx * cy],
        ];
        let flip = [1.0, -1.0, -1.0];
        let mut camera_from_head = [0.0; 16];
        for i in 0..3 {
            for j in 0..3 {
                camera_from_head[4 * i + j] = 1.2 * flip[i] * flip[j] * open[i][j];
            }
        }
        HeadPose { camera_from_head, rotation_deg: [0.0; 3], translation_cm: [1.0, 2.0, -60.0] }
    }

    #[test]
    fn angles_and_axes_are_openfaces() {
        for angles in [[0.0, 0.0, 0.0], [0.3, -0.2, 0.1], [-0.5, 1.2, -0.7]] {
            let [tx, ty, tz, rx, ry, rz] = openface_pose(&pose(angles[0], angles[1], angles[2]));
            assert_eq!([tx, ty, tz], [10.0, -20.0, 600.0]);
            for (found, expected) in [rx, ry, rz].into_iter().zip(angles) {
                assert!((found - expected).abs() < 1e-5, "{found} {expected}");
            }
        }
    }

    #[test]
    fn every_row_has_every_column() {
        let mut columns = Vec::new();
        for parts in [FaceParts::ALL, FaceParts::of(&[FacePart::Irises]), FaceParts::NONE] {
            let mut header = Vec::new();
            write_header(&mut header, parts);
            let mut frame = FrameFaces::boxed();
            let mut row = Vec::new();
            write_row(&mut row, &frame, parts);
            frame.face_count = 2;
            write_row(&mut row, &frame, parts);
            let commas = |line: &[u8]| line.iter().filter(|&&byte| byte == b',').count();
            let lines: Vec<&[u8]> = row.split_inclusive(|&byte| byte == b'\n').collect();
            assert_eq!(lines.len(), 3);
            assert!(lines.iter().all(|line| commas(line) == commas(&header)));
            columns.push(1 + commas(&header));
        }
        assert_eq!(columns, [1500, 1448, 1448]);
    }
}
