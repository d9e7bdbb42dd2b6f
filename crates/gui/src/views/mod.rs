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

use eframe::egui::{self, Color32, RichText, TextEdit};
use mien_control::CameraStatus;

use crate::app::Page;
use crate::model::Naming;

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

/// How a camera is doing, with the reason where there is one.
fn state_text(camera: &CameraStatus) -> String {
    let state = camera.state.label();
    if camera.reason.is_empty() { state.to_owned() } else { format!("{state}: {}", camera.reason) }
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
        ui.label(RichText::new(text).color(Color32::WHITE).strong());
    });
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
}
