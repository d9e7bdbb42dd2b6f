//! The session panel: what is recorded, where, and the button that does it. Always in view.

use eframe::egui::{self, Atom, RichText, TextEdit, TextStyle, Vec2};
use mien_config::{PrivacyKind, VideoKind};

use crate::app::{Page, is_kept};
use crate::backend::{Command, RecordingStatus, SaveState};
use crate::model::{name_problem, privacy_label, video_label};
use crate::shell::strong_button;
use crate::theme;
use crate::warning::joined_warnings;

/// Less height than this is not divided: all of the panel scrolls.
const LOW: f32 = 620.0;

/// Draws the panel: what never moves above, what cannot be missed below, the rest between.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let recording = page.backend.recording().clone();
    // A third of the panel, with the buttons below them.
    let most = (ui.available_height() / 3.0 - 70.0).max(60.0);
    egui::Panel::bottom("warnings")
        .show_separator_line(false)
        .show(ui, |ui| warnings(ui, page, &recording, most));
    if ui.available_height() < LOW {
        egui::ScrollArea::vertical().id_salt("all").auto_shrink(false).show(ui, |ui| {
            record(ui, page, &recording);
            people(ui, page, &recording);
        });
    } else {
        record(ui, page, &recording);
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| people(ui, page, &recording));
    }
}

/// What is recorded, and the button that does it.
fn record(ui: &mut egui::Ui, page: &mut Page<'_>, recording: &RecordingStatus) {
    ui.add_space(theme::GAP);
    form(ui, page, recording.folder.is_some());
    ui.add_space(theme::GAP);
    record_button(ui, page, recording);
    progress(ui, page, recording);
    check_button(ui, page, recording);
    ui.separator();
}

/// What a check has found, markers, and who is who.
fn people(ui: &mut egui::Ui, page: &mut Page<'_>, recording: &RecordingStatus) {
    if let Some((is_ready, findings)) = &recording.readiness {
        readiness(ui, *is_ready, findings);
    }
    markers(ui, page, &recording.markers);
    ui.add_space(theme::GAP);
    participants(ui, page);
}

fn form(ui: &mut egui::Ui, page: &mut Page<'_>, running: bool) {
    const LABELS: f32 = 70.0;
    let session = &mut page.model.session;
    let width = ui.available_width() - LABELS;
    ui.add_enabled_ui(!running, |ui| {
        for (label, value) in [
            ("Subject", &mut session.subject),
            ("Session", &mut session.session),
            ("Task", &mut session.task),
        ] {
            let problem = name_problem(value);
            row(ui, label, LABELS, |ui, name| {
                // The same field, and with the focus, when a warning comes below it.
                let mut edit = TextEdit::singleline(value).id(egui::Id::unique(("session form", label)));
                edit = edit.desired_width(width);
                if problem.is_some() {
                    edit = edit.text_color(ui.visuals().error_fg_color);
                }
                let response = ui.add(edit).labelled_by(name);
                if let Some(problem) = problem {
                    response.on_hover_text(problem);
                }
            });
        }
        row(ui, "Folder", LABELS, |ui, name| {
            let edit = TextEdit::singleline(&mut session.folder).id(egui::Id::unique("session folder"));
            let edit = edit.desired_width(width);
            ui.add(edit).labelled_by(name).on_hover_text(&session.folder);
        });
        row(ui, "Video", LABELS, |ui, name| {
            let list = egui::ComboBox::from_id_salt("video").width(width);
            let kinds = [VideoKind::H264, VideoKind::Ffv1, VideoKind::None];
            let chosen = list.selected_text(video_label(session.video)).show_ui(ui, |ui| {
                for kind in kinds {
                    ui.selectable_value(&mut session.video, kind, video_label(kind));
                }
            });
            chosen.response.labelled_by(name);
        });
        row(ui, "Faces", LABELS, |ui, name| {
            let list = egui::ComboBox::from_id_salt("privacy").width(width);
            let kinds = [PrivacyKind::Full, PrivacyKind::Blur, PrivacyKind::Mesh];
            let chosen = list.selected_text(privacy_label(session.privacy)).show_ui(ui, |ui| {
                for kind in kinds {
                    ui.selectable_value(&mut session.privacy, kind, privacy_label(kind));
                }
            });
            chosen.response.labelled_by(name).on_hover_text("how faces appear in the video");
        });
        if session.video != VideoKind::None
            && let Some(rest) = session.privacy.not_covered()
        {
            let text =
                RichText::new("Faces that are not found stay visible; previews and data are not hidden.");
            let more = format!("Not hidden are {rest}. See docs/privacy.md.");
            ui.label(text.small().color(theme::legible(theme::CAUTION, ui.visuals()))).on_hover_text(more);
        }
    });
}

