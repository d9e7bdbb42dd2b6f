//! MediaPipe's model bundle: a zip archive of TFLite networks.

use std::io::{Cursor, Read};

use mien_onnx::Model;

use crate::tflite::{TfliteError, to_onnx};

/// Files in one bundle; `face_landmarker.task` has four.
const MOST_FILES: usize = 64;
/// Bytes of one file of a bundle, unpacked.
const MOST_FILE_BYTES: u64 = 64 << 20;
/// Bytes of all files of a bundle together, unpacked.
const MOST_BYTES: u64 = 128 << 20;

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundlePart {
    /// Its name in the bundle.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Unpacks a bundle in memory. Nothing is written, so names inside are only labels.
///
/// # Errors
/// What is wrong with the archive, in words.
pub fn read_bundle(bytes: &[u8]) -> Result<Vec<BundlePart>, String> {
    let wrong = |error: zip::result::ZipError| format!("it is no sound zip archive: {error}");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(wrong)?;
    if archive.len() > MOST_FILES {
        return Err(format!("it holds {} files, too many for a model bundle", archive.len()));
    }
    let mut parts = Vec::new();
    let mut left = MOST_BYTES;
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(wrong)?;
        let name = file.name().map_err(wrong)?.into_owned();
        let limit = MOST_FILE_BYTES.min(left);
        let mut bytes = Vec::new();
        // The size that the archive declares is not to be believed.
        let unpacked = file.take(limit + 1).read_to_end(&mut bytes);
        unpacked.map_err(|error| format!("{name} inside is damaged: {error}"))?;
        if bytes.len() as u64 > limit {
            return Err(format!("{name} inside is absurdly large once unpacked"));
        }
        left -= bytes.len() as u64;
        parts.push(BundlePart { name, bytes });
    }
    Ok(parts)
}

/// Converts one of MediaPipe's face networks, naming its ends as Mien's own networks do: `image` →
/// `landmarks`, `presence`, `tongue_out`; `points` → `coefficients`; `image` → `regressors`, `scores`.
///
/// # Errors
/// [`TfliteError`]: what is wrong with it, or that it is none of these.
pub fn convert_tflite(bytes: &[u8]) -> Result<Model<'static>, TfliteError> {
    to_onnx(bytes, &|shape| match shape {
        [1, 256, 256, 3] | [1, 192, 192, 3] | [1, 128, 128, 3] => Some("image"),
        [1, 1, 1, 1434] | [1, 1, 1, 1404] => Some("landmarks"),
        [1, 1, 1, 1] => Some("presence"),
        [1, 1] => Some("tongue_out"),
        [1, 146, 2] => Some("points"),
        [52] | [1, 52] => Some("coefficients"),
        [1, 896, 16] => Some("regressors"),
        [1, 896, 1] => Some("scores"),
        _ => None,
    })
}
