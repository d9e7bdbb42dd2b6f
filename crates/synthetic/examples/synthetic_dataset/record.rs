//! Pictures and truth on disk.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result};
use mien_face::Frame;
use mien_synthetic::{SyntheticCamera, SyntheticFace};
use serde_json::{Value, json};

/// What is true of the picture that the camera drew last.
pub fn picture(file: &str, camera: &SyntheticCamera) -> Value {
    let settings = camera.settings();
    let faces: Vec<Value> = camera.truth().iter().map(face_record).collect();
    json!({
        "file": file,
        "width": settings.width,
        "height": settings.height,
        "vertical_fov_deg": settings.vertical_fov_deg,
        "seed": settings.seed,
        "faces": faces,
    })
}

fn face_record(face: &SyntheticFace) -> Value {
    json!({
        "person": face.person,
        "visible": face.visible,
        "box": [face.bounds.x1, face.bounds.y1, face.bounds.x2, face.bounds.y2],
        "landmarks": face.landmarks.to_vec(),
        "camera_from_head": face.pose.camera_from_head,
        "rotation_deg": face.pose.rotation_deg,
        "translation_cm": face.pose.translation_cm,
        "jaw_open": face.expression.jaw_open,
        "eye_blink_right": face.expression.eye_blink_right,
        "eye_blink_left": face.expression.eye_blink_left,
        "brow_raise": face.expression.brow_raise,
        "gaze_deg": face.expression.gaze_deg,
    })
}

/// Writes `truth.json`.
pub fn write_truth(directory: &Path, records: &[Value]) -> Result<()> {
    let path = directory.join("truth.json");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    serde_json::to_writer(BufWriter::new(file), records)?;
    Ok(())
}

/// Writes an RGB frame.
pub fn write_png(path: &Path, frame: &Frame) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), frame.width, frame.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header()?.write_image_data(&frame.pixels)?;
    Ok(())
}
