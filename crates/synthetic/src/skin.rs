//! The painted skin of a face: brows, lips, lash lines and the shadows that a single light leaves out.

use mien_face::{CANONICAL_VERTICES_CM, MESH_LANDMARK_COUNT};

use crate::appearance::Appearance;
use crate::random::{noise, smoothstep};
use crate::texture::Texture;
use crate::vector::{Vector, lerp, scale};

/// Texels along each side.
const SIZE: usize = 512;
/// The face is unrolled about a vertical axis this far behind the head's origin.
const AXIS_Z: f32 = -4.0;
/// Centimetres along the skin per radian about that axis.
const RADIUS: f32 = 9.0;
const TOP_Y: f32 = 9.5;
const HEIGHT: f32 = 20.0;
const WIDTH: f32 = RADIUS * std::f32::consts::PI;

/// Full-size texels per centimetre, for the choice of the texture's level.
pub(crate) const TEXELS_PER_CM: f32 = SIZE as f32 / HEIGHT;

/// A place on the unrolled skin in cm: to the person's left, up.
type Place = [f32; 2];

fn unroll([x, y, z]: Vector) -> Place {
    [x.atan2(z - AXIS_Z) * RADIUS, y]
}

/// Where each mesh vertex lies in the texture.
pub(crate) fn texture_coordinates() -> [[f32; 2]; MESH_LANDMARK_COUNT] {
    std::array::from_fn(|i| {
        let [a, y] = unroll(CANONICAL_VERTICES_CM[i]);
        [0.5 + a / WIDTH, (TOP_Y - y) / HEIGHT]
    })
}

const RIGHT_BROW: [usize; 10] = [70, 63, 105, 66, 107, 55, 65, 52, 53, 46];
const LEFT_BROW: [usize; 10] = [300, 293, 334, 296, 336, 285, 295, 282, 283, 276];
const UPPER_LIP: [usize; 22] =
    [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78];
const LOWER_LIP: [usize; 22] =
    [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95, 78];
const UPPER_LIDS: [[usize; 9]; 2] =
    [[33, 246, 161, 160, 159, 158, 157, 173, 133], [263, 466, 388, 387, 386, 385, 384, 398, 362]];
const LOWER_LIDS: [[usize; 9]; 2] =
    [[33, 7, 163, 144, 145, 153, 154, 155, 133], [263, 249, 390, 373, 374, 380, 381, 382, 362]];
const CREASES: [[usize; 7]; 2] = [[247, 30, 29, 27, 28, 56, 190], [467, 260, 259, 257, 258, 286, 414]];
const POUCHES: [[usize; 5]; 2] = [[110, 24, 23, 22, 26], [339, 254, 253, 252, 256]];
const NOSTRILS: [[usize; 2]; 2] = [[75, 238], [305, 458]];
const NOSE_WINGS: [[usize; 5]; 2] = [[49, 129, 64, 98, 97], [279, 358, 294, 327, 326]];
const NOSE_BASES: [[usize; 7]; 2] = [[19, 238, 79, 59, 98, 97, 2], [19, 458, 309, 289, 327, 326, 2]];
const SMILE_LINES: [[usize; 4]; 2] = [[129, 203, 206, 216], [358, 423, 426, 436]];

/// Paints the skin of one person.
pub(crate) fn paint(look: &Appearance) -> Texture {
    let mut canvas = Skin::bare(look);
    canvas.shadows(look);
    canvas.beard(look);
    canvas.brows(look);
    canvas.lips(look);
    canvas.eyes(look);
    Texture::new(SIZE, &canvas.colors)
}

struct Skin {
    colors: Vec<Vector>,
}

impl Skin {
    fn bare(look: &Appearance) -> Self {
        let mut colors = Vec::with_capacity(SIZE * SIZE);
        for row in 0..SIZE {
            for column in 0..SIZE {
                let [a, y] = place(column, row);
                let mottled = 0.96
                    + 0.05 * noise(look.seed, a * 0.8, y * 0.8)
                    + 0.04 * noise(look.seed ^ 1, a * 4.0, y * 4.0);
                colors.push(scale(look.skin, mottled));
            }
        }
        Self { colors }
    }

