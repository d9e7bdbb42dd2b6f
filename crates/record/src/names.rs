//! Names of sessions, and the folders that they make.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

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
    /// `_run-2`, `_run-3`, … behind where that exists. Nothing that exists is ever touched.
    ///
    /// # Errors
    /// When a name is wrong or the system refuses.
    pub fn create_folder(&self, parent: &Path) -> Result<PathBuf, RecordError> {
        self.check()?;
        fs::create_dir_all(parent).map_err(RecordError::io("create", parent))?;
        let stem = format!("sub-{}_ses-{}_task-{}", self.subject, self.session, self.task);
        let mut run = 1;
        loop {
            let name = if run == 1 { stem.clone() } else { format!("{stem}_run-{run}") };
            let folder = parent.join(name);
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(folder),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => run += 1,
                Err(error) => return Err(RecordError::io("create", &folder)(error)),
            }
        }
    }
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
        let folders: Vec<_> = (0..3).map(|_| names.create_folder(parent.path()).unwrap()).collect();
        assert_eq!(folders[0], parent.path().join("sub-01_ses-02_task-rest"));
        assert_eq!(folders[2], parent.path().join("sub-01_ses-02_task-rest_run-3"));
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(names.create_folder(&file), Err(RecordError::Io { .. })));
    }
}
