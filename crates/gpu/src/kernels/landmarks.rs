//! Landmark network's outputs → results.

use mien_face::LANDMARK_COUNT;
use mien_face::topology::BLENDSHAPE_INPUTS;

use super::{expect_one, ptx};
use crate::layout::{BLENDSHAPE_POINTS, FrameControl, LandmarksParams, MAX_REGIONS, ResultBlock};
use crate::module::{Kernel, Module, Shape};
use crate::{Device, DeviceBuffer, GpuError, Stream};

/// Threads of a block; each takes one landmark.
const THREADS: u32 = 512;

/// The kernel that stands for [`mien_geometry::landmarks_from_crop`], the presence's sigmoid, and the
/// blendshape network's input: the same numbers.
#[derive(Debug)]
pub struct LandmarksFinish {
    kernel: Kernel<LandmarksParams>,
    indices: DeviceBuffer<u32>,
}

impl LandmarksFinish {
    /// Uploads the list of landmarks that the blendshape network reads.
    ///
    /// # Errors
    /// When memory is short, or the driver fails.
    pub fn new(device: &Device) -> Result<Self, GpuError> {
        let indices = device.alloc_with("blendshape input list", &BLENDSHAPE_INPUTS.map(u32::from))?;
        let module = Module::load(device, ptx::LANDMARKS.file, ptx::LANDMARKS.text)?;
        Ok(Self { kernel: module.kernel("landmarks_finish")?, indices })
    }

    /// From the network's outputs, `crop_landmarks` `[regions, 1434]` in crop pixels and `logits`
    /// `[regions]`, to `result`'s landmarks in frame pixels and presence, and `blendshape_inputs`
    /// (`[regions, 146, 2]`, frame pixels, 32-bit: half would round positions in large frames to
    /// whole pixels). Of `regions`, those beyond the control block's count stay as they are.
    ///
    /// # Errors
    /// When a buffer is too short, or the driver fails.
    #[expect(clippy::too_many_arguments, reason = "each is one of the kernel's buffers")]
    pub fn enqueue(
        &self,
        stream: &Stream,
        control: &DeviceBuffer<FrameControl>,
        regions: usize,
        crop_landmarks: &DeviceBuffer<f32>,
        logits: &DeviceBuffer<f32>,
        blendshape_inputs: &DeviceBuffer<f32>,
        result: &DeviceBuffer<ResultBlock>,
    ) -> Result<(), GpuError> {
        if regions == 0 || regions > MAX_REGIONS {
            return Err(GpuError::WrongLength { what: "the regions", needed: MAX_REGIONS, found: regions });
        }
        crop_landmarks.expect_len("the network's landmarks", 3 * LANDMARK_COUNT * regions)?;
        logits.expect_len("the network's presence", regions)?;
        blendshape_inputs.expect_len("the blendshape input", 2 * BLENDSHAPE_POINTS * regions)?;
        expect_one("a control block", control)?;
        expect_one("a result block", result)?;
        let params = LandmarksParams {
            control: control.pointer(),
            landmarks: crop_landmarks.pointer(),
            logits: logits.pointer(),
            result: result.pointer(),
            blendshape_inputs: blendshape_inputs.pointer(),
            blendshape_indices: self.indices.pointer(),
        };
        let kept = [
            control.keeper(),
            crop_landmarks.keeper(),
            logits.keeper(),
            result.keeper(),
            blendshape_inputs.keeper(),
            self.indices.keeper(),
        ];
        let shape = Shape { grid: [regions as u32, 1, 1], threads: THREADS, shared_bytes: 0 };
        // SAFETY: all lengths are checked above.
        unsafe { self.kernel.launch(stream, shape, &params, &kept) }
    }
}
