//! What can be wrong with model files.

use std::path::PathBuf;

use crate::Role;

/// A model, manifest or folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; free some space or choose another folder", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A manifest that cannot be understood.
    #[error("{} is no valid manifest: {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong, with the line where known.
        reason: String,
    },
    /// A file name that leads out of its folder.
    #[error("{file:?} in {} leads out of the folder: put the file itself there", folder.display())]
    Escapes {
        /// The folder.
        folder: PathBuf,
        /// The name.
        file: String,
    },
    /// A file is not the one that its manifest lists.
    #[error(
        "{} is not the file that its manifest lists (SHA-256 {found}, not {expected}): \
         restore it, or import it again with `mien models import`", path.display()
    )]
    Hash {
        /// The file.
        path: PathBuf,
        /// The hash in the manifest.
        expected: String,
        /// The hash of the file.
        found: String,
    },
    /// A file that is no usable model.
    #[error("{} is no usable model: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A model that does not do what its role needs.
    #[error("{} cannot serve as {role}: {reason}", path.display())]
    WrongTensors {
        /// The file.
        path: PathBuf,
        /// The role.
        role: Role,
        /// What does not fit.
        reason: String,
    },
    /// Two files of one role in one folder.
    #[error(
        "both {first} and {second} in {} are models for {role}: move one away, or write a manifest.toml",
        folder.display()
    )]
    Ambiguous {
        /// The folder.
        folder: PathBuf,
        /// The role.
        role: Role,
        /// One file.
        first: String,
        /// The other.
        second: String,
    },
    /// No folder has a model of this role.
    #[error(
        "there is no model for {role}. Looked in: {looked}. Name a folder that has one with \
         `--models DIR`, or add one with `mien models import FILE --role {role}`"
    )]
    Missing {
        /// The role.
        role: Role,
        /// The folders, and what in them was not usable.
        looked: String,
    },
    /// An optional model that is asked for and cannot be used.
    #[error("{role} cannot be computed: {reason}; take `{role} = \"auto\"` or other models")]
    NotPossible {
        /// The role.
        role: Role,
        /// Why.
        reason: String,
    },
    /// A folder that the user named, with no model in it.
    #[error(
        "{} has no model of Mien's{skipped}; name the folder that has them, or import some with `mien models import FILE`",
        path.display()
    )]
    Empty {
        /// The folder.
        path: PathBuf,
        /// What in it was not usable, in parentheses; nothing where there was nothing.
        skipped: String,
    },
    /// A file whose role cannot be told.
    #[error("{} is none of Mien's networks: {reason}", path.display())]
    UnknownRole {
        /// The file.
        path: PathBuf,
        /// What it has instead.
        reason: String,
    },
    /// There is no place for the user's files.
    #[error("there is no folder for your models: set HOME or XDG_DATA_HOME")]
    NoUserFolder,
    /// The engine refused the model.
    #[error(transparent)]
    Engine(#[from] mien_engine::EngineError),
}
