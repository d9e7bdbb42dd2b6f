//! Built engines on disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::SystemTime;

use mien_engine::sha256_hex;
use serde::{Deserialize, Serialize};

use crate::GpuPipelineError;

/// First bytes of a file of the cache; the last is the layout's version.
const MAGIC: &[u8; 8] = b"MIENPL\x00\x01";
/// Longest description that is read.
const MOST_KEY_BYTES: usize = 1 << 16;
/// How files of the cache end.
const EXTENSION: &str = "plan";

/// Everything that a built engine depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanKey {
    /// What the model is for.
    pub role: String,
    /// SHA-256 of the model file.
    pub model_sha256: String,
    /// Flavour and version of TensorRT.
    pub tensorrt: String,
    /// Name of the GPU.
    pub gpu: String,
    /// Its compute capability, as `9.0`.
    pub compute_capability: String,
    /// The arithmetic.
    pub precision: String,
    /// Shapes of the input that it is built for.
    pub shapes: String,
}

impl PlanKey {
    /// The name of the engine's file: legible, and different for every key.
    #[must_use]
    pub fn file_name(&self) -> String {
        let json = serde_json::to_vec(self).expect("plain strings");
        let word = |text: &str| -> String {
            text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
        };
        format!(
            "{}-{}-{}-{}-{}.{EXTENSION}",
            word(&self.role),
            word(&self.precision),
            word(&self.gpu).to_lowercase(),
            word(&self.tensorrt).to_lowercase(),
            &sha256_hex(&json)[..16],
        )
    }
}

/// A folder of built engines.
///
/// Each file holds what it was built for, its hash and the engine, and is written whole or not at all.
/// TensorRT trusts an engine's bytes, so the folder is the user's alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineCache {
    folder: PathBuf,
    place: CachePlace,
}

/// How a cache's folder was chosen, which decides what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CachePlace {
    /// Somebody named it.
    Named,
    /// It lies in the user's home.
    Home,
    /// It lies in the folder for temporary files, where anybody could have made it before.
    Temporary,
}

/// What the cache has for a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Found(Vec<u8>),
    Missing,
    /// Why the file cannot be used.
    Unusable(String),
}

/// One file of the cache.
#[derive(Debug, Clone)]
pub struct CacheEntry {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was built.
    pub modified: Option<SystemTime>,
    /// What is in it.
    pub state: EntryState,
}

/// What a file of the cache is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryState {
    /// An engine, and what it was built for.
    Sound(PlanKey),
    /// Why it cannot be used.
    Unusable(String),
}

/// Keeps other processes from building the same engine at the same time.
#[derive(Debug)]
pub(crate) struct BuildLock {
    _file: Option<File>,
}

