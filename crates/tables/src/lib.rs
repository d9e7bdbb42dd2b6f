//! Results as rows: JSON lines, CSV.
//!
//! [`TableWriter`] writes one file per input, row by row. Whatever happens (a full disk, a kill), the
//! file holds whole rows only and stays readable. Beside `NAME.jsonl` or `NAME.csv` lies
//! `NAME.meta.json` ([`MetaFile`]): what was tracked, with which engine, models and settings, what the
//! columns mean, and whether the run came to its end. It is a file of its own so that a reader of the
//! table meets nothing but rows.
//!
//! Existing files are an error unless overwriting is asked for.

mod csv;
mod error;
mod jsonl;
mod meta;
mod row_file;
mod writer;

pub use error::TableError;
pub use meta::{
    AbsentRecord, EngineRecord, InputClock, InputRecord, MetaFile, ModelRecord, Outcome, Provenance,
    StageRecord,
};
pub use writer::{TableFormat, TableWriter};
