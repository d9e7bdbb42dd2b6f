//! One folder of models.

use std::fs;
use std::path::{Path, PathBuf};

use mien_engine::{read_model_file, sha256_hex};
use mien_onnx::Model;

use crate::manifest::{MANIFEST_FILE, Manifest, ManifestEntry, tensor_specs};
use crate::{ModelError, Role};

/// A manifest of this many bytes is none: a model takes about 1 KiB.
const MOST_MANIFEST_BYTES: u64 = 1 << 20;
/// ONNX files that are looked into in a folder without a manifest.
const MOST_FILES: usize = 256;

/// A folder that holds models.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// What a folder offers.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The models, at most one per role.
    pub models: Vec<ManifestEntry>,
    /// Whether a manifest lists them; otherwise their tensors told.
    pub has_manifest: bool,
    /// ONNX files that serve no role.
    pub skipped: Vec<Skipped>,
}

/// A file that serves no role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file's name.
    pub file: String,
    /// Why.
    pub reason: String,
}

impl Folder {
    /// The folder at `path`.
    ///
    /// # Errors
    /// [`ModelError::Read`] when it is absent, no folder, or not readable.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        fs::read_dir(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it offers: its manifest, or what its files' tensors say.
    ///
    /// # Errors
    /// [`ModelError`]: an invalid manifest, or two files of one role.
    pub fn list(&self) -> Result<Listing, ModelError> {
        match self.manifest()? {
            Some(manifest) => {
                Ok(Listing { models: manifest.models, has_manifest: true, skipped: Vec::new() })
            }
            None => self.recognise(),
        }
    }

    /// The folder's manifest, when there is one.
    ///
    /// # Errors
    /// [`ModelError::Read`], [`ModelError::Manifest`].
    pub fn manifest(&self) -> Result<Option<Manifest>, ModelError> {
        let path = self.path.join(MANIFEST_FILE);
        let read = |source| ModelError::Read { path: path.clone(), source };
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(read(error)),
            Ok(_) => {}
        }
        let inside = self.inside(MANIFEST_FILE)?;
        let text = mien_folder::read_text(&inside, MOST_MANIFEST_BYTES).map_err(read)?;
        Manifest::parse(&path, &text).map(Some)
    }

    /// The true path of a file of this folder.
    ///
    /// # Errors
    /// [`ModelError::Escapes`] when the name is no plain file name or a link leads out of the folder,
    /// [`ModelError::Read`] when there is no such file.
    pub fn inside(&self, file: &str) -> Result<PathBuf, ModelError> {
        let escapes = || ModelError::Escapes { folder: self.path.clone(), file: file.to_owned() };
        let plain = Path::new(file).file_name().is_some_and(|name| name == file);
        if !plain || file.contains(['\\', '\0', ':']) {
            return Err(escapes());
        }
        let path = self.path.join(file);
        let canonical = |path: &Path| {
            fs::canonicalize(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })
        };
        let target = canonical(&path)?;
        if target.parent() != Some(&canonical(&self.path)?) {
            return Err(escapes());
        }
        Ok(target)
    }

    /// The content of a listed file, checked against its hash.
    ///
    /// # Errors
    /// [`ModelError::Escapes`], [`ModelError::Hash`], or reading fails.
    pub fn read(&self, entry: &ManifestEntry) -> Result<Vec<u8>, ModelError> {
        let path = self.inside(&entry.file)?;
        let bytes = read_model_file(&path)?;
        let found = sha256_hex(&bytes);
        if !found.eq_ignore_ascii_case(&entry.sha256) {
            return Err(ModelError::Hash { path, expected: entry.sha256.clone(), found });
        }
        Ok(bytes)
    }

    fn recognise(&self) -> Result<Listing, ModelError> {
        let mut listing = Listing::default();
        for file in self.onnx_files()? {
            match self.recognise_file(&file) {
                Err(reason) => listing.skipped.push(Skipped { file, reason }),
                Ok(entry) => {
                    let twin = listing.models.iter().find(|m| m.role == entry.role);
                    if let Some(twin) = twin {
                        return Err(ModelError::Ambiguous {
                            folder: self.path.clone(),
                            role: entry.role,
                            first: twin.file.clone(),
                            second: entry.file,
                        });
                    }
                    listing.models.push(entry);
                }
            }
        }
        Ok(listing)
    }

    /// The names of the ONNX files, sorted.
    fn onnx_files(&self) -> Result<Vec<String>, ModelError> {
        let read = |source| ModelError::Read { path: self.path.clone(), source };
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(read)? {
            let name = entry.map_err(read)?.file_name();
            let name = name.to_string_lossy();
            let onnx = Path::new(&*name).extension().is_some_and(|e| e == "onnx");
            if onnx {
                files.push(name.into_owned());
            }
        }
        if files.len() > MOST_FILES {
            return Err(read(std::io::Error::other(format!(
                "it holds {} ONNX files; name a folder with just the models to use",
                files.len()
            ))));
        }
        files.sort();
        Ok(files)
    }

    fn recognise_file(&self, file: &str) -> Result<ManifestEntry, String> {
        let path = self.inside(file).map_err(|error| error.to_string())?;
        let bytes = read_model_file(&path).map_err(|error| error.to_string())?;
        let model = Model::read(&bytes).map_err(|error| error.to_string())?;
        let role = Role::recognise(&model)
            .ok_or_else(|| format!("its tensors are not those of {}", Role::summaries()))?;
        Ok(ManifestEntry {
            file: file.to_owned(),
            role,
            sha256: sha256_hex(&bytes),
            precision: String::new(),
            licence: String::new(),
            source: String::new(),
            trained_on: String::new(),
            inputs: tensor_specs(&model.graph.inputs),
            outputs: tensor_specs(&model.graph.outputs),
        })
    }
}
