//! Damaged files: an error, no panic, and no more memory than a multiple of the file.

mod common;

use common::sample;
use mien_onnx::Model;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize
}

/// Reads a file and works out its shapes; both may fail.
fn survive(bytes: &[u8]) {
    if let Ok(model) = Model::read(bytes) {
        let _ = model.shapes(&[vec![2, 3, 8, 6]]);
        let written = model.write();
        let again = Model::read(&written).unwrap();
        // What is no number equals nothing.
        assert!(again == model || format!("{again:?}") == format!("{model:?}"));
    }
}

/// One test, since the memory of all threads is counted together.
#[test]
fn damaged_files_are_survived_in_bounded_memory() {
    let whole = sample().write();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    for length in 0..whole.len() {
        assert!(Model::read(&whole[..length]).is_err(), "cut at {length}");
    }
    let mut seed = 1;
    for _ in 0..60_000 {
        let mut bytes = whole.clone();
        for _ in 0..1 + next(&mut seed) % 4 {
            let at = next(&mut seed) % bytes.len();
            bytes[at] ^= 1 << (next(&mut seed) % 8);
        }
        survive(&bytes);
    }
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        let at = next(&mut seed) % bytes.len();
        let length = 1 + next(&mut seed) % 12;
        match next(&mut seed) % 3 {
            0 => drop(bytes.drain(at..(at + length).min(whole.len()))),
            1 => bytes.splice(at..at, vec![0xff; length]).for_each(drop),
            _ => {
                let from = next(&mut seed) % (whole.len() - length);
                bytes.splice(at..at, whole[from..from + length].to_vec()).for_each(drop);
            }
        }
        survive(&bytes);
    }
    // A megabyte of the smallest parts that there are.
    for tiny in [[0x0a, 0x00], [0x2a, 0x00], [0x5a, 0x00]] {
        let graph = tiny.repeat(1 << 19);
        let mut bytes = vec![0x3a, 0x80, 0x80, 0x40];
        bytes.extend(graph);
        assert!(Model::read(&bytes).is_err());
    }
    let peak = MEMORY.peak_usage() - before;
    assert!(peak < 128 << 20, "{peak} bytes");
}

#[test]
fn fuzz_onnx() {
    mien_fuzz::fuzz("onnx", &[sample().write()], 20_000, survive);
}
