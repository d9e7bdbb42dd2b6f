//! LSL outlets: what is published, how fast, and whether somebody listens.

use eframe::egui::{self, RichText};

use crate::app::Page;
use crate::theme;

/// Draws the page.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let note = page.backend.streams_note();
    let streams = page.backend.streams();
    if streams.is_empty() {
        let text = if note.is_empty() { "They start with the first camera." } else { note };
        super::empty(ui, "No LSL streams", text);
        return;
    }
    if !note.is_empty() {
        let warning = theme::legible(theme::CAUTION, ui.visuals());
        ui.label(RichText::new(note).color(warning));
        ui.add_space(8.0);
    }
    egui::ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        // Closer together before anything has to be scrolled to; what never changes comes last.
        let (least, space) = if ui.available_width() < 820.0 { (50.0, 16.0) } else { (90.0, 28.0) };
        // What the next three columns leave of it.
        let width = (ui.available_width() - 340.0).max(200.0);
        let font = super::font(ui, egui::TextStyle::Body);
        let grid = egui::Grid::new("streams").num_columns(6).min_col_width(least);
        grid.spacing([space, 8.0]).striped(true).show(ui, |ui| {
            for title in ["Stream", "Consumers", "Rate", "Newest sample", "Type", "Channels"] {
                ui.label(RichText::new(title).weak());
            }
            ui.end_row();
            for stream in streams {
                let shown = super::elided_at_front(ui, &stream.name, &font, width);
                let name = ui.label(RichText::new(&shown).strong());
                if shown != stream.name {
                    name.on_hover_text(&stream.name);
                }
                let (text, color) = if stream.has_consumers {
                    ("yes", theme::legible(theme::ACCENT, ui.visuals()))
                } else {
                    ("none", ui.visuals().weak_text_color())
                };
                ui.label(RichText::new(text).color(color));
                let rate =
                    if stream.rate_hz > 0.0 { format!("{:5.1} Hz", stream.rate_hz) } else { "–".into() };
                ui.label(RichText::new(rate).monospace());
                let newest = stream.newest_ms.map_or("–".to_owned(), |age| format!("{age:5.0} ms ago"));
                ui.label(RichText::new(newest).monospace());
                ui.label(&stream.kind);
                ui.label(RichText::new(stream.channels.to_string()).monospace());
                ui.end_row();
            }
        });
    });
}
