//! Networks with their buffers: the only module that hands addresses to TensorRT.

use mien_gpu::{Device, DeviceBuffer, Stream};
use mien_tensorrt::Context;

use crate::GpuPipelineError;
use crate::network::Network;

/// A network at one batch, with its tensors and working memory in place.
#[derive(Debug)]
pub(crate) struct Bound {
    context: Context,
    file: String,
    /// What the addresses below point into; freed after the context.
    _buffers: Vec<DeviceBuffer<u8>>,
}

/// Where a tensor lies: a buffer, and the bytes of it that come first.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub buffer: DeviceBuffer<u8>,
    pub offset: usize,
}

impl Place {
    pub(crate) fn start_of(buffer: &DeviceBuffer<u8>) -> Self {
        Self { buffer: buffer.clone(), offset: 0 }
    }
}

impl Bound {
    /// Binds the network for runs of `batch` items. `input` and `outputs` (in the network's order) must
    /// hold as many; contexts that share `scratch` must not run at the same time, which holds for all
    /// that run on one stream.
    pub(crate) fn new(
        device: &Device,
        network: &Network,
        batch: usize,
        input: &Place,
        outputs: &[Place],
        scratch: &DeviceBuffer<u8>,
    ) -> Result<Self, GpuPipelineError> {
        let failed = GpuPipelineError::runtime(&network.file);
        device.make_current()?;
        let tensors = [(&network.input, input)].into_iter().chain(network.outputs.iter().zip(outputs));
        for (tensor, place) in tensors.clone() {
            let (needed, found) = (place.offset + 4 * batch * tensor.elements(), place.buffer.bytes());
            if needed > found {
                let error = mien_gpu::GpuError::WrongLength { what: "a network's tensor", needed, found };
                return Err(error.into());
            }
        }
        let mut context = network.engine.context_without_device_memory().map_err(&failed)?;
        let needed = network.engine.device_memory_bytes();
        if needed > scratch.bytes() as u64 || outputs.len() != network.outputs.len() {
            let reason =
                format!("{needed} bytes of working memory and {} outputs are needed", network.outputs.len());
            return Err(GpuPipelineError::Model { file: network.file.clone(), reason });
        }
        // SAFETY: as long as the engine asks for, kept below, and used by one stream only.
        unsafe { context.set_device_memory(scratch.pointer(), scratch.bytes() as u64) };
        // SAFETY: the stream is of the device that is current.
        unsafe { context.set_profile(network.profile_of(batch), device.stream().handle()) }
            .map_err(&failed)?;
        device.stream().wait()?;
        let shape: Vec<i64> =
            std::iter::once(batch).chain(network.input.shape.iter().copied()).map(|n| n as i64).collect();
        context.set_input_shape(&network.input.name, &shape).map_err(&failed)?;
        for (tensor, place) in tensors {
            // SAFETY: long enough for the batch (checked above), and kept below.
            unsafe { context.set_tensor_address(&tensor.name, place.buffer.pointer() + place.offset as u64) }
                .map_err(&failed)?;
        }
        context.infer_shapes().map_err(&failed)?;
        let buffers = outputs.iter().chain([input]).map(|place| place.buffer.clone());
        let buffers = buffers.chain([scratch.clone()]).collect();
        Ok(Self { context, file: network.file.clone(), _buffers: buffers })
    }

    /// Puts a run on the stream.
    pub(crate) fn enqueue(&mut self, stream: &Stream) -> Result<(), GpuPipelineError> {
        // SAFETY: everything is bound, and all of a device's work runs on its one stream.
        unsafe { self.context.enqueue(stream.handle()) }.map_err(GpuPipelineError::runtime(&self.file))
    }
}
