//! What can go wrong, and what to do about it.

use mien_engine::{EngineError, Misfit, Role};

/// Why a pipeline cannot be built or a frame cannot be processed.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A model's tensors do not have the shapes that its role needs, or several could be meant.
    #[error(
        "{file} is no {noun} model: it needs one {kind} {expected} (per item), but has {found}; \
         choose a model made for this role", noun = role.contract().noun
    )]
    Tensor {
        /// The model's file name.
        file: String,
        /// What the model was to do.
        role: Role,
        /// `input` or `output`.
        kind: &'static str,
        /// What the role needs, in words.
        expected: String,
        /// Names and shapes of what there is.
        found: String,
    },
    /// A role that must be there has no network.
    #[error("there is no {noun} model", noun = role.contract().noun)]
    NoNetwork {
        /// The role.
        role: Role,
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
    #[error("the {noun} model failed: {source}", noun = role.contract().noun)]
    Engine {
        /// Whose engine.
        role: Role,
        /// What the engine says.
        source: EngineError,
    },
    /// This picture cannot be read; others may be.
    #[error("the picture cannot be read: {0}")]
    Picture(String),
    /// The processor that the stages run on failed.
    #[error(transparent)]
    Processor(Box<dyn std::error::Error + Send + Sync>),
    /// The GPU's memory does not suffice: fewer faces at a time may do.
    #[error(transparent)]
    GpuMemory(Box<dyn std::error::Error + Send + Sync>),
}

impl PipelineError {
    /// The model in `file` does not fit its role's contract.
    #[must_use]
    pub fn tensor(file: &str, role: Role, misfit: Misfit) -> Self {
        let Misfit { kind, expected, found } = misfit;
        Self::Tensor { file: file.to_owned(), role, kind, expected, found }
    }
}

impl From<mien_face::FrameError> for PipelineError {
    fn from(error: mien_face::FrameError) -> Self {
        Self::Picture(error.to_string())
    }
}
