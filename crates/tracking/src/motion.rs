//! Where a face is going.

use mien_geometry::Region;

/// How quickly the velocity estimate follows, in seconds.
const VELOCITY_TIME: f32 = 0.15;
/// A face that is not seen is expected to slow down within this time, in seconds.
const SLOWING_TIME: f32 = 0.4;
/// Two regions belong to one face when their middles are nearer than this many face sizes …
const SAME_DISTANCE: f32 = 0.25;
/// … and their sizes' natural logarithms differ less than this.
const SAME_LOG_SIZE: f32 = 0.35;

/// Position, size and velocity of one face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    center: [f32; 2],
    size: f32,
    /// Pixels a second.
    velocity: [f32; 2],
    at_nanos: i64,
}

impl Motion {
    /// At rest in the place where the face is first seen.
    #[must_use]
    pub fn at(region: &Region, nanos: i64) -> Self {
        Self { center: region.center, size: region.size, velocity: [0.0; 2], at_nanos: nanos }
    }

    /// The face is seen here, now.
    pub fn see(&mut self, region: &Region, nanos: i64) {
        let seconds = seconds_between(self.at_nanos, nanos);
        if seconds > 0.0 {
            let gain = seconds / (seconds + VELOCITY_TIME);
            for axis in 0..2 {
                let measured = (region.center[axis] - self.center[axis]) / seconds;
                self.velocity[axis] += gain * (measured - self.velocity[axis]);
            }
        }
        self.center = region.center;
        self.size = region.size;
        self.at_nanos = nanos;
    }

    /// Where the middle of the face is expected.
    #[must_use]
    pub fn expected_center(&self, nanos: i64) -> [f32; 2] {
        let seconds = seconds_between(self.at_nanos, nanos);
        let travel = SLOWING_TIME * (1.0 - (-seconds / SLOWING_TIME).exp());
        [0, 1].map(|axis| self.center[axis] + travel * self.velocity[axis])
    }

    /// How far a region is from what is expected: distance in face sizes, and the absolute difference
    /// of the sizes' natural logarithms.
    #[must_use]
    pub fn deviation(&self, region: &Region, nanos: i64) -> (f32, f32) {
        deviation(self.expected_center(nanos), self.size, region)
    }
}

/// Whether two regions can only be one face: two real faces this close hide each other.
#[must_use]
pub fn is_same_face(a: &Region, b: &Region) -> bool {
    let (distance, log_size) = deviation(a.center, a.size, b);
    distance < SAME_DISTANCE && log_size < SAME_LOG_SIZE
}

fn deviation(center: [f32; 2], size: f32, region: &Region) -> (f32, f32) {
    let [dx, dy] = [0, 1].map(|axis| region.center[axis] - center[axis]);
    let face = region.face_size() * (size / region.size).sqrt();
    ((dx * dx + dy * dy).sqrt() / face, (region.size / size).ln().abs())
}

/// Seconds from one time to another; 0 when time stands still or runs backwards (another file).
pub(crate) fn seconds_between(from_nanos: i64, to_nanos: i64) -> f32 {
    to_nanos.saturating_sub(from_nanos).max(0) as f32 * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(x: f32, size: f32) -> Region {
        Region { center: [x, 100.0], size, rotation_rad: 0.0 }
    }

    #[test]
    fn a_steady_walk_is_predicted() {
        let mut motion = Motion::at(&region(0.0, 90.0), 0);
        for frame in 1..=60 {
            motion.see(&region(4.0 * frame as f32, 90.0), frame * 33_333_333);
        }
        let (distance, log_size) = motion.deviation(&region(244.0, 90.0), 61 * 33_333_333);
        assert!(distance < 0.01 && log_size == 0.0, "{distance}");
        // A second later the face is not expected eight faces away.
        assert!(motion.expected_center(60 * 33_333_333 + 1_000_000_000)[0] < 300.0);
    }

    #[test]
    fn time_may_stand_still() {
        let mut motion = Motion::at(&region(0.0, 90.0), 5);
        motion.see(&region(10.0, 90.0), 5);
        motion.see(&region(20.0, 90.0), 3);
        assert_eq!(motion.expected_center(i64::MIN), [20.0, 100.0]);
    }

    #[test]
    fn same_and_different_faces() {
        assert!(is_same_face(&region(0.0, 90.0), &region(10.0, 100.0)));
        assert!(!is_same_face(&region(0.0, 90.0), &region(30.0, 90.0)));
        assert!(!is_same_face(&region(0.0, 90.0), &region(0.0, 180.0)));
    }
}
