//! Position and rotation of the head.

use mien_face::HeadPose;
use mien_geometry::{quaternion_from_rotation, rotation_from_euler_deg};

use crate::{Channel, Csv, Json, JsonField, Layout, Output, Plot, Sample, Unit, Values};

/// Position, quaternion, angles, confidence.
const COUNT: usize = 11;

/// See [`POSE`](crate::POSE).
pub(crate) static OUTPUT: Output = Output {
    name: "pose",
    title: "Pose",
    content_type: "MoCap",
    coordinates: Some(
        "camera: x right in the picture, y up, z towards the viewer, origin at the \
         pinhole, right-handed; the quaternion (A real, B C D along x y z) and the angles turn the head from \
         facing the camera; rotation = R_y(H) R_x(P) R_z(R)",
    ),
    is_filtered: true,
    is_usual: true,
    needs: &[],
    layout: Layout::Values,
    values: &Values::<COUNT>::of_face(channel, row),
    json: Json::Fields(
        &[
            JsonField { name: "matrix", values: |state| &state.pose.camera_from_head },
            JsonField { name: "rotation_deg", values: |state| &state.pose.rotation_deg },
            JsonField { name: "translation_cm", values: |state| &state.pose.translation_cm },
        ],
        &[
            (
                "faces[].pose.matrix",
                "camera_from_head, 4x4 row-major, cm; x right, y up, z towards the viewer",
            ),
            (
                "faces[].pose.rotation_deg",
                "[pitch, yaw, roll]; R = R_y(yaw) R_x(pitch) R_z(roll) in that frame",
            ),
            ("faces[].pose.translation_cm", "[x, y, z] of the head's origin in that frame"),
        ],
    ),
    csv: Csv::OpenFace {
        place: 0,
        values: &Values::of_face(column, openface),
        meanings: &[
            ("pose_Tx, pose_Ty, pose_Tz", "mm; as in OpenFace: x right, y down, z away from the camera"),
            ("pose_Rx, pose_Ry, pose_Rz", "radians about those axes; R = R_x R_y R_z"),
        ],
    },
    restore: Some(|row, state| {
        if let Some(row) = row.first_chunk() {
            state.pose = restored(row);
        }
    }),
    plot: Some(Plot { range: [-30.0, 30.0], lines: &[("pitch °", 7), ("yaw °", 8), ("roll °", 9)] }),
};

fn channel(channel: usize) -> Channel {
    let (label, unit) = [
        ("PositionX", Unit::Meters),
        ("PositionY", Unit::Meters),
        ("PositionZ", Unit::Meters),
        ("OrientationA", Unit::Quaternion),
        ("OrientationB", Unit::Quaternion),
        ("OrientationC", Unit::Quaternion),
        ("OrientationD", Unit::Quaternion),
        ("OrientationP", Unit::Degrees),
        ("OrientationH", Unit::Degrees),
        ("OrientationR", Unit::Degrees),
        ("Confidence", Unit::Normalized),
    ][channel];
    Channel::new(label, label, unit).of("head")
}

fn row(_: &mut (), sample: &Sample<'_>) -> [f32; COUNT] {
    let (Some(face), Some(state)) = (sample.face, sample.face_state()) else { return [f32::NAN; COUNT] };
    let [x, y, z] = state.pose.translation_cm.map(|cm| cm / 100.0);
    let [a, b, c, d] = quaternion_from_rotation(&rotation_from_euler_deg(state.pose.rotation_deg));
    let [pitch, yaw, roll] = state.pose.rotation_deg;
    [x, y, z, a, b, c, d, pitch, yaw, roll, face.presence]
}

/// The pose of a row.
fn restored(row: &[f32; 10]) -> HeadPose {
    let translation_cm = [0, 1, 2].map(|axis| 100.0 * row[axis]);
    let rotation_deg = [row[7], row[8], row[9]];
    let rotation = rotation_from_euler_deg(rotation_deg);
    let mut camera_from_head = [0.0; 16];
    for (i, row) in rotation.iter().enumerate() {
        camera_from_head[4 * i..4 * i + 3].copy_from_slice(row);
        camera_from_head[4 * i + 3] = translation_cm[i];
    }
    camera_from_head[15] = 1.0;
    HeadPose { camera_from_head, rotation_deg, translation_cm }
}

/// OpenFace's camera frame has x right, y down and z away from the camera.
fn column(column: usize) -> Channel {
    [
        Channel::new("pose_Tx", "PositionX", Unit::Millimeters),
        Channel::new("pose_Ty", "PositionY", Unit::Millimeters),
        Channel::new("pose_Tz", "PositionZ", Unit::Millimeters),
        Channel::new("pose_Rx", "OrientationP", Unit::Radians),
        Channel::new("pose_Ry", "OrientationH", Unit::Radians),
        Channel::new("pose_Rz", "OrientationR", Unit::Radians),
    ][column]
        .clone()
}

fn openface(_: &mut (), sample: &Sample<'_>) -> [f32; 6] {
    sample.face_state().map_or([f32::NAN; 6], |state| openface_pose(&state.pose))
}

/// Translation in mm, then rotation in radians, in OpenFace's camera frame: ours turned half a turn
/// about x. Its rotation = R_x(pose_Rx) · R_y(pose_Ry) · R_z(pose_Rz).
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
}
