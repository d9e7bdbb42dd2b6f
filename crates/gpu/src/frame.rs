//! Frames in device memory.

use mien_face::PixelFormat;

use crate::layout::FrameParams;
use crate::{DeviceBuffer, GpuError};

/// Size and format of the frames that kernels are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLayout {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Bytes from one row to the next. Multiples of 16 are read fastest.
    pub stride: usize,
    /// Pixel format.
    pub format: PixelFormat,
}

/// Largest side in pixels.
const LARGEST_SIDE: u32 = 16384;

impl FrameLayout {
    /// Frames with tight rows.
    ///
    /// # Errors
    /// When no such frame is possible, or it is larger than 16,384 pixels a side.
    pub fn tight(width: u32, height: u32, format: PixelFormat) -> Result<Self, GpuError> {
        Self::new(width, height, format.row_bytes(width), format)
    }

    /// Frames with rows of `stride` bytes.
    ///
    /// # Errors
    /// When no such frame is possible, or it is larger than 16,384 pixels a side.
    pub fn new(width: u32, height: u32, stride: usize, format: PixelFormat) -> Result<Self, GpuError> {
        let refuse = |why| Err(GpuError::Frame { width, height, stride, format, why });
        if width == 0 || height == 0 || !format.fits(width, height) {
            return refuse("the format has no pictures of this size");
        }
        if width > LARGEST_SIDE || height > LARGEST_SIDE {
            return refuse("a side is longer than 16,384 pixels");
        }
        if stride < format.row_bytes(width) {
            return refuse("a row needs more bytes");
        }
        if stride > 1 << 20 {
            return refuse("a row is longer than 1 MiB");
        }
        Ok(Self { width, height, stride, format })
    }

    /// Bytes of a frame, the last row included whole.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.stride * self.format.rows(self.height)
    }

    /// The kernels' view of a frame.
    pub(crate) fn params(&self, pixels: &DeviceBuffer<u8>) -> Result<FrameParams, GpuError> {
        pixels.expect_len("a frame", self.bytes())?;
        Ok(FrameParams {
            pixels: pixels.pointer(),
            width: self.width,
            height: self.height,
            stride: self.stride as u32,
            aligned: [16, 8].into_iter().find(|&bytes| self.stride.is_multiple_of(bytes)).unwrap_or(0) as u32,
        })
    }

    /// How kernels for this format are called; BGR is RGB with its channels swapped.
    pub(crate) fn suffix(&self) -> &'static str {
        match self.format {
            PixelFormat::Rgb8 | PixelFormat::Bgr8 => "rgb",
            PixelFormat::Yuyv => "yuyv",
            PixelFormat::Nv12 => "nv12",
        }
    }

    /// Channel values that a thread reads at a time.
    pub(crate) fn group_lanes(&self) -> usize {
        match self.format {
            PixelFormat::Rgb8 | PixelFormat::Bgr8 => 8,
            PixelFormat::Yuyv | PixelFormat::Nv12 => 12,
        }
    }

    /// Channel values that a thread of the letterbox reads at a time.
    pub(crate) fn strip_lanes(&self) -> usize {
        match self.format {
            PixelFormat::Rgb8 | PixelFormat::Bgr8 => 16,
            PixelFormat::Yuyv | PixelFormat::Nv12 => 12,
        }
    }

    /// Where the kernels find red (0), green (1) and blue (2).
    pub(crate) fn channels(&self, wanted: [usize; 3]) -> [u32; 3] {
        wanted.map(|channel| if self.format == PixelFormat::Bgr8 { 2 - channel } else { channel } as u32)
    }
}

/// How the numbers of a network's input are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit.
    F32,
    /// 16-bit (half).
    F16,
}

impl Precision {
    /// Bytes of one number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_frames_are_refused() {
        assert_eq!(FrameLayout::tight(640, 480, PixelFormat::Nv12).unwrap().bytes(), 640 * 720);
        for (width, height, stride, format) in [
            (0, 480, 1920, PixelFormat::Rgb8),
            (641, 480, 1282, PixelFormat::Yuyv),
            (640, 481, 640, PixelFormat::Nv12),
            (640, 480, 1919, PixelFormat::Rgb8),
            (640, 480, 1 << 21, PixelFormat::Rgb8),
            (16385, 480, 49155, PixelFormat::Rgb8),
        ] {
            assert!(FrameLayout::new(width, height, stride, format).is_err());
        }
    }
}
