//! Cameras: their order, their settings, new ones, and the devices that were found.

use eframe::egui::{self, DragValue, RichText, TextEdit};
use mien_capture::{CameraControl, CameraDevice, ControlValues, Rotation};
use mien_config::{Camera, CameraFormat, EngineKind};
use mien_control::{CameraState, CameraStatus};

use super::setting;
use crate::app::Page;
use crate::backend::Command;
use crate::model::{CameraDraft, fourcc};
use crate::shell::strong_button;
use crate::theme;

/// Width of a camera's settings.
const FORM: f32 = 380.0;
/// Width that the list needs beside them.
const LIST: f32 = 650.0;

/// Draws the page.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    if page.model.devices.draft.is_some() {
        if ui.available_width() < LIST + FORM {
            // One or the other.
            egui::ScrollArea::vertical().id_salt("camera").auto_shrink(false).show(ui, |ui| {
                ui.set_max_width(FORM);
                open_camera(ui, page, "Back to the list");
            });
            return;
        }
        egui::Panel::right("camera settings").resizable(false).exact_size(FORM).show(ui, |ui| {
            egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| open_camera(ui, page, "Close"));
        });
    }
    egui::ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        ui.heading("Cameras");
        cameras(ui, page);
        ui.add_space(theme::GAP * 2.0);
        ui.heading("Add a camera");
        add(ui, page);
        ui.add_space(theme::GAP * 2.0);
        found(ui, page);
    });
}

fn cameras(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let cameras = page.backend.config().cameras.clone();
    let statuses = page.backend.cameras().to_vec();
    let recording = page.backend.recording().folder.is_some();
    if cameras.is_empty() {
        ui.label(RichText::new("None yet.").weak());
    }
    if recording {
        ui.label(RichText::new("A recording is running: cameras can be changed when it has ended.").weak());
    }
    // What order, state, buttons and the spaces between leave of it.
    let room = ui.available_width();
    let width = (room - 470.0).clamp(140.0, 260.0);
    let state_width = (room - width - 320.0).clamp(150.0, 240.0);
    egui::Grid::new("cameras").num_columns(4).spacing([20.0, 10.0]).striped(true).show(ui, |ui| {
        for (place, camera) in cameras.iter().enumerate() {
            ui.add_enabled_ui(!recording, |ui| order(ui, page, place, cameras.len(), &camera.name));
            name_and_source(ui, camera, width);
            state(ui, statuses.iter().find(|status| status.name == camera.name), state_width);
            ui.add_enabled_ui(!recording, |ui| buttons(ui, page, camera));
            ui.end_row();
        }
    });
}

fn order(ui: &mut egui::Ui, page: &mut Page<'_>, place: usize, count: usize, name: &str) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for (up, to, what) in [
            (true, place.checked_sub(1), "earlier"),
            (false, Some(place + 1).filter(|to| *to < count), "later"),
        ] {
            let pressed = arrow_button(ui, up, to.is_some(), &format!("show {name} {what}"));
            if let (true, Some(to)) = (pressed, to) {
                page.backend.command(Command::MoveCamera { name: name.to_owned(), to });
            }
        }
    });
}

/// A small button with a triangle that points up or down.
fn arrow_button(ui: &mut egui::Ui, up: bool, enabled: bool, label: &str) -> bool {
    let button = egui::Button::new("").min_size([28.0, 28.0].into());
    let response = ui.add_enabled(enabled, button);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, enabled, label));
    let visuals = ui.style().interact(&response);
    let color = if enabled { visuals.text_color() } else { visuals.text_color().gamma_multiply(0.3) };
    let (center, tip) = (response.rect.center(), if up { -4.0 } else { 4.0 });
    let points = [(-5.0, -tip), (5.0, -tip), (0.0, tip)].map(|(x, y)| center + egui::vec2(x, y));
    ui.painter().add(egui::Shape::convex_polygon(points.to_vec(), color, egui::Stroke::NONE));
    response.on_hover_text(label).clicked()
}

fn name_and_source(ui: &mut egui::Ui, camera: &Camera, width: f32) {
    ui.vertical(|ui| {
        ui.set_min_width(width);
        ui.spacing_mut().item_spacing.y = 2.0;
        super::cell(ui, RichText::new(&camera.name).strong(), width);
        super::cell(ui, RichText::new(camera.source.to_string()).small().weak(), width);
    });
}

