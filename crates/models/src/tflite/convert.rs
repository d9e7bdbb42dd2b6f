//! A TFLite network as an ONNX network.
//!
//! TFLite pictures are batch × height × width × channels, ONNX pictures batch × channels × height ×
//! width. Every value is therefore kept together with the order of its axes; an operator that needs
//! another order gets a `Transpose`, the rest work in the order that they find, and TFLite's own
//! transpositions only change the note.

use std::collections::HashMap;

use mien_onnx::{Attribute, Dimension, ElementType, Graph, Model, Node, Tensor, ValueInfo};

use super::TfliteError;
use super::schema::{MOST_CONSTANT_BYTES, Network, read};

pub(super) type Result<T> = std::result::Result<T, TfliteError>;

/// The order in which ONNX keeps a picture: axis `i` of the ONNX value is axis `ORDER[i]` of TFLite's.
pub(super) const CHANNELS_FIRST: [usize; 4] = [0, 3, 1, 2];

/// Converts a TFLite model.
///
/// `name` gives the network's inputs and outputs their names, by their TFLite shapes (batch × … ×
/// channels). The batch is left open when nothing in the network fixes it at one.
///
/// # Errors
/// [`TfliteError`]: the file is damaged, or uses something without a counterpart.
pub fn to_onnx(bytes: &[u8], name: EndNames) -> Result<Model<'static>> {
    let network = read(bytes)?;
    let mut converter = Converter::new(&network);
    converter.inputs()?;
    for operator in &network.operators {
        converter.operator(operator)?;
    }
    let mut graph = converter.finish()?;
    name_ends(&network, &mut graph, name)?;
    Ok(Model { ir_version: 8, opset: 17, producer: "mien-models (from TFLite)".to_owned(), graph })
}

/// Gives an input or output of a shape its name.
type EndNames<'n> = &'n dyn Fn(&[usize]) -> Option<&'static str>;

/// A value in the ONNX network: axis `i` of it is axis `order[i]` of the TFLite tensor.
#[derive(Clone)]
pub(super) struct Value {
    pub name: String,
    pub order: Vec<usize>,
}

pub(super) struct Converter<'a> {
    pub network: &'a Network<'a>,
    /// Per tensor: its value, once it is made.
    pub values: Vec<Option<Value>>,
    /// Per tensor: the constant that it stands for.
    pub constants: Vec<Option<usize>>,
    /// Values that were brought into another order: tensor, order → name.
    reordered: HashMap<(usize, Vec<usize>), String>,
    graph: Graph<'static>,
    /// Numbers in all constants so far; many operators may ask for the same one.
    weights: usize,
    /// Nothing so far needs a batch of one.
    pub any_batch: bool,
}

impl<'a> Converter<'a> {
    fn new(network: &'a Network<'a>) -> Self {
        let constants = network.tensors.iter().enumerate();
        Self {
            network,
            values: vec![None; network.tensors.len()],
            constants: constants.map(|(index, tensor)| tensor.data.is_some().then_some(index)).collect(),
            reordered: HashMap::new(),
            graph: Graph { name: "network".to_owned(), ..Graph::default() },
            weights: 0,
            any_batch: true,
        }
    }

