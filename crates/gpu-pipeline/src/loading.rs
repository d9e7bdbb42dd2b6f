//! Everything that takes the GPU's memory, made for as many faces at a time as there is room for.

use mien_face::PixelFormat;
use mien_gpu::{Device, FrameLayout};

use crate::frame::FrameWork;
use crate::jpeg::Jpeg;
use crate::networks::{Networks, in_terms_of_memory};
use crate::room::{self, Needs, Outcome};
use crate::work::Work;
use crate::{GpuOptions, GpuPipelineError};

/// Everything that takes the GPU's memory.
pub(crate) struct Room {
    pub work: Work,
    pub jpeg: Option<Jpeg>,
    /// Nothing where the frames' size is not known yet.
    pub frame: Option<FrameWork>,
}

/// A GPU on which networks are bound.
struct Bench<'a> {
    device: &'a Device,
    networks: &'a Networks,
    buckets: &'a [usize],
    layout: Option<FrameLayout>,
}

impl room::Room for Bench<'_> {
    type Made = Room;
    type Error = GpuPipelineError;

    fn free_bytes(&self) -> Result<usize, GpuPipelineError> {
        Ok(self.device.free_bytes()?)
    }

    fn make(&mut self, buckets: usize) -> Result<Room, GpuPipelineError> {
        let mut work = Work::new(self.device, self.networks, &self.buckets[..buckets])?;
        let jpeg = Jpeg::open(self.device)?;
        let frame = self.layout.map(|layout| FrameWork::new(&mut work, layout)).transpose()?;
        Ok(Room { work, jpeg, frame })
    }

    fn is_about_memory(&self, error: &GpuPipelineError) -> bool {
        error.is_about_memory(self.device)
    }

    fn pause(&mut self, duration: std::time::Duration) {
        std::thread::sleep(duration);
    }
}

/// Takes the memory for as many of these buckets as there is room for.
pub(crate) fn find_room(
    device: &Device,
    networks: &Networks,
    buckets: &[usize],
    options: &GpuOptions,
) -> Result<Room, GpuPipelineError> {
    let layout =
        options.frame_size.map(|[width, height]| FrameLayout::tight(width, height, PixelFormat::Rgb8));
    let layout = layout.transpose()?;
    let frame_bytes = layout.map_or(0, |layout| layout.bytes());
    let needs = |count: usize| {
        let buckets = &buckets[..count];
        (buckets[count - 1], networks.estimated_bytes(buckets, frame_bytes))
    };
    let needs = Needs { buckets: (1..=buckets.len()).map(needs).collect() };
    match room::fit(&mut Bench { device, networks, buckets, layout }, &needs) {
        Ok(Outcome::All(room)) => Ok(room),
        Ok(Outcome::Fewer(room, line)) => {
            tracing::warn!("GPU {}: {line}", options.gpu);
            Ok(room)
        }
        Ok(Outcome::None(said)) => Err(GpuPipelineError::Memory { gpu: options.gpu, said }),
        Err(error) => Err(in_terms_of_memory(error, device, options.gpu)),
    }
}
