//! Everything that does not depend on the frames' size: networks, their buffers, the host's blocks.

use bytemuck::Zeroable;
use mien_engine::{FACES, Role};
use mien_face::{LANDMARK_COUNT, MESH_LANDMARK_COUNT};
use mien_gpu::{
    BLENDSHAPE_POINTS, Device, DeviceBuffer, Event, FrameControl, LandmarksFinish, MAX_REGIONS, PinnedBuffer,
    ResultBlock, RetinaFaceDecode, Stream, Wait,
};
use mien_pipeline::StageTimings;

use crate::GpuPipelineError;
use crate::bound::{Bound, Place};
use crate::network::Network;
use crate::networks::{Fitted, Networks};
use crate::optional::{FaceBuffers, OptionalWork};

/// Points between the stages, in the order in which a frame passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Start,
    Uploaded,
    Preprocessed,
    Detected,
    Decoded,
    Cropped,
    Landmarked,
    /// An optional network, by its place in [`Role::OPTIONAL`].
    Optional(usize),
    Downloaded,
}

impl Mark {
    /// How many there are.
    const COUNT: usize = 8 + Role::OPTIONAL.len();

    /// Its place among all.
    fn index(self) -> usize {
        match self {
            Self::Start => 0,
            Self::Uploaded => 1,
            Self::Preprocessed => 2,
            Self::Detected => 3,
            Self::Decoded => 4,
            Self::Cropped => 5,
            Self::Landmarked => 6,
            Self::Downloaded => 7,
            Self::Optional(network) => 8 + network,
        }
    }

    /// The time that ends with this mark.
    pub(crate) fn field(self, timings: &mut StageTimings) -> &mut u64 {
        match self {
            Self::Start | Self::Uploaded | Self::Downloaded => &mut timings.transfer_nanos,
            Self::Preprocessed => &mut timings.preprocess_nanos,
            Self::Detected => &mut timings.detect_nanos,
            Self::Decoded => &mut timings.decode_nanos,
            Self::Cropped => &mut timings.crop_nanos,
            Self::Landmarked => &mut timings.landmarks_nanos,
            Self::Optional(network) => &mut timings.optional_nanos[network],
        }
    }
}

/// The networks of one bucket.
#[derive(Debug)]
pub(crate) struct BucketWork {
    pub faces: usize,
    pub landmarks: Bound,
    /// In the order of [`Work::optional`].
    pub optional: Vec<Bound>,
}

/// Networks in their places, and the buffers between them.
#[derive(Debug)]
pub(crate) struct Work {
    pub device: Device,
    pub detector: Bound,
    pub buckets: Vec<BucketWork>,
    pub decode: RetinaFaceDecode,
    pub finish: LandmarksFinish,
    /// The optional networks, in the order in which they run.
    pub optional: Vec<OptionalWork>,
    /// Side of the landmark network's input in pixels.
    pub crop_size: usize,
    /// Height and width of the detector's input.
    pub detector_size: [usize; 2],
    pub control: DeviceBuffer<FrameControl>,
    pub host_control: PinnedBuffer<FrameControl>,
    pub detector_input: DeviceBuffer<u8>,
    pub crops: DeviceBuffer<u8>,
    /// The detector's boxes, confidences and key points.
    detector_outputs: [DeviceBuffer<f32>; 3],
    crop_landmarks: DeviceBuffer<f32>,
    /// What a network without irises writes: it is copied into `crop_landmarks`, where their places stay NaN.
    mesh_landmarks: Option<DeviceBuffer<f32>>,
    logits: DeviceBuffer<f32>,
    points: DeviceBuffer<f32>,
    /// The result block as bytes.
    result_bytes: DeviceBuffer<u8>,
    pub result: DeviceBuffer<ResultBlock>,
    pub host_result: PinnedBuffer<u8>,
    events: Vec<Event>,
}

