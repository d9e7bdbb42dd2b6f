//! What a table was made of and with: the file beside it.

use std::io::Write;
use std::path::{Path, PathBuf};

use mien_face::BLENDSHAPE_NAMES;
use serde::{Serialize, Serializer};

use crate::row_file::create;
use crate::{TableError, TableFormat};

/// Everything that is known before the first frame.
#[derive(Debug, Clone, Serialize)]
pub struct Provenance {
    /// Program, version and build.
    pub program: String,
    /// When the run began, UTC, RFC 3339.
    pub started: String,
    /// What was tracked.
    pub input: InputRecord,
    /// What computed.
    pub engine: EngineRecord,
    /// Which networks.
    pub models: Vec<ModelRecord>,
    /// Every setting of the pipeline, by name.
    pub settings: serde_json::Value,
}

/// What was tracked.
#[derive(Debug, Clone, Serialize)]
pub struct InputRecord {
    /// The input as it was given.
    pub source: String,
    /// `video`, `images` or `synthetic`.
    pub kind: String,
    /// Width of the (first) frame in square pixels.
    pub width: u32,
    /// Height of the (first) frame in pixels.
    pub height: u32,
    /// Width to height of the input's own pixels, where it says so; frames are scaled so that theirs are
    /// square.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_aspect: Option<(u32, u32)>,
    /// Nominal frames per second, when known.
    pub rate_hz: Option<f64>,
    /// What times count from.
    pub clock: InputClock,
    /// Names of the frames' files, by frame number, where each frame is a file; a file of several pages stands
    /// there once for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// What the times of a table count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputClock {
    /// The start of the input.
    StartOfInput,
    /// The clock of the Lab Streaming Layer on the machine that recorded the session.
    LslLocalClock,
}

/// What computed.
#[derive(Debug, Clone, Serialize)]
pub struct EngineRecord {
    /// What was asked for: `auto`, `cpu`, …
    pub asked: String,
    /// The engine in use.
    pub used: String,
    /// Why that one.
    pub reason: String,
}

/// A network that took part.
#[derive(Debug, Clone, Serialize)]
pub struct ModelRecord {
    /// `detector`, `landmarks` or `blendshapes`.
    pub role: String,
    /// The file's name.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Whose model it is: `built in`, `your models`, `--models`, …
    pub origin: String,
    /// Shape of one item of its (first) input, for a picture channels × height × width.
    pub input_shape: Vec<usize>,
    /// The engine and precision that ran it.
    pub engine: String,
}

/// How long a stage took in the frames in which it ran.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StageRecord {
    /// The stage.
    pub stage: &'static str,
    /// Frames in which it ran.
    pub frames: u64,
    /// Mean in milliseconds.
    pub mean_ms: f64,
    /// Median in milliseconds.
    pub p50_ms: f64,
    /// 95th percentile in milliseconds.
    pub p95_ms: f64,
    /// 99th percentile in milliseconds.
    pub p99_ms: f64,
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// Whether the input was tracked to its end.
    pub complete: bool,
    /// Frames tracked.
    pub frames: u64,
    /// Frames with at least one face.
    pub frames_with_a_face: u64,
    /// Frames that are damaged; they are marked in the table, or left out of it.
    pub damaged_frames: u64,
    /// What went wrong, if anything did.
    pub problem: Option<String>,
    /// What a person should know of the input, such as times that were mended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// From the first frame's start to the last file's end.
    pub elapsed_seconds: f64,
    /// How long the stages took.
    pub stages: Vec<StageRecord>,
}

#[derive(Serialize)]
struct Content<'a> {
    format: &'static str,
    table: String,
    #[serde(flatten)]
    outcome: &'a Outcome,
    #[serde(flatten)]
    provenance: &'a Provenance,
    #[serde(serialize_with = "as_map")]
    columns: Vec<(&'static str, &'static str)>,
    blendshape_names: &'a [&'static str],
}

fn as_map<S: Serializer>(pairs: &[(&str, &str)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().copied())
}

/// `NAME.meta.json` beside `NAME.jsonl` or `NAME.csv`. It says `"complete": false` until
/// [`MetaFile::finish`], so a run that was killed can be told from one that ended.
pub struct MetaFile {
    path: PathBuf,
    table: PathBuf,
    format: TableFormat,
    provenance: Provenance,
}

impl MetaFile {
    /// Writes the file for the table at `table`.
    ///
    /// # Errors
    /// [`TableError::Exists`] when there is one and `overwrite` is off; [`TableError::Create`];
    /// [`TableError::Write`].
    pub fn create(
        table: &Path,
        format: TableFormat,
        provenance: Provenance,
        overwrite: bool,
    ) -> Result<Self, TableError> {
        let path = table.with_extension("meta.json");
        drop(create(&path, overwrite)?);
        let meta = Self { path, table: table.to_owned(), format, provenance };
        // Nothing is left of a file that could not be written.
        meta.write(&Outcome::default()).inspect_err(|_| drop(std::fs::remove_file(&meta.path)))?;
        Ok(meta)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the outcome in.
    ///
    /// # Errors
    /// [`TableError::Write`]; the file then still says what it said before.
    pub fn finish(self, outcome: &Outcome) -> Result<(), TableError> {
        self.write(outcome)
    }

    /// Replaces the file as a whole, so that it is never half written.
    fn write(&self, outcome: &Outcome) -> Result<(), TableError> {
        let content = Content {
            format: self.format.name(),
            table: self.table.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            outcome,
            provenance: &self.provenance,
            columns: self.format.columns(),
            blendshape_names: &BLENDSHAPE_NAMES,
        };
        let mut json = serde_json::to_vec_pretty(&content).expect("plain data is always JSON");
        json.push(b'\n');
        let draft = self.path.with_extension("json.part");
        let result = std::fs::File::create(&draft)
            .and_then(|mut file| file.write_all(&json))
            .and_then(|()| std::fs::rename(&draft, &self.path));
        result.map_err(|source| {
            let _ = std::fs::remove_file(&draft);
            TableError::Write { path: self.path.clone(), source, kept_bytes: 0 }
        })
    }
}
