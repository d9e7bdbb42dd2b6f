//! Frames that come as JPEG files.

use mien_gpu::{Device, Event, GpuError, JpegDecoder, Wait};

/// Decodes frames that come as JPEG files.
pub(crate) struct Jpeg {
    pub decoder: JpegDecoder,
    /// Passed before a picture is decoded.
    pub begun: Event,
}

impl Jpeg {
    /// `None`, with a line in the log, where nvJPEG is not installed.
    pub(crate) fn open(device: &Device) -> Result<Option<Self>, GpuError> {
        match JpegDecoder::new(device) {
            Ok(decoder) => {
                tracing::info!("JPEG frames are decoded on the GPU by {}", decoder.library());
                Ok(Some(Self { decoder, begun: Event::new(device, Wait::Sleep)? }))
            }
            Err(error @ GpuError::NvJpegMissing { .. }) => {
                tracing::info!("JPEG frames are decoded on the CPU: {error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
