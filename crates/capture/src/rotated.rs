//! A source whose pictures are turned.

use mien_face::{Frame, FrameView, PixelFormat, Rotation};
use mien_geometry::rgb_row;

use crate::{Source, SourceError, SourceInfo, Step};

/// Rows that are turned together, so that what is written lies together.
const ROWS: usize = 32;

/// Turns every picture of a source; what is measured in them is in pixels of the turned picture.
pub struct RotatedSource {
    inner: Box<dyn Source>,
    rotation: Rotation,
    info: SourceInfo,
    turner: Turner,
}

/// The source itself, or one whose pictures are turned.
#[must_use]
pub fn rotated(source: Box<dyn Source>, rotation: Rotation) -> Box<dyn Source> {
    if rotation == Rotation::None {
        return source;
    }
    let info = SourceInfo { size: rotation.size_of(source.info().size), ..source.info().clone() };
    Box::new(RotatedSource { inner: source, rotation, info, turner: Turner::default() })
}

impl Source for RotatedSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
        let step = self.inner.next_frame(frame)?;
        if step == Step::Frame {
            self.turner.turn(frame, self.rotation);
        }
        Ok(step)
    }

    fn notice(&mut self) -> Option<String> {
        self.inner.notice()
    }

    // `keep_jpeg` stays here: pictures are turned when they have been decoded.
}

/// Turns pictures with buffers that it keeps.
#[derive(Default)]
struct Turner {
    turned: Vec<u8>,
    rows: Vec<u8>,
}

impl Turner {
    /// Turns a picture, which is RGB afterwards; its time, number and the like stay.
    fn turn(&mut self, frame: &mut Frame, rotation: Rotation) {
        let Ok(view) = frame.view() else { return };
        let (from_width, from_height) = (view.width() as usize, view.height() as usize);
        let (width, height) = rotation.size_of((frame.width, frame.height));
        self.turned.resize(3 * from_width * from_height, 0);
        self.rows.resize(3 * from_width * ROWS, 0);
        for first in (0..from_height).step_by(ROWS) {
            let count = ROWS.min(from_height - first);
            for (row, y) in self.rows.chunks_exact_mut(3 * from_width).zip(first..first + count) {
                read_row(&view, y, row);
            }
            place(&self.rows, first, count, [from_width, from_height], rotation, &mut self.turned);
        }
        std::mem::swap(&mut frame.pixels, &mut self.turned);
        (frame.width, frame.height, frame.format) = (width, height, PixelFormat::Rgb8);
        frame.stride = PixelFormat::Rgb8.row_bytes(width);
    }
}

fn read_row(view: &FrameView<'_>, y: usize, row: &mut [u8]) {
    rgb_row(view, y, 0..view.width() as usize, row);
}

/// Writes `count` rows, from row `first` of a picture of this size on, to where they are in the turned one.
fn place(
    rows: &[u8],
    first: usize,
    count: usize,
    [width, height]: [usize; 2],
    rotation: Rotation,
    turned: &mut [u8],
) {
    let rows = rows.as_chunks::<3>().0;
    let turned = turned.as_chunks_mut::<3>().0;
    match rotation {
        Rotation::None => {
            turned[first * width..(first + count) * width].copy_from_slice(&rows[..count * width])
        }
        Rotation::Half => {
            let end = (height - first) * width;
            let target = &mut turned[end - count * width..end];
            target.iter_mut().zip(rows[..count * width].iter().rev()).for_each(|(to, from)| *to = *from);
        }
        // Each column becomes a row, of which these rows are a part.
        Rotation::Clockwise90 => {
            for x in 0..width {
                let end = x * height + height - first;
                let target = turned[end - count..end].iter_mut().rev();
                target.enumerate().for_each(|(row, to)| *to = rows[row * width + x]);
            }
        }
        Rotation::Clockwise270 => {
            for x in 0..width {
                let start = (width - 1 - x) * height + first;
                let target = turned[start..start + count].iter_mut();
                target.enumerate().for_each(|(row, to)| *to = rows[row * width + x]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    /// A picture in which every pixel is another.
    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, (x * 7 + y * 3) as u8]))
    }

    #[test]
    fn pictures_of_all_sizes_are_turned_clockwise() {
        let mut turner = Turner::default();
        for (width, height) in [(1, 1), (5, 3), (64, 32), (33, 65), (7, 100)] {
            let upright = picture(width, height);
            for (rotation, expected) in [
                (Rotation::None, upright.clone()),
                (Rotation::Clockwise90, image::imageops::rotate90(&upright)),
                (Rotation::Half, image::imageops::rotate180(&upright)),
                (Rotation::Clockwise270, image::imageops::rotate270(&upright)),
            ] {
                let mut frame = Frame::empty();
                frame.reshape(width, height, PixelFormat::Rgb8);
                frame.pixels.copy_from_slice(&upright);
                (frame.frame_index, frame.capture_nanos) = (7, 9);
                turner.turn(&mut frame, rotation);
                assert_eq!((frame.width, frame.height), expected.dimensions(), "{rotation}");
                assert!(frame.pixels == *expected, "{width} × {height} by {rotation}");
                assert_eq!((frame.frame_index, frame.capture_nanos), (7, 9));
                assert!(frame.view().is_ok());
            }
        }
    }

    #[test]
    fn what_cameras_send_becomes_rgb() {
        let mut frame = Frame::empty();
        frame.reshape(4, 2, PixelFormat::Yuyv);
        // The left half black, the right half white.
        let row = [16, 128, 16, 128, 235, 128, 235, 128];
        frame.pixels.copy_from_slice(&[row, row].concat());
        Turner::default().turn(&mut frame, Rotation::Clockwise90);
        assert_eq!((frame.width, frame.height, frame.format), (2, 4, PixelFormat::Rgb8));
        assert_eq!(frame.pixels, [[0; 12], [255; 12]].concat());
    }
}
