//! The JPEGs of a camera: each of its own size, upright, with square pixels.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, RgbImage, imageops};
use mien_face::{Frame, PixelFormat};

use super::pipe::Fault;
use crate::budget::MAX_CAMERA_SIDE as MAX_SIDE;
use crate::usb::has_end;

/// Width over height of a pixel that somebody makes.
const PIXEL_ASPECTS: std::ops::RangeInclusive<f64> = 0.0625..=16.0;

/// Unpacks the JPEGs of one camera.
#[derive(Default)]
pub(super) struct Jpegs {
    /// Whether the camera ends its JPEGs as they should be; some never do.
    are_ended: bool,
}

impl Jpegs {
    /// Fills `frame` with a picture; leaves it a JPEG where that is wanted and nothing has to be done to it.
    pub(super) fn unpack(&mut self, bytes: &[u8], keep_jpeg: bool, frame: &mut Frame) -> Result<(), Fault> {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Err(Fault::NoJpeg);
        }
        // A picture that was cut off decodes, with grey below.
        let is_ended = has_end(bytes);
        if self.are_ended && !is_ended {
            return Err(Fault::Damaged(format!("the JPEG is cut off after {} bytes", bytes.len())));
        }
        decode(bytes, keep_jpeg, frame).map_err(Fault::Damaged)?;
        self.are_ended |= is_ended;
        Ok(())
    }
}

fn decode(bytes: &[u8], keep_jpeg: bool, frame: &mut Frame) -> Result<(), String> {
    let in_words = |error: image::ImageError| error.to_string();
    let mut decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(in_words)?;
    let (width, height) = decoder.dimensions();
    if ![width, height].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
        return Err(format!("a JPEG of {width} × {height} pixels"));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let aspect = pixel_aspect(bytes);
    if orientation != Orientation::NoTransforms || aspect.is_some() || decoder.color_type() != ColorType::Rgb8
    {
        let picture = DynamicImage::from_decoder(decoder).map_err(in_words)?.into_rgb8();
        fill(frame, upright(picture, aspect, orientation));
    } else if keep_jpeg {
        frame.set_jpeg(bytes, width, height);
    } else {
        frame.reshape(width, height, PixelFormat::Rgb8);
        decoder.read_image(&mut frame.pixels).map_err(in_words)?;
    }
    Ok(())
}

fn upright(picture: RgbImage, aspect: Option<f64>, orientation: Orientation) -> RgbImage {
    let (width, height) = picture.dimensions();
    let wanted =
        aspect.map_or(width, |aspect| ((f64::from(width) * aspect).round() as u32).clamp(1, MAX_SIDE));
    let picture = match wanted == width {
        true => picture,
        false => imageops::resize(&picture, wanted, height, imageops::FilterType::Triangle),
    };
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(orientation);
    picture.into_rgb8()
}

fn fill(frame: &mut Frame, picture: RgbImage) {
    let (width, height) = picture.dimensions();
    frame.pixels = picture.into_raw();
    frame.reshape(width, height, PixelFormat::Rgb8);
}

/// Width over height of the pixels where they are not square: the densities of a JFIF header, which comes first.
fn pixel_aspect(jpeg: &[u8]) -> Option<f64> {
    if jpeg.get(2..4) != Some(&[0xFF, 0xE0]) || jpeg.get(6..11) != Some(b"JFIF\0") {
        return None;
    }
    let [_units, a, b, c, d] = *jpeg.get(13..18)?.first_chunk()?;
    let [across, down] = [[a, b], [c, d]].map(|bytes| f64::from(u16::from_be_bytes(bytes)));
    // As ffmpeg has it: for 3 by 4 dots to the unit, a pixel of 3 by 4.
    let aspect = across / down;
    (PIXEL_ASPECTS.contains(&aspect) && aspect != 1.0).then_some(aspect)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture =
            RgbImage::from_fn(width, height, |x, _| image::Rgb([if x < width / 2 { 250 } else { 5 }; 3]));
        picture.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
        bytes.into_inner()
    }

    /// With an EXIF segment that gives this orientation.
    fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let exif = [
            b"\xFF\xE1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(),
            &[orientation, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        [&jpeg[..2], &exif, &jpeg[2..]].concat()
    }

    fn unpacked(bytes: &[u8], keep: bool) -> Frame {
        let mut frame = Frame::empty();
        assert!(Jpegs::default().unpack(bytes, keep, &mut frame).is_ok());
        frame
    }

    #[test]
    fn each_picture_has_its_own_size_and_stands_upright() {
        let frame = unpacked(&jpeg(64, 32), false);
        assert_eq!((frame.width, frame.height), (64, 32));
        let frame = unpacked(&with_orientation(&jpeg(64, 32), 6), true);
        assert_eq!((frame.width, frame.height, frame.is_jpeg), (32, 64, false));
        // What was at the left is at the top.
        assert!(frame.pixels[0] > 200 && frame.pixels[frame.pixels.len() - 1] < 50);
        let frame = unpacked(&jpeg(16, 8), true);
        assert!(frame.is_jpeg && (frame.width, frame.height) == (16, 8));
    }

    #[test]
    fn what_is_cut_off_is_damaged_and_what_is_no_jpeg_is_none() {
        let (whole, mut jpegs, mut frame) = (jpeg(64, 64), Jpegs::default(), Frame::empty());
        let cut = &whole[..whole.len() - 30];
        assert!(jpegs.unpack(&whole, true, &mut frame).is_ok());
        assert!(matches!(jpegs.unpack(cut, true, &mut frame), Err(Fault::Damaged(_))));
        assert!(jpegs.unpack(&whole, true, &mut frame).is_ok());
        assert!(matches!(jpegs.unpack(b"\0\0\0\x01\x67", true, &mut frame), Err(Fault::NoJpeg)));
    }
}
