//! Paths in files and messages: as text, and where a path is no text (not UTF-8), as the list of its bytes, so that
//! it comes back as it went in.
//!
//! For `#[serde(with = "…")]`; [`optional`] is for paths that may be missing.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(PathBuf),
    Bytes(Vec<u8>),
}

/// Writes a path.
///
/// # Errors
/// What the format says.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    match path.to_str() {
        Some(text) => serializer.serialize_str(text),
        None => path.as_os_str().as_bytes().serialize(serializer),
    }
}

/// Reads a path.
///
/// # Errors
/// What the format says.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Ok(match Written::deserialize(deserializer)? {
        Written::Text(path) => path,
        Written::Bytes(bytes) => OsString::from_vec(bytes).into(),
    })
}

/// Paths that may be missing.
pub mod optional {
    use super::{Deserialize, Deserializer, Path, PathBuf, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Written(#[serde(with = "super")] PathBuf);

    /// Writes a path, or that there is none.
    ///
    /// # Errors
    /// What the format says.
    pub fn serialize<S: Serializer>(
        path: &Option<impl AsRef<Path>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        path.as_ref().map(|path| Written(path.as_ref().to_owned())).serialize(serializer)
    }

    /// Reads a path, or that there is none.
    ///
    /// # Errors
    /// What the format says.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<Written>::deserialize(deserializer)?.map(|written| written.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_path_comes_back() {
        for bytes in [b"recordings".as_slice(), b"", b"caf\xe9/\xff", "Zoë".as_bytes()] {
            let path = PathBuf::from(OsString::from_vec(bytes.to_vec()));
            let mut config = crate::Config::default();
            config.recording.dir.clone_from(&path);
            config.models.dir = Some(path.clone());
            config.engine.tensorrt = Some(path);
            assert_eq!(toml::from_str::<crate::Config>(&crate::print(&config)).unwrap(), config);
        }
    }
}
