//! The rotated square around a face that the landmark model reads.

use mien_face::{FaceBox, KEYPOINT_COUNT, LANDMARK_COUNT, MESH_LANDMARK_COUNT};

use crate::Affine;

/// A rotated square in frame pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Middle of the square, `[x, y]`.
    pub center: [f32; 2],
    /// Length of a side.
    pub size: f32,
    /// Rotation in radians, clockwise in the picture; 0 for an upright face.
    pub rotation_rad: f32,
}

/// Side of the region over the longer side of the box around the landmarks: MediaPipe's rule.
const LANDMARK_SCALE: f32 = 1.5;
/// Side of the region over the longer side of RetinaFace's box, and how far the region's middle lies
/// below the box's. Fitted to the regions that MediaPipe's detector gives on the same faces (300 faces
/// of the project's clips; residual 12 % in size, 3 % of the side in place).
const DETECTION_SCALE: f32 = 1.4;
const DETECTION_SHIFT: f32 = 0.15;
/// Side of the region over the side of BlazeFace's box: MediaPipe's rule.
const BLAZEFACE_SCALE: f32 = 1.5;

/// Outer corners of the right and the left eye.
const OUTER_EYE_CORNERS: [usize; 2] = [33, 263];
/// Inner corners of the right and the left eye.
const INNER_EYE_CORNERS: [usize; 2] = [133, 362];
/// Landmarks that stand for the detector's key points: iris centres, nose tip, corners of the mouth.
const KEYPOINT_LANDMARKS: [usize; KEYPOINT_COUNT] = [468, 473, 1, 61, 291];

impl Region {
    /// Around a face that RetinaFace found: rotated by the eyes, larger than the box and a little
    /// lower.
    #[must_use]
    pub fn from_detection(bounds: &FaceBox, keypoints: &[[f32; 2]; KEYPOINT_COUNT]) -> Self {
        let rotation_rad = direction(keypoints[0], keypoints[1]);
        let longer = bounds.width().max(bounds.height());
        let [x, y] = bounds.center();
        let (sin, cos) = rotation_rad.sin_cos();
        let shift = DETECTION_SHIFT * longer;
        Self { center: [x - sin * shift, y + cos * shift], size: DETECTION_SCALE * longer, rotation_rad }
    }

    /// Around a face whose landmarks are known: MediaPipe's rule for the next video frame.
    #[must_use]
    pub fn from_landmarks(landmarks: &[[f32; 3]; LANDMARK_COUNT]) -> Self {
        let bounds = landmark_bounds(landmarks);
        let [right, left] = OUTER_EYE_CORNERS.map(|i| [landmarks[i][0], landmarks[i][1]]);
        Self {
            center: bounds.center(),
            size: LANDMARK_SCALE * bounds.width().max(bounds.height()),
            rotation_rad: direction(right, left),
        }
    }

    /// Size of the face inside in pixels: about its height.
    #[must_use]
    pub fn face_size(&self) -> f32 {
        self.size / LANDMARK_SCALE
    }

    /// `frame_from_crop` for a crop of `crop_size` pixels a side.
    #[must_use]
    pub fn frame_from_crop(&self, crop_size: usize) -> Affine {
        let scale = self.size / crop_size as f32;
        let (sin, cos) = self.rotation_rad.sin_cos();
        let (a, b) = (scale * cos, scale * sin);
        let half = 0.5 * crop_size as f32;
        let [x, y] = self.center;
        Affine([[a, -b, x - half * (a - b)], [b, a, y - half * (a + b)]])
    }

    /// Whether a crop of this region makes sense: finite, at least one pixel large, and not wholly
    /// outside the frame.
    #[must_use]
    pub fn is_usable(&self, frame_width: u32, frame_height: u32) -> bool {
        let [x, y] = self.center;
        let reach = self.size;
        let inside = |v: f32, length: u32| v > -reach && v < length as f32 + reach;
        let largest = 8.0 * frame_width.max(frame_height) as f32;
        self.rotation_rad.is_finite()
            && (1.0..=largest).contains(&self.size)
            && inside(x, frame_width)
            && inside(y, frame_height)
    }
}

/// The region that MediaPipe's image mode derives from its own detector: BlazeFace's box enlarged,
/// rotated by the eyes.
#[must_use]
pub fn mediapipe_detection_region(bounds: &FaceBox, keypoints: &[[f32; 2]; KEYPOINT_COUNT]) -> Region {
    Region {
        center: bounds.center(),
        size: BLAZEFACE_SCALE * bounds.width().max(bounds.height()),
        rotation_rad: direction(keypoints[0], keypoints[1]),
    }
}

/// Angle of the line between two points in radians, clockwise in the picture.
fn direction(from: [f32; 2], to: [f32; 2]) -> f32 {
    (to[1] - from[1]).atan2(to[0] - from[0])
}

/// The smallest box around all landmarks that there are: those that are NaN do not count.
#[must_use]
pub fn landmark_bounds(landmarks: &[[f32; 3]; LANDMARK_COUNT]) -> FaceBox {
    let [x, y, _] = landmarks[0];
    let mut bounds = FaceBox { x1: x, y1: y, x2: x, y2: y };
    for &[x, y, _] in landmarks {
        bounds.x1 = bounds.x1.min(x);
        bounds.y1 = bounds.y1.min(y);
        bounds.x2 = bounds.x2.max(x);
        bounds.y2 = bounds.y2.max(y);
    }
    bounds
}

