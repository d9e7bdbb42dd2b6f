//! Where the time goes: stage times, latency, drops, load, and the bottleneck in words.

use eframe::egui::{self, Align2, FontId, Rect, RichText, Sense, Vec2};

use crate::app::Page;
use crate::backend::CameraStatus;
use crate::model::bottleneck;
use crate::theme;

/// Draws the page.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    if page.backend.cameras().is_empty() {
        super::empty(ui, "Nothing to measure", "Times appear with the first camera.");
        return;
    }
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let cameras = page.backend.cameras();
        table(ui, cameras);
        ui.add_space(theme::GAP * 2.0);
        let longest = cameras.iter().map(total_ms).fold(0.0, f32::max);
        for camera in cameras {
            stages(ui, camera, longest);
        }
        ui.add_space(theme::GAP);
        for text in cameras.iter().filter_map(bottleneck) {
            ui.label(text);
        }
    });
}

fn total_ms(camera: &CameraStatus) -> f32 {
    camera.stages.iter().map(|stage| stage.p50_ms).sum()
}

fn table(ui: &mut egui::Ui, cameras: &[CameraStatus]) {
    egui::Grid::new("load").num_columns(8).spacing([24.0, 8.0]).striped(true).show(ui, |ui| {
        for title in
            ["Camera", "Rate", "Latency p50", "p95", "Dropped", "Restarts", "Processor", "Memory", "Engine"]
        {
            ui.label(RichText::new(title).weak());
        }
        ui.end_row();
        for camera in cameras {
            ui.label(RichText::new(&camera.name).strong());
            for value in [
                format!("{:.1} fps", camera.fps),
                format!("{:.1} ms", camera.latency_p50_ms),
                format!("{:.1} ms", camera.latency_p95_ms),
                camera.dropped_frames.to_string(),
                camera.restarts.to_string(),
                format!("{:.0} %", camera.cpu_percent),
                super::bytes(camera.memory_bytes),
                camera.engine.clone(),
            ] {
                ui.label(value);
            }
            ui.end_row();
        }
    });
}

/// One bar a camera: its stages' medians side by side, on one scale for all cameras.
fn stages(ui: &mut egui::Ui, camera: &CameraStatus, longest_ms: f32) {
    if longest_ms <= 0.0 {
        return;
    }
    ui.label(RichText::new(format!("{}: {:.1} ms a frame", camera.name, total_ms(camera))).strong());
    let (bar, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 26.0), Sense::hover());
    let painter = ui.painter_at(bar);
    painter.rect_filled(bar, 4.0, ui.visuals().extreme_bg_color);
    let mut left = bar.min.x;
    for (place, stage) in camera.stages.iter().enumerate() {
        let width = stage.p50_ms / longest_ms * bar.width();
        let part = Rect::from_min_size(egui::pos2(left, bar.min.y), Vec2::new(width, bar.height()));
        painter.rect_filled(part, 0.0, theme::SERIES[place % theme::SERIES.len()]);
        if width > 70.0 {
            painter.text(
                part.center(),
                Align2::CENTER_CENTER,
                &stage.stage,
                FontId::proportional(12.5),
                egui::Color32::BLACK,
            );
        }
        left += width;
    }
    ui.horizontal_wrapped(|ui| {
        for (place, stage) in camera.stages.iter().enumerate() {
            let (key, _) = ui.allocate_exact_size(Vec2::splat(10.0), Sense::hover());
            ui.painter().rect_filled(key, 2.0, theme::SERIES[place % theme::SERIES.len()]);
            let text =
                format!("{} {:.2} / {:.2} / {:.2} ms", stage.stage, stage.p50_ms, stage.p95_ms, stage.p99_ms);
            ui.label(RichText::new(text).small()).on_hover_text("p50 / p95 / p99");
        }
    });
}