    fn inputs(&mut self) -> Result<()> {
        for &tensor in &self.network.inputs {
            let shape = self.shape(tensor);
            if shape.first() != Some(&1) {
                return Err(TfliteError::unsupported(format!("an input {shape:?}")));
            }
            let value = Value {
                name: format!("t{tensor}"),
                order: if shape.len() == 4 { CHANNELS_FIRST.to_vec() } else { plain(shape.len()) },
            };
            self.values[tensor] = Some(value);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Graph<'static>> {
        let mut outputs = Vec::new();
        for &tensor in &self.network.outputs {
            let value = self.value(tensor)?;
            // Where at most one axis is longer than one, the order means nothing.
            let in_order = keeps_data(&value.order, self.shape(tensor));
            let order = if in_order { value.order } else { plain(value.order.len()) };
            let name = self.in_order(tensor, &order)?;
            outputs.push(self.end(tensor, &Value { name, order }));
        }
        let inputs = self.network.inputs.iter().map(|&tensor| {
            let value = self.value(tensor)?;
            Ok(self.end(tensor, &value))
        });
        self.graph.inputs = inputs.collect::<Result<_>>()?;
        self.graph.outputs = outputs;
        // Every end shares the batch, so the outputs are declared once all is known.
        if !self.any_batch {
            for end in self.graph.inputs.iter_mut().chain(&mut self.graph.outputs) {
                for dim in end.dims.iter_mut().flatten() {
                    if matches!(dim, Dimension::Dynamic(_)) {
                        *dim = Dimension::Fixed(1);
                    }
                }
            }
        }
        Ok(self.graph)
    }

    /// An input or output with its axes in the order of its value and the batch left open.
    fn end(&self, tensor: usize, value: &Value) -> ValueInfo {
        let shape = self.shape(tensor);
        let dims = value.order.iter().enumerate().map(|(index, &axis)| match index {
            0 if shape[axis] == 1 && shape.len() > 1 => Dimension::Dynamic("N".to_owned()),
            _ => Dimension::Fixed(shape[axis]),
        });
        ValueInfo { name: value.name.clone(), element: ElementType::Float, dims: Some(dims.collect()) }
    }

    pub fn shape(&self, tensor: usize) -> &'a [usize] {
        &self.network.tensors[tensor].shape
    }

    pub fn value(&self, tensor: usize) -> Result<Value> {
        self.values[tensor].clone().ok_or_else(|| {
            let name = &self.network.tensors[tensor].name;
            TfliteError::damaged(format!("the tensor {name:?} is used before it is made"))
        })
    }

    /// The name of the tensor's value with its axes in this order.
    pub fn in_order(&mut self, tensor: usize, order: &[usize]) -> Result<String> {
        let value = self.value(tensor)?;
        if value.order == order {
            return Ok(value.name);
        }
        let key = (tensor, order.to_vec());
        if let Some(name) = self.reordered.get(&key) {
            return Ok(name.clone());
        }
        // Axis i of the wanted value is TFLite's axis order[i]: where does the value keep that one?
        let moves = order.iter().map(|axis| value.order.iter().position(|a| a == axis));
        let moves: Option<Vec<i64>> = moves.map(|at| at.map(|at| at as i64)).collect();
        let moves = moves.ok_or_else(|| {
            TfliteError::damaged(format!("tensor {tensor} has other axes than its user expects"))
        })?;
        let name = format!("{}_{}", value.name, letters(order));
        let attributes = vec![("perm", Attribute::Ints(moves))];
        self.node("Transpose", &[&value.name], &name, attributes);
        self.reordered.insert(key, name.clone());
        Ok(name)
    }

    /// The numbers and shape of a constant, with a shape of `rank` dimensions in this order.
    pub fn constant(&self, tensor: usize, order: &[usize]) -> Result<(Vec<usize>, Vec<f32>)> {
        let numbers = self.floats(tensor)?;
        let shape = self.shape(tensor);
        if shape.len() > order.len() {
            return Err(TfliteError::unsupported("a constant with more axes than its partner"));
        }
        let mut padded = vec![1; order.len() - shape.len()];
        padded.extend(shape);
        let numbers = permute(&numbers, &padded, order);
        Ok((order.iter().map(|&axis| padded[axis]).collect(), numbers))
    }

    fn constant_tensor(&self, tensor: usize) -> Result<&'a super::schema::Tensor<'a>> {
        let constant = self.constants[tensor].ok_or_else(|| {
            let name = &self.network.tensors[tensor].name;
            TfliteError::unsupported(format!("weights or settings that are computed ({name:?})"))
        })?;
        Ok(&self.network.tensors[constant])
    }

