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
    let (settings, enlarged) = (&mut page.model.settings, &mut page.model.enlarged);
    let overlays = |ui: &mut egui::Ui| {
        let listed = &mut settings.wanted.gui.overlays;
        let mut overlays = Overlays::new(listed);
        ui.checkbox(&mut overlays.boxes, "Boxes");
        ui.checkbox(&mut overlays.mesh, "Mesh");
        ui.checkbox(&mut overlays.contours, "Contours");
        ui.checkbox(&mut overlays.irises, "Irises");
        ui.checkbox(&mut overlays.axes, "Pose axes");
        *listed = overlays.listed(listed);
    };
    super::row_with_end(ui, 170.0, overlays, |ui| {
        // Always there, so that nothing moves when a camera is enlarged.
        if ui.add_enabled(enlarged.is_some(), egui::Button::new("All cameras (Esc)")).clicked() {
            *enlarged = None;
        }
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
    let mut is_cut = !live && state_over(&painter, status, area);
    if let Some(place) = place {
        let pixels = place.size() * pixels_per_point;
        page.feeds[camera].shown_at([pixels.x.round() as usize, pixels.y.round() as usize]);
    }
    is_cut |= caption(ui, &painter, status, Rect::from_min_max(pos2(rect.min.x, area.max.y), rect.max));
    if response.hovered() || response.has_focus() {
        painter.rect_stroke(rect, 6.0, Stroke::new(1.5, theme::ACCENT), StrokeKind::Inside);
    }
    if is_cut {
        let [dropped, latency, rate] = numbers(status);
        let text = format!("{}, {}\n{rate}, {latency}, {dropped}", status.name, status.state_text());
        response.on_hover_text(text);
    }
}

/// How a camera is that is not live, over its picture: as many rows as have room. Whether something had none.
fn state_over(painter: &egui::Painter, status: &CameraStatus, area: Rect) -> bool {
    let is_wide = area.width() > 300.0;
    let (size, margin) = if is_wide { (17.0, 10.0) } else { (14.0, 5.0) };
    let font = FontId::proportional(size);
    let row = painter.layout_no_wrap("X".to_owned(), font.clone(), Color32::WHITE).size().y;
    let rows = ((area.height() - 4.0 * margin) / row).max(1.0) as usize;
    let text = status.state_text();
    let galley =
        painter.layout_job(super::elided(text, font, Color32::WHITE, area.width() - 4.0 * margin, rows));
    let back = Rect::from_center_size(area.center(), galley.size() + Vec2::splat(2.0 * margin));
    painter.rect_filled(back, 6.0, Color32::from_black_alpha(190));
    let is_cut = galley.elided;
    painter.galley(back.min + Vec2::splat(margin), galley, Color32::WHITE);
    is_cut
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

/// A camera's drops, latency and rate.
fn numbers(status: &CameraStatus) -> [String; 3] {
    [
        format!("{} dropped", status.dropped_frames),
        format!("{:.0} ms", status.latency.p50_ms),
        format!("{:.1} fps", status.fps),
    ]
}

/// Name and state on the left; rate, latency and drops on the right in columns of fixed width, those of them that
/// leave the name its room. Larger where there is room. Whether something had none.
fn caption(ui: &egui::Ui, painter: &egui::Painter, status: &CameraStatus, rect: Rect) -> bool {
    let is_wide = rect.width() > 480.0;
    let (name_size, value_size) = if is_wide { (18.0, 17.0) } else { (15.0, 14.0) };
    let (left, middle) = (rect.min.x + 28.0, rect.center().y);
    painter.circle_filled(pos2(rect.min.x + 15.0, middle), 5.0, theme::state_color(status.state));
    let (font, color) = (FontId::proportional(name_size), ui.visuals().strong_text_color());
    let wanted = painter.layout_no_wrap(status.name.clone(), font.clone(), color).size().x;
    let mut right = rect.max.x - 12.0;
    let mut is_cut = false;
    // Widths in letters of the font's size, from the right.
    for (value, letters) in numbers(status).into_iter().zip([7.0, 4.6, 4.6]) {
        let width = letters * value_size;
        if right - width - left < wanted {
            is_cut = true;
            continue;
        }
        let font = FontId::proportional(value_size);
        painter.text(pos2(right, middle), Align2::RIGHT_CENTER, value, font, ui.visuals().text_color());
        right -= width;
    }
    let name = painter.layout_job(super::elided(&status.name, font, color, right - left, 1));
    is_cut |= name.elided;
    painter.galley(pos2(left, middle - name.size().y * 0.5), name, color);
    is_cut
}
