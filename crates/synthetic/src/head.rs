//! Draws one person and tells the truth about the face.

use mien_face::topology::TRIANGLES;
use mien_face::{CANONICAL_VERTICES_CM, HeadPose, LANDMARK_COUNT, MESH_LANDMARK_COUNT};
use mien_geometry::rotation_to_euler_deg;

use crate::appearance::Appearance;
use crate::body::{JAW_LINE, Surface, above_forehead, skull_normal, surfaces, throat};
use crate::expression::{Deformer, open_jaw};
use crate::eyes::{EyePainter, Eyeball, bytes};
use crate::lens::{Lens, Light};
use crate::motion::HeadState;
use crate::raster::{Canvas, Corner};
use crate::skin;
use crate::texture::Texture;
use crate::vector::{Rigid, Vector, add, cross, lerp, normalize, scale, sub};

/// Outline of the gap between the lids of each eye.
const EYE_GAPS: [[u16; 16]; 2] = [
    [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246],
    [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466],
];
/// Outline of the gap between the lips.
const MOUTH_GAP: [u16; 20] =
    [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191];

/// Upper half of the face's outline.
const FOREHEAD_EDGE: [usize; 15] = [356, 389, 251, 284, 332, 297, 338, 10, 109, 67, 103, 54, 21, 162, 127];

/// How far the normals at the face's lower edge turn outwards.
const JAW_ROUNDNESS: f32 = 0.2;

/// What is the same in every person.
#[derive(Debug)]
pub(crate) struct Anatomy {
    deformer: Deformer,
    texture_coordinates: [[f32; 2]; MESH_LANDMARK_COUNT],
    throat: [Vector; JAW_LINE.len()],
    skin: Vec<[u16; 3]>,
    /// From the face's upper edge to the corners that follow the mesh's.
    forehead: Vec<[u16; 3]>,
    eyes: [Vec<[u16; 3]>; 2],
    mouth: Vec<[u16; 3]>,
}

impl Anatomy {
    pub(crate) fn new() -> Self {
        let (mut skin, mut forehead, mut mouth) = (Vec::new(), Vec::new(), Vec::new());
        let mut eyes = [Vec::new(), Vec::new()];
        for triangle in TRIANGLES {
            let within = |outline: &[u16]| triangle.iter().all(|i| outline.contains(i));
            if within(&EYE_GAPS[0]) {
                eyes[0].push(triangle);
            } else if within(&EYE_GAPS[1]) {
                eyes[1].push(triangle);
            } else if within(&MOUTH_GAP) {
                mouth.push(triangle);
            } else {
                skin.push(triangle);
            }
        }
        for k in 1..FOREHEAD_EDGE.len() {
            let (left, right) = (FOREHEAD_EDGE[k - 1] as u16, FOREHEAD_EDGE[k] as u16);
            let above = (MESH_LANDMARK_COUNT + k) as u16;
            forehead.push([left, above - 1, right]);
            forehead.push([right, above - 1, above]);
        }
        Self {
            deformer: Deformer::new(),
            forehead,
            texture_coordinates: skin::texture_coordinates(),
            throat: throat(),
            skin,
            eyes,
            mouth,
        }
    }
}

/// One person with the buffers for drawing.
#[derive(Debug)]
pub(crate) struct Head {
    look: Appearance,
    skin: Texture,
    body: Surface,
    /// Of the face's mesh, in the head's frame.
    vertices: Box<[Vector; MESH_LANDMARK_COUNT]>,
    /// In camera space; the irises follow the mesh.
    landmarks: Box<[Vector; LANDMARK_COUNT]>,
    face_corners: Vec<Corner<4>>,
    gap_corners: Vec<Corner<3>>,
    body_corners: Vec<Corner<3>>,
    normals: Box<[Vector; MESH_LANDMARK_COUNT]>,
}

/// What drawing needs besides the person.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) anatomy: &'a Anatomy,
    pub(crate) lens: &'a Lens,
    pub(crate) light: &'a Light,
}

impl Head {
    pub(crate) fn new(look: Appearance) -> Self {
        let body = surfaces(&look);
        Self {
            skin: skin::paint(&look),
            vertices: Box::new(CANONICAL_VERTICES_CM),
            landmarks: Box::new([[0.0; 3]; LANDMARK_COUNT]),
            face_corners: Vec::with_capacity(MESH_LANDMARK_COUNT + FOREHEAD_EDGE.len()),
            gap_corners: Vec::with_capacity(MESH_LANDMARK_COUNT),
            body_corners: Vec::with_capacity(body.vertices.len()),
            normals: Box::new([[0.0; 3]; MESH_LANDMARK_COUNT]),
            look,
            body,
        }
    }

