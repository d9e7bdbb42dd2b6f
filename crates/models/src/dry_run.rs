//! Running a model once, to see that it does what its role needs.

use mien_engine::{Engine, EngineError, EngineOptions, RtenEngine};

use crate::Role;

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
    let fit = role.contract().fit(engine.inputs(), engine.outputs()).map_err(|misfit| {
        format!("it needs one {} {} (per item), but has {}", misfit.kind, misfit.expected, misfit.found)
    })?;
    for pattern in [smooth, busy, |_| 0.0] {
        for (at, value) in engine.input_mut(0, 1).iter_mut().enumerate() {
            *value = pattern(at);
        }
        engine.run(1).map_err(|error| error.to_string())?;
        for &output in &fit.outputs {
            if !engine.output(output).iter().all(|value| value.is_finite()) {
                let name = &engine.outputs()[output].name;
                return Err(format!("its output {name} is not a number on a trial input"));
            }
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