    /// Mixes `color` in where `alpha` says so, within a box of places.
    fn blend(&mut self, [low, high]: [Place; 2], color: Vector, alpha: impl Fn(Place) -> f32) {
        let column = |a: f32| ((0.5 + a / WIDTH) * SIZE as f32).clamp(0.0, SIZE as f32) as usize;
        let row = |y: f32| ((TOP_Y - y) / HEIGHT * SIZE as f32).clamp(0.0, SIZE as f32) as usize;
        for r in row(high[1])..row(low[1]) {
            for c in column(low[0])..column(high[0]) {
                let alpha = alpha(place(c, r));
                if alpha > 0.0 {
                    let texel = &mut self.colors[r * SIZE + c];
                    *texel = lerp(*texel, color, alpha.min(1.0));
                }
            }
        }
    }

    /// A soft spot of half-axes `radii`.
    fn spot(&mut self, center: Place, radii: Place, color: Vector, strength: f32) {
        let bounds =
            [[center[0] - radii[0], center[1] - radii[1]], [center[0] + radii[0], center[1] + radii[1]]];
        self.blend(bounds, color, |[a, y]| {
            let (da, dy) = ((a - center[0]) / radii[0], (y - center[1]) / radii[1]);
            strength * (1.0 - (da * da + dy * dy)).max(0.0).powf(1.5)
        });
    }

    /// A line through landmarks, `half_width` cm to each side and softened by as much.
    fn line(&mut self, landmarks: &[usize], half_width: f32, color: Vector, strength: f32) {
        let points: Vec<Place> = landmarks.iter().map(|&i| unroll(CANONICAL_VERTICES_CM[i])).collect();
        self.blend(bounds(&points, 2.0 * half_width), color, |p| {
            let distance =
                points.windows(2).map(|w| segment_distance(p, w[0], w[1])).fold(f32::MAX, f32::min);
            strength * smoothstep(2.0 * half_width, 0.4 * half_width, distance)
        });
    }

    /// The inside of an outline of landmarks, grown by `grow` cm, with an edge `soft` cm wide.
    fn fill(
        &mut self,
        landmarks: &[usize],
        [grow, soft]: [f32; 2],
        color: Vector,
        alpha: impl Fn(Place) -> f32,
    ) {
        let points: Vec<Place> = landmarks.iter().map(|&i| unroll(CANONICAL_VERTICES_CM[i])).collect();
        self.blend(bounds(&points, grow + soft), color, |p| {
            alpha(p) * smoothstep(soft, -soft, outline_distance(p, &points) - grow)
        });
    }

    fn shadows(&mut self, look: &Appearance) {
        let dark = [look.skin[0] * 0.50, look.skin[1] * 0.40, look.skin[2] * 0.38];
        let red = [look.skin[0] * 1.0, look.skin[1] * 0.78, look.skin[2] * 0.75];
        let light = lerp(look.skin, [1.0, 0.95, 0.9], 0.35);
        for (i, side) in [-1.0, 1.0].into_iter().enumerate() {
            // Cheeks, eye sockets, sides of the nose's bridge.
            self.spot([side * 4.2, -0.5], [2.8, 2.2], red, 0.5);
            self.spot([side * 3.4, 2.9], [3.0, 1.7], dark, 0.40);
            self.spot([side * 1.4, 3.3], [1.0, 1.5], dark, 0.50);
            self.spot([side * 0.95, 1.4], [0.7, 2.4], dark, 0.20);
            self.spot([side * 1.1, -1.6], [1.0, 0.7], dark, 0.5);
            self.fill(&NOSE_BASES[i], [0.0, 0.12], dark, |_| 0.6);
            self.line(&NOSE_WINGS[i], 0.13, dark, 0.55);
            self.line(&SMILE_LINES[i], 0.28, dark, 0.22);
            self.line(&POUCHES[i], 0.2, dark, 0.22);
            // Temples and the jaw's edge.
            self.spot([side * 11.5, 2.0], [4.0, 8.0], dark, 0.25);
        }
        self.spot([0.0, -0.8], [1.1, 1.1], red, 0.35);
        self.spot([0.0, 1.6], [0.45, 3.0], light, 0.35);
        self.spot([0.0, 6.2], [5.0, 2.0], light, 0.15);
        self.spot([0.0, -2.75], [0.35, 0.8], dark, 0.25);
        self.spot([0.0, -6.0], [2.2, 0.7], dark, 0.45);
        self.spot([0.0, -10.4], [6.5, 1.2], dark, 0.3);
    }

