//! The machine's check-up: what Mien wants of it, whether it is there, and what to type when it is not.
//!
//! Each check has a time limit. Those that load other people's libraries run in a process of their own (this
//! program, asked for that one check), so that a broken installation costs its own line and nothing else.

mod files;
mod graphics;
mod machine;
mod programs;
mod run;

use std::path::{Path, PathBuf};

use mien_config::Config;
use serde::{Deserialize, Serialize};

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It works, but will not always.
    Warning,
    /// Not there; Mien does without.
    Missing,
    /// Does not work.
    Failed,
}

impl State {
    /// The word that people read.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Missing => "missing",
            Self::Failed => "failed",
        }
    }
}

/// What came of looking at one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Check {
    /// What was looked at.
    pub(crate) name: String,
    /// How it stands.
    pub(crate) state: State,
    /// What was found, in one line.
    pub(crate) found: String,
    /// What to type; empty when nothing is to be done, or no line does it.
    pub(crate) remedy: String,
}

impl Check {
    fn new(name: impl Into<String>, state: State, found: impl AsRef<str>, remedy: impl Into<String>) -> Self {
        // Errors may have several lines.
        let found = found.as_ref().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { name: name.into(), state, found, remedy: remedy.into() }
    }

    fn ok(name: impl Into<String>, found: impl AsRef<str>) -> Self {
        Self::new(name, State::Ok, found, "")
    }
}

/// What the checks are about, besides the machine.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// The configuration, or what is wrong with its file.
    config: Result<Config, String>,
    /// Its file.
    config_file: Option<PathBuf>,
}

impl Subject {
    /// A configuration's file, or the defaults.
    pub(crate) fn of_file(file: Option<&Path>) -> Self {
        let config = file.map_or_else(|| Ok(Config::default()), mien_config::load);
        Self { config: config.map_err(|error| error.to_string()), config_file: file.map(Path::to_owned) }
    }

    /// A configuration that is in use.
    #[allow(dead_code, reason = "the app's, which some builds lack")]
    pub(crate) fn of(config: Config, file: Option<PathBuf>) -> Self {
        Self { config: Ok(config), config_file: file }
    }

    /// The configuration, or the defaults in its place.
    fn config(&self) -> Config {
        self.config.clone().unwrap_or_default()
    }

    /// Cameras to be started; one where there are none yet.
    fn cameras(&self) -> usize {
        self.config().cameras.iter().filter(|camera| camera.enabled).count().max(1)
    }
}

/// One thing to look at.
struct Probe {
    /// By which name it is asked for.
    name: &'static str,
    look: fn(&Subject) -> Vec<Check>,
    /// Whether it runs in a process of its own.
    apart: bool,
}

const fn here(name: &'static str, look: fn(&Subject) -> Vec<Check>) -> Probe {
    Probe { name, look, apart: false }
}

const fn apart(name: &'static str, look: fn(&Subject) -> Vec<Check>) -> Probe {
    Probe { name, look, apart: true }
}

/// Everything, in the order of the page.
const PROBES: [Probe; 13] = [
    here("configuration", files::configuration),
    here("models", files::models),
    here("processor", machine::processor),
    here("shared-memory", machine::shared_memory),
    here("disk", files::disk),
    here("display", machine::display),
    apart("cameras", machine::cameras),
    here("ffmpeg", programs::ffmpeg),
    apart("encoders", programs::encoders),
    apart("lsl", programs::lsl),
    apart("nvidia", graphics::nvidia),
    apart("tensorrt", graphics::tensorrt),
    apart("nvjpeg", graphics::nvjpeg),
];

/// Looks at everything, at the same time. Takes as long as the slowest check, and no longer than
/// [`run::LIMIT`] and a little.
pub(crate) fn check_all(subject: &Subject) -> Vec<Check> {
    run::all(&PROBES, subject)
}

/// Looks at one thing, in this process; nothing when there is no such thing.
pub(crate) fn check_one(name: &str, subject: &Subject) -> Option<Vec<Check>> {
    PROBES.iter().find(|probe| probe.name == name).map(|probe| (probe.look)(subject))
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 * 1e-9),
    }
}

/// The line that installs a package with the system's package manager: its names for apt, dnf, pacman and
/// brew. Empty where none of these is known.
fn install([apt, dnf, pacman, brew]: [&str; 4]) -> String {
    let line = [
        ("apt-get", "sudo apt install", apt),
        ("dnf", "sudo dnf install", dnf),
        ("pacman", "sudo pacman -S", pacman),
        ("brew", "brew install", brew),
    ]
    .into_iter()
    .find(|(program, ..)| run::is_on_path(program));
    match line {
        Some((_, command, package)) if !package.is_empty() => format!("{command} {package}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!([999, 52_000_000, 25_300_000_000].map(size), ["0 kB", "52 MB", "25.3 GB"]);
    }

    #[test]
    fn probes_have_names_of_their_own() {
        let names: std::collections::HashSet<_> = PROBES.iter().map(|probe| probe.name).collect();
        assert_eq!(names.len(), PROBES.len());
        assert!(check_one("nonsense", &Subject::of_file(None)).is_none());
    }

    #[test]
    fn what_is_found_is_one_line() {
        assert_eq!(Check::ok("a", "two\n  lines").found, "two lines");
    }
}
