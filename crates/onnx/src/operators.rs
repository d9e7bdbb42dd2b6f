//! The output shapes of the operators that face networks are made of.
//!
//! Rules and attribute defaults: <https://onnx.ai/onnx/operators/>.

mod layout;
mod window;

use crate::shapes::{Fact, count, is_short, shape_error};
use crate::{Attribute, Node, OnnxError};

type Result<T> = std::result::Result<T, OnnxError>;

/// No dimension is larger than this.
const LARGEST_DIM: i64 = i32::MAX as i64;

/// What an operator makes.
pub(crate) struct Inferred {
    pub outputs: Vec<Fact>,
    pub multiply_adds: u64,
}

/// An operator with what is known about its operands.
struct Call<'a> {
    node: &'a Node<'a>,
    opset: i64,
    operands: &'a [Option<&'a Fact>],
}

pub(crate) fn infer(node: &Node, opset: i64, operands: &[Option<&Fact>]) -> Result<Inferred> {
    let call = Call { node, opset, operands };
    let mut multiply_adds = 0;
    let outputs = match node.op.as_str() {
        "Relu"
        | "LeakyRelu"
        | "Elu"
        | "Sigmoid"
        | "Tanh"
        | "HardSigmoid"
        | "HardSwish"
        | "Softplus"
        | "Neg"
        | "Abs"
        | "Sqrt"
        | "Reciprocal"
        | "Exp"
        | "Log"
        | "Floor"
        | "Ceil"
        | "Round"
        | "Erf"
        | "Gelu"
        | "Identity"
        | "Dropout"
        | "Cast"
        | "Clip"
        | "Softmax"
        | "LogSoftmax"
        | "BatchNormalization"
        | "InstanceNormalization"
        | "LayerNormalization"
        | "Sin"
        | "Cos" => vec![call.same()?],
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Min" | "Max" | "Sum" | "Mean" | "PRelu" => {
            vec![call.broadcast()?]
        }
        "Conv" => vec![call.convolution(&mut multiply_adds)?],
        "MaxPool" | "AveragePool" => vec![call.pool(&mut multiply_adds)?],
        "GlobalAveragePool" | "GlobalMaxPool" => {
            let dims = call.dims(0)?;
            let ones = |(axis, &dim): (usize, &usize)| if axis < 2 { dim } else { 1 };
            vec![Fact::of_shape(dims.iter().enumerate().map(ones).collect())]
        }
        "MatMul" => vec![call.matrix_product(&mut multiply_adds)?],
        "Gemm" => vec![call.gemm(&mut multiply_adds)?],
        "Concat" => vec![call.concat()?],
        "Split" => call.split()?,
        "Reshape" => vec![call.reshape()?],
        "Flatten" => vec![call.flatten()?],
        "Squeeze" => vec![call.squeeze()?],
        "Unsqueeze" => vec![call.unsqueeze()?],
        "Transpose" => vec![call.transpose()?],
        "Slice" => vec![call.slice()?],
        "Gather" => vec![call.gather()?],
        "Expand" => vec![call.expand()?],
        "Pad" => vec![call.pad()?],
        "Resize" => vec![call.resize()?],
        "Shape" => vec![call.shape()?],
        "Constant" => vec![call.constant()?],
        "ConstantOfShape" => vec![Fact::of_shape(call.sizes(&call.known_ints(0)?)?)],
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceL2" => vec![call.reduce()?],
        other => {
            return Err(OnnxError::Unsupported { what: format!("the operator {other}") });
        }
    };
    let several = node.op == "Split";
    if node.outputs.len() != outputs.len() && (several || node.outputs.len() != 1) {
        return Err(call.wrong("it has another number of outputs than supported"));
    }
    Ok(Inferred { outputs, multiply_adds })
}

