//! What can go wrong with a network.

use std::path::PathBuf;

/// A network that cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The model file cannot be read.
    #[error("cannot read the model file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no model that this engine can load.
    #[error(
        "{file} cannot be loaded: {reason}; take another file, or `mien models verify` to see which are sound"
    )]
    Load {
        /// The model's file name.
        file: String,
        /// What the loader said.
        reason: String,
    },
    /// The network has tensors that no stage could use (no inputs, not `f32`, a fixed batch above one).
    #[error("{file}: {what} {name} {reason}; export the model again with FP32 tensors and a dynamic batch")]
    Tensor {
        /// The model's file name.
        file: String,
        /// `input` or `output`.
        what: &'static str,
        /// The tensor's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The network takes pictures of any size and none was asked for.
    #[error("{file} takes pictures of any size: say which (`input_size`)")]
    SizeMissing {
        /// The model's file name.
        file: String,
    },
    /// The network cannot run at the size that was asked for.
    #[error("{file} does not run on {width}×{height} pictures ({reason}); it declares {declared}")]
    Size {
        /// The model's file name.
        file: String,
        /// The width asked for, in pixels.
        width: usize,
        /// The height asked for, in pixels.
        height: usize,
        /// What the engine said.
        reason: String,
        /// The shape that the file declares.
        declared: String,
    },
    /// A batch of zero items, or larger than the engine was loaded for.
    #[error("{file} was loaded for batches of 1 to {max}, not {batch}")]
    Batch {
        /// The model's file name.
        file: String,
        /// The batch asked for.
        batch: usize,
        /// The largest batch.
        max: usize,
    },
    /// The network failed while running.
    #[error("{file} failed: {reason}")]
    Run {
        /// The model's file name.
        file: String,
        /// What the engine said.
        reason: String,
    },
    /// The network has no tensor of that name.
    #[error("{file} has no {kind} called {name}, only {present}")]
    NoSuchTensor {
        /// The model's file name.
        file: String,
        /// `input` or `output`.
        kind: &'static str,
        /// The name looked for.
        name: String,
        /// The names that there are.
        present: String,
    },
    /// The engine that was asked for cannot run here.
    #[error("the {engine} engine cannot run here: {missing}; `--engine auto` takes what there is")]
    Unavailable {
        /// The engine.
        engine: &'static str,
        /// What is missing.
        missing: String,
    },
}
