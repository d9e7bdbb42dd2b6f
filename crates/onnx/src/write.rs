//! A model as bytes.

use crate::wire::Writer;
use crate::{Attribute, Dimension, Graph, Model, Node, Tensor, ValueInfo};

impl Model<'_> {
    /// The model as an ONNX file.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.int(1, self.ir_version);
        out.text(2, &self.producer);
        out.message(7, |out| write_graph(out, &self.graph));
        out.message(8, |out| out.int(2, self.opset));
        out.bytes
    }
}

fn write_graph(out: &mut Writer, graph: &Graph) {
    for node in &graph.nodes {
        out.message(1, |out| write_node(out, node));
    }
    out.text(2, &graph.name);
    for tensor in &graph.initializers {
        out.message(5, |out| write_tensor(out, tensor));
    }
    for input in &graph.inputs {
        out.message(11, |out| write_value_info(out, input));
    }
    for output in &graph.outputs {
        out.message(12, |out| write_value_info(out, output));
    }
}

fn write_node(out: &mut Writer, node: &Node) {
    for input in &node.inputs {
        out.text(1, input);
    }
    for output in &node.outputs {
        out.text(2, output);
    }
    out.text(3, &node.name);
    out.text(4, &node.op);
    for (name, attribute) in &node.attributes {
        out.message(5, |out| write_attribute(out, name, attribute));
    }
}

fn write_attribute(out: &mut Writer, name: &str, attribute: &Attribute) {
    out.text(1, name);
    let kind = match attribute {
        Attribute::Float(value) => {
            out.float(2, *value);
            1
        }
        Attribute::Int(value) => {
            out.int(3, *value);
            2
        }
        Attribute::String(text) => {
            out.text(4, text);
            3
        }
        Attribute::Tensor(tensor) => {
            out.message(5, |out| write_tensor(out, tensor));
            4
        }
        Attribute::Floats(values) => {
            values.iter().for_each(|value| out.float(7, *value));
            6
        }
        Attribute::Ints(values) => {
            values.iter().for_each(|value| out.int(8, *value));
            7
        }
    };
    out.int(20, kind);
}

fn write_tensor(out: &mut Writer, tensor: &Tensor) {
    for &dim in &tensor.dims {
        out.int(1, dim as i64);
    }
    out.int(2, tensor.element as i64);
    out.text(8, &tensor.name);
    out.bytes(9, &tensor.data);
}

fn write_value_info(out: &mut Writer, info: &ValueInfo) {
    out.text(1, &info.name);
    out.message(2, |out| {
        out.message(1, |out| {
            out.int(1, info.element as i64);
            if let Some(dims) = &info.dims {
                out.message(2, |out| {
                    dims.iter().for_each(|dim| write_dimension(out, dim));
                });
            }
        });
    });
}

fn write_dimension(out: &mut Writer, dim: &Dimension) {
    out.message(1, |out| match dim {
        Dimension::Fixed(size) => out.int(1, *size as i64),
        Dimension::Dynamic(name) if name.is_empty() => {}
        Dimension::Dynamic(name) => out.text(2, name),
    });
}
