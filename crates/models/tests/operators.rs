//! Each TFLite operator, converted and run, against results worked out by hand.

mod common;

use common::tflite::Field::{self, Byte, Int};
use common::tflite::{Builder, Field as F};
use mien_engine::{Engine, EngineOptions, RtenEngine};
use mien_models::tflite::{TfliteError, to_onnx};

fn convert(file: &[u8]) -> Result<mien_onnx::Model<'static>, TfliteError> {
    let names = std::cell::Cell::new(0);
    to_onnx(file, &|_| {
        let names_so_far = names.replace(names.get() + 1);
        ["first", "second", "third"].get(names_so_far).copied()
    })
}

/// The first output for an input that counts from 0, given in ONNX's order.
fn run(file: &[u8]) -> (Vec<usize>, Vec<f32>) {
    let model = convert(file).unwrap();
    let options = EngineOptions { max_batch: 2, ..EngineOptions::default() };
    let mut engine = RtenEngine::from_bytes("test", &model.write(), &options).unwrap();
    mien_engine::conformance::conformance(&mut engine).unwrap();
    for (at, value) in engine.input_mut(0, 1).iter_mut().enumerate() {
        *value = at as f32;
    }
    engine.run(1).unwrap();
    (engine.outputs()[0].shape.clone(), engine.output(0).to_vec())
}

/// A network of one operator on one input.
fn one(
    code: i8,
    input: &[i32],
    output: &[i32],
    constants: impl Fn(&mut Builder) -> Vec<i32>,
    options: Vec<(usize, Field)>,
) -> Vec<u8> {
    let mut builder = Builder::default();
    let mut inputs = vec![builder.input(input)];
    inputs.extend(constants(&mut builder));
    let output = builder.value(output);
    builder.operator(code, &inputs, output, options);
    builder.finish(&[output])
}

/// SAME padding (0) or VALID (1), strides of width and height.
fn window(padding: i8, stride: [i32; 2]) -> Vec<(usize, F)> {
    vec![(0, Byte(padding)), (1, Int(stride[0])), (2, Int(stride[1]))]
}

// In the pictures below, one channel makes TFLite's and ONNX's order the same.

#[test]
fn convolution_pads_more_behind_and_fuses_its_activation() {
    // A 2×2 sum minus ten, then ReLU, on 3×4 numbers 0..12.
    let mut options = window(0, [2, 1]);
    options.push((3, Byte(1)));
    let file = one(
        3,
        &[1, 3, 4, 1],
        &[1, 3, 2, 1],
        |b| vec![b.floats(&[1, 2, 2, 1], &[1.0; 4]), b.floats(&[1], &[-20.0])],
        options,
    );
    // Height 3, stride 1: one row of zeros below; width 4, stride 2: none.
    assert_eq!(run(&file), (vec![1, 3, 2], vec![0.0, 0.0, 6.0, 14.0, 0.0, 1.0]));
}

#[test]
fn convolution_takes_weights_in_tflites_order() {
    // Two channels in, two out, 1×1: [a + 10 b, 100 a] on a = 0..2, b = 2..4 (ONNX keeps planes).
    let weights = [1.0, 10.0, 100.0, 0.0];
    let file = one(
        3,
        &[1, 1, 2, 2],
        &[1, 1, 2, 2],
        |b| vec![b.floats(&[2, 1, 1, 2], &weights), b.floats(&[2], &[0.0, 0.5])],
        window(1, [1, 1]),
    );
    let (shape, numbers) = run(&file);
    // The output has two long axes and so comes back in TFLite's order.
    assert_eq!(shape, [1, 2, 2]);
    assert_eq!(numbers, [20.0, 0.5, 31.0, 100.5]);
}

#[test]
fn depthwise_convolution_multiplies_channels() {
    // One channel in, two out: the number itself, and its right neighbour.
    let file = one(
        4,
        &[1, 1, 3, 1],
        &[1, 1, 2, 2],
        |b| vec![b.floats(&[1, 1, 2, 2], &[1.0, 0.0, 0.0, 1.0])],
        window(1, [1, 1]),
    );
    assert_eq!(run(&file).1, [0.0, 1.0, 1.0, 2.0]);
}

