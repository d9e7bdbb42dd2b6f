//! `mien models`: what there is, whether it is sound, and what others bring.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use mien_config::Models;
use mien_models::{ModelSet, Role, import, user_folder};

/// `mien models …`.
#[derive(Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the models that a run would use, and where they come from
    List(Folders),
    /// Check each model's hash and tensors, and run it once
    Verify(Folders),
    /// Take an ONNX file, a TFLite file or MediaPipe's face_landmarker.task into your own models
    Import(ImportArguments),
}

/// Where models are looked for.
#[derive(Args)]
pub(crate) struct Folders {
    /// Folder of models that comes before the usual ones
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

/// Arguments of `mien models import`.
#[derive(Args)]
pub(crate) struct ImportArguments {
    /// The file
    file: PathBuf,
    #[arg(long, value_name = "ROLE", help = role_help())]
    role: Option<Role>,
}

fn role_help() -> String {
    format!("{}; without it, the tensors tell", Role::names())
}

/// Does what was asked for.
pub(crate) fn run(command: &ModelsCommand) -> Result<()> {
    match command {
        ModelsCommand::List(folders) => list(folders),
        ModelsCommand::Verify(folders) => verify(folders),
        ModelsCommand::Import(arguments) => take_in(arguments),
    }
}

fn list(folders: &Folders) -> Result<()> {
    let set = ModelSet::find(folders.models.as_deref())?;
    for model in set.models() {
        let entry = &model.entry;
        say!("{:<12} {}  ({})", entry.role.to_string(), model.path().display(), model.origin);
        say!("{:<12} sha256 {}", "", entry.sha256);
        for (label, value) in
            [("precision", &entry.precision), ("licence", &entry.licence), ("source", &entry.source)]
        {
            if !value.is_empty() {
                say!("{:<12} {label} {value}", "");
            }
        }
    }
    require_all(&set)
}

fn verify(folders: &Folders) -> Result<()> {
    let set = ModelSet::find(folders.models.as_deref())?;
    let mut unsound = 0;
    for report in set.verify() {
        match &report.result {
            Ok(()) => say!("{:<12} {}  sound", report.role.to_string(), report.path.display()),
            Err(error) => {
                unsound += 1;
                say!("{:<12} {}  NOT SOUND: {error}", report.role.to_string(), report.path.display());
            }
        }
    }
    require_all(&set)?;
    if unsound > 0 {
        bail!("{unsound} of {} models are not sound; replace them, or import others", set.models().len());
    }
    Ok(())
}

/// Says what a run with these models would not measure; an error for the first role that must have a model and has
/// none.
fn require_all(set: &ModelSet) -> Result<()> {
    for absent in set.select(&Models::default())?.absent {
        say!("{:<12} not measured: {}", absent.part.name(), absent.reason);
    }
    Ok(())
}

fn take_in(arguments: &ImportArguments) -> Result<()> {
    let folder = user_folder()
        .context("there is no folder for your own models; set HOME or XDG_DATA_HOME to an absolute path")?;
    let report = import(&arguments.file, arguments.role, &folder)?;
    for imported in &report.imported {
        let replaced = imported.replaced.as_ref().map(|file| format!(", in place of {file}"));
        say!(
            "{:<12} {}{}",
            imported.entry.role.to_string(),
            imported.path.display(),
            replaced.unwrap_or_default()
        );
    }
    for unused in &report.unused {
        say!("{:<12} {}: {}", "not used", unused.part, unused.reason);
    }
    Ok(())
}
