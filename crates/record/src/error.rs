//! What can go wrong with a session.

use std::path::{Path, PathBuf};

use mien_folder::Refusal;

/// A session that cannot be recorded, checked or exported.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A name that does not belong into file names.
    #[error(
        "the {what} `{name}` cannot be part of file names: use 1 to 64 of the characters A–Z a–z 0–9 _ -"
    )]
    Name {
        /// What is named: `subject`, `session`, `task`, `camera`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A group that the system does not know, or that may not be given the folder.
    #[error("cannot give {} to the group `{group}`: {reason}; change recording.group", path.display())]
    Group {
        /// The session's folder, or the one that it was to be made in.
        path: PathBuf,
        /// The group.
        group: String,
        /// What is wrong.
        reason: String,
    },
    /// Two cameras of one name.
    #[error("two cameras are called `{name}`: give each its own name")]
    SameName {
        /// The name.
        name: String,
    },
    /// A file or folder that the system refuses.
    #[error("cannot {action} {}: {source}; {remedy}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What helps.
        remedy: &'static str,
    },
    /// Not enough room to begin.
    #[error(
        "only {free_mb} MB are free where {} lies, and recording stops at {stop_mb} MB: free some space or \
         choose another folder",
        path.display()
    )]
    DiskFull {
        /// The folder.
        path: PathBuf,
        /// What is free, in 10⁶ bytes.
        free_mb: u64,
        /// The limit, in 10⁶ bytes.
        stop_mb: u64,
    },
    /// A folder that holds no session.
    #[error("{} is no session: it holds no session.toml", path.display())]
    NoSession {
        /// The folder.
        path: PathBuf,
    },
    /// A `session.toml` that makes no sense.
    #[error("{} cannot be understood: {reason}", path.display())]
    SessionFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The data file.
    #[error(transparent)]
    Xdf(#[from] mien_xdf::XdfError),
    /// A video.
    #[error(transparent)]
    Video(#[from] mien_ffmpeg::FfmpegError),
    /// A table.
    #[error(transparent)]
    Table(#[from] mien_tables::TableError),
    /// An export that has nowhere to go.
    #[error("{} exists already: choose another folder with --out, or remove it", path.display())]
    ExportExists {
        /// The file or folder.
        path: PathBuf,
    },
    /// Another export writes to the same folder.
    #[error("{} is being written by another export: wait for its end, or choose another folder with --out", path.display())]
    ExportRuns {
        /// The unfinished folder.
        path: PathBuf,
    },
    /// The export was ended from outside.
    #[error("interrupted: nothing of the export is left")]
    Interrupted,
    /// A session that goes on.
    #[error("{} is being recorded: stop the recording, then export it", path.display())]
    BeingRecorded {
        /// The session's folder.
        path: PathBuf,
    },
    /// A session that was killed.
    #[error(
        "the recording of {path} never came to its end: `mien session check {path}` makes it whole, then export it",
        path = path.display()
    )]
    CutOff {
        /// The session's folder.
        path: PathBuf,
    },
    /// A session whose data lacks what the export needs.
    #[error("{} has no {missing}: {remedy}", path.display())]
    NothingToExport {
        /// The data file.
        path: PathBuf,
        /// What is missing.
        missing: &'static str,
        /// What helps.
        remedy: &'static str,
    },
}

impl RecordError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            let remedy = match source.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    "the disk is full: free some space or choose another folder"
                }
                std::io::ErrorKind::ReadOnlyFilesystem => {
                    "nothing can be written there: choose another folder"
                }
                std::io::ErrorKind::NotFound => "check that the folder exists",
                std::io::ErrorKind::FileTooLarge => {
                    "the system's limit on the size of files is reached: see `ulimit -f`"
                }
                std::io::ErrorKind::InvalidFilename => {
                    "the name is too long: shorten the names of subject, session, task or camera"
                }
                _ if source.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
                    "too many files are open at once: raise the limit with `ulimit -n`"
                }
                _ if Refusal::in_error(&source).is_some() => {
                    "in a session's folder Mien uses nothing but files: put the file itself there, or remove this"
                }
                _ => "check the folder's permissions",
            };
            Self::Io { action, path, source, remedy }
        }
    }
}
