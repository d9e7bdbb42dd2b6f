//! The pipeline's stages on the GPU.

use mien_engine::Role;
use mien_face::{Face, FaceParts, FrameError, FrameView, MAX_FACES, Picture, PixelFormat};
use mien_geometry::{Detection, Region};
use mien_gpu::{ArenaUsage, CopiedBytes, Device, FrameLayout, MAX_DETECTIONS, ResultBlock};
use mien_pipeline::{Derived, PipelineError, PipelineSettings, Reading, Readings, StageTimings, Stages};
use mien_tracking::Appearance;

use crate::frame::{FrameWork, Recorded};
use crate::jpeg::Jpeg;
use crate::loading::{Room, find_room};
use crate::network::{Listener, Workshop};
use crate::networks::Networks;
use crate::work::{Mark, Work};
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
    /// frames' size. `sources` has a model for each role that must be there, and for optional ones that are to
    /// run. `news` tells of engines that are built, from another thread.
    ///
    /// When memory is short, fewer faces are read at a time, down to one, which one line in the log says.
    ///
    /// # Errors
    /// [`GpuPipelineError`], saying what is missing.
    pub fn load(
        options: &GpuOptions,
        sources: &[ModelSource<'_>],
        news: &mut Listener<'_>,
    ) -> Result<Self, GpuPipelineError> {
        // In this order: without a GPU there is no use in a list of places where TensorRT is not.
        let device = crate::available::open(options.gpu)?;
        let library = crate::available::find(options.tensorrt.clone())?;
        let workshop = Workshop::new(&device, &library, options)?;
        let networks = Networks::load(&workshop, sources, news)?;
        let buckets = if networks.are_batched() { options.buckets() } else { vec![1] };
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

    /// The shape of what the network of a role reads, an item; nothing where there is none.
    #[must_use]
    pub fn input_shape(&self, role: Role) -> &[usize] {
        let found = self.networks.all().find(|network| network.role == role);
        found.map_or(&[], |network| &network.input.shape)
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
        let frame_from_input = made.letterbox.frame_from_input();
        control.set_detector(&frame_from_input, settings.lowest_score(), settings.widest_iou());
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
        for (place, reading) in state.readings.iter_mut().enumerate().take(regions) {
            take_reading(work, place, reading);
        }
        if detect {
            take_detections(work.results(), &mut state.detections);
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
            take_reading(work, place, reading);
        }
        Ok(())
    }
}

impl Stages for GpuStages {
    fn takes_jpeg(&self) -> bool {
        self.jpeg.is_some()
    }

    fn parts(&self) -> FaceParts {
        self.networks.parts
    }

    fn runs(&self, role: Role) -> bool {
        self.networks.all().any(|network| network.role == role)
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

    /// Their numbers come with the landmarks.
    fn derive(
        &mut self,
        _faces: &[Face],
        _derived: &mut [Derived],
        _timings: &mut StageTimings,
    ) -> Result<(), PipelineError> {
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

fn take_reading(work: &Work, place: usize, reading: &mut Reading) {
    let results = work.results();
    reading.landmarks = results.landmarks[place];
    reading.presence = results.presence[place];
    for optional in &work.optional {
        let numbers = optional.numbers(&work.host_result, place);
        reading.derived.of_mut(optional.network.role).copy_from_slice(numbers);
    }
    reading.appearance = Appearance::from_cells(results.appearance[place]);
}

fn take_detections(results: &ResultBlock, detections: &mut Vec<Detection>) {
    detections.clear();
    detections.extend(results.detections().iter().map(Detection::from));
}
