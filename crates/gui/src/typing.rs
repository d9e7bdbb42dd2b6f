//! What is typed faster than the window is painted.

use eframe::egui::{Context, Event, Key, RawInput};

/// Key presses that wait for the next repaint.
///
/// egui hands all that was typed since the last repaint to whatever has the focus when it draws, so what follows
/// a Tab or an Enter, which move the focus, would be lost. It waits for one repaint more instead.
#[derive(Debug, Default)]
pub(crate) struct Typing {
    waiting: Vec<Event>,
}

impl Typing {
    /// Keeps of the next repaint's input what follows the first key press that moves the focus, and has the
    /// repaint after it asked for.
    pub(crate) fn in_order(&mut self, ctx: &Context, input: &mut RawInput) {
        self.waiting.append(&mut input.events);
        let moves =
            |event: &Event| matches!(event, Event::Key { key: Key::Tab | Key::Enter, pressed: true, .. });
        let now = self.waiting.iter().position(moves).map_or(self.waiting.len(), |place| place + 1);
        input.events.extend(self.waiting.drain(..now));
        if !self.waiting.is_empty() {
            ctx.request_repaint();
        }
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::{CentralPanel, Modifiers, TextEdit};

    use super::*;

    fn key(key: Key, pressed: bool) -> Event {
        Event::Key { key, physical_key: None, pressed, repeat: false, modifiers: Modifiers::NONE }
    }

    /// What two fields hold, once everything has been painted, after these were typed between two repaints.
    fn fields_after(typed: Vec<Event>) -> [String; 2] {
        let (ctx, mut typing, mut fields) =
            (Context::default(), Typing::default(), [const { String::new() }; 2]);
        let mut events = [vec![], typed].into_iter();
        for repaint in 0.. {
            assert!(repaint < 100, "it never comes to rest");
            let mut input = RawInput { events: events.next().unwrap_or_default(), ..RawInput::default() };
            typing.in_order(&ctx, &mut input);
            let mut output = ctx.run_ui(input, |ui| {
                CentralPanel::default().show(ui, |ui| {
                    for field in &mut fields {
                        ui.add(TextEdit::singleline(field));
                    }
                });
            });
            output.textures_delta.clear();
            if repaint > 1 && typing.waiting.is_empty() {
                break;
            }
        }
        fields
    }

    #[test]
    fn what_is_typed_between_two_repaints_goes_where_each_key_had_moved_the_focus() {
        let text = |text: &str| Event::Text(text.to_owned());
        let tab = [key(Key::Tab, true), key(Key::Tab, false)];
        let mut typed = tab.to_vec();
        typed.extend([text("A"), text("d"), text("a")]);
        assert_eq!(fields_after(typed.clone()), ["Ada", ""]);
        typed.extend(tab.clone());
        typed.push(text("B"));
        assert_eq!(fields_after(typed), ["Ada", "B"]);
        let mut twice = tab.to_vec();
        twice.extend(tab.clone());
        twice.push(text("B"));
        assert_eq!(fields_after(twice), ["", "B"]);
    }
}
