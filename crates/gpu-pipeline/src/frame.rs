//! What depends on the frames' size and format: staging, kernels, graphs.

use mien_geometry::{Border, Normalization};
use mien_gpu::{
    Crop, CropOptions, Device, DeviceBuffer, Event, FrameLayout, Graph, Letterbox, PinnedBuffer, Precision,
    Preview, Stream, Wait,
};

use crate::GpuPipelineError;
use crate::work::{Mark, Work};

/// Kernels, memory and graphs for frames of one layout.
#[derive(Debug)]
pub(crate) struct FrameWork {
    pub layout: FrameLayout,
    pub staging: PinnedBuffer<u8>,
    pub letterbox: Letterbox,
    pub frame: DeviceBuffer<u8>,
    crop: Crop,
    /// By whether the frame is there already, by whether the detector is asked; then index 0: without faces,
    /// index `bucket + 1`: with those of the bucket.
    graphs: [[Vec<Recorded>; 2]; 2],
    picture: Option<Picture>,
}

/// A graph and the marks that it passes.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub graph: Graph,
    pub marks: Vec<Mark>,
}

/// What a graph does.
#[derive(Debug, Clone, Copy)]
struct Parts {
    upload: bool,
    detect: bool,
    bucket: Option<usize>,
}

impl Parts {
    /// `faces` are the marks of the networks that read faces.
    fn marks(self, faces: impl Iterator<Item = Mark>) -> Vec<Mark> {
        let Self { upload: _, detect, bucket } = self;
        let detector = [Mark::Preprocessed, Mark::Detected, Mark::Decoded];
        let faces = std::iter::once(Mark::Cropped).chain(faces);
        [Mark::Start, Mark::Uploaded]
            .into_iter()
            .chain(detector.into_iter().filter(|_| detect))
            .chain(faces.filter(|_| bucket.is_some()))
            .chain([Mark::Downloaded])
            .collect()
    }
}

/// The scaled picture for people.
#[derive(Debug)]
struct Picture {
    most: [u32; 2],
    kernel: Preview,
    host: PinnedBuffer<u8>,
    done: Event,
    graph: Graph,
}

impl FrameWork {
    /// Takes the memory and records the graphs.
    pub(crate) fn new(work: &mut Work, layout: FrameLayout) -> Result<Self, GpuPipelineError> {
        let device = work.device.clone();
        let options = CropOptions {
            size: work.crop_size,
            border: Border::Replicate,
            normalization: Normalization::UNIT_RGB,
            precision: Precision::F32,
        };
        let letterbox =
            Letterbox::new(&device, layout, work.detector_size, Normalization::RETINAFACE, Precision::F32)?;
        let mut made = Recorder {
            staging: device.pinned(layout.bytes())?,
            frame: device.alloc("the frame", layout.bytes())?,
            crop: Crop::new(&device, layout, options)?,
            letterbox,
            device: &device,
            work,
        };
        let buckets = made.work.buckets.len();
        made.warm_up(buckets)?;
        let mut with_buckets = |upload, detect| -> Result<Vec<Recorded>, GpuPipelineError> {
            let all = std::iter::once(None).chain((0..buckets).map(Some));
            all.map(|bucket| made.record(Parts { upload, detect, bucket })).collect()
        };
        let graphs = [
            [with_buckets(true, false)?, with_buckets(true, true)?],
            [with_buckets(false, false)?, with_buckets(false, true)?],
        ];
        let Recorder { staging, frame, letterbox, crop, .. } = made;
        Ok(Self { layout, staging, letterbox, frame, crop, graphs, picture: None })
    }

    /// The graph that asks the detector, reads the faces of a bucket, both or neither, and before that brings
    /// the frame up unless it is there.
    pub(crate) fn graph(&self, is_there: bool, detect: bool, bucket: Option<usize>) -> &Recorded {
        &self.graphs[usize::from(is_there)][usize::from(detect)][bucket.map_or(0, |bucket| bucket + 1)]
    }

