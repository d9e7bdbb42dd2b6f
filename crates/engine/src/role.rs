//! The list of networks: what each is for, and its contract.

use std::fmt;
use std::str::FromStr;

use mien_face::{BLENDSHAPE_COUNT, FacePart, FaceParts, topology::BLENDSHAPE_INPUTS};
use mien_geometry::BLAZEFACE_PRIORS;
use mien_onnx::Model;
use serde::{Deserialize, Serialize};

use crate::contract::{Contract, Dim, FACES, FRAMES, Tensor};

/// What a network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// RetinaFace: a picture [3, H, W] (BGR minus 104, 117, 123) → per anchor 4 box offsets, 2 class scores, 10
    /// keypoint offsets.
    Detector,
    /// A square crop of a face [3, S, S] (RGB, 0–1) → 478 or 468 landmarks × 3 in crop pixels, and the logit of
    /// whether there is a face.
    Landmarks,
    /// 146 landmarks × 2 in frame pixels → 52 coefficients.
    Blendshapes,
    /// 146 landmarks × 2 in frame pixels → their mean: the tests' own network.
    #[cfg(feature = "test-network")]
    Mean,
}

/// The contracts, in the order of [`Role::ALL`].
static CONTRACTS: [Contract; Role::COUNT] = [
    Contract {
        role: Role::Detector,
        name: "detector",
        noun: "detector",
        summary: "RetinaFace",
        input_words: "a picture [N, 3, H, W]",
        output_words: "RetinaFace's [N, A, 4], [N, A, 2], [N, A, 10]",
        input: Tensor::dims("input", &[Dim::Of(3), Dim::Height, Dim::Width]),
        outputs: &[
            Tensor::dims("loc", &[Dim::Priors, Dim::Of(4)]),
            Tensor::dims("conf", &[Dim::Priors, Dim::Of(2)]),
            Tensor::dims("landms", &[Dim::Priors, Dim::Of(10)]),
        ],
        batches: &FRAMES,
        optional: false,
        reads: None,
        has_int8: true,
        needs: FaceParts::NONE,
        gives: FaceParts::NONE,
    },
    Contract {
        role: Role::Landmarks,
        name: "landmarks",
        noun: "landmark",
        summary: "478 or 468 landmarks",
        input_words: "a square picture [N, 3, S, S]",
        output_words: "478 × 3 or 468 × 3 landmarks and a presence score",
        input: Tensor::dims("image", &[Dim::Of(3), Dim::Side, Dim::Side]),
        outputs: &[Tensor::landmarks("landmarks"), Tensor::numbers("presence", &[1])],
        batches: &FACES,
        optional: false,
        reads: None,
        has_int8: true,
        needs: FaceParts::NONE,
        gives: FaceParts::of(&[FacePart::Irises]),
    },
    Contract {
        role: Role::Blendshapes,
        name: "blendshapes",
        noun: "blendshape",
        summary: "52 blendshapes",
        input_words: "[N, 146, 2]",
        output_words: "52 coefficients",
        input: Tensor::dims("points", &[Dim::Of(BLENDSHAPE_INPUTS.len()), Dim::Of(2)]),
        outputs: &[Tensor::numbers("coefficients", &[BLENDSHAPE_COUNT])],
        batches: &FACES,
        optional: true,
        reads: Some(Role::Landmarks),
        // It is small: 8 bits would cost it accuracy and save no time.
        has_int8: false,
        needs: FaceParts::of(&[FacePart::Irises]),
        gives: FaceParts::of(&[FacePart::Blendshapes]),
    },
    #[cfg(feature = "test-network")]
    Contract {
        role: Role::Mean,
        name: "mean",
        noun: "mean",
        summary: "the tests' mean",
        input_words: "[N, 146, 2]",
        output_words: "a mean of two numbers",
        input: Tensor::dims("points", &[Dim::Of(BLENDSHAPE_INPUTS.len()), Dim::Of(2)]),
        outputs: &[Tensor::numbers("mean", &[2])],
        batches: &FACES,
        optional: true,
        reads: Some(Role::Landmarks),
        has_int8: false,
        needs: FaceParts::of(&[FacePart::Irises]),
        gives: FaceParts::NONE,
    },
];

