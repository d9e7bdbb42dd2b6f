//! What can go wrong, and what to do about it.

use std::path::PathBuf;

use mien_gpu::{Device, GpuError};
use mien_pipeline::PipelineError;
use mien_tensorrt::{BuildError, LoadError, RuntimeError};

/// Why the stages cannot run on the GPU.
#[derive(Debug, thiserror::Error)]
pub enum GpuPipelineError {
    /// The GPU or its driver.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// TensorRT cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An engine cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// TensorRT failed while it ran, or refuses an engine.
    #[error("{model}: {source}")]
    Runtime {
        /// Whose engine.
        model: String,
        /// What TensorRT says.
        source: RuntimeError,
    },
    /// TensorRT does not run on this kind of GPU.
    #[error(transparent)]
    UnsupportedGpu(RuntimeError),
    /// A model that these stages cannot run.
    #[error("{file} cannot run on the GPU: {reason}")]
    Model {
        /// The model's file name.
        file: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The TensorRT that was found cannot build engines, and there is none in the cache.
    #[error(
        "{library} only runs engines, and {folder} holds none for {model} on this GPU; build it on a machine \
         with the full TensorRT of the same version (`mien engines build`) and copy the file there"
    )]
    CannotBuild {
        /// The library.
        library: String,
        /// The cache.
        folder: PathBuf,
        /// The model's file name.
        model: String,
    },
    /// No 8-bit engine is in the cache, and there are no inputs to build one with.
    #[error(
        "no int8 engine of {model} is built for this GPU and frame size, and building one takes typical pictures: \
         `mien engines build --precision int8 --frame WIDTHxHEIGHT --calibrate VIDEO-OR-FOLDER` (some hundred \
         pictures of people before your cameras), or take fp16"
    )]
    Uncalibrated {
        /// The model's file name.
        model: String,
    },
    /// This TensorRT does not calibrate.
    #[error(
        "{library} takes a network's arithmetic from its model file and finds no 8-bit scales itself: take \
         `precision = \"fp16\"`, or TensorRT 8.6 or 10"
    )]
    NoCalibration {
        /// The library.
        library: String,
    },
    /// The cache's folder or a file in it.
    #[error("{path}: {source}", path = path.display())]
    Cache {
        /// Which file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The GPU's memory does not suffice, not even for one face at a time.
    #[error(
        "GPU {gpu} has too little free memory for a camera ({said}); close other programs (nvidia-smi shows them), \
         put fewer cameras on this GPU (`gpu` in the configuration), or take the CPU engine"
    )]
    Memory {
        /// Number of the GPU.
        gpu: usize,
        /// What the driver or TensorRT says.
        said: String,
    },
    /// The model's tensors.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
}

impl GpuPipelineError {
    /// Wraps what TensorRT says of a model.
    pub(crate) fn runtime(model: &str) -> impl Fn(RuntimeError) -> Self {
        move |source| match source {
            unsupported @ RuntimeError::UnsupportedGpu { .. } => Self::UnsupportedGpu(unsupported),
            source => Self::Runtime { model: model.to_owned(), source },
        }
    }

    /// Whether memory is short on this GPU, also where TensorRT fails in other words because almost none is left.
    pub(crate) fn is_about_memory(&self, device: &Device) -> bool {
        const ALMOST_NONE: usize = 64 << 20;
        self.is_out_of_memory()
            || matches!(self, Self::Runtime { .. } | Self::Build(_))
                && device.free_bytes().is_ok_and(|free| free < ALMOST_NONE)
    }

    /// Whether memory is short, so that fewer faces at a time may still fit.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        match self {
            Self::Gpu(error) => error.is_out_of_memory(),
            Self::Memory { .. } => true,
            // TensorRT reports the allocator's failure in words only.
            Self::Runtime { .. } | Self::Build(_) => {
                let said = self.to_string().to_lowercase();
                said.contains("out of memory") || said.contains("outofmemory")
            }
            _ => false,
        }
    }
}

impl From<GpuPipelineError> for PipelineError {
    fn from(error: GpuPipelineError) -> Self {
        match error {
            GpuPipelineError::Pipeline(error) => error,
            other if other.is_out_of_memory() => PipelineError::GpuMemory(Box::new(other)),
            other => PipelineError::Processor(Box::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use mien_tensorrt::Said;

    use super::*;

    #[test]
    fn memory_is_known_by_what_tensorrt_says() {
        let refused = |said: &str| {
            let said = Said(vec![said.to_owned()]);
            GpuPipelineError::runtime("detector.onnx")(RuntimeError::Refused {
                library: "TensorRT".into(),
                said,
            })
        };
        // As TensorRT 8.6 says it when a context or weights find no room.
        for said in ["Cuda Driver (out of memory)", "Error Code 2: OutOfMemory (no further information)"] {
            assert!(refused(said).is_out_of_memory(), "{said}");
        }
        assert!(
            !refused("Serialization assertion stdVersionRead == serializationVersion failed")
                .is_out_of_memory()
        );
        assert!(GpuPipelineError::Memory { gpu: 0, said: "12 MiB".into() }.is_out_of_memory());
    }
}
