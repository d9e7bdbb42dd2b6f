//! Which tensor is which.

use mien_engine::{EngineError, TensorInfo};

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

    /// The shape of the only input of the model in `file`, which `fits` must accept.
    ///
    /// # Errors
    /// [`PipelineError::Tensor`], saying what was `expected`.
    pub fn input(
        self,
        file: &str,
        inputs: &[TensorInfo],
        expected: &str,
        fits: impl Fn(&TensorInfo) -> bool,
    ) -> Result<Vec<usize>, PipelineError> {
        match inputs {
            [input] if fits(input) => Ok(input.shape.clone()),
            inputs => Err(self.mismatch(file, "input", expected, inputs)),
        }
    }

    /// The place of the output that `fits` accepts; of several, the one called `name`.
    ///
    /// # Errors
    /// [`PipelineError::Tensor`], saying what was `expected`.
    pub fn output(
        self,
        file: &str,
        outputs: &[TensorInfo],
        name: &str,
        expected: &str,
        fits: impl Fn(&TensorInfo) -> bool,
    ) -> Result<usize, PipelineError> {
        let fitting = || outputs.iter().enumerate().filter(|(_, output)| fits(output));
        let named = fitting().find(|(_, output)| output.name == name);
        let only = || fitting().next().filter(|_| fitting().count() == 1);
        match named.or_else(only) {
            Some((index, _)) => Ok(index),
            None => Err(self.mismatch(file, "output", expected, outputs)),
        }
    }

    fn mismatch(
        self,
        file: &str,
        kind: &'static str,
        expected: &str,
        tensors: &[TensorInfo],
    ) -> PipelineError {
        let found: Vec<_> = tensors.iter().map(|t| format!("`{}` {:?}", t.name, t.shape)).collect();
        PipelineError::Tensor {
            file: file.to_owned(),
            role: self,
            kind,
            expected: expected.to_owned(),
            found: found.join(", "),
        }
    }
}
