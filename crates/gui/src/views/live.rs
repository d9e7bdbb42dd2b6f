//! The cameras: a grid of previews with what was tracked, or one of them large.

use eframe::egui::emath::GuiRounding as _;
use eframe::egui::{self, Align2, Color32, FontId, Rect, RichText, Sense, Stroke, StrokeKind, Vec2, pos2};

use crate::app::Page;
use crate::backend::Command;
use crate::model::{Overlays, free_name, grid_columns};
use crate::overlay::{self, ScreenFromFrame};
use crate::shell::strong_button;
use crate::theme;
use mien_config::Camera;
use mien_control::{CameraState, CameraStatus};

/// Height of the line below a camera's picture.
const CAPTION: f32 = 34.0;

/// Draws the page.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    if page.backend.cameras().is_empty() {
        welcome(ui, page);
        return;
    }
    choose_overlays(ui, page);
    let cameras: Vec<CameraStatus> = page.backend.cameras().to_vec();
    let area = ui.available_rect_before_wrap();
    let is_shown =
        |camera: &CameraStatus| page.model.enlarged.as_ref().is_none_or(|name| *name == camera.name);
    let shown: Vec<usize> = (0..cameras.len()).filter(|&camera| is_shown(&cameras[camera])).collect();
    // Until a camera's first picture is there, what most cameras send.
    let proportion = |&camera: &usize| {
        let picture = page.feeds[camera].picture();
        picture.map_or(16.0 / 9.0, |(_, preview)| preview.width.max(1) as f32 / preview.height.max(1) as f32)
    };
    let proportions: Vec<f32> = shown.iter().map(proportion).collect();
    let columns = grid_columns(&proportions, area.width(), area.height(), CAPTION);
    let rows = shown.len().div_ceil(columns).max(1);
    let tile = Vec2::new(area.width() / columns as f32, area.height() / rows as f32);
    for (place, &camera) in shown.iter().enumerate() {
        let corner =
            area.min + Vec2::new((place % columns) as f32 * tile.x, (place / columns) as f32 * tile.y);
        let rect = Rect::from_min_size(corner, tile).shrink(theme::GAP * 0.5);
        show_camera(ui, page, camera, &cameras[camera], rect);
    }
}

fn choose_overlays(ui: &mut egui::Ui, page: &mut Page<'_>) {
    ui.horizontal(|ui| {
        let listed = &mut page.model.settings.wanted.gui.overlays;
        let mut overlays = Overlays::new(listed);
        ui.checkbox(&mut overlays.boxes, "Boxes");
        ui.checkbox(&mut overlays.mesh, "Mesh");
        ui.checkbox(&mut overlays.contours, "Contours");
        ui.checkbox(&mut overlays.irises, "Irises");
        ui.checkbox(&mut overlays.axes, "Pose axes");
        *listed = overlays.listed(listed);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            // Always there, so that nothing moves when a camera is enlarged.
            let is_enlarged = page.model.enlarged.is_some();
            if ui.add_enabled(is_enlarged, egui::Button::new("All cameras (Esc)")).clicked() {
                page.model.enlarged = None;
            }
        });
    });
}

/// The first start: something real within one click.
fn welcome(ui: &mut egui::Ui, page: &mut Page<'_>) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.3);
        ui.heading("No camera yet");
        ui.label(
            RichText::new(
                "Add one on the Devices page, drop a video file here, or begin with the synthetic camera.",
            )
            .weak(),
        );
        ui.add_space(theme::GAP);
        let start = strong_button("Start the synthetic camera", 17.0, theme::ACCENT);
        if ui.add_sized([320.0, 46.0], start).clicked() {
            let name = free_name(&page.backend.config().cameras);
            page.backend.command(Command::AddCamera(Box::new(Camera::new(name, "synthetic"))));
        }
    });
}

