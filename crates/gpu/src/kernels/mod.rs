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
const TILE_PIXELS: usize = 1024;

/// How the output columns are shared out among blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tile {
    /// Output columns of one block.
    columns: u32,
    /// Threads of a block: one for every 6 source pixels, about as many as a thread loads at a time.
    threads: u32,
    /// Shared memory for the source pixels that they cover.
    shared_bytes: u32,
}

/// Shares out `columns`; `cover` gives first and last + 1 source pixel of a range of output columns.
///
/// Blocks keep their pixels as three 4-byte numbers, at most a quarter further apart than that, from a
/// multiple of 16 pixels to another.
fn tile(columns: usize, cover: impl Fn(usize, usize) -> (usize, usize)) -> Option<Tile> {
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
    let mut tile = columns.max(1);
    while tile > 1 && pixels_of(tile) > TILE_PIXELS {
        tile = tile.div_ceil(2);
    }
    let pixels = pixels_of(tile);
    let shared_bytes = 15 * pixels;
    let threads = pixels.div_ceil(6).max(tile.min(128)).next_multiple_of(32).clamp(64, 256);
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
        let tile_4k = tile(640, |from, to| (6 * from, 6 * to)).unwrap();
        assert_eq!(tile_4k, Tile { columns: 160, threads: 160, shared_bytes: 15 * 960 });
        // Hundreds of pixels for each column.
        let long = tile(64, |from, to| (256 * from, 256 * to)).unwrap();
        assert!(long.columns >= 1 && long.shared_bytes as usize <= SHARED_BYTES, "{long:?}");
        assert_eq!(tile(1, |_, _| (0, 100_000)), None);
    }
}
