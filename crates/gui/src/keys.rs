//! What keys do, wherever the focus is.

use eframe::egui::{self, Key, Modifiers};

use crate::backend::Command;
use crate::model::{AppModel, View, free_name};

const FUNCTION_KEYS: [Key; 12] = [
    Key::F1,
    Key::F2,
    Key::F3,
    Key::F4,
    Key::F5,
    Key::F6,
    Key::F7,
    Key::F8,
    Key::F9,
    Key::F10,
    Key::F11,
    Key::F12,
];
const DIGITS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

/// The keys and what they do, for people.
pub(crate) const HELP: [(&str, &str); 8] = [
    ("Ctrl+1 … Ctrl+8", "the pages"),
    ("Alt+1 … Alt+9", "enlarge a camera, and back"),
    ("Esc", "all cameras"),
    ("Ctrl+R", "record, stop"),
    ("F1 … F12", "set a marker"),
    ("Ctrl+Space", "freeze the signals"),
    ("Tab, Shift+Tab, Space", "go through everything, press it"),
    ("Ctrl+Q", "close"),
];

/// What was asked for by key, or by dropping files on the window.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub toggle_recording: bool,
    pub close: bool,
    pub commands: Vec<Command>,
}

/// Reads the keys; what concerns the interface alone is done at once.
pub(crate) fn read(ctx: &egui::Context, model: &mut AppModel, cameras: &[String]) -> Asked {
    let mut asked = Asked::default();
    ctx.input_mut(|input| {
        for (number, key) in (1..).zip(FUNCTION_KEYS) {
            if input.consume_key(Modifiers::NONE, key) {
                asked.commands.push(AppModel::key_marker(number));
            }
        }
        for (view, key) in View::ALL.into_iter().zip(DIGITS) {
            if input.consume_key(Modifiers::COMMAND, key) {
                model.view = view;
            }
        }
        for (camera, key) in cameras.iter().zip(DIGITS) {
            if input.consume_key(Modifiers::ALT, key) {
                model.view = View::Live;
                model.toggle_enlarged(camera);
            }
        }
        asked.toggle_recording = input.consume_key(Modifiers::COMMAND, Key::R);
        asked.close = input.consume_key(Modifiers::COMMAND, Key::Q);
        if input.consume_key(Modifiers::COMMAND, Key::Space) {
            model.signals.frozen = !model.signals.frozen;
        }
        if input.key_pressed(Key::Escape) {
            model.enlarged = None;
        }
        let mut named: Vec<mien_config::Camera> =
            cameras.iter().map(|name| mien_config::Camera::new(name, "")).collect();
        for file in &input.raw.dropped_files {
            let camera = mien_config::Camera::new(free_name(&named), file.path().display().to_string());
            named.push(camera.clone());
            asked.commands.push(Command::AddCamera(Box::new(camera)));
        }
    });
    asked
}
