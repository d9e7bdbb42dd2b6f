//! A model file on its way into an engine: bounded reading, hash, checks, a fixed picture size.

use std::io::Read;
use std::path::Path;

use mien_onnx::{Dimension, ElementType, Model, OnnxError, ValueInfo};
use sha2::{Digest, Sha256};

use crate::{EngineError, EngineOptions, TensorInfo};

/// The largest model file that is read: 256 MiB. Face networks have some 5 MB.
pub const MAX_MODEL_BYTES: u64 = 256 << 20;

/// Reads a model file whole.
///
/// # Errors
/// [`EngineError::Read`], also for a file above [`MAX_MODEL_BYTES`].
pub fn read_model_file(path: &Path) -> Result<Vec<u8>, EngineError> {
    let read = |source| EngineError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // A pipe or a device might never end.
    let file = mien_folder::open_regular(path).map_err(read)?;
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

/// A network that was read, whose tensors have one known shape each.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The checked file, written anew.
    pub onnx: Vec<u8>,
    /// The tensors to feed.
    pub inputs: Vec<TensorInfo>,
    /// The tensors that come out.
    pub outputs: Vec<TensorInfo>,
    /// Whether several items go through in one run.
    pub batched: bool,
    /// The first input's shape as the file declares it, for messages.
    pub declared: String,
}

/// Checks the file, settles its picture size and works out its shapes: what every engine does first.
///
/// # Errors
/// [`EngineError`]: the file is no network of dense `f32` tensors, or does not take this picture size.
pub fn prepare(file: &str, bytes: &[u8], options: &EngineOptions) -> Result<Prepared, EngineError> {
    let load_error =
        |error: OnnxError| EngineError::Load { file: file.to_owned(), reason: error.to_string() };
    let mut model = Model::read(bytes).map_err(load_error)?;
    model.widen_halves();
    let declared = model.graph.inputs.first().map_or_else(String::new, declared_shape);
    if let Some(size) = options.input_size {
        set_picture_size(&mut model, size)
            .map_err(|reason| size_error(file, size, reason.to_owned(), &declared))?;
    }
    check_ends(file, &model.graph.inputs, "input")?;
    check_ends(file, &model.graph.outputs, "output")?;
    let mut inputs = Vec::new();
    let mut any_batch = true;
    for input in &model.graph.inputs {
        let (any, shape) = item_shape(file, input)?;
        any_batch &= any;
        inputs.push(TensorInfo { name: input.name.clone(), shape });
    }
    // Before the engine sees it: a network that cannot run, or would take all memory, ends here.
    let one = output_shapes(&model, &inputs, 1).map_err(|error| match options.input_size {
        Some(size) => size_error(file, size, error.to_string(), &declared),
        None => load_error(error),
    })?;
    let batched = any_batch
        && match output_shapes(&model, &inputs, options.max_batch.max(1)) {
            Ok(many) => {
                let batch = options.max_batch.max(1);
                one.iter().zip(&many).all(|(one, many)| grows(one, many, batch))
            }
            Err(error @ OnnxError::TooLarge { .. }) => return Err(load_error(error)),
            // A file may declare any batch and yet fix it inside, in a reshape for instance.
            Err(_) => false,
        };
    let outputs = model.graph.outputs.iter().zip(one);
    Ok(Prepared {
        onnx: model.write(),
        outputs: outputs
            .map(|(output, shape)| TensorInfo { name: output.name.clone(), shape: without_batch(shape) })
            .collect(),
        inputs,
        batched,
        declared,
    })
}

fn size_error(file: &str, [height, width]: [usize; 2], reason: String, declared: &str) -> EngineError {
    EngineError::Size { file: file.to_owned(), width, height, reason, declared: declared.to_owned() }
}

/// There is at least one, and all are `f32`.
fn check_ends(file: &str, tensors: &[ValueInfo], what: &'static str) -> Result<(), EngineError> {
    if tensors.is_empty() {
        return Err(tensor_error(file, what, "", "is missing"));
    }
    let other = tensors.iter().find(|tensor| tensor.element != ElementType::Float);
    other.map_or(Ok(()), |tensor| {
        let reason = format!("has elements of type {}", tensor.element);
        Err(tensor_error(file, what, &tensor.name, &reason))
    })
}

/// The outputs' shapes for so many items.
fn output_shapes(model: &Model, inputs: &[TensorInfo], batch: usize) -> Result<Vec<Vec<usize>>, OnnxError> {
    let inputs: Vec<Vec<usize>> = inputs.iter().map(|input| [&[batch], &input.shape[..]].concat()).collect();
    let shapes = model.shapes(&inputs)?;
    let shape = |name: &str| shapes.get(name).map(<[usize]>::to_vec).unwrap_or_default();
    let outputs = model.graph.outputs.iter();
    Ok(outputs.map(|output| shape(&output.name)).collect())
}

/// Whether `many` is the shape of `batch` times as many items as `one`.
fn grows(one: &[usize], many: &[usize], batch: usize) -> bool {
    match (one, many) {
        ([one, one_item @ ..], [many, many_item @ ..]) => batch * one == *many && one_item == many_item,
        _ => false,
    }
}

/// The dimensions of one item in the shape of an output for one item.
fn without_batch(shape: Vec<usize>) -> Vec<usize> {
    match shape.as_slice() {
        [1, item @ ..] if !item.is_empty() => item.to_vec(),
        _ => shape,
    }
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
fn set_picture_size(model: &mut Model, [height, width]: [usize; 2]) -> Result<(), &'static str> {
    let [input] = &mut model.graph.inputs[..] else {
        return Err("it has several inputs");
    };
    let Some([_, _, rows, columns]) = input.dims.as_deref_mut() else {
        return Err("its input is no picture");
    };
    if height == 0 || width == 0 {
        return Err("that is no picture");
    }
    *rows = Dimension::Fixed(height);
    *columns = Dimension::Fixed(width);
    for output in &mut model.graph.outputs {
        output.dims = None;
    }
    Ok(())
}

/// A declared shape in words.
fn declared_shape(input: &ValueInfo) -> String {
    match &input.dims {
        None => "no shape".to_owned(),
        Some(dims) => {
            let dims: Vec<String> = dims.iter().map(Dimension::to_string).collect();
            format!("[{}]", dims.join(", "))
        }
    }
}
