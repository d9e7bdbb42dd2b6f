//! What can go wrong, and what TensorRT said about it.

use std::fmt;
use std::path::PathBuf;

use crate::driver::DriverError;
use crate::version::{Flavour, SUPPORTED, Version};

/// One place where TensorRT was looked for, and why it is not the one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// A file, a folder, or a name for the system's loader.
    pub place: String,
    /// Why it was not taken.
    pub reason: String,
}

/// Attempts, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempts(pub Vec<Attempt>);

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|attempt| write!(f, "\n  {}: {}", attempt.place, attempt.reason))
    }
}

/// Why no TensorRT was loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nothing usable in any place.
    #[error("no usable TensorRT found (supported: {SUPPORTED}); tried:{tried}")]
    NotFound {
        /// All places, in order.
        tried: Attempts,
    },
    /// A library was there, but its tables are not known.
    #[error("{} is {flavour} {version}, which is not supported; supported: {SUPPORTED}", path.display())]
    Unsupported {
        /// The library.
        path: PathBuf,
        /// Which library.
        flavour: Flavour,
        /// Its version.
        version: Version,
    },
}

/// What TensorRT logged as errors during a call, oldest first; may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said(pub Vec<String>);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("TensorRT gave no reason");
        }
        write!(f, "TensorRT said: {}", self.0.join("; "))
    }
}

/// One complaint of the ONNX parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParserError {
    /// The position of the node in the file, or -1 where it is about none.
    pub node: i32,
    /// What is wrong.
    pub description: String,
    /// The function and line of the parser that found it.
    pub origin: String,
}

impl fmt::Display for ParserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.node >= 0 {
            write!(f, "node {}: ", self.node)?;
        }
        write!(f, "{} ({})", self.description, self.origin)
    }
}

fn one_a_line(errors: &[ParserError]) -> String {
    errors.iter().map(|error| format!("\n  {error}")).collect()
}

/// Why an engine was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The library only runs engines.
    #[error("{} ({flavour} {version}) builds no engines: install the full TensorRT or TensorRT-RTX", path.display())]
    NoBuilder {
        /// The library.
        path: PathBuf,
        /// Which library.
        flavour: Flavour,
        /// Its version.
        version: Version,
    },
    /// The library that reads ONNX files does not load.
    #[error("TensorRT's ONNX parser does not load:{tried}")]
    NoParser {
        /// All places, in order.
        tried: Attempts,
    },
    /// The CUDA driver is of no use.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The library loads, but gives no builder.
    #[error("TensorRT gives no builder. {said}")]
    NoBuilderObject {
        /// What TensorRT logged.
        said: Said,
    },
    /// The ONNX file is refused.
    #[error("TensorRT cannot take {name}:{}", one_a_line(errors))]
    Parse {
        /// The model.
        name: String,
        /// The parser's complaints, never empty.
        errors: Vec<ParserError>,
    },
    /// This generation takes the precision from the model's tensors.
    #[error(
        "{library} takes a network's precision from the model's own tensors and cannot make {asked} of it: \
         convert the ONNX file to {asked} and ask for Precision::FromModel, or use TensorRT 8.6 or 10"
    )]
    PrecisionFromModel {
        /// The library and its version.
        library: String,
        /// The precision that was asked for.
        asked: &'static str,
    },
    /// This generation chooses the precision itself.
    #[error("{library} chooses a network's precision itself: ask for Precision::Fp32, Fp16 or Int8")]
    PrecisionFromBuilder {
        /// The library and its version.
        library: String,
    },
    /// Calibration ended early.
    #[error("calibrating {name} for INT8 failed: {reason}")]
    Calibration {
        /// The model.
        name: String,
        /// What the batches said.
        reason: String,
    },
    /// A profile is about an input that the model lacks.
    #[error("{name} has no input {input:?}; its inputs are {inputs:?}")]
    UnknownInput {
        /// The model.
        name: String,
        /// The input of the profile.
        input: String,
        /// The inputs that there are.
        inputs: Vec<String>,
    },
    /// A profile's shape cannot be a shape of that input.
    #[error(
        "{name}: {input:?} is {expected:?} in the model (-1: any length); the profile asks for {shape:?}"
    )]
    Shape {
        /// The model.
        name: String,
        /// The input.
        input: String,
        /// Its shape in the model.
        expected: Vec<i64>,
        /// The shape that does not fit.
        shape: Vec<i64>,
    },
    /// An input has axes of any length, and no profile says which lengths to build for.
    #[error("{name}: {input:?} is {expected:?} (-1: any length) and no profile names it")]
    NoProfile {
        /// The model.
        name: String,
        /// The input.
        input: String,
        /// Its shape in the model.
        expected: Vec<i64>,
    },
    /// The build was cancelled.
    #[error("the build of {name} was cancelled")]
    Cancelled {
        /// The model.
        name: String,
    },
    /// A step was refused.
    #[error("{name}: {step} failed. {said}")]
    Failed {
        /// The model.
        name: String,
        /// Which step.
        step: &'static str,
        /// What TensorRT logged.
        said: Said,
    },
    /// A name holds a zero byte.
    #[error("the name {0:?} holds a zero byte")]
    Name(String),
}

/// Why an engine was not loaded or did not run.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The CUDA driver is of no use.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The library loads, but gives no runtime.
    #[error("TensorRT gives no runtime. {said}")]
    NoRuntime {
        /// What TensorRT logged.
        said: Said,
    },
    /// This TensorRT does not run on GPUs of this kind, whatever the plan.
    #[error("{library} does not run on this GPU; take a TensorRT that does, or the CPU engine. {said}")]
    UnsupportedGpu {
        /// The library and its version.
        library: String,
        /// What TensorRT logged.
        said: Said,
    },
    /// The plan is refused: made by another version or for another GPU, or cut short.
    #[error("{library} refuses this engine. {said}")]
    Refused {
        /// The library and its version.
        library: String,
        /// What TensorRT logged.
        said: Said,
    },
    /// The engine has no such tensor.
    #[error("the engine has no tensor {name:?}; its tensors are {tensors:?}")]
    UnknownTensor {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        tensors: Vec<String>,
    },
    /// A shape was refused: outside the profile, or of another rank.
    #[error("the shape {shape:?} was refused for {name:?}. {said}")]
    Shape {
        /// The tensor.
        name: String,
        /// The shape.
        shape: Vec<i64>,
        /// What TensorRT logged.
        said: Said,
    },
    /// Inputs whose shape or address is missing.
    #[error("not ready to run: {missing:?} lack a shape or an address. {said}")]
    NotReady {
        /// The tensors.
        missing: Vec<String>,
        /// What TensorRT logged.
        said: Said,
    },
    /// A call was refused.
    #[error("{call} failed. {said}")]
    Failed {
        /// Which call.
        call: &'static str,
        /// What TensorRT logged.
        said: Said,
    },
    /// TensorRT answered with something that this crate does not understand.
    #[error("{0}")]
    Unexpected(String),
}
