//! What is written is read again, and what is not allowed is refused with a reason.

mod common;

use common::{ints, network, node, sample};
use mien_onnx::{Attribute, ElementType, Model, OnnxError, Tensor, f32_from_half};

/// One protocol-buffer field with bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 128 {
        out.push(length as u8 | 128);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

fn varint_field(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

/// A model around a graph's bytes.
fn model(graph: &[u8]) -> Vec<u8> {
    [field(7, graph), field(8, &varint_field(2, 17))].concat()
}

#[test]
fn a_model_survives_writing_and_reading() {
    let model = sample();
    let bytes = model.write();
    assert_eq!(Model::read(&bytes).unwrap(), model);
}

#[test]
fn halves_become_singles() {
    for (bits, value) in [
        (0x3c00, 1.0),
        (0xc000, -2.0),
        (0x7bff, 65504.0),
        (0x0001, 5.960_464_5e-8),
        (0x0400, 6.103_515_6e-5),
        (0x7c00, f32::INFINITY),
        (0x8000, -0.0),
        (0x3555, 0.333_251_95),
    ] {
        assert_eq!(f32_from_half(bits).to_bits(), f32::to_bits(value), "{bits:x}");
    }
    assert!(f32_from_half(0x7e00).is_nan());
    let half = Tensor {
        element: ElementType::Float16,
        data: vec![0x00, 0x3c, 0x00, 0xc0].into(),
        ..Tensor::from_f32("w", &[2], &[0.0, 0.0])
    };
    let to_half = Attribute::Int(ElementType::Float16 as i64);
    let mut model = network(
        &[None, Some(2)],
        vec![node("Cast", &["x"], "c", &[("to", to_half)]), node("Add", &["c", "w"], "y", &[])],
        vec![half],
    );
    model.widen_halves();
    assert_eq!(model.graph.initializers[0].to_f32().unwrap(), [1.0, -2.0]);
    assert_eq!(model.graph.nodes[0].attribute("to"), Some(&Attribute::Int(ElementType::Float as i64)));
}

#[test]
fn typed_data_are_read_like_raw_data() {
    // dims 2, type f32, name w, float_data packed; and i64 with int64_data as packed varints.
    let floats = [1.5_f32.to_le_bytes(), (-2.0_f32).to_le_bytes()].concat();
    let head = |code| [varint_field(1, 2), varint_field(2, code), field(8, b"w")].concat();
    for (tensor, data) in [
        ([head(1), field(4, &floats)].concat(), floats.clone()),
        ([head(7), field(7, &[5, 7])].concat(), [5_i64.to_le_bytes(), 7_i64.to_le_bytes()].concat()),
        ([head(3), field(5, &[5, 127])].concat(), vec![5, 127]),
    ] {
        let bytes = model(&field(5, &tensor));
        let read = Model::read(&bytes).unwrap();
        assert_eq!(*read.graph.initializers[0].data, *data);
    }
}

#[test]
fn external_data_are_refused() {
    let entry = [field(1, b"location"), field(2, b"../../etc/passwd")].concat();
    for tensor in [
        [varint_field(2, 1), field(8, b"w"), field(13, &entry)].concat(),
        [varint_field(2, 1), field(8, b"w"), varint_field(14, 1)].concat(),
    ] {
        let bytes = model(&field(5, &tensor));
        let error = Model::read(&bytes).unwrap_err();
        assert_eq!(error, OnnxError::ExternalData { tensor: "w".into() });
        // Inside an operator's attribute, too.
        let attribute = [field(1, b"value"), field(5, &tensor)].concat();
        let bytes = model(&field(1, &field(5, &attribute)));
        assert!(matches!(Model::read(&bytes), Err(OnnxError::ExternalData { .. })));
    }
}

#[test]
fn subgraphs_functions_and_foreign_operators_are_refused() {
    let subgraph = [field(1, b"then_branch"), field(6, b"")].concat();
    for bytes in [
        model(&field(1, &field(5, &subgraph))),
        [model(b""), vec![0xca, 0x01, 0x00]].concat(),
        model(&field(15, b"")),
        model(&field(1, &[field(4, b"Attention"), field(7, b"com.microsoft")].concat())),
    ] {
        assert!(matches!(Model::read(&bytes), Err(OnnxError::Unsupported { .. })));
    }
    let twice = [field(7, b""), model(b"")].concat();
    assert!(matches!(Model::read(&twice), Err(OnnxError::Malformed { .. })));
}

#[test]
fn tensors_that_do_not_fill_their_shape_are_refused() {
    let mut tensor = Tensor::from_f32("w", &[2], &[1.0, 2.0]);
    tensor.dims = vec![3];
    let model = network(&[None], vec![node("Add", &["x", "w"], "y", &[])], vec![tensor.clone()]);
    let error = Model::read(&model.write()).unwrap_err().to_string();
    assert!(error.contains("\"w\"") && error.contains("[3]"), "{error}");
    // A product beyond 2³¹, which must not wrap round to what is there.
    for dims in [vec![1 << 40], vec![1 << 20, 1 << 20, 1 << 24], vec![usize::MAX, 2]] {
        tensor.dims = dims;
        let model = network(&[None], vec![], vec![tensor.clone()]);
        assert!(Model::read(&model.write()).is_err());
    }
}

#[test]
fn values_must_be_made_once_and_before_they_are_used() {
    let relu = |from: &str, to: &str| node("Relu", &[from], to, &[]);
    for nodes in [
        vec![relu("y", "y")],
        vec![relu("a", "y"), relu("x", "a")],
        vec![relu("x", "y"), relu("x", "y")],
        vec![relu("x", "x"), relu("x", "y")],
        vec![relu("x", "other")],
    ] {
        let bytes = network(&[None, Some(1)], nodes, vec![]).write();
        assert!(matches!(Model::read(&bytes), Err(OnnxError::Unsupported { .. })));
    }
    let twice = node("MaxPool", &["x"], "y", &[("pads", ints(&[0])), ("pads", ints(&[1 << 30]))]);
    let bytes = network(&[None, Some(1)], vec![twice], vec![]).write();
    assert!(matches!(Model::read(&bytes), Err(OnnxError::Unsupported { .. })));
}
