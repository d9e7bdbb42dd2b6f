//! Finding the library.

use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::functions::Functions;

/// Oldest liblsl that is used: version × 100.
pub const MINIMUM_VERSION: i32 = 116;

/// The library in use.
#[derive(Debug)]
pub struct Library {
    /// Where it was found; a bare name where the system's search path gave it.
    pub path: PathBuf,
    /// Its version × 100: 118 is 1.18.
    pub version: i32,
    pub(crate) functions: Functions,
    /// Keeps the functions in memory.
    _library: libloading::Library,
}

/// Why there is no library.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "no usable liblsl (1.16 or later) was found: {tried}. Get it with `./x lib`, install the package \
     `liblsl`, or name its file in the environment variable LSL_LIBRARY"
)]
pub struct LoadError {
    /// What was tried, and how it failed.
    pub tried: String,
}

/// The library, looked for the first time this is called.
///
/// # Errors
/// When no liblsl of [`MINIMUM_VERSION`] or later can be loaded.
pub fn load() -> Result<&'static Library, LoadError> {
    static LIBRARY: OnceLock<Result<Library, LoadError>> = OnceLock::new();
    LIBRARY.get_or_init(find).as_ref().map_err(Clone::clone)
}

fn find() -> Result<Library, LoadError> {
    let mut tried = Vec::new();
    for candidate in candidates() {
        let found = match &candidate {
            Candidate::Named(path) => open(path, path),
            Candidate::Beside(path) => open_beside(path),
        };
        match found {
            Ok(library) => return Ok(library),
            Err(error) => tried.push(error),
        }
    }
    Err(LoadError { tried: tried.join("; ") })
}

/// Where the library may be.
#[derive(Debug, PartialEq)]
enum Candidate {
    /// A file that the user named, or a name for the system's search path.
    Named(PathBuf),
    /// A file beside the program, which somebody else may have put there.
    Beside(PathBuf),
}

fn candidates() -> Vec<Candidate> {
    if let Some(path) = std::env::var_os("LSL_LIBRARY").filter(|path| !path.is_empty()) {
        return vec![Candidate::Named(path.into())];
    }
    let names: &[&str] = match std::env::consts::OS {
        "macos" => &["liblsl.dylib", "liblsl.2.dylib"],
        "windows" => &["lsl.dll"],
        _ => &["liblsl.so", "liblsl.so.2"],
    };
    let folders = std::env::current_exe().ok().map(|exe| lib_folders(&exe)).unwrap_or_default();
    let beside = folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
    let beside = beside.filter(|path| path.is_file()).map(Candidate::Beside);
    names.iter().map(|name| Candidate::Named(name.into())).chain(beside).collect()
}

/// Opens a library that may have been put there by somebody else: what is loaded is the file that was checked.
fn open_beside(path: &Path) -> Result<Library, String> {
    let file = mien_trust::open(path).map_err(|error| error.to_string())?;
    open(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())), path)
}

/// `lib/` beside the executable and one level up, and, for one that cargo built, in the repository.
fn lib_folders(exe: &Path) -> Vec<PathBuf> {
    let target = exe.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "target"));
    let bases = [exe.parent(), exe.parent().and_then(Path::parent), target.and_then(Path::parent)];
    bases.into_iter().flatten().map(|base| base.join("lib")).collect()
}

/// Opens the library at `place`; `path` is what people call it.
fn open(place: &Path, path: &Path) -> Result<Library, String> {
    // SAFETY: loading runs the library's initialisers. liblsl's only set up its own statics, and the
    // places searched are the system's, what the user named, or files that nobody but the user and root can write.
    let library = unsafe { libloading::Library::new(place) }.map_err(|error| error.to_string())?;
    // SAFETY: the types in `Functions` are those of liblsl's public C header, which has kept them
    // since 1.0; `library` is kept beside them for the life of the program.
    let functions = unsafe { Functions::of(&library) }
        .map_err(|name| format!("{}: not a liblsl (no function {name})", path.display()))?;
    // SAFETY: takes nothing and returns a number.
    let version = unsafe { (functions.lsl_library_version)() };
    if version < MINIMUM_VERSION {
        return Err(format!("{}: version {}.{} is too old", path.display(), version / 100, version % 100));
    }
    Ok(Library { path: path.to_owned(), version, functions, _library: library })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_program_looks_in_its_repository() {
        let folders = lib_folders(Path::new("/home/me/mien/target/debug/deps/stream-1234"));
        assert!(folders.contains(&PathBuf::from("/home/me/mien/lib")));
        let installed = lib_folders(Path::new("/opt/mien/bin/mien"));
        assert_eq!(installed, [PathBuf::from("/opt/mien/bin/lib"), PathBuf::from("/opt/mien/lib")]);
    }

    #[test]
    fn what_is_no_liblsl_is_refused() {
        let folder = std::env::temp_dir().join(format!("lsl-sys-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("liblsl.so");
        std::fs::write(&file, "no library").unwrap();
        assert!(open(&file, &file).is_err() && open_beside(&file).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
        let name = Path::new("libm.so.6");
        if let Err(error) = open(name, name) {
            assert!(error.contains("not a liblsl") || error.contains("cannot open"), "{error}");
        }
    }
}
