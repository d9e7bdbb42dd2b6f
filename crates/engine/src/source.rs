//! A model file on its way into an engine: bounded reading, hash, checks, a fixed picture size.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use mien_onnx::{Dimension, ElementType, Model, ValueInfo};
use sha2::{Digest, Sha256};

use crate::{EngineError, EngineOptions};

/// The largest model file that is read: 256 MiB. Face networks have some 5 MB.
pub const MAX_MODEL_BYTES: u64 = 256 << 20;

/// Reads a model file whole.
///
/// # Errors
/// [`EngineError::Read`], also for a file above [`MAX_MODEL_BYTES`].
pub fn read_model_file(path: &Path) -> Result<Vec<u8>, EngineError> {
    let read = |source| EngineError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(read)?;
    file.take(MAX_MODEL_BYTES + 1).read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > MAX_MODEL_BYTES {
        let limit = MAX_MODEL_BYTES >> 20;
        return Err(read(std::io::Error::other(format!(
            "it is larger than {limit} MiB, too large for a face network"
        ))));
    }
    Ok(bytes)
}

/// The SHA-256 of `bytes` as 64 lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A network that was read and whose inputs have one known shape each.
pub(crate) struct Prepared {
    /// The checked file, written anew.
    pub onnx: Vec<u8>,
    /// The inputs' dimensions, without the batch.
    pub inputs: Vec<(String, Vec<usize>)>,
    /// The outputs' names.
    pub outputs: Vec<String>,
    /// Whether the file declares any batch (otherwise one item).
    pub any_batch: bool,
}

/// Checks the file and settles its picture size.
pub(crate) fn prepare(file: &str, bytes: &[u8], options: &EngineOptions) -> Result<Prepared, EngineError> {
    let mut model = Model::read(bytes)
        .map_err(|error| EngineError::Load { file: file.to_owned(), reason: error.to_string() })?;
    model.widen_halves();
    if let Some(size) = options.input_size {
        set_picture_size(file, &mut model, size)?;
    }
    let ends = |tensors: &[ValueInfo], what: &'static str| match tensors {
        [] => Err(tensor_error(file, what, "", "is missing")),
        tensors => {
            tensors.iter().find(|tensor| tensor.element != ElementType::Float).map_or(Ok(()), |tensor| {
                let reason = format!("has elements of type {}", tensor.element);
                Err(tensor_error(file, what, &tensor.name, &reason))
            })
        }
    };
    ends(&model.graph.inputs, "input")?;
    ends(&model.graph.outputs, "output")?;
    let mut inputs = Vec::new();
    let mut any_batch = true;
    for input in &model.graph.inputs {
        let (any, shape) = item_shape(file, input)?;
        any_batch &= any;
        inputs.push((input.name.clone(), shape));
    }
    Ok(Prepared {
        onnx: model.write(),
        inputs,
        outputs: model.graph.outputs.iter().map(|o| o.name.clone()).collect(),
        any_batch,
    })
}

fn tensor_error(file: &str, what: &'static str, name: &str, reason: &str) -> EngineError {
    EngineError::Tensor { file: file.to_owned(), what, name: name.to_owned(), reason: reason.to_owned() }
}

/// Whether an input takes any batch, and the dimensions of one item.
fn item_shape(file: &str, input: &ValueInfo) -> Result<(bool, Vec<usize>), EngineError> {
    let wrong = |reason: &str| tensor_error(file, "input", &input.name, reason);
    let Some([batch, item @ ..]) = input.dims.as_deref() else {
        return Err(wrong("declares no batch dimension"));
    };
    let any_batch = match batch {
        Dimension::Dynamic(_) => true,
        Dimension::Fixed(1) => false,
        Dimension::Fixed(_) => return Err(wrong("has a fixed batch above one")),
    };
    let mut shape = Vec::new();
    for dim in item {
        match dim {
            Dimension::Fixed(size) => shape.push(*size),
            Dimension::Dynamic(_) if item.len() == 3 => {
                return Err(EngineError::SizeMissing { file: file.to_owned() });
            }
            Dimension::Dynamic(_) => return Err(wrong("has a dimension of unknown size")),
        }
    }
    Ok((any_batch, shape))
}

/// Declares that the network's picture (its one input of batch × channels × height × width) has this
/// height and width. The declared shapes of the outputs go, since they may depend on it.
fn set_picture_size(file: &str, model: &mut Model, [height, width]: [usize; 2]) -> Result<(), EngineError> {
    let size_error = |reason: &str, declared: String| EngineError::Size {
        file: file.to_owned(),
        width,
        height,
        reason: reason.to_owned(),
        declared,
    };
    let [input] = &mut model.graph.inputs[..] else {
        return Err(size_error("it has several inputs", "none".into()));
    };
    let declared = declared_shape(input);
    let Some([_, _, rows, columns]) = input.dims.as_deref_mut() else {
        return Err(size_error("its input is no picture", declared));
    };
    if height == 0 || width == 0 {
        return Err(size_error("that is no picture", declared));
    }
    *rows = Dimension::Fixed(height);
    *columns = Dimension::Fixed(width);
    for output in &mut model.graph.outputs {
        output.dims = None;
    }
    Ok(())
}

/// A declared shape in words.
pub(crate) fn declared_shape(input: &ValueInfo) -> String {
    match &input.dims {
        None => "no shape".to_owned(),
        Some(dims) => {
            let dims: Vec<String> = dims.iter().map(Dimension::to_string).collect();
            format!("[{}]", dims.join(", "))
        }
    }
}
