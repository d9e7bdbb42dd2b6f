//! Takes the secrets of cameras' addresses out of a session that was recorded with them.
//!
//! Each byte of a secret is overwritten with `*` where it lies: no file changes its size or its structure, nothing is
//! copied, so that no copy of the secret is left, and to be cut off in the middle leaves a session that is whole and
//! can be redacted again. Which addresses there are is learnt first, from `session.toml`, the stream headers of the
//! data and every text file; then each of them is looked for in every file, also in those kept from a repair.

mod known;
mod needle;

use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use mien_address::SourceAddress;
use rustix::fs::OFlags;

use self::needle::Needle;
use crate::RecordError;
use crate::session_file::{DATA_FILE, SESSION_FILE};

/// Name of the file that every BIDS data set has.
const BIDS_FILE: &str = "dataset_description.json";
/// How deep folders within the session are looked through: exports have three levels.
const MAX_DEPTH: usize = 8;
/// Bytes looked at in one piece.
const WINDOW_BYTES: usize = 1 << 20;

/// What became of the secrets in a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redaction {
    /// The cameras' addresses that had secrets, without them.
    pub addresses: Vec<String>,
    /// Files that held them, and how often.
    pub files: Vec<(PathBuf, usize)>,
    /// Files that could not be cleaned, and why.
    pub problems: Vec<String>,
}

impl Redaction {
    /// Whether the session had no secrets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.problems.is_empty()
    }
}

/// Overwrites the secrets of cameras' addresses in every file of a session, or of its BIDS export; with `change` false, only looks for them.
/// Links are not followed.
///
/// # Errors
/// When the folder is neither, is being recorded, or cannot be listed.
pub fn redact_session(folder: &Path, change: bool) -> Result<Redaction, RecordError> {
    let session_file = folder.join(SESSION_FILE);
    // Nothing else is touched, should the folder be given by mistake.
    if !session_file.is_file() && !folder.join(BIDS_FILE).is_file() {
        return Err(RecordError::NoSession { path: folder.to_owned() });
    }
    let data = folder.join(DATA_FILE);
    if data.is_file() && mien_xdf::is_being_recorded(&data)? {
        return Err(RecordError::BeingRecorded { path: folder.to_owned() });
    }
    let mut result = Redaction::default();
    let mut files = Vec::new();
    list(folder, MAX_DEPTH, &mut files, &mut result.problems)?;
    // Last, so that what was begun can be taken up again: it names the addresses.
    files.sort_by_key(|path| *path == session_file);
    let secrets = SessionSecrets::new(&known::addresses(folder, &files));
    result.addresses.clone_from(&secrets.shown);
    for path in files {
        match secrets.overwrite(&path, change) {
            Ok(0) => {}
            Ok(count) => {
                if change && path.file_name().is_some_and(|name| name == DATA_FILE) {
                    // Its bytes changed on purpose.
                    mien_xdf::write_sums(&path)?;
                }
                result.files.push((path, count));
            }
            Err(error) => result.problems.push(format!("{}: {error}", path.display())),
        }
    }
    Ok(result)
}

/// The secrets that a session's files name.
pub(crate) struct SessionSecrets {
    needles: Vec<Needle>,
    /// The addresses without them.
    shown: Vec<String>,
}

impl SessionSecrets {
    /// What `session.toml` and the stream headers of a session name.
    pub(crate) fn of(folder: &Path) -> Self {
        Self::new(&known::addresses(folder, &[]))
    }

    fn new(addresses: &[SourceAddress]) -> Self {
        Self {
            needles: addresses.iter().flat_map(Needle::of).collect(),
            shown: addresses.iter().map(ToString::to_string).collect(),
        }
    }

    /// Whether a file holds one of them.
    pub(crate) fn are_in(&self, path: &Path) -> std::io::Result<bool> {
        Ok(!self.needles.is_empty() && self.overwrite(path, false)? > 0)
    }

    /// Overwrites them in a file, also under its other names (an export links the recording); how many there were.
    /// Without `change` they are only counted.
    pub(crate) fn overwrite(&self, path: &Path, change: bool) -> std::io::Result<usize> {
        if self.needles.is_empty() {
            return Ok(0);
        }
        let mut options = File::options();
        options.read(true).custom_flags(OFlags::NOFOLLOW.bits() as i32);
        let places = find(&options.open(path)?, &self.needles)?;
        if places.is_empty() || !change {
            return Ok(places.len());
        }
        let file = options.write(true).open(path)?;
        for (offset, needle) in &places {
            // The file may be another by now.
            let mut there = vec![0; needle.secret.len()];
            file.read_exact_at(&mut there, *offset)?;
            if there == needle.secret {
                file.write_all_at(&needle.masked, *offset)?;
            }
        }
        file.sync_all()?;
        Ok(places.len())
    }
}

/// All regular files below a folder.
fn list(
    folder: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
    problems: &mut Vec<String>,
) -> Result<(), RecordError> {
    let entries = std::fs::read_dir(folder).map_err(RecordError::io("list", folder))?;
    for entry in entries {
        let entry = entry.map_err(RecordError::io("list", folder))?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(RecordError::io("list", folder))?);
        if kind.is_file() {
            files.push(path);
        } else if kind.is_dir() && depth > 0 {
            list(&path, depth - 1, files, problems)?;
        } else if kind.is_dir() || kind.is_symlink() {
            problems.push(format!("{}: was not looked at (a link, or too deep)", path.display()));
        }
    }
    files.sort();
    Ok(())
}

/// Where the needles are.
fn find<'a>(file: &File, needles: &'a [Needle]) -> std::io::Result<Vec<(u64, &'a Needle)>> {
    let overlap = needles.iter().map(|needle| needle.secret.len()).max().unwrap_or(1);
    let mut window = vec![0; WINDOW_BYTES.max(2 * overlap)];
    let (mut places, mut offset, mut kept) = (Vec::new(), 0_u64, 0);
    loop {
        let count = file.read_at(&mut window[kept..], offset + kept as u64)?;
        let filled = kept + count;
        for needle in needles {
            for at in memchr::memmem::find_iter(&window[..filled], &needle.secret) {
                places.push((offset + at as u64, needle));
            }
        }
        if count == 0 {
            break;
        }
        // A needle may lie across the border; what lies before was found.
        let next = filled.saturating_sub(overlap);
        window.copy_within(next..filled, 0);
        (offset, kept) = (offset + next as u64, filled - next);
    }
    places.sort_by_key(|(offset, needle)| (*offset, std::cmp::Reverse(needle.secret.len())));
    places.dedup_by_key(|(offset, _)| *offset);
    Ok(places)
}
