//! The embedded engine on networks whose results are known.

mod common;

use std::path::Path;

use common::{halving_network, picture_network};
use mien_engine::{Engine, EngineChoice, EngineError, EngineOptions, RtenEngine, conformance};

fn options(max_batch: usize) -> EngineOptions {
    EngineOptions { threads: Some(2), max_batch, ..EngineOptions::default() }
}

fn load(bytes: &[u8], options: &EngineOptions) -> RtenEngine {
    RtenEngine::from_bytes("test.onnx", bytes, options).unwrap()
}

#[test]
fn a_network_of_any_batch_conforms() {
    let mut engine = load(&picture_network(None, -1), &options(4));
    assert_eq!(engine.inputs()[0].shape, [3, 8, 6]);
    assert_eq!(engine.outputs()[1].shape, [4]);
    conformance::conformance(&mut engine).unwrap();
}

#[test]
fn a_network_of_one_item_conforms_by_repetition() {
    let mut engine = load(&picture_network(Some(1), 1), &options(3));
    conformance::conformance(&mut engine).unwrap();
}

#[test]
fn a_network_that_breaks_its_promise_of_any_batch_conforms_by_repetition() {
    let mut engine = load(&picture_network(None, 1), &options(3));
    conformance::conformance(&mut engine).unwrap();
}

#[test]
fn the_picture_size_can_be_chosen_and_overruled() {
    for (height, width) in [(None, None), (Some(16), Some(16))] {
        let sized = EngineOptions { input_size: Some([4, 6]), ..options(2) };
        let mut engine = load(&halving_network(height, width), &sized);
        assert_eq!(engine.inputs()[0].shape, [3, 4, 6]);
        assert_eq!(engine.outputs()[0].shape, [3, 2, 3]);
        for (at, value) in engine.input_mut(0, 1).iter_mut().enumerate() {
            *value = at as f32;
        }
        engine.run(1).unwrap();
        // Of each 2×2 square the lower right number is the largest.
        assert_eq!(engine.output(0)[..6], [7.0, 9.0, 11.0, 19.0, 21.0, 23.0]);
        conformance::conformance(&mut engine).unwrap();
    }
    let missing = RtenEngine::from_bytes("any.onnx", &halving_network(None, None), &options(1));
    assert!(matches!(missing, Err(EngineError::SizeMissing { .. })));
}

#[test]
fn a_size_that_does_not_run_is_refused_with_the_declared_one() {
    // The offset of this network has one number per channel of one fixed picture.
    let sized = EngineOptions { input_size: Some([0, 6]), ..options(1) };
    let error = RtenEngine::from_bytes("x.onnx", &halving_network(Some(8), Some(8)), &sized);
    let message = error.err().unwrap().to_string();
    assert!(message.contains("x.onnx") && message.contains("[N, 3, 8, 8]"), "{message}");
}

#[test]
fn a_wrong_result_is_noticed_by_the_conformance_suite() {
    /// Runs the items of a batch in the wrong order.
    struct Swapped(RtenEngine);
    impl Engine for Swapped {
        fn info(&self) -> &mien_engine::EngineInfo {
            self.0.info()
        }
        fn inputs(&self) -> &[mien_engine::TensorInfo] {
            self.0.inputs()
        }
        fn outputs(&self) -> &[mien_engine::TensorInfo] {
            self.0.outputs()
        }
        fn batch_buckets(&self) -> &[usize] {
            self.0.batch_buckets()
        }
        fn input_mut(&mut self, index: usize, batch: usize) -> &mut [f32] {
            self.0.input_mut(index, batch)
        }
        fn run(&mut self, batch: usize) -> Result<(), EngineError> {
            if batch == 2 {
                let elements = self.0.inputs()[0].elements();
                let (first, second) = self.0.input_mut(0, 2).split_at_mut(elements);
                first.swap_with_slice(second);
            }
            self.0.run(batch)
        }
        fn output(&self, index: usize) -> &[f32] {
            self.0.output(index)
        }
    }
    let mut engine = Swapped(load(&picture_network(None, -1), &options(2)));
    let error = conformance::conformance(&mut engine).unwrap_err();
    assert!(error.contains("batch of 2"), "{error}");
}

#[test]
fn files_that_are_no_models_are_refused() {
    let garbage = RtenEngine::from_bytes("garbage.onnx", b"no model at all", &options(1));
    assert!(garbage.err().unwrap().to_string().contains("garbage.onnx"));
    let absent = RtenEngine::load(Path::new("/nonexistent/absent.onnx"), &options(1));
    assert!(absent.err().unwrap().to_string().contains("absent.onnx"));
    let model = picture_network(None, -1);
    for length in 0..model.len() {
        assert!(RtenEngine::from_bytes("cut.onnx", &model[..length], &options(1)).is_err());
    }
}

#[test]
fn damaged_models_are_refused_or_run() {
    let whole = picture_network(None, -1);
    let mut seed = 11_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let (mut refused, mut ran) = (0, 0);
    for _ in 0..3000 {
        let mut bytes = whole.clone();
        for _ in 0..1 + next() % 3 {
            let at = next() % bytes.len();
            bytes[at] ^= 1 << (next() % 8);
        }
        match RtenEngine::from_bytes("damaged.onnx", &bytes, &options(2)) {
            Err(error) => {
                assert!(error.to_string().contains("damaged.onnx"));
                refused += 1;
            }
            Ok(mut engine) => {
                let _ = engine.run(2);
                ran += 1;
            }
        }
    }
    assert!(refused > 100 && ran > 100, "{refused} refused, {ran} ran");
}

#[test]
fn an_engine_asked_for_by_name_is_never_replaced() {
    let missing = mien_engine::load(EngineChoice::TensorRt, Path::new("any.onnx"), &EngineOptions::default());
    assert!(matches!(missing, Err(EngineError::Unavailable { .. })));
    for choice in EngineChoice::ALL {
        assert_eq!(choice.name().parse::<EngineChoice>().unwrap(), choice);
    }
    assert!("Cuda".parse::<EngineChoice>().is_err());
}

#[test]
fn the_teachers_conform() {
    for (name, size, max_batch) in [
        ("retinaface_mnet025_640x640.onnx", Some([128, 160]), 2),
        ("mediapipe_face_landmarks_detector.onnx", None, 3),
        ("mediapipe_face_blendshapes.onnx", None, 3),
    ] {
        let Some(path) = mien_needs::reference(&format!("models/{name}")) else {
            return;
        };
        let options = EngineOptions { input_size: size, ..options(max_batch) };
        let mut engine = RtenEngine::load(&path, &options).unwrap();
        conformance::conformance(&mut engine).unwrap_or_else(|rule| panic!("{name}: {rule}"));
    }
}
