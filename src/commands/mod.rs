//! The commands.

mod calibrate;
pub(crate) mod cameras;
pub(crate) mod config;
pub(crate) mod demo;
mod display;
pub(crate) mod doctor;
pub(crate) mod engines;
pub(crate) mod export;
pub(crate) mod lsl;
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

/// A number of seconds on the command line.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or_else(|| "use a number of seconds, 0 or more".to_owned())
}

/// The name of a subject, session or task on the command line.
fn name(text: &str) -> Result<String, String> {
    match mien_config::is_name(text) {
        true => Ok(text.to_owned()),
        false => Err("use 1 to 64 letters, digits, _ and -".to_owned()),
    }
}
