//! Running a model once, to see that it does what its role needs.

use mien_engine::{Engine, EngineError, EngineOptions, RtenEngine};

use crate::{Role, detector_anchor_count};

/// The picture that a detector of any size is tried on: height and width in pixels.
const TRIAL_SIZE: [usize; 2] = [320, 320];

/// Loads a model into the embedded engine and runs it on a smooth, on a busy and on an empty input.
///
/// # Errors
/// What does not fit the role, in words.
pub fn dry_run(role: Role, file: &str, bytes: &[u8]) -> Result<(), String> {
    let mut options = EngineOptions::default();
    let engine = match RtenEngine::from_bytes(file, bytes, &options) {
        Err(EngineError::SizeMissing { .. }) => {
            options.input_size = Some(TRIAL_SIZE);
            RtenEngine::from_bytes(file, bytes, &options)
        }
        engine => engine,
    };
    let mut engine = engine.map_err(|error| error.to_string())?;
    let outputs = role.outputs(engine.outputs())?;
    if role == Role::Detector {
        check_anchors(&engine, &outputs)?;
    }
    for pattern in [smooth, busy, |_| 0.0] {
        for (at, value) in engine.input_mut(0, 1).iter_mut().enumerate() {
            *value = pattern(at);
        }
        engine.run(1).map_err(|error| error.to_string())?;
        for &output in &outputs {
            if !engine.output(output).iter().all(|value| value.is_finite()) {
                let name = &engine.outputs()[output].name;
                return Err(format!("its output {name} is not a number on a trial input"));
            }
        }
    }
    Ok(())
}

/// Whether the detector's outputs have one row per anchor of Mien's anchor grids.
fn check_anchors(engine: &RtenEngine, outputs: &[usize]) -> Result<(), String> {
    let &[_, height, width] = engine.inputs()[0].shape.as_slice() else {
        return Err("its input is no picture".to_owned());
    };
    let anchors = detector_anchor_count(height, width);
    for &output in outputs {
        let rows = engine.outputs()[output].shape.first();
        if engine.outputs()[output].shape.len() != 2 || rows != Some(&anchors) {
            return Err(format!(
                "its output {} has shape {:?} for a picture of {width}×{height}, where RetinaFace \
                 with strides 8, 16, 32 and two anchors per cell has {anchors} rows",
                engine.outputs()[output].name,
                engine.outputs()[output].shape
            ));
        }
    }
    Ok(())
}

fn smooth(at: usize) -> f32 {
    (at as f32 * 0.01).sin() * 0.5 + 0.5
}

fn busy(at: usize) -> f32 {
    ((at as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32
}
