//! TFLite networks as ONNX networks.

mod convert;
mod error;
mod flatbuffer;
mod operators;
mod schema;

pub use convert::to_onnx;
pub use error::TfliteError;