fn state(ui: &mut egui::Ui, status: Option<&CameraStatus>, width: f32) {
    ui.vertical(|ui| {
        ui.set_min_width(150.0);
        ui.spacing_mut().item_spacing.y = 2.0;
        let Some(status) = status else {
            ui.label(RichText::new("off").weak());
            return;
        };
        let color = theme::legible(theme::state_color(status.state), ui.visuals());
        ui.label(RichText::new(status.state.label()).color(color));
        let size = status.size.map_or(String::new(), |[width, height]| format!("{width}×{height}, "));
        let text = if status.state == CameraState::Live {
            format!("{size}{:.1} fps", status.fps)
        } else {
            status.reason.clone()
        };
        super::cell(ui, RichText::new(text).small().weak(), width);
    });
}

fn buttons(ui: &mut egui::Ui, page: &mut Page<'_>, camera: &Camera) {
    ui.horizontal(|ui| {
        let open = page.model.devices.draft.as_ref();
        let is_open = open.is_some_and(|draft| draft.original.name == camera.name);
        let named = |ui: &mut egui::Ui, text: &str, selected: bool| {
            let button = ui.add(egui::Button::selectable(selected, text).frame_when_inactive(true));
            button.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::Button, true, format!("{text} {}", camera.name))
            });
            button.clicked()
        };
        if named(ui, "Change", is_open) {
            if is_open {
                page.model.devices.draft = None;
            } else {
                page.model.devices.open(camera);
                page.backend.command(Command::ReadControls(camera.name.clone()));
            }
        }
        if camera.enabled && named(ui, "Restart", false) {
            page.backend.command(Command::RestartCamera(camera.name.clone()));
        }
    });
}

/// The settings of the camera that is open.
fn open_camera(ui: &mut egui::Ui, page: &mut Page<'_>, close: &str) {
    let Some(mut draft) = page.model.devices.draft.take() else { return };
    let recording = page.backend.recording().folder.is_some();
    let device =
        page.backend.devices().iter().find(|device| draft.wanted.source == device.spec.as_str()).cloned();
    ui.with_layout(egui::Layout::right_to_left(egui::Align::TOP), |ui| {
        if !ui.button(close).clicked() {
            page.model.devices.draft = Some(draft.clone());
        }
        ui.with_layout(egui::Layout::left_to_right(egui::Align::TOP), |ui| {
            ui.add(egui::Label::new(RichText::new(&draft.original.name).heading()).truncate());
        });
    });
    let is_closed = page.model.devices.draft.is_none();
    ui.add_enabled_ui(!recording, |ui| {
        egui::Grid::new("camera").num_columns(2).spacing([16.0, 8.0]).show(ui, |ui| {
            fields(ui, &mut draft, device.as_ref());
        });
        ui.add_space(theme::GAP);
        apply(ui, page, &mut draft);
    });
    ui.separator();
    controls(ui, page, &draft.original.name);
    ui.separator();
    ui.add_enabled_ui(!recording, |ui| {
        if ui.button("Remove this camera").clicked() {
            page.backend.command(Command::RemoveCamera(draft.original.name.clone()));
        }
    });
    if !is_closed {
        page.model.devices.draft = Some(draft);
    }
}

