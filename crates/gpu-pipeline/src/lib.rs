//! The pipeline's stages on one GPU: the kernels of `mien-gpu` and TensorRT engines, one CUDA graph
//! launch a frame.
//!
//! [`GpuStages`] implements [`mien_pipeline::Stages`], so tracking is the very same code as on the CPU.
//! A frame goes up once; letterbox, detector, decoding, crops, landmarks and optional networks hand their
//! results on in device memory; some 60 KB of results come down, and the preview where one is wanted.
//! All memory is taken, and every graph captured, before the first frame of a size.
//!
//! ```text
//! start:  [frame ▲][control ▲] letterbox ▶ detector ▶ decode ▶ crop ▶ landmarks ▶ finish ▶ blendshapes [results ▼]
//!                              └── when the detector is due ──┘   └────── for 1, 2, 4 or 8 faces ──────┘
//! later:  [control ▲] crop ▶ landmarks ▶ finish ▶ blendshapes [results ▼]     (newcomers, faces that moved far)
//! ```
//!
//! `blendshapes` stands for every optional network that runs ([`mien_pipeline::FACE_NETWORKS`]), one after the other.
//!
//! Engines are built once per model, GPU, TensorRT, precision and shape, and kept in an [`EngineCache`].
//!
//! # Unsafe code
//! TensorRT is given device addresses and a stream, which it cannot check: `bound` does so for frames,
//! `calibration` while an 8-bit engine is built.

mod available;
mod bound;
mod cache;
mod calibration;
mod error;
mod frame;
mod host_engine;
mod jpeg;
mod loading;
mod network;
mod networks;
mod optional;
mod options;
mod room;
mod stages;
mod work;

pub use available::tensorrt_library;
pub use cache::{CacheEntry, EngineCache, EntryState, PlanKey};
pub use calibration::CalibrationInputs;
pub use error::GpuPipelineError;
pub use host_engine::TensorRtEngine;
pub use mien_tensorrt::Progress;
pub use network::{BuildNews, ModelSource};
pub use options::{GpuOptions, GpuPrecision};
pub use stages::GpuStages;
