//! Why a picture cannot be saved.

use std::path::PathBuf;

/// A picture that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the picture {}: {reason}; check free space and the folder's permissions", path.display())]
pub struct AnnotateError {
    /// The file.
    pub path: PathBuf,
    /// What the system or the encoder said.
    pub reason: String,
}
