//! Rotated squares cut out of frames.

use mien_face::{FrameView, PixelFormat};

use crate::{Affine, Normalization, rgb_row};

/// What lies outside the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Border {
    /// The nearest pixel of the edge, as MediaPipe does for faces.
    Replicate,
    /// Black, as MediaPipe does for its detector.
    Black,
}

/// Cuts squares out of frames of any format, bilinear.
///
/// Crop pixel (i, j) takes the frame's value at `frame_from_crop` · (i, j), where whole numbers fall
/// on pixel centres: MediaPipe's sampling (an OpenCV warp of corner onto corner), which its networks'
/// published results rest on. When a region is enlarged by 1/s, that lies (1 − s)/2 frame pixels from
/// where sampling at pixel centres on both sides would lie.
#[derive(Debug, Default)]
pub struct Cropper {
    patch: Vec<u8>,
}

/// Fractional bits of sampling positions.
const FRACTION: u32 = 32;

/// Three bytes a pixel, rows of `stride`, in the order red, green, blue or the reverse.
#[derive(Clone, Copy)]
struct Patch<'a> {
    pixels: &'a [u8],
    stride: usize,
    /// Where the patch's first pixel lies in the frame.
    origin: [i64; 2],
    width: i64,
    height: i64,
    blue_first: bool,
}

impl Cropper {
    /// Room for the largest region is made when it is first needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills `crop` (`[3, size, size]`).
    ///
    /// # Panics
    /// When `crop` is not 3 × size × size long.
    pub fn crop(
        &mut self,
        frame: &FrameView<'_>,
        frame_from_crop: &Affine,
        size: usize,
        border: Border,
        normalization: &Normalization,
        crop: &mut [f32],
    ) {
        assert_eq!(crop.len(), 3 * size * size, "a crop fills its whole input");
        let (width, height) = (i64::from(frame.width()), i64::from(frame.height()));
        let direct = Patch {
            pixels: frame.pixels(),
            stride: frame.stride(),
            origin: [0, 0],
            width,
            height,
            blue_first: frame.format() == PixelFormat::Bgr8,
        };
        match frame.format() {
            PixelFormat::Rgb8 | PixelFormat::Bgr8 => {
                warp(direct, frame_from_crop, size, border, normalization, crop);
            }
            PixelFormat::Yuyv | PixelFormat::Nv12 => {
                let [left, top, right, bottom] = covered(frame_from_crop, size, width, height);
                let stride = 3 * (right - left);
                self.patch.resize(stride * (bottom - top), 0);
                for (y, row) in (top..bottom).zip(self.patch.chunks_exact_mut(stride)) {
                    rgb_row(frame, y, left..right, row);
                }
                let patch = Patch {
                    pixels: &self.patch,
                    stride,
                    origin: [left as i64, top as i64],
                    width: (right - left) as i64,
                    height: (bottom - top) as i64,
                    blue_first: false,
                };
                warp(patch, frame_from_crop, size, border, normalization, crop);
            }
        }
    }
}

/// Left, top, right and bottom of the pixels that a crop reads, never empty.
///
/// A patch of these gives what the whole frame would: where it ends inside the frame, the crop does
/// not reach its edge.
fn covered(frame_from_crop: &Affine, size: usize, width: i64, height: i64) -> [usize; 4] {
    let last = size as f32;
    let corners = [[0.0, 0.0], [last, 0.0], [0.0, last], [last, last]].map(|p| frame_from_crop.apply(p));
    let range = |axis: usize, length: i64| {
        let values = corners.map(|c| c[axis]);
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let low = (low.floor() as i64).saturating_sub(1).clamp(0, length - 1);
        let high = (high.ceil() as i64).saturating_add(2).clamp(low + 1, length);
        (low as usize, high as usize)
    };
    let ((left, right), (top, bottom)) = (range(0, width), range(1, height));
    [left, top, right, bottom]
}

fn warp(
    patch: Patch<'_>,
    frame_from_crop: &Affine,
    size: usize,
    border: Border,
    normalization: &Normalization,
    crop: &mut [f32],
) {
    let fixed = |v: f32| (f64::from(v) * (1i64 << FRACTION) as f64) as i64;
    let [[a, b, tx], [c, d, ty]] = frame_from_crop.0;
    let (step_x, step_y) = (fixed(a), fixed(c));
    let (first, rest) = crop.split_at_mut(size * size);
    let (second, third) = rest.split_at_mut(size * size);
    // A plane's channel as its place in the patch's three bytes.
    let channels = normalization.channels.map(|c| if patch.blue_first { 2 - c } else { c });
    // Values come as 256 × 256 × byte.
    let scale = normalization.scale / 65536.0;
    let offset = normalization.mean.map(|mean| -mean * normalization.scale);
    let rows =
        first.chunks_exact_mut(size).zip(second.chunks_exact_mut(size)).zip(third.chunks_exact_mut(size));
    for (j, ((p0, p1), p2)) in rows.enumerate() {
        // Moved into the patch in fixed point: no rounding sets it apart from the whole frame.
        let x0 = fixed(b * j as f32 + tx).saturating_sub(patch.origin[0] << FRACTION);
        let y0 = fixed(d * j as f32 + ty).saturating_sub(patch.origin[1] << FRACTION);
        let (from, to) = interior(x0, y0, step_x, step_y, size, &patch);
        let mut write = |i: usize, values: [u32; 3]| {
            p0[i] = values[channels[0]] as f32 * scale + offset[0];
            p1[i] = values[channels[1]] as f32 * scale + offset[1];
            p2[i] = values[channels[2]] as f32 * scale + offset[2];
        };
        let at = |i: usize| {
            (x0.wrapping_add(step_x.wrapping_mul(i as i64)), y0.wrapping_add(step_y.wrapping_mul(i as i64)))
        };
        for i in (0..from).chain(to..size) {
            let (x, y) = at(i);
            write(i, sample_edge(&patch, x, y, border));
        }
        for i in from..to {
            let (x, y) = at(i);
            write(i, sample_inside(&patch, x, y));
        }
    }
}

