//! What can go wrong, and what to do about it.

use mien_engine::EngineError;

/// Why a pipeline cannot be built or a frame cannot be processed.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A model's tensor has a shape that its role does not allow.
    #[error(
        "the {role} model's tensor `{tensor}` has the shape {found:?}, expected {expected}; \
         choose a model made for this role"
    )]
    TensorShape {
        /// `detector`, `landmarks` or `blendshapes`.
        role: &'static str,
        /// Name of the tensor in the model.
        tensor: String,
        /// What the role needs, in words.
        expected: String,
        /// Shape in the model.
        found: Vec<usize>,
    },
    /// A model lacks an output that its role needs, or several could be meant.
    #[error("the {role} model needs exactly one output with {expected}, but its outputs are {found}")]
    MissingOutput {
        /// `detector`, `landmarks` or `blendshapes`.
        role: &'static str,
        /// What the role needs, in words.
        expected: String,
        /// Names and shapes of the outputs.
        found: String,
    },
    /// A setting is out of its range.
    #[error("the setting `{setting}` is {found}, but must be {expected}")]
    Setting {
        /// Name of the field of [`PipelineSettings`](crate::PipelineSettings).
        setting: &'static str,
        /// The range, in words.
        expected: &'static str,
        /// The value given.
        found: String,
    },
    /// An engine failed while it ran.
    #[error("the {role} model failed: {source}")]
    Engine {
        /// `detector`, `landmarks` or `blendshapes`.
        role: &'static str,
        /// What the engine says.
        source: EngineError,
    },
}
