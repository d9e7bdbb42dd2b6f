//! Cameras to add, rename, restart and remove, and the devices that were found.

use eframe::egui::{self, RichText};

use crate::app::Page;
use crate::backend::Command;
use crate::model::SessionForm;
use crate::theme;
use mien_control::CameraState;

/// Draws the page.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.heading("Cameras");
        cameras(ui, page);
        ui.add_space(theme::GAP * 2.0);
        ui.heading("Add a camera");
        add(ui, page);
        ui.add_space(theme::GAP * 2.0);
        ui.horizontal(|ui| {
            ui.heading("Found on this machine");
            if ui.button("Look again").clicked() {
                page.backend.command(Command::RefreshDevices);
            }
        });
        found(ui, page);
    });
}

fn cameras(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let mut commands = Vec::new();
    let cameras = page.backend.cameras();
    if cameras.is_empty() {
        ui.label(RichText::new("None yet.").weak());
    }
    egui::Grid::new("cameras").num_columns(5).spacing([24.0, 8.0]).striped(true).show(ui, |ui| {
        for camera in cameras {
            let editing = page.model.devices.renaming.as_mut().filter(|(from, _)| *from == camera.name);
            if let Some((from, to)) = editing {
                let response = ui.add(egui::TextEdit::singleline(to).desired_width(140.0));
                if response.lost_focus() {
                    if to != from && SessionForm::name_problem(to).is_none() {
                        commands.push(Command::RenameCamera { from: from.clone(), to: to.clone() });
                    }
                    page.model.devices.renaming = None;
                }
            } else {
                ui.label(RichText::new(&camera.name).strong());
            }
            ui.label(&camera.source);
            ui.label(RichText::new(camera.state.label()).color(theme::state_color(camera.state)));
            ui.label(RichText::new(&camera.reason).weak());
            ui.horizontal(|ui| {
                if ui.button("Rename").clicked() {
                    page.model.devices.renaming = Some((camera.name.clone(), camera.name.clone()));
                }
                let again = if camera.state == CameraState::Failed { "Try again" } else { "Restart" };
                if ui.button(again).clicked() {
                    commands.push(Command::RestartCamera(camera.name.clone()));
                }
                if ui.button("Remove").clicked() {
                    commands.push(Command::RemoveCamera(camera.name.clone()));
                }
            });
            ui.end_row();
        }
    });
    for command in commands {
        page.backend.command(command);
    }
}

fn add(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let mut wanted = false;
    ui.horizontal(|ui| {
        let form = &mut page.model.devices;
        let name = ui.label("Name");
        ui.add(egui::TextEdit::singleline(&mut form.name).hint_text("next free").desired_width(140.0))
            .labelled_by(name.id);
        let source = ui.label("Source");
        let edit = egui::TextEdit::singleline(&mut form.source)
            .hint_text("synthetic, usb:ID, file, rtsp://…")
            .desired_width(320.0);
        ui.add(edit).labelled_by(source.id);
        wanted = ui.button("Add").clicked();
        if ui.button("Synthetic camera").clicked() {
            form.source = "synthetic".to_owned();
            wanted = true;
        }
    });
    if wanted {
        match page.model.devices.add(page.backend.cameras()) {
            Ok(command) => {
                page.backend.command(command);
                page.model.devices.name.clear();
                page.model.devices_problem = None;
            }
            Err(problem) => page.model.devices_problem = Some(problem),
        }
    }
    if let Some(problem) = &page.model.devices_problem {
        ui.label(RichText::new(problem).color(theme::ALERT));
    }
}

fn found(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let devices = page.backend.devices();
    if devices.is_empty() {
        ui.label(RichText::new("No capture device. Plug one in and look again.").weak());
    }
    for device in devices {
        ui.horizontal(|ui| {
            ui.label(RichText::new(&device.label).strong());
            ui.label(RichText::new(&device.source).monospace());
            if ui.button("Use").clicked() {
                page.model.devices.source.clone_from(&device.source);
            }
        });
        ui.label(RichText::new(device.formats.join(", ")).weak());
    }
}
