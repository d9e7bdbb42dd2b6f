//! The session panel: what is recorded, where, and the button that does it. Always in view.

use eframe::egui::{self, Color32, RichText, Vec2};

use crate::app::Page;
use crate::backend::Privacy;
use crate::model::SessionForm;
use crate::theme;

/// Draws the panel.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    ui.add_space(theme::GAP);
    let recording = page.backend.recording().clone();
    let running = recording.folder.is_some();
    form(ui, page, running);
    ui.add_space(theme::GAP);
    record_button(ui, page, running);
    if let Some(problem) = &page.model.session_problem {
        ui.label(RichText::new(problem).color(theme::ALERT));
    }
    ui.add_space(theme::GAP);
    egui::Grid::new("recording").num_columns(2).spacing([16.0, 6.0]).show(ui, |ui| {
        for (what, value) in [
            ("Elapsed", super::clock(recording.elapsed_seconds)),
            ("On disk", super::bytes(recording.bytes_on_disk)),
            ("Free", super::bytes(recording.free_bytes)),
        ] {
            ui.label(RichText::new(what).weak());
            ui.label(RichText::new(value).monospace());
            ui.end_row();
        }
    });
    if let Some(folder) = &recording.folder {
        ui.label(RichText::new(folder.display().to_string()).small().weak());
    }
    for warning in &recording.warnings {
        egui::Frame::new().fill(theme::ALERT).corner_radius(6.0).inner_margin(8.0).show(ui, |ui| {
            ui.label(RichText::new(warning).color(Color32::WHITE).strong());
        });
    }
    ui.separator();
    markers(ui, page, &recording.markers);
}

fn form(ui: &mut egui::Ui, page: &mut Page<'_>, running: bool) {
    let session = &mut page.model.session;
    ui.add_enabled_ui(!running, |ui| {
        egui::Grid::new("session form").num_columns(2).spacing([12.0, 8.0]).show(ui, |ui| {
            for (label, value) in [
                ("Subject", &mut session.subject),
                ("Session", &mut session.session),
                ("Task", &mut session.task),
            ] {
                let problem = SessionForm::name_problem(value);
                let name = ui.label(label);
                let mut edit = egui::TextEdit::singleline(value).desired_width(170.0);
                if problem.is_some() {
                    edit = edit.text_color(theme::ALERT);
                }
                let response = ui.add(edit).labelled_by(name.id);
                if let Some(problem) = problem {
                    response.on_hover_text(problem);
                }
                ui.end_row();
            }
            let name = ui.label("Folder");
            ui.add(egui::TextEdit::singleline(&mut session.folder).desired_width(170.0)).labelled_by(name.id);
            ui.end_row();
            let name = ui.label("Video");
            egui::ComboBox::from_id_salt("privacy")
                .width(170.0)
                .selected_text(privacy_label(session.privacy))
                .show_ui(ui, |ui| {
                    for choice in [Privacy::Full, Privacy::Blur, Privacy::Mesh, Privacy::NoVideo] {
                        ui.selectable_value(&mut session.privacy, choice, privacy_label(choice));
                    }
                })
                .response
                .labelled_by(name.id);
            ui.end_row();
        });
    });
}

fn privacy_label(privacy: Privacy) -> &'static str {
    match privacy {
        Privacy::Full => "as captured",
        Privacy::Blur => "faces blurred",
        Privacy::Mesh => "mesh instead of faces",
        Privacy::NoVideo => "none",
    }
}

fn record_button(ui: &mut egui::Ui, page: &mut Page<'_>, running: bool) {
    let label = if running { "Stop" } else { "Record" };
    let button = egui::Button::new(RichText::new(label).size(22.0).strong().color(Color32::WHITE))
        .fill(if running { theme::ALERT } else { theme::ACCENT })
        .min_size(Vec2::new(ui.available_width(), 54.0));
    if ui.add(button).on_hover_text("Ctrl+R").clicked()
        && let Some(command) = page.model.toggle_recording(page.backend.recording())
    {
        page.backend.command(command);
    }
}

fn markers(ui: &mut egui::Ui, page: &mut Page<'_>, set: &[(f64, String)]) {
    let name = ui.label(RichText::new("Markers").strong());
    let mut send = false;
    ui.horizontal(|ui| {
        let edit =
            egui::TextEdit::singleline(&mut page.model.marker).hint_text("marker").desired_width(180.0);
        send = ui.add(edit).labelled_by(name.id).lost_focus()
            && ui.input(|input| input.key_pressed(egui::Key::Enter));
        send |= ui.button("Set").clicked();
    });
    if send && let Some(command) = page.model.typed_marker() {
        page.backend.command(command);
    }
    ui.label(RichText::new("The keys F1–F12 set a marker at once.").small().weak());
    for (seconds, name) in set.iter().rev().take(12) {
        ui.label(RichText::new(format!("{}  {name}", super::clock(*seconds))).monospace());
    }
}
