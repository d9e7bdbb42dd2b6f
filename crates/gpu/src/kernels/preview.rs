//! Frame → picture for people.

use mien_face::PixelFormat;
use mien_geometry::preview_size;

use super::{SHARED_BYTES, ptx};
use crate::layout::PreviewParams;
use crate::module::{Kernel, Module, Shape};
use crate::{Device, DeviceBuffer, FrameLayout, GpuError, Stream};

/// Source pixels of one block: enough to keep its threads busy, few enough for many blocks at a time.
const TILE_PIXELS: usize = 656;

/// How the output columns are shared out among blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tile {
    /// Output columns of one block.
    columns: u32,
    /// Threads of a block: one for every group of source pixels, as far as a block can have them.
    threads: u32,
    /// Shared memory for the source pixels that they cover.
    shared_bytes: u32,
}

/// Shares out `columns`; `cover` gives first and last + 1 source pixel of a range of output columns.
///
/// A thread reads `lanes` channel values at a time. Blocks keep their pixels as three 4-byte numbers, from
/// a multiple of 16 pixels to another.
fn tile(columns: usize, lanes: usize, cover: impl Fn(usize, usize) -> (usize, usize)) -> Option<Tile> {
    let pixels_of = |tile: usize| {
        (0..columns)
            .step_by(tile)
            .map(|from| {
                let (start, end) = cover(from, (from + tile).min(columns));
                end.next_multiple_of(16) - start / 16 * 16
            })
            .max()
            .unwrap_or(0)
    };
    // As few tiles of one size as keep to the limit.
    let mut tiles = 1;
    while tiles < columns && pixels_of(columns.div_ceil(tiles)) > TILE_PIXELS {
        tiles += 1;
    }
    let tile = columns.div_ceil(tiles);
    let pixels = pixels_of(tile);
    let shared_bytes = 12 * pixels;
    let threads = (3 * pixels).div_ceil(lanes).max(tile).next_multiple_of(32).clamp(64, 256);
    (shared_bytes <= SHARED_BYTES).then_some(Tile {
        columns: tile as u32,
        threads: threads as u32,
        shared_bytes: shared_bytes as u32,
    })
}

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
        let Some(tile) = tile(width as usize, frame.group_lanes(), cover) else {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fit_into_shared_memory() {
        // 3840 to 640: six pixels each.
        let tile_4k = tile(640, 8, |from, to| (6 * from, 6 * to)).unwrap();
        assert_eq!(tile_4k, Tile { columns: 107, threads: 256, shared_bytes: 12 * 656 });
        // Hundreds of pixels for each column.
        let long = tile(64, 12, |from, to| (256 * from, 256 * to)).unwrap();
        assert!(long.columns >= 1 && long.shared_bytes as usize <= SHARED_BYTES, "{long:?}");
        assert_eq!(tile(1, 8, |_, _| (0, 100_000)), None);
    }
}
