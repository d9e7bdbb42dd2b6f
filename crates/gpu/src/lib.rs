//! One CUDA device: memory, stream, graphs, and the kernels of the stages.
//!
//! The driver (`libcuda`) is loaded when [`Device::open`] is called, so a program that holds this crate
//! starts on machines without any CUDA and is told there what is missing. Nothing of the CUDA toolkit
//! is needed to build or to run: the kernels are CUDA C++ (`kernels/*.cu`), compiled ahead to PTX for
//! compute capability 7.5 that lies beside them, and the driver compiles that for its GPU.
//!
//! ```text
//! pinned frame ─copy─▶ frame ─▶ Letterbox ─▶ detector network ─▶ RetinaFaceDecode ─▶ ┐
//!                       │  └──▶ Crop ─▶ landmark network ─▶ LandmarksFinish ────────▶ ├ ResultBlock ─copy─▶ host
//!                       │                                    └▶ blendshape network ─▶ ┘
//!                       └─────▶ Preview ─copy─▶ host
//! ```
//!
//! Each kernel is a type whose `new` uploads its tables and takes its memory, and whose `enqueue` only
//! launches, so it can be captured into a [`Graph`]. What changes from frame to frame (maps, regions,
//! thresholds) is read from a [`FrameControl`] in device memory; the frame's size and format are fixed
//! when a kernel is made. Every kernel gives the numbers of the function in `mien-geometry` that it
//! stands for, most of them to the last bit.
//!
//! One-Euro filters, head pose and the choice of regions stay on the host: they take microseconds for
//! ten faces and need the tracker's memory.

mod device;
mod driver;
mod error;
mod event;
mod frame;
mod graph;
mod jpeg;
mod kernels;
mod layout;
mod memory;
mod module;
mod stream;

pub use device::{Device, DeviceInfo};
pub use error::GpuError;
pub use event::{Event, Wait};
pub use frame::{FrameLayout, Precision};
pub use graph::Graph;
pub use jpeg::{JpegDecoder, nvjpeg_library};
#[cfg(feature = "measure")]
pub use kernels::LetterboxApart;
pub use kernels::{Crop, CropOptions, LandmarksFinish, Letterbox, Preview, RetinaFaceDecode};
pub use layout::{
    APPEARANCE_CELLS, BLENDSHAPE_POINTS, DetectionResult, FrameControl, MAX_DETECTIONS, MAX_REGIONS,
    RegionControl, ResultBlock,
};
pub use memory::{Arena, ArenaUsage, DeviceBuffer, PinnedBuffer};
pub use stream::{CopiedBytes, Stream};
