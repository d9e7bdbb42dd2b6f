//! Damaged and hostile TFLite files and bundles: an error, no panic, bounded memory.

mod common;

use std::io::Write;

use common::tflite::Builder;
use common::tflite::Field::{Byte, Int};
use mien_models::{read_bundle, tflite::to_onnx};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize
}

/// One to four flipped bits.
fn flipped(whole: &[u8], seed: &mut u64) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..1 + next(seed) % 4 {
        let at = next(seed) % bytes.len();
        bytes[at] ^= 1 << (next(seed) % 8);
    }
    bytes
}

/// A network with one of each kind of field.
fn small_tflite() -> Vec<u8> {
    let mut b = Builder::default();
    let input = b.input(&[1, 4, 4, 2]);
    let (weights, bias) = (b.halves(&[3, 3, 3, 2], &[0x3c00; 54]), b.floats(&[3], &[0.5; 3]));
    let dequantised = b.value(&[3, 3, 3, 2]);
    b.operator(6, &[weights], dequantised, vec![]);
    let window = vec![(0, Byte(0)), (1, Int(1)), (2, Int(1)), (3, Byte(1))];
    let output = b.value(&[1, 4, 4, 3]);
    let convolved = b.operator(3, &[input, dequantised, bias], output, window);
    let (begin, end, step) = (b.ints(&[0, 0, 0, 0]), b.ints(&[1, 2, 3, 3]), b.ints(&[1, 1, 2, 1]));
    let output = b.value(&[1, 2, 2, 3]);
    let cut = b.operator(45, &[convolved, begin, end, step], output, vec![(0, Int(0))]);
    let (order, padding) = (b.ints(&[0, 2, 1, 3]), b.ints(&[0, 0, 1, 0, 0, 1, 0, 0]));
    let output = b.value(&[1, 2, 2, 3]);
    let turned = b.operator(39, &[cut, order], output, vec![]);
    let output = b.value(&[1, 3, 3, 3]);
    let padded = b.operator(34, &[turned, padding], output, vec![]);
    let (axes, output) = (b.ints(&[1, 2]), b.value(&[1, 3]));
    let mean = b.operator(40, &[padded, axes], output, vec![]);
    let output = b.value(&[1, 3, 1]);
    let reshaped = b.operator(22, &[mean], output, vec![]);
    b.finish(&[reshaped])
}

/// Converts, writes, reads and measures a network; each step may fail.
fn survive_tflite(bytes: &[u8]) {
    let Ok(model) = to_onnx(bytes, &|shape| Some(if shape.len() == 4 { "in" } else { "out" })) else {
        return;
    };
    let written = model.write();
    if let Ok(model) = mien_onnx::Model::read(&written) {
        let _ = model.shapes(&[vec![1, 2, 4, 4]]);
    }
}

fn zip_of(parts: &[(&str, &[u8])], compressed: bool) -> Vec<u8> {
    let method = if compressed { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// One test, since the memory of all threads is counted together.
#[test]
fn damaged_files_are_survived_in_bounded_memory() {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let mut seed = 7;

    let whole = small_tflite();
    assert!(to_onnx(&whole, &|shape| Some(if shape.len() == 4 { "in" } else { "out" })).is_ok());
    for length in 0..whole.len() {
        survive_tflite(&whole[..length]);
    }
    for _ in 0..30_000 {
        survive_tflite(&flipped(&whole, &mut seed));
    }
    for _ in 0..30_000 {
        // A whole number replaced by an extreme one: cyclic, absurd, negative references and sizes.
        let mut bytes = whole.clone();
        let at = next(&mut seed) % (bytes.len() / 4) * 4;
        let extreme = [0, 1, 4, u32::MAX, i32::MAX as u32, 1 << 31, 1 << 20, whole.len() as u32];
        let number = extreme[next(&mut seed) % extreme.len()];
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        survive_tflite(&bytes);
    }

    let bundle = zip_of(&[("face_blendshapes.tflite", &whole), ("notes.txt", b"hello")], true);
    assert_eq!(read_bundle(&bundle).unwrap().len(), 2);
    for length in 0..bundle.len() {
        let _ = read_bundle(&bundle[..length]);
    }
    for _ in 0..5_000 {
        let _ = read_bundle(&flipped(&bundle, &mut seed));
    }

    // 200 MB of zeros in 200 kB, in one file and in several.
    let zeros = vec![0; 40 << 20];
    for parts in [5, 2] {
        let names: Vec<String> = (0..parts).map(|i| format!("{i}.tflite")).collect();
        let content = if parts == 2 { &[&zeros[..], &zeros[..]].concat() } else { &zeros };
        let files: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &content[..])).collect();
        let bomb = zip_of(&files, true);
        drop(files);
        assert!(bomb.len() < 1 << 20);
        let error = read_bundle(&bomb).unwrap_err();
        assert!(error.contains("absurdly large"), "{error}");
    }
    drop(zeros);
    let many: Vec<String> = (0..100).map(|i| i.to_string()).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert!(read_bundle(&zip_of(&many, false)).unwrap_err().contains("100 files"));

    // One megabyte that thousands of tensors share.
    let mut builder = Builder::default();
    let input = builder.input(&[1, 1]);
    let shared = builder.floats(&[1 << 18], &vec![0.0; 1 << 18]);
    builder.share(shared, 8000);
    let error = to_onnx(&builder.finish(&[input]), &|_| Some("end")).unwrap_err().to_string();
    assert!(error.contains("absurdly large"), "{error}");

    // And one that a thousand operators ask for.
    let mut builder = Builder::default();
    let input = builder.input(&[1, 1]);
    let shared = builder.floats(&[1 << 18], &vec![0.0; 1 << 18]);
    let mut last = input;
    for _ in 0..1000 {
        let output = builder.value(&[1, 1 << 18]);
        last = builder.operator(0, &[last, shared], output, vec![]);
    }
    let error = to_onnx(&builder.finish(&[last]), &|_| Some("end")).unwrap_err().to_string();
    assert!(error.contains("absurdly large"), "{error}");

    let peak = MEMORY.peak_usage() - before;
    assert!(peak < 512 << 20, "{peak} bytes");
}

#[test]
fn fuzz_tflite() {
    mien_fuzz::fuzz("tflite", &[small_tflite()], 10_000, survive_tflite);
}

#[test]
fn fuzz_bundle() {
    let network = small_tflite();
    let parts: [(&str, &[u8]); 2] = [("face_blendshapes.tflite", &network), ("notes.txt", b"hello")];
    let bundles = [zip_of(&parts, true), zip_of(&parts, false)];
    mien_fuzz::fuzz("bundle", &bundles, 4000, |input| {
        for part in read_bundle(input).unwrap_or_default() {
            survive_tflite(&part.bytes);
        }
    });
}

#[test]
fn fuzz_manifest() {
    let manifest = include_bytes!("../../../models/manifest.toml").to_vec();
    mien_fuzz::fuzz("manifest", &[manifest], 1000, |input| {
        if let Ok(text) = std::str::from_utf8(input)
            && let Ok(manifest) = mien_models::Manifest::parse("manifest.toml".as_ref(), text)
        {
            manifest.to_toml("manifest.toml".as_ref()).unwrap();
        }
    });
}
