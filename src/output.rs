//! Standard output and standard error, whose readers may go away (`mien cameras | head`, a terminal that is closed):
//! that ends no recording, and no panic is shown.
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

/// A line on standard output; nothing where nobody reads it any more.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let text = format!($($text)*);
        let _nobody_reads = writeln!(std::io::stdout(), "{}", crate::output::visible(&text));
    }};
}

/// Likewise, without the line's end.
macro_rules! say_part {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let text = format!($($text)*);
        let _nobody_reads = write!(std::io::stdout(), "{}", crate::output::visible(&text));
    }};
}

/// A line on standard error; nothing where nobody reads it any more.
macro_rules! say_error {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let text = format!($($text)*);
        let _nobody_reads = writeln!(std::io::stderr(), "{}", crate::output::visible(&text));
    }};
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