impl Work {
    /// Takes all memory that does not depend on frames, and binds the networks for the buckets.
    pub(crate) fn new(
        device: &Device,
        networks: &Networks,
        buckets: &[usize],
    ) -> Result<Self, GpuPipelineError> {
        let scratch = device.alloc::<u8>("networks' working memory", networks.working_bytes())?;
        let most = buckets.last().copied().unwrap_or(1);

        let (detector, detector_size, detector_input, detector_outputs) =
            bind_detector(device, &networks.detector, &scratch)?;
        let crop_size = networks.landmarks.fit.input[1];
        let crops = device.alloc::<u8>("face crops", 4 * 3 * crop_size * crop_size * most)?;
        let crop_landmarks = device.alloc::<f32>("landmarks in the crop", 3 * LANDMARK_COUNT * most)?;
        let mesh_landmarks = mesh_landmarks(device, &networks.landmarks, most, &crop_landmarks)?;
        let logits = device.alloc::<f32>("presence", most)?;
        let points = device.alloc::<f32>("blendshape inputs", 2 * BLENDSHAPE_POINTS * most)?;
        let result_bytes = device.alloc::<u8>("results", size_of::<ResultBlock>())?;
        let result = result_bytes.reinterpret::<ResultBlock>(1)?;

        let Fitted { network, fit } = &networks.landmarks;
        let into = mesh_landmarks.as_ref().unwrap_or(&crop_landmarks);
        let given = [(fit.outputs[0], bytes(into)?), (fit.outputs[1], bytes(&logits)?)];
        let landmark_places = places(device, network, most, &given)?;
        let face_buffers = FaceBuffers { points: &points, result_bytes: &result_bytes };
        let optional = networks
            .optional
            .iter()
            .map(|optional| OptionalWork::new(device, optional, most, &face_buffers))
            .collect::<Result<Vec<_>, _>>()?;
        let bucket = |&faces: &usize| -> Result<BucketWork, GpuPipelineError> {
            let crops = Place::start_of(&crops);
            Ok(BucketWork {
                faces,
                landmarks: Bound::new(device, network, faces, &crops, &landmark_places, &scratch)?,
                optional: optional
                    .iter()
                    .zip(&networks.optional)
                    .map(|(work, optional)| work.bind(device, optional, faces, &scratch))
                    .collect::<Result<_, _>>()?,
            })
        };
        Ok(Self {
            buckets: buckets.iter().map(bucket).collect::<Result<_, _>>()?,
            decode: RetinaFaceDecode::new(device, detector_size)?,
            finish: LandmarksFinish::new(device)?,
            optional,
            mesh_landmarks,
            control: device.alloc("the frame's control block", 1)?,
            host_control: device.pinned(1)?,
            host_result: device.pinned(size_of::<ResultBlock>())?,
            events: (0..Mark::COUNT).map(|_| Event::new(device, Wait::Sleep)).collect::<Result<_, _>>()?,
            device: device.clone(),
            detector,
            detector_size,
            detector_input,
            detector_outputs,
            crop_size,
            crops,
            crop_landmarks,
            logits,
            points,
            result_bytes,
            result,
        })
    }

    /// The results of the last launch that was waited for.
    pub(crate) fn results(&self) -> &ResultBlock {
        bytemuck::from_bytes(&self.host_result)
    }

    pub(crate) fn control_mut(&mut self) -> &mut FrameControl {
        &mut self.host_control[0]
    }

    pub(crate) fn mark(&self, stream: &Stream, mark: Mark) -> Result<(), GpuPipelineError> {
        Ok(self.events[mark.index()].record(stream)?)
    }

    pub(crate) fn event(&self, mark: Mark) -> &Event {
        &self.events[mark.index()]
    }

    /// Detector network and decoding, from its filled input to the result block.
    pub(crate) fn enqueue_detector(&mut self, stream: &Stream) -> Result<(), GpuPipelineError> {
        self.detector.enqueue(stream)?;
        self.mark(stream, Mark::Detected)?;
        let [boxes, confidences, keypoints] = &self.detector_outputs;
        self.decode.enqueue(stream, &self.control, boxes, confidences, keypoints, &self.result)?;
        self.mark(stream, Mark::Decoded)
    }

    /// The networks of a bucket that read faces, from the filled crops to their results.
    pub(crate) fn enqueue_faces(&mut self, stream: &Stream, bucket: usize) -> Result<(), GpuPipelineError> {
        let faces = self.buckets[bucket].faces;
        self.buckets[bucket].landmarks.enqueue(stream)?;
        if let Some(mesh) = &self.mesh_landmarks {
            for face in 0..faces {
                let from = face * 3 * MESH_LANDMARK_COUNT..(face + 1) * 3 * MESH_LANDMARK_COUNT;
                stream.copy_range(mesh, from, &self.crop_landmarks, face * 3 * LANDMARK_COUNT)?;
            }
        }
        let (control, result) = (&self.control, &self.result);
        self.finish.enqueue(
            stream,
            control,
            faces,
            &self.crop_landmarks,
            &self.logits,
            &self.points,
            result,
        )?;
        self.mark(stream, Mark::Landmarked)?;
        for place in 0..self.optional.len() {
            self.buckets[bucket].optional[place].enqueue(stream)?;
            self.mark(stream, Mark::Optional(self.optional[place].index))?;
        }
        Ok(())
    }

