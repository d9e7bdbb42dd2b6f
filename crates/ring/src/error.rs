use std::path::PathBuf;

/// Why a ring cannot be made, opened or removed.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// A name or a size that no ring can have.
    #[error("no ring can be made so: {reason}")]
    Spec {
        /// What is wrong.
        reason: String,
    },
    /// The file system of shared memory has no room for the segment.
    #[error(
        "{path}: no room for {bytes} bytes of shared memory: give /dev/shm more (docker run --shm-size=…), \
         or lower the slots or the preview size in the configuration"
    )]
    NoRoom {
        /// The segment.
        path: PathBuf,
        /// Bytes that it needs.
        bytes: u64,
    },
    /// The system refused an operation on the segment.
    #[error("{path}: cannot {action} the shared memory: {source}")]
    System {
        /// The segment.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is not a ring that this program understands.
    #[error("{path}: not a ring that this program reads: {reason}")]
    Foreign {
        /// The segment.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
}
