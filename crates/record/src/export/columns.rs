//! One table for each stream.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use mien_xdf::{Event, Samples, StreamInfo, Values};

use super::text::field;
use super::unique::UniqueNames;
use super::{Progress, Source, step};
use crate::RecordError;

/// A table that takes the samples of one stream.
pub(super) trait Table {
    /// Adds samples.
    fn add(&mut self, samples: &Samples) -> Result<(), RecordError>;
    /// Completes the file.
    fn finish(self: Box<Self>) -> Result<(), RecordError>;
}

/// Makes the table of a stream; the path has no extension yet. Gives the file's whole path.
pub(super) type MakeTable = fn(&Path, &StreamInfo) -> Result<(Box<dyn Table>, PathBuf), RecordError>;

/// Writes a table for every stream, in one pass over the data.
pub(super) fn export(
    source: &Source<'_>,
    out: &Path,
    progress: &mut Progress<'_>,
    make: MakeTable,
) -> Result<Vec<PathBuf>, RecordError> {
    let (mut reader, size) = source.open()?;
    let mut tables: BTreeMap<u32, Box<dyn Table>> = BTreeMap::new();
    let mut files = Vec::new();
    let mut names = UniqueNames::default();
    while let Some(event) = reader.next_event()? {
        match event {
            Event::StreamHeader { stream, info, .. } => {
                let (table, path) = make(&out.join(names.take(&file_name(&info.name), '_')), &info)?;
                tables.insert(stream, table);
                files.push(path);
            }
            Event::Samples { stream, samples } => {
                if let Some(table) = tables.get_mut(&stream) {
                    table.add(&samples)?;
                }
            }
            _ => {}
        }
        step(progress, (reader.position(), size))?;
    }
    for table in tables.into_values() {
        table.finish()?;
        step(progress, (size, size))?;
    }
    Ok(files)
}

/// Longest file name, without its ending and number. File systems take 255 bytes.
const NAME_BYTES: usize = 230;

/// A stream's name as a file name: whoever recorded it may have called it anything.
fn file_name(stream: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    stream.chars().map(safe).take(NAME_BYTES).collect()
}

/// Labels of the channels, made up where the header has none.
pub(super) fn labels(info: &StreamInfo) -> Vec<String> {
    (0..info.channel_count)
        .map(|k| match info.channels.get(k).map(|channel| channel.label.as_str()) {
            Some("") | None => format!("channel_{k}"),
            Some(label) => label.to_owned(),
        })
        .collect()
}

struct Csv {
    out: BufWriter<File>,
    path: PathBuf,
    channels: usize,
}

/// A CSV file: `timestamp` in seconds on the LSL clock, then a column for each channel; missing values
/// are empty.
pub(super) fn csv(stem: &Path, info: &StreamInfo) -> Result<(Box<dyn Table>, PathBuf), RecordError> {
    let path = stem.with_extension("csv");
    let file = File::create_new(&path).map_err(RecordError::io("create", &path))?;
    let mut table = Csv { out: BufWriter::new(file), path: path.clone(), channels: info.channel_count };
    let mut header = "timestamp".to_owned();
    for label in labels(info) {
        header.push(',');
        header.push_str(&field(&label));
    }
    table.line(&header)?;
    Ok((Box::new(table), path))
}

impl Csv {
    fn line(&mut self, line: &str) -> Result<(), RecordError> {
        self.out
            .write_all(line.as_bytes())
            .and_then(|()| self.out.write_all(b"\n"))
            .map_err(RecordError::io("write", &self.path))
    }
}

impl Table for Csv {
    fn add(&mut self, samples: &Samples) -> Result<(), RecordError> {
        for (row, timestamp) in samples.timestamps.iter().enumerate() {
            let mut line = timestamp.to_string();
            let range = row * self.channels..(row + 1) * self.channels;
            match &samples.values {
                Values::Float32(values) => {
                    values[range].iter().for_each(|value| number(&mut line, *value, value.is_finite()));
                }
                Values::Double64(values) => {
                    values[range].iter().for_each(|value| number(&mut line, *value, value.is_finite()));
                }
                Values::Integer(values) => {
                    values[range].iter().for_each(|value| number(&mut line, *value, true));
                }
                Values::String(values) => values[range].iter().for_each(|value| {
                    line.push(',');
                    line.push_str(&field(value));
                }),
            }
            self.line(&line)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), RecordError> {
        self.out.flush().map_err(RecordError::io("write", &self.path))
    }
}

/// A comma, and the shortest digits that read back as the same number; nothing where there is none.
fn number(line: &mut String, value: impl std::fmt::Display, is_finite: bool) {
    use std::fmt::Write as _;
    line.push(',');
    if is_finite {
        let _ = write!(line, "{value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_have_files_of_their_own() {
        let mut names = UniqueNames::default();
        let long = "x".repeat(300);
        let taken: Vec<_> = ["a b", "a_b", "A_b", "a_b_2", "../../x", "", "", &long, &long]
            .map(|name| names.take(&file_name(name), '_'))
            .into();
        let expected = ["a_b", "a_b_2", "A_b_3", "a_b_2_2", "______x", "", "_2"];
        assert_eq!(taken[..7], expected);
        assert!(taken[7] != taken[8] && taken[8].len() < 250);
    }
}