/// The steps `from..to` of a row whose four neighbours all lie inside the patch.
fn interior(x0: i64, y0: i64, step_x: i64, step_y: i64, size: usize, patch: &Patch<'_>) -> (usize, usize) {
    let (mut from, mut to) = (0, size as i64);
    for (start, step, length) in [(x0, step_x, patch.width), (y0, step_y, patch.height)] {
        // 0 ≤ start + i·step ≤ end
        let end = ((length - 1) << FRACTION) - 1;
        if step == 0 {
            if start < 0 || start > end {
                return (0, 0);
            }
            continue;
        }
        let (near, far) = if step > 0 { (0, end) } else { (end, 0) };
        // Clamped so that no quotient overflows; far beyond any frame.
        let distance = |target: i64| target.saturating_sub(start).clamp(-(1 << 62), 1 << 62);
        from = from.max(div_ceil(distance(near), step));
        to = to.min(1 - div_ceil(-distance(far), step));
    }
    if from < to { (from as usize, to as usize) } else { (0, 0) }
}

fn div_ceil(a: i64, b: i64) -> i64 {
    let quotient = a / b;
    if a % b != 0 && ((a < 0) == (b < 0)) { quotient + 1 } else { quotient }
}

/// Bilinear at a fixed-point position inside the patch; 65,536 × byte.
#[inline]
fn sample_inside(patch: &Patch<'_>, x: i64, y: i64) -> [u32; 3] {
    let at = (y >> FRACTION) as usize * patch.stride + 3 * (x >> FRACTION) as usize;
    let fx = ((x >> (FRACTION - 8)) & 255) as u32;
    let fy = ((y >> (FRACTION - 8)) & 255) as u32;
    let above = &patch.pixels[at..at + 6];
    let below = &patch.pixels[at + patch.stride..at + patch.stride + 6];
    let mut values = [0; 3];
    for c in 0..3 {
        let top = u32::from(above[c]) * (256 - fx) + u32::from(above[c + 3]) * fx;
        let bottom = u32::from(below[c]) * (256 - fx) + u32::from(below[c + 3]) * fx;
        values[c] = top * (256 - fy) + bottom * fy;
    }
    values
}

