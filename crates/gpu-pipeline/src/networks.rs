//! The networks of a camera on the GPU, and what they need of its memory.

use mien_engine::{Fit, Role, TensorInfo};
use mien_face::FaceParts;
use mien_gpu::Device;
use mien_pipeline::{FACE_NETWORKS, FaceNetwork, PipelineError};

use crate::network::{Listener, Network, Workshop};
use crate::room::RESERVE_BYTES;
use crate::{GpuPipelineError, ModelSource};

/// A network and where the tensors of its role's contract are.
#[derive(Debug)]
pub(crate) struct Fitted {
    pub network: Network,
    pub fit: Fit,
}

/// An optional network that reads a face.
#[derive(Debug)]
pub(crate) struct Optional {
    pub of: &'static FaceNetwork,
    pub fitted: Fitted,
}

/// The networks: those that must be there, and the optional ones in their order.
#[derive(Debug)]
pub(crate) struct Networks {
    pub detector: Fitted,
    pub landmarks: Fitted,
    pub optional: Vec<Optional>,
    /// What they measure of a face.
    pub parts: FaceParts,
}

impl Networks {
    /// Loads or builds them. Optional ones are left out where they read what the others do not find.
    pub(crate) fn load(
        workshop: &Workshop<'_>,
        sources: &[ModelSource<'_>],
        news: &mut Listener<'_>,
    ) -> Result<Self, GpuPipelineError> {
        let source = |role| sources.iter().find(|source| source.role == role);
        let required = |role| source(role).ok_or(PipelineError::NoNetwork { role });
        let detector = Fitted::load(workshop, required(Role::Detector)?, news)?;
        let landmarks = Fitted::load(workshop, required(Role::Landmarks)?, news)?;
        let mut parts = Role::Landmarks.contract().gives(&landmarks.fit.numbers);
        let mut optional = Vec::new();
        for of in FACE_NETWORKS {
            let contract = of.role.contract();
            if let Some(source) = source(of.role)
                && contract.needs.without(parts).is_empty()
            {
                optional.push(Optional { of, fitted: Fitted::load(workshop, source, news)? });
                parts = parts.and(contract.gives);
            }
        }
        Ok(Self { detector, landmarks, optional, parts })
    }

    /// Every network, in the order in which a frame meets them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Network> {
        let optional = self.optional.iter().map(|optional| &optional.fitted);
        [&self.detector, &self.landmarks].into_iter().chain(optional).map(|fitted| &fitted.network)
    }

    /// Those that read faces.
    fn of_faces(&self) -> impl Iterator<Item = &Network> {
        self.all().skip(1)
    }

    /// Whether several faces may be read at a time.
    pub(crate) fn are_batched(&self) -> bool {
        self.of_faces().all(|network| network.batched)
    }

    /// Working memory, which the networks share, since one runs after the other.
    pub(crate) fn working_bytes(&self) -> usize {
        self.all().map(|network| network.engine.device_memory_bytes()).max().unwrap_or(0).max(256) as usize
    }

    /// About how much device memory a camera takes with these buckets: [`Work::new`](crate::work::Work::new), frame
    /// buffers, graphs, and the decoder of JPEG files.
    pub(crate) fn estimated_bytes(&self, buckets: &[usize], frame_bytes: usize) -> usize {
        /// What the driver takes for a captured graph.
        const GRAPH_BYTES: usize = 256 << 10;
        /// nvJPEG's code and state.
        const JPEG_BYTES: usize = 8 << 20;
        // Before and after the frame is there, with and without the detector; and the preview's.
        let graphs = 4 * (buckets.len() + 1) + 1;
        // The frame itself, its planes while a JPEG file is decoded, and scaled pictures.
        let frames = 4 * frame_bytes;
        self.network_bytes(buckets) + graphs * GRAPH_BYTES + JPEG_BYTES + frames + RESERVE_BYTES
    }

    fn network_bytes(&self, buckets: &[usize]) -> usize {
        /// What TensorRT 8.6 loads with an execution context of these networks.
        const CODE_BYTES: usize = 2 << 20;
        let tensors = |network: &Network| -> usize {
            std::iter::once(&network.input).chain(&network.outputs).map(|tensor| 4 * tensor.elements()).sum()
        };
        let most = buckets.last().copied().unwrap_or(1);
        let faces = most * self.of_faces().map(tensors).sum::<usize>();
        let contexts = 1 + self.of_faces().count() * buckets.len();
        self.working_bytes() + tensors(&self.detector.network) + faces + contexts * CODE_BYTES
    }
}

impl Fitted {
    fn load(
        workshop: &Workshop<'_>,
        source: &ModelSource<'_>,
        news: &mut Listener<'_>,
    ) -> Result<Self, GpuPipelineError> {
        let loaded = workshop.network(source, news);
        let network =
            loaded.map_err(|error| in_terms_of_memory(error, workshop.device, workshop.options.gpu))?;
        let inputs: [TensorInfo; 1] = [network.input.clone()];
        let fit = source.role.contract().fit(&inputs, &network.outputs);
        let fit = fit.map_err(|misfit| PipelineError::tensor(source.file, source.role, misfit))?;
        Ok(Self { network, fit })
    }
}

/// The error, as one of memory where it is.
pub(crate) fn in_terms_of_memory(error: GpuPipelineError, device: &Device, gpu: usize) -> GpuPipelineError {
    if matches!(error, GpuPipelineError::Memory { .. }) || !error.is_about_memory(device) {
        return error;
    }
    let free_mib = device.free_bytes().unwrap_or(0) >> 20;
    GpuPipelineError::Memory { gpu, said: format!("{free_mib} MiB: {error}") }
}
