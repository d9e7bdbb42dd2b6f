//! Where the reference data lie, and TFLite files for the tests.

#![allow(dead_code)]

pub mod tflite;

use std::path::{Path, PathBuf};

/// A file of the reference data, or `None` with a message when the data are absent.
pub fn reference_file(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("MIEN_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join(name);
    if !path.is_file() {
        eprintln!("skipped: {} is absent (set MIEN_SHARED)", path.display());
        return None;
    }
    Some(path)
}
