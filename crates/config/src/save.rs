//! Settings into their file, whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mien_address::redact_text;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::load::MOST_BYTES;
use crate::{Config, ConfigError, Problem, TEMPLATE, edit, parse};

/// Writes what is different in `after` from `before` into a file (see [`edit`]); one that is not there is
/// made from the commented template. Paths below the file's folder are written relative to it.
///
/// The file is replaced in one step: whoever reads it, and whatever crashes, finds the old or the new one.
/// A file without write permission is left alone, though its folder would let it be replaced.
///
/// # Errors
/// When the file is no configuration (it is left as it is), or cannot be written.
pub fn save(path: &Path, before: &Config, after: &Config) -> Result<(), ConfigError> {
    let failed = |action| move |source| ConfigError::File { path: path.to_path_buf(), action, source };
    // A link stays one.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let folder = path.parent().unwrap_or(Path::new(""));
    let (before, after) = (relative(before, folder), relative(after, folder));
    let (text, before) = match mien_folder::read_text(path, MOST_BYTES) {
        Ok(text) => (text, before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            (TEMPLATE.to_owned(), parse(TEMPLATE, path)?)
        }
        Err(error) => return Err(failed("read")(error)),
    };
    let edited = edit(&text, &before, &after).map_err(|error| {
        let message = redact_text(&error.message().replace('\n', "; ")).into_owned();
        ConfigError::Invalid { path: path.clone(), problems: vec![Problem { line: None, message }] }
    })?;
    parse(&edited, path)?;
    if edited == text && path.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(failed("write"))?;
    let holds_secret = after.cameras.iter().any(|camera| camera.source.holds_secret());
    replace(path, edited.as_bytes(), holds_secret).map_err(failed("write"))
}

/// Where the user's own settings are: `$XDG_CONFIG_HOME/mien/mien.toml`, `~/.config/mien/mien.toml`;
/// nothing when neither variable names an absolute path, or when somebody else may write to that folder.
#[must_use]
pub fn user_file() -> Option<PathBuf> {
    Some(own_folder(base("XDG_CONFIG_HOME", ".config")?)?.join("mien.toml"))
}

/// Where a program keeps what it remembers between its runs and nobody edits, by file name:
/// `$XDG_STATE_HOME/mien/NAME`, `~/.local/state/mien/NAME`.
#[must_use]
pub fn state_file(name: &str) -> Option<PathBuf> {
    Some(own_folder(base("XDG_STATE_HOME", ".local/state")?)?.join(name))
}

/// What [`save_state`] wrote; nothing when there is no such file or it is of another make.
#[must_use]
pub fn load_state<T: DeserializeOwned>(path: &Path) -> Option<T> {
    toml::from_str(&mien_folder::read_text(path, MOST_BYTES).ok()?).ok()
}

/// Keeps what is to be remembered, in one step.
///
/// # Errors
/// When the file cannot be written.
pub fn save_state(path: &Path, state: &impl Serialize) -> io::Result<()> {
    let text = toml::to_string(state).map_err(io::Error::other)?;
    if mien_folder::read_text(path, MOST_BYTES).is_ok_and(|old| old == text) {
        return Ok(());
    }
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
    replace(path, text.as_bytes(), false)
}

/// The folder `mien` in one of the user's; nothing, which is told, when it is there and not to be believed.
fn own_folder(base: PathBuf) -> Option<PathBuf> {
    let folder = base.join("mien");
    let checked = mien_trust::check_folder_if_there(&folder);
    checked.inspect_err(|error| tracing::warn!("{error}")).ok().map(|()| folder)
}

fn base(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))
}

/// Writes beside the file and renames over it. A file that is there keeps its permissions; a new one can be read by
/// everybody, unless it is private.
fn replace(path: &Path, bytes: &[u8], private: bool) -> io::Result<()> {
    let permissions = match std::fs::metadata(path) {
        Ok(metadata) if metadata.permissions().readonly() => {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
        }
        Ok(metadata) => Some(metadata.permissions()),
        Err(_) => None,
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".mien-").suffix(".tmp").tempfile_in(folder)?;
    file.write_all(bytes)?;
    match permissions {
        Some(permissions) => file.as_file().set_permissions(permissions)?,
        None if private => {}
        None => readable_by_all(file.as_file())?,
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Temporary files are for their owner only; settings are as usual files are.
#[cfg(unix)]
fn readable_by_all(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_file: &std::fs::File) -> io::Result<()> {
    Ok(())
}

fn relative(config: &Config, folder: &Path) -> Config {
    let mut config = config.clone();
    let inside = |path: &Path| path.strip_prefix(folder).ok().map(Path::to_path_buf);
    let named = |path: PathBuf| if path.as_os_str().is_empty() { PathBuf::from(".") } else { path };
    if let Some(dir) = config.models.dir.as_deref().and_then(inside) {
        config.models.dir = Some(named(dir));
    }
    if let Some(dir) = inside(&config.recording.dir) {
        config.recording.dir = named(dir);
    }
    for camera in &mut config.cameras {
        let source = inside(Path::new(camera.source.expose_secret()));
        if let Some(source) = source.as_deref().and_then(Path::to_str) {
            camera.source = source.into();
        }
        camera.source =
            camera.source.with_files(|secret| inside(secret).unwrap_or_else(|| secret.to_path_buf()));
    }
    config
}
