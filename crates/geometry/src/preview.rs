//! Pictures for people.

use std::ops::Range;

use crate::rgb_row;
use mien_face::FrameView;

/// Scales frames down to fit a preview, keeping their shape. Frames that fit already stay as they are.
#[derive(Debug, Default)]
pub struct PreviewScaler {
    frame_size: [u32; 2],
    most: [u32; 2],
    size: [u32; 2],
    columns: Vec<Range<usize>>,
    row: Vec<u8>,
    sums: Vec<u32>,
    rgb: Vec<u8>,
}

impl PreviewScaler {
    /// The picture of at most `most` (width, height) pixels: its size and its tight rows of red, green,
    /// blue. Each pixel is the mean of the pixels that it covers.
    pub fn scale(&mut self, frame: &FrameView<'_>, most: [u32; 2]) -> ([u32; 2], &[u8]) {
        self.prepare([frame.width(), frame.height()], most);
        let [width, height] = self.size.map(|side| side as usize);
        for y in 0..height {
            let target = 3 * width * y..3 * width * (y + 1);
            if self.size == self.frame_size {
                rgb_row(frame, y, 0..width, &mut self.rgb[target]);
                continue;
            }
            let rows = share(y, frame.height() as usize, height);
            self.sums.fill(0);
            for source in rows.clone() {
                rgb_row(frame, source, 0..frame.width() as usize, &mut self.row);
                let pixels = self.row.as_chunks::<3>().0;
                for (sum, columns) in self.sums.as_chunks_mut::<3>().0.iter_mut().zip(&self.columns) {
                    for [r, g, b] in &pixels[columns.clone()] {
                        sum[0] += u32::from(*r);
                        sum[1] += u32::from(*g);
                        sum[2] += u32::from(*b);
                    }
                }
            }
            let pixels = self.rgb[target].as_chunks_mut::<3>().0;
            for ((pixel, sum), columns) in
                pixels.iter_mut().zip(self.sums.as_chunks::<3>().0).zip(&self.columns)
            {
                let count = (rows.len() * columns.len()) as u32;
                *pixel = sum.map(|sum| ((sum + count / 2) / count) as u8);
            }
        }
        (self.size, &self.rgb)
    }

    fn prepare(&mut self, frame_size: [u32; 2], most: [u32; 2]) {
        if (self.frame_size, self.most) == (frame_size, most) {
            return;
        }
        (self.frame_size, self.most) = (frame_size, most);
        self.size = preview_size(frame_size, most);
        let [frame_width, width] = [frame_size[0], self.size[0]].map(|side| side as usize);
        self.columns = (0..width).map(|x| share(x, frame_width, width)).collect();
        self.row = vec![0; 3 * frame_width];
        self.sums = vec![0; 3 * width];
        self.rgb = vec![0; 3 * width * self.size[1] as usize];
    }
}

/// Size of a preview of at most `most` (width, height) pixels that keeps the frame's shape, and never
/// enlarges it.
#[must_use]
pub fn preview_size(frame_size: [u32; 2], most: [u32; 2]) -> [u32; 2] {
    let fit = |axis: usize| f64::from(most[axis]) / f64::from(frame_size[axis]);
    let scale = fit(0).min(fit(1)).min(1.0);
    frame_size.map(|side| ((f64::from(side) * scale).round() as u32).max(1))
}

/// What the `index`th of `parts` covers of a length; never empty, since there are no more parts than length.
fn share(index: usize, length: usize, parts: usize) -> Range<usize> {
    index * length / parts..(index + 1) * length / parts
}

#[cfg(test)]
mod tests {
    use mien_face::{Frame, PixelFormat};

    use super::*;

    fn picture(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Frame {
        let mut frame = Frame::empty();
        frame.reshape(width, height, PixelFormat::Rgb8);
        for y in 0..height {
            for x in 0..width {
                let at = (3 * (y * width + x)) as usize;
                frame.pixels[at..at + 3].copy_from_slice(&pixel(x, y));
            }
        }
        frame
    }

    #[test]
    fn small_frames_stay_and_large_ones_are_averaged() {
        let mut scaler = PreviewScaler::default();
        let frame = picture(4, 2, |x, y| [x as u8 * 10, y as u8 * 100, 7]);
        assert_eq!(scaler.scale(&frame.view().unwrap(), [960, 540]), ([4, 2], &frame.pixels[..]));
        let (size, rgb) = scaler.scale(&frame.view().unwrap(), [2, 540]);
        assert_eq!((size, rgb), ([2, 1], &[5, 50, 7, 25, 50, 7][..]));
    }

    #[test]
    fn every_shape_keeps_its_proportions_and_its_mean() {
        let mut scaler = PreviewScaler::default();
        for (width, height, expected) in
            [(1920, 1080, [960, 540]), (1000, 1000, [540, 540]), (5000, 10, [960, 2]), (1, 3000, [1, 540])]
        {
            let frame = picture(width, height, |_, _| [200, 100, 50]);
            let (size, rgb) = scaler.scale(&frame.view().unwrap(), [960, 540]);
            assert_eq!(size, expected);
            assert!(rgb.as_chunks::<3>().0.iter().all(|pixel| *pixel == [200, 100, 50]));
        }
    }
}
