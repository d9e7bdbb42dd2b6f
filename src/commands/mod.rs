//! The commands.

mod calibrate;
pub(crate) mod cameras;
pub(crate) mod config;
pub(crate) mod demo;
mod display;
pub(crate) mod doctor;
pub(crate) mod engines;
pub(crate) mod export;
pub(crate) mod models;
pub(crate) mod record;
pub(crate) mod run;
pub(crate) mod session;
pub(crate) mod track;
mod tracking;
pub(crate) mod worker;

use std::path::Path;

use anyhow::{Result, anyhow};

/// Makes the folder for results, and those above it.
fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        anyhow!("cannot make the folder {}: {error}; choose another with --out", folder.display())
    })
}
