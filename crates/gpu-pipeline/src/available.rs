//! What the stages need: a GPU, and TensorRT.

use std::path::PathBuf;

use mien_gpu::Device;
use mien_tensorrt::{Library, SearchOptions};

use crate::GpuPipelineError;

/// The TensorRT that would be used, without a look at a GPU.
///
/// # Errors
/// What is missing, and where it was looked for.
pub fn tensorrt_library() -> Result<Library, GpuPipelineError> {
    find(None)
}

/// Opens a GPU.
pub(crate) fn open(gpu: usize) -> Result<Device, GpuPipelineError> {
    Device::open(gpu).map_err(|driver| match driver.is_out_of_memory() {
        true => GpuPipelineError::Memory { gpu, said: driver.to_string() },
        false => driver.into(),
    })
}

/// TensorRT in the given place, in `MIEN_TENSORRT`, or where the system has it.
pub(crate) fn find(path: Option<PathBuf>) -> Result<Library, GpuPipelineError> {
    let named = || std::env::var_os("MIEN_TENSORRT").filter(|path| !path.is_empty()).map(PathBuf::from);
    Ok(Library::find(&SearchOptions { path: path.or_else(named), ..SearchOptions::default() })?)
}
