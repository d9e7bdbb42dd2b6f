//! Parquet files.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mien_xdf::{ChannelFormat, Samples, StreamInfo, Values};
use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::columns::{Table, labels};
use crate::RecordError;

/// Values that are collected before they are written out as one row group.
const GROUP_VALUES: usize = 1 << 21;

struct ParquetTable {
    writer: SerializedFileWriter<File>,
    path: PathBuf,
    channels: usize,
    timestamps: Vec<f64>,
    columns: Columns,
}

/// The channels' values so far.
enum Columns {
    Float32(Vec<Vec<f32>>),
    Double64(Vec<Vec<f64>>),
    Integer(Vec<Vec<i64>>),
    String(Vec<Vec<ByteArray>>),
}

/// A Parquet file: `timestamp` in seconds on the LSL clock, then a column for each channel in the
/// stream's own format; missing values are NaN.
pub(super) fn table(stem: &Path, info: &StreamInfo) -> Result<(Box<dyn Table>, PathBuf), RecordError> {
    let path = stem.with_extension("parquet");
    let file = File::create_new(&path).map_err(RecordError::io("create", &path))?;
    let build = || -> Result<_, ParquetError> {
        let mut fields = vec![Arc::new(column("timestamp", PhysicalType::DOUBLE)?)];
        let physical = match info.format {
            ChannelFormat::Float32 => PhysicalType::FLOAT,
            ChannelFormat::Double64 => PhysicalType::DOUBLE,
            ChannelFormat::String => PhysicalType::BYTE_ARRAY,
            _ => PhysicalType::INT64,
        };
        for label in labels(info) {
            fields.push(Arc::new(column(&label, physical)?));
        }
        let schema = Type::group_type_builder("stream").with_fields(fields).build()?;
        // Measurements hardly ever repeat: a dictionary would only be in the way.
        let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
        SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
    };
    let writer = build().map_err(failed(&path))?;
    let channels = info.channel_count;
    let columns = match info.format {
        ChannelFormat::Float32 => Columns::Float32(vec![Vec::new(); channels]),
        ChannelFormat::Double64 => Columns::Double64(vec![Vec::new(); channels]),
        ChannelFormat::String => Columns::String(vec![Vec::new(); channels]),
        _ => Columns::Integer(vec![Vec::new(); channels]),
    };
    let table = ParquetTable { writer, path: path.clone(), channels, timestamps: Vec::new(), columns };
    Ok((Box::new(table), path))
}

fn column(name: &str, physical: PhysicalType) -> Result<Type, ParquetError> {
    let builder = Type::primitive_type_builder(name, physical).with_repetition(Repetition::REQUIRED);
    match physical {
        PhysicalType::BYTE_ARRAY => builder.with_logical_type(Some(LogicalType::String)).build(),
        _ => builder.build(),
    }
}

fn failed(path: &Path) -> impl FnOnce(ParquetError) -> RecordError {
    move |error| {
        let error = match error {
            // What the system said, by which the remedy is found.
            ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
                Ok(error) => *error,
                Err(other) => std::io::Error::other(other),
            },
            other => std::io::Error::other(other),
        };
        RecordError::io("write", path)(error)
    }
}

impl ParquetTable {
    /// Writes what is collected as a row group.
    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.timestamps.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        let mut index = 0;
        while let Some(mut column) = group.next_column()? {
            match index {
                0 => column.typed::<DoubleType>().write_batch(&self.timestamps, None, None)?,
                k => match &mut self.columns {
                    Columns::Float32(c) => column.typed::<FloatType>().write_batch(&c[k - 1], None, None)?,
                    Columns::Double64(c) => {
                        column.typed::<DoubleType>().write_batch(&c[k - 1], None, None)?
                    }
                    Columns::Integer(c) => column.typed::<Int64Type>().write_batch(&c[k - 1], None, None)?,
                    Columns::String(c) => {
                        column.typed::<ByteArrayType>().write_batch(&c[k - 1], None, None)?
                    }
                },
            };
            column.close()?;
            index += 1;
        }
        group.close()?;
        self.timestamps.clear();
        match &mut self.columns {
            Columns::Float32(columns) => columns.iter_mut().for_each(Vec::clear),
            Columns::Double64(columns) => columns.iter_mut().for_each(Vec::clear),
            Columns::Integer(columns) => columns.iter_mut().for_each(Vec::clear),
            Columns::String(columns) => columns.iter_mut().for_each(Vec::clear),
        }
        Ok(())
    }
}

/// Sorts values that come sample by sample into their columns.
fn spread<T: Clone, U>(columns: &mut [Vec<U>], values: &[T], convert: impl Fn(T) -> U) {
    let count = columns.len();
    for (k, value) in values.iter().enumerate() {
        columns[k % count].push(convert(value.clone()));
    }
}

impl Table for ParquetTable {
    fn add(&mut self, samples: &Samples) -> Result<(), RecordError> {
        self.timestamps.extend(&samples.timestamps);
        match (&mut self.columns, &samples.values) {
            (Columns::Float32(columns), Values::Float32(values)) => spread(columns, values, |value| value),
            (Columns::Double64(columns), Values::Double64(values)) => spread(columns, values, |value| value),
            (Columns::Integer(columns), Values::Integer(values)) => spread(columns, values, |value| value),
            (Columns::String(columns), Values::String(values)) => {
                spread(columns, values, |value| ByteArray::from(value.into_bytes()));
            }
            _ => unreachable!("a stream's samples have its header's format"),
        }
        if self.timestamps.len() * self.channels >= GROUP_VALUES {
            self.write_group().map_err(failed(&self.path))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), RecordError> {
        let path = self.path.clone();
        let mut finish = || -> Result<(), ParquetError> {
            self.write_group()?;
            self.writer.finish().map(|_| ())
        };
        finish().map_err(failed(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_through_the_library() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let said = failed(Path::new("a.parquet"))(ParquetError::from(full)).to_string();
        assert!(said.contains("a.parquet") && said.contains("the disk is full"), "{said}");
    }
}
