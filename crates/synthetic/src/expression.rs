//! How the canonical face moves: jaw, eyelids, brows.

use mien_face::{CANONICAL_VERTICES_CM, MESH_LANDMARK_COUNT};

use crate::random::{smooth, smoothstep};
use crate::vector::{Vector, add, scale, sub};

/// What a face does.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Expression {
    /// 0 closed, 1 wide open.
    pub jaw_open: f32,
    /// The person's right eye (on the left of the picture): 0 open, 1 shut.
    pub eye_blink_right: f32,
    /// The person's left eye: 0 open, 1 shut.
    pub eye_blink_left: f32,
    /// Both brows: 0 at rest, 1 raised.
    pub brow_raise: f32,
    /// Where the eyes look, relative to the head, as `[pitch, yaw]` in degrees: positive pitch looks
    /// down, positive yaw to the picture's right.
    pub gaze_deg: [f32; 2],
}

impl Expression {
    /// The same with every amount in its range, and not-a-number at rest.
    pub(crate) fn clamped(&self) -> Self {
        let limit = |v: f32, low: f32, high: f32| if v.is_nan() { 0.0 } else { v.clamp(low, high) };
        Self {
            jaw_open: limit(self.jaw_open, 0.0, 1.0),
            eye_blink_right: limit(self.eye_blink_right, 0.0, 1.0),
            eye_blink_left: limit(self.eye_blink_left, 0.0, 1.0),
            brow_raise: limit(self.brow_raise, 0.0, 1.0),
            gaze_deg: self.gaze_deg.map(|angle| limit(angle, -35.0, 35.0)),
        }
    }
}

/// Upper lid from the outer to the inner corner, right eye then left; beside each the lower lid and the
/// crease above.
const LIDS: [[[usize; 3]; 7]; 2] = [
    [
        [246, 7, 247],
        [161, 163, 30],
        [160, 144, 29],
        [159, 145, 27],
        [158, 153, 28],
        [157, 154, 56],
        [173, 155, 190],
    ],
    [
        [466, 249, 467],
        [388, 390, 260],
        [387, 373, 259],
        [386, 374, 257],
        [385, 380, 258],
        [384, 381, 286],
        [398, 382, 414],
    ],
];

/// Skin between crease and brow.
const LID_FOLDS: [[usize; 6]; 2] = [[225, 224, 223, 222, 221, 113], [445, 444, 443, 442, 441, 342]];

/// Upper inner lip, lower inner lip.
const INNER_LIPS: [[usize; 2]; 9] =
    [[191, 95], [80, 88], [81, 178], [82, 87], [13, 14], [312, 317], [311, 402], [310, 318], [415, 324]];
/// The ring around the inner lips, paired likewise.
const MIDDLE_LIPS: [[usize; 2]; 9] =
    [[183, 96], [42, 89], [41, 179], [38, 86], [12, 15], [268, 316], [271, 403], [272, 319], [407, 325]];

/// The jaw turns about an axis through the joints before the ears.
const JAW_HINGE: Vector = [0.0, 0.5, -1.0];
const JAW_OPEN_DEG: f32 = 24.0;
/// The joints glide forward and down while the mouth opens, cm.
const JAW_GLIDE: Vector = [0.0, -0.9, 0.9];
/// Height of the line between the lips.
const MOUTH_Y: f32 = -4.3;
const MOUTH_HALF_WIDTH: f32 = 2.46;
const BROW_RAISE_CM: f32 = 0.85;
/// The canonical brows are slightly raised and its lids slightly lowered against a neutral look.
const BROW_REST_CM: f32 = -0.12;
const LID_REST: f32 = -0.35;
/// How far the lower lid comes to meet the upper one.
const LOWER_LID_SHARE: f32 = 0.10;

/// The canonical face with an expression, with the weights worked out once.
#[derive(Debug)]
pub(crate) struct Deformer {
    jaw: [f32; MESH_LANDMARK_COUNT],
    brow: [f32; MESH_LANDMARK_COUNT],
    /// What brings the lips together: the canonical face leaves them apart.
    lips_closed: [Vector; MESH_LANDMARK_COUNT],
}

impl Deformer {
    pub(crate) fn new() -> Self {
        let mut deformer = Self {
            jaw: [0.0; MESH_LANDMARK_COUNT],
            brow: [0.0; MESH_LANDMARK_COUNT],
            lips_closed: [[0.0; 3]; MESH_LANDMARK_COUNT],
        };
        for (i, &vertex) in CANONICAL_VERTICES_CM.iter().enumerate() {
            deformer.jaw[i] = jaw_weight(vertex);
            deformer.brow[i] = brow_weight(vertex);
        }
        for (&[upper, lower], &[above, below]) in INNER_LIPS.iter().zip(&MIDDLE_LIPS) {
            let (u, l) = (CANONICAL_VERTICES_CM[upper], CANONICAL_VERTICES_CM[lower]);
            let meeting = [u[0], u[1] + 0.45 * (l[1] - u[1]), u[2].max(l[2])];
            deformer.lips_closed[upper] = sub(meeting, u);
            deformer.lips_closed[lower] = sub(meeting, l);
            deformer.lips_closed[above] = scale(sub(meeting, u), 0.6);
            deformer.lips_closed[below] = scale(sub(meeting, l), 0.6);
        }
        deformer
    }

