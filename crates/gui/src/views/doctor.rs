//! The machine's check-up, the same as `mien doctor`, and what this Mien is.

use eframe::egui::{self, RichText};

use crate::app::Page;
use crate::backend::Command;
use crate::theme;

/// Draws the page.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        egui::Grid::new("about").num_columns(2).spacing([24.0, 6.0]).show(ui, |ui| {
            for (what, value) in &page.options.about {
                ui.label(RichText::new(what).weak());
                ui.label(value);
                ui.end_row();
            }
        });
        ui.add_space(theme::GAP * 2.0);
        ui.horizontal(|ui| ui.heading("Check-up"));
        if ui.button("Check again").clicked() {
            page.backend.command(Command::RefreshChecks);
        }
        egui::Grid::new("checks").num_columns(4).spacing([24.0, 10.0]).striped(true).show(ui, |ui| {
            for check in page.backend.checks() {
                let (mark, color) =
                    if check.ok { ("ok", theme::ACCENT) } else { ("missing", theme::CAUTION) };
                ui.label(RichText::new(mark).color(color).strong());
                ui.label(RichText::new(&check.subject).strong());
                ui.label(&check.finding);
                ui.label(RichText::new(&check.remedy).monospace());
                ui.end_row();
            }
        });
        ui.add_space(theme::GAP * 2.0);
        ui.heading("Keys");
        egui::Grid::new("keys").num_columns(2).spacing([24.0, 6.0]).show(ui, |ui| {
            for (keys, what) in crate::keys::HELP {
                ui.label(RichText::new(keys).strong());
                ui.label(what);
                ui.end_row();
            }
        });
    });
}
