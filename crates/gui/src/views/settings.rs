//! Settings of all cameras, and where they are kept.

use eframe::egui::{self, DragValue, RichText};
use mien_config::{Config, Detection, Preview, Smoothing};
use mien_face::VERTICAL_FOV_DEG;

use super::setting;
use crate::app::Page;
use crate::backend::{Command, SaveState};
use crate::theme;

/// Width that a column of settings needs.
const COLUMN: f32 = 400.0;

/// Draws the page.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let recording = page.backend.recording().folder.is_some();
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        kept(ui, page);
        ui.add_space(theme::GAP * 2.0);
        let wanted = &mut page.model.settings.wanted;
        if ui.available_width() < 2.0 * COLUMN {
            tracking(ui, wanted, !recording);
            around(ui, wanted, !recording);
        } else {
            ui.columns(2, |columns| {
                tracking(&mut columns[0], wanted, !recording);
                around(&mut columns[1], wanted, !recording);
            });
        }
        ui.add_space(theme::GAP);
        let button = egui::Button::new("As Mien comes");
        if ui.add_enabled(!recording, button).on_hover_text("tracking, smoothing and previews").clicked() {
            let usual = Config::default();
            (wanted.detection, wanted.smoothing) = (usual.detection, usual.smoothing);
            wanted.preview = usual.preview;
        }
    });
}

/// What is done with pictures and faces.
fn tracking(ui: &mut egui::Ui, wanted: &mut Config, enabled: bool) {
    ui.add_enabled_ui(enabled, |ui| {
        detection(ui, &mut wanted.detection);
        smoothing(ui, &mut wanted.smoothing);
    });
}

/// What happens to it.
fn around(ui: &mut egui::Ui, wanted: &mut Config, enabled: bool) {
    ui.add_enabled_ui(enabled, |ui| {
        preview(ui, &mut wanted.preview);
        streams(ui, wanted);
    });
    app(ui, wanted);
}

/// Where settings are kept, and whether they are.
fn kept(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let file = page.backend.settings_file().clone();
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Settings file").weak());
        match &file.path {
            Some(path) => ui.label(RichText::new(path.display().to_string()).monospace()),
            None => ui.label("none: settings hold until Mien is closed; `mien --config FILE` keeps them"),
        };
        let (text, color) = match (&file.path, &file.state) {
            (None, _) => ("", theme::CAUTION),
            (_, SaveState::Saved) => ("saved", theme::ACCENT),
            (_, SaveState::Pending) => ("saving …", theme::CAUTION),
            (_, SaveState::Failed(_)) => ("not saved", theme::ALERT),
        };
        let color = theme::legible(color, ui.visuals());
        ui.label(RichText::new(text).color(color).strong());
    });
    if let SaveState::Failed(reason) = &file.state {
        ui.label(RichText::new(reason).color(ui.visuals().error_fg_color));
        if ui.button("Try again").clicked() {
            page.backend.command(Command::SaveSettings);
        }
    }
    if !file.keeps_cameras {
        let text = "The cameras come from the command line (--source): changes to them hold for this run.";
        ui.label(RichText::new(text).weak());
    }
}

fn section(ui: &mut egui::Ui, title: &str, add: impl FnOnce(&mut egui::Ui)) {
    ui.heading(title);
    egui::Grid::new(title).num_columns(2).min_col_width(210.0).spacing([20.0, 8.0]).show(ui, add);
    ui.add_space(theme::GAP * 2.0);
}

fn detection(ui: &mut egui::Ui, detection: &mut Detection) {
    section(ui, "Tracking", |ui| {
        setting(ui, "Most faces", "of each camera", |ui| {
            ui.add(DragValue::new(&mut detection.max_faces).range(1..=10).speed(0.1))
        });
        setting(
            ui,
            "Look for new faces every",
            "the detector runs so often, and at once when a face is lost",
            |ui| {
                ui.add(
                    DragValue::new(&mut detection.detect_every).range(1..=1000).suffix(" frames").speed(0.1),
                )
            },
        );
        let mut has_size = detection.detector_size.is_some();
        setting(
            ui,
            "Detector's size by hand",
            "else half the frame's longest side, 320 to 640 pixels",
            |ui| ui.checkbox(&mut has_size, ""),
        );
        if has_size != detection.detector_size.is_some() {
            detection.detector_size = has_size.then_some(640);
        }
        let mut size = detection.detector_size.unwrap_or(640);
        setting(ui, "Detector's longest side", "larger finds smaller faces and takes longer", |ui| {
            let drag = DragValue::new(&mut size).range(64..=4096).suffix(" px");
            ui.add_enabled(has_size, drag)
        });
        if has_size {
            detection.detector_size = Some(size);
        }
        for (label, about, value) in [
            ("Least confidence", "detections below it are not looked at", &mut detection.score_threshold),
            ("Largest overlap", "of two detections that overlap more, one goes", &mut detection.nms_iou),
            (
                "Least presence",
                "faces that the landmarks believe in less are lost",
                &mut detection.presence_threshold,
            ),
        ] {
            setting(ui, label, about, |ui| {
                ui.add(DragValue::new(value).range(0.0..=1.0).speed(0.005).fixed_decimals(2))
            });
        }
        setting(ui, "Longest absence", "so long a face keeps its number and its name", |ui| {
            let drag = DragValue::new(&mut detection.max_absence_seconds).range(0.0..=3600.0);
            ui.add(drag.suffix(" s").speed(0.05).fixed_decimals(1))
        });
        setting(ui, "Vertical field of view", "of the cameras; the estimated distance depends on it", |ui| {
            let drag = DragValue::new(&mut detection.vertical_fov_deg).range(VERTICAL_FOV_DEG);
            ui.add(drag.suffix("°").speed(0.2).fixed_decimals(1))
        });
    });
}

