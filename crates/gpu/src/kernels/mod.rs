//! The kernels, each behind a type.

#[cfg(feature = "measure")]
mod apart;
mod crop;
mod decode;
mod landmarks;
mod letterbox;
mod preview;
mod ptx;

#[cfg(feature = "measure")]
pub use apart::LetterboxApart;
pub use crop::{Crop, CropOptions};
pub use decode::RetinaFaceDecode;
pub use landmarks::LandmarksFinish;
pub use letterbox::Letterbox;
pub use preview::Preview;

use crate::DeviceBuffer;

/// Shared memory that every GPU grants a block without being asked.
const SHARED_BYTES: usize = 48 * 1024;

/// Output columns of one block, and the shared memory for the source pixels that they cover.
///
/// `cover` gives first and last + 1 source pixel of a range of output columns. Blocks keep their pixels
/// as three 4-byte numbers, from a multiple of 16 pixels to another.
fn tile(columns: usize, most: usize, cover: impl Fn(usize, usize) -> (usize, usize)) -> Option<(u32, u32)> {
    let bytes_of = |tile: usize| {
        (0..columns)
            .step_by(tile)
            .map(|from| {
                let (start, end) = cover(from, (from + tile).min(columns));
                12 * (end.next_multiple_of(16) - start / 16 * 16)
            })
            .max()
            .unwrap_or(0)
    };
    let mut tile = most.min(columns).max(1);
    while bytes_of(tile) > SHARED_BYTES {
        if tile == 1 {
            return None;
        }
        tile = tile.div_ceil(2);
    }
    Some((tile as u32, bytes_of(tile) as u32))
}

/// A control block's or result block's single element.
fn expect_one<T: bytemuck::Pod>(what: &'static str, buffer: &DeviceBuffer<T>) -> Result<(), crate::GpuError> {
    buffer.expect_len(what, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fit_into_shared_memory() {
        // 3840 to 640: six pixels each.
        let (tile_columns, bytes) = tile(640, 128, |from, to| (6 * from, 6 * to)).unwrap();
        assert_eq!((tile_columns, bytes), (128, 12 * 768));
        // 16,384 to 640, several thousand pixels for 128.
        let (tile_columns, bytes) = tile(640, 256, |from, to| (25 * from, 26 * to)).unwrap();
        assert!(tile_columns < 256 && bytes as usize <= SHARED_BYTES, "{tile_columns} {bytes}");
        assert_eq!(tile(1, 256, |_, _| (0, 100_000)), None);
    }
}
