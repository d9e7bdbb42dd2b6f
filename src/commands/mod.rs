//! The commands.

pub(crate) mod demo;
pub(crate) mod models;
pub(crate) mod track;

use std::path::Path;

use anyhow::{Result, anyhow};

/// Makes the folder for results, and those above it.
fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        anyhow!("cannot make the folder {}: {error}; choose another with --out", folder.display())
    })
}