    /// Landmarks in camera space (cm) as last drawn.
    pub(crate) fn landmarks_cm(&self) -> &[Vector; LANDMARK_COUNT] {
        &self.landmarks
    }

    /// Draws the person.
    pub(crate) fn draw(&mut self, scene: &Scene<'_>, state: &HeadState, canvas: &mut Canvas) {
        let rigid = Rigid::new(state.rotation_deg, state.translation_cm);
        let eyes = [-1.0, 1.0].map(|side| Eyeball::new(side, state.expression.gaze_deg));
        scene.anatomy.deformer.apply(&state.expression, &mut self.vertices);
        for (landmark, &vertex) in self.landmarks.iter_mut().zip(self.vertices.iter()) {
            *landmark = rigid.point(vertex);
        }
        for (i, point) in eyes.iter().flat_map(Eyeball::iris).enumerate() {
            self.landmarks[MESH_LANDMARK_COUNT + i] = rigid.point(point);
        }
        self.draw_face(scene, &rigid, canvas);
        self.draw_gaps(scene, &rigid, eyes, canvas);
        self.draw_body(scene, &rigid, state, canvas);
        self.draw_throat(scene, &rigid, state, canvas);
    }

    /// Directions of the skin in the head's frame, of any length.
    fn find_normals(&mut self, anatomy: &Anatomy) {
        self.normals.fill([0.0; 3]);
        for &[a, b, c] in &anatomy.skin {
            let [a, b, c] = [a, b, c].map(usize::from);
            let v = &self.vertices;
            let normal = cross(sub(v[b], v[a]), sub(v[c], v[a]));
            for i in [a, b, c] {
                self.normals[i] = add(self.normals[i], normal);
            }
        }
        // The forehead goes over into the skull without an edge.
        for i in FOREHEAD_EDGE {
            self.normals[i] = skull_normal(self.vertices[i]);
        }
        // Below, it turns under the chin.
        for i in JAW_LINE {
            let [x, y, z] = self.vertices[i];
            let outward = normalize([x, 0.8 * y - 2.0, 0.3 * z]);
            self.normals[i] = add(normalize(self.normals[i]), scale(outward, JAW_ROUNDNESS));
        }
    }

    fn draw_face(&mut self, scene: &Scene<'_>, rigid: &Rigid, canvas: &mut Canvas) {
        self.find_normals(scene.anatomy);
        self.face_corners.clear();
        let corner = |position: Vector, normal: Vector, [u, v]: [f32; 2]| {
            let normal = rigid.direction(normal);
            let [x, y, inverse_depth] = scene.lens.project(position);
            let gloss = 26.0 * scene.light.gloss(normal);
            Corner { x, y, inverse_depth, values: [u, v, scene.light.shade(normal), gloss] }
        };
        let places = &scene.anatomy.texture_coordinates;
        for i in 0..MESH_LANDMARK_COUNT {
            self.face_corners.push(corner(self.landmarks[i], normalize(self.normals[i]), places[i]));
        }
        for i in FOREHEAD_EDGE {
            let above = above_forehead(self.vertices[i]);
            self.face_corners.push(corner(rigid.point(above), skull_normal(above), places[i]));
        }
        let samples_per_cm = scene.lens.focal / (-rigid.translation[2]).max(1.0);
        let level = self.skin.level(skin::TEXELS_PER_CM / samples_per_cm);
        let corners = &self.face_corners;
        for triangle in scene.anatomy.skin.iter().chain(&scene.anatomy.forehead) {
            canvas.triangle(triangle.map(|i| &corners[usize::from(i)]), |&[u, v, shade, gloss]| {
                level.color(u, v).map(|c| (c * shade + gloss) as u8)
            });
        }
    }

