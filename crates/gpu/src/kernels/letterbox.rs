//! Frame → network input: colour, size, range and planes in one pass.

use mien_geometry::{Affine, AxisTaps, LetterboxTaps, Normalization};

use super::{SHARED_BYTES, ptx};
use crate::layout::LetterboxParams;
use crate::module::{Kernel, Module, Shape};
use crate::{Device, DeviceBuffer, FrameLayout, GpuError, Precision, Stream};

/// Output rows that a warp makes one after the other, while the next one's pixels are fetched: what was fastest for
/// 4K on an H200.
const ROWS_OF_A_WARP: u32 = 4;

/// How the output columns are shared out among warps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WarpTile {
    /// Output columns of one warp, at most 32.
    columns: u32,
    /// Numbers in the shared memory of one warp.
    floats: u32,
    /// Warps of one block.
    warps: u32,
}

impl WarpTile {
    /// As few tiles as keep to one column a thread and, where possible, one strip of `lanes` channel
    /// values a thread. `None` when a single column's pixels are more than a block can keep.
    fn new(columns: &AxisTaps, lanes: usize) -> Option<Self> {
        let strips_of = |tile: usize| {
            (0..columns.len())
                .step_by(tile)
                .map(|from| {
                    let to = (from + tile).min(columns.len());
                    let (start, end) = (columns.starts()[from], columns.starts()[to - 1]);
                    (3 * (end as usize + columns.taps())).div_ceil(lanes) - 3 * start as usize / lanes
                })
                .max()
                .unwrap_or(0)
        };
        let mut tiles = columns.len().div_ceil(32);
        while tiles < columns.len() && strips_of(columns.len().div_ceil(tiles)) > 32 {
            tiles += 1;
        }
        let tile = columns.len().div_ceil(tiles);
        let floats = strips_of(tile).max(32) * lanes;
        let warps = [4, 2, 1].into_iter().find(|warps| 4 * floats * warps <= SHARED_BYTES)?;
        Some(Self { columns: tile as u32, floats: floats as u32, warps: warps as u32 })
    }
}

/// The kernel that stands for [`mien_geometry::Letterbox`]: the same numbers, read once, written once.
///
/// Each warp mixes the source rows of one output row into shared memory and then takes the columns'
/// means from there, a few output rows one after the other.
#[derive(Debug)]
pub struct Letterbox {
    kernel: Kernel<LetterboxParams>,
    frame: FrameLayout,
    precision: Precision,
    params: LetterboxParams,
    shape: Shape,
    frame_from_input: Affine,
    tables: Tables,
}

#[derive(Debug)]
struct Tables {
    starts: [DeviceBuffer<u32>; 2],
    weights: [DeviceBuffer<f32>; 2],
}

