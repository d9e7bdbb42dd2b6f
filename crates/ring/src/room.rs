//! How much shared memory rings take, and how much there is.

use std::path::Path;

use crate::{RingError, faces, preview};

/// Bytes of shared memory that a camera takes: its ring of results with `slots` entries, and its ring of
/// pictures with `preview_slots` of at most `preview_size` (width, height) pixels.
///
/// # Errors
/// When no rings can have these sizes.
pub fn camera_bytes(slots: u64, preview_size: [u32; 2], preview_slots: u64) -> Result<u64, RingError> {
    let faces = faces::spec(slots).segment_bytes()?;
    Ok(faces + preview::spec(preview_size, preview_slots)?.segment_bytes()?)
}

/// Room in a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// All of it.
    pub total_bytes: u64,
    /// What this user may still take.
    pub free_bytes: u64,
}

/// Room where `dir` lies (normally [`SHM_DIR`](crate::SHM_DIR)).
///
/// # Errors
/// When the system does not say.
pub fn room(dir: &Path) -> Result<Room, RingError> {
    let space = rustix::fs::statvfs(dir).map_err(|error| RingError::System {
        path: dir.to_path_buf(),
        action: "measure",
        source: error.into(),
    })?;
    let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
    Ok(Room { total_bytes: bytes(space.f_blocks), free_bytes: bytes(space.f_bavail) })
}
