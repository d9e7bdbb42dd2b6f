//! What a run's networks may leave out of a face.

use crate::{FaceState, LANDMARK_COUNT, MESH_LANDMARK_COUNT};

/// A part of a face that not every set of networks measures. Where it is absent, its values are NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FacePart {
    /// The landmarks from [`MESH_LANDMARK_COUNT`] on.
    Irises,
    /// [`FaceState::blendshapes`].
    Blendshapes,
}

impl FacePart {
    /// Every part.
    pub const ALL: [Self; 2] = [Self::Irises, Self::Blendshapes];

    /// The word in logs and result files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Irises => "irises",
            Self::Blendshapes => "blendshapes",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of [`FacePart`]s: what a run measures of a face, beside what every run does. All of them by default.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaceParts(u8);

impl FaceParts {
    /// No part.
    pub const NONE: Self = Self(0);
    /// Every part.
    pub const ALL: Self = Self((1 << FacePart::ALL.len()) - 1);

    /// These parts.
    #[must_use]
    pub const fn of(parts: &[FacePart]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < parts.len() {
            bits |= parts[index].bit();
            index += 1;
        }
        Self(bits)
    }

    /// Whether the part is among them.
    #[must_use]
    pub const fn contains(self, part: FacePart) -> bool {
        self.0 & part.bit() != 0
    }

    /// Those that are in either set.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The parts, in the order of [`FacePart::ALL`].
    pub fn iter(self) -> impl Iterator<Item = FacePart> {
        FacePart::ALL.into_iter().filter(move |part| self.contains(*part))
    }
}

impl Default for FaceParts {
    fn default() -> Self {
        Self::ALL
    }
}

impl std::fmt::Debug for FaceParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl FaceState {
    /// Sets everything that is not in `present` to NaN.
    pub fn keep_parts(&mut self, present: FaceParts) {
        if !present.contains(FacePart::Irises) {
            self.landmarks[MESH_LANDMARK_COUNT..].fill([f32::NAN; 3]);
        }
        if !present.contains(FacePart::Blendshapes) {
            self.blendshapes.fill(f32::NAN);
        }
    }
}

/// How many of the landmarks a run measures.
#[must_use]
pub const fn landmark_count(parts: FaceParts) -> usize {
    if parts.contains(FacePart::Irises) { LANDMARK_COUNT } else { MESH_LANDMARK_COUNT }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    #[test]
    fn absent_parts_are_nan_and_the_others_stay() {
        let mut state = FaceState::zeroed();
        state.keep_parts(FaceParts::ALL);
        assert_eq!(state, FaceState::zeroed());
        state.keep_parts(FaceParts::of(&[FacePart::Blendshapes]));
        let nan = state.landmarks.iter().filter(|point| point.iter().all(|v| v.is_nan())).count();
        assert_eq!((nan, state.landmarks[467], state.blendshapes[51]), (10, [0.0; 3], 0.0));
        state.keep_parts(FaceParts::NONE);
        assert!(state.blendshapes.iter().all(|v| v.is_nan()));
        assert_eq!(landmark_count(FaceParts::NONE), 468);
    }

    #[test]
    fn sets_of_parts() {
        let irises = FaceParts::of(&[FacePart::Irises]);
        assert_eq!(FaceParts::ALL.without(irises).iter().collect::<Vec<_>>(), [FacePart::Blendshapes]);
        assert_eq!(irises.and(FaceParts::of(&[FacePart::Blendshapes])), FaceParts::default());
        assert!(irises.without(FaceParts::ALL).is_empty() && FaceParts::NONE.is_empty());
    }
}
