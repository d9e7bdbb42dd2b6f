//! The list of a folder's models.

use std::path::Path;

use mien_onnx::{Dimension, ValueInfo};
use serde::{Deserialize, Serialize};

use crate::{ModelError, Role};

/// The manifest's file name.
pub const MANIFEST_FILE: &str = "manifest.toml";

/// The version of the manifest's form that this program reads and writes.
const VERSION: u32 = 1;

/// What a folder offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the manifest's form.
    pub version: u32,
    /// The models, one per role.
    #[serde(default, rename = "model")]
    pub models: Vec<ManifestEntry>,
}

/// One model of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestEntry {
    /// The file's name inside the folder.
    pub file: String,
    /// What it is for.
    pub role: Role,
    /// The file's SHA-256, 64 hexadecimal digits.
    pub sha256: String,
    /// Arithmetic of the weights, for instance `FP32`.
    #[serde(default)]
    pub precision: String,
    /// The licence of the weights, an SPDX expression; empty when it is not known.
    #[serde(default)]
    pub licence: String,
    /// Where the file comes from; empty when it is not known.
    #[serde(default)]
    pub source: String,
    /// The pictures that it was trained on; empty when they are not known.
    #[serde(default)]
    pub trained_on: String,
    /// The tensors to feed.
    pub inputs: Vec<TensorSpec>,
    /// The tensors that come out.
    pub outputs: Vec<TensorSpec>,
}

/// A tensor's name and shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// The name in the model file.
    pub name: String,
    /// The dimensions with the batch.
    pub shape: Vec<Size>,
}

/// One dimension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Size {
    /// A size; −1 for any.
    Fixed(i64),
    /// Any size, called by a name such as `N`.
    Any(String),
}

impl Size {
    /// The size when it is fixed.
    #[must_use]
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Size::Fixed(size) => usize::try_from(*size).ok(),
            Size::Any(_) => None,
        }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Size::Fixed(size) => write!(f, "{size}"),
            Size::Any(name) => f.write_str(name),
        }
    }
}

/// What a model file declares about its inputs or outputs.
#[must_use]
pub fn tensor_specs(tensors: &[ValueInfo]) -> Vec<TensorSpec> {
    let size = |dim: &Dimension| match dim {
        Dimension::Fixed(size) => Size::Fixed(*size as i64),
        Dimension::Dynamic(name) if name.is_empty() => Size::Fixed(-1),
        Dimension::Dynamic(name) => Size::Any(name.clone()),
    };
    tensors
        .iter()
        .map(|tensor| TensorSpec {
            name: tensor.name.clone(),
            shape: tensor.dims.iter().flatten().map(size).collect(),
        })
        .collect()
}

/// Whether the tensors of a file are those of its entry: same names, same ranks, same fixed sizes.
pub(crate) fn same_tensors(listed: &[TensorSpec], found: &[TensorSpec]) -> bool {
    let same = |a: &TensorSpec, b: &TensorSpec| {
        a.name == b.name
            && a.shape.len() == b.shape.len()
            && a.shape.iter().zip(&b.shape).all(|(a, b)| a.fixed() == b.fixed())
    };
    listed.len() == found.len() && listed.iter().zip(found).all(|(a, b)| same(a, b))
}

impl Manifest {
    /// A manifest without models.
    #[must_use]
    pub fn empty() -> Self {
        Self { version: VERSION, models: Vec::new() }
    }

    /// Reads a manifest's text; `path` is for messages.
    ///
    /// # Errors
    /// [`ModelError::Manifest`]: no TOML, missing or unknown fields, another version, two models of one
    /// role, a hash that is none.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ModelError> {
        let wrong = |reason: String| ModelError::Manifest { path: path.to_owned(), reason };
        let manifest: Manifest = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if manifest.version != VERSION {
            return Err(wrong(format!(
                "it is version {}, this program reads version {VERSION}; update Mien",
                manifest.version
            )));
        }
        for (index, entry) in manifest.models.iter().enumerate() {
            let hex = entry.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
            if entry.sha256.len() != 64 || !hex {
                return Err(wrong(format!("the sha256 of {:?} is no SHA-256", entry.file)));
            }
            if let Some(other) = manifest.models[..index].iter().find(|m| m.role == entry.role) {
                return Err(wrong(format!(
                    "{:?} and {:?} both have the role {}",
                    other.file, entry.file, entry.role
                )));
            }
        }
        Ok(manifest)
    }

    /// The manifest as text.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] when it holds something that TOML cannot say.
    pub fn to_toml(&self, path: &Path) -> Result<String, ModelError> {
        toml::to_string_pretty(self)
            .map_err(|error| ModelError::Manifest { path: path.to_owned(), reason: error.to_string() })
    }
}