    pub fn floats(&self, tensor: usize) -> Result<Vec<f32>> {
        self.constant_tensor(tensor)?.floats()
    }

    pub fn ints(&self, tensor: usize) -> Result<Vec<i64>> {
        self.constant_tensor(tensor)?.ints()
    }

    pub fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<(&str, Attribute<'static>)>,
    ) {
        self.graph.nodes.push(Node {
            op: op.to_owned(),
            name: output.to_owned(),
            inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
            outputs: vec![output.to_owned()],
            attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        });
    }

    /// Adds a constant and gives its name.
    pub fn weights(&mut self, name: String, dims: &[usize], numbers: &[f32]) -> Result<String> {
        self.weights += numbers.len();
        if self.weights > MOST_CONSTANT_BYTES / size_of::<f32>() {
            return Err(TfliteError::damaged("its constants are absurdly large"));
        }
        let tensor = Tensor::from_f32(name.clone(), dims, numbers);
        self.graph.initializers.push(tensor);
        Ok(name)
    }

    /// Adds a list of whole numbers and gives its name.
    pub fn settings(&mut self, name: String, numbers: &[i64]) -> String {
        let tensor = Tensor::from_i64(name.clone(), numbers);
        self.graph.initializers.push(tensor);
        name
    }
}

/// The order in which nothing is moved.
pub(super) fn plain(rank: usize) -> Vec<usize> {
    (0..rank).collect()
}

/// Whether a value in this order holds its numbers in the same sequence as in TFLite's order, because
/// the axes longer than one keep their sequence.
pub(super) fn keeps_data(order: &[usize], shape: &[usize]) -> bool {
    let long = order.iter().filter(|&&axis| shape[axis] > 1);
    long.is_sorted() && order.first() == Some(&0)
}

/// The numbers of a tensor of this shape with its axes in another order.
pub(super) fn permute(numbers: &[f32], shape: &[usize], order: &[usize]) -> Vec<f32> {
    let mut steps = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        steps[axis - 1] = steps[axis] * shape[axis];
    }
    let mut permuted = Vec::with_capacity(numbers.len());
    let mut index = vec![0; order.len()];
    let mut at = 0;
    while permuted.len() < numbers.len() {
        permuted.push(numbers[at]);
        // Counts the index up, last axis first, keeping `at` with it.
        for place in (0..order.len()).rev() {
            let axis = order[place];
            index[place] += 1;
            at += steps[axis];
            if index[place] < shape[axis] {
                break;
            }
            at -= steps[axis] * shape[axis];
            index[place] = 0;
        }
    }
    permuted
}

fn letters(order: &[usize]) -> String {
    order.iter().map(|axis| char::from(b'a' + *axis as u8)).collect()
}

fn name_ends(network: &Network, graph: &mut Graph, name: EndNames) -> Result<()> {
    let mut renamed = HashMap::new();
    let tensors = network.inputs.iter().chain(&network.outputs);
    for (&tensor, end) in tensors.zip(graph.inputs.iter().chain(&graph.outputs)) {
        let shape = &network.tensors[tensor].shape;
        let name = name(shape).ok_or_else(|| {
            TfliteError::unsupported(format!("an input or output {shape:?}, unknown to Mien"))
        })?;
        if renamed.insert(end.name.clone(), name).is_some() {
            return Err(TfliteError::unsupported("one value as two ends"));
        }
    }
    let rename = |name: &mut String| {
        if let Some(new) = renamed.get(name) {
            *name = (*new).to_owned();
        }
    };
    for node in &mut graph.nodes {
        node.inputs.iter_mut().for_each(rename);
        node.outputs.iter_mut().for_each(rename);
    }
    for end in graph.inputs.iter_mut().chain(&mut graph.outputs) {
        rename(&mut end.name);
    }
    Ok(())
}
