//! Model files: manifest, roles, hashes, import of foreign bundles.
//!
//! Mien runs one network for each [`Role`], some of which it can do without. They lie in folders;
//! [`ModelSet::find`] looks for each role in these, in this order:
//!
//! 1. the folder that the user names (`--models DIR`),
//! 2. the folder in the environment variable `MIEN_MODELS`,
//! 3. the user's folder, `$XDG_DATA_HOME/mien/models` (`~/.local/share/mien/models`), where [`import`]
//!    puts files,
//! 4. the models that came with the program: `models/` beside the executable, `../share/mien/models`
//!    from there, or `models/` of the source tree that it was built from.
//!
//! A folder with a `manifest.toml` offers what is listed there, pinned by SHA-256. In a folder without
//! one, ONNX files are recognised by their tensors' shapes. What a [`ModelFile`] says about itself
//! (folder, hash, licence) belongs into logs and results.
//!
//! [`ModelSet::select`] decides which of them a run uses. An optional network that is absent, switched off, or reads
//! what the others do not find, is left out, and [`Selection::absent`] says why.
//!
//! Nothing outside of a model's folder is ever read for it: only plain file names, no links that lead
//! out, no ONNX external data.

mod bundle;
mod dry_run;
mod error;
mod folder;
mod import;
mod manifest;
mod selection;
mod set;
pub mod tflite;

pub use bundle::{BundlePart, convert_tflite, read_bundle};
pub use dry_run::dry_run;
pub use error::ModelError;
pub use folder::{Folder, Listing, Skipped};
pub use import::{ImportReport, Imported, Unused, import};
pub use manifest::{MANIFEST_FILE, Manifest, ManifestEntry, Size, TensorSpec, tensor_specs};
pub use mien_engine::Role;
pub use selection::{Absent, Selection};
pub use set::{ModelFile, ModelSet, Origin, Place, VerifyReport, builtin_folder, places, user_folder};
