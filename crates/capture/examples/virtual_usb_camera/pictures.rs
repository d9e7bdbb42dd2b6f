//! What the camera shows: a head of the synthetic camera that moves, in every format and size.

use std::collections::BTreeMap;

use mien_face::{Frame, PixelFormat};
use mien_synthetic::{Motion, SyntheticCamera, SyntheticSettings};

use crate::descriptors::{Agreement, FORMATS, PictureFormat, SIZES};

/// Pictures of each size, drawn beforehand and shown over and over, to and fro.
const COUNT: u32 = 20;

/// Width and height in pixels, and the number of the format.
type Shape = ((u16, u16), u8);

/// Coded pictures by size and format.
pub struct Pictures(BTreeMap<Shape, Vec<Vec<u8>>>);

impl Pictures {
    /// Draws and codes them.
    pub fn draw() -> Self {
        let mut all = BTreeMap::new();
        for size in SIZES {
            let settings = SyntheticSettings {
                width: size.0.into(),
                height: size.1.into(),
                script: Motion::Turning,
                ..SyntheticSettings::default()
            };
            let mut camera = SyntheticCamera::new(settings);
            let mut frame = Frame::empty();
            for index in 0..COUNT {
                camera.render(index.into(), i64::from(index) * 33_333_333, &mut frame);
                for format in FORMATS {
                    let coded = all.entry((size, format as u8)).or_insert_with(Vec::new);
                    coded.push(code(&frame, format));
                }
            }
        }
        Self(all)
    }

    /// The picture of that number.
    pub fn get(&self, agreement: &Agreement, count: u32) -> &[u8] {
        let place = count % (2 * COUNT);
        let place = if place < COUNT { place } else { 2 * COUNT - 1 - place };
        &self.0[&(agreement.size, agreement.format as u8)][place as usize]
    }
}

fn code(frame: &Frame, format: PictureFormat) -> Vec<u8> {
    assert_eq!(frame.format, PixelFormat::Rgb8, "the synthetic camera draws in RGB");
    let (width, height) = (frame.width as usize, frame.height as usize);
    if format == PictureFormat::Mjpeg {
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 80)
            .encode(&frame.pixels, frame.width, frame.height, image::ExtendedColorType::Rgb8)
            .expect("the picture has its size");
        return bytes;
    }
    let luma_chroma = |x: usize, y: usize| {
        let rgb = &frame.pixels[y * frame.stride + 3 * x..][..3];
        let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(f32::from);
        // BT.601, limited range.
        [
            16.0 + 0.257 * r + 0.504 * g + 0.098 * b,
            128.0 - 0.148 * r - 0.291 * g + 0.439 * b,
            128.0 + 0.439 * r - 0.368 * g - 0.071 * b,
        ]
        .map(|value| value as u8)
    };
    let mut bytes = Vec::with_capacity(width * height * 2);
    if format == PictureFormat::Yuyv {
        for (x, y) in (0..height).flat_map(|y| (0..width).step_by(2).map(move |x| (x, y))) {
            let ([y0, u, v], [y1, ..]) = (luma_chroma(x, y), luma_chroma(x + 1, y));
            bytes.extend([y0, u, y1, v]);
        }
        return bytes;
    }
    bytes.extend((0..width * height).map(|place| luma_chroma(place % width, place / width)[0]));
    for y in (0..height).step_by(2) {
        bytes.extend((0..width).step_by(2).flat_map(|x| luma_chroma(x, y)[1..].to_vec()));
    }
    bytes
}