impl EngineCache {
    /// The cache in this folder, which is made when it is needed.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), place: CachePlace::Named }
    }

    /// The user's: `MIEN_ENGINES`, `$XDG_CACHE_HOME/mien/engines`, `~/.cache/mien/engines`; without a home
    /// `mien-UID/engines` in the folder for temporary files. What nobody named is used only where [`check`](Self::check)
    /// finds nothing wrong with it.
    #[must_use]
    pub fn of_user() -> Self {
        Self::from_variables(|name| std::env::var_os(name).map(PathBuf::from), &std::env::temp_dir())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<PathBuf>, temporary: &Path) -> Self {
        let path = |name: &str| variable(name).filter(|path| path.is_absolute());
        if let Some(folder) = path("MIEN_ENGINES") {
            return Self::at(folder);
        }
        match path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache"))) {
            Some(cache) => Self { folder: cache.join("mien/engines"), place: CachePlace::Home },
            None => {
                let folder = temporary.join(format!("mien-{}", mien_trust::user())).join("engines");
                Self { folder, place: CachePlace::Temporary }
            }
        }
    }

    /// Whether engines from this folder may be used: TensorRT runs what is in them. A folder that is not there is no
    /// danger.
    ///
    /// # Errors
    /// Whose it is, or who else may write to it, and the remedy.
    pub fn check(&self) -> Result<(), mien_trust::Distrust> {
        let parent = self.folder.parent().unwrap_or(&self.folder);
        for folder in [parent, &self.folder] {
            if folder.symlink_metadata().is_err() {
                continue;
            }
            match self.place {
                CachePlace::Named => {}
                CachePlace::Home => mien_trust::check_folder(folder)?,
                CachePlace::Temporary => mien_trust::check_private_folder(folder)?,
            }
        }
        Ok(())
    }

    /// Whether it is used; the reason why not is in the log, once.
    fn is_used(&self) -> bool {
        static TOLD: Once = Once::new();
        match self.check() {
            Ok(()) => true,
            Err(error) => {
                TOLD.call_once(|| tracing::warn!("engines are built each time and not kept: {error}"));
                false
            }
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the engine of a key lies, or would.
    #[must_use]
    pub fn path_of(&self, key: &PlanKey) -> PathBuf {
        self.folder.join(key.file_name())
    }

    pub(crate) fn load(&self, key: &PlanKey) -> Lookup {
        if !self.is_used() {
            return Lookup::Missing;
        }
        let bytes = match fs::read(self.path_of(key)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Lookup::Missing,
            Err(error) => return Lookup::Unusable(error.to_string()),
        };
        match unpack(&bytes) {
            Err(reason) => Lookup::Unusable(reason),
            Ok((found, _)) if found != *key => Lookup::Unusable("it was built for something else".to_owned()),
            Ok((_, plan)) => Lookup::Found(plan.to_vec()),
        }
    }

    /// Keeps an engine; gives its place, or nothing where the folder is not used.
    pub(crate) fn store(&self, key: &PlanKey, plan: &[u8]) -> Result<Option<PathBuf>, GpuPipelineError> {
        if !self.is_used() {
            return Ok(None);
        }
        self.make_folder()?;
        let path = self.path_of(key);
        let failed = |source| GpuPipelineError::Cache { path: path.clone(), source };
        let mut file =
            tempfile::Builder::new().prefix(".building-").tempfile_in(&self.folder).map_err(failed)?;
        file.write_all(&pack(key, plan)).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(Some(path))
    }

    /// Waits until no other process builds this engine; `waiting` is called first when one does.
    pub(crate) fn lock(&self, key: &PlanKey, waiting: impl FnOnce()) -> Result<BuildLock, GpuPipelineError> {
        if !self.is_used() {
            return Ok(BuildLock { _file: None });
        }
        self.make_folder()?;
        let path = self.folder.join(format!(".{}.lock", key.file_name()));
        let failed = |source| GpuPipelineError::Cache { path: path.clone(), source };
        let file = File::create(&path).map_err(failed)?;
        if file.try_lock().is_err() {
            waiting();
            file.lock().map_err(failed)?;
        }
        Ok(BuildLock { _file: Some(file) })
    }

    /// All files, by name.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn list(&self) -> Result<Vec<CacheEntry>, GpuPipelineError> {
        let failed = |source| GpuPipelineError::Cache { path: self.folder.clone(), source };
        let files = match fs::read_dir(&self.folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut entries = Vec::new();
        for file in files {
            let path = file.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                entries.push(entry(path));
            }
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    /// Removes one file.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, entry: &CacheEntry) -> Result<(), GpuPipelineError> {
        fs::remove_file(&entry.path)
            .map_err(|source| GpuPipelineError::Cache { path: entry.path.clone(), source })
    }

    fn make_folder(&self) -> Result<(), GpuPipelineError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&self.folder)
            .map_err(|source| GpuPipelineError::Cache { path: self.folder.clone(), source })?;
        // Somebody may have been faster.
        let distrusted = |error: mien_trust::Distrust| io::Error::other(error.to_string());
        self.check()
            .map_err(|error| GpuPipelineError::Cache { path: self.folder.clone(), source: distrusted(error) })
    }
}

fn entry(path: PathBuf) -> CacheEntry {
    let meta = fs::metadata(&path).ok();
    let content = fs::read(&path).map_err(|error| error.to_string());
    let key = content.and_then(|bytes| unpack(&bytes).map(|(key, _)| key));
    CacheEntry {
        bytes: meta.as_ref().map_or(0, fs::Metadata::len),
        modified: meta.and_then(|meta| meta.modified().ok()),
        state: key.map_or_else(EntryState::Unusable, EntryState::Sound),
        path,
    }
}

/// Magic, length of the key (u32, little endian), the key as JSON, the plan's SHA-256 in hex, the plan.
fn pack(key: &PlanKey, plan: &[u8]) -> Vec<u8> {
    let json = serde_json::to_vec(key).expect("plain strings");
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(json.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&json);
    bytes.extend_from_slice(sha256_hex(plan).as_bytes());
    bytes.extend_from_slice(plan);
    bytes
}