fn row(ui: &mut egui::Ui, label: &str, width: f32, add: impl FnOnce(&mut egui::Ui, egui::Id)) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let size = Vec2::new(width, ui.spacing().interact_size.y);
        let name = ui.allocate_ui_with_layout(size, egui::Layout::left_to_right(egui::Align::Center), |ui| {
            ui.set_min_size(size);
            ui.label(label).id
        });
        add(ui, name.inner);
    });
}

fn record_button(ui: &mut egui::Ui, page: &mut Page<'_>, recording: &RecordingStatus) {
    let (label, fill) = match (&recording.folder, recording.is_starting) {
        (Some(_), _) => ("Stop", theme::ALERT),
        (None, false) => ("Record", theme::ACCENT),
        (None, true) => ("Starting …", theme::CAUTION),
    };
    let size = Vec2::new(ui.available_width(), 54.0);
    if ui.add_sized(size, strong_button(label, 22.0, fill)).on_hover_text("Ctrl+R").clicked()
        && let Some(command) =
            page.model.toggle_recording(page.backend.recording(), ui.input(|input| input.time))
    {
        page.backend.command(command);
    }
}

fn progress(ui: &mut egui::Ui, page: &Page<'_>, recording: &RecordingStatus) {
    let running = recording.folder.is_some();
    let visuals = ui.visuals();
    let color = if running { visuals.error_fg_color } else { visuals.weak_text_color() };
    ui.vertical_centered(|ui| {
        ui.label(RichText::new(super::clock(recording.elapsed_seconds)).size(40.0).monospace().color(color));
    });
    // Columns of the same width, whatever stands in them.
    ui.columns(2, |columns| {
        for (column, (what, count)) in
            columns.iter_mut().zip([("On disk", recording.bytes_on_disk), ("Free", recording.free_bytes)])
        {
            column.horizontal(|ui| {
                ui.label(RichText::new(what).weak());
                ui.label(RichText::new(super::bytes(count)).monospace());
            });
        }
    });
    // One line, whatever it says.
    let said = match (&recording.folder, &recording.last) {
        (Some(folder), _) => ("into ".to_owned(), folder.display().to_string()),
        (None, Some((seconds, folder))) => {
            (format!("recorded {seconds:.1} s into "), folder.display().to_string())
        }
        (None, None) => ("not recording".to_owned(), String::new()),
    };
    let ((start, end), color) = match page.model.session_problem.clone() {
        Some(problem) => ((problem, String::new()), ui.visuals().error_fg_color),
        None => (said, ui.visuals().weak_text_color()),
    };
    // Of a folder the end tells it from others.
    let font = super::font(ui, TextStyle::Small);
    let taken = ui.painter().layout_no_wrap(start.clone(), font.clone(), color).size().x;
    let shown = super::elided_at_front(ui, &end, &font, ui.available_width() - taken - 2.0);
    let text = RichText::new(format!("{start}{shown}")).small().color(color);
    let response = ui.add(egui::Label::new(text).truncate());
    if shown != end {
        response.on_hover_text(format!("{start}{end}"));
    }
}

fn markers(ui: &mut egui::Ui, page: &mut Page<'_>, set: &[(f64, String)]) {
    let name = ui.label(RichText::new("Markers").strong());
    let mut send = false;
    ui.horizontal(|ui| {
        let set = Vec2::new(52.0, ui.spacing().interact_size.y);
        let width = ui.available_width() - set.x - ui.spacing().item_spacing.x;
        // The same field, and with the focus, when a check's findings come above it.
        let edit = TextEdit::singleline(&mut page.model.marker).id(egui::Id::unique("marker"));
        let edit = edit.hint_text("text").desired_width(width);
        let response = ui.add(edit).labelled_by(name.id);
        send = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if send {
            // Ready for the next one.
            response.request_focus();
        }
        send |= ui.add_sized(set, egui::Button::new("Set")).clicked();
    });
    if send && let Some(command) = page.model.typed_marker(is_kept(page.backend)) {
        page.backend.command(command);
    }
    ui.label(RichText::new("F1–F12 set a marker at once.").small().weak());
    for (seconds, name) in set.iter().rev().take(8) {
        let text = RichText::new(format!("{}  {name}", super::clock(*seconds))).monospace();
        ui.add(egui::Label::new(text).truncate());
    }
}

