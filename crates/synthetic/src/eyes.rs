//! Eyeballs: where the iris is, and what is seen between the lids.

use mien_geometry::rotation_from_euler_deg;

use crate::lens::Light;
use crate::random::smoothstep;
use crate::vector::{Rigid, Vector, add, cross, dot, lerp, normalize, scale, sub};

/// Centre of the person's right eyeball in the head's frame, cm; the left one mirrors it.
const CENTER: Vector = [-3.15, 2.63, 2.42];
const RADIUS: f32 = 1.3;
/// A human iris measures 11.7 mm across (Rüfer et al. 2005, Cornea 24:259).
const IRIS_RADIUS: f32 = 0.585;
const PUPIL_RADIUS: f32 = 0.2;

/// One eyeball with its gaze, in the head's frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Eyeball {
    center: Vector,
    gaze: Vector,
}

impl Eyeball {
    /// `side` is −1 for the person's right eye, 1 for the left.
    pub(crate) fn new(side: f32, gaze_deg: [f32; 2]) -> Self {
        let rotation = rotation_from_euler_deg([gaze_deg[0], gaze_deg[1], 0.0]);
        let gaze = [rotation[0][2], rotation[1][2], rotation[2][2]];
        Self { center: [-side * CENTER[0], CENTER[1], CENTER[2]], gaze }
    }

    /// Centre of the iris, then its rim at the picture's right, top, left, bottom, in the head's frame.
    pub(crate) fn iris(&self) -> [Vector; 5] {
        let middle = add(self.center, scale(self.gaze, (RADIUS * RADIUS - IRIS_RADIUS * IRIS_RADIUS).sqrt()));
        let right = normalize(cross([0.0, 1.0, 0.0], self.gaze));
        let up = cross(self.gaze, right);
        let rim = |direction: Vector, radius: f32| add(middle, scale(direction, radius));
        [
            middle,
            rim(right, IRIS_RADIUS),
            rim(up, IRIS_RADIUS),
            rim(right, -IRIS_RADIUS),
            rim(up, -IRIS_RADIUS),
        ]
    }
}

/// What colours the gap between the lids.
#[derive(Debug)]
pub(crate) struct EyePainter<'a> {
    pub(crate) ball: Eyeball,
    /// The pinhole in the head's frame.
    pub(crate) camera: Vector,
    pub(crate) camera_from_head: &'a Rigid,
    pub(crate) light: &'a Light,
    pub(crate) iris: Vector,
    pub(crate) skin: Vector,
    /// Size of a sample at the eye in cm: the softness of edges.
    pub(crate) sample_cm: f32,
}

impl EyePainter<'_> {
    /// Colour 0–255 of what is seen through `gap`, a point between the lids in the head's frame.
    pub(crate) fn color(&self, gap: Vector) -> [u8; 3] {
        let ray = normalize(sub(gap, self.camera));
        let to_center = sub(self.ball.center, self.camera);
        let along = dot(to_center, ray);
        let miss = dot(to_center, to_center) - along * along;
        let inside = RADIUS * RADIUS - miss;
        let corner = [self.skin[0] * 0.75, self.skin[1] * 0.48, self.skin[2] * 0.45];
        if inside <= 0.0 {
            return bytes(corner, 0.8);
        }
        let hit = sub(add(self.camera, scale(ray, along - inside.sqrt())), self.ball.center);
        let normal = scale(hit, 1.0 / RADIUS);
        let across = dot(hit, self.ball.gaze);
        let from_axis =
            if across > 0.0 { (RADIUS * RADIUS - across * across).max(0.0).sqrt() } else { RADIUS };

        let soft = self.sample_cm.max(0.03);
        let white = lerp(
            scale([0.90, 0.87, 0.85], 0.72 + 0.28 * self.skin[0]),
            corner,
            0.35 * smoothstep(0.75, 1.3, hit[0].abs()),
        );
        let limbus = scale(self.iris, 0.45);
        let iris = lerp(self.iris, limbus, smoothstep(0.42, 0.56, from_axis));
        let pupil = smoothstep(PUPIL_RADIUS + soft, PUPIL_RADIUS - soft, from_axis);
        let inner = lerp(iris, [0.02, 0.02, 0.02], pupil);
        let mut color = lerp(inner, white, smoothstep(IRIS_RADIUS - soft, IRIS_RADIUS + soft, from_axis));

        let in_camera = self.camera_from_head.direction(normal);
        // The upper lid and its lashes shade the ball.
        let lid = 1.0 - 0.45 * smoothstep(0.02, 0.36, hit[1]);
        let shade = (0.25 + 0.75 * self.light.shade(in_camera)) * lid;
        let glint = 0.75 * smoothstep(0.988, 0.997, self.light.gloss(in_camera).powf(1.0 / 12.0));
        color = lerp(scale(color, shade), [1.0; 3], glint);
        bytes(color, 1.0)
    }
}

pub(crate) fn bytes(color: Vector, shade: f32) -> [u8; 3] {
    color.map(|c| (c * shade * 255.0) as u8)
}
