//! What keys do, wherever the focus is.

use eframe::egui::{self, Event, InputState, Key, Modifiers};

use crate::backend::Command;
use crate::model::{AppModel, Closing, View, free_name};

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
pub(crate) const HELP: [(&str, &str); 9] = [
    ("Ctrl+1 … Ctrl+8", "the pages"),
    ("Alt+1 … Alt+9", "enlarge a camera, and back"),
    ("Esc", "all cameras"),
    ("Ctrl+R", "record, stop"),
    ("F1 … F12", "set a marker"),
    ("Ctrl+Space", "freeze the signals"),
    ("Tab, Shift+Tab, Space", "go through everything, press it"),
    ("Ctrl+Plus, Ctrl+Minus, Ctrl+0", "everything larger, smaller, as it was"),
    ("Ctrl+Q", "close"),
];

/// What was asked for by key, or by dropping files on the window.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub toggle_recording: bool,
    pub close: bool,
    pub markers: Vec<String>,
    pub commands: Vec<Command>,
}

/// Whether this key was pressed, with these modifiers, which nobody else then sees. Auto-repeats are consumed and
/// ignored.
fn is_pressed(input: &mut InputState, wanted: Modifiers, wanted_key: Key) -> bool {
    let mut is_pressed = false;
    input.events.retain(|event| match event {
        Event::Key { key, modifiers, pressed: true, repeat, .. }
            if *key == wanted_key && modifiers.matches_logically(wanted) =>
        {
            is_pressed |= !repeat;
            false
        }
        _ => true,
    });
    is_pressed
}

/// Reads the keys; what concerns the interface alone is done at once. While the question before closing is asked, only
/// markers are set, whose moment does not come again, and Esc means not to close.
pub(crate) fn read(ctx: &egui::Context, model: &mut AppModel, cameras: &[String]) -> Asked {
    let mut asked = Asked::default();
    ctx.input_mut(|input| {
        add_dropped(input, cameras, &mut asked);
        for (number, key) in (1..).zip(FUNCTION_KEYS) {
            if is_pressed(input, Modifiers::NONE, key) {
                asked.markers.push(format!("F{number}"));
            }
        }
        if model.closing == Closing::Asking {
            if is_pressed(input, Modifiers::NONE, Key::Escape) {
                model.closing = Closing::No;
            }
            return;
        }
        for (view, key) in View::ALL.into_iter().zip(DIGITS) {
            if is_pressed(input, Modifiers::COMMAND, key) {
                model.view = view;
            }
        }
        for (camera, key) in cameras.iter().zip(DIGITS) {
            if is_pressed(input, Modifiers::ALT, key) {
                model.view = View::Live;
                model.toggle_enlarged(camera);
            }
        }
        asked.toggle_recording = is_pressed(input, Modifiers::COMMAND, Key::R);
        asked.close = is_pressed(input, Modifiers::COMMAND, Key::Q);
        if is_pressed(input, Modifiers::COMMAND, Key::Space) {
            model.signals.frozen = !model.signals.frozen;
        }
        if input.key_pressed(Key::Escape) {
            model.enlarged = None;
        }
    });
    asked
}

/// Files that were dropped on the window become cameras.
fn add_dropped(input: &InputState, cameras: &[String], asked: &mut Asked) {
    let mut named: Vec<mien_config::Camera> =
        cameras.iter().map(|name| mien_config::Camera::new(name, "")).collect();
    for file in &input.raw.dropped_files {
        let camera = mien_config::Camera::new(free_name(&named), file.path().display().to_string());
        named.push(camera.clone());
        asked.commands.push(Command::AddCamera(Box::new(camera)));
    }
}
