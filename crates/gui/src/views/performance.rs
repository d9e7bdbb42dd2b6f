//! Where the time goes: the bottleneck in words, stage times, latency, drops, the machine's load.

use eframe::egui::{self, Align2, FontId, Rect, RichText, Sense, Vec2};
use mien_control::CameraStatus;
use mien_metrics::DurationSummary;

use crate::app::Page;
use crate::backend::{Command, MachineLoad};
use crate::model::{bottlenecks, total_ms};
use crate::theme;

/// A percentile: its name, and which of a stage's times it is.
type Percentile = (&'static str, fn(&DurationSummary) -> f64);
const PERCENTILES: [Percentile; 3] =
    [("p50", |times| times.p50_ms), ("p95", |times| times.p95_ms), ("p99", |times| times.p99_ms)];

/// Widest that the name of a camera, process or GPU is in a table, in points.
const NAME: f32 = 170.0;
/// Likewise an engine's.
const ENGINE: f32 = 200.0;
/// Width that the table of processes or GPUs needs.
const TABLE: f32 = 560.0;

/// Draws the page.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    if page.backend.cameras().is_empty() {
        super::empty(ui, "Nothing to measure", "Times appear with the first camera.");
        return;
    }
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let cameras = page.backend.cameras();
        let measured = &page.model.performance;
        for text in bottlenecks(cameras, page.backend.load(), |name| measured.drops_per_second(name)) {
            ui.label(RichText::new(text).size(17.0));
        }
        ui.add_space(theme::GAP * 2.0);
        egui::ScrollArea::horizontal().id_salt("cameras").show(ui, |ui| table(ui, page));
        ui.add_space(theme::GAP * 2.0);
        stage_bars(ui, page.backend.cameras());
        ui.add_space(theme::GAP * 2.0);
        load(ui, page.backend.load());
        ui.add_space(theme::GAP * 2.0);
        trace(ui, page);
    });
}

fn header(ui: &mut egui::Ui, titles: &[&str]) {
    for title in titles {
        ui.label(RichText::new(*title).weak());
    }
    ui.end_row();
}

fn table(ui: &mut egui::Ui, page: &Page<'_>) {
    let measured = &page.model.performance;
    let grid = egui::Grid::new("cameras").num_columns(7).min_col_width(84.0);
    grid.spacing([18.0, 8.0]).striped(true).show(ui, |ui| {
        header(
            ui,
            &[
                "Camera",
                "Rate",
                "To result p50 / 95 / 99",
                "To screen p50 / 95",
                "Dropped",
                "Restarts",
                "Engine",
            ],
        );
        for camera in page.backend.cameras() {
            super::cell(ui, RichText::new(&camera.name).strong(), NAME);
            let screen = measured.screen_ms(&camera.name);
            let latency = PERCENTILES.map(|(_, of)| format!("{:6.1}", of(&camera.latency)));
            let drops = measured.drops_per_second(&camera.name);
            for value in [
                format!("{:5.1} fps", camera.fps),
                format!("{} ms", latency.join(" ")),
                screen.map_or("  not in view".to_owned(), |[p50, p95]| format!("{p50:6.1} {p95:6.1} ms")),
                format!("{:6} {drops:4.1}/s", camera.dropped_frames),
                camera.restarts.to_string(),
            ] {
                ui.label(RichText::new(value).monospace());
            }
            super::cell(ui, RichText::new(&camera.engine).small(), ENGINE);
            ui.end_row();
        }
    });
    let text = format!("The window is painted {:.0} times a second.", measured.repaints_per_second());
    ui.label(RichText::new(text).small().weak());
}

/// Three bars a camera, one a percentile, with the stages side by side; one scale for all.
fn stage_bars(ui: &mut egui::Ui, cameras: &[CameraStatus]) {
    let longest_ms =
        cameras.iter().map(|camera| total_ms(&camera.stages, |times| times.p99_ms)).fold(0.0, f64::max);
    let Some(named) = cameras.iter().find(|camera| !camera.stages.is_empty()) else { return };
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Stages").strong());
        for (place, stage) in named.stages.iter().enumerate() {
            let (key, _) = ui.allocate_exact_size(Vec2::splat(12.0), Sense::hover());
            ui.painter().rect_filled(key, 2.0, theme::series(place, ui.visuals()));
            ui.label(&stage.stage);
        }
    });
    for camera in cameras.iter().filter(|camera| !camera.stages.is_empty() && longest_ms > 0.0) {
        ui.add_space(4.0);
        ui.add(egui::Label::new(RichText::new(&camera.name).strong()).truncate());
        for percentile in PERCENTILES {
            bar(ui, percentile, camera, longest_ms);
        }
    }
}

