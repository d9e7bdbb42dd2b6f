//! Optional networks that read a face whose landmarks are known: the list of what goes in and where it goes to.

use mien_engine::{Engine, Role};
use mien_face::topology::BLENDSHAPE_INPUTS;
use mien_face::{Face, FaceState};

use crate::PipelineError;
use crate::stages::Stages;
use crate::tensors::{failed, fit};

/// An optional network that reads a face.
#[derive(Debug)]
pub struct FaceNetwork {
    /// Its role.
    pub role: Role,
    /// What it reads.
    pub input: FaceInput,
    /// Puts its numbers, those of the contract's first output, into the face.
    pub take: fn(&mut FaceState, &[f32]),
}

/// What an optional network reads of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaceInput {
    /// x and y in frame pixels of the landmarks [`BLENDSHAPE_INPUTS`].
    Points,
}

/// Every optional network that reads a face, in the order in which they run.
pub static FACE_NETWORKS: &[FaceNetwork] = &[
    FaceNetwork {
        role: Role::Blendshapes,
        input: FaceInput::Points,
        take: |state, numbers| state.blendshapes.copy_from_slice(numbers),
    },
    // Its numbers are read with `Pipeline::derived`.
    #[cfg(feature = "test-network")]
    FaceNetwork { role: Role::Mean, input: FaceInput::Points, take: |_, _| {} },
];

impl FaceNetwork {
    /// How many numbers it gives for a face.
    #[must_use]
    pub const fn numbers(&self) -> usize {
        self.role.contract().outputs[0].numbers_of_item()
    }
}

/// Numbers of all optional networks together.
const NUMBERS: usize = start_of(Role::OPTIONAL.len());

/// Where the numbers of the optional network `index` begin.
const fn start_of(index: usize) -> usize {
    let (mut network, mut start) = (0, 0);
    while network < index {
        start += Role::OPTIONAL[network].contract().outputs[0].numbers_of_item();
        network += 1;
    }
    start
}

/// What the optional networks say of one face; NaN where one has said nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived([f32; NUMBERS]);

impl Default for Derived {
    fn default() -> Self {
        Self([f32::NAN; NUMBERS])
    }
}

impl Derived {
    /// The numbers of an optional network; none for other roles.
    #[must_use]
    pub fn of(&self, role: Role) -> &[f32] {
        &self.0[range_of(role)]
    }

    /// The numbers of an optional network, to be written.
    pub fn of_mut(&mut self, role: Role) -> &mut [f32] {
        &mut self.0[range_of(role)]
    }
}

fn range_of(role: Role) -> std::ops::Range<usize> {
    match Role::OPTIONAL.into_iter().position(|optional| optional == role) {
        Some(index) => start_of(index)..start_of(index + 1),
        None => 0..0,
    }
}

/// The optional networks that a pipeline's stages run, and what they say of the faces of its result.
pub(crate) struct OptionalNetworks {
    networks: Vec<&'static FaceNetwork>,
    /// One for each face.
    pub derived: Vec<Derived>,
}

impl OptionalNetworks {
    pub(crate) fn of(stages: &dyn Stages, most_faces: usize) -> Self {
        Self {
            networks: FACE_NETWORKS.iter().filter(|network| stages.runs(network.role)).collect(),
            derived: vec![Derived::default(); most_faces],
        }
    }

    /// Puts what they say into the faces.
    pub(crate) fn write(&self, faces: &mut [Face]) {
        for (face, derived) in faces.iter_mut().zip(&self.derived) {
            for network in &self.networks {
                (network.take)(&mut face.measured, derived.of(network.role));
            }
        }
    }

    /// Whether they say finite numbers of the face at this place.
    pub(crate) fn is_finite(&self, place: usize) -> bool {
        let numbers = self.networks.iter().flat_map(|network| self.derived[place].of(network.role));
        numbers.into_iter().all(|number| number.is_finite())
    }
}

/// An optional network on the CPU.
pub(crate) struct FaceStage {
    pub network: &'static FaceNetwork,
    engine: Box<dyn Engine>,
    output: usize,
}

impl FaceStage {
    pub(crate) fn new(network: &'static FaceNetwork, engine: Box<dyn Engine>) -> Result<Self, PipelineError> {
        let fit = fit(network.role.contract(), &*engine)?;
        Ok(Self { network, output: fit.outputs[0], engine })
    }

    /// Writes what the network says of the faces' measured landmarks, as many faces at a time as the engine
    /// takes.
    pub(crate) fn fill(&mut self, faces: &[Face], derived: &mut [Derived]) -> Result<(), PipelineError> {
        let (role, most) = (self.network.role, self.engine.max_batch());
        for (faces, derived) in faces.chunks(most).zip(derived.chunks_mut(most)) {
            let elements = self.engine.inputs()[0].elements();
            let items = self.engine.input_mut(0, faces.len()).chunks_exact_mut(elements);
            for (face, item) in faces.iter().zip(items) {
                self.network.input.write(&face.measured, item);
            }
            self.engine.run(faces.len()).map_err(failed(role))?;
            let output = self.engine.output(self.output).chunks_exact(self.network.numbers());
            for (derived, numbers) in derived.iter_mut().zip(output) {
                derived.of_mut(role).copy_from_slice(numbers);
            }
        }
        Ok(())
    }
}

impl FaceInput {
    fn write(self, state: &FaceState, item: &mut [f32]) {
        match self {
            Self::Points => {
                for (point, &index) in item.as_chunks_mut::<2>().0.iter_mut().zip(&BLENDSHAPE_INPUTS) {
                    let [x, y, _] = state.landmarks[usize::from(index)];
                    *point = [x, y];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_networks_lie_apart() {
        let mut derived = Derived::default();
        for network in FACE_NETWORKS {
            assert!(network.role.contract().optional);
            assert!(derived.of(network.role).iter().all(|number| number.is_nan()));
            derived.of_mut(network.role).fill(0.0);
            assert_eq!(derived.of(network.role).len(), network.numbers());
        }
        assert!(derived.0.iter().all(|number| *number == 0.0));
        assert!(derived.of(Role::Detector).is_empty());
    }
}
