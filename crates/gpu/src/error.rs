//! What can go wrong between Mien and a GPU.

use mien_face::PixelFormat;

/// Why something on the GPU did not work; each says what to do about it where there is something.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    /// The driver's library is not on this machine.
    #[error(
        "no NVIDIA driver was found (libcuda.so.1 cannot be loaded); install the driver, version 550 or \
         later, or use the CPU engine"
    )]
    DriverMissing,
    /// The driver does not know CUDA 12.4.
    #[error(
        "the NVIDIA driver supports CUDA {major}.{minor}, but 12.4 is needed; update the driver to version \
         550 or later"
    )]
    DriverTooOld {
        /// Newest CUDA version that the driver supports.
        major: u32,
        /// Its minor part.
        minor: u32,
    },
    /// The driver is there and sees no GPU.
    #[error(
        "the NVIDIA driver sees no GPU; check `nvidia-smi`, and in a container that the GPUs are passed \
         through (`--gpus all`) and CUDA_VISIBLE_DEVICES does not hide them"
    )]
    NoGpu,
    /// There are GPUs, but not this one.
    #[error("there is no GPU {ordinal}: the driver sees {count}, numbered from 0")]
    NoSuchGpu {
        /// What was asked for.
        ordinal: usize,
        /// How many there are.
        count: usize,
    },
    /// The GPU is older than Turing.
    #[error(
        "{name} has compute capability {major}.{minor}, but 7.5 is needed (RTX 20, GTX 16, T4 and later); \
         use the CPU engine"
    )]
    GpuTooOld {
        /// Name of the GPU.
        name: String,
        /// Compute capability.
        major: u32,
        /// Its minor part.
        minor: u32,
    },
    /// The GPU's memory does not suffice.
    #[error("{bytes} bytes of GPU memory for {what} cannot be had ({free} bytes are free)")]
    OutOfMemory {
        /// What the memory was for.
        what: String,
        /// Bytes asked for.
        bytes: usize,
        /// Bytes that were free.
        free: usize,
    },
    /// Memory was asked for after the start.
    #[error("{bytes} bytes of GPU memory for {what} were asked for after the start, when no more is taken")]
    Sealed {
        /// What the memory was for.
        what: String,
        /// Bytes asked for.
        bytes: usize,
    },
    /// A buffer does not have the size that an operation needs.
    #[error("{what} needs {needed} elements, but {found} are there")]
    WrongLength {
        /// Which buffer.
        what: &'static str,
        /// Elements that it needs.
        needed: usize,
        /// Elements that it has.
        found: usize,
    },
    /// No such picture, or one that the kernels do not take.
    #[error(
        "a {format:?} frame of {width}×{height} with {stride} bytes a row cannot be read on the GPU: {why}"
    )]
    Frame {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes a row.
        stride: usize,
        /// Pixel format.
        format: PixelFormat,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Kernels that the driver refuses.
    #[error("the driver refuses the kernels of {file}: {log}")]
    Kernels {
        /// File the kernels come from.
        file: &'static str,
        /// What the driver's compiler says.
        log: String,
    },
    /// A call of the driver failed.
    #[error("{call} failed: {message} (CUDA error {code})")]
    Driver {
        /// The driver's function.
        call: &'static str,
        /// What the driver says.
        message: String,
        /// The driver's number for it.
        code: u32,
    },
    /// nvJPEG is not on this machine.
    #[error(
        "no nvJPEG was found: {tried}. It comes with the CUDA toolkit (package libnvjpeg-12-4 or later) or \
         `pip install nvidia-nvjpeg-cu12`; name its file in the environment variable MIEN_NVJPEG to use \
         another"
    )]
    NvJpegMissing {
        /// What was tried, and how it failed.
        tried: String,
    },
    /// nvJPEG refuses a picture, or fails.
    #[error("nvJPEG: {call} failed: {message}")]
    NvJpeg {
        /// nvJPEG's function.
        call: &'static str,
        /// Its status.
        status: i32,
        /// What its status means.
        message: String,
    },
}

impl GpuError {
    /// Whether memory is short, so that a smaller batch may still work.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        // CUDA_ERROR_OUT_OF_MEMORY, NVJPEG_STATUS_ALLOCATOR_FAILURE.
        matches!(
            self,
            Self::OutOfMemory { .. } | Self::Driver { code: 2, .. } | Self::NvJpeg { status: 5, .. }
        )
    }

    /// Whether only this picture cannot be decoded: damaged, of another size, or of a kind that nvJPEG does
    /// not read.
    #[must_use]
    pub fn is_about_a_picture(&self) -> bool {
        // NVJPEG_STATUS_BAD_JPEG, _JPEG_NOT_SUPPORTED, _IMPLEMENTATION_NOT_SUPPORTED, _INCOMPLETE_BITSTREAM.
        matches!(
            self,
            Self::Frame { .. } | Self::WrongLength { .. } | Self::NvJpeg { status: 3 | 4 | 9 | 10, .. }
        )
    }
}
