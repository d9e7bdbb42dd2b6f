//! The machine's check-up, the same as `mien doctor`, what this Mien is, and the keys.

use eframe::egui::{self, Color32, RichText};

use crate::app::Page;
use crate::backend::{Check, CheckState, Command};
use crate::{keys, theme};

/// Draws the page.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    if !std::mem::replace(&mut page.model.checks_asked, true) {
        page.backend.command(Command::RefreshChecks);
    }
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.heading("This Mien");
        pairs(ui, "about", page.options.about.iter().map(|(what, value)| (what.as_str(), value.as_str())));
        ui.add_space(theme::GAP * 2.0);
        ui.horizontal(|ui| {
            ui.heading("Check-up");
            let running = page.backend.checks().is_empty();
            if ui.add_enabled(!running, egui::Button::new("Check again")).clicked() {
                page.backend.command(Command::RefreshChecks);
            }
            if running {
                ui.label(RichText::new("looking …").weak());
            }
        });
        for check in page.backend.checks() {
            show_check(ui, check);
        }
        ui.add_space(theme::GAP * 2.0);
        ui.heading("Keys");
        pairs(ui, "keys", keys::HELP.into_iter());
    });
}

fn pairs<'a>(ui: &mut egui::Ui, id: &str, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    egui::Grid::new(id).num_columns(2).min_col_width(180.0).spacing([20.0, 6.0]).show(ui, |ui| {
        for (what, value) in pairs {
            ui.label(RichText::new(what).weak());
            ui.label(value);
            ui.end_row();
        }
    });
}

/// A line: the verdict, what was looked at, and beside it, wrapped, what was found and what to do.
fn show_check(ui: &mut egui::Ui, check: &Check) {
    let (word, color) = verdict(check.state, ui.visuals().weak_text_color());
    let color = theme::legible(color, ui.visuals());
    ui.horizontal_top(|ui| {
        let column = |ui: &mut egui::Ui, width: f32, text: RichText| {
            ui.allocate_ui_with_layout(
                [width, 22.0].into(),
                egui::Layout::top_down(egui::Align::Min),
                |ui| {
                    ui.set_width(width);
                    ui.label(text);
                },
            );
        };
        column(ui, 76.0, RichText::new(word).color(color).strong());
        column(ui, 150.0, RichText::new(&check.subject).strong());
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.label(&check.finding);
            if !check.remedy.is_empty() {
                ui.label(
                    RichText::new(&check.remedy)
                        .monospace()
                        .color(theme::legible(theme::ACCENT, ui.visuals())),
                );
            }
        });
    });
}

fn verdict(state: CheckState, weak: Color32) -> (&'static str, Color32) {
    match state {
        CheckState::Ok => ("ok", theme::ACCENT),
        CheckState::Warning => ("warning", theme::CAUTION),
        CheckState::Missing => ("missing", weak),
        CheckState::Failed => ("failed", theme::ALERT),
    }
}
