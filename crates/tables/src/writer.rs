//! Writes the table of one input.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use mien_face::{FacePart, FaceParts, FrameFaces};
use mien_outputs::Camera;

use crate::row_file::{RowFile, create};
use crate::{TableError, csv, jsonl};

/// How rows are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TableFormat {
    /// One JSON object per frame, with `faces: []` where there is none.
    #[default]
    Jsonl,
    /// One line per face with OpenFace's columns; one with `success` 0 where there is none.
    Csv,
}

impl TableFormat {
    /// The ending of such files, and the word for it on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }

    /// What each field or column means, with its unit.
    pub(crate) fn columns(self, parts: FaceParts) -> Vec<(&'static str, &'static str)> {
        let (before, after) = match self {
            Self::Jsonl => (JSONL_FIELDS, &[][..]),
            Self::Csv => (CSV_COLUMNS, CSV_END_COLUMNS),
        };
        let mut columns = before.to_vec();
        match self {
            Self::Jsonl => columns.extend(jsonl::meanings(parts)),
            Self::Csv => columns.extend(csv::meanings(parts)),
        }
        columns.extend(after);
        if !parts.contains(FacePart::Irises) {
            columns.push(("absent.irises", "landmarks 468-477 are empty (CSV) or null (JSON lines)"));
        }
        columns
    }
}

impl fmt::Display for TableFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TableFormat {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Jsonl, Self::Csv]
            .into_iter()
            .find(|format| format.name() == word)
            .ok_or_else(|| format!("there is no format called `{word}`: take jsonl or csv"))
    }
}

const JSONL_FIELDS: &[(&str, &str)] = &[
    ("frame", "number of the frame at its source, from 0"),
    ("time", "seconds on the clock that `input.clock` names"),
    (
        "size",
        "[width, height] of the frame in square pixels, where it is not [`input.width`, `input.height`]",
    ),
    (
        "damaged",
        "true where the frame is damaged, or made from a damaged one: do not trust what was measured",
    ),
    ("faces[].id", "track, from 1; stays with the person and is never used again"),
    ("faces[].score", "detector confidence 0-1 when it last saw the face"),
    ("faces[].box", "[x1, y1, x2, y2] in pixels of the source frame; the top left corner is (0, 0)"),
];

const CSV_COLUMNS: &[(&str, &str)] = &[
    ("frame", "number of the frame at its source, from 0"),
    ("face_id", "track, from 1; 0 in the row of a frame without a face"),
    ("timestamp", "seconds on the clock that `input.clock` names"),
    ("confidence", "detector confidence 0-1 when it last saw the face"),
    ("success", "1 with a face, 0 without; the fields after it are then empty"),
];

const CSV_END_COLUMNS: &[(&str, &str)] = &[
    ("damaged", "1 where the frame is damaged, or made from a damaged one: do not trust what was measured"),
    ("frame_width, frame_height", "size of the frame in square pixels; empty where it was not recorded"),
];

/// The table of one input. Dropping it writes what is pending; [`TableWriter::finish`] also tells
/// whether that worked.
pub struct TableWriter {
    rows: RowFile,
    path: PathBuf,
    rows_of: Rows,
    camera: Camera,
    usual_size: Option<[u32; 2]>,
}

/// What makes rows of frames.
enum Rows {
    Jsonl(jsonl::Fields),
    Csv(csv::Columns),
}

impl TableWriter {
    /// Starts a file for faces of which everything is measured.
    ///
    /// # Errors
    /// As [`TableWriter::create_for`].
    pub fn create(path: &Path, format: TableFormat, overwrite: bool) -> Result<Self, TableError> {
        Self::create_for(FaceParts::ALL, path, format, overwrite)
    }

    /// Starts a file for faces of which these parts are measured: outputs that need
    /// others have no columns, and irises that are absent are empty.
    ///
    /// # Errors
    /// [`TableError::Exists`] when there is one and `overwrite` is off; [`TableError::Create`].
    pub fn create_for(
        parts: FaceParts,
        path: &Path,
        format: TableFormat,
        overwrite: bool,
    ) -> Result<Self, TableError> {
        let mut rows = RowFile::new(create(path, overwrite)?, path);
        if format == TableFormat::Csv {
            csv::write_header(rows.row(), parts);
            rows.end_row()?;
        }
        let rows_of = match format {
            TableFormat::Jsonl => Rows::Jsonl(jsonl::Fields::start(parts)),
            TableFormat::Csv => Rows::Csv(csv::Columns::start(parts)),
        };
        Ok(Self { rows, path: path.to_owned(), rows_of, camera: Camera::default(), usual_size: None })
    }

    /// Says which width and height the frames have, as the file beside the table does: only rows of frames of
    /// another size say theirs. Without it no row of JSON lines does.
    #[must_use]
    pub fn with_usual_size(self, width: u32, height: u32) -> Self {
        Self { usual_size: Some([width, height]), ..self }
    }

    /// Says what is known of the camera. Without it, what depends on it is missing in the rows.
    #[must_use]
    pub fn with_camera(self, camera: Camera) -> Self {
        Self { camera, ..self }
    }

    /// Where the rows go.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a frame: the smoothed state of each face (equal to the measured one when smoothing is off).
    ///
    /// # Errors
    /// When the file cannot be continued. It is then cut after its last whole row and takes no more.
    pub fn write(&mut self, frame: &FrameFaces) -> Result<(), TableError> {
        let row = self.rows.row();
        match &mut self.rows_of {
            Rows::Jsonl(fields) => fields.write_row(row, frame, self.camera, self.usual_size),
            Rows::Csv(columns) => columns.write_row(row, frame, self.camera),
        }
        self.rows.end_row()
    }

    /// Writes what is pending.
    ///
    /// # Errors
    /// As [`TableWriter::write`].
    pub fn finish(mut self) -> Result<(), TableError> {
        self.rows.flush()
    }
}
