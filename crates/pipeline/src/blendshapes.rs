//! The blendshape stage: landmarks → coefficients.

use mien_engine::{Engine, TensorInfo};
use mien_face::topology::BLENDSHAPE_INPUTS;
use mien_face::{BLENDSHAPE_COUNT, Face};

use crate::PipelineError;
use crate::tensors::Role;

const ROLE: Role = Role::Blendshapes;

/// A blendshape network.
pub(crate) struct BlendshapeStage {
    engine: Box<dyn Engine>,
    coefficients: usize,
}

impl BlendshapeStage {
    pub(crate) fn new(engine: Box<dyn Engine>) -> Result<Self, PipelineError> {
        let points = BLENDSHAPE_INPUTS.len();
        let file = &engine.info().model_file;
        ROLE.input(file, engine.inputs(), "[146, 2]", |t| t.shape == [points, 2])?;
        let fits = |t: &TensorInfo| t.elements() == BLENDSHAPE_COUNT;
        let coefficients = ROLE.output(file, engine.outputs(), "coefficients", "of 52 numbers", fits)?;
        Ok(Self { engine, coefficients })
    }

    /// Fills in the measured blendshapes from the measured landmarks, as many faces at a time as the
    /// engine takes.
    pub(crate) fn fill(&mut self, faces: &mut [Face]) -> Result<(), PipelineError> {
        for faces in faces.chunks_mut(self.engine.max_batch()) {
            let items = self.engine.input_mut(0, faces.len()).chunks_exact_mut(2 * BLENDSHAPE_INPUTS.len());
            for (face, points) in faces.iter().zip(items) {
                for (point, &index) in points.as_chunks_mut::<2>().0.iter_mut().zip(&BLENDSHAPE_INPUTS) {
                    let [x, y, _] = face.measured.landmarks[usize::from(index)];
                    *point = [x, y];
                }
            }
            self.engine.run(faces.len()).map_err(ROLE.failed())?;
            let output = self.engine.output(self.coefficients).as_chunks::<BLENDSHAPE_COUNT>().0;
            for (face, coefficients) in faces.iter_mut().zip(output) {
                face.measured.blendshapes = *coefficients;
            }
        }
        Ok(())
    }
}