    /// The picture of the frame that is there: width and height, and rows of red, green, blue.
    pub(crate) fn picture(
        &mut self,
        device: &Device,
        most: [u32; 2],
    ) -> Result<([u32; 2], &[u8]), GpuPipelineError> {
        if self.picture.as_ref().is_none_or(|picture| picture.most != most) {
            self.picture = None;
            device.arena().unseal();
            self.picture = Some(Picture::new(device, self.layout, most, &self.frame)?);
            device.arena().seal();
        }
        let picture = self.picture.as_ref().expect("made above");
        picture.graph.launch()?;
        picture.done.wait()?;
        Ok((picture.kernel.size(), &picture.host))
    }

    /// Bytes of device memory that a frame of this layout takes, crops and networks aside.
    pub(crate) fn crop_bytes(&self, regions: usize) -> usize {
        self.crop.output_bytes(regions)
    }
}

impl Picture {
    fn new(
        device: &Device,
        layout: FrameLayout,
        most: [u32; 2],
        frame: &DeviceBuffer<u8>,
    ) -> Result<Self, GpuPipelineError> {
        let kernel = Preview::new(device, layout, most)?;
        let bytes = kernel.output_bytes();
        let (target, host) = (device.alloc::<u8>("the preview", bytes)?, device.pinned::<u8>(bytes)?);
        let done = Event::new(device, Wait::Sleep)?;
        let graph = device.capture(|stream| -> Result<(), GpuPipelineError> {
            kernel.enqueue(stream, frame, &target)?;
            stream.download(&target, &host, 0..bytes)?;
            Ok(done.record(stream)?)
        })?;
        Ok(Self { most, kernel, host, done, graph })
    }
}

/// Records graphs over the networks and one layout's memory.
struct Recorder<'a> {
    device: &'a Device,
    work: &'a mut Work,
    staging: PinnedBuffer<u8>,
    frame: DeviceBuffer<u8>,
    letterbox: Letterbox,
    crop: Crop,
}

impl Recorder<'_> {
    /// TensorRT and the driver make ready what they need when something first runs.
    fn warm_up(&mut self, buckets: usize) -> Result<(), GpuPipelineError> {
        self.work.clear_control();
        let stream = self.device.stream().clone();
        for bucket in std::iter::once(None).chain((0..buckets).map(Some)) {
            self.enqueue(&stream, Parts { upload: true, detect: bucket.is_none(), bucket })?;
            stream.wait()?;
        }
        Ok(())
    }

    fn record(&mut self, parts: Parts) -> Result<Recorded, GpuPipelineError> {
        let device = self.device;
        let graph = device.capture(|stream| self.enqueue(stream, parts))?;
        Ok(Recorded { graph, marks: parts.marks(self.work.face_marks()) })
    }

    fn enqueue(&mut self, stream: &Stream, parts: Parts) -> Result<(), GpuPipelineError> {
        let Parts { upload, detect, bucket } = parts;
        self.work.mark(stream, Mark::Start)?;
        if upload {
            stream.upload(&self.staging, &self.frame, 0..self.frame.len())?;
        }
        self.work.enqueue_control(stream)?;
        self.work.mark(stream, Mark::Uploaded)?;
        if detect {
            self.letterbox.enqueue(stream, &self.frame, &self.work.detector_input)?;
            self.work.mark(stream, Mark::Preprocessed)?;
            self.work.enqueue_detector(stream)?;
        }
        let mut regions = 0;
        if let Some(bucket) = bucket {
            regions = self.work.buckets[bucket].faces;
            let Work { control, crops, result, .. } = &*self.work;
            self.crop.enqueue(stream, &self.frame, control, regions, crops, result)?;
            self.work.mark(stream, Mark::Cropped)?;
            self.work.enqueue_faces(stream, bucket)?;
        }
        self.work.enqueue_download(stream, regions)
    }
}
