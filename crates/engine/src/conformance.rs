//! What every engine must do, checked from outside.
//!
//! Any network may be under test as long as its outputs are finite for inputs between -1 and 1 and its
//! items do not influence each other.

use crate::{Engine, EngineError, Precision, TensorInfo};

/// Holds an engine against the contract of [`Engine`].
///
/// # Errors
/// The first rule that it breaks, in words.
pub fn conformance(engine: &mut dyn Engine) -> Result<(), String> {
    description(engine)?;
    bad_batches(engine)?;
    let singles = single_results(engine)?;
    for batch in (1..=engine.max_batch()).chain([1]) {
        fill(engine, batch)?;
        // A batch must not look at what lies behind it.
        poison_behind(engine, batch);
        engine.run(batch).map_err(|error| error.to_string())?;
        compare(engine, batch, &singles)?;
    }
    Ok(())
}

fn ensure(holds: bool, rule: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(rule()) }
}

fn description(engine: &dyn Engine) -> Result<(), String> {
    let info = engine.info();
    let texts = [&info.engine, &info.device, &info.model_file];
    ensure(texts.iter().all(|text| !text.is_empty()), || format!("an empty description: {info:?}"))?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    ensure(info.model_sha256.len() == 64 && info.model_sha256.bytes().all(hex), || {
        format!("{:?} is no SHA-256", info.model_sha256)
    })?;
    for (kind, tensors) in [("input", engine.inputs()), ("output", engine.outputs())] {
        ensure(!tensors.is_empty(), || format!("there is no {kind}"))?;
        for (index, tensor) in tensors.iter().enumerate() {
            ensure(tensor.elements() > 0, || format!("{tensor:?} is empty"))?;
            ensure(found(engine, kind, tensor) == Some(index), || {
                format!("{kind} {} is not found by its name", tensor.name)
            })?;
        }
    }
    let absent = engine.output_index("no such tensor");
    ensure(matches!(absent, Err(EngineError::NoSuchTensor { .. })), || {
        "a tensor that does not exist was found".to_owned()
    })?;
    let buckets = engine.batch_buckets();
    ensure(
        buckets.first().is_some_and(|&first| first >= 1)
            && buckets.windows(2).all(|pair| pair[0] < pair[1])
            && buckets.last() == Some(&engine.max_batch()),
        || format!("batch buckets {buckets:?} do not ascend from one"),
    )
}

fn found(engine: &dyn Engine, kind: &str, tensor: &TensorInfo) -> Option<usize> {
    match kind {
        "input" => engine.input_index(&tensor.name).ok(),
        _ => engine.output_index(&tensor.name).ok(),
    }
}

fn bad_batches(engine: &mut dyn Engine) -> Result<(), String> {
    for batch in [0, engine.max_batch() + 1] {
        ensure(matches!(engine.run(batch), Err(EngineError::Batch { .. })), || {
            format!("a batch of {batch} was accepted")
        })?;
        ensure((0..engine.outputs().len()).all(|i| engine.output(i).is_empty()), || {
            "a failed run left an output".to_owned()
        })?;
    }
    Ok(())
}

/// Number `position` of item `item` of input `input`: between -1 and 1, without a pattern.
fn number(input: usize, item: usize, position: usize) -> f32 {
    let mut bits = (input as u64) << 48 ^ (item as u64) << 40 ^ position as u64;
    bits = (bits ^ bits >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (bits >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
}

fn fill_item(buffer: &mut [f32], input: usize, item: usize) {
    for (position, value) in buffer.iter_mut().enumerate() {
        *value = number(input, item, position);
    }
}

/// Writes items 0 to `batch`, one at a time, and checks that each stays where it was put.
fn fill(engine: &mut dyn Engine, batch: usize) -> Result<(), String> {
    for input in 0..engine.inputs().len() {
        let elements = engine.inputs()[input].elements();
        for item in 0..batch {
            let buffer = engine.input_mut(input, item + 1);
            ensure(buffer.len() == (item + 1) * elements, || {
                format!("input {input} of a batch of {} has {} numbers", item + 1, buffer.len())
            })?;
            fill_item(&mut buffer[item * elements..], input, item);
        }
        let buffer = engine.input_mut(input, batch);
        for (item, numbers) in buffer.chunks_exact(elements).enumerate() {
            let kept = numbers.iter().enumerate().all(|(at, &v)| v == number(input, item, at));
            ensure(kept, || format!("item {item} of input {input} was lost before the run"))?;
        }
    }
    Ok(())
}

fn poison_behind(engine: &mut dyn Engine, batch: usize) {
    let max = engine.max_batch();
    for input in 0..engine.inputs().len() {
        let used = batch * engine.inputs()[input].elements();
        engine.input_mut(input, max)[used..].fill(f32::NAN);
    }
}

/// Per output, the results of every item run alone, twice to see that they repeat.
fn single_results(engine: &mut dyn Engine) -> Result<Vec<Vec<f32>>, String> {
    let mut singles = vec![Vec::new(); engine.outputs().len()];
    for item in 0..engine.max_batch() {
        for repeat in 0..2 {
            for input in 0..engine.inputs().len() {
                fill_item(engine.input_mut(input, 1), input, item);
            }
            engine.run(1).map_err(|error| error.to_string())?;
            for (index, single) in singles.iter_mut().enumerate() {
                let output = engine.output(index);
                let elements = engine.outputs()[index].elements();
                ensure(output.len() == elements, || {
                    format!("output {index} has {} numbers, not {elements}", output.len())
                })?;
                ensure(output.iter().all(|v| v.is_finite()), || format!("output {index} is not finite"))?;
                match repeat {
                    0 => single.extend_from_slice(output),
                    _ => ensure(close(engine, output, &single[item * elements..]), || {
                        format!("output {index} differs between two runs on the same input")
                    })?,
                }
            }
        }
    }
    Ok(singles)
}

fn compare(engine: &dyn Engine, batch: usize, singles: &[Vec<f32>]) -> Result<(), String> {
    for (index, single) in singles.iter().enumerate() {
        let wanted = &single[..batch * engine.outputs()[index].elements()];
        ensure(close(engine, engine.output(index), wanted), || {
            format!("output {index} of a batch of {batch} differs from its items run alone")
        })?;
    }
    Ok(())
}

/// Whether two results agree within what the arithmetic allows, relative to their largest number.
fn close(engine: &dyn Engine, found: &[f32], wanted: &[f32]) -> bool {
    let tolerance = match engine.info().precision {
        Precision::Fp32 => 1e-4,
        Precision::Fp16 | Precision::Int8 => 2e-2,
    };
    let scale = wanted.iter().fold(1e-3_f32, |most, v| most.max(v.abs()));
    found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| (a - b).abs() <= tolerance * scale)
}
