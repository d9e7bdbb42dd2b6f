//! Shapes that are worked out, and networks that would take too much.

mod common;

use common::{ints, network, node, sample};
use mien_onnx::{Attribute, Model, Node, OnnxError, Tensor};

/// The shape of `y` for an `x` of this shape.
fn shape(input: &[usize], node: Node<'static>, constants: Vec<Tensor<'static>>) -> Vec<usize> {
    let declared: Vec<Option<usize>> = input.iter().copied().map(Some).collect();
    let model = network(&declared, vec![node], constants);
    let shapes = model.shapes(&[input.to_vec()]).unwrap();
    shapes.get("y").unwrap().to_vec()
}

#[test]
fn computed_shapes_are_followed() {
    let model = sample();
    for batch in [1, 5] {
        let shapes = model.shapes(&[vec![batch, 3, 8, 6]]).unwrap();
        assert_eq!(shapes.get("convolved").unwrap(), [batch, 4, 8, 6]);
        assert_eq!(shapes.get("y").unwrap(), [batch, 12, 4]);
        assert_eq!(shapes.multiply_adds, batch as u64 * (4 * 48 * 27 + 4 * 12 * 4));
    }
}

#[test]
fn windows_have_the_sizes_that_onnx_gives_them() {
    let weights = || Tensor::from_f32("w", &[6, 1, 3, 3], &[0.0; 54]);
    let conv = |attributes: &[(&str, Attribute<'static>)]| {
        let mut all = vec![("group", Attribute::Int(2))];
        all.extend(attributes.iter().cloned());
        let node = node("Conv", &["x", "w"], "y", &all);
        shape(&[1, 2, 9, 12], node, vec![weights()])
    };
    assert_eq!(conv(&[]), [1, 6, 7, 10]);
    assert_eq!(conv(&[("strides", ints(&[2, 2]))]), [1, 6, 4, 5]);
    assert_eq!(conv(&[("pads", ints(&[0, 1, 1, 1]))]), [1, 6, 8, 12]);
    assert_eq!(conv(&[("dilations", ints(&[2, 3]))]), [1, 6, 5, 6]);
    let same = ("auto_pad", Attribute::String("SAME_UPPER".into()));
    assert_eq!(conv(&[same, ("strides", ints(&[2, 2]))]), [1, 6, 5, 6]);
    let pool = |up: i64| {
        let attributes =
            [("kernel_shape", ints(&[2, 2])), ("strides", ints(&[2, 2])), ("ceil_mode", Attribute::Int(up))];
        shape(&[1, 2, 9, 12], node("MaxPool", &["x"], "y", &attributes), vec![])
    };
    assert_eq!(pool(0), [1, 2, 4, 6]);
    assert_eq!(pool(1), [1, 2, 5, 6]);
}

#[test]
fn arrangements_have_the_sizes_that_onnx_gives_them() {
    let list = |name: &str, numbers: &[i64]| Tensor::from_i64(name, numbers);
    let with = |op: &str, inputs: &[&str], constants: Vec<Tensor<'static>>| {
        shape(&[2, 3, 8, 6], node(op, inputs, "y", &[]), constants)
    };
    assert_eq!(with("Reshape", &["x", "s"], vec![list("s", &[0, -1, 4])]), [2, 36, 4]);
    assert_eq!(with("Pad", &["x", "p"], vec![list("p", &[0, 0, 1, 2, 0, 1, 1, -2])]), [2, 4, 10, 6]);
    let slice =
        vec![list("a", &[1, -1]), list("b", &[i64::MAX, -100]), list("c", &[2, 3]), list("d", &[3, -2])];
    assert_eq!(with("Slice", &["x", "a", "b", "c", "d"], slice), [2, 3, 3, 3]);
    assert_eq!(with("Expand", &["x", "e"], vec![list("e", &[5, 1, 3, 1, 6])]).len(), 5);
    let scales = Tensor::from_f32("s", &[4], &[1.0, 1.0, 2.0, 0.5]);
    assert_eq!(with("Resize", &["x", "", "s"], vec![scales]), [2, 3, 16, 3]);
    assert_eq!(with("Squeeze", &["x"], vec![]), [2, 3, 8, 6]);
    assert_eq!(with("Unsqueeze", &["x", "u"], vec![list("u", &[0, -1])]), [1, 2, 3, 8, 6, 1]);
    assert_eq!(with("Flatten", &["x"], vec![]), [2, 144]);
    assert_eq!(with("Add", &["x", "b"], vec![Tensor::from_f32("b", &[3, 1, 1], &[0.0; 3])]), [2, 3, 8, 6]);
    let mean = node("ReduceMean", &["x"], "y", &[("axes", ints(&[-1, 2])), ("keepdims", Attribute::Int(0))]);
    assert_eq!(shape(&[2, 3, 8, 6], mean, vec![]), [2, 3]);
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let refused = |node: Node<'static>, constants: Vec<Tensor<'static>>| {
        let model = network(&[Some(1), Some(3), Some(4), Some(4)], vec![node], constants);
        let error = model.shapes(&[vec![1, 3, 4, 4]]).unwrap_err();
        assert!(matches!(error, OnnxError::Shape { .. }), "{error}");
    };
    refused(node("Add", &["x", "b"], "y", &[]), vec![Tensor::from_f32("b", &[5], &[0.0; 5])]);
    refused(node("Relu", &[], "y", &[]), vec![]);
    refused(node("Reshape", &["x", "s"], "y", &[]), vec![Tensor::from_i64("s", &[-1, 7])]);
    refused(node("Reshape", &["x", "s"], "y", &[]), vec![Tensor::from_i64("s", &[-1, -1])]);
    refused(node("Reshape", &["x", "x"], "y", &[]), vec![]);
    refused(node("Transpose", &["x"], "y", &[("perm", ints(&[0, 0, 1, 2]))]), vec![]);
    refused(node("Concat", &["x"], "y", &[("axis", Attribute::Int(9))]), vec![]);
    let huge = i64::MAX;
    for (name, value) in [
        ("strides", vec![0, 1]),
        ("strides", vec![-1, 1]),
        ("kernel_shape", vec![huge, huge]),
        ("dilations", vec![huge, huge]),
        ("pads", vec![huge, 0, 0, 0]),
        ("pads", vec![1]),
    ] {
        let mut attributes = vec![(name, ints(&value))];
        if name != "kernel_shape" {
            attributes.push(("kernel_shape", ints(&[2, 2])));
        }
        refused(node("MaxPool", &["x"], "y", &attributes), vec![]);
    }
}