fn smoothing(ui: &mut egui::Ui, smoothing: &mut Smoothing) {
    section(ui, "Smoothing", |ui| {
        setting(ui, "One-Euro filter", "measured values are kept beside the smoothed ones", |ui| {
            ui.checkbox(&mut smoothing.enabled, "")
        });
        let enabled = smoothing.enabled;
        for (label, about, value, unit) in [
            ("Cut-off at rest", "lower is steadier", &mut smoothing.min_cutoff_hz, " Hz"),
            ("Rise with speed (beta)", "higher lags less in motion", &mut smoothing.beta, ""),
            ("Cut-off of the speed", "of the speed's own filter", &mut smoothing.speed_cutoff_hz, " Hz"),
        ] {
            setting(ui, label, about, |ui| {
                let drag = DragValue::new(value).range(0.001..=1000.0).speed(0.05);
                ui.add_enabled(enabled, drag.suffix(unit).max_decimals(3))
            });
        }
    });
}

fn preview(ui: &mut egui::Ui, preview: &mut Preview) {
    section(ui, "Previews", |ui| {
        let about = "cameras restart when it changes";
        for (label, value) in [("Largest width", &mut preview.width), ("Largest height", &mut preview.height)]
        {
            setting(ui, label, about, |ui| {
                // Told when the field is left: each change starts the cameras anew.
                let drag = DragValue::new(value).range(16..=8192).suffix(" px");
                ui.add(drag.update_while_editing(false))
            });
        }
        setting(ui, "Pictures a second", about, |ui| {
            let drag = DragValue::new(&mut preview.rate_hz).range(0.1..=1000.0).max_decimals(1);
            ui.add(drag.update_while_editing(false))
        });
    });
}

fn streams(ui: &mut egui::Ui, wanted: &mut Config) {
    let lsl = &mut wanted.lsl;
    section(ui, "LSL streams", |ui| {
        setting(ui, "Stream", "over the Lab Streaming Layer", |ui| ui.checkbox(&mut lsl.enabled, ""));
        for &stream in mien_outputs::ALL {
            let mut is_sent = lsl.streams.contains(&stream);
            let was_sent = is_sent;
            setting(ui, stream.title, "of each face slot", |ui| {
                ui.add_enabled(lsl.enabled, egui::Checkbox::new(&mut is_sent, ""))
            });
            if was_sent && !is_sent {
                lsl.streams.retain(|listed| *listed != stream);
            } else if is_sent && !was_sent {
                lsl.streams.push(stream);
            }
        }
        setting(ui, "Face slots", "of each camera", |ui| {
            ui.add(DragValue::new(&mut lsl.faces).range(1..=10).speed(0.1))
        });
        setting(ui, "Rows without a face", "of NaN; else none", |ui| ui.checkbox(&mut lsl.fill, ""));
    });
}

fn app(ui: &mut egui::Ui, wanted: &mut Config) {
    section(ui, "Window", |ui| {
        let about = "most that new pictures cause; fewer take less of the processor";
        setting(ui, "Repaints a second", about, |ui| {
            let drag = DragValue::new(&mut wanted.gui.repaints_hz).range(1.0..=240.0);
            ui.add(drag.speed(0.2).max_decimals(0))
        });
        setting(ui, "Warn below free disk", "and a clean stop of a recording at a tenth of it", |ui| {
            let drag = DragValue::new(&mut wanted.recording.min_free_gb).range(0.0..=1e6);
            ui.add(drag.suffix(" GB").speed(0.1).max_decimals(2))
        });
    });
}
