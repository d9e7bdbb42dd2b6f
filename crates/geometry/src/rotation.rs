//! Rotations of the head as matrices, angles and quaternions.

/// `R_y(yaw) · R_x(pitch) · R_z(roll)` for `[pitch, yaw, roll]` in degrees.
#[must_use]
pub fn rotation_from_euler_deg(rotation_deg: [f32; 3]) -> [[f32; 3]; 3] {
    let [(sp, cp), (sy, cy), (sr, cr)] = rotation_deg.map(|angle| angle.to_radians().sin_cos());
    [
        [cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [cy * sp * sr - sy * cr, sy * sr + cy * sp * cr, cy * cp],
    ]
}

/// `[pitch, yaw, roll]` in degrees of a rotation matrix; the inverse of [`rotation_from_euler_deg`].
///
/// Pitch lies within ±90°. Looking straight up or down, yaw and roll turn about the same axis; all of
/// it is then called yaw.
#[must_use]
pub fn rotation_to_euler_deg(rotation: &[[f32; 3]; 3]) -> [f32; 3] {
    let r = rotation;
    let pitch = (-r[1][2]).clamp(-1.0, 1.0).asin();
    let (yaw, roll) = if r[1][2].abs() < 0.999_999 {
        (r[0][2].atan2(r[2][2]), r[1][0].atan2(r[1][1]))
    } else {
        ((-r[2][0]).atan2(r[0][0]), 0.0)
    };
    [pitch, yaw, roll].map(f32::to_degrees)
}

/// The unit quaternion `[w, x, y, z]` of a rotation matrix, w ≥ 0.
#[must_use]
pub fn quaternion_from_rotation(rotation: &[[f32; 3]; 3]) -> [f32; 4] {
    let r = rotation;
    let trace = r[0][0] + r[1][1] + r[2][2];
    // The largest of the four squares keeps the division stable (Shepperd's method).
    let squares = [trace, r[0][0], r[1][1], r[2][2]];
    let largest = (0..4).max_by(|&a, &b| squares[a].total_cmp(&squares[b])).unwrap_or(0);
    let sum = |i: usize, j: usize| r[i][j] + r[j][i];
    let difference = |i: usize, j: usize| r[i][j] - r[j][i];
    let q = match largest {
        0 => [1.0 + trace, difference(2, 1), difference(0, 2), difference(1, 0)],
        1 => [difference(2, 1), 1.0 + 2.0 * r[0][0] - trace, sum(0, 1), sum(0, 2)],
        2 => [difference(0, 2), sum(0, 1), 1.0 + 2.0 * r[1][1] - trace, sum(1, 2)],
        _ => [difference(1, 0), sum(0, 2), sum(1, 2), 1.0 + 2.0 * r[2][2] - trace],
    };
    let length = q.iter().map(|v| v * v).sum::<f32>().sqrt().copysign(q[0]);
    q.map(|v| v / length)
}

/// The rotation matrix of a quaternion `[w, x, y, z]` of any length but zero.
#[must_use]
pub fn rotation_from_quaternion(quaternion: [f32; 4]) -> [[f32; 3]; 3] {
    let length = quaternion.iter().map(|v| v * v).sum::<f32>().sqrt();
    let [w, x, y, z] = quaternion.map(|v| v / length);
    [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
        [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
    ]
}

/// The angle in degrees of the rotation that takes one orientation to the other, 0–180.
#[must_use]
pub fn angle_between_deg(a: &[[f32; 3]; 3], b: &[[f32; 3]; 3]) -> f32 {
    // Trace of aᵀ·b is 1 + 2 cos; the chord |a − b|² = 4 (1 − cos) keeps precision at small angles.
    let chord: f32 = a.as_flattened().iter().zip(b.as_flattened()).map(|(a, b)| (a - b) * (a - b)).sum();
    2.0 * (chord / 8.0).sqrt().min(1.0).asin().to_degrees()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(r: &[[f32; 3]; 3], v: [f32; 3]) -> [f32; 3] {
        [0, 1, 2].map(|i| (0..3).map(|j| r[i][j] * v[j]).sum())
    }

    #[test]
    fn the_signs_are_those_of_the_documentation() {
        let nose = [0.0, 0.0, 1.0];
        let ear = [1.0, 0.0, 0.0];
        assert!(apply(&rotation_from_euler_deg([20.0, 0.0, 0.0]), nose)[1] < -0.3, "pitch lowers the nose");
        assert!(apply(&rotation_from_euler_deg([0.0, 20.0, 0.0]), nose)[0] > 0.3, "yaw: to the right");
        assert!(apply(&rotation_from_euler_deg([0.0, 0.0, 20.0]), ear)[1] > 0.3, "roll: counter-clockwise");
    }

    #[test]
    fn straight_down() {
        let r = rotation_from_euler_deg([90.0, 30.0, 0.0]);
        let [pitch, yaw, roll] = rotation_to_euler_deg(&r);
        assert!(
            (pitch - 90.0).abs() < 0.1 && (yaw - 30.0).abs() < 0.1 && roll == 0.0,
            "{pitch} {yaw} {roll}"
        );
    }

    proptest! {
        #[test]
        fn angles_and_quaternions_come_back(
            pitch in -89f32..89.0, yaw in -179f32..179.0, roll in -179f32..179.0,
        ) {
            let r = rotation_from_euler_deg([pitch, yaw, roll]);
            let angles = rotation_to_euler_deg(&r);
            prop_assert!(angle_between_deg(&r, &rotation_from_euler_deg(angles)) < 0.05);
            prop_assert!((angles[0] - pitch).abs() < 0.1);
            let q = quaternion_from_rotation(&r);
            prop_assert!(q[0] >= 0.0);
            prop_assert!((q.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-4);
            prop_assert!(angle_between_deg(&r, &rotation_from_quaternion(q)) < 0.05);
        }

        #[test]
        fn the_angle_of_a_known_turn(angle in 0f32..180.0, pitch in -80f32..80.0) {
            let a = rotation_from_euler_deg([pitch, 0.0, 0.0]);
            let b = rotation_from_euler_deg([pitch, 0.0, angle]);
            prop_assert!((angle_between_deg(&a, &b) - angle).abs() < 0.2);
        }
    }
}