/// Everybody in view of a camera, to be named, and who is being named, in view or not.
fn participants(ui: &mut egui::Ui, page: &mut Page<'_>) {
    ui.label(RichText::new("Participants").strong());
    let mut seen: Vec<(usize, String, u32)> = Vec::new();
    for (camera, feed) in page.feeds.iter().enumerate() {
        let mut tracks: Vec<u32> = feed.faces.faces().iter().map(|face| face.track_id).collect();
        let named = page.model.naming.as_ref().filter(|naming| naming.camera == feed.name);
        tracks.extend(named.map(|naming| naming.track_id).filter(|track_id| !tracks.contains(track_id)));
        seen.extend(tracks.into_iter().map(|track_id| (camera, feed.name.clone(), track_id)));
    }
    if seen.is_empty() {
        ui.label(RichText::new("Nobody in view.").weak());
    }
    for (camera, name, track_id) in seen {
        ui.horizontal(|ui| {
            let width = ui.available_width() * 0.45;
            let size = egui::vec2(width, ui.spacing().interact_size.y);
            let layout = egui::Layout::left_to_right(egui::Align::Center);
            let label = ui.allocate_ui_with_layout(size, layout, |ui| {
                ui.set_min_size(size);
                camera_and_face(ui, &name, track_id)
            });
            let label = label.inner;
            let width = ui.available_width();
            super::name_field(ui, page, (camera, track_id), "session", label.id, width);
        });
    }
}

/// A face by its camera and number: of what has no room, the camera's name goes first.
fn camera_and_face(ui: &mut egui::Ui, camera: &str, track_id: u32) -> egui::Response {
    let (font, color) = (super::font(ui, TextStyle::Small), ui.visuals().text_color());
    let face = format!(", face {track_id}");
    let room = ui.available_width() - ui.painter().layout_no_wrap(face.clone(), font.clone(), color).size().x;
    let shown = super::elided(camera, font.clone(), color, room, 1);
    let galley = ui.painter().layout_job(shown);
    let is_cut = galley.elided;
    let text: String = galley.rows.iter().map(|row| row.text()).collect();
    let response = ui.label(RichText::new(format!("{text}{face}")).font(font));
    let whole = format!("{camera}{face}");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &whole));
    if is_cut { response.on_hover_text(whole) } else { response }
}

/// A look, before a recording, at what is missing for it.
fn check_button(ui: &mut egui::Ui, page: &mut Page<'_>, recording: &RecordingStatus) {
    let about =
        "tries the disk and the encoder for two seconds, and looks for the streams that must be there";
    let label = if recording.is_checking { "Checking …" } else { "Check before recording" };
    let can_check = recording.folder.is_none() && !recording.is_starting && !recording.is_checking;
    let button =
        egui::Button::new((Atom::grow(), label, Atom::grow())).min_size([ui.available_width(), 32.0].into());
    if ui.add_enabled(can_check, button).on_hover_text(about).clicked() {
        match page.model.session.request(&page.model.settings.wanted.recording) {
            Ok(request) => page.backend.command(Command::CheckRecording(Box::new(request))),
            Err(problem) => page.model.session_problem = Some(problem),
        }
    }
}

fn readiness(ui: &mut egui::Ui, is_ready: bool, findings: &str) {
    let (word, color) =
        if is_ready { ("Ready", theme::ACCENT) } else { ("Something is missing", theme::ALERT) };
    ui.label(RichText::new(word).strong().color(theme::legible(color, ui.visuals())));
    ui.label(RichText::new(findings).small());
    ui.add_space(theme::GAP);
}

/// What cannot be missed, at the bottom, where it moves nothing that one presses; no higher than `most`, and the rest
/// by scrolling.
fn warnings(ui: &mut egui::Ui, page: &mut Page<'_>, recording: &RecordingStatus, most: f32) {
    let file = page.backend.settings_file();
    let unsaved = match &file.state {
        SaveState::Failed(reason) => {
            Some(format!("Settings are not saved: {reason}. They hold until Mien is closed."))
        }
        SaveState::Saved | SaveState::Pending => None,
    };
    if recording.warnings.is_empty() && unsaved.is_none() {
        return;
    }
    egui::ScrollArea::vertical().max_height(most).min_scrolled_height(most).show(ui, |ui| {
        for warning in joined_warnings(&recording.warnings) {
            super::banner(ui, theme::ALERT, &warning);
        }
        if let Some(text) = &unsaved {
            super::banner(ui, theme::CAUTION, text);
        }
    });
    ui.horizontal_wrapped(|ui| {
        if !recording.warnings.is_empty() && ui.button("Dismiss").clicked() {
            page.backend.command(Command::DismissWarnings);
        }
        if unsaved.is_some() {
            if ui.button("Try again").clicked() {
                page.backend.command(Command::SaveSettings);
            }
            if ui.button("Copy settings").on_hover_text("as text, to keep elsewhere").clicked() {
                ui.ctx().copy_text(mien_config::print(page.backend.config()));
            }
        }
    });
}
