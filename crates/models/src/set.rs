//! The models of a run: one per role, from the first folder that has it.

use std::fmt;
use std::path::{Path, PathBuf};

use mien_engine::{EngineChoice, EngineOptions, Loaded};
use mien_onnx::Model;

use crate::manifest::{same_tensors, tensor_specs};
use crate::{Folder, ManifestEntry, ModelError, Role, dry_run};

/// Which folder a model comes from; earlier ones come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The folder that the user named.
    Named,
    /// The folder in `MIEN_MODELS`.
    Environment,
    /// The user's own models.
    User,
    /// The models that came with the program.
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Named => "--models",
            Origin::Environment => "MIEN_MODELS",
            Origin::User => "your models",
            Origin::BuiltIn => "built in",
        })
    }
}

/// A model that was found.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// What the manifest says, or what the file itself tells.
    pub entry: ManifestEntry,
    /// Which folder it is from.
    pub origin: Origin,
    folder: Folder,
}

impl ModelFile {
    /// What it is for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.entry.role
    }

    /// The folder that it lies in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(&self.entry.file)
    }

    /// Its content, checked against its hash.
    ///
    /// # Errors
    /// [`ModelError`]: it cannot be read, or is not the file that was found.
    pub fn read(&self) -> Result<Vec<u8>, ModelError> {
        self.folder.read(&self.entry)
    }

    /// Loads it into an engine, after checking its hash.
    ///
    /// # Errors
    /// [`ModelError`]: it cannot be read, is not the file that was found, or the engine refuses it.
    pub fn load(&self, choice: EngineChoice, options: &EngineOptions) -> Result<Loaded, ModelError> {
        let bytes = self.read()?;
        Ok(mien_engine::load_bytes(choice, &self.entry.file, &bytes, options)?)
    }

    /// Checks hash, tensors and a run.
    #[must_use]
    pub fn verify(&self) -> VerifyReport {
        let path = self.path();
        let result = self.read().and_then(|bytes| {
            let invalid = |reason: String| ModelError::Invalid { path: path.clone(), reason };
            let unfit = |reason: String| ModelError::WrongTensors {
                path: path.clone(),
                role: self.entry.role,
                reason,
            };
            let model = Model::read(&bytes).map_err(|error| invalid(error.to_string()))?;
            let (inputs, outputs) = (&model.graph.inputs, &model.graph.outputs);
            if !same_tensors(&self.entry.inputs, &tensor_specs(inputs))
                || !same_tensors(&self.entry.outputs, &tensor_specs(outputs))
            {
                return Err(unfit("its tensors are not those that the manifest lists".to_owned()));
            }
            self.entry.role.contract().check(&model).map_err(unfit)?;
            dry_run(self.entry.role, &self.entry.file, &bytes).map_err(unfit)
        });
        VerifyReport { role: self.entry.role, path, result }
    }
}

/// What checking a model found.
#[derive(Debug)]
pub struct VerifyReport {
    /// What the model is for.
    pub role: Role,
    /// The file.
    pub path: PathBuf,
    /// Sound, or what is wrong.
    pub result: Result<(), ModelError>,
}

/// The models of a run, in the order of [`Role::ALL`].
#[derive(Clone, Debug, Default)]
pub struct ModelSet {
    models: Vec<ModelFile>,
    looked: Vec<String>,
}

impl ModelSet {
    /// Finds the models in the folders that the crate's documentation lists, those of `named` first.
    ///
    /// # Errors
    /// As [`ModelSet::find_in`].
    pub fn find(named: Option<&Path>) -> Result<Self, ModelError> {
        Self::find_in(&places(named))
    }

