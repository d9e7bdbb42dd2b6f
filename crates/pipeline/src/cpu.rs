//! The stages on the CPU, over any engine that takes its tensors from the host's memory.

use mien_face::{Face, Picture};
use mien_geometry::{Detection, PreviewScaler, Region};

use crate::blendshapes::BlendshapeStage;
use crate::detector::DetectorStage;
use crate::landmarks::LandmarkStage;
use crate::stages::{Readings, Stages};
use crate::timings::timed;
use crate::{PipelineEngines, PipelineError, PipelineSettings, StageTimings};

/// The reference of every other implementation.
pub(crate) struct CpuStages {
    detector: DetectorStage,
    landmarks: LandmarkStage,
    blendshapes: BlendshapeStage,
    scaler: PreviewScaler,
}

impl CpuStages {
    pub(crate) fn new(engines: PipelineEngines) -> Result<Self, PipelineError> {
        Ok(Self {
            detector: DetectorStage::new(engines.detector)?,
            landmarks: LandmarkStage::new(engines.landmarks)?,
            blendshapes: BlendshapeStage::new(engines.blendshapes)?,
            scaler: PreviewScaler::default(),
        })
    }
}

impl Stages for CpuStages {
    fn detect(
        &mut self,
        frame: &Picture<'_>,
        settings: &PipelineSettings,
        timings: &mut StageTimings,
    ) -> Result<(), PipelineError> {
        self.detector.detect(frame.raw()?, settings, timings)
    }

    fn detections(&self) -> &[Detection] {
        self.detector.detections()
    }

    fn region_of(&self, detection: &Detection) -> Region {
        self.detector.region_of(detection)
    }

    fn read(
        &mut self,
        frame: &Picture<'_>,
        regions: Readings<'_, '_>,
        timings: &mut StageTimings,
    ) -> Result<(), PipelineError> {
        self.landmarks.read(frame.raw()?, regions, timings)
    }

    fn blendshapes(&mut self, faces: &mut [Face], timings: &mut StageTimings) -> Result<(), PipelineError> {
        timed(&mut timings.blendshapes_nanos, || self.blendshapes.fill(faces))
    }

    fn preview(&mut self, frame: &Picture<'_>, most: [u32; 2]) -> Result<([u32; 2], &[u8]), PipelineError> {
        Ok(self.scaler.scale(frame.raw()?, most))
    }
}
