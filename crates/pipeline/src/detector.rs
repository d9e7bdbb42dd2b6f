//! The detector stage: whole frame → detections.

use mien_engine::{BLAZEFACE, Engine, Role};
use mien_face::FrameView;
use mien_geometry::{
    Affine, BLAZEFACE_PRIORS, BlazeFaceDecoder, Border, Cropper, Detection, Letterbox, Normalization, Region,
    RetinaFaceDecoder, mediapipe_detection_region,
};

use crate::tensors::{failed, fit};
use crate::timings::timed;
use crate::{PipelineError, PipelineSettings, StageTimings};

/// A detector network with what comes before and after it.
pub(crate) struct DetectorStage {
    engine: Box<dyn Engine>,
    network: Network,
}

enum Network {
    RetinaFace(Box<RetinaFace>),
    BlazeFace(BlazeFace),
}

struct RetinaFace {
    letterbox: Letterbox,
    decoder: RetinaFaceDecoder,
    boxes: usize,
    confidences: usize,
    keypoints: usize,
}

struct BlazeFace {
    cropper: Cropper,
    size: usize,
    decoder: BlazeFaceDecoder,
    detections: Vec<Detection>,
    regressors: usize,
    logits: usize,
}

impl DetectorStage {
    pub(crate) fn new(engine: Box<dyn Engine>) -> Result<Self, PipelineError> {
        let is_blazeface = engine.outputs().iter().any(|output| output.shape == [BLAZEFACE_PRIORS, 16]);
        let network = if is_blazeface {
            Network::BlazeFace(BlazeFace::new(&*engine)?)
        } else {
            Network::RetinaFace(Box::new(RetinaFace::new(&*engine)?))
        };
        Ok(Self { engine, network })
    }

    /// Looks at the frame; what it finds is in [`DetectorStage::detections`].
    pub(crate) fn detect(
        &mut self,
        frame: &FrameView<'_>,
        settings: &PipelineSettings,
        timings: &mut StageTimings,
    ) -> Result<(), PipelineError> {
        let Self { engine, network } = self;
        let input = engine.input_mut(0, 1);
        let frame_from_input = timed(&mut timings.preprocess_nanos, || match network {
            Network::RetinaFace(network) => network.letterbox.apply(frame, input),
            Network::BlazeFace(network) => network.fill(frame, input),
        });
        timed(&mut timings.detect_nanos, || engine.run(1)).map_err(failed(Role::Detector))?;
        timed(&mut timings.decode_nanos, || match network {
            Network::RetinaFace(network) => {
                network.decoder.decode(
                    engine.output(network.boxes),
                    engine.output(network.confidences),
                    engine.output(network.keypoints),
                    &frame_from_input,
                    settings.lowest_score(),
                    settings.widest_iou(),
                );
            }
            Network::BlazeFace(network) => network.decode(engine.as_ref(), &frame_from_input, settings),
        });
        Ok(())
    }

    /// The faces of the last frame that was looked at, best first, in frame pixels.
    pub(crate) fn detections(&self) -> &[Detection] {
        match &self.network {
            Network::RetinaFace(network) => network.decoder.detections(),
            Network::BlazeFace(network) => &network.detections,
        }
    }

    /// The region that the landmark model should read for a detection.
    pub(crate) fn region_of(&self, detection: &Detection) -> Region {
        match self.network {
            Network::RetinaFace(_) => Region::from_detection(&detection.bounds, &detection.keypoints),
            Network::BlazeFace(_) => mediapipe_detection_region(&detection.bounds, &detection.keypoints),
        }
    }
}

impl RetinaFace {
    fn new(engine: &dyn Engine) -> Result<Self, PipelineError> {
        let fit = fit(Role::Detector.contract(), engine)?;
        let (height, width) = (fit.input[1], fit.input[2]);
        Ok(Self {
            boxes: fit.outputs[0],
            confidences: fit.outputs[1],
            keypoints: fit.outputs[2],
            letterbox: Letterbox::new(height, width, Normalization::RETINAFACE),
            decoder: RetinaFaceDecoder::new(height, width),
        })
    }
}

impl BlazeFace {
    fn new(engine: &dyn Engine) -> Result<Self, PipelineError> {
        let fit = fit(&BLAZEFACE, engine)?;
        Ok(Self {
            regressors: fit.outputs[0],
            logits: fit.outputs[1],
            cropper: Cropper::new(),
            size: fit.input[1],
            decoder: BlazeFaceDecoder::new(),
            detections: Vec::with_capacity(BLAZEFACE_PRIORS),
        })
    }

    /// The frame in the middle of a black square, as MediaPipe shows it to BlazeFace.
    fn fill(&mut self, frame: &FrameView<'_>, input: &mut [f32]) -> Affine {
        let (width, height) = (frame.width() as f32, frame.height() as f32);
        let whole =
            Region { center: [0.5 * width, 0.5 * height], size: width.max(height), rotation_rad: 0.0 };
        let frame_from_input = whole.frame_from_crop(self.size);
        let normalization = Normalization::SIGNED_RGB;
        self.cropper.crop(frame, &frame_from_input, self.size, Border::Black, &normalization, input);
        frame_from_input
    }

    /// Its detections are means of what overlaps. So that weak ones, where they are asked for, change nothing in
    /// those above the threshold, they are decoded by themselves.
    fn decode(&mut self, engine: &dyn Engine, frame_from_input: &Affine, settings: &PipelineSettings) {
        let (regressors, logits) = (engine.output(self.regressors), engine.output(self.logits));
        let (threshold, iou) = (settings.score_threshold, settings.nms_iou);
        let Self { decoder, detections, .. } = self;
        detections.clear();
        detections.extend(decoder.decode(regressors, logits, frame_from_input, threshold, iou));
        if settings.report_possible_faces {
            let (lowest, widest) = (settings.lowest_score(), settings.widest_iou());
            let all = decoder.decode(regressors, logits, frame_from_input, lowest, widest);
            detections.extend(all.iter().filter(|detection| detection.score < threshold));
        }
    }
}
