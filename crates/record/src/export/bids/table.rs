//! One `_motion.tsv`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::parts::Part;
use super::{DataSet, MISSING, sidecars};
use crate::RecordError;
use crate::export::Source;
use crate::export::frames::FrameRecord;

/// A table that is being written: a row a frame, no header.
pub(super) struct MotionTable {
    part: Part,
    path: PathBuf,
    out: BufWriter<File>,
    line: String,
}

impl MotionTable {
    /// Begins `STEM_motion.tsv`.
    pub fn create(set: &mut DataSet, folder: &Path, stem: &str, part: Part) -> Result<Self, RecordError> {
        let path = folder.join(format!("{stem}_motion.tsv"));
        let file = File::create_new(&path).map_err(RecordError::io("create", &path))?;
        set.files.push(path.clone());
        Ok(Self { part, path, out: BufWriter::with_capacity(1 << 17, file), line: String::new() })
    }

    /// Adds a frame that was captured `seconds` after the first.
    pub fn write(&mut self, record: &FrameRecord, seconds: f64) -> Result<(), RecordError> {
        self.line.clear();
        let frame_index = record.frame.first().copied().unwrap_or(f64::NAN);
        let _ = write!(self.line, "{seconds:.9}\t{frame_index}");
        let rows = record.slots.get(self.part.slot);
        for &(kind, channel) in &self.part.values {
            self.line.push('\t');
            let value = rows.and_then(|rows| rows.get(&kind)?.get(channel));
            match value.filter(|value| value.is_finite()) {
                Some(value) => {
                    let _ = write!(self.line, "{value}");
                }
                None => self.line.push_str(MISSING),
            }
        }
        self.line.push('\n');
        self.out.write_all(self.line.as_bytes()).map_err(RecordError::io("write", &self.path))
    }

    /// Completes the table and writes what describes it.
    pub fn finish(
        mut self,
        source: &Source<'_>,
        set: &mut DataSet,
        camera: &str,
        rows: u64,
        seconds: f64,
    ) -> Result<PathBuf, RecordError> {
        self.out.flush().map_err(RecordError::io("write", &self.path))?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.trim_end_matches("motion.tsv");
        let beside = |suffix: &str| self.path.with_file_name(format!("{stem}{suffix}"));
        let columns = &self.part.columns;
        set.write(&beside("channels.tsv"), &sidecars::channels(columns))?;
        set.write_json(&beside("channels.json"), &sidecars::reference_frames())?;
        set.write_json(&beside("motion.json"), &sidecars::motion(source, camera, columns, rows, seconds))?;
        Ok(self.path)
    }
}
