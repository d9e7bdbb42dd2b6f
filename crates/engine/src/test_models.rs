//! Model files of the tests' own.

use mien_face::MESH_LANDMARK_COUNT;
use mien_onnx::{Attribute, Dimension, ElementType, Graph, Model, Node, Tensor, ValueInfo};

/// An ONNX file of the tests' own network, [`Role::Mean`](crate::Role::Mean): the mean of the landmarks that blendshapes
/// are made of.
#[must_use]
pub fn mean_model() -> Vec<u8> {
    let value = |name: &str, dims: &[usize]| {
        let dims =
            std::iter::once(Dimension::Dynamic("N".into())).chain(dims.iter().copied().map(Dimension::Fixed));
        ValueInfo { name: name.into(), element: ElementType::Float, dims: Some(dims.collect()) }
    };
    let mean = Node {
        op: "ReduceMean".into(),
        name: "mean".into(),
        inputs: vec!["points".into()],
        outputs: vec!["mean".into()],
        attributes: vec![("axes".into(), Attribute::Ints(vec![1])), ("keepdims".into(), Attribute::Int(0))],
    };
    let graph = Graph {
        name: "mean".into(),
        nodes: vec![mean],
        initializers: vec![],
        inputs: vec![value("points", &[146, 2])],
        outputs: vec![value("mean", &[2])],
    };
    Model { ir_version: 8, opset: 17, producer: "tests".into(), graph }.write()
}

/// An ONNX file of the built-in landmark network without the irises, made of `landmarks`, the file with them.
///
/// # Panics
/// Where `landmarks` is no such file.
#[must_use]
pub fn without_irises(landmarks: &[u8]) -> Vec<u8> {
    let mut model = Model::read(landmarks).unwrap();
    let graph = &mut model.graph;
    for node in &mut graph.nodes {
        for output in node.outputs.iter_mut().filter(|output| *output == "landmarks") {
            *output = "all_landmarks".into();
        }
    }
    for (name, value) in [("first", 0), ("end", 3 * MESH_LANDMARK_COUNT as i64), ("axis", 1)] {
        graph.initializers.push(Tensor::from_i64(name, &[value]));
    }
    graph.nodes.push(Node {
        op: "Slice".into(),
        name: "mesh".into(),
        inputs: ["all_landmarks", "first", "end", "axis"].map(str::to_owned).to_vec(),
        outputs: vec!["landmarks".into()],
        attributes: vec![],
    });
    let output = graph.outputs.iter_mut().find(|output| output.name == "landmarks").unwrap();
    *output.dims.as_mut().unwrap().last_mut().unwrap() = Dimension::Fixed(3 * MESH_LANDMARK_COUNT);
    model.write()
}
