//! Rotations as quaternions.

/// The unit quaternion `[w, x, y, z]`, `w` not negative, of R_y(yaw) · R_x(pitch) · R_z(roll): the
/// order of `HeadPose::rotation_deg`, which is `[pitch, yaw, roll]` in degrees.
#[must_use]
pub(crate) fn quaternion(rotation_deg: [f32; 3]) -> [f32; 4] {
    let [pitch, yaw, roll] = rotation_deg.map(|angle| (f64::from(angle) / 2.0).to_radians().sin_cos());
    let ((sx, cx), (sy, cy), (sz, cz)) = (pitch, yaw, roll);
    // R_y · R_x, then that · R_z.
    let [w, x, y, z] = [cy * cx, cy * sx, sy * cx, -sy * sx];
    let product = [w * cz - z * sz, x * cz + y * sz, y * cz - x * sz, z * cz + w * sz];
    let sign = if product[0] < 0.0 { -1.0 } else { 1.0 };
    product.map(|part| (sign * part) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Matrix = [[f64; 3]; 3];

    fn times(a: Matrix, b: Matrix) -> Matrix {
        std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
    }

    /// Right-handed rotation about axis 0, 1 or 2.
    fn about(axis: usize, angle_deg: f64) -> Matrix {
        let (s, c) = angle_deg.to_radians().sin_cos();
        let (j, k) = ((axis + 1) % 3, (axis + 2) % 3);
        let mut m = [[0.0; 3]; 3];
        m[axis][axis] = 1.0;
        (m[j][j], m[k][k], m[k][j], m[j][k]) = (c, c, s, -s);
        m
    }

    /// Textbook rotation matrix of a unit quaternion.
    fn matrix([w, x, y, z]: [f64; 4]) -> Matrix {
        [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ]
    }

    #[test]
    fn it_turns_like_the_three_angles() {
        for [pitch, yaw, roll] in [[0.0; 3], [20.0, -35.0, 10.0], [-80.0, 170.0, -120.0], [5.0, 200.0, 90.0]]
        {
            let expected = times(times(about(1, yaw), about(0, pitch)), about(2, roll));
            let found = quaternion([pitch as f32, yaw as f32, roll as f32]);
            assert!(found[0] >= 0.0);
            let found = matrix(found.map(f64::from));
            for i in 0..3 {
                for j in 0..3 {
                    assert!((expected[i][j] - found[i][j]).abs() < 1e-6, "{expected:?} {found:?}");
                }
            }
        }
    }
}
