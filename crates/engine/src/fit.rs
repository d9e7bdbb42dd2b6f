//! Whether a network fits a contract, and where its tensors are.

use mien_geometry::retinaface_prior_count;
use mien_onnx::{Dimension, Model, ValueInfo};

use crate::TensorInfo;
use crate::contract::{Contract, Dim, Shape, Tensor};

/// Where the tensors of a contract are in a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// The shape of the input, an item.
    pub input: Vec<usize>,
    /// The position of each output of the contract among the network's outputs, in the contract's order.
    pub outputs: Vec<usize>,
    /// How many numbers each of them has, an item.
    pub numbers: Vec<usize>,
}

/// Why a network does not fit a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// `input` or `output`.
    pub kind: &'static str,
    /// The tensor that is needed, in words.
    pub expected: String,
    /// What there is, in words.
    pub found: String,
}

impl Contract {
    /// Holds a loaded network's tensors against the contract. Of several outputs that fit, the one of the
    /// contract's name counts.
    ///
    /// # Errors
    /// [`Misfit`]: the first tensor that is missing or could be several.
    pub fn fit(&self, inputs: &[TensorInfo], outputs: &[TensorInfo]) -> Result<Fit, Misfit> {
        let inputs: Vec<Declared> = inputs.iter().map(Declared::of_loaded).collect();
        let outputs: Vec<Declared> = outputs.iter().map(Declared::of_loaded).collect();
        let places = self.places(&inputs, &outputs)?;
        let input = inputs[0].dims.iter().flatten().copied().collect();
        let numbers = places.iter().map(|&place| outputs[place].numbers.unwrap_or(0)).collect();
        Ok(Fit { input, outputs: places, numbers })
    }

    /// Holds what a file declares against the contract; open sizes fit.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn check(&self, model: &Model) -> Result<(), String> {
        let (inputs, outputs) = (&model.graph.inputs, &model.graph.outputs);
        let [input] = &inputs[..] else {
            return Err(format!("it has {} inputs instead of one", inputs.len()));
        };
        let declared = |tensors: &[ValueInfo]| tensors.iter().map(Declared::of_file).collect::<Vec<_>>();
        self.places(&declared(inputs), &declared(outputs)).map(drop).map_err(|misfit| {
            if misfit.kind == "input" {
                return format!("its input is {} instead of {}", describe(input), self.input_words);
            }
            let shapes: Vec<String> = outputs.iter().map(describe).collect();
            format!("its outputs are {} instead of {}", shapes.join(", "), self.output_words)
        })
    }

    /// How many numbers output `index` has in a network of this role that is described by names and shapes with
    /// the batch (`None` for an open size), as a manifest lists them; `None` when that is not told.
    pub fn listed_numbers<'a>(
        &self,
        index: usize,
        outputs: impl IntoIterator<Item = (&'a str, Vec<Option<usize>>)>,
    ) -> Option<usize> {
        let outputs: Vec<Declared> =
            outputs.into_iter().map(|(name, dims)| Declared::with_batch(name, dims)).collect();
        self.outputs[index].place(&outputs, &[]).and_then(|place| outputs[place].numbers)
    }

    fn places(&self, inputs: &[Declared], outputs: &[Declared]) -> Result<Vec<usize>, Misfit> {
        let misfit = |kind, tensor: &Tensor, picture: &[Option<usize>], tensors: &[Declared]| Misfit {
            kind,
            expected: tensor.words(picture),
            found: tensors.iter().map(Declared::words).collect::<Vec<_>>().join(", "),
        };
        let [input] = inputs else { return Err(misfit("input", &self.input, &[], inputs)) };
        if !self.input.fits(input, &[]) {
            return Err(misfit("input", &self.input, &[], inputs));
        }
        let place = |tensor: &Tensor| {
            let place = tensor.place(outputs, &input.dims);
            place.ok_or_else(|| misfit("output", tensor, &input.dims, outputs))
        };
        self.outputs.iter().map(place).collect()
    }
}

impl Tensor {
    /// The tensor that is meant: of several that fit, the one of this name.
    fn place(&self, tensors: &[Declared], picture: &[Option<usize>]) -> Option<usize> {
        let fitting = || tensors.iter().enumerate().filter(|(_, tensor)| self.fits(tensor, picture));
        let named = fitting().find(|(_, tensor)| tensor.name == self.name);
        let only = || fitting().next().filter(|_| fitting().count() == 1);
        named.or_else(only).map(|(index, _)| index)
    }

    fn fits(&self, tensor: &Declared, picture: &[Option<usize>]) -> bool {
        let dims = match self.shape {
            Shape::Numbers(counts) => return tensor.numbers.is_some_and(|found| counts.contains(&found)),
            Shape::Dims(dims) => dims,
        };
        let sides: Vec<_> = dims
            .iter()
            .zip(&tensor.dims)
            .filter(|(dim, _)| **dim == Dim::Side)
            .map(|(_, found)| *found)
            .collect();
        dims.len() == tensor.dims.len()
            && sides.windows(2).all(|pair| pair[0] == pair[1])
            && dims.iter().zip(&tensor.dims).all(|(dim, found)| match dim {
                Dim::Of(length) => *found == Some(*length),
                Dim::Height | Dim::Width | Dim::Side => *found != Some(0),
                Dim::Priors => match (found, priors(picture)) {
                    (Some(found), Some(priors)) => *found == priors,
                    _ => true,
                },
            })
    }