    /// Finds the models in these places, earlier ones first.
    ///
    /// A role that no place has is left out; [`ModelSet::get`] then says where it was looked for.
    ///
    /// # Errors
    /// [`ModelError`]: a place that the user named cannot be read or has no model, a manifest is invalid, a
    /// folder without a manifest has two files of one role.
    pub fn find_in(places: &[Place]) -> Result<Self, ModelError> {
        let mut set = Self::default();
        for place in places {
            let optional = matches!(place.origin, Origin::User | Origin::BuiltIn);
            match Folder::open(&place.path) {
                Ok(folder) => set.add(place.origin, &folder)?,
                Err(_) if optional => {
                    set.looked.push(format!("{} (absent)", place.path.display()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(set)
    }

    /// The models of one folder alone.
    ///
    /// # Errors
    /// As [`ModelSet::find`].
    pub fn of_folder(path: &Path) -> Result<Self, ModelError> {
        Self::find_in(&[Place { origin: Origin::Named, path: path.to_owned() }])
    }

    fn add(&mut self, origin: Origin, folder: &Folder) -> Result<(), ModelError> {
        let listing = folder.list()?;
        let skipped: Vec<String> =
            listing.skipped.iter().map(|skipped| format!("{}: {}", skipped.file, skipped.reason)).collect();
        let skipped = match skipped.as_slice() {
            [] => String::new(),
            skipped => format!(" (not usable: {})", skipped.join("; ")),
        };
        if listing.models.is_empty() && matches!(origin, Origin::Named | Origin::Environment) {
            return Err(ModelError::Empty { path: folder.path().to_owned(), skipped });
        }
        self.looked.push(format!("{}{skipped}", folder.path().display()));
        for entry in listing.models {
            if self.models.iter().all(|model| model.entry.role != entry.role) {
                self.models.push(ModelFile { entry, origin, folder: folder.clone() });
            }
        }
        self.models.sort_by_key(|model| model.entry.role);
        Ok(())
    }

    /// The model of a role.
    ///
    /// # Errors
    /// [`ModelError::Missing`], saying where it was looked for and what to do.
    pub fn get(&self, role: Role) -> Result<&ModelFile, ModelError> {
        self.models
            .iter()
            .find(|model| model.entry.role == role)
            .ok_or_else(|| ModelError::Missing { role, looked: self.looked.join(", ") })
    }

    /// Every model that was found, one per role.
    #[must_use]
    pub fn models(&self) -> &[ModelFile] {
        &self.models
    }

    /// The folders that were looked into, with what in them was not usable.
    #[must_use]
    pub fn looked(&self) -> &[String] {
        &self.looked
    }

    /// Checks every model: hash, tensors, a run.
    #[must_use]
    pub fn verify(&self) -> Vec<VerifyReport> {
        self.models.iter().map(ModelFile::verify).collect()
    }
}

/// A folder in which models are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Why it is looked into. Folders that the user named must exist.
    pub origin: Origin,
    /// Where it is.
    pub path: PathBuf,
}

/// Where models are looked for, in this order, with `named` first.
#[must_use]
pub fn places(named: Option<&Path>) -> Vec<Place> {
    let environment = std::env::var_os("MIEN_MODELS").filter(|path| !path.is_empty());
    [
        (Origin::Named, named.map(Path::to_owned)),
        (Origin::Environment, environment.map(PathBuf::from)),
        (Origin::User, user_folder().filter(|folder| is_own(folder))),
        (Origin::BuiltIn, builtin_folder()),
    ]
    .into_iter()
    .filter_map(|(origin, path)| path.map(|path| Place { origin, path }))
    .collect()
}

/// Whether a folder of the user's is to be believed, if it is there; the reason why not is in the log.
fn is_own(folder: &Path) -> bool {
    mien_trust::check_folder_if_there(folder).inspect_err(|error| tracing::warn!("{error}")).is_ok()
}

/// The folder of the user's own models: `$XDG_DATA_HOME/mien/models`, `~/.local/share/mien/models`.
#[must_use]
pub fn user_folder() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    Some(data?.join("mien/models"))
}

/// The folder of the models that came with the program: the first of `models/` beside the executable,
/// `../share/mien/models` from there, and `models/` of the source tree, that has a manifest to be believed: it and the
/// folder belong to this user or root, and nobody else may write to them. (The manifest pins the models.)
#[must_use]
pub fn builtin_folder() -> Option<PathBuf> {
    let executable = std::env::current_exe().and_then(std::fs::canonicalize).ok();
    let beside = executable.as_deref().and_then(Path::parent);
    let source_tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let candidates = beside
        .into_iter()
        .flat_map(|folder| [folder.join("models"), folder.join("../share/mien/models")])
        .chain([source_tree.canonicalize().unwrap_or(source_tree)]);
    let mut candidates = candidates.peekable();
    let first = candidates.peek().cloned();
    let is_believed = |path: &PathBuf| {
        let manifest = path.join(crate::MANIFEST_FILE);
        let believed = manifest.is_file().then(|| mien_trust::open(&manifest));
        believed.is_some_and(|file| file.inspect_err(|error| tracing::warn!("{error}")).is_ok())
    };
    // One that is not believed is not read either.
    candidates.find(is_believed).or(first.filter(|path| !path.join(crate::MANIFEST_FILE).exists()))
}
