//! Taking foreign model files into the user's folder.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use mien_engine::{read_model_file, sha256_hex};
use mien_onnx::Model;

use crate::manifest::{MANIFEST_FILE, Manifest, ManifestEntry, tensor_specs};
use crate::{Folder, ModelError, Role, convert_tflite, dry_run, read_bundle};

/// What an import did.
#[derive(Clone, Debug, Default)]
pub struct ImportReport {
    /// The models that are now in the user's folder.
    pub imported: Vec<Imported>,
    /// What the file holds besides, and why it is not used.
    pub unused: Vec<Unused>,
}

/// A model that was taken in.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its entry in the folder's manifest.
    pub entry: ManifestEntry,
    /// Where it lies now.
    pub path: PathBuf,
    /// The file that had its role before; it stays in the folder.
    pub replaced: Option<String>,
}

/// A part of a file that Mien does not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// The part's name.
    pub part: String,
    /// Why.
    pub reason: String,
}

/// A network that may be taken in.
struct Candidate {
    /// The name without ending that the file shall have.
    stem: String,
    role: Role,
    onnx: Vec<u8>,
}

/// Takes an ONNX file, a TFLite file or a MediaPipe bundle (`face_landmarker.task`) into the user's
/// folder, which is made when it is absent.
///
/// Each network is checked by its tensors and a dry run before anything is written. TFLite networks are
/// converted to ONNX. With `role`, only a network of that role is taken; without, its tensors tell. A
/// model that had the role before stays on disk but leaves the manifest.
///
/// # Errors
/// [`ModelError`]: the file is damaged or holds nothing of use (the message says why), or the folder
/// cannot be written.
pub fn import(file: &Path, role: Option<Role>, user_folder: &Path) -> Result<ImportReport, ModelError> {
    let bytes = read_model_file(file)?;
    let mut report = ImportReport::default();
    // MediaPipe puts up to three bytes before an archive, to align what is inside.
    let is_bundle = (0..4).any(|skip| bytes[skip.min(bytes.len())..].starts_with(b"PK\x03\x04"));
    let candidates = if is_bundle {
        bundle_candidates(file, &bytes, role, &mut report)?
    } else if bytes.get(4..8) == Some(b"TFL3") {
        vec![tflite_candidate(file, &bytes, role)?]
    } else {
        vec![onnx_candidate(file, bytes.clone(), role)?]
    };
    for candidate in &candidates {
        dry_run(candidate.role, &candidate.stem, &candidate.onnx).map_err(|reason| {
            ModelError::WrongTensors { path: file.to_owned(), role: candidate.role, reason }
        })?;
    }
    if candidates.is_empty() {
        let reasons: Vec<String> =
            report.unused.iter().map(|unused| format!("{}: {}", unused.part, unused.reason)).collect();
        return Err(ModelError::UnknownRole { path: file.to_owned(), reason: reasons.join("; ") });
    }
    let source = format!("imported from {} (SHA-256 {})", file_name(file), sha256_hex(&bytes));
    report.imported = install(user_folder, candidates, &source)?;
    Ok(report)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    stem.chars().take(64).map(plain).collect()
}

fn invalid(path: &Path, reason: impl ToString) -> ModelError {
    ModelError::Invalid { path: path.to_owned(), reason: reason.to_string() }
}

fn onnx_candidate(path: &Path, onnx: Vec<u8>, role: Option<Role>) -> Result<Candidate, ModelError> {
    let model = Model::read(&onnx).map_err(|error| invalid(path, error))?;
    let role = match role {
        Some(role) => {
            role.contract().check(&model).map_err(|reason| ModelError::WrongTensors {
                path: path.to_owned(),
                role,
                reason,
            })?;
            role
        }
        None => Role::recognise(&model)
            .ok_or_else(|| ModelError::UnknownRole { path: path.to_owned(), reason: misfits(&model) })?,
    };
    Ok(Candidate { stem: stem(path), role, onnx })
}

/// Why a network fits no role, role by role.
fn misfits(model: &Model) -> String {
    let reasons = Role::ALL.iter().copied().filter_map(|role| {
        let reason = role.contract().check(model).err()?;
        Some(format!("as {role}, {reason}"))
    });
    reasons.collect::<Vec<_>>().join("; ")
}

