//! MediaPipe's bundle, converted, against the ONNX files that reproduce its TFLite originals.

mod common;

use mien_engine::{Engine, EngineOptions, RtenEngine};
use mien_models::{Role, convert_tflite, import, read_bundle};

/// A number between 0 and 1 without a pattern.
fn random(seed: &mut u64) -> f32 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 40) as f32 / (1_u64 << 24) as f32
}

fn engine(file: &str, bytes: &[u8]) -> RtenEngine {
    RtenEngine::from_bytes(file, bytes, &EngineOptions::default()).unwrap()
}

/// The largest difference between two networks' outputs of the same names.
fn largest_difference(ours: &mut RtenEngine, theirs: &mut RtenEngine, input: &[f32]) -> f32 {
    for engine in [&mut *ours, &mut *theirs] {
        engine.input_mut(0, 1).copy_from_slice(input);
        engine.run(1).unwrap();
    }
    let mut largest = 0.0_f32;
    for (index, output) in theirs.outputs().iter().enumerate() {
        let same = ours.output_index(&output.name).unwrap();
        assert_eq!(ours.output(same).len(), theirs.output(index).len());
        for (a, b) in ours.output(same).iter().zip(theirs.output(index)) {
            assert!(a.is_finite() && b.is_finite());
            largest = largest.max((a - b).abs());
        }
    }
    largest
}

#[test]
fn the_bundle_reproduces_the_reference_networks() {
    let Some(bundle) = mien_needs::reference("models/face_landmarker.task") else {
        return;
    };
    let parts = read_bundle(&std::fs::read(bundle).unwrap()).unwrap();
    for (part, reference, offset, scale) in [
        ("face_landmarks_detector.tflite", "mediapipe_face_landmarks_detector.onnx", 0.0, 1.0),
        ("face_blendshapes.tflite", "mediapipe_face_blendshapes.onnx", 100.0, 400.0),
        ("face_detector.tflite", "mediapipe_face_detector.onnx", -1.0, 2.0),
    ] {
        let part = parts.iter().find(|p| p.name == part).unwrap();
        let converted = convert_tflite(&part.bytes).unwrap();
        let reference = mien_needs::reference(&format!("models/{reference}")).unwrap();
        let mut ours = engine(&part.name, &converted.write());
        let mut theirs = RtenEngine::load(&reference, &EngineOptions::default()).unwrap();
        assert_eq!(ours.inputs(), theirs.inputs());
        let elements = ours.inputs()[0].elements();
        let mut seed = 1;
        for picture in 0..5 {
            // Noise, and noise made smooth by repetition, which is nearer to a picture.
            let coarse: Vec<f32> = (0..elements).map(|_| random(&mut seed)).collect();
            let step = 1 << picture;
            let input: Vec<f32> = (0..elements).map(|at| offset + scale * coarse[at / step * step]).collect();
            let difference = largest_difference(&mut ours, &mut theirs, &input);
            assert!(difference <= 1e-3, "{}: {difference}", part.name);
            println!("{} input {picture}: largest difference {difference:.1e}", part.name);
        }
    }
}

#[test]
fn the_converted_landmark_network_takes_any_batch() {
    let Some(bundle) = mien_needs::reference("models/face_landmarker.task") else {
        return;
    };
    let parts = read_bundle(&std::fs::read(bundle).unwrap()).unwrap();
    let part = parts.iter().find(|p| p.name == "face_landmarks_detector.tflite").unwrap();
    let model = convert_tflite(&part.bytes).unwrap();
    let options = EngineOptions { max_batch: 3, ..EngineOptions::default() };
    let mut engine = RtenEngine::from_bytes("landmarks", &model.write(), &options).unwrap();
    mien_engine::conformance::conformance(&mut engine).unwrap();
}

#[test]
fn the_bundle_is_imported_and_found() {
    let Some(bundle) = mien_needs::reference("models/face_landmarker.task") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("mien/models");
    let report = import(&bundle, None, &models).unwrap();
    let roles: Vec<Role> = report.imported.iter().map(|i| i.entry.role).collect();
    assert_eq!(roles.len(), 2);
    assert!(roles.contains(&Role::Landmarks) && roles.contains(&Role::Blendshapes));
    let unused: Vec<&str> = report.unused.iter().map(|u| u.part.as_str()).collect();
    assert!(unused.contains(&"face_detector.tflite"), "{unused:?}");
    assert!(report.unused.iter().any(|u| u.reason.contains("RetinaFace")));

    let set = mien_models::ModelSet::of_folder(&models).unwrap();
    for checked in set.verify() {
        checked.result.unwrap();
    }
    let error = set.get(Role::Detector).unwrap_err().to_string();
    assert!(error.contains("--models") && error.contains("mien/models"), "{error}");

    // The same again changes nothing and replaces nothing.
    let again = import(&bundle, Some(Role::Landmarks), &models).unwrap();
    assert_eq!(again.imported.len(), 1);
    assert_eq!(again.imported[0].replaced, None);
    assert_eq!(mien_models::ModelSet::of_folder(&models).unwrap().models().len(), 2);
}
