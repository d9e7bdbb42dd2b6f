//! The shape of every value of a network, and what a run costs.

use std::collections::HashMap;

use crate::{ElementType, Model, Node, OnnxError, Tensor, operators};

/// Numbers in all values of one run together: 1 GiB of `f32`. RetinaFace at 640×640 has 14 million.
pub const MAX_ELEMENTS: u64 = 1 << 28;
/// Multiplications of one run; some five seconds on one core. RetinaFace at 640×640 has 0.6 billion.
pub const MAX_MULTIPLY_ADDS: u64 = 1 << 38;

/// Axes of one value.
const MOST_DIMENSIONS: usize = 8;
/// Lists up to this long are followed through the network, since shapes are computed from them.
const LONGEST_LIST: usize = 64;

/// What is known about a value before the network runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fact {
    pub dims: Vec<usize>,
    /// The content of a short list of whole numbers.
    pub ints: Option<Vec<i64>>,
    /// The content of a short list of numbers.
    pub floats: Option<Vec<f32>>,
}

impl Fact {
    pub fn of_shape(dims: Vec<usize>) -> Self {
        Self { dims, ..Self::default() }
    }

    pub fn of_constant(tensor: &Tensor) -> Self {
        let short = tensor.dims.iter().product::<usize>() <= LONGEST_LIST && tensor.dims.len() <= 1;
        let int32 = || {
            let numbers = tensor.data.chunks_exact(4);
            numbers.map(|b| i64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect()
        };
        Self {
            dims: tensor.dims.clone(),
            ints: match tensor.element {
                ElementType::Int64 if short => tensor.to_i64(),
                ElementType::Int32 if short => Some(int32()),
                _ => None,
            },
            floats: tensor.to_f32().filter(|_| short),
        }
    }
}

/// The shapes of a network's values for inputs of given shapes.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    by_name: HashMap<String, Vec<usize>>,
    /// Numbers in all inputs and computed values together.
    pub elements: u64,
    /// Multiplications of convolutions and matrix products.
    pub multiply_adds: u64,
}

impl Shapes {
    /// The shape of a value, constant or input.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[usize]> {
        self.by_name.get(name).map(Vec::as_slice)
    }
}

impl Model<'_> {
    /// Works out the shape of every value for inputs of these shapes (batch first), in the order of
    /// `graph.inputs`.
    ///
    /// # Errors
    /// [`OnnxError::Shape`]: operands that do not fit, or a shape that depends on the picture.
    /// [`OnnxError::TooLarge`]: more than [`MAX_ELEMENTS`] or [`MAX_MULTIPLY_ADDS`].
    /// [`OnnxError::Unsupported`]: an operator that no face network needs.
    pub fn shapes(&self, inputs: &[Vec<usize>]) -> Result<Shapes, OnnxError> {
        let mut facts: HashMap<&str, Fact> = HashMap::new();
        for (input, dims) in self.graph.inputs.iter().zip(inputs) {
            facts.insert(&input.name, Fact::of_shape(dims.clone()));
        }
        for tensor in &self.graph.initializers {
            facts.insert(&tensor.name, Fact::of_constant(tensor));
        }
        let mut shapes = Shapes::default();
        for dims in inputs {
            shapes.elements = shapes.elements.saturating_add(count(dims));
            limit("numbers", shapes.elements, MAX_ELEMENTS)?;
        }
        for node in &self.graph.nodes {
            let operands: Vec<Option<&Fact>> =
                node.inputs.iter().map(|name| facts.get(name.as_str())).collect();
            let result = operators::infer(node, self.opset, &operands)?;
            let cost = result.multiply_adds;
            shapes.multiply_adds = shapes.multiply_adds.saturating_add(cost);
            limit("multiplications", shapes.multiply_adds, MAX_MULTIPLY_ADDS)?;
            for (name, fact) in node.outputs.iter().zip(result.outputs) {
                if fact.dims.len() > MOST_DIMENSIONS {
                    return Err(shape_error(node, format!("{} axes", fact.dims.len())));
                }
                shapes.elements = shapes.elements.saturating_add(count(&fact.dims));
                limit("numbers", shapes.elements, MAX_ELEMENTS)?;
                facts.insert(name, fact);
            }
        }
        shapes.by_name = facts.into_iter().map(|(name, fact)| (name.to_owned(), fact.dims)).collect();
        Ok(shapes)
    }
}

/// How many numbers a shape has, at most `u64::MAX`.
pub(crate) fn count(dims: &[usize]) -> u64 {
    dims.iter().fold(1, |product: u64, &dim| product.saturating_mul(dim as u64))
}

fn limit(what: &'static str, needed: u64, limit: u64) -> Result<(), OnnxError> {
    if needed <= limit {
        return Ok(());
    }
    Err(OnnxError::TooLarge { what, needed, limit })
}

pub(crate) fn shape_error(node: &Node, reason: impl Into<String>) -> OnnxError {
    OnnxError::Shape {
        op: node.op.clone(),
        output: node.outputs.first().cloned().unwrap_or_default(),
        reason: reason.into(),
    }
}

pub(crate) fn is_short(length: usize) -> bool {
    length <= LONGEST_LIST
}
