//! The stages on the CPU, over any engine that takes its tensors from the host's memory.

use mien_engine::Role;
use mien_face::{Face, FaceParts, Picture};
use mien_geometry::{Detection, PreviewScaler, Region};

use crate::derived::{Derived, FACE_NETWORKS, FaceStage};
use crate::detector::DetectorStage;
use crate::landmarks::LandmarkStage;
use crate::stages::{Readings, Stages};
use crate::timings::timed;
use crate::{PipelineEngines, PipelineError, PipelineSettings, StageTimings};

/// The reference of every other implementation.
pub(crate) struct CpuStages {
    detector: DetectorStage,
    landmarks: LandmarkStage,
    optional: Vec<FaceStage>,
    parts: FaceParts,
    scaler: PreviewScaler,
}

impl CpuStages {
    /// Optional networks that read what the others do not find are left out.
    pub(crate) fn new(mut engines: PipelineEngines) -> Result<Self, PipelineError> {
        let detector = DetectorStage::new(engines.take(Role::Detector)?)?;
        let landmarks = LandmarkStage::new(engines.take(Role::Landmarks)?)?;
        let (mut optional, mut parts) = (Vec::new(), landmarks.parts);
        for network in FACE_NETWORKS {
            let contract = network.role.contract();
            if let Some(engine) = engines.remove(network.role)
                && contract.needs.without(parts).is_empty()
            {
                optional.push(FaceStage::new(network, engine)?);
                parts = parts.and(contract.gives);
            }
        }
        Ok(Self { detector, landmarks, optional, parts, scaler: PreviewScaler::default() })
    }
}

impl Stages for CpuStages {
    fn parts(&self) -> FaceParts {
        self.parts
    }

    fn runs(&self, role: Role) -> bool {
        !role.contract().optional || self.optional.iter().any(|stage| stage.network.role == role)
    }

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

    fn derive(
        &mut self,
        faces: &[Face],
        derived: &mut [Derived],
        timings: &mut StageTimings,
    ) -> Result<(), PipelineError> {
        self.optional.iter_mut().try_for_each(|stage| {
            timed(timings.optional_mut(stage.network.role), || stage.fill(faces, derived))
        })
    }

    fn preview(&mut self, frame: &Picture<'_>, most: [u32; 2]) -> Result<([u32; 2], &[u8]), PipelineError> {
        Ok(self.scaler.scale(frame.raw()?, most))
    }
}
