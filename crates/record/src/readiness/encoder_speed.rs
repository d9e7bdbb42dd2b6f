//! How fast video is encoded, and how large it gets.

use std::time::Instant;

use mien_face::Frame;
use mien_ffmpeg::{Codec, Encoder, EncoderSettings};

use super::drain::Drain;
use crate::RecordError;

/// Pictures that are encoded for the measurement.
const PICTURES: usize = 30;
/// Pictures until the encoder is taken to have started.
const WARM_UP: usize = 3;

/// What encoding costs, for pictures of the size measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct EncoderSpeed {
    pub pictures_per_second: f64,
    pub bytes_per_picture: f64,
}

/// Encodes these pictures, of one size and with tight rows, to and fro; `None` without any.
pub(super) fn encoder_speed(
    pictures: &[Frame],
    rate_hz: f64,
    codec: &Codec,
) -> Result<Option<EncoderSpeed>, RecordError> {
    let Some(first) = pictures.first() else { return Ok(None) };
    let (width, height, format) = (first.width, first.height, first.format);
    let fits = |frame: &&Frame| (frame.width, frame.height, frame.format) == (width, height, format);
    let pictures: Vec<&Frame> = pictures.iter().filter(fits).collect();
    let temporary = std::env::temp_dir();
    let drain = Drain::create("test.mkv").map_err(RecordError::io(
        "write a test video in the folder for temporary files (TMPDIR),",
        &temporary,
    ))?;
    let settings = EncoderSettings { width, height, format, rate_hz, codec: codec.clone() };
    let mut encoder = Encoder::with_settings(drain.path(), &settings)?;
    let mut start = Instant::now();
    for index in 0..PICTURES {
        encoder.write(
            &pictures[to_and_fro(index, pictures.len())].pixels,
            (index as f64 * 1e9 / rate_hz) as i64,
        )?;
        if index + 1 == WARM_UP {
            start = Instant::now();
        }
    }
    encoder.finish()?;
    let seconds = start.elapsed().as_secs_f64().max(1e-6);
    let bytes = drain.finish();
    Ok(Some(EncoderSpeed {
        pictures_per_second: (PICTURES - WARM_UP) as f64 / seconds,
        bytes_per_picture: bytes as f64 / PICTURES as f64,
    }))
}

/// 0 1 2 1 0 1 2 …: the movement goes on where a jump to the start would be a cut.
fn to_and_fro(index: usize, count: usize) -> usize {
    let period = (2 * count).saturating_sub(2).max(1);
    let place = index % period;
    if place < count { place } else { period - place }
}

#[cfg(test)]
mod tests {
    use mien_face::PixelFormat;

    use super::*;

    #[test]
    fn pictures_go_to_and_fro() {
        let order: Vec<_> = (0..8).map(|index| to_and_fro(index, 3)).collect();
        assert_eq!(order, [0, 1, 2, 1, 0, 1, 2, 1]);
        assert_eq!(to_and_fro(5, 1), 0);
    }

    #[test]
    fn detail_costs_bytes() {
        let frame = |value: &dyn Fn(usize) -> u8| {
            let mut frame = Frame::empty();
            frame.reshape(160, 120, PixelFormat::Rgb8);
            frame.pixels.iter_mut().enumerate().for_each(|(index, pixel)| *pixel = value(index));
            frame
        };
        let measure = |frame: Frame| match encoder_speed(&[frame], 30.0, &Codec::Ffv1) {
            Ok(speed) => speed,
            Err(RecordError::Video(mien_ffmpeg::FfmpegError::Missing { .. })) => None,
            Err(error) => panic!("{error}"),
        };
        let flat = measure(frame(&|_| 7));
        let noise = measure(frame(&|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8));
        if let (Some(flat), Some(noise)) = (flat, noise) {
            assert!(noise.bytes_per_picture > 10.0 * flat.bytes_per_picture, "{flat:?} {noise:?}");
            assert!(flat.pictures_per_second > 0.0);
        } else {
            mien_needs::skip(mien_needs::Need::Ffmpeg, "ffmpeg is not installed");
        }
        assert_eq!(encoder_speed(&[], 30.0, &Codec::Ffv1).unwrap(), None);
    }
}
