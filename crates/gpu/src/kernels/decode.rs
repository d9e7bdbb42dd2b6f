//! Detector outputs → detections.

use mien_face::KEYPOINT_COUNT;
use mien_geometry::RetinaFaceDecoder;

use super::{expect_one, ptx};
use crate::layout::{DecodeParams, FrameControl, ResultBlock};
use crate::module::{Kernel, Module, Shape};
use crate::{Device, DeviceBuffer, GpuError, Stream};

/// Threads of the kernel's only block.
const THREADS: u32 = 1024;

/// The kernel that stands for [`mien_geometry::RetinaFaceDecoder`]: threshold, the best 2000 priors,
/// decoding, non-maximum suppression, at most 200 detections, in the same order with ties as there.
///
/// It runs in a single block: a few thousand numbers are too few to share out, and so there is no
/// other order of anything than the one.
#[derive(Debug)]
pub struct RetinaFaceDecode {
    kernel: Kernel<DecodeParams>,
    priors: DeviceBuffer<[f32; 3]>,
    keys: DeviceBuffer<u64>,
}

impl RetinaFaceDecode {
    /// For a network with an input of `height` × `width`.
    ///
    /// # Errors
    /// When memory is short, or the driver fails.
    pub fn new(device: &Device, [height, width]: [usize; 2]) -> Result<Self, GpuError> {
        let priors = device.alloc_with("detector priors", RetinaFaceDecoder::new(height, width).priors())?;
        let keys = device.alloc("detector candidates", priors.len())?;
        let module = Module::load(device, ptx::DECODE.file, ptx::DECODE.text)?;
        Ok(Self { kernel: module.kernel("retinaface_decode")?, priors, keys })
    }

    /// Number of priors.
    #[must_use]
    pub fn prior_count(&self) -> usize {
        self.priors.len()
    }

    /// Fills in `result`'s detections from the network's outputs: `boxes` `[priors, 4]`, `confidences`
    /// `[priors, 2]` (already normalised), `keypoints` `[priors, 10]`.
    ///
    /// # Errors
    /// When a buffer is too short, or the driver fails.
    pub fn enqueue(
        &self,
        stream: &Stream,
        control: &DeviceBuffer<FrameControl>,
        boxes: &DeviceBuffer<f32>,
        confidences: &DeviceBuffer<f32>,
        keypoints: &DeviceBuffer<f32>,
        result: &DeviceBuffer<ResultBlock>,
    ) -> Result<(), GpuError> {
        let count = self.prior_count();
        boxes.expect_len("the detector's boxes", 4 * count)?;
        confidences.expect_len("the detector's confidences", 2 * count)?;
        keypoints.expect_len("the detector's key points", 2 * KEYPOINT_COUNT * count)?;
        expect_one("a control block", control)?;
        expect_one("a result block", result)?;
        let params = DecodeParams {
            control: control.pointer(),
            boxes: boxes.pointer(),
            confidences: confidences.pointer(),
            keypoints: keypoints.pointer(),
            priors: self.priors.pointer(),
            keys: self.keys.pointer(),
            result: result.pointer(),
            prior_count: count as u32,
            reserved: 0,
        };
        let kept = [
            control.keeper(),
            boxes.keeper(),
            confidences.keeper(),
            keypoints.keeper(),
            self.priors.keeper(),
            self.keys.keeper(),
            result.keeper(),
        ];
        let shape = Shape { grid: [1; 3], threads: THREADS, shared_bytes: 0 };
        // SAFETY: all lengths are checked above.
        unsafe { self.kernel.launch(stream, shape, &params, &kept) }
    }
}