    /// The face's 468 vertices in cm, in the head's frame.
    pub(crate) fn apply(&self, expression: &Expression, vertices: &mut [Vector; MESH_LANDMARK_COUNT]) {
        let lips_closed = 1.0 - smooth(expression.jaw_open * 5.0);
        for i in 0..MESH_LANDMARK_COUNT {
            let mut vertex = add(CANONICAL_VERTICES_CM[i], scale(self.lips_closed[i], lips_closed));
            vertex[1] += self.brow[i] * (BROW_REST_CM + expression.brow_raise * BROW_RAISE_CM);
            if self.jaw[i] > 0.0 {
                vertex = open_jaw(vertex, expression.jaw_open * self.jaw[i]);
            }
            vertices[i] = vertex;
        }
        // The upper lid follows the eye down.
        let lowered = 0.012 * expression.gaze_deg[0];
        for (eye, blink) in [expression.eye_blink_right, expression.eye_blink_left].into_iter().enumerate() {
            let upper = blink + (LID_REST + lowered).max(-0.5) * (1.0 - blink);
            close_eye(eye, upper, blink, vertices);
        }
    }
}

/// Moves a vertex with the jaw; `amount` is 1 for what hangs on a jaw that is wide open.
pub(crate) fn open_jaw(vertex: Vector, amount: f32) -> Vector {
    let (sin, cos) = (amount * JAW_OPEN_DEG).to_radians().sin_cos();
    let (y, z) = (vertex[1] - JAW_HINGE[1], vertex[2] - JAW_HINGE[2]);
    let turned = [vertex[0], JAW_HINGE[1] + y * cos - z * sin, JAW_HINGE[2] + y * sin + z * cos];
    add(turned, scale(JAW_GLIDE, amount))
}

fn close_eye(eye: usize, amount: f32, lower_amount: f32, vertices: &mut [Vector; MESH_LANDMARK_COUNT]) {
    for (k, &[upper, lower, crease]) in LIDS[eye].iter().enumerate() {
        let gap = vertices[upper][1] - vertices[lower][1];
        let drop = gap * (1.0 - LOWER_LID_SHARE) * amount;
        // The lid slides over the ball, which stands out most in the middle.
        let bulge = 0.12 * (1.0 - ((k as f32 - 3.0) / 4.0).powi(2)) * amount.max(0.0);
        let depth = vertices[lower][2] - vertices[upper][2];
        vertices[upper][1] -= drop;
        vertices[upper][2] += depth * amount * 0.8 + bulge;
        vertices[lower][1] += gap * LOWER_LID_SHARE * lower_amount;
        vertices[lower][2] += 0.5 * bulge;
        vertices[crease][1] -= 0.5 * drop;
    }
    for index in LID_FOLDS[eye] {
        vertices[index][1] -= 0.08 * amount;
    }
}

fn jaw_weight([x, y, _]: Vector) -> f32 {
    // Skin beside and below the mouth stretches over a few centimetres.
    let skin = smoothstep(-2.6, -6.2, y);
    let across = x.abs() / MOUTH_HALF_WIDTH;
    if across >= 1.0 {
        return skin;
    }
    // Between its corners, the mouth parts the skin.
    let corner = smoothstep(-2.6, -6.2, MOUTH_Y);
    if y > MOUTH_Y {
        skin.min(corner) * across.powi(3)
    } else {
        let lip = corner + (1.0 - corner) * (1.0 - across * across).sqrt();
        lip.max(skin)
    }
}

fn brow_weight([x, y, _]: Vector) -> f32 {
    let up_from_lid = smoothstep(3.3, 4.4, y);
    let down_to_hairline = 1.0 - smoothstep(5.3, 8.3, y);
    let inner = 1.0 - 0.35 * smoothstep(2.0, 5.5, x.abs());
    let temple = 1.0 - smoothstep(5.3, 6.8, x.abs());
    up_from_lid * down_to_hairline * inner * temple
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(expression: Expression) -> [Vector; MESH_LANDMARK_COUNT] {
        let mut vertices = [[0.0; 3]; MESH_LANDMARK_COUNT];
        Deformer::new().apply(&expression, &mut vertices);
        vertices
    }

    #[test]
    fn opening_the_jaw_parts_the_lips_and_leaves_the_eyes() {
        let (rest, open) =
            (face(Expression::default()), face(Expression { jaw_open: 1.0, ..Default::default() }));
        assert!(rest[13][1] - rest[14][1] < 0.02);
        assert!(open[13][1] - open[14][1] > 2.0);
        assert!(rest[152][1] - open[152][1] > 2.0);
        assert_eq!(rest[159], open[159]);
        assert_eq!(rest[4], open[4]);
    }

    #[test]
    fn a_blink_shuts_one_eye() {
        let shut = face(Expression { eye_blink_left: 1.0, ..Default::default() });
        assert!((shut[386][1] - shut[374][1]).abs() < 0.03);
        assert!(shut[159][1] - shut[145][1] > 0.5);
    }

    #[test]
    fn brows_rise() {
        let (rest, raised) =
            (face(Expression::default()), face(Expression { brow_raise: 1.0, ..Default::default() }));
        for brow in [105, 66, 107, 334, 296, 336] {
            assert!(raised[brow][1] - rest[brow][1] > 0.5, "{brow}");
        }
        assert!((raised[10][1] - rest[10][1]).abs() < 0.05);
    }

    #[test]
    fn amounts_are_limited() {
        let wild = Expression {
            jaw_open: f32::NAN,
            eye_blink_left: 9.0,
            gaze_deg: [-400.0, f32::NAN],
            ..Default::default()
        };
        let tame = wild.clamped();
        assert_eq!((tame.jaw_open, tame.eye_blink_left, tame.gaze_deg), (0.0, 1.0, [-35.0, 0.0]));
    }
}