    /// The marks that [`Work::enqueue_faces`] passes.
    pub(crate) fn face_marks(&self) -> impl Iterator<Item = Mark> {
        let optional = self.optional.iter().map(|optional| Mark::Optional(optional.index));
        std::iter::once(Mark::Landmarked).chain(optional)
    }

    /// The results of so many regions to the host.
    pub(crate) fn enqueue_download(&self, stream: &Stream, regions: usize) -> Result<(), GpuPipelineError> {
        stream.download(&self.result_bytes, &self.host_result, 0..ResultBlock::bytes_for(regions))?;
        for optional in self.optional.iter().filter(|_| regions > 0) {
            optional.enqueue_download(stream, regions)?;
        }
        self.mark(stream, Mark::Downloaded)
    }

    pub(crate) fn enqueue_control(&self, stream: &Stream) -> Result<(), GpuPipelineError> {
        Ok(stream.upload(&self.host_control, &self.control, 0..1)?)
    }

    /// The smallest bucket that holds so many faces, or the largest there is.
    pub(crate) fn bucket_for(&self, faces: usize) -> usize {
        let holds = self.buckets.iter().position(|bucket| bucket.faces >= faces);
        holds.unwrap_or(self.buckets.len() - 1)
    }

    /// Most faces of one launch.
    pub(crate) fn most_faces(&self) -> usize {
        self.buckets.last().map_or(0, |bucket| bucket.faces)
    }

    /// A control block of zeros.
    pub(crate) fn clear_control(&mut self) {
        self.host_control[0] = FrameControl::zeroed();
    }
}

const _: () = assert!(FACES.most() <= MAX_REGIONS);

pub(crate) fn bytes(buffer: &DeviceBuffer<f32>) -> Result<Place, GpuPipelineError> {
    Ok(Place { buffer: buffer.reinterpret(buffer.bytes())?, offset: 0 })
}

/// A place for every output: the given ones, and memory of their own for those nobody reads.
pub(crate) fn places(
    device: &Device,
    network: &Network,
    batch: usize,
    given: &[(usize, Place)],
) -> Result<Vec<Place>, GpuPipelineError> {
    let outputs = network.outputs.iter().enumerate();
    outputs
        .map(|(index, tensor)| match given.iter().find(|(place, _)| *place == index) {
            Some((_, place)) => Ok(place.clone()),
            None => {
                Ok(Place::start_of(&device.alloc("an output nobody reads", 4 * batch * tensor.elements())?))
            }
        })
        .collect()
}

type DetectorParts = (Bound, [usize; 2], DeviceBuffer<u8>, [DeviceBuffer<f32>; 3]);

fn bind_detector(
    device: &Device,
    Fitted { network, fit }: &Fitted,
    scratch: &DeviceBuffer<u8>,
) -> Result<DetectorParts, GpuPipelineError> {
    let size = [fit.input[1], fit.input[2]];
    let input = device.alloc::<u8>("detector input", 4 * 3 * size[0] * size[1])?;
    let alloc = |what, output: usize| device.alloc::<f32>(what, fit.numbers[output]);
    let buffers =
        [alloc("detector boxes", 0)?, alloc("detector confidences", 1)?, alloc("detector key points", 2)?];
    let mut given = Vec::new();
    for (&index, buffer) in fit.outputs.iter().zip(&buffers) {
        given.push((index, bytes(buffer)?));
    }
    let outputs = places(device, network, 1, &given)?;
    let bound = Bound::new(device, network, 1, &Place::start_of(&input), &outputs, scratch)?;
    Ok((bound, size, input, buffers))
}

/// Where a landmark network without irises writes; the irises in `crop_landmarks` become NaN.
fn mesh_landmarks(
    device: &Device,
    landmarks: &Fitted,
    most: usize,
    crop_landmarks: &DeviceBuffer<f32>,
) -> Result<Option<DeviceBuffer<f32>>, GpuPipelineError> {
    if landmarks.fit.numbers[0] == 3 * LANDMARK_COUNT {
        return Ok(None);
    }
    // Four bytes of ones are a NaN.
    device.stream().fill_bytes(crop_landmarks, 0xFF)?;
    device.stream().wait()?;
    Ok(Some(device.alloc("landmarks of the mesh", landmarks.fit.numbers[0] * most)?))
}
