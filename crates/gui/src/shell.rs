//! What surrounds the pages: navigation above, the session panel on the right, the question before closing.

use eframe::egui::{self, Atom, Color32, RichText, ViewportCommand};
use mien_config::Theme;

use crate::app::Page;
use crate::backend::Command;
use crate::model::{Closing, View, remember_width};
use crate::{theme, views};

/// Draws the whole window. No panel paints a ground: the window is cleared in its colour, and every layer that
/// covers the window costs milliseconds where the processor paints.
pub(crate) fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let bare = egui::Frame::side_top_panel(ui.style()).fill(Color32::TRANSPARENT);
    egui::Panel::top("navigation").frame(bare).show(ui, |ui| navigation(ui, page));
    let widest = (ui.available_width() * 0.4).clamp(260.0, 480.0);
    let panel = egui::Panel::right("session")
        .frame(bare)
        .default_size(page.model.window.session_width)
        .size_range(260.0..=widest)
        .show(ui, |ui| views::session::show(ui, page));
    remember_width(&mut page.model.window.session_width, panel.response.rect.width(), widest);
    let bare = egui::Frame::central_panel(ui.style()).fill(Color32::TRANSPARENT);
    egui::CentralPanel::default().frame(bare).show(ui, |ui| match page.model.view {
        View::Live => views::live::show(ui, page),
        View::Signals => views::signals::show(ui, page),
        View::Devices => views::devices::show(ui, page),
        View::Settings => views::settings::show(ui, page),
        View::Streams => views::streams::show(ui, page),
        View::Performance => views::performance::show(ui, page),
        View::Log => views::log::show(ui, page),
        View::Doctor => views::doctor::show(ui, page),
    });
    if page.model.closing == Closing::Asking {
        closing_question(ui, page);
    }
}

fn navigation(ui: &mut egui::Ui, page: &mut Page<'_>) {
    ui.add_space(4.0);
    let (view, settings) = (&mut page.model.view, &mut page.model.settings);
    let pages = |ui: &mut egui::Ui| {
        ui.label(RichText::new("Mien").heading().strong());
        ui.add_space(12.0);
        for (number, other) in (1..).zip(View::ALL) {
            ui.selectable_value(view, other, other.label()).on_hover_text(format!("Ctrl+{number}"));
        }
    };
    views::row_with_end(ui, 230.0, pages, |ui| {
        let mut themes = [(Theme::System, "System"), (Theme::Dark, "Dark"), (Theme::Light, "Light")];
        if ui.layout().prefer_right_to_left() {
            themes.reverse();
        }
        for (choice, label) in themes {
            ui.selectable_value(&mut settings.wanted.gui.theme, choice, label);
        }
    });
    ui.add_space(4.0);
}

/// A button of the window's two important colours, its text in the middle.
pub(crate) fn strong_button(text: impl Into<String>, size: f32, fill: Color32) -> egui::Button<'static> {
    let text = RichText::new(text).size(size).strong().color(theme::ink_on(fill));
    egui::Button::new((Atom::grow(), text, Atom::grow())).fill(fill)
}

fn closing_question(ui: &mut egui::Ui, page: &mut Page<'_>) {
    egui::Modal::new(egui::Id::unique("closing")).show(ui.ctx(), |ui| {
        ui.set_width(380.0);
        ui.heading("A recording is running");
        ui.label("Its files are finished before Mien closes.");
        ui.add_space(theme::GAP);
        ui.horizontal(|ui| {
            if ui.button("Go on recording").clicked() {
                page.model.closing = Closing::No;
            }
            let finish = ui.add(strong_button("Finish and close", 15.0, theme::ALERT));
            if ui.memory(|memory| memory.focused().is_none()) {
                finish.request_focus();
            }
            if finish.clicked() {
                page.model.closing = Closing::Confirmed;
                page.backend.command(Command::StopRecording);
                ui.ctx().send_viewport_cmd(ViewportCommand::Close);
            }
        });
    });
}
