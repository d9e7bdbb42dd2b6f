//! Draws faces over a preview: mesh, contours, boxes, pose axes.
//!
//! Lines of the mesh go into one triangle mesh (two triangles an edge): 1,322 edges a face cost one
//! shape instead of 1,322.

use eframe::egui::{Color32, FontId, Mesh, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Vec2, pos2};
use mien_face::{Face, FrameFaces, topology};

use crate::model::Overlays;
use crate::theme;

/// Where frame pixels lie on the screen.
#[derive(Debug, Clone, Copy)]
pub struct ScreenFromFrame {
    origin: Pos2,
    scale: Vec2,
}

impl ScreenFromFrame {
    /// The frame fills `rect`.
    #[must_use]
    pub fn new(rect: Rect, frame_width: u32, frame_height: u32) -> Self {
        let scale =
            Vec2::new(rect.width() / frame_width.max(1) as f32, rect.height() / frame_height.max(1) as f32);
        Self { origin: rect.min, scale }
    }

    fn point(&self, x: f32, y: f32) -> Pos2 {
        self.origin + Vec2::new(x * self.scale.x, y * self.scale.y)
    }

    fn landmark(&self, face: &Face, index: u16) -> Pos2 {
        let [x, y, _] = face.smoothed.landmarks[usize::from(index)];
        self.point(x, y)
    }
}

/// The largest rectangle of the picture's shape that fits into `area`, centred.
#[must_use]
pub fn fit(area: Rect, width: usize, height: usize) -> Rect {
    let (width, height) = (width.max(1) as f32, height.max(1) as f32);
    let scale = (area.width() / width).min(area.height() / height);
    Rect::from_center_size(area.center(), Vec2::new(width * scale, height * scale))
}

/// Draws all faces of a frame; `name` gives a participant's name for a track id.
pub fn draw(
    painter: &Painter,
    screen: ScreenFromFrame,
    result: &FrameFaces,
    overlays: &Overlays,
    vertical_fov_deg: f32,
    name: impl Fn(u32) -> Option<String>,
) {
    for face in result.faces() {
        if overlays.mesh {
            lines(painter, screen, face, &topology::TESSELLATION, 0.8, theme::ACCENT.gamma_multiply(0.45));
        }
        if overlays.contours {
            for contour in [
                &topology::FACE_OVAL[..],
                &topology::LIPS,
                &topology::LEFT_EYE,
                &topology::RIGHT_EYE,
                &topology::LEFT_EYEBROW,
                &topology::RIGHT_EYEBROW,
            ] {
                lines(painter, screen, face, contour, 1.6, theme::ACCENT);
            }
        }
        if overlays.irises {
            for iris in [&topology::LEFT_IRIS, &topology::RIGHT_IRIS] {
                lines(painter, screen, face, iris, 1.6, Color32::WHITE);
            }
        }
        if overlays.axes {
            axes(painter, screen, result, face, vertical_fov_deg);
        }
        if overlays.boxes {
            let label = name(face.track_id).unwrap_or_else(|| format!("face {}", face.track_id));
            frame_box(painter, screen, face, &label);
        }
    }
}

fn lines(
    painter: &Painter,
    screen: ScreenFromFrame,
    face: &Face,
    edges: &[[u16; 2]],
    width: f32,
    color: Color32,
) {
    let mut mesh = Mesh::default();
    mesh.reserve_triangles(edges.len() * 2);
    mesh.reserve_vertices(edges.len() * 4);
    for &[from, to] in edges {
        let (a, b) = (screen.landmark(face, from), screen.landmark(face, to));
        // Irises that the landmark network does not find.
        if a.any_nan() || b.any_nan() {
            continue;
        }
        let side = (b - a).rot90().normalized() * (width * 0.5);
        let first = mesh.vertices.len() as u32;
        for point in [a + side, a - side, b + side, b - side] {
            mesh.colored_vertex(point, color);
        }
        mesh.add_triangle(first, first + 1, first + 2);
        mesh.add_triangle(first + 1, first + 2, first + 3);
    }
    painter.add(Shape::mesh(mesh));
}

fn frame_box(painter: &Painter, screen: ScreenFromFrame, face: &Face, label: &str) {
    let bounds = face.bounds;
    let rect = Rect::from_min_max(screen.point(bounds.x1, bounds.y1), screen.point(bounds.x2, bounds.y2));
    painter.rect_stroke(rect, 4.0, Stroke::new(1.5, theme::ACCENT), StrokeKind::Outside);
    let text = painter.layout_no_wrap(label.to_owned(), FontId::proportional(15.0), Color32::WHITE);
    let size = text.size() + Vec2::new(10.0, 4.0);
    let back = Rect::from_min_size(pos2(rect.min.x, rect.min.y - size.y - 2.0), size);
    painter.rect_filled(back, 4.0, Color32::from_black_alpha(170));
    painter.galley(back.min + Vec2::new(5.0, 2.0), text, Color32::WHITE);
}

/// The head's axes from between the eyes: x red, y green, z blue, 7 cm long.
fn axes(painter: &Painter, screen: ScreenFromFrame, result: &FrameFaces, face: &Face, vertical_fov_deg: f32) {
    let project = |point: [f32; 3]| {
        let focal = result.frame_height as f32 * 0.5 / (vertical_fov_deg.to_radians() * 0.5).tan();
        let depth = -point[2];
        (depth > 1.0).then(|| {
            screen.point(
                result.frame_width as f32 * 0.5 + point[0] / depth * focal,
                result.frame_height as f32 * 0.5 - point[1] / depth * focal,
            )
        })
    };
    let m = &face.smoothed.pose.camera_from_head;
    let camera = |p: [f32; 3]| {
        std::array::from_fn(|row| {
            m[row * 4] * p[0] + m[row * 4 + 1] * p[1] + m[row * 4 + 2] * p[2] + m[row * 4 + 3]
        })
    };
    // Between the eyes of the canonical model, in cm.
    let origin = [0.0, 2.5, 5.8];
    let Some(start) = project(camera(origin)) else { return };
    for (axis, color) in [
        (0, theme::ALERT),
        (1, Color32::from_rgb(0x5f, 0xc0, 0x5f)),
        (2, Color32::from_rgb(0x5a, 0x8f, 0xe0)),
    ] {
        let mut tip = origin;
        tip[axis] += 7.0;
        if let Some(end) = project(camera(tip)) {
            painter.line_segment([start, end], Stroke::new(2.5, color));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_keeps_its_shape() {
        let area = Rect::from_min_size(pos2(10.0, 10.0), Vec2::new(400.0, 400.0));
        let wide = fit(area, 960, 540);
        assert_eq!(wide.width(), 400.0);
        assert_eq!(wide.height(), 225.0);
        assert_eq!(wide.center(), area.center());
        assert!(fit(area, 0, 0).is_finite());
    }

    #[test]
    fn frame_pixels_land_where_the_picture_is() {
        let screen =
            ScreenFromFrame::new(Rect::from_min_size(pos2(100.0, 50.0), Vec2::new(320.0, 240.0)), 640, 480);
        assert_eq!(screen.point(640.0, 480.0), pos2(420.0, 290.0));
    }
}
