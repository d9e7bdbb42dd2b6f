//! Configuration, models, and room for recordings.

use std::path::Path;

use mien_models::ModelSet;

use super::{Check, State, Subject, size};

/// The configuration's file.
pub(super) fn configuration(subject: &Subject) -> Vec<Check> {
    vec![match (&subject.config, &subject.config_file) {
        (Ok(config), Some(file)) => {
            let enabled = config.cameras.iter().filter(|camera| camera.enabled).count();
            let found = format!("{}: {} cameras, {enabled} enabled", file.display(), config.cameras.len());
            Check::ok("Configuration", found)
        }
        (Ok(_), None) => Check::ok("Configuration", "built-in defaults (--config FILE names another)"),
        (Err(error), file) => {
            let file = file.as_deref().unwrap_or(Path::new("FILE"));
            let line = format!("mien config check {}", quoted(file));
            Check::new("Configuration", State::Failed, error, line)
        }
    }]
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@~".contains(&byte);
    if path.bytes().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// A model for each role that is used, with the content that its hash promises.
pub(super) fn models(subject: &Subject) -> Vec<Check> {
    let failed = |error: String| vec![Check::new("Models", State::Failed, error, "mien models verify")];
    let config = subject.config();
    let set = match ModelSet::find(config.models.dir.as_deref()) {
        Ok(set) => set,
        Err(error) => return failed(error.to_string()),
    };
    let selection = match set.select(&config.models) {
        Ok(selection) => selection,
        Err(error) => return failed(error.to_string()),
    };
    let mut names = Vec::new();
    for model in &selection.models {
        match model.read() {
            Ok(_) => names.push(format!("{} ({})", model.entry.file, model.origin)),
            Err(error) => return failed(error.to_string()),
        }
    }
    let absent =
        selection.absent.iter().map(|absent| format!("; no {}: {}", absent.part.name(), absent.reason));
    vec![Check::ok(
        "Models",
        format!("{}; their hashes are right{}", names.join(", "), absent.collect::<String>()),
    )]
}

/// Room where recordings go.
pub(super) fn disk(subject: &Subject) -> Vec<Check> {
    let recording = subject.config().recording;
    let here = Path::new(".");
    let there = recording.dir.ancestors().find(|folder| folder.exists()).unwrap_or(here);
    let there = if there.as_os_str().is_empty() { here } else { there };
    vec![match mien_record::free_bytes(there) {
        Ok(free) => {
            let low = (free as f64) < recording.min_free_gb * 1e9;
            let found = format!("{} free for recordings in {}", size(free), recording.dir.display());
            let remedy = if low { format!("df -h {}", quoted(there)) } else { String::new() };
            Check::new("Disk", if low { State::Warning } else { State::Ok }, found, remedy)
        }
        Err(error) => Check::new("Disk", State::Warning, error.to_string(), ""),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_be_typed() {
        assert_eq!(quoted(Path::new("/a/b.toml")), "/a/b.toml");
        assert_eq!(quoted(Path::new("it's here")), r"'it'\''s here'");
    }

    #[test]
    fn a_wrong_file_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mien.toml");
        std::fs::write(&path, "version = 1\n[rings]\nslots = 5\n").unwrap();
        let subject = Subject::of_file(Some(&path));
        let check = &configuration(&subject)[0];
        assert_eq!(check.state, State::Failed);
        assert!(
            check.found.contains(":3: slots") && check.remedy.starts_with("mien config check "),
            "{check:?}"
        );
        // The rest is looked at with the defaults.
        assert_eq!(subject.cameras(), 1);
    }

    #[test]
    fn a_disk_with_less_room_than_wished_for_is_warned_of() {
        let mut config = mien_config::Config::default();
        config.recording.dir = std::env::temp_dir().join("not/yet/there");
        config.recording.min_free_gb = 0.0;
        assert_eq!(disk(&Subject::of(config.clone(), None))[0].state, State::Ok);
        config.recording.min_free_gb = 1e6;
        let check = &disk(&Subject::of(config, None))[0];
        assert_eq!(check.state, State::Warning);
        assert!(check.remedy.starts_with("df -h"), "{check:?}");
    }
}
