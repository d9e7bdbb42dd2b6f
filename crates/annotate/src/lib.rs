//! Draws what was tracked onto pictures.
//!
//! [`Annotator`] draws meshes, contours, irises, boxes, names and pose axes onto an RGB picture, with
//! lines as wide as the face allows: a face of 60 pixels stays a face. [`write_png`] saves a picture.

mod annotator;
mod canvas;
mod error;
mod text;

pub use annotator::{Annotator, Overlays};
pub use error::AnnotateError;

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// Saves tight RGB rows as a PNG; an existing file is replaced.
///
/// # Errors
/// When the file cannot be written.
///
/// # Panics
/// When `rgb` does not hold width × height × 3 bytes.
pub fn write_png(path: &Path, rgb: &[u8], width: u32, height: u32) -> Result<(), AnnotateError> {
    assert_eq!(rgb.len(), width as usize * height as usize * 3, "a picture of the stated size");
    let failed = |reason: String| AnnotateError { path: path.to_owned(), reason };
    let file = File::create(path).map_err(|error| failed(error.to_string()))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(|error| failed(error.to_string()))?;
    writer.write_image_data(rgb).map_err(|error| failed(error.to_string()))?;
    writer.finish().map_err(|error| failed(error.to_string()))
}
