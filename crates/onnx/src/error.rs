//! Why a file was refused.

/// An ONNX file that cannot be read. The messages name no file: the caller knows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// The file ends in the middle of a field.
    #[error("the file is cut short or damaged: it ends inside the field at byte {offset}")]
    Truncated {
        /// Where the field starts.
        offset: usize,
    },
    /// The bytes are no ONNX model.
    #[error("the file is damaged or no ONNX model: {what} at byte {offset}")]
    Malformed {
        /// Where.
        offset: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The file holds more than a network of this kind would.
    #[error("the file holds more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// Weights lie in another file.
    #[error(
        "the weights of {tensor:?} lie in another file, which is not allowed; save the model with its \
         weights inside (onnx.save_model(…, save_as_external_data=False))"
    )]
    ExternalData {
        /// The tensor.
        tensor: String,
    },
    /// A tensor whose shape and data do not fit together.
    #[error("tensor {tensor:?} declares {elements} but holds {bytes} bytes")]
    TensorSize {
        /// The tensor.
        tensor: String,
        /// The declared shape and type.
        elements: String,
        /// The bytes found.
        bytes: usize,
    },
    /// A part of ONNX that no face network needs.
    #[error("the file uses {what}, which is not supported")]
    Unsupported {
        /// What.
        what: String,
    },
    /// An operator whose inputs do not fit together.
    #[error("the {op} that makes {output:?} cannot run: {reason}")]
    Shape {
        /// The operator.
        op: String,
        /// Its first output.
        output: String,
        /// What does not fit.
        reason: String,
    },
    /// A network that would take more memory or time than any face network.
    #[error("the network needs {needed} {what} for one run, above the limit of {limit}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many it needs at least.
        needed: u64,
        /// How many are allowed.
        limit: u64,
    },
}
