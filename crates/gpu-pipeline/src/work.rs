//! Everything that does not depend on the frames' size: networks, their buffers, the host's blocks.

use bytemuck::Zeroable;
use mien_engine::TensorInfo;
use mien_face::{BLENDSHAPE_COUNT, LANDMARK_COUNT};
use mien_geometry::retinaface_prior_count;
use mien_gpu::{
    BLENDSHAPE_POINTS, Device, DeviceBuffer, Event, FrameControl, LandmarksFinish, MAX_REGIONS, PinnedBuffer,
    ResultBlock, RetinaFaceDecode, Stream, Wait,
};
use mien_pipeline::{Role, StageTimings};

use crate::bound::{Bound, Place};
use crate::network::Network;
use crate::room::RESERVE_BYTES;
use crate::{BUCKETS, GpuPipelineError};

/// The three networks.
#[derive(Debug)]
pub(crate) struct Networks {
    pub detector: Network,
    pub landmarks: Network,
    pub blendshapes: Network,
}

impl Networks {
    /// Working memory, which the networks share, since one runs after the other.
    fn working_bytes(&self) -> usize {
        let Self { detector, landmarks, blendshapes } = self;
        let needed = [detector, landmarks, blendshapes].map(|network| network.engine.device_memory_bytes());
        needed.into_iter().max().unwrap_or(0).max(256) as usize
    }

    /// About how much device memory a camera takes with these buckets: [`Work::new`], frame buffers, graphs, and
    /// the decoder of JPEG files.
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
        let faces = most * (tensors(&self.landmarks) + tensors(&self.blendshapes));
        let contexts = 1 + 2 * buckets.len();
        self.working_bytes() + tensors(&self.detector) + faces + contexts * CODE_BYTES
    }
}

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
    Blendshaped,
    Downloaded,
}

const MARKS: usize = Mark::Downloaded as usize + 1;

impl Mark {
    /// The time that ends with this mark.
    pub(crate) fn field(self, timings: &mut StageTimings) -> &mut u64 {
        match self {
            Self::Start | Self::Uploaded | Self::Downloaded => &mut timings.transfer_nanos,
            Self::Preprocessed => &mut timings.preprocess_nanos,
            Self::Detected => &mut timings.detect_nanos,
            Self::Decoded => &mut timings.decode_nanos,
            Self::Cropped => &mut timings.crop_nanos,
            Self::Landmarked => &mut timings.landmarks_nanos,
            Self::Blendshaped => &mut timings.blendshapes_nanos,
        }
    }
}

/// The networks of one bucket.
#[derive(Debug)]
pub(crate) struct BucketWork {
    pub faces: usize,
    pub landmarks: Bound,
    pub blendshapes: Bound,
}

/// Networks in their places, and the buffers between them.
#[derive(Debug)]
pub(crate) struct Work {
    pub device: Device,
    pub detector: Bound,
    pub buckets: Vec<BucketWork>,
    pub decode: RetinaFaceDecode,
    pub finish: LandmarksFinish,
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
    logits: DeviceBuffer<f32>,
    points: DeviceBuffer<f32>,
    /// The result block as bytes.
    result_bytes: DeviceBuffer<u8>,
    pub result: DeviceBuffer<ResultBlock>,
    pub host_result: PinnedBuffer<u8>,
    events: Vec<Event>,
}

/// Finds the outputs of a network, in an order of our own.
struct Outputs<'a> {
    network: &'a Network,
    role: Role,
}