fn bar(ui: &mut egui::Ui, (name, of): Percentile, camera: &CameraStatus, longest_ms: f64) {
    const LABEL: f32 = 40.0;
    const TOTAL: f32 = 96.0;
    /// Room for the scroll bar.
    const MARGIN: f32 = 14.0;
    let total = total_ms(&camera.stages, of);
    let size = Vec2::new(ui.available_width() - MARGIN, 24.0);
    let (row, response) = ui.allocate_exact_size(size, Sense::hover());
    let text = ui.visuals().text_color();
    let font = FontId::proportional(14.5);
    ui.painter().text(row.left_center(), Align2::LEFT_CENTER, name, font.clone(), text);
    let total_text = format!("{total:.1} ms");
    ui.painter().text(row.right_center(), Align2::RIGHT_CENTER, total_text, font, text);
    let rect = Rect::from_min_max(row.min + Vec2::new(LABEL, 1.0), row.max - Vec2::new(TOTAL, 1.0));
    ui.painter().rect_filled(rect, 3.0, ui.visuals().extreme_bg_color);
    let mut left = rect.min.x;
    for (place, stage) in camera.stages.iter().enumerate() {
        let width = (of(&stage.times) / longest_ms) as f32 * rect.width();
        let part = Rect::from_min_size(egui::pos2(left, rect.min.y), Vec2::new(width, rect.height()));
        let fill = theme::series(place, ui.visuals());
        ui.painter().rect_filled(part, 0.0, fill);
        let label = format!("{} {:.1}", stage.stage, of(&stage.times));
        let ink = theme::ink_on(fill);
        let label = ui.painter().layout_no_wrap(label, FontId::proportional(14.0), ink);
        if label.size().x + 8.0 < width {
            ui.painter().galley(part.center() - label.size() * 0.5, label, ink);
        }
        left += width;
    }
    let parts: Vec<String> =
        camera.stages.iter().map(|stage| format!("{} {:.2} ms", stage.stage, of(&stage.times))).collect();
    response.widget_info(|| {
        let text = format!("{} {name}: {}", camera.name, parts.join(", "));
        egui::WidgetInfo::labeled(egui::Role::Label, true, text)
    });
    response.on_hover_text(parts.join("\n"));
}

fn load(ui: &mut egui::Ui, load: &MachineLoad) {
    if ui.available_width() < 2.0 * TABLE {
        processes(ui, load);
        ui.add_space(theme::GAP * 2.0);
        gpus(ui, load);
    } else {
        ui.columns(2, |columns| {
            processes(&mut columns[0], load);
            gpus(&mut columns[1], load);
        });
    }
}

fn processes(ui: &mut egui::Ui, load: &MachineLoad) {
    ui.label(RichText::new(format!("Processes on {} cores", load.cores)).strong());
    let grid = egui::Grid::new("processes").num_columns(4).min_col_width(80.0);
    grid.spacing([18.0, 6.0]).striped(true).show(ui, |ui| {
        header(ui, &["Process", "Number", "Of a core", "Memory"]);
        for process in &load.processes {
            super::cell(ui, &process.name, NAME);
            for value in [
                process.pid.to_string(),
                format!("{:4.0} %", process.cpu_percent),
                super::bytes(process.memory_bytes),
            ] {
                ui.label(RichText::new(value).monospace());
            }
            ui.end_row();
        }
    });
}

fn gpus(ui: &mut egui::Ui, load: &MachineLoad) {
    ui.label(RichText::new("Graphics processors").strong());
    if load.gpus.is_empty() {
        let note = if load.gpu_note.is_empty() { "no NVIDIA GPU" } else { &load.gpu_note };
        ui.label(RichText::new(note).weak());
        return;
    }
    let grid = egui::Grid::new("gpus").num_columns(4).min_col_width(80.0);
    grid.spacing([18.0, 6.0]).striped(true).show(ui, |ui| {
        header(ui, &["GPU", "In use", "Memory", "Temperature"]);
        for gpu in &load.gpus {
            super::cell(ui, format!("{}: {}", gpu.index, gpu.name), NAME);
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
            for value in [
                or_dash(gpu.utilization_percent.map(|percent| format!("{percent:3.0} %"))),
                format!(
                    "{} of {}",
                    or_dash(gpu.used_bytes.map(super::bytes)),
                    or_dash(gpu.total_bytes.map(super::bytes))
                ),
                or_dash(gpu.temperature_celsius.map(|celsius| format!("{celsius:.0} °C"))),
            ] {
                ui.label(RichText::new(value).monospace());
            }
            ui.end_row();
        }
    });
}

fn trace(ui: &mut egui::Ui, page: &mut Page<'_>) {
    ui.horizontal_wrapped(|ui| {
        let running = page.backend.trace().map(|path| path.display().to_string());
        let label = if running.is_some() { "End the trace" } else { "Write a trace" };
        let about = "every frame's stages, for ui.perfetto.dev";
        if ui.button(label).on_hover_text(about).clicked() {
            page.backend.command(Command::ToggleTrace);
        }
        match running {
            Some(path) => ui.label(RichText::new(format!("into {path}")).monospace()),
            None => ui.label(RichText::new(about).weak()),
        };
    });
}