fn fields(ui: &mut egui::Ui, draft: &mut CameraDraft, device: Option<&CameraDevice>) {
    const WIDTH: f32 = 220.0;
    let (sizes, rates) = (draft.sizes(device), draft.rates_hz(device));
    let camera = &mut draft.wanted;
    setting(ui, "Name", "part of stream and file names", |ui| {
        ui.add(TextEdit::singleline(&mut camera.name).desired_width(WIDTH))
    });
    setting(ui, "Source", "synthetic, usb:ID, a file or an address", |ui| {
        // Shown without its secrets, which stay where they are not typed over.
        let mut shown = camera.source.to_string();
        let response = ui.add(TextEdit::singleline(&mut shown).desired_width(WIDTH));
        if response.changed() {
            camera.source = camera.source.edited(&shown);
        }
        response
    });
    let formats = [CameraFormat::Mjpeg, CameraFormat::Yuyv, CameraFormat::Nv12];
    choice(ui, "Format", &mut camera.format, &formats, |format| fourcc(*format).to_owned());
    choice(ui, "Resolution", &mut camera.size, &sizes, |[width, height]| format!("{width} × {height}"));
    choice(ui, "Rate", &mut camera.rate_hz, &rates, |rate| format!("{rate:.0} fps"));
    setting(ui, "Turned", "clockwise: for a camera that is on its side or upside down", |ui| {
        let text = |rotation: Rotation| format!("{rotation}°");
        let list = egui::ComboBox::from_id_salt("Turned").width(WIDTH).selected_text(text(camera.rotate));
        let shown = list.show_ui(ui, |ui| {
            for rotation in Rotation::ALL {
                ui.selectable_value(&mut camera.rotate, rotation, text(rotation));
            }
        });
        shown.response
    });
    let engines = [EngineKind::Cpu, EngineKind::TensorRt];
    choice(ui, "Engine", &mut camera.engine, &engines, |engine| match engine {
        EngineKind::Auto => "the fastest".to_owned(),
        EngineKind::Cpu => "CPU".to_owned(),
        EngineKind::TensorRt => "TensorRT".to_owned(),
    });
    let mut has_gpu = camera.gpu.is_some();
    setting(ui, "GPU by hand", "else cameras are dealt out in turn", |ui| ui.checkbox(&mut has_gpu, ""));
    let mut gpu = camera.gpu.unwrap_or(0);
    setting(ui, "GPU number", "as nvidia-smi counts them", |ui| {
        ui.add_enabled(has_gpu, DragValue::new(&mut gpu).range(0..=255).speed(0.05))
    });
    camera.gpu = has_gpu.then_some(gpu);
    setting(ui, "Enabled", "a camera that is not stays listed and does nothing", |ui| {
        ui.checkbox(&mut camera.enabled, "")
    });
}

fn choice<T: Clone + PartialEq>(
    ui: &mut egui::Ui,
    label: &str,
    value: &mut Option<T>,
    offered: &[T],
    text: impl Fn(&T) -> String,
) {
    const OPEN: &str = "as the source has it";
    setting(ui, label, "what the source does not offer is refused with the reason", |ui| {
        let chosen = value.as_ref().map_or(OPEN.to_owned(), &text);
        let list = egui::ComboBox::from_id_salt(label).width(220.0).selected_text(chosen);
        let shown = list.show_ui(ui, |ui| {
            ui.selectable_value(value, None, OPEN);
            for option in offered {
                ui.selectable_value(value, Some(option.clone()), text(option));
            }
        });
        shown.response
    });
}

fn apply(ui: &mut egui::Ui, page: &mut Page<'_>, draft: &mut CameraDraft) {
    let command = draft.command(&page.backend.config().cameras);
    ui.horizontal(|ui| {
        let can_apply = draft.is_changed() && command.is_ok();
        let button = strong_button("Apply", 15.0, theme::ACCENT).min_size([110.0, 32.0].into());
        let applied = ui.add_enabled(can_apply, button).on_hover_text("restarts this camera").clicked();
        if let (true, Ok(command)) = (applied, &command) {
            page.backend.command(command.clone());
        }
        if ui.add_enabled(draft.is_changed(), egui::Button::new("Undo")).clicked() {
            draft.revert();
        }
    });
    // One line, also when there is nothing to say.
    let problem = command.err().filter(|_| draft.is_changed()).unwrap_or_default();
    ui.label(RichText::new(problem).color(ui.visuals().error_fg_color));
}

/// What the camera's driver lets one change while it runs.
fn controls(ui: &mut egui::Ui, page: &mut Page<'_>, camera: &str) {
    ui.label(RichText::new("Driver").strong());
    let controls = page.backend.controls(camera).to_vec();
    if controls.is_empty() {
        ui.label(RichText::new("This source has no exposure, gain or the like to change.").weak());
        return;
    }
    egui::Grid::new("controls").num_columns(2).spacing([16.0, 8.0]).show(ui, |ui| {
        for control in &controls {
            if let Some(value) = show_control(ui, control) {
                page.backend.command(Command::SetControl {
                    camera: camera.to_owned(),
                    control: control.name.clone(),
                    value,
                });
            }
        }
    });
}

