//! What is drawn for a face.

use mien_face::{Face, FrameFaces, topology};

use crate::canvas::{Canvas, Color, Lines};
use crate::text::Type;

/// The app's accent colour.
const ACCENT: Color = [0x2F, 0xA8, 0x9B];
/// For the mesh: seen on dark and on light skin.
const MESH: Color = [0x55, 0xCC, 0xBE];
/// The accent, lightened for thin lines on skin.
const CONTOUR: Color = [0x6F, 0xE3, 0xD4];
const IRIS: Color = [0xFF, 0xFF, 0xFF];
const TEXT: Color = [0xFF, 0xFF, 0xFF];
/// x red, y green, z blue.
const AXES: [Color; 3] = [[0xE5, 0x53, 0x4B], [0x5F, 0xC0, 0x5F], [0x5A, 0x9F, 0xF0]];

const CONTOURS: [&[[u16; 2]]; 6] = [
    &topology::FACE_OVAL,
    &topology::LIPS,
    &topology::LEFT_EYE,
    &topology::RIGHT_EYE,
    &topology::LEFT_EYEBROW,
    &topology::RIGHT_EYEBROW,
];
/// Right and left iris: the centre, then four points around it.
const IRISES: [usize; 2] = [468, 473];
/// Lines that an iris's outline is drawn with.
const IRIS_LINES: usize = 16;

/// Between the eyes of the canonical model, in cm: where the axes start.
const AXES_ORIGIN_CM: [f32; 3] = [0.0, 2.5, 5.8];
const AXIS_LENGTH_CM: f32 = 7.0;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlays {
    /// The tessellation.
    pub mesh: bool,
    /// Outlines of face, lips, eyes and brows, and the irises.
    pub contours: bool,
    /// Boxes with id and score.
    pub boxes: bool,
    /// Pose axes from between the eyes.
    pub axes: bool,
}

impl Default for Overlays {
    fn default() -> Self {
        Self { mesh: true, contours: true, boxes: true, axes: true }
    }
}

/// Draws results onto pictures. Keeps its buffers from picture to picture.
pub struct Annotator {
    overlays: Overlays,
    vertical_fov_deg: f32,
    lines: Lines,
    typeface: Type,
}

impl Annotator {
    /// `vertical_fov_deg` is the field of view that the poses were computed with.
    #[must_use]
    pub fn new(overlays: Overlays, vertical_fov_deg: f32) -> Self {
        Self { overlays, vertical_fov_deg, lines: Lines::default(), typeface: Type::new() }
    }

    /// Draws the faces onto a picture of tight RGB rows, and `caption` (if any) at its lower left.
    ///
    /// # Panics
    /// When `rgb` does not hold width × height × 3 bytes.
    pub fn draw(&mut self, rgb: &mut [u8], width: u32, height: u32, frame: &FrameFaces, caption: &str) {
        let mut canvas = Canvas::new(rgb, width, height);
        for face in frame.faces() {
            self.draw_face(&mut canvas, face);
        }
        // Names go over everything, so that crowded faces stay told apart.
        let text_size = (canvas.height() / 34.0).clamp(11.0, 30.0);
        if self.overlays.boxes {
            for face in frame.faces() {
                let name = format!("{}  {:.2}", face.track_id, face.score);
                let corner = [face.bounds.x1, face.bounds.y1 - 2.0];
                self.typeface.chip(&mut canvas, &name, corner, text_size, TEXT);
            }
        }
        if !caption.is_empty() {
            let corner = [0.0, canvas.height()];
            self.typeface.chip(&mut canvas, caption, corner, text_size * 0.9, TEXT);
        }
    }

    fn draw_face(&mut self, canvas: &mut Canvas<'_>, face: &Face) {
        let size = face_size(face);
        let stroke = (size / 180.0).clamp(0.8, 3.0);
        if self.overlays.mesh {
            // 1,322 edges on a small face would hide it: the mesh fades out towards 40 pixels.
            let share = ((size - 40.0) / 120.0).clamp(0.0, 1.0) * 0.40 + 0.04;
            self.edges(canvas, face, &[&topology::TESSELLATION], (stroke * 0.6).max(0.75), MESH, share);
        }
        if self.overlays.contours {
            self.edges(canvas, face, &CONTOURS, stroke * 1.2, CONTOUR, 0.85);
            self.irises(canvas, face, stroke);
        }
        if self.overlays.boxes {
            self.frame_box(canvas, face, (canvas.height() / 400.0).clamp(1.0, 3.0));
        }
        if self.overlays.axes {
            self.axes(canvas, face, stroke * 1.6);
        }
    }