    fn words(&self, picture: &[Option<usize>]) -> String {
        let dims = match self.shape {
            Shape::Numbers([1]) => return "of 1 number".to_owned(),
            Shape::Numbers(counts) => {
                let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
                return format!("of {} numbers", counts.join(" or "));
            }
            Shape::Dims(dims) => dims,
        };
        let words: Vec<String> = dims
            .iter()
            .map(|dim| match dim {
                Dim::Of(length) => length.to_string(),
                Dim::Height => "height".to_owned(),
                Dim::Width => "width".to_owned(),
                Dim::Side => "size".to_owned(),
                Dim::Priors => priors(picture).map_or_else(|| "priors".to_owned(), |count| count.to_string()),
            })
            .collect();
        let strides = match (dims.contains(&Dim::Priors), picture) {
            (true, [_, Some(height), Some(width)]) => {
                format!(" (RetinaFace's two priors a cell, strides 8, 16 and 32, for {width}×{height})")
            }
            _ => String::new(),
        };
        format!("[{}]{strides}", words.join(", "))
    }
}

/// RetinaFace's priors for an input `[3, height, width]` in pixels, where its size is known.
fn priors(picture: &[Option<usize>]) -> Option<usize> {
    match *picture {
        [_, Some(height), Some(width)] => Some(retinaface_prior_count(height, width)),
        _ => None,
    }
}

/// A tensor as a file or an engine describes it.
struct Declared {
    name: String,
    /// Of one item; `None` for open sizes.
    dims: Vec<Option<usize>>,
    /// How many numbers one item has, when that is declared.
    numbers: Option<usize>,
}

impl Declared {
    fn of_loaded(tensor: &TensorInfo) -> Self {
        let dims = tensor.shape.iter().copied().map(Some).collect();
        Self { name: tensor.name.clone(), dims, numbers: Some(tensor.elements()) }
    }

    fn of_file(tensor: &ValueInfo) -> Self {
        let size = |dim: &Dimension| match dim {
            Dimension::Fixed(size) => Some(*size),
            Dimension::Dynamic(_) => None,
        };
        Self::with_batch(&tensor.name, tensor.dims.iter().flatten().map(size).collect())
    }

    fn with_batch(name: &str, mut dims: Vec<Option<usize>>) -> Self {
        // A batch that is open or one is left out of the count.
        let numbers = match dims.as_slice() {
            [] => None,
            [None | Some(1), item @ ..] => item.iter().copied().product(),
            all => all.iter().copied().product(),
        };
        let dims = dims.split_off(1.min(dims.len()));
        Self { name: name.to_owned(), dims, numbers }
    }

    fn words(&self) -> String {
        let dim = |size: &Option<usize>| size.map_or_else(|| "?".to_owned(), |size| size.to_string());
        let dims: Vec<String> = self.dims.iter().map(dim).collect();
        format!("`{}` [{}]", self.name, dims.join(", "))
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    fn tensor(name: &str, shape: &[usize]) -> TensorInfo {
        TensorInfo { name: name.into(), shape: shape.to_vec() }
    }

    #[test]
    fn a_detector_has_one_row_for_each_prior() {
        let contract = Role::Detector.contract();
        let inputs = [tensor("input", &[3, 64, 96])];
        let priors = retinaface_prior_count(64, 96);
        let outputs = |count| [tensor("a", &[count, 10]), tensor("b", &[count, 4]), tensor("c", &[count, 2])];
        let fit = contract.fit(&inputs, &outputs(priors)).unwrap();
        assert_eq!((fit.input, fit.outputs), (vec![3, 64, 96], vec![1, 2, 0]));
        let misfit = contract.fit(&inputs, &outputs(priors + 1)).unwrap_err();
        assert!(misfit.expected.starts_with(&format!("[{priors}, 4]")), "{misfit:?}");
        assert!(misfit.expected.contains("strides 8, 16 and 32"), "{misfit:?}");
        assert!(misfit.found.contains(&format!("`b` [{}, 4]", priors + 1)), "{misfit:?}");
    }

    #[test]
    fn landmarks_come_with_and_without_irises() {
        let contract = Role::Landmarks.contract();
        let inputs = [tensor("image", &[3, 192, 192])];
        for (count, irises) in [(1434, true), (1404, false)] {
            let outputs = [tensor("p", &[1]), tensor("points", &[1, 1, count])];
            let fit = contract.fit(&inputs, &outputs).unwrap();
            assert_eq!((&fit.outputs[..], fit.numbers[0]), (&[1, 0][..], count));
            assert_eq!(contract.gives(&fit.numbers).is_empty(), !irises);
        }
        // Two that could be meant.
        let twins = [tensor("landmarks", &[1434]), tensor("a", &[1]), tensor("b", &[1])];
        assert_eq!(contract.fit(&inputs, &twins).unwrap_err().expected, "of 1 number");
        let named = [tensor("landmarks", &[1434]), tensor("presence", &[1]), tensor("b", &[1])];
        assert_eq!(contract.fit(&inputs, &named).unwrap().outputs, [0, 1]);
        let oblong = [tensor("image", &[3, 192, 256])];
        assert_eq!(contract.fit(&oblong, &named).unwrap_err().expected, "[3, size, size]");
    }

    #[test]
    fn a_list_tells_how_many_landmarks_there_are() {
        let contract = Role::Landmarks.contract();
        let numbers =
            |count| contract.listed_numbers(0, [("p", vec![None, Some(1)]), ("l", vec![None, count])]);
        assert_eq!(numbers(Some(1404)), Some(1404));
        assert_eq!(numbers(Some(7)), None);
        assert_eq!(numbers(None), None);
        assert_eq!(contract.listed_numbers(0, []), None);
    }
}
