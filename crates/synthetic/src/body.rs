//! Everything of a person but the face: skull, hair, ears, neck, shoulders.

use crate::appearance::Appearance;
use crate::random::{noise, smoothstep};
use crate::vector::{Vector, add, cross, lerp, normalize, scale, sub};

/// A surface with a colour at each vertex, in the frame of a head at rest, in cm.
#[derive(Debug, Default)]
pub(crate) struct Surface {
    pub(crate) vertices: Vec<Vertex>,
    pub(crate) triangles: Vec<[u32; 3]>,
}

/// A vertex of a [`Surface`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vertex {
    pub(crate) position: Vector,
    pub(crate) normal: Vector,
    /// 0–1, as displayed.
    pub(crate) color: Vector,
    /// 0 moves with the head, 1 stays with the shoulders.
    pub(crate) torso: f32,
}

/// Fits the outline of the canonical face: its upper half lies on it within 3 %.
const SKULL_CENTER: Vector = [0.0, 2.6, -2.5];
const SKULL_RADII: Vector = [7.76, 10.0, 8.5];

/// Lowest hair, as (degrees from the front, height in cm): just outside the face's outline.
const HAIRLINE: [(f32, f32); 10] = [
    (0.0, 9.4),
    (25.0, 9.0),
    (45.0, 8.3),
    (58.0, 7.4),
    (70.0, 6.1),
    (79.0, 4.8),
    (86.0, 3.2),
    (94.0, 0.8),
    (115.0, -3.5),
    (180.0, -5.5),
];

/// The lower outline of the face from the left ear over the chin to the right one.
pub(crate) const JAW_LINE: [usize; 21] =
    [454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234];

const SHOULDER_RADII: Vector = [21.5, 17.0, 11.5];
const SHOULDER_TOP_Y: f32 = -14.5;

/// Direction of the skin on the skull at a place in the head's frame.
pub(crate) fn skull_normal(position: Vector) -> Vector {
    let offset = sub(position, SKULL_CENTER);
    normalize(std::array::from_fn(|i| offset[i] / (SKULL_RADII[i] * SKULL_RADII[i])))
}

/// A point on the skull farther up and back than a point of the forehead's edge.
pub(crate) fn above_forehead([x, y, z]: Vector) -> Vector {
    let offset = sub([x * 0.96, y + 2.2, z - 1.6], SKULL_CENTER);
    let length = (0..3).map(|i| (offset[i] / SKULL_RADII[i]).powi(2)).sum::<f32>().sqrt();
    add(SKULL_CENTER, scale(offset, 1.0 / length.max(1.0)))
}

pub(crate) fn surfaces(look: &Appearance) -> Surface {
    let mut surface = Surface::default();
    skull(&mut surface, look);
    hair(&mut surface, look);
    surface.drop_inside_head();
    ears(&mut surface, look);
    neck(&mut surface, look);
    shoulders(&mut surface, look);
    surface
}

/// Where the skin under the jaw meets the throat, for each place of [`JAW_LINE`].
pub(crate) fn throat() -> [Vector; JAW_LINE.len()] {
    std::array::from_fn(|i| {
        let angle = std::f32::consts::PI * (i as f32 / (JAW_LINE.len() - 1) as f32 - 0.5);
        let front = angle.cos();
        [-5.0 * angle.sin(), -5.0 - 5.5 * front, -4.0 + 4.6 * front]
    })
}

fn skull(surface: &mut Surface, look: &Appearance) {
    let color = scale(look.skin, 0.95);
    surface.grid([32, 24], |u, v| {
        let (position, direction) = ellipsoid(SKULL_CENTER, SKULL_RADII, u, v);
        // Stays behind the face, which dips below the ellipsoid around the eyes.
        let front = smoothstep(0.05, 0.3, direction[2]);
        (lerp(SKULL_CENTER, position, 0.985 - 0.3 * front), color, 0.0)
    });
}

