//! Head pose: the canonical face model fitted to landmarks.

use mien_face::topology::POSE_WEIGHTS;
use mien_face::{CANONICAL_VERTICES_CM, HeadPose, LANDMARK_COUNT, MESH_LANDMARK_COUNT};

use crate::rotation_to_euler_deg;

/// Rotation, uniform scale and translation: `target = scale · rotation · source + translation`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// A proper rotation, row by row.
    pub rotation: [[f64; 3]; 3],
    /// Uniform scale, positive.
    pub scale: f64,
    /// Translation after rotation and scale.
    pub translation: [f64; 3],
}

/// The similarity that takes `sources` onto `targets` with the least weighted squared error, or `None`
/// where the points do not determine one.
///
/// Horn, "Closed-form solution of absolute orientation using unit quaternions" (1987): the rotation is
/// the eigenvector of the largest eigenvalue of a symmetric 4 × 4 matrix. The scale minimises the error
/// in the target (MediaPipe's choice).
#[must_use]
pub fn fit_similarity(sources: &[[f64; 3]], targets: &[[f64; 3]], weights: &[f64]) -> Option<Similarity> {
    let total: f64 = weights.iter().sum();
    let source_mean = weighted_mean(sources, weights, total);
    let target_mean = weighted_mean(targets, weights, total);
    let mut covariance = [[0.0; 3]; 3];
    let mut source_spread = 0.0;
    for ((source, target), weight) in sources.iter().zip(targets).zip(weights) {
        for i in 0..3 {
            let s = weight * (source[i] - source_mean[i]);
            source_spread += s * (source[i] - source_mean[i]);
            for j in 0..3 {
                covariance[i][j] += s * (target[j] - target_mean[j]);
            }
        }
    }
    let rotation = rotation_of_covariance(&covariance);
    // trace(rotation · covariance): how far the rotated sources reach along the targets.
    let overlap: f64 = (0..3).map(|i| (0..3).map(|j| rotation[i][j] * covariance[j][i]).sum::<f64>()).sum();
    let scale = overlap / source_spread;
    if !scale.is_finite() || scale <= 1e-9 {
        return None;
    }
    let mut translation = target_mean;
    for i in 0..3 {
        translation[i] -= scale * (0..3).map(|j| rotation[i][j] * source_mean[j]).sum::<f64>();
    }
    Some(Similarity { rotation, scale, translation })
}

fn weighted_mean(points: &[[f64; 3]], weights: &[f64], total: f64) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for (point, weight) in points.iter().zip(weights) {
        for i in 0..3 {
            sum[i] += weight * point[i];
        }
    }
    sum.map(|v| v / total)
}

