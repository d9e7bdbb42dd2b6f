//! Whether the stages can run on the GPU at all.

use std::path::PathBuf;

use mien_gpu::Device;
use mien_tensorrt::{Library, SearchOptions};

use crate::GpuPipelineError;

/// What was found.
#[derive(Debug, Clone)]
pub struct Available {
    /// Name of the GPU.
    pub gpu: String,
    /// Flavour and version of TensorRT.
    pub tensorrt: String,
    /// Where TensorRT lies.
    pub path: PathBuf,
}

/// Finds TensorRT and takes a look at a GPU.
///
/// # Errors
/// What is missing, and what to do.
pub fn available(gpu: usize, tensorrt: Option<PathBuf>) -> Result<Available, GpuPipelineError> {
    // Without a GPU there is no use in a list of places where TensorRT is not.
    let device = open(gpu)?;
    let library = find(tensorrt)?;
    Ok(Available {
        gpu: device.info().name.clone(),
        tensorrt: library.to_string(),
        path: library.path().to_owned(),
    })
}

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
