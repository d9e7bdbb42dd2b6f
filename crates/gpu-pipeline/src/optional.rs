//! Optional networks on the GPU: where each reads, where it writes, and how its numbers reach the host.

use mien_engine::Role;
use mien_gpu::{Device, DeviceBuffer, PinnedBuffer, ResultBlock, Stream};
use mien_pipeline::{FaceInput, FaceNetwork};

use crate::GpuPipelineError;
use crate::bound::{Bound, Place};
use crate::networks::Optional;
use crate::work::{bytes, places};

/// One optional network of a camera: its places, for as many faces as are read at a time.
#[derive(Debug)]
pub(crate) struct OptionalWork {
    pub network: &'static FaceNetwork,
    /// Its place in [`Role::OPTIONAL`], by which its time is counted.
    pub index: usize,
    input: Place,
    outputs: Vec<Place>,
    results: Results,
}

/// Where a network's numbers are.
#[derive(Debug)]
enum Results {
    /// In the result block, from this byte on.
    Block(usize),
    /// In memory of their own, which is brought to the host beside the block.
    Own { device: DeviceBuffer<f32>, host: PinnedBuffer<f32> },
}

/// The buffers that the stages before the optional networks fill.
pub(crate) struct FaceBuffers<'a> {
    /// x and y of the landmarks that [`FaceInput::Points`] names.
    pub points: &'a DeviceBuffer<f32>,
    /// The result block as bytes.
    pub result_bytes: &'a DeviceBuffer<u8>,
}

impl OptionalWork {
    /// Takes the memory for `most` faces at a time.
    pub(crate) fn new(
        device: &Device,
        optional: &Optional,
        most: usize,
        buffers: &FaceBuffers<'_>,
    ) -> Result<Self, GpuPipelineError> {
        let (network, fitted) = (optional.of, &optional.fitted);
        let input = match network.input {
            FaceInput::Points => bytes(buffers.points)?,
        };
        let (results, place) = match block_offset(network.role) {
            Some(offset) => (Results::Block(offset), Place { buffer: buffers.result_bytes.clone(), offset }),
            None => {
                let numbers =
                    device.alloc::<f32>("an optional network's results", network.numbers() * most)?;
                let (host, place) = (device.pinned(numbers.len())?, bytes(&numbers)?);
                (Results::Own { device: numbers, host }, place)
            }
        };
        let outputs = places(device, &fitted.network, most, &[(fitted.fit.outputs[0], place)])?;
        let index = Role::OPTIONAL.into_iter().position(|role| role == network.role);
        Ok(Self { network, index: index.expect("the role is optional"), input, outputs, results })
    }

    /// Binds the network for runs of `faces`.
    pub(crate) fn bind(
        &self,
        device: &Device,
        optional: &Optional,
        faces: usize,
        scratch: &DeviceBuffer<u8>,
    ) -> Result<Bound, GpuPipelineError> {
        Bound::new(device, &optional.fitted.network, faces, &self.input, &self.outputs, scratch)
    }

    /// Brings the numbers of so many faces to the host, unless they go with the result block.
    pub(crate) fn enqueue_download(&self, stream: &Stream, faces: usize) -> Result<(), GpuPipelineError> {
        match &self.results {
            Results::Block(_) => Ok(()),
            Results::Own { device, host } => {
                Ok(stream.download(device, host, 0..faces * self.network.numbers())?)
            }
        }
    }

    /// The numbers of the face at `place`; `block` is the result block on the host.
    pub(crate) fn numbers<'a>(&'a self, block: &'a [u8], place: usize) -> &'a [f32] {
        let count = self.network.numbers();
        match &self.results {
            Results::Block(offset) => bytemuck::cast_slice(&block[offset + 4 * place * count..][..4 * count]),
            Results::Own { host, .. } => &host[place * count..][..count],
        }
    }
}

/// Where the result block has room for a network's numbers.
fn block_offset(role: Role) -> Option<usize> {
    match role {
        Role::Blendshapes => Some(ResultBlock::BLENDSHAPES_OFFSET),
        _ => None,
    }
}
