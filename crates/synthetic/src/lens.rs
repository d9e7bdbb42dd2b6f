//! The pinhole camera and the light.

use crate::random::between;
use crate::vector::{Vector, dot, normalize};

/// Nearest distance that is drawn, in cm.
const NEAREST_CM: f32 = 2.0;

/// Takes camera space (cm) to frame pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lens {
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// Focal length in pixels.
    pub(crate) focal: f32,
}

impl Lens {
    pub(crate) fn new(width: u32, height: u32, vertical_fov_deg: f32) -> Self {
        let half = (vertical_fov_deg.to_radians() * 0.5).tan();
        Self { width: width as f32, height: height as f32, focal: height as f32 * 0.5 / half }
    }

    /// `[x, y, 1 / distance]`; the last is 0 behind or too near the camera.
    pub(crate) fn project(&self, p: Vector) -> Vector {
        let distance = -p[2];
        let inverse = 1.0 / distance.max(NEAREST_CM);
        [
            self.width * 0.5 + self.focal * p[0] * inverse,
            self.height * 0.5 - self.focal * p[1] * inverse,
            if distance > NEAREST_CM { inverse } else { 0.0 },
        ]
    }
}

/// One lamp and the light of the room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Light {
    /// Towards the lamp, in camera space.
    direction: Vector,
    /// Half way between the lamp and the camera.
    half: Vector,
    ambient: f32,
    diffuse: f32,
}

impl Light {
    pub(crate) fn new(seed: u64) -> Self {
        let direction = normalize([
            between(seed, 21, -0.55, 0.55),
            between(seed, 22, -0.05, 0.12),
            between(seed, 23, 0.8, 1.2),
        ]);
        let ambient = between(seed, 24, 0.40, 0.55);
        let half = normalize([direction[0], direction[1], direction[2] + 1.0]);
        Self { direction, half, ambient, diffuse: 1.08 - ambient }
    }

    /// How bright a matt surface of this normal is, 0–1.1.
    pub(crate) fn shade(&self, normal: Vector) -> f32 {
        let lamp = (dot(normal, self.direction) + 0.15).max(0.0) / 1.15;
        let room = 0.85 + 0.15 * normal[1];
        self.ambient * room + self.diffuse * lamp
    }

    /// How much of the lamp a surface of this normal mirrors into the camera, 0–1.
    pub(crate) fn gloss(&self, normal: Vector) -> f32 {
        let cosine = dot(normal, self.half).max(0.0);
        let c4 = cosine * cosine * cosine * cosine;
        c4 * c4 * c4
    }
}