#[test]
fn max_pool_ignores_its_padding() {
    let mut options = window(0, [2, 2]);
    options.extend([(3, Int(2)), (4, Int(2))]);
    let file = one(17, &[1, 3, 3, 1], &[1, 2, 2, 1], |_| vec![], options);
    assert_eq!(run(&file).1, [4.0, 5.0, 7.0, 8.0]);
}

#[test]
fn arithmetic_broadcasts_along_tflites_last_axis() {
    // A picture 1×2 with 2 channels: planes [0, 1] and [2, 3]; constants per channel.
    for (code, expected) in [
        (0, [10.0, 22.0, 11.0, 23.0]),
        (18, [0.0, 40.0, 10.0, 60.0]),
        (41, [-10.0, -18.0, -9.0, -17.0]),
        (42, [0.0, 0.1, 0.1, 0.15]),
        (99, [100.0, 324.0, 81.0, 289.0]),
    ] {
        let file = one(code, &[1, 1, 2, 2], &[1, 1, 2, 2], |b| vec![b.floats(&[2], &[10.0, 20.0])], vec![]);
        assert_eq!(run(&file).1, expected, "operator {code}");
    }
}

#[test]
fn activations_bend() {
    let subtract = |b: &mut Builder, input: i32| {
        let five = b.floats(&[], &[2.0]);
        let output = b.value(&[1, 10]);
        b.operator(41, &[input, five], output, vec![])
    };
    for (code, expected) in [
        (19, [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
        (21, [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 6.0]),
        (59, [2.0, 1.0, 0.0, -1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0]),
        (54, [-0.5, -0.25, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
    ] {
        let mut builder = Builder::default();
        let input = builder.input(&[1, 10]);
        let shifted = subtract(&mut builder, input);
        let mut inputs = vec![shifted];
        if code == 54 {
            inputs.push(builder.halves(&[10], &[0x3400; 10]));
        }
        let output = builder.value(&[1, 10]);
        builder.operator(code, &inputs, output, vec![]);
        assert_eq!(run(&builder.finish(&[output])).1, expected, "operator {code}");
    }
    let close = |code: i8, expected: f32| {
        let mut builder = Builder::default();
        let input = builder.input(&[1, 2]);
        let offset = builder.floats(&[2], &[1.5, 3.0]);
        let (sum, output) = (builder.value(&[1, 2]), builder.value(&[1, 2]));
        builder.operator(0, &[input, offset], sum, vec![]);
        builder.operator(code, &[sum], output, vec![]);
        let found = run(&builder.finish(&[output])).1[1];
        assert!((found - expected).abs() < 1e-6, "operator {code}: {found}");
    };
    close(14, 1.0 / (1.0 + (-4.0_f32).exp()));
    close(28, 4.0_f32.tanh());
    close(75, 2.0);
    close(76, 0.5);
}

#[test]
fn reductions_know_where_the_axes_went() {
    // 2×2 with 2 channels: planes 0..4 and 4..8. Mean over height and width, axes 1 and 2.
    for (keep, shape) in [(1, vec![1, 1, 1, 2]), (0, vec![1, 2])] {
        let file = one(40, &[1, 2, 2, 2], &shape, |b| vec![b.ints(&[1, -2])], vec![(0, Byte(keep))]);
        assert_eq!(run(&file).1, [1.5, 5.5]);
    }
    // Sum over channels.
    let file = one(74, &[1, 2, 2, 2], &[1, 2, 2, 1], |b| vec![b.ints(&[3])], vec![(0, Byte(1))]);
    assert_eq!(run(&file).1, [4.0, 6.0, 8.0, 10.0]);
}

#[test]
fn arrangements_see_tflites_order() {
    // 1×2 pixels with 2 channels: planes [0, 1], [2, 3]; TFLite's sequence is 0, 2, 1, 3.
    let file = one(22, &[1, 1, 2, 2], &[1, 4], |b| vec![b.ints(&[1, 4])], vec![]);
    assert_eq!(run(&file).1, [0.0, 2.0, 1.0, 3.0]);
    let file = one(39, &[1, 1, 2, 2], &[1, 2, 2, 1], |b| vec![b.ints(&[0, 2, 3, 1])], vec![]);
    assert_eq!(run(&file).1, [0.0, 2.0, 1.0, 3.0]);
    // Padded in front of the channels, behind the width.
    let pads = [0, 0, 0, 0, 0, 1, 1, 0];
    let file = one(34, &[1, 1, 2, 2], &[1, 1, 3, 3], |b| vec![b.ints(&pads)], vec![]);
    assert_eq!(run(&file).1, [0.0, 0.0, 2.0, 0.0, 1.0, 3.0, 0.0, 0.0, 0.0]);
    // Beside a constant, along the channels; only one item can go through then.
    let file = {
        let mut builder = Builder::default();
        let input = builder.input(&[1, 1, 2, 2]);
        let constant = builder.floats(&[1, 1, 2, 1], &[7.0, 8.0]);
        let output = builder.value(&[1, 1, 2, 3]);
        builder.operator(2, &[constant, input], output, vec![(0, Int(-1))]);
        builder.finish(&[output])
    };
    assert_eq!(run(&file).1, [7.0, 0.0, 2.0, 8.0, 1.0, 3.0]);
}

#[test]
fn slices_follow_their_masks() {
    // The second channel, kept as an axis.
    let file = one(
        65,
        &[1, 1, 2, 2],
        &[1, 1, 2, 1],
        |b| vec![b.ints(&[0, 0, 0, 1]), b.ints(&[-1, 1, 2, 1])],
        vec![],
    );
    assert_eq!(run(&file).1, [2.0, 3.0]);
    let strided = |shape: &[i32], options: Vec<(usize, F)>| {
        one(
            45,
            &[1, 1, 5, 2],
            shape,
            |b| vec![b.ints(&[0, 0, 1, -1]), b.ints(&[1, 1, 4, 0]), b.ints(&[1, 1, 2, 1])],
            options,
        )
    };
    // From pixel 1 (begin) to the end (mask 4), every other one; the last channel alone (shrink 8).
    let file = strided(&[1, 1, 2], vec![(1, Int(4)), (4, Int(8))]);
    assert_eq!(run(&file).1, [6.0, 8.0]);
    // The begin mask makes it start at pixel 0; the end stays before 4.
    let file = strided(&[1, 1, 2], vec![(0, Int(4)), (4, Int(8))]);
    assert_eq!(run(&file).1, [5.0, 7.0]);
}

#[test]
fn half_weights_are_dequantised() {
    let mut builder = Builder::default();
    let input = builder.input(&[1, 2]);
    let halves = builder.halves(&[2], &[0x3c00, 0x4000]);
    let (singles, output) = (builder.value(&[2]), builder.value(&[1, 2]));
    builder.operator(6, &[halves], singles, vec![]);
    builder.operator(0, &[input, singles], output, vec![]);
    assert_eq!(run(&builder.finish(&[output])).1, [1.0, 3.0]);
}

#[test]
fn what_cannot_be_converted_is_named() {
    let unknown = one(100, &[1, 2], &[1, 2], |_| vec![], vec![]);
    assert_eq!(
        convert(&unknown).unwrap_err().to_string(),
        "the network uses the TFLite operator 100, which cannot be converted; export it as ONNX instead"
    );
    let cases: [(i8, &[i32], &[i32]); 5] = [
        (3, &[1, 4, 4, 1], &[1, 4, 4, 1]),
        (39, &[1, 2], &[1, 2]),
        (17, &[1, 4, 4, 1], &[1, 2, 2, 1]),
        (40, &[1, 2], &[1, 1]),
        (22, &[1, 2], &[]),
    ];
    for (code, input, output) in cases {
        assert!(convert(&one(code, input, output, |_| vec![], vec![])).is_err());
    }
    let computed = {
        let mut builder = Builder::default();
        let input = builder.input(&[1, 2]);
        let output = builder.value(&[1, 2]);
        // An operator that reads its own output.
        builder.operator(0, &[input, output], output, vec![]);
        builder.finish(&[output])
    };
    assert!(matches!(convert(&computed), Err(TfliteError::Damaged { .. })));
}
