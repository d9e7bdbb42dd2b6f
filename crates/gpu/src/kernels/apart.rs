//! The letterbox in three passes: what [`Letterbox`](crate::Letterbox) is measured against.

use mien_geometry::{LetterboxTaps, Normalization};

use super::ptx;
use crate::layout::ApartParams;
use crate::module::{Kernel, Module, Shape};
use crate::{Device, DeviceBuffer, FrameLayout, GpuError, Precision, Stream};

const THREADS: u32 = 128;

/// Colour, size and range of a frame in three kernels that hand on through memory.
#[derive(Debug)]
pub struct LetterboxApart {
    convert: Kernel<ApartParams>,
    resize: Kernel<ApartParams>,
    normalise: Kernel<ApartParams>,
    frame: FrameLayout,
    params: ApartParams,
    converted: DeviceBuffer<u8>,
    resized: DeviceBuffer<f32>,
    starts: [DeviceBuffer<u32>; 2],
    weights: [DeviceBuffer<f32>; 2],
    output_bytes: usize,
}

impl LetterboxApart {
    /// For frames of one layout, whose width must be a multiple of 4, and an input of three planes of
    /// `height` × `width`.
    ///
    /// # Errors
    /// When memory is short, or the driver fails.
    pub fn new(
        device: &Device,
        frame: FrameLayout,
        [height, width]: [usize; 2],
        normalization: Normalization,
        precision: Precision,
    ) -> Result<Self, GpuError> {
        let FrameLayout { width: frame_width, height: frame_height, stride, format } = frame;
        if !frame_width.is_multiple_of(4) || !stride.is_multiple_of(4) {
            let why = "its rows are no multiples of 4";
            return Err(GpuError::Frame { width: frame_width, height: frame_height, stride, format, why });
        }
        let LetterboxTaps { columns, rows, pixel_weight } =
            LetterboxTaps::new([frame_width as usize, frame_height as usize], [width, height]);
        let row_weights: Vec<f32> = rows.weights().iter().map(|weight| weight * pixel_weight).collect();
        let starts =
            [device.alloc_with("tables", columns.starts())?, device.alloc_with("tables", rows.starts())?];
        let weights =
            [device.alloc_with("tables", columns.weights())?, device.alloc_with("tables", &row_weights)?];
        let converted = device.alloc("converted frame", 3 * (frame_width * frame_height) as usize)?;
        let resized = device.alloc("resized frame", 3 * columns.len() * rows.len())?;
        let module = Module::load(device, ptx::APART.file, ptx::APART.text)?;
        // The order of the planes is made in the first pass, so it must be this one or its reverse.
        let swap = u32::from(frame.channels(normalization.channels)[0] == 2);
        let params = ApartParams {
            frame: bytemuck::Zeroable::zeroed(),
            row_starts: starts[1].pointer(),
            row_weights: weights[1].pointer(),
            column_starts: starts[0].pointer(),
            column_weights: weights[0].pointer(),
            converted: converted.pointer(),
            resized: resized.pointer(),
            output: 0,
            width: width as u32,
            height: height as u32,
            scaled_width: columns.len() as u32,
            scaled_height: rows.len() as u32,
            row_taps: rows.taps() as u32,
            column_taps: columns.taps() as u32,
            swap,
            half: u32::from(precision == Precision::F16),
            mean: normalization.mean,
            scale: normalization.scale,
        };
        Ok(Self {
            convert: module.kernel(&format!("convert_{}", frame.suffix()))?,
            resize: module.kernel("resize")?,
            normalise: module.kernel("normalise")?,
            frame,
            params,
            converted,
            resized,
            starts,
            weights,
            output_bytes: 3 * width * height * precision.bytes(),
        })
    }

    /// Bytes that the three passes read and write, each number counted once a pass.
    #[must_use]
    pub fn bytes_moved(&self) -> usize {
        let pixels =
            self.frame.format.row_bytes(self.frame.width) * self.frame.format.rows(self.frame.height);
        pixels + 2 * self.converted.bytes() + 2 * self.resized.bytes() + self.output_bytes
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
        input.expect_len("a letterbox's output", self.output_bytes)?;
        let mut params = self.params;
        params.frame = self.frame.params(frame)?;
        params.output = input.pointer();
        let kept = [
            frame.keeper(),
            input.keeper(),
            self.converted.keeper(),
            self.resized.keeper(),
            self.starts[0].keeper(),
            self.starts[1].keeper(),
            self.weights[0].keeper(),
            self.weights[1].keeper(),
        ];
        let shape = |columns: u32, rows: u32| Shape {
            grid: [columns.div_ceil(THREADS), rows, 1],
            threads: THREADS,
            shared_bytes: 0,
        };
        // SAFETY: frame and output are checked above; the rest was made for these sizes in `new`.
        unsafe {
            self.convert.launch(
                stream,
                shape(params.frame.width / 4, params.frame.height),
                &params,
                &kept,
            )?;
            self.resize.launch(stream, shape(params.scaled_width, params.scaled_height), &params, &kept)?;
            self.normalise.launch(stream, shape(params.width, params.height), &params, &kept)
        }
    }
}
