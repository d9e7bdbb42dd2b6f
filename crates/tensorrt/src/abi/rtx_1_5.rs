//! TensorRT-RTX 1.5 to 1.7: read off the headers of the three, which agree with TensorRT 11's in all that is used.

use super::slots::Generation;
use super::v11::TENSORRT_11;

/// TensorRT-RTX 1.5.
pub(crate) const RTX_1_5: Generation = Generation { name: "TensorRT-RTX 1.5", ..TENSORRT_11 };
