//! ffmpeg and liblsl.

use std::process::Command;
use std::time::Duration;

use super::run::{Trouble, output};
use super::{Check, State, Subject, install};

/// How long ffmpeg may take for its version, or a small picture.
const LIMIT: Duration = Duration::from_secs(4);

fn install_ffmpeg() -> String {
    install(["ffmpeg", "ffmpeg-free", "ffmpeg", "ffmpeg"])
}

/// The program itself.
pub(super) fn ffmpeg(_: &Subject) -> Vec<Check> {
    let failed = |found: String| Check::new("ffmpeg", State::Failed, found, install_ffmpeg());
    vec![match output(Command::new("ffmpeg").arg("-version"), LIMIT) {
        Ok((status, text)) if status.success() => {
            // "ffmpeg version 7.1.2-0+deb13u1 Copyright …"
            Check::ok("ffmpeg", text.split_whitespace().nth(2).unwrap_or("of an unknown version"))
        }
        Ok((status, _)) => failed(format!("does not run ({status})")),
        Err(Trouble::NotStarted(error)) if error.kind() == std::io::ErrorKind::NotFound => Check::new(
            "ffmpeg",
            State::Missing,
            "no video files, network cameras or recorded video",
            install_ffmpeg(),
        ),
        // It is there: installing it would not help.
        Err(trouble @ Trouble::TooSlow) => {
            let found = format!("{}: it hangs, or the machine is very busy", trouble.in_words(LIMIT));
            Check::new("ffmpeg", State::Failed, found, "ffmpeg -version")
        }
        Err(trouble) => failed(trouble.in_words(LIMIT)),
    }]
}

/// Encoders that work: each is tried on a picture.
pub(super) fn encoders(_: &Subject) -> Vec<Check> {
    let works = |encoder: &str| {
        let words = format!(
            "-nostdin -v quiet -f lavfi -i testsrc=size=64x64:rate=30 -frames:v 1 -c:v {encoder} -f null -"
        );
        let tried = output(Command::new("ffmpeg").args(words.split(' ')), LIMIT);
        tried.is_ok_and(|(status, _)| status.success())
    };
    // One that does not even say its version would have to be waited for again and again.
    match output(Command::new("ffmpeg").arg("-version"), LIMIT) {
        Ok((status, _)) if status.success() => {}
        Err(Trouble::TooSlow) => {
            let found = "not known: ffmpeg gives no answer in time";
            return vec![Check::new("Video encoders", State::Warning, found, "")];
        }
        _ => {
            let found = "no video can be recorded: ffmpeg does not run";
            return vec![Check::new("Video encoders", State::Missing, found, install_ffmpeg())];
        }
    }
    let software: Vec<&str> = ["libx264", "ffv1"].into_iter().filter(|encoder| works(encoder)).collect();
    let mut found: Vec<String> = Vec::new();
    found.extend(mien_ffmpeg::hardware_encoder().map(|encoder| format!("{} (hardware)", encoder.name())));
    found.extend(software.iter().map(|encoder| (*encoder).to_owned()));
    vec![match software[..] {
        [_, _] => Check::ok("Video encoders", found.join(", ")),
        _ if found.is_empty() => Check::new(
            "Video encoders",
            State::Missing,
            "none works: no video can be recorded",
            install_ffmpeg(),
        ),
        _ => {
            let missing = if software.contains(&"ffv1") { "libx264" } else { "ffv1" };
            let found = format!("{}; not {missing}", found.join(", "));
            Check::new("Video encoders", State::Warning, found, full_ffmpeg())
        }
    }]
}

/// Fedora's usual ffmpeg lacks libx264.
fn full_ffmpeg() -> String {
    if super::run::is_on_path("dnf") {
        return "sudo dnf swap ffmpeg-free ffmpeg --allowerasing".into();
    }
    install_ffmpeg()
}

/// liblsl: version and place.
pub(super) fn lsl(_: &Subject) -> Vec<Check> {
    vec![match mien_outlets::library() {
        Ok(library) => {
            let path = super::machine::mapped_file("liblsl").unwrap_or(library.path);
            Check::ok(
                "liblsl",
                format!("{} at {}, loaded by a process of its own", library.version, path.display()),
            )
        }
        Err(error) => {
            Check::new("liblsl", State::Missing, format!("nothing is streamed: {error}"), "./x lib")
        }
    }]
}
