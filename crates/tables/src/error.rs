//! Why results cannot be written.

use std::path::PathBuf;

/// A results file that cannot be created or continued.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// There is a file already.
    #[error("{} exists already; choose another --out folder, or replace it with --overwrite", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be created.
    #[error("cannot create {}: {source}; check the folder's permissions", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be continued; the rows before it stay readable.
    #[error(
        "cannot write to {}: {source}; free some space and start again ({} bytes of whole rows were kept)",
        path.display(), kept_bytes
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// Length of the file, which ends with a whole row.
        kept_bytes: u64,
    },
}