/// [`sample_inside`] anywhere.
fn sample_edge(patch: &Patch<'_>, x: i64, y: i64, border: Border) -> [u32; 3] {
    let (column, row) = (x >> FRACTION, y >> FRACTION);
    let fx = ((x >> (FRACTION - 8)) & 255) as u32;
    let fy = ((y >> (FRACTION - 8)) & 255) as u32;
    let mut values = [0; 3];
    for (dy, wy) in [(0, 256 - fy), (1, fy)] {
        for (dx, wx) in [(0, 256 - fx), (1, fx)] {
            let (px, py) = (column + dx, row + dy);
            let outside = px < 0 || py < 0 || px >= patch.width || py >= patch.height;
            if outside && border == Border::Black {
                continue;
            }
            let px = px.clamp(0, patch.width - 1) as usize;
            let py = py.clamp(0, patch.height - 1) as usize;
            let pixel = &patch.pixels[py * patch.stride + 3 * px..][..3];
            for c in 0..3 {
                values[c] += u32::from(pixel[c]) * wx * wy;
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: Normalization = Normalization { channels: [0, 1, 2], mean: [0.0; 3], scale: 1.0 };

    /// Red = x, green = y, blue = 9.
    fn ramp(width: u32, height: u32) -> Vec<u8> {
        (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 9])).collect()
    }

    fn crop_of(
        format: PixelFormat,
        bytes: &[u8],
        width: u32,
        height: u32,
        map: &Affine,
        border: Border,
    ) -> Vec<f32> {
        let frame = FrameView::new(bytes, width, height, format.row_bytes(width), format).unwrap();
        let mut crop = vec![0.0; 3 * 64];
        Cropper::new().crop(&frame, map, 8, border, &PLAIN, &mut crop);
        crop
    }

    #[test]
    fn whole_numbers_fall_on_pixel_centres() {
        let bytes = ramp(20, 20);
        let map = Affine([[0.5, 0.0, 3.0], [0.0, 1.0, 4.0]]);
        let crop = crop_of(PixelFormat::Rgb8, &bytes, 20, 20, &map, Border::Replicate);
        assert_eq!(crop[..4], [3.0, 3.5, 4.0, 4.5]);
        assert_eq!([crop[64], crop[64 + 8], crop[64 + 16]], [4.0, 5.0, 6.0]);
        assert_eq!(crop[128..], [9.0; 64]);
        let blue_first = crop_of(PixelFormat::Bgr8, &bytes, 20, 20, &map, Border::Replicate);
        assert_eq!(crop[..64], blue_first[128..]);
    }

    #[test]
    fn outside_the_frame() {
        let bytes = ramp(4, 4);
        let map = Affine::scale_offset([1.0, 1.0], [-2.5, 1.0]);
        let edge = crop_of(PixelFormat::Rgb8, &bytes, 4, 4, &map, Border::Replicate);
        assert_eq!(edge[..8], [0.0, 0.0, 0.0, 0.5, 1.5, 2.5, 3.0, 3.0]);
        let black = crop_of(PixelFormat::Rgb8, &bytes, 4, 4, &map, Border::Black);
        assert_eq!(black[128..136], [0.0, 0.0, 4.5, 9.0, 9.0, 9.0, 4.5, 0.0]);
    }

    #[test]
    fn a_single_pixel_and_far_away_regions() {
        for map in [
            Affine::scale_offset([1.0, 1.0], [0.0, 0.0]),
            Affine::scale_offset([1e6, 1e6], [-3e9, 3e9]),
            Affine::scale_offset([0.0, 0.0], [0.0, 0.0]),
        ] {
            assert_eq!(crop_of(PixelFormat::Rgb8, &[7, 7, 7], 1, 1, &map, Border::Replicate), [7.0; 192]);
        }
    }

    proptest! {
        #[test]
        fn a_ramp_is_reproduced_under_any_rotation(
            angle in -3.2f32..3.2, scale in 0.05f32..3.0, cx in 40f32..60.0, cy in 40f32..60.0,
        ) {
            let (s, c) = (scale * angle.sin(), scale * angle.cos());
            let map = Affine([[c, -s, cx], [s, c, cy]]);
            let crop = crop_of(PixelFormat::Rgb8, &ramp(100, 100), 100, 100, &map, Border::Replicate);
            for j in 0..8 {
                for i in 0..8 {
                    let [x, y] = map.apply([i as f32, j as f32]);
                    prop_assert!((crop[8 * j + i] - x).abs() < 0.01);
                    prop_assert!((crop[64 + 8 * j + i] - y).abs() < 0.01);
                }
            }
        }

        #[test]
        fn the_fast_path_agrees_with_the_careful_one(
            a in -2f32..2.0, b in -2f32..2.0, c in -2f32..2.0, d in -2f32..2.0,
            tx in -20f32..30.0, ty in -20f32..30.0,
        ) {
            let bytes: Vec<u8> = (0..13u32 * 11 * 3).map(|i| (i * 89 % 251) as u8).collect();
            let map = Affine([[a, b, tx], [c, d, ty]]);
            let crop = crop_of(PixelFormat::Rgb8, &bytes, 13, 11, &map, Border::Replicate);
            let patch = Patch { pixels: &bytes, stride: 39, origin: [0, 0], width: 13, height: 11, blue_first: false };
            let fixed = |v: f32| (f64::from(v) * (1i64 << FRACTION) as f64) as i64;
            for j in 0..8usize {
                for i in 0..8usize {
                    let x = fixed(b * j as f32 + tx) + fixed(a) * i as i64;
                    let y = fixed(d * j as f32 + ty) + fixed(c) * i as i64;
                    let expected = sample_edge(&patch, x, y, Border::Replicate);
                    prop_assert!((crop[8 * j + i] - expected[0] as f32 / 65536.0).abs() < 1e-3);
                }
            }
        }

        #[test]
        fn yuv_patches_give_what_the_whole_frame_gives(
            angle in -3.2f32..3.2, scale in 0.2f32..3.0, tx in -20f32..40.0, ty in -20f32..40.0,
        ) {
            let bytes: Vec<u8> = (0..24u32 * 20 * 2).map(|i| (i * 73 % 241) as u8).collect();
            let yuyv = FrameView::new(&bytes, 24, 20, 48, PixelFormat::Yuyv).unwrap();
            let mut rgb = vec![0; 24 * 20 * 3];
            for y in 0..20 {
                rgb_row(&yuyv, y, 0..24, &mut rgb[72 * y..72 * (y + 1)]);
            }
            let (s, c) = (scale * angle.sin(), scale * angle.cos());
            let map = Affine([[c, -s, tx], [s, c, ty]]);
            let direct = crop_of(PixelFormat::Rgb8, &rgb, 24, 20, &map, Border::Replicate);
            let patched = crop_of(PixelFormat::Yuyv, &bytes, 24, 20, &map, Border::Replicate);
            for (a, b) in direct.iter().zip(&patched) {
                prop_assert_eq!(a, b);
            }
        }
    }
}