/// Draws a control; gives its new value.
fn show_control(ui: &mut egui::Ui, control: &CameraControl) -> Option<i64> {
    let mut value = control.value;
    let about = format!("{}; the driver's own choice is {}", control.name, control.default);
    setting(ui, &control.label, &about, |ui| {
        ui.add_enabled_ui(!control.inactive, |ui| match &control.values {
            ControlValues::Range { low, high, step } => {
                let drag = DragValue::new(&mut value).range(*low..=*high).speed((*step).max(1) as f64);
                ui.add(drag)
            }
            ControlValues::Switch => {
                let mut is_on = value != 0;
                let response = ui.checkbox(&mut is_on, "");
                value = i64::from(is_on);
                response
            }
            ControlValues::Choice(choices) => {
                let chosen = choices.iter().find(|(number, _)| *number == value);
                let text = chosen.map_or_else(|| value.to_string(), |(_, text)| text.clone());
                let list = egui::ComboBox::from_id_salt(&control.name).width(180.0).selected_text(text);
                list.show_ui(ui, |ui| {
                    for (number, text) in choices {
                        ui.selectable_value(&mut value, *number, text);
                    }
                })
                .response
            }
        })
        .inner
    });
    (value != control.value).then_some(value)
}

fn add(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let mut wanted = false;
    ui.horizontal_wrapped(|ui| {
        let form = &mut page.model.devices.add;
        let name = ui.label("Name");
        ui.add(TextEdit::singleline(&mut form.name).hint_text("next free").desired_width(120.0))
            .labelled_by(name.id);
        let source = ui.label("Source");
        let edit = TextEdit::singleline(&mut form.source)
            .hint_text("file, rtsp://…, http://…, usb:ID, synthetic")
            .desired_width(280.0);
        let response = ui.add(edit).labelled_by(source.id);
        wanted = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        wanted |= ui.button("Add").clicked();
        if ui.button("Synthetic camera").clicked() {
            form.source = "synthetic".to_owned();
            wanted = true;
        }
    });
    if wanted {
        add_now(page);
    }
    let problem = page.model.devices.add_problem.as_deref();
    let text = problem.unwrap_or("Video files can also be dropped on the window; they play over and over.");
    let visuals = ui.visuals();
    let color = if problem.is_some() { visuals.error_fg_color } else { visuals.weak_text_color() };
    ui.label(RichText::new(text).color(color));
}

fn add_now(page: &mut Page<'_>) {
    match page.model.devices.add.command(&page.backend.config().cameras) {
        Ok(command) => {
            page.backend.command(command);
            page.model.devices.add = Default::default();
            page.model.devices.add_problem = None;
        }
        Err(problem) => page.model.devices.add_problem = Some(problem),
    }
}

fn found(ui: &mut egui::Ui, page: &mut Page<'_>) {
    ui.horizontal(|ui| {
        ui.heading("Found on this machine");
        if ui.button("Look again").clicked() {
            page.backend.command(Command::RefreshDevices);
        }
    });
    let devices = page.backend.devices().to_vec();
    if devices.is_empty() {
        ui.label(RichText::new("No capture device. Plug one in and look again.").weak());
    }
    for device in devices {
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(&device.label).strong());
            ui.label(RichText::new(&device.spec).monospace());
            let used =
                page.backend.config().cameras.iter().find(|camera| camera.source == device.spec.as_str());
            match used {
                Some(camera) => drop(ui.label(RichText::new(format!("is {}", camera.name)).weak())),
                None => {
                    let add = ui.button("Add");
                    let text = format!("Add {}", device.label);
                    add.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &text));
                    if add.clicked() {
                        page.model.devices.add.source.clone_from(&device.spec);
                        add_now(page);
                    }
                }
            }
        });
        let modes = device.modes.iter().map(|mode| {
            let [width, height] = mode.size;
            let rates: Vec<String> = mode.rates_hz.iter().map(|rate| format!("{rate:.0}")).collect();
            format!("{} {width}×{height} at {} fps", mode.format, rates.join(", "))
        });
        let modes: Vec<String> = modes.collect();
        let text = if modes.is_empty() {
            "it cannot be asked for its formats now; another program may have it open".to_owned()
        } else {
            modes.join("   ")
        };
        ui.label(RichText::new(text).small().weak());
    }
}
