//! The pipeline's stages on the GPU.

use mien_face::{Face, FrameError, FrameView, MAX_FACES, Picture, PixelFormat};
use mien_geometry::{Detection, Region};
use mien_gpu::{
    ArenaUsage, CopiedBytes, Device, Event, FrameLayout, GpuError, JpegDecoder, MAX_DETECTIONS, ResultBlock,
    Wait,
};
use mien_pipeline::{PipelineError, PipelineSettings, Reading, Readings, Role, StageTimings, Stages};
use mien_tracking::Appearance;

use crate::frame::{FrameWork, Recorded};
use crate::network::{Listener, Workshop};
use crate::room::{self, Needs, Outcome};
use crate::work::{Mark, Networks, Work};
use crate::{GpuOptions, GpuPipelineError, ModelSource};

/// The stages on one GPU; see the crate's description.
///
/// Belongs to one thread at a time. Dropped in this order: decoder, graphs, bound networks, engines.
pub struct GpuStages {
    jpeg: Option<Jpeg>,
    frame: Option<FrameWork>,
    work: Work,
    networks: Networks,
    description: String,
    state: FrameState,
}

/// Decodes frames that come as JPEG files.
struct Jpeg {
    decoder: JpegDecoder,
    /// Passed before a picture is decoded.
    begun: Event,
}

