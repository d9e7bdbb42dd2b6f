//! Text for a terminal.
//!
//! Names of files, streams and participants come from anybody, and a terminal obeys what it is sent: characters that
//! would command it are shown as `\u{1b}`.

use std::borrow::Cow;

/// The text with what a terminal would obey made visible: control characters but for tabs and line ends, and those
/// that turn the direction of writing.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(commands) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if commands(character) { shown.extend(character.escape_unicode()) } else { shown.push(character) }
    }
    Cow::Owned(shown)
}

/// A line for a terminal.
pub(crate) fn line(text: &str) -> Vec<u8> {
    format!("{}\n", visible(text)).into_bytes()
}

/// The text on one line, with nothing in it that a terminal would obey: for names.
pub(crate) fn visible_name(text: &str) -> String {
    let line_ends = ['\n', '\t', '\u{2028}', '\u{2029}'];
    let shown = visible(text);
    shown
        .chars()
        .map(|c| if line_ends.contains(&c) { c.escape_default().collect() } else { c.to_string() })
        .collect::<String>()
}

fn commands(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => character.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_commands_the_terminal() {
        assert_eq!(visible("Zoë\t1\n"), "Zoë\t1\n");
        assert_eq!(visible("a\u{1b}[2Jb\u{9b}31m\u{7}\u{7f}\r"), "a\\u{1b}[2Jb\\u{9b}31m\\u{7}\\u{7f}\\u{d}");
        assert_eq!(visible("\u{202e}gnp.exe"), "\\u{202e}gnp.exe");
        assert_eq!(visible_name("a\nmien: all is well"), "a\\nmien: all is well");
    }
}