    fn edges(
        &mut self,
        canvas: &mut Canvas<'_>,
        face: &Face,
        lists: &[&[[u16; 2]]],
        width: f32,
        color: Color,
        share: f32,
    ) {
        self.lines.begin(canvas, landmark_corners(face, width + 1.0));
        let point = |index: u16| {
            let [x, y, _] = face.smoothed.landmarks[usize::from(index)];
            [x, y]
        };
        for &[from, to] in lists.iter().copied().flatten() {
            self.lines.line(point(from), point(to), width);
        }
        self.lines.blend_onto(canvas, color, share);
    }

    /// Ellipses through the four points around each iris.
    fn irises(&mut self, canvas: &mut Canvas<'_>, face: &Face, width: f32) {
        self.lines.begin(canvas, landmark_corners(face, width + 1.0));
        for center in IRISES {
            let point = |i: usize| face.smoothed.landmarks[center + i];
            let half = |a: usize, b: usize, axis: usize| (point(a)[axis] - point(b)[axis]) * 0.5;
            let on_ellipse = |i: usize| -> [f32; 2] {
                let (sin, cos) = (i as f32 / IRIS_LINES as f32 * std::f32::consts::TAU).sin_cos();
                std::array::from_fn(|axis| point(0)[axis] + cos * half(1, 3, axis) + sin * half(2, 4, axis))
            };
            for i in 0..IRIS_LINES {
                self.lines.line(on_ellipse(i), on_ellipse(i + 1), width);
            }
        }
        self.lines.blend_onto(canvas, IRIS, 0.9);
    }

    fn frame_box(&mut self, canvas: &mut Canvas<'_>, face: &Face, width: f32) {
        let b = &face.bounds;
        let margin = width + 1.0;
        self.lines.begin(canvas, [b.x1 - margin, b.y1 - margin, b.x2 + margin, b.y2 + margin]);
        let corners = [[b.x1, b.y1], [b.x2, b.y1], [b.x2, b.y2], [b.x1, b.y2]];
        for i in 0..4 {
            self.lines.line(corners[i], corners[(i + 1) % 4], width);
        }
        self.lines.blend_onto(canvas, ACCENT, 0.85);
    }

    fn axes(&mut self, canvas: &mut Canvas<'_>, face: &Face, width: f32) {
        let (frame_width, frame_height) = (canvas.width(), canvas.height());
        let focal = frame_height * 0.5 / (self.vertical_fov_deg.to_radians() * 0.5).tan();
        let m = &face.smoothed.pose.camera_from_head;
        let project = |p: [f32; 3]| {
            let [x, y, z]: [f32; 3] = std::array::from_fn(|row| {
                m[4 * row] * p[0] + m[4 * row + 1] * p[1] + m[4 * row + 2] * p[2] + m[4 * row + 3]
            });
            // Behind or at the camera there is nothing to draw.
            (z < -1.0).then(|| [frame_width * 0.5 - x / z * focal, frame_height * 0.5 + y / z * focal])
        };
        let Some(start) = project(AXES_ORIGIN_CM) else { return };
        for (axis, color) in AXES.into_iter().enumerate() {
            let mut tip = AXES_ORIGIN_CM;
            tip[axis] += AXIS_LENGTH_CM;
            let Some(end) = project(tip) else { continue };
            let corners = corners_around([start, end].into_iter(), width + 1.0);
            self.lines.begin(canvas, corners);
            self.lines.line(start, end, width);
            self.lines.blend_onto(canvas, color, 0.95);
        }
    }
}

/// Width or height of the face's landmarks in pixels, whichever is more.
fn face_size(face: &Face) -> f32 {
    let [x1, y1, x2, y2] = landmark_corners(face, 0.0);
    (x2 - x1).max(y2 - y1)
}

fn landmark_corners(face: &Face, margin: f32) -> [f32; 4] {
    corners_around(face.smoothed.landmarks.iter().map(|&[x, y, _]| [x, y]), margin)
}

fn corners_around(points: impl Iterator<Item = [f32; 2]>, margin: f32) -> [f32; 4] {
    let start = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
    let [x1, y1, x2, y2] =
        points.fold(start, |[x1, y1, x2, y2], [x, y]| [x1.min(x), y1.min(y), x2.max(x), y2.max(y)]);
    [x1 - margin, y1 - margin, x2 + margin, y2 + margin]
}