fn unpack(bytes: &[u8]) -> Result<(PlanKey, &[u8]), String> {
    let damaged = || "it is cut short or damaged".to_owned();
    let rest = bytes.strip_prefix(MAGIC).ok_or("it is no engine of this version of Mien")?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > MOST_KEY_BYTES || length + 64 > rest.len() {
        return Err(damaged());
    }
    let (json, rest) = rest.split_at(length);
    let (hash, plan) = rest.split_at(64);
    let key = serde_json::from_slice(json).map_err(|_| damaged())?;
    if sha256_hex(plan).as_bytes() != hash {
        return Err(damaged());
    }
    Ok((key, plan))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(precision: &str) -> PlanKey {
        PlanKey {
            role: "landmarks".into(),
            model_sha256: "ab".repeat(32),
            tensorrt: "TensorRT 8.6.0".into(),
            gpu: "NVIDIA H200".into(),
            compute_capability: "9.0".into(),
            precision: precision.into(),
            shapes: "1x3x192x192".into(),
        }
    }

    #[test]
    fn what_is_stored_is_found_and_listed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let cache = EngineCache::at(folder.path().join("deep/engines"));
        assert!(cache.list().unwrap().is_empty());
        assert_eq!(cache.load(&key("fp16")), Lookup::Missing);
        cache.store(&key("fp16"), b"a plan").unwrap();
        assert_eq!(cache.load(&key("fp16")), Lookup::Found(b"a plan".to_vec()));
        assert_eq!(cache.load(&key("fp32")), Lookup::Missing);
        let entries = cache.list().unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].state, EntryState::Sound(key("fp16")));
        cache.remove(&entries[0]).unwrap();
        assert!(cache.list().unwrap().is_empty());
    }

    #[test]
    fn damaged_and_foreign_files_are_told_apart_from_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = EngineCache::at(folder.path());
        let path = cache.store(&key("fp16"), &[7; 1000]).unwrap().unwrap();
        let whole = fs::read(&path).unwrap();
        for length in [0, 7, 11, 40, 200, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(cache.load(&key("fp16")), Lookup::Unusable(_)), "{length}");
        }
        for at in (0..whole.len()).step_by(13) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            fs::write(&path, &bytes).unwrap();
            assert!(matches!(cache.load(&key("fp16")), Lookup::Unusable(_)), "{at}");
        }
        fs::write(&path, pack(&key("fp32"), &[7; 10])).unwrap();
        assert!(matches!(cache.load(&key("fp16")), Lookup::Unusable(reason) if reason.contains("else")));
    }

    #[test]
    fn a_folder_that_others_could_have_made_is_used_only_when_it_is_this_users_alone() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let temporary = tempfile::tempdir().unwrap();
        let cache = EngineCache::from_variables(|_| None, temporary.path());
        let own = temporary.path().join(format!("mien-{}", mien_trust::user()));
        assert_eq!(cache.folder(), own.join("engines"));
        let stored = cache.store(&key("fp16"), b"mine").unwrap().unwrap();
        assert_eq!(cache.load(&key("fp16")), Lookup::Found(b"mine".to_vec()));
        for folder in [&own, &own.join("engines")] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
            assert_eq!(cache.load(&key("fp16")), Lookup::Missing, "{}", folder.display());
            assert_eq!(cache.store(&key("fp16"), b"other").unwrap(), None);
            cache.lock(&key("fp16"), || panic!("nobody else builds")).unwrap();
            assert!(cache.check().unwrap_err().to_string().contains("chmod 700"));
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let elsewhere = tempfile::tempdir().unwrap();
        fs::rename(own.join("engines"), elsewhere.path().join("engines")).unwrap();
        symlink(elsewhere.path().join("engines"), own.join("engines")).unwrap();
        assert!(stored.exists());
        assert_eq!(cache.load(&key("fp16")), Lookup::Missing, "a link");
    }

    #[test]
    fn a_cache_in_the_home_is_not_used_where_others_may_write() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let variable = |name: &str| (name == "HOME").then(|| home.path().to_owned());
        let cache = EngineCache::from_variables(variable, Path::new("/nowhere"));
        cache.store(&key("fp16"), b"mine").unwrap().unwrap();
        assert_eq!(cache.load(&key("fp16")), Lookup::Found(b"mine".to_vec()));
        fs::set_permissions(cache.folder(), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(cache.load(&key("fp16")), Lookup::Missing);
        // What somebody names is used as it is.
        let named = EngineCache::at(cache.folder());
        assert_eq!(named.load(&key("fp16")), Lookup::Found(b"mine".to_vec()));
    }

    #[test]
    fn a_second_builder_waits() {
        let folder = tempfile::tempdir().unwrap();
        let cache = EngineCache::at(folder.path());
        let held = cache.lock(&key("fp16"), || panic!("nobody else builds")).unwrap();
        let (told, waits) = std::sync::mpsc::channel();
        let waiter = {
            let cache = cache.clone();
            std::thread::spawn(move || cache.lock(&key("fp16"), || told.send(()).unwrap()).map(drop))
        };
        waits.recv().unwrap();
        drop(held);
        waiter.join().unwrap().unwrap();
    }
}
