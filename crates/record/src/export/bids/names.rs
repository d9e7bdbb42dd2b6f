//! Names as BIDS wants them.

use std::path::PathBuf;

use super::Source;
use crate::export::unique::UniqueNames;

/// The names of a session as BIDS labels, which are letters and digits only.
pub(super) struct Names {
    pub subject: String,
    pub session: String,
    task: String,
    run: Option<String>,
    /// `sub-…/ses-…`.
    pub folder: PathBuf,
}

impl Names {
    pub fn of(source: &Source<'_>) -> Self {
        let session = source.session;
        let (subject, label) = (label(&session.subject), label(&session.session));
        let folder_name = source.folder.path().file_name().unwrap_or_default().to_string_lossy();
        let run = folder_name.rsplit_once("_run-").map(|(_, run)| run.to_owned());
        Self {
            folder: PathBuf::from(format!("sub-{subject}")).join(format!("ses-{label}")),
            task: self::label(&session.task),
            run: run.filter(|run| !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_digit())),
            subject,
            session: label,
        }
    }

    /// Start of the names of all files of a camera; with `part`, of one table's.
    pub fn file_stem(&self, camera: &str, part: Option<&str>) -> String {
        let Self { subject, session, task, .. } = self;
        let part = part.map(|part| format!("_acq-{part}")).unwrap_or_default();
        let run = self.run.as_ref().map(|run| format!("_run-{run}")).unwrap_or_default();
        format!("sub-{subject}_ses-{session}_task-{task}_tracksys-{camera}{part}{run}")
    }
}

/// Letters and digits of a name; `x` where it has none.
fn label(name: &str) -> String {
    let label: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    if label.is_empty() { "x".to_owned() } else { label }
}

/// Longest label of a camera or a face: file names hold both.
const LABEL_CHARACTERS: usize = 24;

/// Labels of these names, short ones, numbered where two would be the same.
pub(super) fn labels<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut unique = UniqueNames::default();
    let short = |name| label(name).chars().take(LABEL_CHARACTERS).collect::<String>();
    names.map(|name| unique.take(&short(name), 'x')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_letters_and_digits_and_stay_apart() {
        assert_eq!(labels(["cam-1", "cam_1", "__"].into_iter()), ["cam1", "cam1x2", "x"]);
        let long = ["c".repeat(64), "c".repeat(63)];
        let labels = labels(long.iter().map(String::as_str));
        assert!(labels[0] != labels[1] && labels[1].len() < 30, "{labels:?}");
    }
}
