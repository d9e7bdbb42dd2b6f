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

/// Source pixels of one block: enough to keep its threads busy, few enough for many blocks at a time.
const TILE_PIXELS: usize = 656;

/// How the output columns are shared out among blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tile {
    /// Output columns of one block.
    columns: u32,
    /// Threads of a block: one for every group of source pixels, as far as a block can have them.
    threads: u32,
    /// Shared memory for the source pixels that they cover.
    shared_bytes: u32,
}

/// Shares out `columns`; `cover` gives first and last + 1 source pixel of a range of output columns.
///
/// A thread reads `lanes` channel values at a time. Blocks keep their pixels as three 4-byte numbers, from
/// a multiple of 16 pixels to another.
fn tile(columns: usize, lanes: usize, cover: impl Fn(usize, usize) -> (usize, usize)) -> Option<Tile> {
    let pixels_of = |tile: usize| {
        (0..columns)
            .step_by(tile)
            .map(|from| {
                let (start, end) = cover(from, (from + tile).min(columns));
                end.next_multiple_of(16) - start / 16 * 16
            })
            .max()
            .unwrap_or(0)
    };
    // As few tiles of one size as keep to the limit.
    let mut tiles = 1;
    while tiles < columns && pixels_of(columns.div_ceil(tiles)) > TILE_PIXELS {
        tiles += 1;
    }
    let tile = columns.div_ceil(tiles);
    let pixels = pixels_of(tile);
    let shared_bytes = 12 * pixels;
    let threads = (3 * pixels).div_ceil(lanes).max(tile).next_multiple_of(32).clamp(64, 256);
    (shared_bytes <= SHARED_BYTES).then_some(Tile {
        columns: tile as u32,
        threads: threads as u32,
        shared_bytes: shared_bytes as u32,
    })
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
        let tile_4k = tile(640, 8, |from, to| (6 * from, 6 * to)).unwrap();
        assert_eq!(tile_4k, Tile { columns: 107, threads: 256, shared_bytes: 12 * 656 });
        // Hundreds of pixels for each column.
        let long = tile(64, 12, |from, to| (256 * from, 256 * to)).unwrap();
        assert!(long.columns >= 1 && long.shared_bytes as usize <= SHARED_BYTES, "{long:?}");
        assert_eq!(tile(1, 8, |_, _| (0, 100_000)), None);
    }
}
