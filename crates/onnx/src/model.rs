//! The parts of a model that are read and written.

use std::borrow::Cow;
use std::fmt;

/// A network with its weights. `'a` is the file that the weights are borrowed from.
#[derive(Clone, Debug, PartialEq)]
pub struct Model<'a> {
    /// Version of the file format.
    pub ir_version: i64,
    /// Version of the standard operator set.
    pub opset: i64,
    /// The program that wrote the file.
    pub producer: String,
    /// The network.
    pub graph: Graph<'a>,
}

impl Model<'_> {
    /// Turns half-precision weights and arithmetic into single precision, for engines that only have
    /// that. The ends of the network keep their types.
    pub fn widen_halves(&mut self) {
        const HALF: i64 = ElementType::Float16 as i64;
        for tensor in &mut self.graph.initializers {
            tensor.widen();
        }
        for node in &mut self.graph.nodes {
            for (name, attribute) in &mut node.attributes {
                match attribute {
                    Attribute::Tensor(tensor) => tensor.widen(),
                    Attribute::Int(to) if node.op == "Cast" && name == "to" && *to == HALF => {
                        *to = ElementType::Float as i64;
                    }
                    _ => {}
                }
            }
        }
    }
}

/// The operators in an order in which they can run, the constants, and the ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph<'a> {
    /// A name without meaning.
    pub name: String,
    /// The operators.
    pub nodes: Vec<Node<'a>>,
    /// The constants, mostly weights.
    pub initializers: Vec<Tensor<'a>>,
    /// What is fed in. Constants are not repeated here.
    pub inputs: Vec<ValueInfo>,
    /// What comes out.
    pub outputs: Vec<ValueInfo>,
}

/// One operator of the standard set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node<'a> {
    /// The operator, for instance `Conv`.
    pub op: String,
    /// A name for messages, possibly empty.
    pub name: String,
    /// Names of values, constants or network inputs; empty for an optional input that is left out.
    pub inputs: Vec<String>,
    /// Names of the values that it makes.
    pub outputs: Vec<String>,
    /// The operator's settings.
    pub attributes: Vec<(String, Attribute<'a>)>,
}

impl<'a> Node<'a> {
    /// The setting called `name`, if it is given.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// A setting of an operator.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute<'a> {
    /// One number.
    Float(f32),
    /// One whole number.
    Int(i64),
    /// A word.
    String(String),
    /// A constant.
    Tensor(Tensor<'a>),
    /// Numbers.
    Floats(Vec<f32>),
    /// Whole numbers.
    Ints(Vec<i64>),
}

/// A constant: dense, row-major, little-endian.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<'a> {
    /// The name that operators use.
    pub name: String,
    /// What the data are.
    pub element: ElementType,
    /// The dimensions; none for a single number.
    pub dims: Vec<usize>,
    /// Exactly the product of `dims` elements.
    pub data: Cow<'a, [u8]>,
}

impl Tensor<'_> {
    /// A tensor of `f32`.
    ///
    /// # Panics
    /// When `values` are not as many as `dims` say.
    #[must_use]
    pub fn from_f32(name: impl Into<String>, dims: &[usize], values: &[f32]) -> Tensor<'static> {
        assert_eq!(dims.iter().product::<usize>(), values.len());
        Tensor {
            name: name.into(),
            element: ElementType::Float,
            dims: dims.to_vec(),
            data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    /// A one-dimensional tensor of `i64`.
    #[must_use]
    pub fn from_i64(name: impl Into<String>, values: &[i64]) -> Tensor<'static> {
        Tensor {
            name: name.into(),
            element: ElementType::Int64,
            dims: vec![values.len()],
            data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    /// Half-precision data as single precision; other data stay.
    fn widen(&mut self) {
        if self.element == ElementType::Float16 {
            let halves = self.data.chunks_exact(2);
            self.data = halves
                .map(|b| f32_from_half(u16::from_le_bytes([b[0], b[1]])))
                .flat_map(f32::to_le_bytes)
                .collect();
            self.element = ElementType::Float;
        }
    }

    /// The numbers of an `f32` tensor, or `None` when it is of another type.
    #[must_use]
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        (self.element == ElementType::Float).then(|| {
            let numbers = self.data.chunks_exact(4);
            numbers.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        })
    }

    /// The numbers of an `i64` tensor, or `None` when it is of another type.
    #[must_use]
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        (self.element == ElementType::Int64).then(|| {
            let numbers = self.data.chunks_exact(8);
            numbers.map(|b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])).collect()
        })
    }
}

/// The value of an IEEE 754 half-precision number given by its bits.
#[must_use]
pub fn f32_from_half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f32::from(bits & 0x3ff) / 1024.0;
    match bits >> 10 & 0x1f {
        0 => sign * fraction * 2.0_f32.powi(-14),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        exponent => sign * (1.0 + fraction) * 2.0_f32.powi(i32::from(exponent) - 15),
    }
}

/// The type of a tensor's elements; the numbers are those of `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// 32-bit floating point.
    Float = 1,
    /// 8-bit unsigned.
    Uint8 = 2,
    /// 8-bit signed.
    Int8 = 3,
    /// 32-bit signed.
    Int32 = 6,
    /// 64-bit signed.
    Int64 = 7,
    /// True or false, one byte each.
    Bool = 9,
    /// 16-bit floating point.
    Float16 = 10,
    /// 64-bit floating point.
    Double = 11,
}

impl ElementType {
    /// The type with that number in the file format.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        [
            ElementType::Float,
            ElementType::Uint8,
            ElementType::Int8,
            ElementType::Int32,
            ElementType::Int64,
            ElementType::Bool,
            ElementType::Float16,
            ElementType::Double,
        ]
        .into_iter()
        .find(|element| *element as i64 == code)
    }

    /// Bytes of one element.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            ElementType::Uint8 | ElementType::Int8 | ElementType::Bool => 1,
            ElementType::Float16 => 2,
            ElementType::Float | ElementType::Int32 => 4,
            ElementType::Int64 | ElementType::Double => 8,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ElementType::Float => "f32",
            ElementType::Uint8 => "u8",
            ElementType::Int8 => "i8",
            ElementType::Int32 => "i32",
            ElementType::Int64 => "i64",
            ElementType::Bool => "bool",
            ElementType::Float16 => "f16",
            ElementType::Double => "f64",
        })
    }
}

/// An end of the network: name, type and shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueInfo {
    /// The name.
    pub name: String,
    /// The type of its elements.
    pub element: ElementType,
    /// The dimensions, when the file declares them.
    pub dims: Option<Vec<Dimension>>,
}

/// One dimension of a network's input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Always this size.
    Fixed(usize),
    /// Any size; dimensions of one name are alike. The name may be empty.
    Dynamic(String),
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dimension::Fixed(size) => write!(f, "{size}"),
            Dimension::Dynamic(name) if name.is_empty() => f.write_str("?"),
            Dimension::Dynamic(name) => f.write_str(name),
        }
    }
}