fn show_camera(ui: &mut egui::Ui, page: &mut Page<'_>, camera: usize, status: &CameraStatus, rect: Rect) {
    let response = ui.allocate_rect(rect, Sense::click());
    response.widget_info(|| {
        let label = format!("camera {}, {}", status.name, status.state.label());
        egui::WidgetInfo::labeled(egui::Role::Button, true, label)
    });
    if response.clicked() {
        page.model.toggle_enlarged(&status.name);
    }
    let painter = ui.painter_at(rect);
    let area = Rect::from_min_max(rect.min, pos2(rect.max.x, rect.max.y - CAPTION));
    let feed = &page.feeds[camera];
    // Whole pixels of the screen, so that the picture can be copied to them.
    let pixels_per_point = ui.pixels_per_point();
    let place = feed.picture().map(|(_, preview)| {
        overlay::fit(area, preview.width, preview.height).round_to_pixels(pixels_per_point)
    });
    ground(&painter, rect, place);
    let live = status.state == CameraState::Live;
    if let Some(((texture, preview), picture)) = feed.picture().zip(place) {
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        // A camera that has stopped keeps its last picture, dimmed.
        let tint = if live { Color32::WHITE } else { Color32::from_gray(90) };
        painter.image(texture.id(), picture, whole, tint);
        if live {
            let screen = ScreenFromFrame::new(picture, preview.faces.frame_width, preview.faces.frame_height);
            let name = |track_id| page.backend.participant(camera, track_id).map(str::to_owned);
            let wanted = &page.model.settings.wanted;
            let overlays = Overlays::new(&wanted.gui.overlays);
            let fov_deg = wanted.detection.vertical_fov_deg;
            overlay::draw(&painter, screen, &preview.faces, &overlays, fov_deg, name);
        }
    }
    if !live {
        let galley = painter.layout(
            super::state_text(status),
            FontId::proportional(17.0),
            Color32::WHITE,
            area.width() - 40.0,
        );
        let back = Rect::from_center_size(area.center(), galley.size() + Vec2::splat(20.0));
        painter.rect_filled(back, 6.0, Color32::from_black_alpha(190));
        painter.galley(back.min + Vec2::splat(10.0), galley, Color32::WHITE);
    }
    if let Some(place) = place {
        let pixels = place.size() * pixels_per_point;
        page.feeds[camera].shown_at([pixels.x.round() as usize, pixels.y.round() as usize]);
    }
    caption(ui, &painter, status, Rect::from_min_max(pos2(rect.min.x, area.max.y), rect.max));
    if response.hovered() || response.has_focus() {
        painter.rect_stroke(rect, 6.0, Stroke::new(1.5, theme::ACCENT), StrokeKind::Inside);
    }
}

/// What of a camera's tile the picture does not cover.
fn ground(painter: &egui::Painter, rect: Rect, picture: Option<Rect>) {
    let fill = painter.ctx().global_style().visuals.extreme_bg_color;
    let Some(picture) = picture else {
        painter.rect_filled(rect, 6.0, fill);
        return;
    };
    for part in [
        Rect::from_min_max(rect.min, pos2(rect.max.x, picture.min.y)),
        Rect::from_min_max(pos2(rect.min.x, picture.max.y), rect.max),
        Rect::from_min_max(pos2(rect.min.x, picture.min.y), pos2(picture.min.x, picture.max.y)),
        Rect::from_min_max(pos2(picture.max.x, picture.min.y), pos2(rect.max.x, picture.max.y)),
    ] {
        if part.is_positive() {
            painter.rect_filled(part, 0.0, fill);
        }
    }
}

/// Name and state on the left; rate, latency and drops on the right in columns of fixed width. Larger where
/// there is room.
fn caption(ui: &egui::Ui, painter: &egui::Painter, status: &CameraStatus, rect: Rect) {
    let is_wide = rect.width() > 480.0;
    let (name_size, value_size) = if is_wide { (18.0, 17.0) } else { (15.0, 14.0) };
    let middle = rect.center().y;
    painter.circle_filled(pos2(rect.min.x + 15.0, middle), 5.0, theme::state_color(status.state));
    // Text and width, in letters of the font's size, from the right; the less important ones first.
    let columns = [
        (format!("{} dropped", status.dropped_frames), 7.0),
        (format!("{:.0} ms", status.latency.p50_ms), 4.6),
        (format!("{:.1} fps", status.fps), 4.6),
    ];
    let skipped = if rect.width() > 380.0 { 0 } else { 1 + usize::from(rect.width() < 240.0) };
    let mut right = rect.max.x - 12.0;
    for (value, letters) in columns.into_iter().skip(skipped) {
        let font = FontId::proportional(value_size);
        painter.text(pos2(right, middle), Align2::RIGHT_CENTER, value, font, ui.visuals().text_color());
        right -= letters * value_size;
    }
    let room = Rect::from_min_max(pos2(rect.min.x + 28.0, rect.min.y), pos2(right, rect.max.y));
    let (font, color) = (FontId::proportional(name_size), ui.visuals().strong_text_color());
    let name = painter.layout_no_wrap(status.name.clone(), font, color);
    let place = pos2(room.min.x, middle - name.size().y * 0.5);
    painter.with_clip_rect(room).galley(place, name, color);
}
