//! Bytes of any pixel format as red, green, blue.

use std::array::from_fn;
use std::ops::Range;

use mien_face::{FrameView, PixelFormat};

/// Writes the pixels `columns` of row `y` into `rgb` as red, green, blue.
///
/// YUV is read as BT.601 with 16–235 luma, what USB cameras send; each chroma sample serves all the
/// pixels it covers.
///
/// # Panics
/// When the row or columns lie outside the frame, or `rgb` is shorter than three bytes a column.
pub fn rgb_row(frame: &FrameView<'_>, y: usize, columns: Range<usize>, rgb: &mut [u8]) {
    let (pixels, stride) = (frame.pixels(), frame.stride());
    let row = &pixels[y * stride..];
    let rgb = rgb[..3 * columns.len()].as_chunks_mut::<3>().0;
    match frame.format() {
        PixelFormat::Rgb8 => rgb.as_flattened_mut().copy_from_slice(&row[3 * columns.start..3 * columns.end]),
        PixelFormat::Bgr8 => {
            let bgr = row[3 * columns.start..3 * columns.end].as_chunks::<3>().0;
            for (to, &[b, g, r]) in rgb.iter_mut().zip(bgr) {
                *to = [r, g, b];
            }
        }
        PixelFormat::Yuyv => {
            let pixel = |x: usize| {
                let pair = &row[4 * (x / 2)..4 * (x / 2) + 4];
                rgb_from_yuv(pair[2 * (x % 2)], pair[1], pair[3])
            };
            let block = |x: usize| {
                let pairs = &row[2 * x..2 * (x + BLOCK)];
                [
                    from_fn(|i| pairs[2 * i]),
                    from_fn(|i| pairs[4 * (i / 2) + 1]),
                    from_fn(|i| pairs[4 * (i / 2) + 3]),
                ]
            };
            convert_yuv(rgb, columns, pixel, block);
        }
        PixelFormat::Nv12 => {
            let chroma = &pixels[(frame.height() as usize + y / 2) * stride..];
            let pixel = |x: usize| {
                let pair = &chroma[2 * (x / 2)..2 * (x / 2) + 2];
                rgb_from_yuv(row[x], pair[0], pair[1])
            };
            let block = |x: usize| {
                let (luma, pairs) = (&row[x..x + BLOCK], &chroma[x..x + BLOCK]);
                [from_fn(|i| luma[i]), from_fn(|i| pairs[i / 2 * 2]), from_fn(|i| pairs[i / 2 * 2 + 1])]
            };
            convert_yuv(rgb, columns, pixel, block);
        }
    }
}

/// Pixels that are converted at a time, so that the compiler makes vector instructions of it.
const BLOCK: usize = 16;

/// Converts the pixels `columns`: `block` gives the Y, U and V of as many from an even column on, `pixel` converts
/// those left over.
fn convert_yuv(
    rgb: &mut [[u8; 3]],
    columns: Range<usize>,
    pixel: impl Fn(usize) -> [u8; 3],
    block: impl Fn(usize) -> [[u8; BLOCK]; 3],
) {
    let (first, rest) = rgb.split_at_mut((columns.start % 2).min(columns.len()));
    let (blocks, last) = rest.as_chunks_mut::<BLOCK>();
    let after_blocks = columns.end - last.len();
    let singles = first.iter_mut().zip(columns.start..).chain(last.iter_mut().zip(after_blocks..));
    singles.for_each(|(to, x)| *to = pixel(x));
    for (to, x) in blocks.iter_mut().zip((columns.start.next_multiple_of(2)..).step_by(BLOCK)) {
        let [y, u, v] = block(x);
        let mut planes = [[0; BLOCK]; 3];
        for i in 0..BLOCK {
            let colour = rgb_from_yuv(y[i], u[i], v[i]);
            for c in 0..3 {
                planes[c][i] = colour[c];
            }
        }
        for (i, pixel) in to.iter_mut().enumerate() {
            for c in 0..3 {
                pixel[c] = planes[c][i];
            }
        }
    }
}

/// BT.601, 16–235 luma and 16–240 chroma, in 256ths.
#[inline(always)]
fn rgb_from_yuv(y: u8, u: u8, v: u8) -> [u8; 3] {
    let (y, u, v) = (298 * (i32::from(y) - 16) + 128, i32::from(u) - 128, i32::from(v) - 128);
    [y + 409 * v, y - 100 * u - 208 * v, y + 516 * u].map(|sum| (sum >> 8).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuv_of_known_colours() {
        assert_eq!(rgb_from_yuv(16, 128, 128), [0, 0, 0]);
        assert_eq!(rgb_from_yuv(235, 128, 128), [255, 255, 255]);
        // BT.601 red is Y 81, U 90, V 240.
        let [r, g, b] = rgb_from_yuv(81, 90, 240);
        assert!(r >= 253 && g <= 2 && b <= 2, "{r} {g} {b}");
    }

    #[test]
    fn parts_of_a_row_are_as_its_single_pixels() {
        let bytes: Vec<u8> = (0..3 * 100_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
        for format in [PixelFormat::Yuyv, PixelFormat::Nv12] {
            let frame = FrameView::new(&bytes, 50, 2, format.row_bytes(50), format).unwrap();
            let single = |x: usize| {
                let mut rgb = [0; 3];
                rgb_row(&frame, 1, x..x + 1, &mut rgb);
                rgb
            };
            for (start, end) in [(0, 50), (1, 50), (1, 2), (3, 3), (2, 17), (2, 18), (5, 38), (17, 50)] {
                let mut rgb = vec![0; 3 * (end - start)];
                rgb_row(&frame, 1, start..end, &mut rgb);
                assert_eq!(
                    rgb,
                    (start..end).flat_map(single).collect::<Vec<_>>(),
                    "{format:?} {start}..{end}"
                );
            }
        }
    }

    #[test]
    fn every_format_gives_the_same_grey_row() {
        let expected = [[84u8; 3], [84; 3]];
        let luma = 88; // 298 × (88 − 16) / 256 ≈ 84
        let frames: [(&[u8], PixelFormat); 4] = [
            (&[84; 12], PixelFormat::Rgb8),
            (&[84; 12], PixelFormat::Bgr8),
            (&[luma, 128, luma, 128, luma, 128, luma, 128], PixelFormat::Yuyv),
            (&[luma, luma, luma, luma, 128, 128], PixelFormat::Nv12),
        ];
        for (bytes, format) in frames {
            let frame = FrameView::new(bytes, 2, 2, format.row_bytes(2), format).unwrap();
            let mut rgb = [0; 6];
            rgb_row(&frame, 1, 0..2, &mut rgb);
            assert_eq!(rgb, *expected.as_flattened(), "{format:?}");
        }
    }
}
