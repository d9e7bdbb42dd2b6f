//! How much room is left.

use std::path::Path;

use crate::RecordError;

/// Bytes that this user may still write where `path` lies.
///
/// # Errors
/// When the system cannot say.
pub fn free_bytes(path: &Path) -> Result<u64, RecordError> {
    let space = rustix::fs::statvfs(path)
        .map_err(|error| RecordError::io("look for free space in", path)(error.into()))?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// When to warn and when to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskLimits {
    /// Free bytes below which there is a warning.
    pub warn_bytes: u64,
    /// Free bytes below which recording stops, while there is room to close every file.
    pub stop_bytes: u64,
}

impl Default for DiskLimits {
    fn default() -> Self {
        Self { warn_bytes: 10_000_000_000, stop_bytes: 300_000_000 }
    }
}
