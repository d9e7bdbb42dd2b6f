//! ONNX files: a strict, bounded reader and a writer.
//!
//! A model file may come from anywhere, so [`Model::read`] takes only what a feed-forward network of
//! dense tensors needs and refuses the rest with a reason: external data (which could read files outside
//! the model's folder), subgraphs (which nest without bound), functions, sparse tensors, tensors whose
//! data do not fill their shape. Memory stays within a small multiple of the file's size. Engines load
//! [`Model::write`]'s bytes, so what was checked is what runs.
//!
//! [`Model::shapes`] works out the shape of every value and what a run costs, before any engine sees the
//! network: a file of a few bytes can ask for terabytes.
//!
//! Field numbers and meanings are those of `onnx.proto` (IR version 3 to 10,
//! <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>).

mod error;
mod model;
mod operators;
mod read;
mod shapes;
mod wire;
mod write;

pub use error::OnnxError;
pub use model::{Attribute, Dimension, ElementType, Graph, Model, Node, Tensor, ValueInfo, f32_from_half};
pub use shapes::{MAX_ELEMENTS, MAX_MULTIPLY_ADDS, Shapes};
