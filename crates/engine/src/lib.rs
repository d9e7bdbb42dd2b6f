//! Neural networks behind one trait; the embedded CPU engine.
//!
//! A stage asks an [`Engine`] for its input buffer, writes numbers into it, runs it, and reads the
//! output buffer. The engine owns all buffers, so nothing is allocated or copied per call by this
//! crate. Elements are `f32` everywhere; a network that computes in half precision converts inside.
//!
//! [`EngineChoice`] names the engines that exist and [`load`] takes one. Nothing falls back silently: an
//! engine that was asked for by name and cannot run is an error, and [`EngineChoice::Auto`] says what it
//! took and why.
//!
//! [`Role::ALL`] is the list of networks that Mien runs. The [`Contract`] of each says what its tensors are, how
//! many items it takes at a time, and whether Mien runs without it; everything else reads it there.

mod choice;
pub mod conformance;
mod contract;
mod engine;
mod error;
mod fit;
mod role;
mod rten_engine;
mod source;
#[cfg(feature = "test-network")]
mod test_models;

pub use choice::{EngineChoice, Loaded, ParseEngineChoiceError, check_available, load, load_bytes};
pub use contract::{Batches, Contract, Dim, FACES, FRAMES, Shape, Tensor};
pub use engine::{Engine, EngineInfo, EngineOptions, Precision, TensorInfo};
pub use error::EngineError;
pub use fit::{Fit, Misfit};
pub use role::{BLAZEFACE, ParseRoleError, Role};
pub use rten_engine::RtenEngine;
pub use source::{MAX_MODEL_BYTES, Prepared, prepare, read_model_file, sha256_hex};
#[cfg(feature = "test-network")]
pub use test_models::{mean_model, without_irises};
