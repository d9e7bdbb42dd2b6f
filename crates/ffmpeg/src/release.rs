//! What ffmpeg's releases call differently.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The option with which every picture comes once and at its own time. ffmpeg 5.1 renamed it, and later releases drop
/// the old name. Asks the ffmpeg that is installed, once.
#[must_use]
pub fn passthrough() -> &'static str {
    static IS_OLD: OnceLock<bool> = OnceLock::new();
    let is_old = IS_OLD.get_or_init(|| {
        let output = Command::new("ffmpeg").arg("-version").stdin(Stdio::null()).output();
        is_before_5_1(
            &output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default(),
        )
    });
    if *is_old { "-vsync passthrough" } else { "-fps_mode passthrough" }
}

/// `ffmpeg version 4.4.2-0ubuntu…`; builds of no release count as new.
fn is_before_5_1(text: &str) -> bool {
    let version = text.strip_prefix("ffmpeg version ").unwrap_or_default().trim_start_matches('n');
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().ok());
    let (major, minor) = (numbers.next().flatten(), numbers.next().flatten().unwrap_or(0));
    major.is_some_and(|major| (major, minor) < (5, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read() {
        for (text, is_old) in [
            ("ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright", true),
            ("ffmpeg version 5.0", true),
            ("ffmpeg version 5.1.9-0+deb12u1 Copyright", false),
            ("ffmpeg version n7.1", false),
            ("ffmpeg version N-118123-gabcdef", false),
            ("", false),
        ] {
            assert_eq!(is_before_5_1(text), is_old, "{text}");
        }
    }
}
