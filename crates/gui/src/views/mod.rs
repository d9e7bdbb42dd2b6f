//! The pages. Each draws one [`View`](crate::model::View) from the machinery and the model.

pub mod devices;
pub mod doctor;
pub mod live;
pub mod log;
pub mod performance;
pub mod session;
pub mod settings;
pub mod signals;
pub mod streams;

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{self, Color32, FontId, Label, RichText, TextEdit, TextStyle};

use crate::app::Page;
use crate::model::Naming;
use crate::theme;

/// Seconds as `12:34` or `1:02:03`.
pub fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// Bytes in the unit that leaves at most four digits.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 {
            return if unit == "B" { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// A page with nothing on it yet: what is missing and what to do.
fn empty(ui: &mut egui::Ui, title: &str, text: &str) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.3);
        ui.heading(title);
        ui.label(RichText::new(text).weak());
    });
}

/// A sentence on a coloured ground, over the whole width.
fn banner(ui: &mut egui::Ui, fill: Color32, text: &str) {
    egui::Frame::new().fill(fill).corner_radius(6.0).inner_margin(8.0).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.label(RichText::new(text).color(theme::ink_on(fill)).strong());
    });
}

/// A text to be laid out in this width and so many rows; "…" stands for what has no room at its end.
fn elided(text: impl Into<String>, font: FontId, color: Color32, width: f32, rows: usize) -> LayoutJob {
    let mut job = LayoutJob::simple(text.into(), font, color, width.max(0.0));
    let is_one_row = rows <= 1;
    job.break_on_newline = !is_one_row;
    job.wrap = TextWrapping { max_rows: rows.max(1), break_anywhere: is_one_row, ..job.wrap };
    job
}

/// As much of the end of a text as fits this width; "…" stands for what has no room before it.
fn elided_at_front(ui: &egui::Ui, text: &str, font: &FontId, width: f32) -> String {
    ui.fonts_mut(|fonts| {
        let mut wide = |letter: char| fonts.glyph_width(font, letter);
        if text.chars().map(&mut wide).sum::<f32>() <= width {
            return text.to_owned();
        }
        let mut room = width - wide('…');
        let kept = text.char_indices().rev().take_while(|(_, letter)| {
            room -= wide(*letter);
            room >= 0.0
        });
        format!("…{}", kept.last().map_or("", |(place, _)| &text[place..]))
    })
}

/// A text in one line of a table, no wider than this; the whole of it on hovering.
fn cell(ui: &mut egui::Ui, text: impl Into<egui::WidgetText>, width: f32) -> egui::Response {
    ui.scope(|ui| {
        ui.set_max_width(width);
        ui.add(Label::new(text).truncate())
    })
    .inner
}

/// A row that wraps; `end`, which takes so much width, at its right where there is room.
pub fn row_with_end(
    ui: &mut egui::Ui,
    end_width: f32,
    start: impl FnOnce(&mut egui::Ui),
    end: impl FnOnce(&mut egui::Ui),
) {
    ui.horizontal_wrapped(|ui| {
        start(ui);
        let room = ui.available_size_before_wrap().x;
        if room < end_width {
            end(ui);
            return;
        }
        let size = egui::vec2(room, ui.spacing().interact_size.y);
        ui.allocate_ui_with_layout(size, egui::Layout::right_to_left(egui::Align::Center), end);
    });
}

/// The font of a text style.
fn font(ui: &egui::Ui, style: TextStyle) -> FontId {
    style.resolve(ui.style())
}

/// The field in which a face's participant is named; `place` tells apart those of the same face. The name is given
/// once the field has lost the focus (see [`App`](crate::App)).
fn name_field(
    ui: &mut egui::Ui,
    page: &mut Page<'_>,
    (camera, track_id): (usize, u32),
    place: &str,
    label: egui::Id,
    width: f32,
) {
    let Some(feed) = page.feeds.get(camera) else { return };
    let typed = page.model.naming.as_ref();
    let typed = typed.filter(|typed| typed.camera == feed.name && typed.track_id == track_id);
    let text = typed.map(|typed| typed.name.as_str()).or_else(|| page.backend.participant(camera, track_id));
    let mut text = text.unwrap_or_default().to_owned();
    // The same field, whoever comes into view above it or leaves.
    let field = egui::Id::unique(("participant", place, &feed.name, track_id));
    let edit = TextEdit::singleline(&mut text).id(field).hint_text("name").desired_width(width);
    if ui.add(edit).labelled_by(label).changed() {
        page.model.naming = Some(Naming { field, camera: feed.name.clone(), track_id, name: text });
    }
}

/// A row of a settings grid: the name, what it is about on hovering, and the widget.
fn setting(
    ui: &mut egui::Ui,
    label: &str,
    about: &str,
    add: impl FnOnce(&mut egui::Ui) -> egui::Response,
) -> egui::Response {
    let name = ui.label(label).on_hover_text(about);
    let response = add(ui).labelled_by(name.id).on_hover_text(about);
    ui.end_row();
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_read_well() {
        assert_eq!(clock(0.0), "00:00");
        assert_eq!(clock(3723.9), "1:02:03");
        assert_eq!(clock(-1.0), "00:00");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_500_000), "1.5 MB");
        assert_eq!(bytes(u64::MAX), "18446744.1 TB");
    }

    #[test]
    fn what_has_no_room_is_left_out_at_the_front() {
        let ctx = egui::Context::default();
        let mut texts = Vec::new();
        let mut output = ctx.run_ui(egui::RawInput::default(), |ui| {
            let font = FontId::monospace(10.0);
            let letter = ui.fonts_mut(|fonts| fonts.glyph_width(&font, 'x'));
            texts = [99.0, 6.5, 0.5]
                .map(|letters| elided_at_front(ui, "/data/run-3", &font, letters * letter))
                .to_vec();
        });
        output.textures_delta.clear();
        assert_eq!(texts, ["/data/run-3", "…run-3", "…"]);
    }
}
