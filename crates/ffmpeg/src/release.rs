//! Which ffmpeg is installed.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::arguments::Version;

/// The option with which every picture comes once and at its own time, as the installed ffmpeg calls it.
#[must_use]
pub fn passthrough() -> &'static str {
    static INSTALLED: OnceLock<Version> = OnceLock::new();
    INSTALLED.get_or_init(installed).passthrough()
}

/// Without an ffmpeg it counts as the newest.
fn installed() -> Version {
    let output = Command::new("ffmpeg").arg("-version").stdin(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    Version::parse(number_of(&text))
}

/// `4.4.2-0ubuntu…` of `ffmpeg version 4.4.2-0ubuntu… Copyright …`.
fn number_of(text: &str) -> &str {
    text.strip_prefix("ffmpeg version ").unwrap_or_default()
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
            let option = Version::parse(number_of(text)).passthrough();
            assert_eq!(option == "-vsync passthrough", is_old, "{text}");
        }
    }
}