impl Jpeg {
    /// `None`, with a line in the log, where nvJPEG is not installed.
    fn open(device: &Device) -> Result<Option<Self>, GpuError> {
        match JpegDecoder::new(device) {
            Ok(decoder) => {
                tracing::info!("JPEG frames are decoded on the GPU by {}", decoder.library());
                Ok(Some(Self { decoder, begun: Event::new(device, Wait::Sleep)? }))
            }
            Err(error @ GpuError::NvJpegMissing { .. }) => {
                tracing::info!("JPEG frames are decoded on the CPU: {error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// What is known of the frame at hand.
struct FrameState {
    /// The marks of a launch that was not waited for yet.
    pending: Option<Pending>,
    /// Whether the first launch asked the detector, and nobody took its answer yet.
    detected: bool,
    detections: Vec<Detection>,
    /// Regions of the first launch, and what was read there.
    regions: Vec<Region>,
    readings: Vec<Reading>,
}

#[derive(Clone, Copy)]
struct Pending {
    /// Whether the frame was decoded before the launch, not brought up by it.
    decoded: bool,
    detect: bool,
    regions: usize,
    bucket: Option<usize>,
}

impl GpuStages {
    /// Opens the GPU, loads or builds the engines, and takes all memory that does not depend on the
    /// frames' size. `news` tells of engines that are built, from another thread.
    ///
    /// When memory is short, fewer faces are read at a time, down to one, which one line in the log says.
    ///
    /// # Errors
    /// [`GpuPipelineError`], saying what is missing.
    pub fn load(
        options: &GpuOptions,
        [detector, landmarks, blendshapes]: [ModelSource<'_>; 3],
        news: &mut Listener<'_>,
    ) -> Result<Self, GpuPipelineError> {
        debug_assert_eq!(
            [detector.role, landmarks.role, blendshapes.role],
            [Role::Detector, Role::Landmarks, Role::Blendshapes]
        );
        // In this order: without a GPU there is no use in a list of places where TensorRT is not.
        let device = crate::available::open(options.gpu)?;
        let library = crate::available::find(options.tensorrt.clone())?;
        let workshop = Workshop::new(&device, &library, options)?;
        let load = |source: &ModelSource<'_>, news: &mut Listener<'_>| {
            workshop.network(source, news).map_err(|error| in_terms_of_memory(error, &device, options.gpu))
        };
        let networks = Networks {
            detector: load(&detector, news)?,
            landmarks: load(&landmarks, news)?,
            blendshapes: load(&blendshapes, news)?,
        };
        let one_by_one = !(networks.landmarks.batched && networks.blendshapes.batched);
        let buckets = if one_by_one { vec![1] } else { options.buckets() };
        let Room { work, jpeg, frame } = find_room(&device, &networks, &buckets, options)?;
        let precision = if library.strongly_typed() { "the models'" } else { options.precision.name() };
        let info = device.info();
        let description = format!("{library} ({precision}) on GPU {} {}", info.ordinal, info.name);
        let faces = options.max_faces.max(work.most_faces()).min(MAX_FACES);
        device.arena().seal();
        tracing::info!(
            "{} faces at a time: {} MiB of GPU {}'s memory beside the driver's and the weights; {} MiB are free",
            work.most_faces(),
            device.arena().usage().bytes >> 20,
            options.gpu,
            device.free_bytes().unwrap_or(0) >> 20,
        );
        Ok(Self {
            jpeg,
            frame,
            work,
            networks,
            description,
            state: FrameState {
                pending: None,
                detected: false,
                detections: Vec::with_capacity(MAX_DETECTIONS),
                regions: Vec::with_capacity(faces),
                readings: vec![Reading::empty(); faces],
            },
        })
    }

    /// TensorRT, its version, the arithmetic and the GPU, in words.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Shapes of what detector, landmark and blendshape network read, an item each.
    #[must_use]
    pub fn input_shapes(&self) -> [&[usize]; 3] {
        let Networks { detector, landmarks, blendshapes } = &self.networks;
        [detector, landmarks, blendshapes].map(|network| &network.input.shape[..])
    }

    /// The GPU.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.work.device
    }

    /// Device memory of our own, TensorRT's weights and the driver's share aside.
    #[must_use]
    pub fn memory(&self) -> ArenaUsage {
        self.work.device.arena().usage()
    }

    /// Bytes that crossed the bus since the start.
    #[must_use]
    pub fn copied(&self) -> CopiedBytes {
        self.work.device.stream().copied()
    }

    /// Numbers of faces that one launch may read.
    #[must_use]
    pub fn buckets(&self) -> Vec<usize> {
        self.work.buckets.iter().map(|bucket| bucket.faces).collect()
    }

    fn prepare(&mut self, frame: &Picture<'_>) -> Result<(), GpuPipelineError> {
        let layout = match *frame {
            Picture::Raw(view) => {
                FrameLayout::new(view.width(), view.height(), view.stride(), view.format())?
            }
            Picture::Jpeg { width, height, .. } => FrameLayout::tight(width, height, PixelFormat::Rgb8)?,
        };
        if self.frame.as_ref().is_some_and(|made| made.layout == layout) {
            return Ok(());
        }
        // The old size's memory goes first: both may not fit.
        self.frame = None;
        let arena_owner = self.work.device.clone();
        arena_owner.arena().unseal();
        let made = FrameWork::new(&mut self.work, layout);
        arena_owner.arena().seal();
        let made = made?;
        tracing::info!(
            "frames of {}×{} {:?}: {} MiB of GPU memory in {} allocations, crops of {} KiB a face",
            layout.width,
            layout.height,
            layout.format,
            self.memory().bytes >> 20,
            self.memory().allocations,
            made.crop_bytes(1) >> 10,
        );
        self.frame = Some(made);
        Ok(())
    }

    fn begin(
        &mut self,
        frame: &Picture<'_>,
        regions: &[Region],
        detect: bool,
        settings: &PipelineSettings,
    ) -> Result<(), GpuPipelineError> {
        self.state.pending = None;
        self.state.detected = false;
        self.prepare(frame)?;
        let decoded = matches!(frame, Picture::Jpeg { .. });
        match frame {
            Picture::Raw(view) => self.stage(view),
            Picture::Jpeg { bytes, .. } => self.decode(bytes)?,
        }
        let Self { frame: Some(made), work, state, .. } = self else { unreachable!("prepared above") };
        let count = regions.len().min(work.most_faces());
        state.regions.clear();
        state.regions.extend_from_slice(&regions[..count]);
        let crop_size = work.crop_size;
        let control = work.control_mut();
        control.set_regions(&regions[..count], crop_size);
        control.set_detector(&made.letterbox.frame_from_input(), settings.score_threshold, settings.nms_iou);
        let bucket = (count > 0).then(|| work.bucket_for(count));
        made.graph(decoded, detect, bucket).graph.launch()?;
        state.pending = Some(Pending { decoded, detect, regions: count, bucket });
        Ok(())
    }

    /// Puts a frame where the graphs that bring it up take it from.
    fn stage(&mut self, frame: &FrameView<'_>) {
        let Some(made) = &mut self.frame else { unreachable!("prepared before") };
        let pixels = frame.pixels();
        let bytes = pixels.len().min(made.staging.len());
        made.staging[..bytes].copy_from_slice(&pixels[..bytes]);
    }

    /// Decodes a frame to where the graphs look for it.
    fn decode(&mut self, jpeg: &[u8]) -> Result<(), GpuPipelineError> {
        let Self { jpeg: Some(Jpeg { decoder, begun }), frame: Some(made), work, .. } = self else {
            return Err(PipelineError::from(FrameError::Compressed).into());
        };
        begun.record(work.device.stream())?;
        let layout = decoder.decode(jpeg, &made.frame).map_err(|error| match error {
            error if error.is_about_a_picture() => PipelineError::Picture(error.to_string()).into(),
            error => GpuPipelineError::from(error),
        })?;
        if layout != made.layout {
            let reason = format!("a JPEG of {}×{} in a frame of another size", layout.width, layout.height);
            return Err(PipelineError::Picture(reason).into());
        }
        Ok(())
    }

    /// Waits for the first launch and takes what it found, unless that was done.
    fn finish_first(&mut self, timings: &mut StageTimings) -> Result<(), GpuPipelineError> {
        let Some(Pending { decoded, detect, regions, bucket }) = self.state.pending.take() else {
            return Ok(());
        };
        let Self { frame: Some(made), work, state, jpeg, .. } = self else {
            unreachable!("a launch has a frame")
        };
        settle(work, made.graph(decoded, detect, bucket), timings)?;
        if let Some(jpeg) = jpeg.as_ref().filter(|_| decoded) {
            let millis = work.event(Mark::Start).millis_since(&jpeg.begun)?;
            timings.transfer_nanos += (f64::from(millis) * 1e6) as u64;
        }
        let results = work.results();
        for (place, reading) in state.readings.iter_mut().enumerate().take(regions) {
            take_reading(results, place, reading);
        }
        if detect {
            take_detections(results, &mut state.detections);
            state.detected = true;
        }
        Ok(())
    }

    fn look(&mut self, timings: &mut StageTimings) -> Result<(), GpuPipelineError> {
        self.finish_first(timings)?;
        if std::mem::take(&mut self.state.detected) {
            return Ok(());
        }
        let Self { frame: Some(made), work, state, .. } = self else { return Ok(()) };
        work.control_mut().region_count = 0;
        let recorded = made.graph(true, true, None);
        recorded.graph.launch()?;
        settle(work, recorded, timings)?;
        take_detections(work.results(), &mut state.detections);
        Ok(())
    }

    fn read_regions(
        &mut self,
        regions: Readings<'_, '_>,
        timings: &mut StageTimings,
    ) -> Result<(), GpuPipelineError> {
        self.finish_first(timings)?;
        let mut unread: [Option<(&Region, &mut Reading)>; MAX_FACES] = Default::default();
        let mut count = 0;
        for (region, reading) in regions {
            if let Some(known) = self.state.regions.iter().position(|known| known == region) {
                reading.clone_from(&self.state.readings[known]);
                continue;
            }
            unread[count] = Some((region, reading));
            count += 1;
            if count == self.work.most_faces().min(MAX_FACES) {
                self.read_batch(&mut unread[..count], timings)?;
                count = 0;
            }
        }
        self.read_batch(&mut unread[..count], timings)
    }

    fn read_batch(
        &mut self,
        batch: &mut [Option<(&Region, &mut Reading)>],
        timings: &mut StageTimings,
    ) -> Result<(), GpuPipelineError> {
        let Self { frame: Some(made), work, .. } = self else { return Ok(()) };
        if batch.is_empty() {
            return Ok(());
        }
        let crop_size = work.crop_size;
        let regions = batch.iter().flatten().map(|(region, _)| *region);
        work.control_mut().set_regions(regions, crop_size);
        let recorded = made.graph(true, false, Some(work.bucket_for(batch.len())));
        recorded.graph.launch()?;
        settle(work, recorded, timings)?;
        for (place, (_, reading)) in batch.iter_mut().flatten().enumerate() {
            take_reading(work.results(), place, reading);
        }
        Ok(())
    }
}

impl Stages for GpuStages {
    fn takes_jpeg(&self) -> bool {
        self.jpeg.is_some()
    }

    fn start(
        &mut self,
        frame: &Picture<'_>,
        regions: &[Region],
        detect: bool,
        settings: &PipelineSettings,
    ) -> Result<(), PipelineError> {
        Ok(self.begin(frame, regions, detect, settings)?)
    }

    fn detect(
        &mut self,
        _frame: &Picture<'_>,
        _settings: &PipelineSettings,
        timings: &mut StageTimings,
    ) -> Result<(), PipelineError> {
        Ok(self.look(timings)?)
    }

    fn detections(&self) -> &[Detection] {
        &self.state.detections
    }

    fn region_of(&self, detection: &Detection) -> Region {
        Region::from_detection(&detection.bounds, &detection.keypoints)
    }

    fn read(
        &mut self,
        _frame: &Picture<'_>,
        regions: Readings<'_, '_>,
        timings: &mut StageTimings,
    ) -> Result<(), PipelineError> {
        Ok(self.read_regions(regions, timings)?)
    }

    /// They come with the landmarks.
    fn blendshapes(&mut self, _faces: &mut [Face], _timings: &mut StageTimings) -> Result<(), PipelineError> {
        Ok(())
    }

    fn preview(&mut self, frame: &Picture<'_>, most: [u32; 2]) -> Result<([u32; 2], &[u8]), PipelineError> {
        self.prepare(frame).map_err(PipelineError::from)?;
        let Self { frame: Some(made), work, .. } = self else { unreachable!("prepared above") };
        Ok(made.picture(&work.device, most)?)
    }
}

/// Waits for a launch and adds the GPU's times.
fn settle(work: &Work, recorded: &Recorded, timings: &mut StageTimings) -> Result<(), GpuPipelineError> {
    work.event(Mark::Downloaded).wait()?;
    for pair in recorded.marks.windows(2) {
        let millis = work.event(pair[1]).millis_since(work.event(pair[0]))?;
        *pair[1].field(timings) += (f64::from(millis) * 1e6) as u64;
    }
    Ok(())
}

fn take_reading(results: &ResultBlock, place: usize, reading: &mut Reading) {
    reading.landmarks = results.landmarks[place];
    reading.presence = results.presence[place];
    reading.blendshapes = results.blendshapes[place];
    reading.appearance = Appearance::from_cells(results.appearance[place]);
}

fn take_detections(results: &ResultBlock, detections: &mut Vec<Detection>) {
    detections.clear();
    detections.extend(results.detections().iter().map(Detection::from));
}

/// Everything that takes the GPU's memory.
struct Room {
    work: Work,
    jpeg: Option<Jpeg>,
    /// Nothing where the frames' size is not known yet.
    frame: Option<FrameWork>,
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
fn find_room(
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

/// The error, as one of memory where it is.
fn in_terms_of_memory(error: GpuPipelineError, device: &Device, gpu: usize) -> GpuPipelineError {
    if matches!(error, GpuPipelineError::Memory { .. }) || !error.is_about_memory(device) {
        return error;
    }
    let free_mib = device.free_bytes().unwrap_or(0) >> 20;
    GpuPipelineError::Memory { gpu, said: format!("{free_mib} MiB: {error}") }
}
