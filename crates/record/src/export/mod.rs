//! Sessions as tables and as Motion-BIDS.

mod bids;
mod columns;
mod frames;
mod layout;
mod openface;
mod parquet;
mod partial;
mod text;
mod unique;

use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use mien_folder::Folder;
use mien_xdf::{Reader, XdfError};

use self::partial::PartialFolder;
use crate::RecordError;
use crate::session_file::{DATA_FILE, SessionFile, SessionState, open_session};

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

/// Is told bytes read and bytes in all, between pieces of work; [`ControlFlow::Break`] ends the export.
pub type Progress<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// Exports the session in `session_folder` into a new folder `out`. The folder has that name only once it
/// is complete: until then it is called `….partial`, and after an error nothing of it is left.
///
/// A killed session has to be made whole first (`mien session check`).
///
/// # Errors
/// When the session cannot be read or is not at its end, `out` exists or cannot be written, or `progress`
/// has ended it.
pub fn export(
    session_folder: &Path,
    format: ExportFormat,
    out: &Path,
    progress: &mut Progress<'_>,
) -> Result<Exported, RecordError> {
    let folder = open_session(session_folder)?;
    let session = SessionFile::read_in(&folder)?;
    let source = Source { folder: &folder, session: &session, data: session_folder.join(DATA_FILE) };
    source.refuse_unfinished()?;
    let partial = PartialFolder::create(out)?;
    let files = match format {
        ExportFormat::Csv => columns::export(&source, partial.path(), progress, columns::csv)?,
        ExportFormat::Parquet => columns::export(&source, partial.path(), progress, parquet::table)?,
        ExportFormat::Bids => bids::export(&source, partial.path(), progress)?,
        ExportFormat::OpenFace => openface::export(&source, partial.path(), progress)?,
    };
    let (_, size) = source.open()?;
    step(progress, (size, size))?;
    let files = partial.finish(&files)?;
    Ok(Exported { folder: out.to_owned(), files })
}

/// Tells how far it is; an error when it is to end.
fn step(progress: &mut Progress<'_>, (done, size): (u64, u64)) -> Result<(), RecordError> {
    match progress(done, size) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(RecordError::Interrupted),
    }
}

/// The session that is exported.
struct Source<'a> {
    folder: &'a Folder,
    session: &'a SessionFile,
    data: PathBuf,
}

impl Source<'_> {
    /// A session that is being recorded, or was killed, has no end that could be exported.
    fn refuse_unfinished(&self) -> Result<(), RecordError> {
        if self.session.state != SessionState::Recording {
            return Ok(());
        }
        let path = self.folder.path().to_owned();
        Err(match mien_xdf::is_being_recorded_in(self.folder, DATA_FILE.as_ref())? {
            true => RecordError::BeingRecorded { path },
            false => RecordError::CutOff { path },
        })
    }

    /// A reader of the data from its start, and the data's size.
    fn open(&self) -> Result<(Reader<BufReader<File>>, u64), RecordError> {
        let file = self.folder.open_file(DATA_FILE).map_err(RecordError::io("open", &self.data))?;
        let size = file.metadata().map_err(RecordError::io("read", &self.data))?.len();
        let reader = Reader::new(BufReader::with_capacity(1 << 20, file)).map_err(|error| match error {
            XdfError::NotXdf { .. } => XdfError::NotXdf { path: self.data.display().to_string() },
            other => other,
        })?;
        Ok((reader, size))
    }
}
