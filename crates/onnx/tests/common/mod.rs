//! A small network for the tests.

use mien_onnx::{Attribute, Dimension, ElementType, Graph, Model, Node, Tensor, ValueInfo};

pub fn value(name: &str, dims: &[Option<usize>]) -> ValueInfo {
    let dim = |size: &Option<usize>| match size {
        Some(size) => Dimension::Fixed(*size),
        None => Dimension::Dynamic("N".into()),
    };
    ValueInfo { name: name.into(), element: ElementType::Float, dims: Some(dims.iter().map(dim).collect()) }
}

pub fn node(
    op: &str,
    inputs: &[&str],
    output: &str,
    attributes: &[(&str, Attribute<'static>)],
) -> Node<'static> {
    let attributes = attributes.iter().cloned();
    Node {
        op: op.into(),
        name: output.into(),
        inputs: inputs.iter().map(|name| (*name).to_owned()).collect(),
        outputs: vec![output.into()],
        attributes: attributes.map(|(name, value)| (name.into(), value)).collect(),
    }
}

pub fn ints(numbers: &[i64]) -> Attribute<'static> {
    Attribute::Ints(numbers.to_vec())
}

/// A network from `x` to `y`, with these constants.
pub fn network(
    input: &[Option<usize>],
    nodes: Vec<Node<'static>>,
    initializers: Vec<Tensor<'static>>,
) -> Model<'static> {
    Model {
        ir_version: 8,
        opset: 17,
        producer: "mien-onnx tests".into(),
        graph: Graph {
            name: "test".into(),
            nodes,
            initializers,
            inputs: vec![value("x", input)],
            outputs: vec![value("y", &[])],
        },
    }
}

/// Every kind of attribute and constant, and a shape that is computed as PyTorch's exporter writes it:
/// `y` is `x` [N, 3, 8, 6] after a convolution to 4 channels, pooled by two, as [N, 12, 4].
pub fn sample() -> Model<'static> {
    let weights: Vec<f32> = (0..4 * 27).map(|i| i as f32 * 0.01).collect();
    let zero = Tensor { dims: vec![], ..Tensor::from_i64("zero", &[0]) };
    network(
        &[None, Some(3), Some(8), Some(6)],
        vec![
            node("Shape", &["x"], "shape", &[]),
            node("Gather", &["shape", "zero"], "batch", &[("axis", Attribute::Int(0))]),
            node("Unsqueeze", &["batch", "axis"], "batch_list", &[]),
            node("Concat", &["batch_list", "rest"], "wanted", &[("axis", Attribute::Int(0))]),
            node(
                "Conv",
                &["x", "weights"],
                "convolved",
                &[
                    ("kernel_shape", ints(&[3, 3])),
                    ("pads", ints(&[1, 1, 1, 1])),
                    ("auto_pad", Attribute::String("NOTSET".into())),
                ],
            ),
            node("LeakyRelu", &["convolved"], "active", &[("alpha", Attribute::Float(0.1))]),
            node(
                "MaxPool",
                &["active"],
                "pooled",
                &[("kernel_shape", ints(&[2, 2])), ("strides", ints(&[2, 2]))],
            ),
            node(
                "Constant",
                &[],
                "bias",
                &[("value", Attribute::Tensor(Tensor::from_f32("", &[1], &[0.5])))],
            ),
            node("Add", &["pooled", "bias"], "sum", &[]),
            node("Transpose", &["sum"], "turned", &[("perm", ints(&[0, 2, 3, 1]))]),
            node("Reshape", &["turned", "wanted"], "y", &[]),
        ],
        vec![
            Tensor::from_f32("weights", &[4, 3, 3, 3], &weights),
            Tensor::from_i64("axis", &[0]),
            Tensor::from_i64("rest", &[-1, 4]),
            zero,
        ],
    )
}
