//! Frame → picture for people.

use mien_face::PixelFormat;
use mien_geometry::preview_size;

use super::ptx;
use crate::layout::PreviewParams;
use crate::module::{Kernel, Module, Shape};
use crate::{Device, DeviceBuffer, FrameLayout, GpuError, Stream};

/// The kernel that stands for [`mien_geometry::PreviewScaler`]: the same bytes.
#[derive(Debug)]
pub struct Preview {
    kernel: Kernel<PreviewParams>,
    frame: FrameLayout,
    params: PreviewParams,
    shape: Shape,
}

impl Preview {
    /// For frames of one layout, scaled to at most `most` (width, height) pixels.
    ///
    /// # Errors
    /// When the frame is too much larger than the preview, or the driver fails.
    pub fn new(device: &Device, frame: FrameLayout, most: [u32; 2]) -> Result<Self, GpuError> {
        let [width, height] = preview_size([frame.width, frame.height], most);
        let share = |column: usize| column * frame.width as usize / width as usize;
        let cover = |from: usize, to: usize| (share(from), share(to));
        let Some(tile) = super::tile(width as usize, frame.group_lanes(), cover) else {
            let FrameLayout { width, height, stride, format } = frame;
            let why = "it is too much larger than the preview";
            return Err(GpuError::Frame { width, height, stride, format, why });
        };
        let module = Module::load(device, ptx::PREVIEW.file, ptx::PREVIEW.text)?;
        let swap = u32::from(frame.format == PixelFormat::Bgr8);
        let params = PreviewParams {
            frame: bytemuck::Zeroable::zeroed(),
            output: 0,
            width,
            height,
            tile_columns: tile.columns,
            swap,
        };
        Ok(Self {
            kernel: module.kernel(&format!("preview_{}", frame.suffix()))?,
            frame,
            params,
            shape: Shape {
                grid: [width.div_ceil(tile.columns), height, 1],
                threads: tile.threads,
                shared_bytes: tile.shared_bytes,
            },
        })
    }

    /// Width and height of the preview.
    #[must_use]
    pub fn size(&self) -> [u32; 2] {
        [self.params.width, self.params.height]
    }

    /// Bytes of the preview: tight rows of red, green, blue.
    #[must_use]
    pub fn output_bytes(&self) -> usize {
        3 * self.params.width as usize * self.params.height as usize
    }

    /// Fills `preview`.
    ///
    /// # Errors
    /// When a buffer is too short, or the driver fails.
    pub fn enqueue(
        &self,
        stream: &Stream,
        frame: &DeviceBuffer<u8>,
        preview: &DeviceBuffer<u8>,
    ) -> Result<(), GpuError> {
        preview.expect_len("a preview", self.output_bytes())?;
        let params =
            PreviewParams { frame: self.frame.params(frame)?, output: preview.pointer(), ..self.params };
        // SAFETY: frame and preview are checked above.
        unsafe { self.kernel.launch(stream, self.shape, &params, &[frame.keeper(), preview.keeper()]) }
    }
}
