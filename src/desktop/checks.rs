//! The machine's check-up, as the window shows it.

use mien_gui::Check;

/// What Mien wants of a machine, and whether it is there.
pub(crate) fn checks() -> Vec<Check> {
    let ffmpeg = std::process::Command::new("ffmpeg").arg("-version").output();
    let ffmpeg = ffmpeg.ok().filter(|output| output.status.success()).map(|output| {
        let text = String::from_utf8_lossy(&output.stdout);
        text.split_whitespace().nth(2).unwrap_or("found").to_owned()
    });
    let lsl =
        mien_stream::library().map(|library| format!("{} ({})", library.version, library.path.display()));
    let models = mien_models::ModelSet::find(None).map(|set| {
        let names: Vec<String> = set.models().iter().map(|model| model.entry.file.clone()).collect();
        names.join(", ")
    });
    vec![
        match ffmpeg {
            Some(version) => found("ffmpeg", version),
            None => missing(
                "ffmpeg",
                "not found: no video files, network cameras or recorded video",
                "apt install ffmpeg",
            ),
        },
        match lsl {
            Ok(version) => found("liblsl", version),
            Err(error) => missing("liblsl", &error.to_string(), "./x lib"),
        },
        match models {
            Ok(names) => found("Models", names),
            Err(error) => missing("Models", &error.to_string(), "mien models verify"),
        },
    ]
}

fn found(subject: &str, finding: String) -> Check {
    Check { subject: subject.to_owned(), ok: true, finding, remedy: String::new() }
}

fn missing(subject: &str, finding: &str, remedy: &str) -> Check {
    Check { subject: subject.to_owned(), ok: false, finding: finding.to_owned(), remedy: remedy.to_owned() }
}
