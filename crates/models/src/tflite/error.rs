//! Why a TFLite model was refused.

/// A TFLite model that cannot be converted. The messages name no file: the caller knows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TfliteError {
    /// A reference leads out of the file.
    #[error("the file is cut short or damaged: something at byte {offset} lies outside of it")]
    OutOfFile {
        /// The reference or its target.
        offset: usize,
    },
    /// A list is longer than any in a face network.
    #[error("the file is damaged: a list of {count} where at most {most} make sense")]
    TooMany {
        /// The list's length.
        count: usize,
        /// The limit.
        most: usize,
    },
    /// A part that is needed is missing or contradicts another.
    #[error("the file is damaged: {what}")]
    Damaged {
        /// What is wrong.
        what: String,
    },
    /// Something that Mien's converter has no counterpart for.
    #[error("the network uses {what}, which cannot be converted; export it as ONNX instead")]
    Unsupported {
        /// What.
        what: String,
    },
}

impl TfliteError {
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        TfliteError::Damaged { what: what.into() }
    }

    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        TfliteError::Unsupported { what: what.into() }
    }
}