/// Eyes, nose tip and corners of the mouth as the landmarks have them. An eye whose iris is NaN lies midway between
/// its corners.
#[must_use]
pub fn keypoints_from_landmarks(landmarks: &[[f32; 3]; LANDMARK_COUNT]) -> [[f32; 2]; KEYPOINT_COUNT] {
    let mut keypoints = KEYPOINT_LANDMARKS.map(|i| [landmarks[i][0], landmarks[i][1]]);
    for (eye, keypoint) in keypoints.iter_mut().take(2).enumerate() {
        if keypoint.iter().any(|v| v.is_nan()) {
            let (outer, inner) = (landmarks[OUTER_EYE_CORNERS[eye]], landmarks[INNER_EYE_CORNERS[eye]]);
            *keypoint = [0, 1].map(|axis| 0.5 * (outer[axis] + inner[axis]));
        }
    }
    keypoints
}

/// Takes landmarks (`[478 × (x, y, z)]` in crop pixels, or 468 of them) into the frame; z grows like x. Irises that
/// are not there become NaN.
///
/// MediaPipe measures this growth in coordinates normalised by width and height, so its z is too large
/// by √(cos² + (width/height · sin)²) of the region's rotation where the frame is not square (1.25 at
/// 31° in 16:9). Here z keeps its proportion to x and y at any rotation.
///
/// # Panics
/// When `crop_landmarks` is neither 1434 nor 1404 long.
pub fn landmarks_from_crop(
    region: &Region,
    crop_size: usize,
    crop_landmarks: &[f32],
    landmarks: &mut [[f32; 3]; LANDMARK_COUNT],
) {
    let known = [3 * LANDMARK_COUNT, 3 * MESH_LANDMARK_COUNT];
    assert!(known.contains(&crop_landmarks.len()), "478 or 468 landmarks of three coordinates");
    let frame_from_crop = region.frame_from_crop(crop_size);
    let scale = region.size / crop_size as f32;
    for (to, &[x, y, z]) in landmarks.iter_mut().zip(crop_landmarks.as_chunks::<3>().0) {
        let [x, y] = frame_from_crop.apply([x, y]);
        *to = [x, y, z * scale];
    }
    landmarks[crop_landmarks.len() / 3..].fill([f32::NAN; 3]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: [f32; 2], b: [f32; 2]) -> bool {
        (a[0] - b[0]).abs() < 1e-3 && (a[1] - b[1]).abs() < 1e-3
    }

    #[test]
    fn a_quarter_turn() {
        let region = Region { center: [100.0, 50.0], size: 20.0, rotation_rad: std::f32::consts::FRAC_PI_2 };
        let map = region.frame_from_crop(10);
        assert!(close(map.apply([5.0, 5.0]), [100.0, 50.0]));
        // Right in the crop is down in the frame.
        assert!(close(map.apply([10.0, 5.0]), [100.0, 60.0]));
        assert!(close(map.apply([5.0, 0.0]), [110.0, 50.0]));
    }

    #[test]
    fn landmarks_come_back_scaled() {
        let region = Region { center: [30.0, 40.0], size: 128.0, rotation_rad: 0.0 };
        let mut crop = vec![128.0; 3 * LANDMARK_COUNT];
        crop[..3].copy_from_slice(&[0.0, 256.0, -10.0]);
        let mut landmarks = [[0.0; 3]; LANDMARK_COUNT];
        landmarks_from_crop(&region, 256, &crop, &mut landmarks);
        assert_eq!(landmarks[0], [-34.0, 104.0, -5.0]);
        assert_eq!(landmarks[1], [30.0, 40.0, 64.0]);
    }

    #[test]
    fn around_landmarks() {
        let mut landmarks = [[50.0, 60.0, 0.0]; LANDMARK_COUNT];
        landmarks[0] = [40.0, 20.0, 0.0];
        landmarks[1] = [60.0, 100.0, 0.0];
        landmarks[33] = [45.0, 50.0, 0.0];
        landmarks[263] = [55.0, 60.0, 0.0];
        let region = Region::from_landmarks(&landmarks);
        assert_eq!((region.center, region.size), ([50.0, 60.0], 120.0));
        assert!((region.rotation_rad.to_degrees() - 45.0).abs() < 1e-3);
    }

    #[test]
    fn around_a_detection() {
        let bounds = FaceBox { x1: 0.0, y1: 0.0, x2: 80.0, y2: 100.0 };
        let upright = [[20.0, 40.0], [60.0, 40.0], [40.0, 60.0], [25.0, 80.0], [55.0, 80.0]];
        let region = Region::from_detection(&bounds, &upright);
        assert!(close(region.center, [40.0, 65.0]));
        assert!((region.size - 140.0).abs() < 1e-3);
        // Lying on the side, eyes one above the other: "below" is to the left.
        let lying = upright.map(|[x, y]| [100.0 - y, x]);
        assert!(close(Region::from_detection(&bounds, &lying).center, [25.0, 50.0]));
    }

    #[test]
    fn unusable_regions() {
        let usable = Region { center: [10.0, 10.0], size: 20.0, rotation_rad: 0.0 };
        assert!(usable.is_usable(640, 480));
        assert!(Region { center: [-10.0, 10.0], ..usable }.is_usable(640, 480));
        for bad in [
            Region { center: [f32::NAN, 10.0], ..usable },
            Region { center: [-30.0, 10.0], ..usable },
            Region { size: f32::NAN, ..usable },
            Region { size: 0.5, ..usable },
            Region { size: f32::INFINITY, ..usable },
            Region { rotation_rad: f32::NAN, ..usable },
        ] {
            assert!(!bad.is_usable(640, 480), "{bad:?}");
        }
    }
}
