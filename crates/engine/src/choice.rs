//! Which engine to take.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::{Engine, EngineError, EngineOptions, RtenEngine, read_model_file};

/// The engine that the user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The fastest engine that runs here; [`load`] says which and why.
    #[default]
    Auto,
    /// The embedded engine, on the CPU.
    Cpu,
    /// TensorRT on an NVIDIA GPU, or an error.
    TensorRt,
}

impl EngineChoice {
    /// Every choice, in the order of a help text.
    pub const ALL: [EngineChoice; 3] = [EngineChoice::Auto, EngineChoice::Cpu, EngineChoice::TensorRt];

    /// The word on the command line and in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EngineChoice::Auto => "auto",
            EngineChoice::Cpu => "cpu",
            EngineChoice::TensorRt => "tensorrt",
        }
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no engine.
#[derive(Debug, thiserror::Error)]
#[error("there is no engine called {0:?}: take auto, cpu or tensorrt")]
pub struct ParseEngineChoiceError(String);

impl FromStr for EngineChoice {
    type Err = ParseEngineChoiceError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        EngineChoice::ALL
            .into_iter()
            .find(|choice| choice.name() == word)
            .ok_or_else(|| ParseEngineChoiceError(word.to_owned()))
    }
}

/// A loaded network, and why this engine runs it.
pub struct Loaded {
    /// The network.
    pub engine: Box<dyn Engine>,
    /// Why this engine was taken, for the log.
    pub reason: &'static str,
}

/// Whether an engine can run here, and why it would be taken.
///
/// # Errors
/// [`EngineError::Unavailable`], saying what is missing.
pub fn check_available(choice: EngineChoice) -> Result<&'static str, EngineError> {
    match choice {
        EngineChoice::Cpu => Ok("asked for by name"),
        EngineChoice::Auto => Ok("the engine for single networks"),
        EngineChoice::TensorRt => Err(EngineError::Unavailable {
            engine: "TensorRT",
            missing: "it runs whole stages on the GPU, not single networks in the host's memory".to_owned(),
        }),
    }
}

/// Loads a model file into the engine that was asked for.
///
/// # Errors
/// As [`load_bytes`]; or the file cannot be read.
pub fn load(choice: EngineChoice, path: &Path, options: &EngineOptions) -> Result<Loaded, EngineError> {
    check_available(choice)?;
    let bytes = read_model_file(path)?;
    let file = path.file_name().unwrap_or(path.as_os_str());
    load_bytes(choice, &file.to_string_lossy(), &bytes, options)
}

/// Loads a model file's content into the engine that was asked for; `file` is its name for messages.
///
/// # Errors
/// As [`check_available`]; otherwise what loading finds wrong with the model.
pub fn load_bytes(
    choice: EngineChoice,
    file: &str,
    bytes: &[u8],
    options: &EngineOptions,
) -> Result<Loaded, EngineError> {
    let reason = check_available(choice)?;
    let engine = Box::new(RtenEngine::from_bytes(file, bytes, options)?);
    Ok(Loaded { engine, reason })
}
