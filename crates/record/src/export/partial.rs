//! A folder that has its name only once everything is in it.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use mien_folder::Folder;

use crate::RecordError;

/// Marks a folder as an unfinished export, and says so to whoever finds it.
const MARK: &str = "UNFINISHED_EXPORT.txt";
const MARK_TEXT: &str = "This export was not finished. The next one to the same folder removes this one.\n";

/// A new folder `NAME.partial`, which becomes `NAME` when it is [`finish`](Self::finish)ed and is removed when
/// it is dropped before. One that a killed export has left is removed first.
#[derive(Debug)]
pub(super) struct PartialFolder {
    path: PathBuf,
    out: PathBuf,
    /// Locked for as long as this export runs.
    _mark: File,
    is_finished: bool,
}

impl PartialFolder {
    pub fn create(out: &Path) -> Result<Self, RecordError> {
        let name = out.file_name().filter(|_| !out.exists() && !out.is_symlink());
        let Some(name) = name else { return Err(RecordError::ExportExists { path: out.to_owned() }) };
        let mut partial = name.to_owned();
        partial.push(".partial");
        let path = out.with_file_name(partial);
        if let Some(parent) = out.parent() {
            fs::create_dir_all(parent).map_err(RecordError::io("create", parent))?;
        }
        remove_left(&path)?;
        // It holds faces as the session does.
        Folder::create_private(&path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => RecordError::ExportExists { path: path.clone() },
            _ => RecordError::io("create", &path)(error),
        })?;
        let mark = mark(&path).inspect_err(|_| drop(fs::remove_dir_all(&path)))?;
        Ok(Self { path, out: out.to_owned(), _mark: mark, is_finished: false })
    }

    /// Where the files go.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the folder its name, and the files theirs in it.
    pub fn finish(mut self, files: &[PathBuf]) -> Result<Vec<PathBuf>, RecordError> {
        let mark = self.path.join(MARK);
        fs::remove_file(&mark).map_err(RecordError::io("remove", &mark))?;
        fs::rename(&self.path, &self.out).map_err(RecordError::io("create", &self.out))?;
        self.is_finished = true;
        let renamed = |file: &PathBuf| match file.strip_prefix(&self.path) {
            Ok(inside) => self.out.join(inside),
            Err(_) => file.clone(),
        };
        Ok(files.iter().map(renamed).collect())
    }
}

impl Drop for PartialFolder {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed now is removed by the next export.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn mark(folder: &Path) -> Result<File, RecordError> {
    let path = folder.join(MARK);
    let make = || {
        let mut mark = File::create_new(&path)?;
        // Some network file systems have no locks; there two exports to one folder are not told apart.
        let _ = mark.try_lock();
        mark.write_all(MARK_TEXT.as_bytes())?;
        Ok(mark)
    };
    make().map_err(RecordError::io("write", &path))
}

/// Removes what a killed export has left: only a folder that has the mark in it.
fn remove_left(path: &Path) -> Result<(), RecordError> {
    let Some(mark) = mark_in(path) else {
        // An export that was killed before it could set its mark has left an empty folder.
        let _ = fs::remove_dir(path);
        return Ok(());
    };
    if matches!(mark.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(RecordError::ExportRuns { path: path.to_owned() });
    }
    fs::remove_dir_all(path).map_err(RecordError::io("remove", path))
}

/// The mark of a folder, if it is one and has it.
fn mark_in(path: &Path) -> Option<File> {
    if path.is_symlink() { None } else { Folder::open(path).ok()?.open_file(MARK).ok() }
}
