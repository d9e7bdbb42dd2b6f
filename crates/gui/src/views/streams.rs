//! LSL outlets: what is published, how fast, and whether somebody listens.

use eframe::egui::{self, RichText};

use crate::app::Page;
use crate::theme;

/// Draws the page.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let note = page.backend.streams_note();
    let streams = page.backend.streams();
    if streams.is_empty() {
        super::empty(
            ui,
            "No LSL streams",
            if note.is_empty() { "They start with the first camera." } else { note },
        );
        return;
    }
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        egui::Grid::new("streams").num_columns(5).spacing([28.0, 8.0]).striped(true).show(ui, |ui| {
            for title in ["Stream", "Type", "Channels", "Rate", "Consumers"] {
                ui.label(RichText::new(title).weak());
            }
            ui.end_row();
            for stream in streams {
                ui.label(RichText::new(&stream.name).strong());
                ui.label(&stream.kind);
                ui.label(stream.channels.to_string());
                ui.label(format!("{:.1} Hz", stream.rate_hz));
                let (text, color) = if stream.has_consumers {
                    ("yes", theme::ACCENT)
                } else {
                    ("none", ui.visuals().weak_text_color())
                };
                ui.label(RichText::new(text).color(color));
                ui.end_row();
            }
        });
    });
}