fn hair(surface: &mut Surface, look: &Appearance) {
    surface.grid([48, 30], |u, v| {
        let (position, direction) = ellipsoid(SKULL_CENTER, SKULL_RADII, u, v);
        let around = direction[0].abs().atan2(direction[2]).to_degrees();
        let wave = noise(look.seed ^ 4, 3.5 * direction[0] + 20.0, 4.0 * direction[2]) - 0.5;
        let above = position[1] - (hairline(around) + 0.9 * wave);
        let inside = smoothstep(-0.5, 0.7, above);
        let hidden = 0.95 - 0.3 * smoothstep(0.05, 0.3, direction[2]);
        let crown = 0.05 * smoothstep(0.3, 0.9, direction[1]);
        let outside = 1.07 + crown + 0.035 * noise(look.seed ^ 5, u * 14.0, v * 9.0);
        let thickness = hidden + inside * (outside - hidden);
        let strand = 0.75 + 0.5 * noise(look.seed ^ 6, u * 90.0, v * 6.0);
        (lerp(SKULL_CENTER, position, thickness), scale(look.hair, strand), 0.0)
    });
    if look.long_hair {
        surface.grid([32, 16], |u, v| {
            let (position, _) = ellipsoid([0.0, -4.5, -6.5], [9.3, 13.0, 5.6], u, v);
            let strand = 0.6 + 0.5 * noise(look.seed ^ 7, u * 90.0, v * 4.0);
            (position, scale(look.hair, strand), smoothstep(2.0, -14.0, position[1]) * 0.5)
        });
    }
}

fn hairline(degrees: f32) -> f32 {
    for pair in HAIRLINE.windows(2) {
        let ((from, low), (to, high)) = (pair[0], pair[1]);
        if degrees <= to {
            return low + (high - low) * (degrees - from) / (to - from);
        }
    }
    HAIRLINE[HAIRLINE.len() - 1].1
}

fn ears(surface: &mut Surface, look: &Appearance) {
    for side in [-1.0, 1.0] {
        surface.grid([16, 12], |u, v| {
            let (position, direction) = ellipsoid([0.0; 3], [0.75, 3.1, 1.7], u, v);
            // Tilted back, away from the head at its rear edge.
            let position = [
                side * 7.75 + position[0] - side * 0.35 * position[2],
                0.2 + position[1],
                -3.6 + position[2] - 0.15 * position[1],
            ];
            let shell = smoothstep(0.75, 0.95, (direction[0] * side).max(0.0));
            let red = [look.skin[0], look.skin[1] * 0.86, look.skin[2] * 0.84];
            (position, lerp(red, scale(red, 0.55), shell), 0.0)
        });
    }
}

fn neck(surface: &mut Surface, look: &Appearance) {
    surface.grid([28, 12], |u, v| {
        let angle = std::f32::consts::TAU * u;
        let down = 1.0 - v;
        let flare = smoothstep(0.55, 1.0, down);
        let radius = [5.6 + 3.3 * flare, 5.0 + 1.5 * flare];
        let position =
            [-radius[0] * angle.sin(), -3.0 - 15.0 * down, -4.2 - 1.0 * down + radius[1] * angle.cos()];
        // The chin's shadow lies on the throat.
        let shadow = 0.56 + 0.36 * smoothstep(0.45, 1.0, down);
        (position, scale(look.skin, shadow), smoothstep(0.1, 0.9, down))
    });
}

fn shoulders(surface: &mut Surface, look: &Appearance) {
    surface.grid([32, 20], |u, v| {
        // A rounded top, then straight down.
        let around = std::f32::consts::TAU * u;
        let up = smooth_top(v);
        let position = [
            -SHOULDER_RADII[0] * up[0] * around.sin(),
            SHOULDER_TOP_Y - SHOULDER_RADII[1] * (1.0 - up[1]),
            -6.0 + SHOULDER_RADII[2] * up[0].sqrt() * around.cos() * (0.45 + 0.55 * up[0]),
        ];
        let fold = 0.85 + 0.3 * noise(look.seed ^ 8, position[0] * 0.4, position[1] * 0.3);
        let collar = 0.65 + 0.35 * smoothstep(0.40, 0.44, up[0]);
        (position, scale(look.clothes, fold * collar), 1.0)
    });
}

