//! Which tensor is which.

use mien_engine::{Engine, EngineError, TensorInfo};

use crate::PipelineError;

/// The part that a network plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Finds faces in a whole frame.
    Detector,
    /// Finds landmarks in a face's region.
    Landmarks,
    /// Turns landmarks into blendshapes.
    Blendshapes,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Detector => "detector",
            Self::Landmarks => "landmark",
            Self::Blendshapes => "blendshape",
        })
    }
}

impl Role {
    pub(crate) fn failed(self) -> impl Fn(EngineError) -> PipelineError {
        move |source| PipelineError::Engine { role: self, source }
    }

    /// The only input, with the shape that `fits` accepts.
    pub(crate) fn input(
        self,
        engine: &dyn Engine,
        expected: &str,
        fits: impl Fn(&TensorInfo) -> bool,
    ) -> Result<Vec<usize>, PipelineError> {
        match engine.inputs() {
            [input] if fits(input) => Ok(input.shape.clone()),
            inputs => Err(self.mismatch(engine, "input", expected, inputs)),
        }
    }

    /// The place of the output that `fits` accepts; of several, the one called `name`.
    pub(crate) fn output(
        self,
        engine: &dyn Engine,
        name: &str,
        expected: &str,
        fits: impl Fn(&TensorInfo) -> bool,
    ) -> Result<usize, PipelineError> {
        let outputs = engine.outputs();
        let fitting = || outputs.iter().enumerate().filter(|(_, output)| fits(output));
        let named = fitting().find(|(_, output)| output.name == name);
        let only = || fitting().next().filter(|_| fitting().count() == 1);
        match named.or_else(only) {
            Some((index, _)) => Ok(index),
            None => Err(self.mismatch(engine, "output", expected, outputs)),
        }
    }

    fn mismatch(
        self,
        engine: &dyn Engine,
        kind: &'static str,
        expected: &str,
        tensors: &[TensorInfo],
    ) -> PipelineError {
        let found: Vec<_> = tensors.iter().map(|t| format!("`{}` {:?}", t.name, t.shape)).collect();
        PipelineError::Tensor {
            file: engine.info().model_file.clone(),
            role: self,
            kind,
            expected: expected.to_owned(),
            found: found.join(", "),
        }
    }
}