    fn beard(&mut self, look: &Appearance) {
        if look.beard <= 0.0 {
            return;
        }
        let seed = look.seed ^ 2;
        self.blend([[-14.0, -10.5], [14.0, -1.0]], look.brows, |[a, y]| {
            let edge = -3.0 - 1.8 * smoothstep(2.0, 5.5, a.abs()) + 3.5 * smoothstep(6.5, 10.0, a.abs());
            let inside = smoothstep(edge, edge - 1.5, y);
            look.beard * inside * (0.55 + 0.45 * noise(seed, a * 7.0, y * 5.0))
        });
    }

    fn brows(&mut self, look: &Appearance) {
        let seed = look.seed ^ 3;
        for brow in [RIGHT_BROW, LEFT_BROW] {
            self.fill(&brow, [look.brow_width - 0.2, 0.22], look.brows, |[a, y]| {
                0.72 + 0.28 * noise(seed, a * 7.0 + a.signum() * y * 5.0, y * 2.0)
            });
        }
    }

    fn lips(&mut self, look: &Appearance) {
        let upper = scale(look.lips, 0.84);
        self.fill(&UPPER_LIP, [0.02, 0.10], upper, |_| 0.9);
        self.fill(&LOWER_LIP, [0.02, 0.10], look.lips, |_| 0.85);
        let shine = lerp(look.lips, [1.0, 0.9, 0.88], 0.3);
        self.spot([0.0, -4.95], [1.1, 0.28], shine, 0.5);
        let seam = scale(look.lips, 0.35);
        self.line(&[78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308], 0.05, seam, 0.8);
        self.line(&[78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308], 0.04, seam, 0.7);
    }

    fn eyes(&mut self, look: &Appearance) {
        let dark = [look.skin[0] * 0.45, look.skin[1] * 0.34, look.skin[2] * 0.32];
        let lash = [0.06, 0.04, 0.035];
        for eye in 0..2 {
            self.line(&CREASES[eye], 0.06, dark, 0.6);
            self.line(&LOWER_LIDS[eye], 0.06, dark, 0.8);
            self.line(&UPPER_LIDS[eye], 0.1, lash, 0.95);
            for nostril in NOSTRILS[eye].windows(2) {
                self.line(nostril, 0.19, [0.08, 0.04, 0.035], 0.95);
            }
        }
    }
}

fn place(column: usize, row: usize) -> Place {
    [((column as f32 + 0.5) / SIZE as f32 - 0.5) * WIDTH, TOP_Y - (row as f32 + 0.5) / SIZE as f32 * HEIGHT]
}

fn bounds(points: &[Place], margin: f32) -> [Place; 2] {
    let mut low = [f32::MAX; 2];
    let mut high = [f32::MIN; 2];
    for p in points {
        for i in 0..2 {
            low[i] = low[i].min(p[i] - margin);
            high[i] = high[i].max(p[i] + margin);
        }
    }
    [low, high]
}

fn segment_distance(p: Place, a: Place, b: Place) -> f32 {
    let (ab, ap) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let length = ab[0] * ab[0] + ab[1] * ab[1];
    let t = ((ab[0] * ap[0] + ab[1] * ap[1]) / length.max(1e-9)).clamp(0.0, 1.0);
    (ap[0] - t * ab[0]).hypot(ap[1] - t * ab[1])
}

/// Distance to a closed outline, negative inside.
fn outline_distance(p: Place, points: &[Place]) -> f32 {
    let (mut nearest, mut inside) = (f32::MAX, false);
    for (i, &a) in points.iter().enumerate() {
        let b = points[(i + 1) % points.len()];
        nearest = nearest.min(segment_distance(p, a, b));
        if (a[1] > p[1]) != (b[1] > p[1]) && p[0] < a[0] + (p[1] - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) {
            inside = !inside;
        }
    }
    if inside { -nearest } else { nearest }
}
