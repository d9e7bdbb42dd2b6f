//! Small networks that the tests build themselves.

use mien_onnx::{Attribute, Dimension, ElementType, Graph, Model, Node, Tensor, ValueInfo};

fn value(name: &str, dims: &[Option<usize>]) -> ValueInfo {
    let dim = |size: &Option<usize>| match size {
        Some(size) => Dimension::Fixed(*size),
        None => Dimension::Dynamic("N".into()),
    };
    ValueInfo { name: name.into(), element: ElementType::Float, dims: Some(dims.iter().map(dim).collect()) }
}

fn node(op: &str, inputs: &[&str], output: &str) -> Node<'static> {
    Node {
        op: op.into(),
        name: output.into(),
        inputs: inputs.iter().map(|name| (*name).to_owned()).collect(),
        outputs: vec![output.into()],
        ..Node::default()
    }
}

/// A 3×3 convolution of a picture [3, 8, 6] plus one number per channel, then ReLU (`features`, [4, 8,
/// 6]) and its mean per channel (`means`, [4]). `batch` is declared; `reshape_batch` is what the mean's
/// reshape demands (0 keeps, -1 is any, 1 breaks other batches).
pub fn picture_network(batch: Option<usize>, reshape_batch: i64) -> Vec<u8> {
    let weights: Vec<f32> = (0..4 * 27).map(|i| ((i * 37 % 23) as f32 - 11.0) / 40.0).collect();
    let mut convolution = node("Conv", &["picture", "weights"], "convolved");
    // rten 0.27 takes strides and dilations from `kernel_shape`, which ONNX lets one leave out.
    for (name, sizes) in [("pads", vec![1; 4]), ("kernel_shape", vec![3; 2])] {
        convolution.attributes.push((name.into(), Attribute::Ints(sizes)));
    }
    let mut mean = node("ReduceMean", &["features"], "pooled");
    mean.attributes.push(("axes".into(), Attribute::Ints(vec![2, 3])));
    Model {
        ir_version: 8,
        opset: 17,
        producer: "mien-engine tests".into(),
        graph: Graph {
            name: "picture".into(),
            nodes: vec![
                convolution,
                node("Add", &["convolved", "offset"], "shifted"),
                node("Relu", &["shifted"], "features"),
                mean,
                node("Reshape", &["pooled", "means_shape"], "means"),
            ],
            initializers: vec![
                Tensor::from_f32("weights", &[4, 3, 3, 3], &weights),
                Tensor::from_i64("means_shape", &[reshape_batch, 4]),
            ],
            inputs: vec![
                value("picture", &[batch, Some(3), Some(8), Some(6)]),
                value("offset", &[batch, Some(4), Some(1), Some(1)]),
            ],
            outputs: vec![
                value("features", &[batch, Some(4), Some(8), Some(6)]),
                value("means", &[batch, Some(4)]),
            ],
        },
    }
    .write()
}

/// A picture of any size, halved by pooling: `picture` [3, H, W] → `small` [3, H/2, W/2].
pub fn halving_network(height: Option<usize>, width: Option<usize>) -> Vec<u8> {
    let mut pool = node("MaxPool", &["picture"], "small");
    for (name, sizes) in [("kernel_shape", vec![2, 2]), ("strides", vec![2, 2])] {
        pool.attributes.push((name.into(), Attribute::Ints(sizes)));
    }
    let mut output = value("small", &[None, Some(3), None, None]);
    if let (Some(height), Some(width)) = (height, width) {
        output = value("small", &[None, Some(3), Some(height / 2), Some(width / 2)]);
    }
    Model {
        ir_version: 8,
        opset: 17,
        producer: "mien-engine tests".into(),
        graph: Graph {
            name: "halving".into(),
            nodes: vec![pool],
            inputs: vec![value("picture", &[None, Some(3), height, width])],
            outputs: vec![output],
            ..Graph::default()
        },
    }
    .write()
}
