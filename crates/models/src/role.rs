//! What a network is for, told by its tensors.

use std::fmt;
use std::str::FromStr;

use mien_engine::TensorInfo;
use mien_face::{BLENDSHAPE_COUNT, LANDMARK_COUNT};
use mien_onnx::{Dimension, Model, ValueInfo};
use serde::{Deserialize, Serialize};

/// The strides in pixels of the detector's three anchor grids.
pub const DETECTOR_STRIDES: [usize; 3] = [8, 16, 32];

/// Landmarks that the blendshape network reads.
const BLENDSHAPE_POINTS: usize = 146;

/// What a network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// RetinaFace: a picture [3, H, W] → per anchor 4 box offsets, 2 class scores, 10 keypoint offsets.
    Detector,
    /// A square crop of a face [3, S, S] → 478 landmarks × 3, and whether there is a face.
    Landmarks,
    /// 146 landmarks × 2 → 52 coefficients.
    Blendshapes,
}

impl Role {
    /// Every role, in the order in which a frame meets them.
    pub const ALL: [Role; 3] = [Role::Detector, Role::Landmarks, Role::Blendshapes];

    /// The word on the command line and in the manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Detector => "detector",
            Role::Landmarks => "landmarks",
            Role::Blendshapes => "blendshapes",
        }
    }

    /// The role that a network's declared tensors fit, if any.
    #[must_use]
    pub fn recognise(model: &Model) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.check(model).is_ok())
    }

    /// Whether a network's declared tensors fit this role.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn check(self, model: &Model) -> Result<(), String> {
        let [input] = &model.graph.inputs[..] else {
            return Err(format!("it has {} inputs instead of one", model.graph.inputs.len()));
        };
        let item = item(input);
        let fits = match self {
            Role::Detector => matches!(item[..], [Some(3), _, _]),
            Role::Landmarks => matches!(item[..], [Some(3), h, w] if h == w),
            Role::Blendshapes => item == [Some(BLENDSHAPE_POINTS), Some(2)],
        };
        if !fits {
            let shape = describe(input);
            return Err(format!("its input is {shape} instead of {}", self.input_words()));
        }
        let outputs = &model.graph.outputs;
        let found = match self {
            Role::Detector => [4, 2, 10].iter().all(|&last| {
                let ending = |output: &&ValueInfo| dims(output).last() == Some(&Some(last));
                outputs.iter().filter(ending).count() == 1
            }),
            Role::Landmarks => {
                let sizes = outputs.iter().map(elements);
                let faces = sizes.clone().filter(|&size| size == Some(3 * LANDMARK_COUNT));
                faces.count() == 1 && sizes.clone().any(|size| size == Some(1))
            }
            Role::Blendshapes => outputs.len() == 1 && elements(&outputs[0]) == Some(BLENDSHAPE_COUNT),
        };
        if found {
            return Ok(());
        }
        let shapes: Vec<String> = outputs.iter().map(describe).collect();
        let wanted = self.output_words();
        Err(format!("its outputs are {} instead of {wanted}", shapes.join(", ")))
    }

    /// The positions of the outputs that this role reads: box, class and keypoint offsets of a detector;
    /// landmarks and presence; blendshapes.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn outputs(self, outputs: &[TensorInfo]) -> Result<Vec<usize>, String> {
        let position = |what: &str, fits: &dyn Fn(&TensorInfo) -> bool| {
            let found = outputs.iter().position(fits);
            found.ok_or_else(|| format!("it has no output with {what}"))
        };
        match self {
            Role::Detector => [4, 2, 10]
                .into_iter()
                .map(|last| {
                    position(&format!("{last} numbers per anchor"), &|output| {
                        output.shape.last() == Some(&last)
                    })
                })
                .collect(),
            Role::Landmarks => {
                let numbers = 3 * LANDMARK_COUNT;
                let landmarks = position("1434 numbers", &|o| o.elements() == numbers)?;
                let named = position("", &|o| o.name == "presence" && o.elements() == 1);
                let presence = named.or_else(|_| position("one number", &|o| o.elements() == 1))?;
                Ok(vec![landmarks, presence])
            }
            Role::Blendshapes => {
                let output = position("52 numbers", &|o| o.elements() == BLENDSHAPE_COUNT)?;
                Ok(vec![output])
            }
        }
    }

    fn input_words(self) -> &'static str {
        match self {
            Role::Detector => "a picture [N, 3, H, W]",
            Role::Landmarks => "a square picture [N, 3, S, S]",
            Role::Blendshapes => "[N, 146, 2]",
        }
    }

    fn output_words(self) -> &'static str {
        match self {
            Role::Detector => "RetinaFace's [N, A, 4], [N, A, 2], [N, A, 10]",
            Role::Landmarks => "478 × 3 landmarks and a presence score",
            Role::Blendshapes => "52 coefficients",
        }
    }
}

/// How many anchors a detector has for a picture of this size in pixels: two per cell of each grid.
#[must_use]
pub fn detector_anchor_count(height: usize, width: usize) -> usize {
    DETECTOR_STRIDES.iter().map(|&stride| 2 * height.div_ceil(stride) * width.div_ceil(stride)).sum()
}

/// The declared sizes; `None` for any.
fn dims(info: &ValueInfo) -> Vec<Option<usize>> {
    let size = |dim: &Dimension| match dim {
        Dimension::Fixed(size) => Some(*size),
        Dimension::Dynamic(_) => None,
    };
    info.dims.iter().flatten().map(size).collect()
}

/// The declared sizes without the batch.
fn item(info: &ValueInfo) -> Vec<Option<usize>> {
    dims(info).split_off(1.min(dims(info).len()))
}

/// How many numbers one item has, when that is declared. A batch that is open or one is left out.
fn elements(info: &ValueInfo) -> Option<usize> {
    let dims = dims(info);
    let item = match dims.as_slice() {
        [] => return None,
        [None | Some(1), item @ ..] => item,
        all => all,
    };
    item.iter().copied().product()
}

fn describe(info: &ValueInfo) -> String {
    match &info.dims {
        None => format!("{} of undeclared shape", info.name),
        Some(dims) => {
            let dims: Vec<String> = dims.iter().map(Dimension::to_string).collect();
            format!("{} [{}]", info.name, dims.join(", "))
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no role.
#[derive(Debug, thiserror::Error)]
#[error("there is no role called {0:?}: take detector, landmarks or blendshapes")]
pub struct ParseRoleError(String);

impl FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Role::ALL.into_iter().find(|role| role.name() == word).ok_or_else(|| ParseRoleError(word.to_owned()))
    }
}
