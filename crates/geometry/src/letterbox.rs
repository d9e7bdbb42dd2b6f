//! Whole frames scaled into a network's input.

use std::ops::AddAssign;

use mien_face::{FrameView, PixelFormat};

use crate::{Affine, AxisTaps, LetterboxTaps, Normalization, rgb_row};

/// Scales frames of any size and format into planes of one size, keeping their proportions.
///
/// The picture lies at the top left; what it does not cover is 0 *after* normalisation (the mean
/// colour). Where the picture shrinks, each output pixel is the mean of the area it covers, so fine
/// patterns do not alias; where it grows, it is interpolated between pixel centres (bilinear).
#[derive(Debug)]
pub struct Letterbox {
    height: usize,
    width: usize,
    normalization: Normalization,
    frame_size: [usize; 2],
    taps: LetterboxTaps,
    mixed_row: Vec<f32>,
    counted_row: Vec<u16>,
    rgb: Vec<u8>,
}

impl Letterbox {
    /// For an input of three planes of `height` × `width`.
    #[must_use]
    pub fn new(height: usize, width: usize, normalization: Normalization) -> Self {
        Self {
            height,
            width,
            normalization,
            frame_size: [0; 2],
            taps: LetterboxTaps::default(),
            mixed_row: Vec::new(),
            counted_row: Vec::new(),
            rgb: Vec::new(),
        }
    }

    /// Fills `input` (`[3, height, width]`) with the frame and returns `frame_from_input`.
    ///
    /// # Panics
    /// When `input` is not 3 × height × width long.
    pub fn apply(&mut self, frame: &FrameView<'_>, input: &mut [f32]) -> Affine {
        assert_eq!(input.len(), 3 * self.height * self.width, "a letterbox fills its whole input");
        let (frame_width, frame_height) = (frame.width() as usize, frame.height() as usize);
        self.prepare(frame_width, frame_height);
        let (scaled_width, scaled_height) = (self.taps.columns.len(), self.taps.rows.len());
        let pixel_weight = self.taps.pixel_weight;

        let Normalization { channels, mean, scale } = self.normalization;
        let (first, rest) = input.split_at_mut(self.height * self.width);
        let (second, third) = rest.split_at_mut(self.height * self.width);
        let mut planes = [first, second, third];
        for y in 0..scaled_height {
            let at = y * self.width;
            let [p0, p1, p2] = &mut planes;
            let picture = [
                &mut p0[at..at + scaled_width],
                &mut p1[at..at + scaled_width],
                &mut p2[at..at + scaled_width],
            ];
            let LetterboxTaps { columns, rows, .. } = &self.taps;
            if self.taps.counts_pixels() {
                let counted = &mut self.counted_row;
                add_rows(rows, y, frame, &mut self.rgb, counted, |byte, _| u16::from(byte));
                mix_columns(columns, counted, channels, picture);
            } else {
                let mixed = &mut self.mixed_row;
                add_rows(rows, y, frame, &mut self.rgb, mixed, |byte, weight| weight * f32::from(byte));
                mix_columns(columns, mixed, channels, picture);
            }
            for (plane, mean) in planes.iter_mut().zip(mean) {
                let row = &mut plane[at..at + self.width];
                for value in &mut row[..scaled_width] {
                    *value = (*value * pixel_weight - mean) * scale;
                }
                row[scaled_width..].fill(0.0);
            }
        }
        for plane in &mut planes {
            plane[scaled_height * self.width..].fill(0.0);
        }
        Affine::scale_offset(
            [frame_width as f32 / scaled_width as f32, frame_height as f32 / scaled_height as f32],
            [0.0; 2],
        )
    }

    fn prepare(&mut self, frame_width: usize, frame_height: usize) {
        if self.frame_size == [frame_width, frame_height] {
            return;
        }
        self.frame_size = [frame_width, frame_height];
        self.taps = LetterboxTaps::new([frame_width, frame_height], [self.width, self.height]);
        let counts = self.taps.counts_pixels();
        self.mixed_row.resize(if counts { 0 } else { 3 * frame_width }, 0.0);
        self.counted_row.resize(if counts { 3 * frame_width } else { 0 }, 0);
        self.rgb.resize(3 * frame_width, 0);
    }
}

/// The sum, over the source rows that output row `y` covers, of what `term` makes of a byte and its row's weight.
/// `rgb` has room for a row.
fn add_rows<T: Copy + AddAssign>(
    rows: &AxisTaps,
    y: usize,
    frame: &FrameView<'_>,
    rgb: &mut [u8],
    sums: &mut [T],
    term: impl Fn(u8, f32) -> T,
) {
    let (start, weights) = rows.at(y);
    for (tap, &weight) in weights.iter().enumerate() {
        if weight == 0.0 && tap > 0 {
            continue;
        }
        let source = rgb_bytes(frame, start + tap, rgb);
        let sums = sums.iter_mut().zip(source);
        if tap == 0 {
            sums.for_each(|(sum, &byte)| *sum = term(byte, weight));
        } else {
            sums.for_each(|(sum, &byte)| *sum += term(byte, weight));
        }
    }
}

/// Row `y` of a frame as RGB bytes: its own, or written to `rgb`, which has room for a row.
fn rgb_bytes<'a>(frame: &'a FrameView<'_>, y: usize, rgb: &'a mut [u8]) -> &'a [u8] {
    if frame.format() == PixelFormat::Rgb8 {
        return &frame.pixels()[y * frame.stride()..][..rgb.len()];
    }
    rgb_row(frame, y, 0..rgb.len() / 3, rgb);
    rgb
}

