//! nvJPEG, where it is installed.

use mien_gpu::{GpuError, JpegDecoder};
use mien_needs::{Need, skip};

use crate::common::{device, poisoned};

/// A ramp of colours, 160 × 120, chroma at half size both ways.
const RAMP_420: &[u8] = include_bytes!("../data/ramp_420.jpg");
/// The same, 98 × 66, chroma at half width.
const RAMP_422: &[u8] = include_bytes!("../data/ramp_422.jpg");

fn ramp(width: usize, height: usize) -> impl Iterator<Item = [f32; 3]> {
    let [w, h] = [width as f32, height as f32];
    (0..width * height).map(move |i| {
        let [x, y] = [(i % width) as f32, (i / width) as f32];
        [40.0 + 160.0 * x / w, 60.0 + 120.0 * y / h, 200.0 - 130.0 * (x + y) / (w + h)]
    })
}

#[test]
fn pictures_are_decoded_without_new_memory() {
    let Some(device) = device() else { return };
    let mut decoder = match JpegDecoder::new(&device) {
        Ok(decoder) => decoder,
        Err(error @ GpuError::NvJpegMissing { .. }) => return skip(Need::NvJpeg, error),
        Err(error) => panic!("{error}"),
    };
    eprintln!("nvJPEG {:?} from {}", decoder.version(), decoder.library());
    let rgb = poisoned(&device, 160 * 120 * 3);
    let mut warm = None;
    for round in 0..10 {
        for (jpeg, width, height) in [(RAMP_420, 160, 120), (RAMP_422, 98, 66)] {
            let layout = decoder.decode(jpeg, &rgb).unwrap();
            assert_eq!(
                (layout.width, layout.height, layout.stride),
                (width as u32, height as u32, 3 * width)
            );
            let mut pixels = vec![0; layout.bytes()];
            device.stream().read(&rgb, &mut pixels).unwrap();
            let mut sum = 0.0;
            for (found, expected) in pixels.as_chunks::<3>().0.iter().zip(ramp(width, height)) {
                for c in 0..3 {
                    let difference = (f32::from(found[c]) - expected[c]).abs();
                    assert!(difference < 20.0, "{found:?} instead of {expected:?}");
                    sum += difference;
                }
            }
            let mean = sum / pixels.len() as f32;
            assert!(mean < 2.0, "mean difference {mean}");
        }
        if round == 2 {
            warm = Some(JpegDecoder::allocations());
        }
    }
    assert_eq!(warm, Some(JpegDecoder::allocations()));
}

#[test]
fn what_is_no_picture_is_refused() {
    let Some(device) = device() else { return };
    let Ok(mut decoder) = JpegDecoder::new(&device) else { return skip(Need::NvJpeg, "there is no nvJPEG") };
    let rgb = poisoned(&device, 160 * 120 * 3);
    for nonsense in [&b""[..], b"\xff\xd8\xff", &[7; 500], &RAMP_420[..60]] {
        let error = decoder.decode(nonsense, &rgb).unwrap_err();
        assert!(matches!(error, GpuError::NvJpeg { .. } | GpuError::Frame { .. }), "{error}");
    }
    let small = poisoned(&device, 100);
    assert!(matches!(decoder.decode(RAMP_420, &small), Err(GpuError::WrongLength { .. })));
    assert!(decoder.decode(RAMP_420, &rgb).is_ok());
}
