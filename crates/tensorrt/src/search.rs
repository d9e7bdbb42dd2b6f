//! Where TensorRT is looked for.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::Attempt;
use crate::version::Flavour;

/// Where to look for TensorRT, and which to take.
#[derive(Debug, Clone, Default)]
pub struct SearchOptions {
    /// A folder that holds the libraries (or whose `lib` does), or the library itself. If given, nothing else is
    /// looked at: whoever names a TensorRT gets that one or an error.
    pub path: Option<PathBuf>,
    /// Take only this one; any, the full one preferred, if `None`.
    pub flavour: Option<Flavour>,
    /// Also take releases newer than the last one that was checked (see [`SUPPORTED`](crate::SUPPORTED)), of a
    /// major version that is known. Their tables have only ever grown at the end within TensorRT 10 and 11.
    pub newer_minor: bool,
}

const FLAVOURS: [(Flavour, &str); 3] = [
    (Flavour::Full, "libnvinfer.so"),
    (Flavour::Rtx, "libtensorrt_rtx.so"),
    (Flavour::Lean, "libnvinfer_lean.so"),
];

/// What the system's loader is asked for, in this order. Those after the first three are only there to be refused
/// by name.
const FULL_MAJORS: [u32; 6] = [10, 8, 11, 12, 9, 7];
const RTX_MAJORS: [u32; 2] = [1, 2];

/// Places where the system's loader does not look, but installers put libraries.
const USUAL_FOLDERS: [&str; 3] = ["/usr/local/tensorrt/lib", "/usr/local/TensorRT/lib", "/opt/tensorrt/lib"];

/// A library to try: a path, or a bare name for the system's loader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) file: PathBuf,
    pub(crate) flavour: Flavour,
}

/// All candidates in order, and the places that hold none.
pub(crate) fn candidates(options: &SearchOptions) -> (Vec<Candidate>, Vec<Attempt>) {
    let (mut found, mut empty) = (Vec::new(), Vec::new());
    if let Some(path) = &options.path {
        if path.is_file() {
            match flavour_of(path.file_name()) {
                Some(flavour) => found.push(Candidate { file: path.clone(), flavour }),
                None => empty.push(attempt(path, "not named like a TensorRT library")),
            }
        } else {
            let before = found.len();
            for folder in [path.clone(), path.join("lib")] {
                found.extend(in_folder(&folder));
            }
            if found.len() == before {
                let reason = if path.is_dir() {
                    "no TensorRT library in this folder"
                } else {
                    "no such file or folder"
                };
                empty.push(attempt(path, reason));
            }
        }
    } else {
        found.extend(system_names());
        for folder in USUAL_FOLDERS {
            let here = in_folder(Path::new(folder));
            if here.is_empty() {
                empty.push(attempt(Path::new(folder), "no TensorRT library in this folder"));
            }
            found.extend(here);
        }
        // Stable: within a flavour the order above stays.
        found.sort_by_key(|candidate| FLAVOURS.iter().position(|(flavour, _)| *flavour == candidate.flavour));
    }
    found.retain(|candidate| options.flavour.is_none_or(|flavour| flavour == candidate.flavour));
    (found, empty)
}

fn attempt(place: &Path, reason: &str) -> Attempt {
    Attempt { place: place.display().to_string(), reason: reason.to_owned() }
}

fn system_names() -> impl Iterator<Item = Candidate> {
    FLAVOURS.into_iter().flat_map(|(flavour, stem)| {
        let majors = if flavour == Flavour::Rtx { &RTX_MAJORS[..] } else { &FULL_MAJORS[..] };
        majors.iter().map(move |major| Candidate { file: format!("{stem}.{major}").into(), flavour })
    })
}

/// The TensorRT libraries of a folder, each once, under its shortest name: full, RTX, lean; 10 before 8 before 11.
fn in_folder(folder: &Path) -> Vec<Candidate> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(usize, usize, usize, PathBuf, Candidate)> = entries
        .flatten()
        .filter_map(|entry| {
            let file = entry.path();
            let flavour = flavour_of(file.file_name())?;
            let name_length = file.as_os_str().len();
            let rank = FLAVOURS.iter().position(|(known, _)| *known == flavour)?;
            let major = major_of(file.file_name()?);
            let major_rank = FULL_MAJORS.iter().position(|known| Some(*known) == major).unwrap_or(usize::MAX);
            let whole = file.canonicalize().ok()?;
            Some((rank, major_rank, name_length, whole, Candidate { file, flavour }))
        })
        .collect();
    found.sort_by(|a, b| (a.0, a.1, a.2, &a.4.file).cmp(&(b.0, b.1, b.2, &b.4.file)));
    let mut seen = Vec::new();
    found.retain(|(.., whole, _)| {
        !seen.contains(whole) && {
            seen.push(whole.clone());
            true
        }
    });
    found.into_iter().map(|(.., candidate)| candidate).collect()
}

/// `libnvinfer.so.8.6.0` is full, `libnvinfer_lean.so.11` lean; `libnvinfer.sofa` and `libnvinfer_plugin.so` none.
fn flavour_of(name: Option<&OsStr>) -> Option<Flavour> {
    let name = name?.to_str()?;
    FLAVOURS.into_iter().find_map(|(flavour, stem)| {
        let rest = name.strip_prefix(stem)?;
        (rest.is_empty() || rest.starts_with('.')).then_some(flavour)
    })
}

fn major_of(name: &OsStr) -> Option<u32> {
    name.to_str()?.split_once(".so.")?.1.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_in_order_and_each_library_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["libnvinfer.so.8.6.0", "libnvinfer.so.10.3.0", "libnvinfer_lean.so.11", "libtensorrt_rtx.so.1"]
        {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        for name in ["libnvinfer_plugin.so.8", "libnvinfer.sofa", "notes.txt"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("libnvinfer.so.8.6.0", folder.path().join("libnvinfer.so.8")).unwrap();
        let options = SearchOptions { path: Some(folder.path().into()), ..Default::default() };
        let names = |options: &SearchOptions| -> Vec<String> {
            let (found, empty) = candidates(options);
            assert!(empty.is_empty());
            found.iter().map(|c| c.file.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(
            names(&options),
            ["libnvinfer.so.10.3.0", "libnvinfer.so.8", "libtensorrt_rtx.so.1", "libnvinfer_lean.so.11"]
        );
        let rtx = SearchOptions { flavour: Some(Flavour::Rtx), ..options };
        assert_eq!(names(&rtx), ["libtensorrt_rtx.so.1"]);
    }

    #[test]
    fn places_without_a_library_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let reasons = |path: PathBuf| {
            let (found, empty) = candidates(&SearchOptions { path: Some(path), ..Default::default() });
            assert!(found.is_empty());
            empty.into_iter().map(|attempt| attempt.reason).collect::<Vec<_>>()
        };
        assert_eq!(reasons(folder.path().into()), ["no TensorRT library in this folder"]);
        assert_eq!(reasons(folder.path().join("none")), ["no such file or folder"]);
        let other = folder.path().join("libc.so");
        std::fs::write(&other, "").unwrap();
        assert_eq!(reasons(other), ["not named like a TensorRT library"]);
    }

    #[test]
    fn the_loader_is_asked_for_the_full_library_first() {
        let (found, _) = candidates(&SearchOptions::default());
        assert_eq!(found[0].file, Path::new("libnvinfer.so.10"));
        assert!(found.iter().any(|candidate| candidate.file == Path::new("libtensorrt_rtx.so.1")));
    }
}