const OPTIONAL_COUNT: usize = {
    let (mut index, mut count) = (0, 0);
    while index < Role::COUNT {
        count += CONTRACTS[index].optional as usize;
        index += 1;
    }
    count
};

/// MediaPipe's BlazeFace, another detector, which the stages on the CPU run where its tensors tell. No folder offers
/// it.
pub static BLAZEFACE: Contract = Contract {
    role: Role::Detector,
    name: "detector",
    noun: "detector",
    summary: "BlazeFace",
    input_words: "a picture [N, 3, 128, 128]",
    output_words: "BlazeFace's [N, 896, 16], [N, 896, 1]",
    input: Tensor::dims("image", &[Dim::Of(3), Dim::Of(128), Dim::Of(128)]),
    outputs: &[
        Tensor::dims("regressors", &[Dim::Of(BLAZEFACE_PRIORS), Dim::Of(16)]),
        Tensor::dims("scores", &[Dim::Of(BLAZEFACE_PRIORS), Dim::Of(1)]),
    ],
    batches: &FRAMES,
    optional: false,
    reads: None,
    has_int8: false,
    needs: FaceParts::NONE,
    gives: FaceParts::NONE,
};

impl Role {
    /// How many roles there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Every role, in the order in which a frame meets them.
    pub const ALL: &[Self] = &[
        Self::Detector,
        Self::Landmarks,
        Self::Blendshapes,
        #[cfg(feature = "test-network")]
        Self::Mean,
    ];

    /// Those that Mien runs without.
    pub const OPTIONAL: [Self; OPTIONAL_COUNT] = {
        let mut optional = [Self::Detector; OPTIONAL_COUNT];
        let (mut from, mut to) = (0, 0);
        while from < Self::COUNT {
            if CONTRACTS[from].optional {
                optional[to] = CONTRACTS[from].role;
                to += 1;
            }
            from += 1;
        }
        optional
    };

    /// What its networks look like.
    #[must_use]
    pub const fn contract(self) -> &'static Contract {
        &CONTRACTS[self as usize]
    }

    /// The word on the command line and in the manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.contract().name
    }

    /// The role that a network's declared tensors fit, if any.
    #[must_use]
    pub fn recognise(model: &Model) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.contract().check(model).is_ok())
    }

    /// What Mien runs, in words: `a, b or c`.
    #[must_use]
    pub fn summaries() -> String {
        words(|contract| contract.summary)
    }

    /// The words for the roles: `a, b or c`.
    #[must_use]
    pub fn names() -> String {
        words(|contract| contract.name)
    }
}

fn words(of: fn(&Contract) -> &'static str) -> String {
    let words = CONTRACTS.each_ref().map(of);
    let (last, others) = words.split_last().expect("there are roles");
    format!("{} or {last}", others.join(", "))
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no role.
#[derive(Debug, thiserror::Error)]
#[error("there is no role called {word:?}: take {names}", names = Role::names())]
pub struct ParseRoleError {
    word: String,
}

impl FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let role = Self::ALL.iter().copied().find(|role| role.name() == word);
        role.ok_or_else(|| ParseRoleError { word: word.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_its_contract() {
        for &role in Role::ALL {
            assert_eq!(role.contract().role, role);
            assert_eq!(role.name().parse::<Role>().unwrap(), role);
            assert_eq!(role.contract().optional, Role::OPTIONAL.contains(&role), "{role}");
        }
        let error = "nose".parse::<Role>().unwrap_err().to_string();
        assert!(error.contains("nose") && error.contains("detector, landmarks"), "{error}");
    }
}
