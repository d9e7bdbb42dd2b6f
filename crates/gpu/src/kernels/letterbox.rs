//! Frame → network input: colour, size, range and planes in one pass.

use mien_geometry::{Affine, AxisTaps, Normalization, letterbox_taps};

use super::ptx;
use crate::layout::LetterboxParams;
use crate::module::{Kernel, Module, Shape};
use crate::{Device, DeviceBuffer, FrameLayout, GpuError, Precision, Stream};

/// The kernel that stands for [`mien_geometry::Letterbox`]: the same numbers, read once, written once.
///
/// Each block mixes the source rows of one output row into shared memory and then takes the columns'
/// means from there.
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
        let taps = letterbox_taps([frame.width as usize, frame.height as usize], [width, height]);
        let [columns, rows] = &taps;
        let cover = |from: usize, to: usize| {
            (columns.starts()[from] as usize, columns.starts()[to - 1] as usize + columns.taps())
        };
        let Some(tile) = super::tile(columns.len(), frame.group_lanes(), cover) else {
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
        };
        let tiles = (columns.len() as u32).div_ceil(tile.columns);
        Ok(Self {
            kernel: module.kernel(&format!("letterbox_{}_{}", frame.suffix(), precision.suffix()))?,
            frame,
            precision,
            params,
            shape: Shape {
                grid: [tiles, rows.len() as u32, 1],
                threads: tile.threads,
                shared_bytes: tile.shared_bytes,
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