fn tflite_candidate(path: &Path, bytes: &[u8], role: Option<Role>) -> Result<Candidate, ModelError> {
    let model = convert_tflite(bytes).map_err(|error| invalid(path, error))?;
    onnx_candidate(path, model.write(), role)
}

fn bundle_candidates(
    path: &Path,
    bytes: &[u8],
    wanted: Option<Role>,
    report: &mut ImportReport,
) -> Result<Vec<Candidate>, ModelError> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for part in read_bundle(bytes).map_err(|reason| invalid(path, reason))? {
        let mut unused = |reason: String| {
            report.unused.push(Unused { part: part.name.clone(), reason });
        };
        if !part.name.ends_with(".tflite") {
            unused("no network; Mien has its own geometry".to_owned());
            continue;
        }
        match convert_tflite(&part.bytes) {
            Err(error) => unused(error.to_string()),
            Ok(model) => match Role::recognise(&model) {
                None => unused(foreign_network(&model)),
                Some(role) if wanted.is_some_and(|wanted| wanted != role) => {
                    unused(format!("its role is {role}, which was not asked for"));
                }
                Some(role) if candidates.iter().any(|other| other.role == role) => {
                    unused(format!("the bundle has another network for {role}"));
                }
                Some(role) => candidates.push(Candidate {
                    stem: stem(Path::new(&part.name)),
                    role,
                    onnx: model.write(),
                }),
            },
        }
    }
    Ok(candidates)
}

fn foreign_network(model: &Model) -> String {
    let outputs: Vec<&str> = model.graph.outputs.iter().map(|end| &*end.name).collect();
    if outputs == ["regressors", "scores"] {
        "BlazeFace, a detector for near faces; Mien uses RetinaFace, which also finds small ones".to_owned()
    } else {
        misfits(model)
    }
}

/// Writes the files, then the manifest, each whole or not at all.
fn install(path: &Path, candidates: Vec<Candidate>, source: &str) -> Result<Vec<Imported>, ModelError> {
    fs::create_dir_all(path).map_err(|source| ModelError::Write { path: path.to_owned(), source })?;
    let folder = Folder::open(path)?;
    let mut manifest = Manifest::empty();
    // Files that lie there without a manifest stay in use.
    manifest.models = folder.list()?.models;
    let mut imported = Vec::new();
    for candidate in candidates {
        let entry = entry(&candidate, source)?;
        let target = path.join(&entry.file);
        write_whole(&target, &candidate.onnx)?;
        let before = manifest.models.iter().position(|m| m.role == entry.role);
        let before = before.map(|index| manifest.models.remove(index).file);
        manifest.models.push(entry.clone());
        imported.push(Imported { replaced: before.filter(|file| *file != entry.file), path: target, entry });
    }
    manifest.models.sort_by_key(|entry| entry.role);
    let target = path.join(MANIFEST_FILE);
    write_whole(&target, manifest.to_toml(&target)?.as_bytes())?;
    Ok(imported)
}

fn entry(candidate: &Candidate, source: &str) -> Result<ManifestEntry, ModelError> {
    let sha256 = sha256_hex(&candidate.onnx);
    let file = format!("{}-{}.onnx", candidate.stem, &sha256[..8]);
    let model = Model::read(&candidate.onnx).map_err(|error| invalid(Path::new(&file), error))?;
    Ok(ManifestEntry {
        role: candidate.role,
        precision: "FP32".to_owned(),
        licence: String::new(),
        source: source.to_owned(),
        trained_on: String::new(),
        inputs: tensor_specs(&model.graph.inputs),
        outputs: tensor_specs(&model.graph.outputs),
        file,
        sha256,
    })
}

/// Writes a file under another name, then gives it its own: a crash leaves the old one or the new one.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let write = |source| ModelError::Write { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(write)?;
    file.write_all(bytes).map_err(write)?;
    file.as_file().sync_all().map_err(write)?;
    file.persist(path).map_err(|error| write(error.error))?;
    Ok(())
}
