//! From text to a configuration, and back.

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use mien_address::redact_text;
use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml_edit::{ArrayOfTables, DocumentMut, Item};

use crate::check::{self, Fault};
use crate::{Config, ConfigError, Problem, VERSION, migrate};

/// The commented file that `mien config init` writes.
pub const TEMPLATE: &str = include_str!("../../../config/mien.toml");

/// Largest file in bytes. One with all settings, comments and [`MOST_CAMERAS`](crate::MOST_CAMERAS) cameras is not
/// a third of this.
pub(crate) const MOST_BYTES: u64 = 512 << 10;

/// Parses and checks a configuration's text; `path` is for messages only.
///
/// # Errors
/// When the text is no TOML, has unknown keys, or values that are not possible.
pub fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
    let text = migrate(text);
    let invalid = |problems| ConfigError::Invalid { path: path.to_path_buf(), problems };
    check_version(&text).map_err(|problem| invalid(vec![problem]))?;
    let config: Config = toml::from_str(&text).map_err(|error| invalid(vec![problem(&text, &error)]))?;
    let faults = check::faults(&config);
    let table = if faults.is_empty() { None } else { DeTable::parse(&text).ok() };
    let table = table.as_ref().map(toml::Spanned::get_ref);
    let mut problems: Vec<Problem> = faults.into_iter().map(|fault| locate(&text, table, fault)).collect();
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() { Ok(config) } else { Err(invalid(problems)) }
}

/// Reads, parses and checks a file, and resolves its relative paths against its folder.
///
/// # Errors
/// As [`parse`], and when the file cannot be read.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = mien_folder::read_text(path, MOST_BYTES).map_err(|source| ConfigError::File {
        path: path.to_path_buf(),
        action: "read",
        source,
    })?;
    let mut config = parse(&text, path)?;
    resolve_paths(&mut config, path.parent().unwrap_or(Path::new("")));
    Ok(config)
}

/// The configuration as a file that gives it, defaults included; secrets of addresses are hidden (`…`).
///
/// # Panics
/// Never: every configuration can be written as TOML.
#[must_use]
pub fn print(config: &Config) -> String {
    toml::to_string(config).expect("a configuration has no value that TOML lacks")
}

/// The same with the secrets of addresses, for the user's own file.
pub(crate) fn with_secrets(config: &Config) -> DocumentMut {
    let mut document: DocumentMut = print(config).parse().expect("what was printed can be parsed");
    let tables = document.get_mut("cameras").and_then(Item::as_array_of_tables_mut);
    for (table, camera) in tables.into_iter().flat_map(ArrayOfTables::iter_mut).zip(&config.cameras) {
        table["source"] = toml_edit::value(camera.source.expose_secret());
    }
    document
}

/// Writes the commented template to a new file.
///
/// # Errors
/// When the file exists already or cannot be written.
pub fn init(path: &Path) -> Result<(), ConfigError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => ConfigError::Exists { path: path.to_path_buf() },
        _ => ConfigError::File { path: path.to_path_buf(), action: "write", source },
    };
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    file.write_all(TEMPLATE.as_bytes()).map_err(failed)
}

fn resolve_paths(config: &mut Config, folder: &Path) {
    if let Some(dir) = &mut config.models.dir {
        *dir = folder.join(&*dir);
    }
    config.recording.dir = folder.join(&config.recording.dir);
    for camera in &mut config.cameras {
        // Only what is there is a file: anything else is left for the source's own words.
        let file: PathBuf = folder.join(camera.source.expose_secret());
        if file.exists()
            && let Some(file) = file.to_str()
        {
            camera.source = file.into();
        }
        camera.source = camera.source.with_files(|secret| folder.join(secret));
    }
}

/// The version is looked at before anything else: in a newer file every other complaint misleads.
fn check_version(text: &str) -> Result<(), Problem> {
    #[derive(Deserialize)]
    struct Version {
        version: Option<toml::Spanned<i64>>,
    }
    let Version { version } = toml::from_str(text).map_err(|error| problem(text, &error))?;
    let fault = |line, message| Err(Problem { line, message });
    match version {
        Some(version) if *version.get_ref() == i64::from(VERSION) => Ok(()),
        Some(version) => fault(
            Some(line_of(text, version.span().start)),
            format!(
                "version: {} is not known to this program; allowed are 0 (migrated) and {VERSION}",
                version.get_ref()
            ),
        ),
        None => fault(Some(1), format!("version: is missing; write `version = {VERSION}` first")),
    }
}

fn problem(text: &str, error: &toml::de::Error) -> Problem {
    Problem {
        line: error.span().map(|span| line_of(text, span.start)),
        message: redact_text(&error.message().replace('\n', "; ")).into_owned(),
    }
}

fn locate(text: &str, table: Option<&DeTable<'_>>, fault: Fault) -> Problem {
    let line = table.and_then(|table| span_of(table, &fault.key)).map(|span| line_of(text, span.start));
    // A camera's address may stand where a name belongs.
    Problem { line, message: redact_text(&fault.message).into_owned() }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count()
}

/// Where the value lies that a path of keys leads to.
fn span_of(table: &DeTable<'_>, key: &[String]) -> Option<Range<usize>> {
    let (first, rest) = key.split_first()?;
    let mut value = table.get(first.as_str())?;
    for part in rest {
        value = match value.get_ref() {
            DeValue::Table(table) => table.get(part.as_str())?,
            DeValue::Array(array) => array.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(value.span())
}
