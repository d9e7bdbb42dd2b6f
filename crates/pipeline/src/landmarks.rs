//! The landmark stage: regions of a frame → landmarks and presence.

use mien_engine::{Engine, Role};
use mien_face::{FaceParts, FrameView, MAX_FACES};
use mien_geometry::{Border, Cropper, Normalization, Region, landmarks_from_crop};
use mien_tracking::Appearance;

use crate::stages::{Reading, Readings};
use crate::tensors::{failed, fit};
use crate::timings::timed;
use crate::{PipelineError, StageTimings};

/// A landmark network with what comes before and after it.
pub(crate) struct LandmarkStage {
    engine: Box<dyn Engine>,
    cropper: Cropper,
    /// Side of the network's input in pixels.
    size: usize,
    landmarks: usize,
    presence: usize,
    /// Numbers of a face's landmarks.
    numbers: usize,
    /// Whether the irises are among them.
    pub parts: FaceParts,
}

impl LandmarkStage {
    pub(crate) fn new(engine: Box<dyn Engine>) -> Result<Self, PipelineError> {
        let contract = Role::Landmarks.contract();
        let fit = fit(contract, &*engine)?;
        Ok(Self {
            landmarks: fit.outputs[0],
            presence: fit.outputs[1],
            numbers: fit.numbers[0],
            parts: contract.gives(&fit.numbers),
            cropper: Cropper::new(),
            size: fit.input[1],
            engine,
        })
    }

    /// Reads the regions, as many at a time as the engine takes.
    pub(crate) fn read(
        &mut self,
        frame: &FrameView<'_>,
        regions: Readings<'_, '_>,
        timings: &mut StageTimings,
    ) -> Result<(), PipelineError> {
        let most = self.engine.max_batch().min(MAX_FACES);
        loop {
            let mut batch: [Option<(&Region, &mut Reading)>; MAX_FACES] = Default::default();
            let mut count = 0;
            while count < most
                && let Some(next) = regions.next()
            {
                batch[count] = Some(next);
                count += 1;
            }
            if count == 0 {
                return Ok(());
            }
            self.read_batch(frame, &mut batch[..count], timings)?;
        }
    }

    fn read_batch(
        &mut self,
        frame: &FrameView<'_>,
        batch: &mut [Option<(&Region, &mut Reading)>],
        timings: &mut StageTimings,
    ) -> Result<(), PipelineError> {
        let (size, count) = (self.size, batch.len());
        let items = self.engine.input_mut(0, count).chunks_exact_mut(3 * size * size);
        timed(&mut timings.crop_nanos, || {
            for ((region, reading), crop) in batch.iter_mut().flatten().zip(items) {
                let map = region.frame_from_crop(size);
                self.cropper.crop(frame, &map, size, Border::Replicate, &Normalization::UNIT_RGB, crop);
                reading.appearance = Appearance::of_crop(crop, size);
            }
        });
        timed(&mut timings.landmarks_nanos, || {
            self.engine.run(count)?;
            let landmarks = self.engine.output(self.landmarks).chunks_exact(self.numbers);
            let presence = self.engine.output(self.presence);
            for (((region, reading), landmarks), logit) in
                batch.iter_mut().flatten().zip(landmarks).zip(presence)
            {
                landmarks_from_crop(region, size, landmarks, &mut reading.landmarks);
                reading.presence = 1.0 / (1.0 + (-logit).exp());
            }
            Ok(())
        })
        .map_err(failed(Role::Landmarks))
    }
}