#[test]
fn networks_that_would_take_too_much_are_refused() {
    let too_large = |model: Model<'static>| {
        let error = model.shapes(&[vec![1, 3, 64, 64]]).unwrap_err();
        assert!(matches!(error, OnnxError::TooLarge { .. }), "{error}");
    };
    let input = [Some(1), Some(3), Some(64), Some(64)];
    let one = |node: Node<'static>, constant: Tensor<'static>| network(&input, vec![node], vec![constant]);
    let pads = Tensor::from_i64("p", &[0, 0, 1 << 30, 1 << 30, 0, 0, 0, 0]);
    too_large(one(node("Pad", &["x", "p"], "y", &[]), pads));
    let scales = Tensor::from_f32("s", &[4], &[1.0, 1.0, 1e4, 1e4]);
    too_large(one(node("Resize", &["x", "", "s"], "y", &[]), scales));
    let big = Tensor::from_i64("e", &[1 << 20, 3, 64, 64]);
    too_large(one(node("Expand", &["x", "e"], "y", &[]), big));
    let dims = Tensor::from_i64("d", &[i64::from(i32::MAX), i64::from(i32::MAX)]);
    too_large(one(node("ConstantOfShape", &["d"], "y", &[]), dims));
    let kernel = [("kernel_shape", ints(&[1 << 30, 1 << 30])), ("pads", ints(&[1 << 30; 4]))];
    too_large(one(node("MaxPool", &["x"], "y", &kernel), Tensor::from_i64("unused", &[])));
    // Doubled by every node.
    let doubling = |from: usize| {
        let (from, to) = (format!("v{from}"), format!("v{}", from + 1));
        node("Concat", &[&from, &from], &to, &[("axis", Attribute::Int(1))])
    };
    let mut nodes = vec![node("Relu", &["x"], "v0", &[])];
    nodes.extend((0..40).map(doubling));
    nodes.push(node("Relu", &["v40"], "y", &[]));
    too_large(network(&input, nodes, vec![]));
}

#[test]
fn lists_and_axes_do_not_grow_without_end() {
    let mut nodes = vec![node("Identity", &["l"], "v0", &[])];
    for at in 0..30 {
        let (from, to) = (format!("v{at}"), format!("v{}", at + 1));
        nodes.push(node("Gather", &[&from, &from], &to, &[]));
    }
    nodes.push(node("Relu", &["v30"], "y", &[]));
    let list = Tensor::from_i64("l", &[0, 0]);
    let square = Tensor { dims: vec![1, 2], ..list };
    let model = network(&[Some(1)], nodes, vec![square]);
    assert!(matches!(model.shapes(&[vec![1]]), Err(OnnxError::Shape { .. })));
}