/// Share of the full breadth, and height in units of the rounded part, from far below (`v` = 0) to the
/// middle of the top (`v` = 1).
fn smooth_top(v: f32) -> [f32; 2] {
    const STRAIGHT: f32 = 0.25;
    if v < STRAIGHT {
        return [1.0, -9.0 * (1.0 - v / STRAIGHT)];
    }
    let angle = (v - STRAIGHT) / (1.0 - STRAIGHT) * std::f32::consts::FRAC_PI_2;
    [angle.cos().powf(0.75), angle.sin().powf(0.8)]
}

/// A point of an ellipsoid and its direction on the unit sphere; `u` runs around from the front over the
/// person's right, `v` from the lowest point to the highest.
fn ellipsoid(center: Vector, radii: Vector, u: f32, v: f32) -> (Vector, Vector) {
    let (around, up) = (std::f32::consts::TAU * u, std::f32::consts::PI * (v - 0.5));
    let direction = [-around.sin() * up.cos(), up.sin(), around.cos() * up.cos()];
    let offset = [direction[0] * radii[0], direction[1] * radii[1], direction[2] * radii[2]];
    (add(center, offset), direction)
}

impl Surface {
    /// Appends a sheet over `u`, `v` in 0–1, closed around in `u`, which must run so that the outside is
    /// seen counter-clockwise. `place` gives position, colour and share of the torso.
    fn grid(&mut self, [columns, rows]: [usize; 2], place: impl Fn(f32, f32) -> (Vector, Vector, f32)) {
        let first = self.vertices.len();
        let at = |column: usize, row: usize| {
            place((column % columns) as f32 / columns as f32, row as f32 / rows as f32)
        };
        for row in 0..=rows {
            for column in 0..columns {
                let (position, color, torso) = at(column, row);
                let (ahead, behind) = (at(column + 1, row).0, at(column + columns - 1, row).0);
                let (up, down) = (at(column, (row + 1).min(rows)).0, at(column, row.saturating_sub(1)).0);
                let normal = normalize(cross(sub(up, down), sub(ahead, behind)));
                self.vertices.push(Vertex { position, normal, color, torso });
            }
        }
        for row in 0..rows {
            for column in 0..columns {
                let next = (column + 1) % columns;
                let (a, b) = (first + row * columns + column, first + row * columns + next);
                let (c, d) = (a + columns, b + columns);
                self.triangles.push([a as u32, c as u32, b as u32]);
                self.triangles.push([b as u32, c as u32, d as u32]);
            }
        }
        self.mend_poles(first, columns, rows);
    }

    /// Leaves out what lies behind the face and can never be seen.
    fn drop_inside_head(&mut self) {
        let inside = |i: u32| {
            let offset = sub(self.vertices[i as usize].position, SKULL_CENTER);
            (0..3).map(|i| (offset[i] / SKULL_RADII[i]).powi(2)).sum::<f32>() < 0.7
        };
        self.triangles.retain(|triangle| !triangle.iter().all(|&i| inside(i)));
    }

    /// Where all columns meet in one point, the sheet has no direction: takes the next row's mean.
    fn mend_poles(&mut self, first: usize, columns: usize, rows: usize) {
        for (pole, neighbour) in [(0, 1), (rows, rows - 1)] {
            let row = |row: usize| first + row * columns..first + (row + 1) * columns;
            let mean = self.vertices[row(neighbour)].iter().fold([0.0; 3], |sum, v| add(sum, v.normal));
            for vertex in &mut self.vertices[row(pole)] {
                if vertex.normal == [0.0; 3] {
                    vertex.normal = normalize(mean);
                }
            }
        }
    }
}
