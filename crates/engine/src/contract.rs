//! What a network of a role looks like: its tensors, its batches, what it needs and what it gives.

use mien_face::{FaceParts, LANDMARK_COUNT, MESH_LANDMARK_COUNT};

use crate::Role;

/// Everything that holds for the networks of one role. The one list of them is [`Role::ALL`].
#[derive(Debug)]
pub struct Contract {
    /// The role.
    pub role: Role,
    /// The word on the command line, in manifests and in result files.
    pub name: &'static str,
    /// As in "the … model".
    pub noun: &'static str,
    /// What such a network is, in a list of all that Mien runs.
    pub summary: &'static str,
    /// What it reads: the only input, in words for a person.
    pub input_words: &'static str,
    /// What it gives, in words for a person.
    pub output_words: &'static str,
    /// The only input.
    pub input: Tensor,
    /// The outputs that are read, in the order in which stages count them. Others may be there.
    pub outputs: &'static [Tensor],
    /// How many items one run takes.
    pub batches: &'static Batches,
    /// Whether Mien runs without it.
    pub optional: bool,
    /// Whose results it reads, where it was made for those of one network.
    pub reads: Option<Role>,
    /// Whether 8-bit engines of it are built; otherwise they have 16 bits.
    pub has_int8: bool,
    /// What of a face it reads beside the mesh.
    pub needs: FaceParts,
    /// What of a face it gives.
    pub gives: FaceParts,
}

/// How many items a network is run on at a time.
#[derive(Debug)]
pub struct Batches {
    /// Batches that run without padding, rising from 1.
    pub buckets: &'static [usize],
    /// Smallest, best and largest batch of each optimisation profile that a GPU's engine is built with.
    pub profiles: &'static [[usize; 3]],
}

/// One frame at a time.
pub static FRAMES: Batches = Batches { buckets: &[1], profiles: &[[1, 1, 1]] };

/// Several faces at a time.
pub static FACES: Batches = Batches { buckets: &[1, 2, 4, 8], profiles: &[[1, 1, 1], [1, 4, 4], [1, 8, 8]] };

impl Batches {
    /// The largest batch.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.buckets[self.buckets.len() - 1]
    }

    /// The buckets in use: up to the first that holds `items`, none above `most`, but always the first.
    pub fn buckets_for(&self, items: usize, most: usize) -> impl Iterator<Item = usize> {
        let holding = self.buckets.iter().copied().find(|&bucket| bucket >= items);
        let needed = holding.unwrap_or_else(|| self.most());
        self.buckets.iter().copied().filter(move |&bucket| bucket == 1 || bucket <= needed.min(most))
    }
}

/// A tensor of a contract.
#[derive(Debug)]
pub struct Tensor {
    /// The name, by which it is told from others of the same shape.
    pub name: &'static str,
    /// The shape of one item.
    pub shape: Shape,
}

/// The shape of one item.
#[derive(Debug)]
pub enum Shape {
    /// Exactly these lengths.
    Dims(&'static [Dim]),
    /// So many numbers, in whatever shape: one of these counts.
    Numbers(&'static [usize]),
}

/// One length of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dim {
    /// So much.
    Of(usize),
    /// Height of a picture in pixels.
    Height,
    /// Width of a picture in pixels.
    Width,
    /// Height and width of a square picture in pixels.
    Side,
    /// RetinaFace's priors for the picture that goes in.
    Priors,
}

/// Counts of numbers that a landmark network gives: with and without the irises.
const LANDMARK_NUMBERS: &[usize] = &[3 * LANDMARK_COUNT, 3 * MESH_LANDMARK_COUNT];

impl Tensor {
    pub(crate) const fn dims(name: &'static str, dims: &'static [Dim]) -> Self {
        Self { name, shape: Shape::Dims(dims) }
    }

    pub(crate) const fn numbers(name: &'static str, counts: &'static [usize]) -> Self {
        Self { name, shape: Shape::Numbers(counts) }
    }

    /// How many numbers one item has, the most where there are several counts; 0 where that depends on a picture.
    #[must_use]
    pub const fn numbers_of_item(&self) -> usize {
        let dims = match self.shape {
            Shape::Numbers(counts) => return counts[0],
            Shape::Dims(dims) => dims,
        };
        let (mut index, mut product) = (0, 1);
        while index < dims.len() {
            product *= match dims[index] {
                Dim::Of(length) => length,
                _ => 0,
            };
            index += 1;
        }
        product
    }

    pub(crate) const fn landmarks(name: &'static str) -> Self {
        Self::numbers(name, LANDMARK_NUMBERS)
    }
}

impl Contract {
    /// What of a face a network of this role gives whose outputs have so many numbers (see [`Fit::numbers`](crate::Fit::numbers)).
    #[must_use]
    pub fn gives(&self, numbers: &[usize]) -> FaceParts {
        match numbers.first() {
            // A landmark network without irises.
            Some(&count) if self.role == Role::Landmarks && count == 3 * MESH_LANDMARK_COUNT => {
                FaceParts::NONE
            }
            _ => self.gives,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_buckets_than_faces_or_memory_allow() {
        let buckets = |faces, most| FACES.buckets_for(faces, most).collect::<Vec<_>>();
        assert_eq!(buckets(1, 8), [1]);
        assert_eq!(buckets(3, 8), [1, 2, 4]);
        assert_eq!(buckets(10, 8), [1, 2, 4, 8]);
        assert_eq!(buckets(10, 2), [1, 2]);
        assert_eq!(buckets(4, 0), [1]);
        for &role in Role::ALL {
            let Batches { buckets, profiles } = role.contract().batches;
            assert!(buckets[0] == 1 && buckets.windows(2).all(|pair| pair[0] < pair[1]));
            assert_eq!(profiles.last().map(|profile| profile[2]), buckets.last().copied());
        }
    }
}
