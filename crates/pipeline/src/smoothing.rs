//! The temporal filter of one face.

use mien_face::{BLENDSHAPE_COUNT, FacePart, FaceParts, FaceState, HeadPose, LANDMARK_COUNT};
use mien_geometry::{quaternion_from_rotation, rotation_from_quaternion, rotation_to_euler_deg};
use mien_tracking::{OneEuroFilter, OneEuroParameters};

/// A head's width: translations are filtered on its scale.
const HEAD_CM: f32 = 15.0;
/// A quaternion's components change half as fast as the angle in radians.
const QUATERNION_UNIT: f32 = 0.5;

/// One-Euro filters of everything that is measured of a face.
#[derive(Debug)]
pub(crate) struct FaceFilter {
    /// What is measured; the rest is NaN.
    parts: FaceParts,
    landmarks: OneEuroFilter,
    blendshapes: OneEuroFilter,
    quaternion: OneEuroFilter,
    /// Translation in cm, and the scale times a head's width.
    placement: OneEuroFilter,
}

impl FaceFilter {
    pub(crate) fn new(parts: FaceParts) -> Self {
        Self {
            parts,
            landmarks: OneEuroFilter::new(3 * LANDMARK_COUNT),
            blendshapes: OneEuroFilter::new(BLENDSHAPE_COUNT),
            quaternion: OneEuroFilter::new(4),
            placement: OneEuroFilter::new(4),
        }
    }

    /// Forgets the past: the next state passes unchanged.
    pub(crate) fn reset(&mut self) {
        self.landmarks.reset();
        self.blendshapes.reset();
        self.quaternion.reset();
        self.placement.reset();
    }

    /// The filtered state after `measured`; `face_size` in pixels is the scale of the landmarks'
    /// speeds.
    pub(crate) fn step(
        &mut self,
        measured: &FaceState,
        face_size: f32,
        nanos: i64,
        parameters: &OneEuroParameters,
    ) -> FaceState {
        let mut state = *measured;
        self.landmarks.step(state.landmarks.as_flattened_mut(), nanos, face_size, parameters);
        if self.parts.contains(FacePart::Blendshapes) {
            self.blendshapes.step(&mut state.blendshapes, nanos, 1.0, parameters);
        }
        state.pose = self.step_pose(&measured.pose, nanos, parameters);
        state
    }

    fn step_pose(&mut self, pose: &HeadPose, nanos: i64, parameters: &OneEuroParameters) -> HeadPose {
        let m = &pose.camera_from_head;
        let scale = (m[0] * m[0] + m[4] * m[4] + m[8] * m[8]).sqrt();
        let rotation = [0, 1, 2].map(|i| [0, 1, 2].map(|j| m[4 * i + j] / scale));
        let mut quaternion = quaternion_from_rotation(&rotation);
        // A quaternion and its negative are one rotation: take the one near the last.
        let along: f32 = quaternion.iter().zip(self.quaternion.values()).map(|(a, b)| a * b).sum();
        if along < 0.0 {
            quaternion = quaternion.map(|v| -v);
        }
        self.quaternion.step(&mut quaternion, nanos, QUATERNION_UNIT, parameters);
        let [x, y, z] = pose.translation_cm;
        let mut placement = [x, y, z, scale * HEAD_CM];
        self.placement.step(&mut placement, nanos, HEAD_CM, parameters);

        let rotation = rotation_from_quaternion(quaternion);
        let [x, y, z, scale] = placement;
        let scale = scale / HEAD_CM;
        let mut camera_from_head = [0.0; 16];
        for i in 0..3 {
            for j in 0..3 {
                camera_from_head[4 * i + j] = scale * rotation[i][j];
            }
            camera_from_head[4 * i + 3] = placement[i];
        }
        camera_from_head[15] = 1.0;
        HeadPose {
            camera_from_head,
            rotation_deg: rotation_to_euler_deg(&rotation),
            translation_cm: [x, y, z],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mien_geometry::rotation_from_euler_deg;

    fn state(rotation_deg: [f32; 3]) -> FaceState {
        let rotation = rotation_from_euler_deg(rotation_deg);
        let mut camera_from_head = [0.0; 16];
        for i in 0..3 {
            camera_from_head[4 * i..4 * i + 3].copy_from_slice(&rotation[i]);
        }
        camera_from_head[11] = -60.0;
        camera_from_head[15] = 1.0;
        let pose = HeadPose { camera_from_head, rotation_deg, translation_cm: [0.0, 0.0, -60.0] };
        FaceState { landmarks: [[3.0; 3]; LANDMARK_COUNT], blendshapes: [0.5; BLENDSHAPE_COUNT], pose }
    }

    const PARAMETERS: OneEuroParameters =
        OneEuroParameters { min_cutoff_hz: 1.0, beta: 1.0, speed_cutoff_hz: 1.0 };

    fn assert_angles(found: [f32; 3], expected: [f32; 3], tolerance: f32) {
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < tolerance, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn a_constant_state_passes_unchanged() {
        let mut filter = FaceFilter::new(FaceParts::ALL);
        let expected = state([10.0, -20.0, 5.0]);
        for frame in 0..5 {
            let found = filter.step(&expected, 100.0, frame * 33_000_000, &PARAMETERS);
            assert_eq!(found.landmarks, expected.landmarks);
            assert_angles(found.pose.rotation_deg, expected.pose.rotation_deg, 0.01);
        }
    }

    #[test]
    fn turning_past_half_a_turn_does_not_spin_back() {
        // Between roll 179° and 181° the quaternion's sign flips, and so does the angle's.
        let mut filter = FaceFilter::new(FaceParts::ALL);
        for frame in 0..40 {
            let roll = 170.0 + 0.5 * frame as f32;
            let found = filter.step(&state([0.0, 0.0, roll]), 100.0, frame * 33_000_000, &PARAMETERS);
            let lag = (roll - found.pose.rotation_deg[2]).rem_euclid(360.0);
            assert!(lag < 8.0, "{roll} {:?}", found.pose.rotation_deg);
        }
    }

    #[test]
    fn a_reset_forgets() {
        let mut filter = FaceFilter::new(FaceParts::ALL);
        filter.step(&state([0.0; 3]), 100.0, 0, &PARAMETERS);
        filter.reset();
        let found = filter.step(&state([0.0, 30.0, 0.0]), 100.0, 33_000_000, &PARAMETERS);
        assert_angles(found.pose.rotation_deg, [0.0, 30.0, 0.0], 0.01);
    }
}