impl Call<'_> {
    fn wrong(&self, reason: impl Into<String>) -> OnnxError {
        shape_error(self.node, reason)
    }

    fn optional(&self, index: usize) -> Option<&Fact> {
        self.operands.get(index).copied().flatten()
    }

    fn fact(&self, index: usize) -> Result<&Fact> {
        self.optional(index).ok_or_else(|| self.wrong(format!("its input {index} is missing")))
    }

    fn dims(&self, index: usize) -> Result<&[usize]> {
        Ok(&self.fact(index)?.dims)
    }

    /// The content of an input that must be known before the network runs.
    fn known_ints(&self, index: usize) -> Result<Vec<i64>> {
        self.fact(index)?
            .ints
            .clone()
            .ok_or_else(|| self.wrong(format!("its input {index} is not known before the network runs")))
    }

    fn ints(&self, name: &str) -> Result<Option<Vec<i64>>> {
        match self.node.attribute(name) {
            None => Ok(None),
            Some(Attribute::Ints(ints)) if is_short(ints.len()) => Ok(Some(ints.clone())),
            Some(_) => Err(self.wrong(format!("{name} is no short list of whole numbers"))),
        }
    }

    fn int(&self, name: &str, default: i64) -> Result<i64> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(Attribute::Int(int)) => Ok(*int),
            Some(_) => Err(self.wrong(format!("{name} is no whole number"))),
        }
    }

    fn size(&self, size: i64) -> Result<usize> {
        if (0..=LARGEST_DIM).contains(&size) {
            return Ok(size as usize);
        }
        Err(self.wrong(format!("a dimension of {size}")))
    }

    fn sizes(&self, sizes: &[i64]) -> Result<Vec<usize>> {
        sizes.iter().map(|&size| self.size(size)).collect()
    }

    fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let from_start = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
        let axis_in = usize::try_from(from_start).ok().filter(|&axis| axis < rank);
        axis_in.ok_or_else(|| self.wrong(format!("axis {axis} of {rank}")))
    }

    fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>> {
        axes.iter().map(|&axis| self.axis(axis, rank)).collect()
    }

    /// Axes that newer operator sets give as an input and older ones as an attribute.
    fn given_axes(&self, input: usize) -> Result<Option<Vec<i64>>> {
        match self.optional(input) {
            Some(_) => self.known_ints(input).map(Some),
            None => self.ints("axes"),
        }
    }

    fn same(&self) -> Result<Fact> {
        let fact = self.fact(0)?;
        let keeps = matches!(self.node.op.as_str(), "Identity" | "Cast");
        Ok(Fact { dims: fact.dims.clone(), ints: fact.ints.clone().filter(|_| keeps), floats: None })
    }

    fn broadcast(&self) -> Result<Fact> {
        let mut dims: Vec<usize> = Vec::new();
        for index in 0..self.operands.len() {
            dims = self.broadcast_dims(&dims, self.dims(index)?)?;
        }
        Ok(Fact { ints: self.arithmetic(), ..Fact::of_shape(dims) })
    }

    fn broadcast_dims(&self, a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
        let rank = a.len().max(b.len());
        let dim = |dims: &[usize], axis: usize| {
            let missing = rank - dims.len();
            if axis < missing { 1 } else { dims[axis - missing] }
        };
        let both = |axis| match (dim(a, axis), dim(b, axis)) {
            (x, y) if x == y || y == 1 => Ok(x),
            (1, y) => Ok(y),
            _ => Err(self.wrong(format!("{a:?} and {b:?} do not fit together"))),
        };
        (0..rank).map(both).collect()
    }

    /// Arithmetic on short lists of whole numbers, as in the computation of a shape.
    fn arithmetic(&self) -> Option<Vec<i64>> {
        let [Some(a), Some(b)] = self.operands else {
            return None;
        };
        let (a, b) = (a.ints.as_ref()?, b.ints.as_ref()?);
        let length = a.len().max(b.len());
        let pairs = (0..length).map(|at| (a.get(at).or(a.first()), b.get(at).or(b.first())));
        pairs
            .map(|pair| match (pair.0?, pair.1?, self.node.op.as_str()) {
                (a, b, "Add") => a.checked_add(*b),
                (a, b, "Sub") => a.checked_sub(*b),
                (a, b, "Mul") => a.checked_mul(*b),
                (a, b, "Div") => a.checked_div(*b),
                _ => None,
            })
            .collect()
    }

    fn matrix_product(&self, multiply_adds: &mut u64) -> Result<Fact> {
        let ([a @ .., rows, inner], [b @ .., inner_b, columns]) = (self.dims(0)?, self.dims(1)?) else {
            return Err(self.wrong("a matrix product of vectors"));
        };
        if inner != inner_b {
            return Err(self.wrong(format!("inner sizes {inner} and {inner_b}")));
        }
        let mut dims = self.broadcast_dims(a, b)?;
        dims.extend([rows, columns]);
        *multiply_adds = count(&dims).saturating_mul(*inner as u64);
        Ok(Fact::of_shape(dims))
    }

    fn gemm(&self, multiply_adds: &mut u64) -> Result<Fact> {
        let matrix = |index: usize, name: &str| -> Result<[usize; 2]> {
            let &[rows, columns] = self.dims(index)? else {
                return Err(self.wrong("no matrix"));
            };
            let turned = self.int(name, 0)? != 0;
            Ok(if turned { [columns, rows] } else { [rows, columns] })
        };
        let ([rows, inner], [inner_b, columns]) = (matrix(0, "transA")?, matrix(1, "transB")?);
        if inner != inner_b {
            return Err(self.wrong(format!("inner sizes {inner} and {inner_b}")));
        }
        let dims = vec![rows, columns];
        *multiply_adds = count(&dims).saturating_mul(inner as u64);
        Ok(Fact::of_shape(dims))
    }

    fn shape(&self) -> Result<Fact> {
        let dims = self.dims(0)?;
        let clamp = |n: i64| {
            let from_start = if n < 0 { n.saturating_add(dims.len() as i64) } else { n };
            from_start.clamp(0, dims.len() as i64) as usize
        };
        let (start, end) = (clamp(self.int("start", 0)?), clamp(self.int("end", i64::MAX)?));
        let part = dims.get(start..end).unwrap_or_default();
        Ok(Fact {
            dims: vec![part.len()],
            ints: Some(part.iter().map(|&dim| dim as i64).collect()),
            floats: None,
        })
    }

    fn constant(&self) -> Result<Fact> {
        let [(name, value)] = &self.node.attributes[..] else {
            return Err(self.wrong("a constant needs one value"));
        };
        Ok(match (name.as_str(), value) {
            ("value", Attribute::Tensor(tensor)) => Fact::of_constant(tensor),
            ("value_int", Attribute::Int(int)) => Fact { ints: Some(vec![*int]), ..Fact::default() },
            ("value_ints", Attribute::Ints(ints)) if is_short(ints.len()) => {
                Fact { dims: vec![ints.len()], ints: Some(ints.clone()), floats: None }
            }
            ("value_float", Attribute::Float(_)) => Fact::default(),
            ("value_floats", Attribute::Floats(floats)) => {
                Fact { dims: vec![floats.len()], ints: None, floats: Some(floats.clone()) }
            }
            _ => return Err(self.wrong("a constant of an unknown kind")),
        })
    }

    fn reduce(&self) -> Result<Fact> {
        let dims = self.dims(0)?;
        let axes = match self.given_axes(1)? {
            Some(axes) if !axes.is_empty() => self.axes(&axes, dims.len())?,
            _ if self.int("noop_with_empty_axes", 0)? != 0 => Vec::new(),
            _ => (0..dims.len()).collect(),
        };
        let keep = self.int("keepdims", 1)? != 0;
        let dim = |axis: usize| match axes.contains(&axis) {
            false => Some(dims[axis]),
            true => keep.then_some(1),
        };
        Ok(Fact::of_shape((0..dims.len()).filter_map(dim).collect()))
    }
}