/// `picture[c][x]` = sum over taps of the mixed row.
fn mix_columns<T: Copy + Into<f32>>(
    columns: &AxisTaps,
    mixed: &[T],
    channels: [usize; 3],
    picture: [&mut [f32]; 3],
) {
    match columns.taps() {
        1 => mix_taps::<1, T>(columns, mixed, channels, picture),
        2 => mix_taps::<2, T>(columns, mixed, channels, picture),
        3 => mix_taps::<3, T>(columns, mixed, channels, picture),
        _ => mix_any(columns, mixed, channels, picture),
    }
}

/// [`mix_columns`] with the number of taps known to the compiler.
fn mix_taps<const TAPS: usize, T: Copy + Into<f32>>(
    columns: &AxisTaps,
    mixed: &[T],
    channels: [usize; 3],
    [p0, p1, p2]: [&mut [f32]; 3],
) {
    let weights = columns.weights().as_chunks::<TAPS>().0;
    for (x, (&start, weights)) in columns.starts().iter().zip(weights).enumerate() {
        let pixels = &mixed[3 * start as usize..3 * (start as usize + TAPS)];
        let mut sum = [0.0; 3];
        for (pixel, weight) in pixels.as_chunks::<3>().0.iter().zip(weights) {
            for c in 0..3 {
                sum[c] += weight * pixel[c].into();
            }
        }
        p0[x] = sum[channels[0]];
        p1[x] = sum[channels[1]];
        p2[x] = sum[channels[2]];
    }
}

/// [`mix_columns`] for any number of taps.
fn mix_any<T: Copy + Into<f32>>(
    columns: &AxisTaps,
    mixed: &[T],
    channels: [usize; 3],
    mut picture: [&mut [f32]; 3],
) {
    for x in 0..columns.len() {
        let (start, weights) = columns.at(x);
        let mut sum = [0.0; 3];
        for (pixel, weight) in mixed[3 * start..].as_chunks::<3>().0.iter().zip(weights) {
            for c in 0..3 {
                sum[c] += weight * pixel[c].into();
            }
        }
        for (plane, &channel) in picture.iter_mut().zip(&channels) {
            plane[x] = sum[channel];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: Normalization = Normalization { channels: [0, 1, 2], mean: [0.0; 3], scale: 1.0 };

    fn rgb_frame(bytes: &[u8], width: u32, height: u32) -> FrameView<'_> {
        FrameView::new(bytes, width, height, 3 * width as usize, PixelFormat::Rgb8).unwrap()
    }

    #[test]
    fn halving_takes_the_mean_of_four() {
        // Red grows along x, green along y, blue is constant.
        let bytes: Vec<u8> =
            (0..4).flat_map(|y| (0..8).flat_map(move |x| [10 * x as u8, 20 * y as u8, 7])).collect();
        let mut input = vec![9.0; 3 * 2 * 4];
        let map = Letterbox::new(2, 4, PLAIN).apply(&rgb_frame(&bytes, 8, 4), &mut input);
        assert_eq!(input[..4], [5.0, 25.0, 45.0, 65.0]);
        assert_eq!(input[8..16], [10.0, 10.0, 10.0, 10.0, 50.0, 50.0, 50.0, 50.0]);
        assert_eq!(input[16..], [7.0; 8]);
        assert_eq!(map.apply([1.5, 1.0]), [3.0, 2.0]);
    }

    #[test]
    fn a_checkerboard_turns_grey_instead_of_aliasing() {
        let bytes: Vec<u8> =
            (0..64 * 48).flat_map(|i| [if (i % 64 + i / 64) % 2 == 0 { 0 } else { 200 }; 3]).collect();
        let mut input = vec![0.0; 3 * 24 * 32];
        Letterbox::new(24, 32, PLAIN).apply(&rgb_frame(&bytes, 64, 48), &mut input);
        assert!(input.iter().all(|&v| (v - 100.0).abs() < 1e-3));
    }

    #[test]
    fn retinaface_gets_blue_first_and_zero_around() {
        let mut input = vec![9.0; 3 * 4 * 4];
        Letterbox::new(4, 4, Normalization::RETINAFACE)
            .apply(&rgb_frame(&[123, 117, 110, 123, 117, 110], 2, 1), &mut input);
        // Two pixels grow to 4 × 2; below them lies nothing.
        assert_eq!(input[..8], [6.0; 8]);
        assert!(input[8..].iter().all(|&v| v.abs() < 1e-4));
    }

    #[test]
    fn frame_sizes_may_change() {
        let mut letterbox = Letterbox::new(16, 16, PLAIN);
        let mut input = vec![0.0; 3 * 256];
        for (width, height) in [(1, 1), (33, 7), (1, 500), (640, 480), (16, 16), (1, 1)] {
            let bytes = vec![50; 3 * width * height];
            letterbox.apply(&rgb_frame(&bytes, width as u32, height as u32), &mut input);
            assert!(input.iter().all(|&v| v.abs() < 1e-4 || (v - 50.0).abs() < 1e-3), "{width}×{height}");
            assert!((input[0] - 50.0).abs() < 1e-3);
        }
    }

    proptest! {
        #[test]
        fn a_ramp_keeps_its_place(width in 8u32..200, to in 4usize..300) {
            // Value = x of the pixel's centre; the output must say where it lies in the frame.
            let bytes: Vec<u8> = (0..width).flat_map(|x| [x as u8; 3]).collect();
            let mut letterbox = Letterbox::new(to, to, PLAIN);
            let mut input = vec![0.0; 3 * to * to];
            let map = letterbox.apply(&rgb_frame(&bytes, width, 1), &mut input);
            for x in 1..to - 1 {
                let [frame_x, _] = map.apply([x as f32 + 0.5, 0.5]);
                let expected = (frame_x - 0.5).clamp(0.0, (width - 1) as f32);
                prop_assert!((input[x] - expected).abs() < 0.3, "{} {}", input[x], expected);
            }
        }
    }
}