/// The rotation that turns sources onto targets, from their covariance `[source axis][target axis]`.
fn rotation_of_covariance(s: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let trace = s[0][0] + s[1][1] + s[2][2];
    let mut horn = [[0.0; 4]; 4];
    horn[0] = [trace, s[1][2] - s[2][1], s[2][0] - s[0][2], s[0][1] - s[1][0]];
    for i in 0..3 {
        horn[i + 1][0] = horn[0][i + 1];
        for j in 0..3 {
            horn[i + 1][j + 1] = s[i][j] + s[j][i] - if i == j { trace } else { 0.0 };
        }
    }
    let [w, x, y, z] = largest_eigenvector(horn);
    [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
        [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
    ]
}

/// Unit eigenvector of the largest eigenvalue of a symmetric matrix (cyclic Jacobi rotations).
fn largest_eigenvector(mut a: [[f64; 4]; 4]) -> [f64; 4] {
    let mut vectors = [[0.0; 4]; 4];
    for i in 0..4 {
        vectors[i][i] = 1.0;
    }
    let size: f64 = a.iter().flatten().map(|v| v.abs()).sum();
    let negligible = f64::EPSILON * size;
    // Converges quadratically: a handful of sweeps reaches machine precision, and the next one turns nothing.
    for _ in 0..12 {
        let mut turned = false;
        for p in 0..3 {
            for q in p + 1..4 {
                if a[p][q].abs() <= negligible {
                    continue;
                }
                turned = true;
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let cos = 1.0 / (tangent * tangent + 1.0).sqrt();
                let sin = tangent * cos;
                for k in 0..4 {
                    let (kp, kq) = (a[k][p], a[k][q]);
                    a[k][p] = cos * kp - sin * kq;
                    a[k][q] = sin * kp + cos * kq;
                }
                for k in 0..4 {
                    let (pk, qk) = (a[p][k], a[q][k]);
                    a[p][k] = cos * pk - sin * qk;
                    a[q][k] = sin * pk + cos * qk;
                    let (vp, vq) = (vectors[k][p], vectors[k][q]);
                    vectors[k][p] = cos * vp - sin * vq;
                    vectors[k][q] = sin * vp + cos * vq;
                }
            }
        }
        if !turned {
            break;
        }
    }
    let largest = (0..4).max_by(|&i, &j| a[i][i].total_cmp(&a[j][j])).unwrap_or(0);
    [0, 1, 2, 3].map(|k| vectors[k][largest])
}

const POSE_POINTS: usize = POSE_WEIGHTS.len();

/// A landmark on the plane one centimetre before the camera: x right, y up in cm; z on x's scale,
/// larger is farther.
type ScreenPoint = [f64; 3];

/// Fits the canonical face model to landmarks in frame pixels, or `None` where they do not look like a
/// face at all (not finite, or squeezed into a point).
///
/// MediaPipe's face geometry: a pinhole camera in the middle of the frame with the given vertical
/// field of view. Landmark depths are only relative, so the distance is found from the model's known
/// size in two steps: fit the flat landmarks for a first scale, place them in space with it, fit again
/// for a correction, place them again, and fit once more for the pose.
///
/// The fit is exact for landmarks whose z runs along the camera's axis. A landmark network sees only the
/// crop, so its z runs along the line of sight; a face far from the frame's middle therefore seems
/// turned by about two thirds of its angle off the axis (7° at 11°), in MediaPipe's results as in these.
#[must_use]
pub fn head_pose(
    landmarks: &[[f32; 3]; LANDMARK_COUNT],
    frame_width: u32,
    frame_height: u32,
    vertical_fov_deg: f32,
) -> Option<HeadPose> {
    let (width, height) = (f64::from(frame_width), f64::from(frame_height));
    let cm_per_pixel = 2.0 * (0.5 * f64::from(vertical_fov_deg).to_radians()).tan() / height;
    let screen = |[x, y, z]: [f32; 3]| -> ScreenPoint {
        [
            (f64::from(x) - 0.5 * width) * cm_per_pixel,
            (0.5 * height - f64::from(y)) * cm_per_pixel,
            f64::from(z) * cm_per_pixel,
        ]
    };
    let mesh = &landmarks[..MESH_LANDMARK_COUNT];
    let mean_z = mesh.iter().map(|p| f64::from(p[2])).sum::<f64>() / mesh.len() as f64 * cm_per_pixel;
    let points = POSE_WEIGHTS.map(|(index, _)| screen(landmarks[usize::from(index)]));
    let model = POSE_WEIGHTS.map(|(index, _)| CANONICAL_VERTICES_CM[usize::from(index)].map(f64::from));
    let weights = POSE_WEIGHTS.map(|(_, weight)| f64::from(weight));

    let flat = points.map(|[x, y, z]| [x, y, -z]);
    let first = fit_similarity(&model, &flat, &weights)?.scale;
    let second = fit_similarity(&model, &unproject(&points, mean_z, first), &weights)?.scale;
    let fit = fit_similarity(&model, &unproject(&points, mean_z, first * second), &weights)?;

    let rotation = fit.rotation.map(|row| row.map(|v| v as f32));
    let translation_cm = fit.translation.map(|v| v as f32);
    let mut camera_from_head = [0.0; 16];
    for i in 0..3 {
        for j in 0..3 {
            camera_from_head[4 * i + j] = (fit.scale * fit.rotation[i][j]) as f32;
        }
        camera_from_head[4 * i + 3] = translation_cm[i];
    }
    camera_from_head[15] = 1.0;
    camera_from_head.iter().all(|v| v.is_finite()).then(|| HeadPose {
        camera_from_head,
        rotation_deg: rotation_to_euler_deg(&rotation),
        translation_cm,
    })
}

/// Landmarks in the camera frame (cm) when the face is `scale` times the size of the model on the
/// screen plane.
fn unproject(points: &[ScreenPoint; POSE_POINTS], mean_z: f64, scale: f64) -> [[f64; 3]; POSE_POINTS] {
    points.map(|[x, y, z]| {
        let depth = (z - mean_z + 1.0) / scale;
        [x * depth, y * depth, -depth]
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{angle_between_deg, rotation_from_euler_deg};

    /// The canonical face in the given pose, through a pinhole, as landmarks in pixels. Depth is
    /// weak-perspective, as the landmark model gives it.
    fn project(
        rotation_deg: [f32; 3],
        at_cm: [f32; 3],
        width: f32,
        height: f32,
        fov: f32,
    ) -> [[f32; 3]; LANDMARK_COUNT] {
        let r = rotation_from_euler_deg(rotation_deg);
        let focal = 0.5 * height / (0.5 * fov.to_radians()).tan();
        let mut landmarks = [[0.0; 3]; LANDMARK_COUNT];
        for (to, v) in landmarks.iter_mut().zip(&CANONICAL_VERTICES_CM) {
            let [x, y, z] = [0, 1, 2].map(|i| (0..3).map(|j| r[i][j] * v[j]).sum::<f32>() + at_cm[i]);
            *to = [
                0.5 * width - focal * x / z,
                0.5 * height + focal * y / z,
                (z - at_cm[2]) * focal / at_cm[2],
            ];
        }
        landmarks
    }

    #[test]
    fn fits_a_known_similarity() {
        let sources = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0], [1.0, 1.0, 1.0]];
        // A quarter turn about z, doubled, moved.
        let targets = sources.map(|[x, y, z]: [f64; 3]| [-2.0 * y + 1.0, 2.0 * x - 4.0, 2.0 * z + 0.5]);
        let fit = fit_similarity(&sources, &targets, &[1.0, 0.5, 2.0, 1.0, 3.0]).unwrap();
        assert!((fit.scale - 2.0).abs() < 1e-9);
        for (value, expected) in fit.translation.iter().zip([1.0, -4.0, 0.5]) {
            assert!((value - expected).abs() < 1e-9);
        }
        for (value, expected) in
            fit.rotation.as_flattened().iter().zip([0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0])
        {
            assert!((value - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn points_in_one_place_have_no_pose() {
        assert_eq!(fit_similarity(&[[1.0; 3]; 3], &[[2.0; 3]; 3], &[1.0; 3]), None);
        assert_eq!(head_pose(&[[100.0, 100.0, 0.0]; LANDMARK_COUNT], 640, 480, 63.0), None);
        assert_eq!(head_pose(&[[f32::NAN; 3]; LANDMARK_COUNT], 640, 480, 63.0), None);
    }

    proptest! {
        #[test]
        fn a_projected_face_is_found_again(
            pitch in -30f32..30.0, yaw in -40f32..40.0, roll in -40f32..40.0,
            x in -12f32..12.0, y in -10f32..10.0, distance in 40f32..150.0, fov in 40f32..80.0,
        ) {
            let landmarks = project([pitch, yaw, roll], [x, y, -distance], 640.0, 480.0, fov);
            let pose = head_pose(&landmarks, 640, 480, fov).unwrap();
            let expected = rotation_from_euler_deg([pitch, yaw, roll]);
            let found = rotation_from_euler_deg(pose.rotation_deg);
            // The two-step scale is an approximation: perspective within the face is not modelled.
            prop_assert!(angle_between_deg(&expected, &found) < 5.0, "{:?}", pose.rotation_deg);
            prop_assert!((pose.translation_cm[2] + distance).abs() < 0.06 * distance, "{:?}", pose.translation_cm);
            let [a, b, c] = [pose.camera_from_head[0], pose.camera_from_head[4], pose.camera_from_head[8]];
            prop_assert!(((a * a + b * b + c * c).sqrt() - 1.0).abs() < 0.05);
        }
    }
}