impl Outputs<'_> {
    fn find(
        &self,
        name: &str,
        expected: &str,
        fits: impl Fn(&TensorInfo) -> bool,
    ) -> Result<usize, GpuPipelineError> {
        Ok(self.role.output(&self.network.file, &self.network.outputs, name, expected, fits)?)
    }
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
        let crop_size = landmarks_input(&networks.landmarks)?;
        let crops = device.alloc::<u8>("face crops", 4 * 3 * crop_size * crop_size * most)?;
        let crop_landmarks = device.alloc::<f32>("landmarks in the crop", 3 * LANDMARK_COUNT * most)?;
        let logits = device.alloc::<f32>("presence", most)?;
        let points = device.alloc::<f32>("blendshape inputs", 2 * BLENDSHAPE_POINTS * most)?;
        let result_bytes = device.alloc::<u8>("results", size_of::<ResultBlock>())?;
        let result = result_bytes.reinterpret::<ResultBlock>(1)?;

        let landmark_places = {
            let network = &networks.landmarks;
            let outputs = Outputs { network, role: Role::Landmarks };
            let landmarks =
                outputs.find("landmarks", "of 1434 numbers", |t| t.elements() == 3 * LANDMARK_COUNT)?;
            let presence = outputs.find("presence", "of 1 number", |t| t.elements() == 1)?;
            places(
                device,
                network,
                most,
                &[(landmarks, bytes(&crop_landmarks)?), (presence, bytes(&logits)?)],
            )?
        };
        let blendshape_places = {
            let network = &networks.blendshapes;
            Role::Blendshapes.input(
                &network.file,
                std::slice::from_ref(&network.input),
                "[146, 2]",
                |t| t.shape == [BLENDSHAPE_POINTS, 2],
            )?;
            let outputs = Outputs { network, role: Role::Blendshapes };
            let coefficients =
                outputs.find("coefficients", "of 52 numbers", |t| t.elements() == BLENDSHAPE_COUNT)?;
            let into_result = Place { buffer: result_bytes.clone(), offset: ResultBlock::BLENDSHAPES_OFFSET };
            places(device, network, most, &[(coefficients, into_result)])?
        };
        let bucket = |&faces: &usize| -> Result<BucketWork, GpuPipelineError> {
            Ok(BucketWork {
                faces,
                landmarks: Bound::new(
                    device,
                    &networks.landmarks,
                    faces,
                    &Place::start_of(&crops),
                    &landmark_places,
                    &scratch,
                )?,
                blendshapes: Bound::new(
                    device,
                    &networks.blendshapes,
                    faces,
                    &bytes(&points)?,
                    &blendshape_places,
                    &scratch,
                )?,
            })
        };
        Ok(Self {
            buckets: buckets.iter().map(bucket).collect::<Result<_, _>>()?,
            decode: RetinaFaceDecode::new(device, detector_size)?,
            finish: LandmarksFinish::new(device)?,
            control: device.alloc("the frame's control block", 1)?,
            host_control: device.pinned(1)?,
            host_result: device.pinned(size_of::<ResultBlock>())?,
            events: (0..MARKS).map(|_| Event::new(device, Wait::Sleep)).collect::<Result<_, _>>()?,
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
        Ok(self.events[mark as usize].record(stream)?)
    }

    pub(crate) fn event(&self, mark: Mark) -> &Event {
        &self.events[mark as usize]
    }

    /// Detector network and decoding, from its filled input to the result block.
    pub(crate) fn enqueue_detector(&mut self, stream: &Stream) -> Result<(), GpuPipelineError> {
        self.detector.enqueue(stream)?;
        self.mark(stream, Mark::Detected)?;
        let [boxes, confidences, keypoints] = &self.detector_outputs;
        self.decode.enqueue(stream, &self.control, boxes, confidences, keypoints, &self.result)?;
        self.mark(stream, Mark::Decoded)
    }

    /// Landmark and blendshape networks of a bucket, from the filled crops to the result block.
    pub(crate) fn enqueue_faces(&mut self, stream: &Stream, bucket: usize) -> Result<(), GpuPipelineError> {
        let faces = self.buckets[bucket].faces;
        self.buckets[bucket].landmarks.enqueue(stream)?;
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
        self.buckets[bucket].blendshapes.enqueue(stream)?;
        self.mark(stream, Mark::Blendshaped)
    }

    /// The results of so many regions to the host.
    pub(crate) fn enqueue_download(&self, stream: &Stream, regions: usize) -> Result<(), GpuPipelineError> {
        stream.download(&self.result_bytes, &self.host_result, 0..ResultBlock::bytes_for(regions))?;
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

const _: () = assert!(BUCKETS[3] <= MAX_REGIONS);

fn bytes(buffer: &DeviceBuffer<f32>) -> Result<Place, GpuPipelineError> {
    Ok(Place { buffer: buffer.reinterpret(buffer.bytes())?, offset: 0 })
}

/// A place for every output: the given ones, and memory of their own for those nobody reads.
fn places(
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
    network: &Network,
    scratch: &DeviceBuffer<u8>,
) -> Result<DetectorParts, GpuPipelineError> {
    let &[3, height, width] = &network.input.shape[..] else {
        let reason = format!("its input is {:?}, but [3, height, width] is needed", network.input.shape);
        return Err(GpuPipelineError::Model { file: network.file.clone(), reason });
    };
    let priors = retinaface_prior_count(height, width);
    let outputs = Outputs { network, role: Role::Detector };
    let find = |name, columns: usize| {
        outputs.find(
            name,
            &format!("[{priors}, {columns}] (a RetinaFace; others run on the CPU engine)"),
            |t| t.shape == [priors, columns],
        )
    };
    let indices = [find("loc", 4)?, find("conf", 2)?, find("landms", 10)?];
    let input = device.alloc::<u8>("detector input", 4 * 3 * height * width)?;
    let alloc = |what, columns: usize| device.alloc::<f32>(what, priors * columns);
    let buffers =
        [alloc("detector boxes", 4)?, alloc("detector confidences", 2)?, alloc("detector key points", 10)?];
    let mut given = Vec::new();
    for (index, buffer) in indices.into_iter().zip(&buffers) {
        given.push((index, bytes(buffer)?));
    }
    let outputs = places(device, network, 1, &given)?;
    let bound = Bound::new(device, network, 1, &Place::start_of(&input), &outputs, scratch)?;
    Ok((bound, [height, width], input, buffers))
}

fn landmarks_input(network: &Network) -> Result<usize, GpuPipelineError> {
    let input = Role::Landmarks.input(
        &network.file,
        std::slice::from_ref(&network.input),
        "[3, size, size]",
        |t| matches!(t.shape[..], [3, height, width] if height == width && height > 0),
    )?;
    Ok(input[1])
}
