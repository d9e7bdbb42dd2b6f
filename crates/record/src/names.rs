//! Names of sessions, and the folders that they make.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use mien_folder::Folder;

use crate::RecordError;

/// Whose session it is, which one, and what is done in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionNames {
    /// Subject, such as `01`.
    pub subject: String,
    /// Session, such as `01`.
    pub session: String,
    /// Task, such as `rest`.
    pub task: String,
}

/// Refuses what could leave the folder or trouble a file system: only 1 to 64 of `A-Za-z0-9_-`.
///
/// # Errors
/// When the name has anything else in it.
pub fn check_name(what: &'static str, name: &str) -> Result<(), RecordError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(RecordError::Name { what, name: name.to_owned() })
    }
}

impl SessionNames {
    /// Checks all three.
    ///
    /// # Errors
    /// When one of them cannot be part of a file name.
    pub fn check(&self) -> Result<(), RecordError> {
        check_name("subject", &self.subject)?;
        check_name("session", &self.session)?;
        check_name("task", &self.task)
    }

    /// Makes the session's folder in `parent` (made too, if need be): `sub-…_ses-…_task-…`, or with
    /// `_run-2`, `_run-3`, … behind where that exists. Nothing that exists is ever touched. Only its owner can
    /// open it, and `group` where there is one.
    ///
    /// # Errors
    /// When a name is wrong, the group is unknown, or the system refuses.
    pub fn create_folder(&self, parent: &Path, group: Option<&str>) -> Result<Folder, RecordError> {
        self.check()?;
        let refused = |reason: String| RecordError::Group {
            path: parent.to_owned(),
            group: group.unwrap_or_default().to_owned(),
            reason,
        };
        let group_id = group.map(group_id).transpose().map_err(refused)?;
        fs::create_dir_all(parent).map_err(RecordError::io("create", parent))?;
        let stem = format!("sub-{}_ses-{}_task-{}", self.subject, self.session, self.task);
        let mut run = 1;
        let folder = loop {
            let name = if run == 1 { stem.clone() } else { format!("{stem}_run-{run}") };
            let path = parent.join(name);
            match Folder::create_private(&path) {
                Ok(folder) => break folder,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => run += 1,
                Err(error) => return Err(RecordError::io("create", &path)(error)),
            }
        };
        if let Some(Err(error)) = group_id.map(|id| folder.share_with(id)) {
            // It is empty, and would be in the way of the next try.
            let _ = fs::remove_dir(folder.path());
            return Err(refused(error.to_string()));
        }
        Ok(folder)
    }
}

/// Number of a group: of its name, or the number itself.
fn group_id(group: &str) -> Result<u32, String> {
    if let Ok(id) = group.parse() {
        return Ok(id);
    }
    let field = |line: &str| {
        let mut fields = line.split(':');
        (fields.next() == Some(group)).then(|| fields.nth(1)?.parse().ok())?
    };
    let of_lines = |text: &str| text.lines().find_map(field);
    let local = fs::read_to_string("/etc/group").ok().and_then(|text| of_lines(&text));
    // Groups of a directory service.
    let asked = || {
        let output =
            Command::new("getent").args(["group", "--", group]).stdin(Stdio::null()).output().ok()?;
        of_lines(&String::from_utf8(output.stdout).ok()?)
    };
    local.or_else(asked).ok_or_else(|| "there is no such group".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        for name in ["", "..", "a/b", "a\\b", "a b", "é", "a\0b", ".hidden", "a.b", &"x".repeat(65)] {
            assert!(check_name("subject", name).is_err(), "{name:?}");
        }
        for name in ["01", "P-01_b", &"x".repeat(64)] {
            assert!(check_name("subject", name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn a_session_is_never_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        let names = SessionNames { subject: "01".into(), session: "02".into(), task: "rest".into() };
        let folders: Vec<_> = (0..3).map(|_| names.create_folder(parent.path(), None).unwrap()).collect();
        assert_eq!(folders[0].path(), parent.path().join("sub-01_ses-02_task-rest"));
        assert_eq!(folders[2].path(), parent.path().join("sub-01_ses-02_task-rest_run-3"));
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(names.create_folder(&file, None), Err(RecordError::Io { .. })));
    }

    #[test]
    fn groups_have_numbers() {
        assert_eq!(group_id("4711"), Ok(4711));
        assert_eq!(group_id("root"), Ok(0));
        assert!(group_id("no-such-group-here").is_err());
    }
}
