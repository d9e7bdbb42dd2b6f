//! Safe Rust over the TensorRT that is installed, loaded at run time.
//!
//! One binary works with no TensorRT at all, with TensorRT 8.6, 10, 11 and with TensorRT-RTX, and building it needs
//! no SDK, no headers, no C++ and no libclang. TensorRT has a C++ interface only; its binary form is a few C symbols
//! and virtual tables, whose slots stand in `abi`, one file a *generation*: all releases for which one table holds.
//! A release that no table was checked for is refused by name ([`LoadError::Unsupported`]).
//!
//! # Roles
//! - [`Library`]: found by [`SearchOptions`], says which [`Flavour`] and [`Version`] it is.
//! - [`Builder`]: ONNX in, [`Plan`] out, with [`Progress`].
//! - [`Runtime`] → [`Engine`] → [`Context`]: a plan loaded, looked at, run. Each keeps alive what it came from.
//! - The log goes to `tracing` under the target `tensorrt`; what TensorRT logged as errors during a call that failed
//!   is part of the error.
//!
//! # Example
//! ```no_run
//! use mien_tensorrt::{BuildRequest, Library, Precision, Profile, SearchOptions, ShapeRange};
//!
//! # fn device_memory(bytes: usize) -> u64 { 0 }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let library = Library::find(&SearchOptions::default())?;
//! println!("{library} at {}", library.path().display());
//!
//! let onnx = std::fs::read("landmarks.onnx")?;
//! let faces = ShapeRange { min: vec![1, 3, 256, 256], opt: vec![1, 3, 256, 256], max: vec![8, 3, 256, 256] };
//! let mut request = BuildRequest::new("landmarks", &onnx, Precision::Fp16);
//! request.profiles = vec![Profile::new([("input", faces)])];
//! let plan = library.builder()?.build(request, &mut |progress| println!("{:?}", progress.fraction()))?;
//!
//! let engine = library.runtime()?.deserialize(&plan.bytes)?;
//! let mut context = engine.context()?;
//! context.set_input_shape("input", &[4, 3, 256, 256])?;
//! let stream = std::ptr::null_mut();
//! // SAFETY: the memory is large enough for four faces and lives until the stream is done.
//! unsafe {
//!     context.set_tensor_address("input", device_memory(4 * 3 * 256 * 256 * 4))?;
//!     context.set_tensor_address("output", device_memory(4 * 478 * 3 * 4))?;
//!     context.enqueue(stream)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Threads and devices
//! TensorRT works on the CUDA device that is current on the calling thread: make the right one current before
//! building, loading and running. [`Library`], [`Runtime`] and [`Engine`] may be shared between threads; a
//! [`Builder`] or [`Context`] may move to another thread.
//!
//! # Unsafe code
//! Every call into TensorRT is unsafe: nothing checks slots and signatures but the tables here and their tests, which
//! run against libraries that lay out their tables from NVIDIA's declarations on their own. What remains the
//! caller's, device memory and streams, is an `unsafe fn`. Nothing unwinds into TensorRT: what it calls here catches
//! panics.

mod abi;
mod builder;
mod calibration;
mod context;
mod driver;
mod engine;
mod error;
mod library;
mod loader;
mod logger;
mod network;
mod object;
mod progress;
mod request;
mod runtime;
mod search;
mod setup;
mod version;

pub use builder::Builder;
pub use calibration::{Calibration, CalibrationBatches};
pub use context::Context;
pub use driver::DriverError;
pub use engine::{DataType, Direction, Engine, TensorInfo};
pub use error::{Attempt, Attempts, BuildError, LoadError, ParserError, RuntimeError, Said};
pub use library::Library;
pub use progress::{Phase, Progress};
pub use request::{BuildRequest, Plan, Precision, Profile, ShapeRange};
pub use runtime::Runtime;
pub use search::SearchOptions;
pub use version::{Flavour, SUPPORTED, Version};
