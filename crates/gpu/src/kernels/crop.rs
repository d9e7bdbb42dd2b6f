//! Regions of the frame → network input.

use mien_geometry::{Border, Normalization};
use mien_tracking::Appearance;

use super::{expect_one, ptx};
use crate::layout::{CropParams, FrameControl, MAX_REGIONS, ResultBlock};
use crate::module::{Kernel, Module, Shape};
use crate::{Device, DeviceBuffer, FrameLayout, GpuError, Precision, Stream};

/// Threads of a block; the appearance's block needs one for each of its 24 × 24 places.
const THREADS: u32 = 256;

/// How regions are cut out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CropOptions {
    /// Side of a crop in pixels.
    pub size: usize,
    /// What lies outside the frame.
    pub border: Border,
    /// Order and range of the planes.
    pub normalization: Normalization,
    /// How the numbers are stored.
    pub precision: Precision,
}

/// The kernel that stands for [`mien_geometry::Cropper`], for all regions of a frame in one launch:
/// the same fixed-point arithmetic, so the same numbers. It takes the regions' mean colours on the way
/// ([`mien_tracking::Appearance`], from the crop's numbers before they are rounded to half).
#[derive(Debug)]
pub struct Crop {
    kernel: Kernel<CropParams>,
    frame: FrameLayout,
    options: CropOptions,
    params: CropParams,
    places: DeviceBuffer<u32>,
}

impl Crop {
    /// For frames of one layout.
    ///
    /// # Errors
    /// When memory is short, or the driver fails.
    pub fn new(device: &Device, frame: FrameLayout, options: CropOptions) -> Result<Self, GpuError> {
        let CropOptions { size, border, normalization, precision } = options;
        if size == 0 || size > 4096 {
            return Err(GpuError::WrongLength {
                what: "a crop's side (1 to 4096)",
                needed: 4096,
                found: size,
            });
        }
        let places =
            device.alloc_with("appearance table", &Appearance::sample_places(size).map(|at| at as u32))?;
        let module = Module::load(device, ptx::CROP.file, ptx::CROP.text)?;
        let params = CropParams {
            frame: bytemuck::Zeroable::zeroed(),
            control: 0,
            output: 0,
            result: 0,
            places: places.pointer(),
            size: size as u32,
            black: u32::from(border == Border::Black),
            channels: frame.channels(normalization.channels),
            offset: normalization.mean.map(|mean| -mean * normalization.scale),
            scale: normalization.scale / 65536.0,
            reserved: 0,
        };
        let kernel = module.kernel(&format!("crop_{}_{}", frame.suffix(), precision.suffix()))?;
        Ok(Self { kernel, frame, options, params, places })
    }

    /// Bytes of the network's input for `regions` regions.
    #[must_use]
    pub fn output_bytes(&self, regions: usize) -> usize {
        regions * 3 * self.options.size * self.options.size * self.options.precision.bytes()
    }

    /// Fills `input` (`[regions, 3, size, size]`) with the control block's regions, and `result`'s
    /// appearances. Of `regions`, those beyond the control block's count stay as they are.
    ///
    /// # Errors
    /// When a buffer is too short, or the driver fails.
    pub fn enqueue(
        &self,
        stream: &Stream,
        frame: &DeviceBuffer<u8>,
        control: &DeviceBuffer<FrameControl>,
        regions: usize,
        input: &DeviceBuffer<u8>,
        result: &DeviceBuffer<ResultBlock>,
    ) -> Result<(), GpuError> {
        if regions == 0 || regions > MAX_REGIONS {
            return Err(GpuError::WrongLength {
                what: "a crop's regions",
                needed: MAX_REGIONS,
                found: regions,
            });
        }
        input.expect_len("a crop's output", self.output_bytes(regions))?;
        expect_one("a control block", control)?;
        expect_one("a result block", result)?;
        let params = CropParams {
            frame: self.frame.params(frame)?,
            control: control.pointer(),
            output: input.pointer(),
            result: result.pointer(),
            ..self.params
        };
        let pixels = (self.options.size * self.options.size) as u32;
        // The last block of each region takes its appearance.
        let grid = [pixels.div_ceil(THREADS) + 1, regions as u32, 1];
        let kept = [frame.keeper(), control.keeper(), input.keeper(), result.keeper(), self.places.keeper()];
        // SAFETY: all lengths are checked above; the table has the 24 entries that the kernel reads.
        unsafe {
            self.kernel.launch(stream, Shape { grid, threads: THREADS, shared_bytes: 0 }, &params, &kept)
        }
    }
}
