//! Sessions as tables and as Motion-BIDS.

mod bids;
mod columns;
mod frames;
mod layout;
mod openface;
mod parquet;

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use mien_xdf::Reader;

use crate::RecordError;
use crate::session_file::{DATA_FILE, SessionFile};

/// What a session is turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// One CSV file for each stream: a column of timestamps, then one for each channel.
    Csv,
    /// The same as Parquet.
    Parquet,
    /// A Motion-BIDS data set.
    Bids,
    /// One CSV file for each camera, with OpenFace's columns.
    OpenFace,
}

impl ExportFormat {
    /// Its name on the command line, and that of its folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Bids => "bids",
            Self::OpenFace => "openface",
        }
    }
}

/// What an export made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The folder.
    pub folder: PathBuf,
    /// Files in it, in the order made.
    pub files: Vec<PathBuf>,
}

/// Exports the session in `session_folder` into a new folder `out`. `progress` is told bytes read and
/// bytes in all.
///
/// A killed session has to be made whole first (`mien session check`).
///
/// # Errors
/// When the session cannot be read, or `out` exists or cannot be written; what was written before an
/// error is left for inspection.
pub fn export(
    session_folder: &Path,
    format: ExportFormat,
    out: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, RecordError> {
    let session = SessionFile::read(session_folder)?;
    let source = Source { session_folder, session: &session, data: session_folder.join(DATA_FILE) };
    if let Some(parent) = out.parent() {
        fs::create_dir_all(parent).map_err(RecordError::io("create", parent))?;
    }
    fs::create_dir(out).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => RecordError::ExportExists { path: out.to_owned() },
        _ => RecordError::io("create", out)(error),
    })?;
    let files = match format {
        ExportFormat::Csv => columns::export(&source, out, progress, columns::csv)?,
        ExportFormat::Parquet => columns::export(&source, out, progress, parquet::table)?,
        ExportFormat::Bids => bids::export(&source, out, progress)?,
        ExportFormat::OpenFace => openface::export(&source, out, progress)?,
    };
    let (_, size) = source.open()?;
    progress(size, size);
    Ok(Exported { folder: out.to_owned(), files })
}

/// The session that is exported.
struct Source<'a> {
    session_folder: &'a Path,
    session: &'a SessionFile,
    data: PathBuf,
}

impl Source<'_> {
    /// A reader of the data from its start, and the data's size.
    fn open(&self) -> Result<(Reader<BufReader<File>>, u64), RecordError> {
        let file = File::open(&self.data).map_err(RecordError::io("open", &self.data))?;
        let size = file.metadata().map_err(RecordError::io("read", &self.data))?.len();
        Ok((Reader::new(BufReader::with_capacity(1 << 20, file))?, size))
    }
}
