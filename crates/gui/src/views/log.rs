//! What happened: the log of the app and of every camera.

use eframe::egui::{self, RichText};

use crate::app::Page;
use crate::backend::{LogLevel, LogLine};
use crate::theme;

/// Draws the page.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let filter = &mut page.model.log;
    let lines = page.backend.log();
    ui.horizontal_wrapped(|ui| {
        for (level, label) in [
            (LogLevel::Debug, "All"),
            (LogLevel::Info, "Info"),
            (LogLevel::Warning, "Warnings"),
            (LogLevel::Error, "Errors"),
        ] {
            ui.selectable_value(&mut filter.level, level, label);
        }
        let name = ui.label("Filter");
        ui.add(egui::TextEdit::singleline(&mut filter.text).desired_width(220.0)).labelled_by(name.id);
        if ui.button("Copy").on_hover_text("the lines below").clicked() {
            let shown = lines.iter().filter(|line| filter.shows(line));
            ui.ctx().copy_text(shown.map(one_line).collect::<Vec<_>>().join("\n"));
        }
    });
    let shown: Vec<&LogLine> = lines.iter().filter(|line| filter.shows(line)).collect();
    ui.separator();
    let height = ui.text_style_height(&egui::TextStyle::Monospace);
    egui::ScrollArea::both().auto_shrink(false).stick_to_bottom(true).show_rows(
        ui,
        height,
        shown.len(),
        |ui, rows| {
            for line in &shown[rows] {
                let color = theme::level_color(line.level, ui.visuals());
                ui.add(egui::Label::new(RichText::new(one_line(line)).monospace().color(color)).extend());
            }
        },
    );
}

fn one_line(line: &LogLine) -> String {
    let level = match line.level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warning => "warning",
        LogLevel::Error => "error",
    };
    format!("{:9.3}  {level:<8} {:<12} {}", line.seconds, line.origin, line.text)
}
