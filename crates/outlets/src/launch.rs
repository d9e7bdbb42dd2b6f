//! How a child is started.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::{Limits, Reach};

/// Why nothing is published or found.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StreamError {
    /// There is no liblsl, liblsl refuses, or its configuration cannot be read.
    #[error("{0}")]
    Refused(String),
    /// The system starts no thread or process.
    #[error("the LSL process cannot be started: {0}")]
    Start(String),
    /// A search gave no answer.
    #[error("the search for LSL streams gave no answer: {0}")]
    NoAnswer(String),
}

/// How a child is started: a program that calls [`serve`](crate::serve) with its standard input and output.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Who is to find the streams.
    pub reach: Reach,
    /// What the child may use; without it, what its outlets need.
    pub limits: Option<Limits>,
}
