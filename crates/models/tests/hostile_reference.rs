//! The reference files, damaged: an error that names the file, no panic.

mod common;

use mien_models::{Role, convert_tflite, dry_run, import, read_bundle};

fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize
}

#[test]
fn a_damaged_bundle_is_survived() {
    let Some(bundle) = mien_needs::reference("models/face_landmarker.task") else {
        return;
    };
    let whole = std::fs::read(bundle).unwrap();
    let parts = read_bundle(&whole).unwrap();
    let mut seed = 3;
    for part in parts.iter().filter(|part| part.name.ends_with(".tflite")) {
        for _ in 0..40 {
            let _ = convert_tflite(&part.bytes[..next(&mut seed) % part.bytes.len()]);
            // The tables lie at both ends, the weights in the middle.
            let mut bytes = part.bytes.clone();
            for _ in 0..8 {
                let end = next(&mut seed) % 40_000;
                let from_front = next(&mut seed).is_multiple_of(2);
                let at = if from_front { end } else { bytes.len() - 1 - end };
                bytes[at] ^= 1 << (next(&mut seed) % 8);
            }
            if let Ok(model) = convert_tflite(&bytes) {
                let written = model.write();
                let _ = mien_onnx::Model::read(&written);
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..12 {
        let path = folder.path().join("cut.task");
        std::fs::write(&path, &whole[..next(&mut seed) % whole.len()]).unwrap();
        let error = import(&path, None, &folder.path().join("models")).unwrap_err().to_string();
        assert!(error.contains("cut.task"), "{error}");
        assert!(!folder.path().join("models").exists(), "something was written");
    }
}

#[test]
fn damaged_reference_networks_are_refused_or_run() {
    for name in ["mediapipe_face_blendshapes.onnx", "retinaface_mnet025_640x640.onnx"] {
        let Some(path) = mien_needs::reference(&format!("models/{name}")) else {
            return;
        };
        let whole = std::fs::read(path).unwrap();
        let role = if name.contains("retina") { Role::Detector } else { Role::Blendshapes };
        let mut seed = 5;
        for _ in 0..6 {
            assert!(dry_run(role, name, &whole[..next(&mut seed) % whole.len()]).is_err());
        }
        for _ in 0..6 {
            // The graph's description lies in front; the rest are weights.
            let mut bytes = whole.clone();
            for _ in 0..3 {
                let at = next(&mut seed) % 20_000;
                bytes[at] ^= 1 << (next(&mut seed) % 8);
            }
            let _ = dry_run(role, name, &bytes);
        }
    }
}