    fn draw_gaps(&mut self, scene: &Scene<'_>, rigid: &Rigid, eyes: [Eyeball; 2], canvas: &mut Canvas) {
        self.gap_corners.clear();
        for i in 0..MESH_LANDMARK_COUNT {
            let [x, y, inverse_depth] = scene.lens.project(self.landmarks[i]);
            self.gap_corners.push(Corner { x, y, inverse_depth, values: self.vertices[i] });
        }
        let corners = &self.gap_corners;
        let camera = rigid.inverse_point([0.0; 3]);
        for (ball, triangles) in eyes.into_iter().zip(&scene.anatomy.eyes) {
            let painter = EyePainter {
                ball,
                camera,
                camera_from_head: rigid,
                light: scene.light,
                iris: self.look.iris,
                skin: self.look.skin,
                sample_cm: (-rigid.translation[2]).max(1.0) / scene.lens.focal,
            };
            for triangle in triangles {
                canvas.triangle(triangle.map(|i| &corners[usize::from(i)]), |&gap| painter.color(gap));
            }
        }
        for triangle in &scene.anatomy.mouth {
            canvas.triangle(triangle.map(|i| &corners[usize::from(i)]), |&gap| mouth_color(camera, gap));
        }
    }

    fn draw_body(&mut self, scene: &Scene<'_>, rigid: &Rigid, state: &HeadState, canvas: &mut Canvas) {
        // Shoulders follow a turning head a little, and never tilt.
        let torso = Rigid::new([0.0, 0.2 * state.rotation_deg[1], 0.0], state.translation_cm);
        self.body_corners.clear();
        for vertex in &self.body.vertices {
            let position = lerp(rigid.point(vertex.position), torso.point(vertex.position), vertex.torso);
            let normal = lerp(rigid.direction(vertex.normal), torso.direction(vertex.normal), vertex.torso);
            let [x, y, inverse_depth] = scene.lens.project(position);
            let values = scale(vertex.color, 255.0 * scene.light.shade(normal));
            self.body_corners.push(Corner { x, y, inverse_depth, values });
        }
        let corners = &self.body_corners;
        for triangle in &self.body.triangles {
            canvas.triangle(triangle.map(|i| &corners[i as usize]), |color| color.map(|c| c as u8));
        }
    }

    fn draw_throat(&mut self, scene: &Scene<'_>, rigid: &Rigid, state: &HeadState, canvas: &mut Canvas) {
        let shade = 255.0 * 0.62 * (0.4 + 0.6 * scene.light.shade([0.0, -0.5, 0.8]));
        let color = scale(self.look.skin, shade);
        let corner = |p: Vector, color: Vector| {
            let [x, y, inverse_depth] = scene.lens.project(p);
            Corner { x, y, inverse_depth, values: color }
        };
        let jaw = |k: usize| corner(self.landmarks[JAW_LINE[k]], color);
        let throat = |k: usize| {
            let p = open_jaw(scene.anatomy.throat[k], 0.15 * state.expression.jaw_open);
            corner(rigid.point(p), scale(color, 1.3))
        };
        for k in 1..JAW_LINE.len() {
            let (a, b, c, d) = (jaw(k - 1), jaw(k), throat(k - 1), throat(k));
            let paint = |color: &[f32; 3]| color.map(|c| c as u8);
            canvas.triangle([&a, &b, &c], paint);
            canvas.triangle([&b, &d, &c], paint);
        }
    }
}

/// Colour 0–255 of what is seen through `gap`, a point between the lips in the head's frame.
fn mouth_color(camera: Vector, gap: Vector) -> [u8; 3] {
    let ray = sub(gap, camera);
    let reach = |z: f32| add(camera, scale(ray, (z - camera[2]) / ray[2].min(-1e-3)));
    let [x, y, _] = reach(4.4);
    // Rows of teeth on a curve: farther back at the sides.
    let side = (x / 2.3).powi(2);
    if y > -4.72 + 0.25 * side && side < 1.0 {
        let between = 0.93 + 0.07 * (x * 7.5).cos();
        return bytes([0.85, 0.80, 0.72], between * (1.0 - 0.55 * side));
    }
    let [x, y, _] = reach(3.0);
    let tongue = 1.0 - ((x / 1.9).powi(2) + ((y + 6.6) / 1.0).powi(2)).min(1.0);
    bytes(lerp([0.13, 0.05, 0.05], [0.42, 0.17, 0.17], tongue), 1.0)
}

/// The pose as `mien_face` writes it.
pub(crate) fn head_pose(state: &HeadState) -> HeadPose {
    let Rigid { rotation: r, translation: t } = Rigid::new(state.rotation_deg, state.translation_cm);
    HeadPose {
        camera_from_head: [
            r[0][0], r[0][1], r[0][2], t[0], //
            r[1][0], r[1][1], r[1][2], t[1], //
            r[2][0], r[2][1], r[2][2], t[2], //
            0.0, 0.0, 0.0, 1.0,
        ],
        rotation_deg: rotation_to_euler_deg(&r),
        translation_cm: state.translation_cm,
    }
}
