//! `mien config`: the configuration file.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use mien_address::SecretError;
use mien_config::Config;

/// What may be done with a configuration file.
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with a file, and where
    Check(File),
    /// Print what is in effect, defaults included
    Print(OptionalFile),
    /// Write a new file with every key explained
    Init(File),
}

/// A configuration file.
#[derive(Args)]
pub(crate) struct File {
    /// The file
    #[arg(value_name = "FILE", default_value = "mien.toml")]
    file: PathBuf,
}

/// A configuration file, or none.
#[derive(Args)]
pub(crate) struct OptionalFile {
    /// The file; without one, the defaults are printed
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Runs one of them.
pub(crate) fn run(command: &ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Check(File { file }) => {
            let config = mien_config::load(file)?;
            if let Some(camera) = config.cameras.iter().find(|camera| camera.source.lacks_secret()) {
                bail!("{}: camera {}: {}", file.display(), camera.name, SecretError::TakenOut);
            }
            if let Some(warning) = mien_config::readable_secret(file, &config) {
                tracing::warn!("{warning}");
            }
            let enabled = config.cameras.iter().filter(|camera| camera.enabled).count();
            let count = config.cameras.len();
            let cameras = if count == 1 { "1 camera".to_owned() } else { format!("{count} cameras") };
            say!("{}: good; {cameras}, {enabled} enabled", file.display());
        }
        ConfigCommand::Print(OptionalFile { file }) => {
            let config = file.as_deref().map_or_else(|| Ok(Config::default()), mien_config::load)?;
            say_part!("{}", mien_config::print(&config));
        }
        ConfigCommand::Init(File { file }) => {
            mien_config::init(file)?;
            say!("{}: written; every key is explained in it", file.display());
        }
    }
    Ok(())
}