impl Letterbox {
    /// For frames of one layout and an input of three planes of `height` × `width`.
    ///
    /// # Errors
    /// When the frame is too much larger than the input, memory is short, or the driver fails.
    pub fn new(
        device: &Device,
        frame: FrameLayout,
        [height, width]: [usize; 2],
        normalization: Normalization,
        precision: Precision,
    ) -> Result<Self, GpuError> {
        let taps = LetterboxTaps::new([frame.width as usize, frame.height as usize], [width, height]);
        let LetterboxTaps { columns, rows, pixel_weight } = &taps;
        let Some(tile) = WarpTile::new(columns, frame.strip_lanes()) else {
            let FrameLayout { width, height, stride, format } = frame;
            let why = "it is too much larger than the network's input";
            return Err(GpuError::Frame { width, height, stride, format, why });
        };
        let module = Module::load(device, ptx::LETTERBOX.file, ptx::LETTERBOX.text)?;
        let upload = |taps: &AxisTaps| {
            Ok::<_, GpuError>((
                device.alloc_with("letterbox tables", taps.starts())?,
                device.alloc_with("letterbox tables", taps.weights())?,
            ))
        };
        let ((column_starts, column_weights), (row_starts, row_weights)) = (upload(columns)?, upload(rows)?);
        let params = LetterboxParams {
            frame: bytemuck::Zeroable::zeroed(),
            row_starts: row_starts.pointer(),
            row_weights: row_weights.pointer(),
            column_starts: column_starts.pointer(),
            column_weights: column_weights.pointer(),
            output: 0,
            width: width as u32,
            height: height as u32,
            scaled_width: columns.len() as u32,
            scaled_height: rows.len() as u32,
            row_taps: rows.taps() as u32,
            column_taps: columns.taps() as u32,
            tile_columns: tile.columns,
            channels: frame.channels(normalization.channels),
            mean: normalization.mean,
            scale: normalization.scale,
            warp_floats: tile.floats,
            pixel_weight: *pixel_weight,
        };
        let tiles = (columns.len() as u32).div_ceil(tile.columns);
        Ok(Self {
            kernel: module.kernel(&format!("letterbox_{}_{}", frame.suffix(), precision.suffix()))?,
            frame,
            precision,
            params,
            shape: Shape {
                grid: [tiles.div_ceil(tile.warps), (rows.len() as u32).div_ceil(ROWS_OF_A_WARP), 1],
                threads: 32 * tile.warps,
                shared_bytes: 4 * tile.floats * tile.warps,
            },
            frame_from_input: Affine::scale_offset(
                [frame.width as f32 / columns.len() as f32, frame.height as f32 / rows.len() as f32],
                [0.0; 2],
            ),
            tables: Tables { starts: [column_starts, row_starts], weights: [column_weights, row_weights] },
        })
    }

    /// The map for [`FrameControl::set_detector`](crate::FrameControl::set_detector).
    #[must_use]
    pub fn frame_from_input(&self) -> Affine {
        self.frame_from_input
    }

    /// Bytes of the network's input.
    #[must_use]
    pub fn output_bytes(&self) -> usize {
        3 * (self.params.width * self.params.height) as usize * self.precision.bytes()
    }

    /// Fills `input` (`[3, height, width]`) with the frame.
    ///
    /// # Errors
    /// When a buffer is too short, or the driver fails.
    pub fn enqueue(
        &self,
        stream: &Stream,
        frame: &DeviceBuffer<u8>,
        input: &DeviceBuffer<u8>,
    ) -> Result<(), GpuError> {
        input.expect_len("a letterbox's output", self.output_bytes())?;
        let mut params = self.params;
        params.frame = self.frame.params(frame)?;
        params.output = input.pointer();
        let Tables { starts: [s0, s1], weights: [w0, w1] } = &self.tables;
        let kept = [frame.keeper(), input.keeper(), s0.keeper(), s1.keeper(), w0.keeper(), w1.keeper()];
        // SAFETY: the tables are as long as the counts say, frame and output are checked above.
        unsafe { self.kernel.launch(stream, self.shape, &params, &kept) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fit_a_warp() {
        // 3840 to 640, six pixels each: 28 columns are 504 bytes of RGB, 32 strips of 16.
        let six = AxisTaps::new(3840, 640);
        let columns = |lanes| WarpTile::new(&six, lanes).unwrap().columns;
        assert_eq!((columns(16), columns(12)), (28, 21));
        assert_eq!(WarpTile::new(&six, 12), Some(WarpTile { columns: 21, floats: 384, warps: 4 }));
        // As many pixels as columns.
        assert_eq!(WarpTile::new(&AxisTaps::new(640, 640), 12).unwrap().columns, 32);
        // Hundreds of pixels for each column: fewer warps have more memory each.
        let long = WarpTile::new(&AxisTaps::new(16384, 8), 12).unwrap();
        assert_eq!((long.columns, long.warps), (1, 2));
        assert_eq!(WarpTile::new(&AxisTaps::new(100_000, 1), 16), None);
    }
}
