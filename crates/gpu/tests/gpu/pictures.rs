//! Kernels that read frames, held against the host's functions.

use crate::common::{FORMATS, Random, TestFrame, assert_same, cases, device, numbers, poisoned};
use bytemuck::Zeroable;
use mien_face::PixelFormat;
use mien_geometry::{Affine, Border, Cropper, Normalization, PreviewScaler, Region};
use mien_gpu::{
    Crop, CropOptions, Device, FrameControl, FrameLayout, Letterbox, MAX_REGIONS, Precision, Preview,
    RegionControl, ResultBlock,
};
use mien_tracking::Appearance;

fn check_letterbox(device: &Device, frame: &TestFrame, size: [usize; 2], normalization: Normalization) {
    let [height, width] = size;
    let mut expected = vec![0.0; 3 * height * width];
    let map = mien_geometry::Letterbox::new(height, width, normalization).apply(&frame.view(), &mut expected);
    for precision in [Precision::F32, Precision::F16] {
        let kernel = Letterbox::new(device, frame.layout, size, normalization, precision).unwrap();
        assert_eq!(kernel.frame_from_input(), map);
        let input = poisoned(device, kernel.output_bytes());
        kernel.enqueue(device.stream(), &frame.on_device, &input).unwrap();
        let what = format!("{:?} to {size:?} as {precision:?}", frame.layout);
        assert_same(&numbers(device, &input, precision), &expected, precision, &what);
    }
}

#[test]
fn letterbox_gives_the_hosts_numbers() {
    let Some(device) = device() else { return };
    let mut random = Random::new(1);
    for format in FORMATS {
        for (width, height) in [(2, 2), (640, 480), (1280, 720), (1920, 1080), (600, 1000), (3840, 2160)] {
            let layout = FrameLayout::tight(width, height, format).unwrap();
            let frame = TestFrame::new(&device, &mut random, layout);
            check_letterbox(&device, &frame, [640, 640], Normalization::RETINAFACE);
        }
    }
}

#[test]
fn letterbox_takes_any_frame() {
    let Some(device) = device() else { return };
    let mut random = Random::new(2);
    for _ in 0..cases(60) {
        let frame = TestFrame::any(&device, &mut random, 900);
        let size = [1 + random.below(400), 1 + random.below(400)];
        check_letterbox(&device, &frame, size, Normalization::UNIT_RGB);
    }
}

#[test]
fn letterbox_shrinks_very_long_frames() {
    let Some(device) = device() else { return };
    let mut random = Random::new(3);
    for (width, height) in [(16384, 4), (4, 16384), (9000, 2)] {
        let layout = FrameLayout::tight(width, height, PixelFormat::Nv12).unwrap();
        let frame = TestFrame::new(&device, &mut random, layout);
        check_letterbox(&device, &frame, [64, 64], Normalization::SIGNED_RGB);
    }
}

/// The host's crops and appearances of some maps.
fn expected_crops(frame: &TestFrame, maps: &[Affine], options: &CropOptions) -> (Vec<f32>, Vec<Appearance>) {
    let mut cropper = Cropper::new();
    let mut crops = Vec::new();
    let mut appearances = Vec::new();
    for map in maps {
        let mut crop = vec![0.0; 3 * options.size * options.size];
        cropper.crop(&frame.view(), map, options.size, options.border, &options.normalization, &mut crop);
        appearances.push(Appearance::of_crop(&crop, options.size));
        crops.extend(crop);
    }
    (crops, appearances)
}

fn check_crop(device: &Device, frame: &TestFrame, maps: &[Affine], options: CropOptions) {
    let (expected, appearances) = expected_crops(frame, maps, &options);
    let kernel = Crop::new(device, frame.layout, options).unwrap();
    let mut control = FrameControl::zeroed();
    control.region_count = maps.len() as u32;
    for (region, map) in control.regions.iter_mut().zip(maps) {
        *region = RegionControl { frame_from_crop: map.0, scale: 1.0, reserved: 0 };
    }
    let control = device.alloc_with("control", &[control]).unwrap();
    let result = device.alloc::<ResultBlock>("result", 1).unwrap();
    // One region more than there are: what is there stays.
    let launched = (maps.len() + 1).min(MAX_REGIONS);
    let input = poisoned(device, kernel.output_bytes(launched));
    kernel.enqueue(device.stream(), &frame.on_device, &control, launched, &input, &result).unwrap();
    let found = numbers(device, &input, options.precision);
    let (read, left) = found.split_at(expected.len());
    let what = format!("{:?}, {options:?}, {maps:?}", frame.layout);
    assert_same(read, &expected, options.precision, &what);
    assert!(left.iter().all(|number| number.is_nan()), "regions that do not count are left alone");
    let mut block = ResultBlock::boxed();
    device.stream().read(&result, std::slice::from_mut(&mut *block)).unwrap();
    for (found, expected) in block.appearance.iter().zip(&appearances) {
        assert_eq!(found, expected.cells(), "{what}");
    }
}

fn any_region(random: &mut Random, layout: &FrameLayout) -> Region {
    let [width, height] = [layout.width as f32, layout.height as f32];
    Region {
        center: [random.between(-0.5 * width, 1.5 * width), random.between(-0.5 * height, 1.5 * height)],
        size: random.between(1.0, 2.0 * width.max(height)),
        rotation_rad: random.between(-7.0, 7.0),
    }
}

#[test]
fn crops_give_the_hosts_numbers() {
    let Some(device) = device() else { return };
    let mut random = Random::new(4);
    for case in 0..cases(40) {
        let frame = TestFrame::any(&device, &mut random, 700);
        let size = if case % 8 == 0 { 256 } else { 1 + random.below(100) };
        let count = 1 + random.below(MAX_REGIONS);
        let maps: Vec<_> =
            (0..count).map(|_| any_region(&mut random, &frame.layout).frame_from_crop(size)).collect();
        for (border, normalization, precision) in [
            (Border::Replicate, Normalization::UNIT_RGB, Precision::F32),
            (Border::Black, Normalization::SIGNED_RGB, Precision::F32),
            (Border::Replicate, Normalization::RETINAFACE, Precision::F16),
        ] {
            check_crop(&device, &frame, &maps, CropOptions { size, border, normalization, precision });
        }
    }
}

#[test]
fn crops_survive_nonsense() {
    let Some(device) = device() else { return };
    let mut random = Random::new(5);
    let layout = FrameLayout::tight(62, 40, PixelFormat::Rgb8).unwrap();
    let frame = TestFrame::new(&device, &mut random, layout);
    let nonsense = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, 1e-40, 2.1e9, -2.2e9, 0.0, -0.0];
    for _ in 0..cases(60) {
        let mut number = || nonsense[random.below(nonsense.len())];
        let maps = [(); 3].map(|()| Affine([[number(), number(), number()], [number(), number(), number()]]));
        for border in [Border::Replicate, Border::Black] {
            let (normalization, precision) = (Normalization::UNIT_RGB, Precision::F32);
            check_crop(&device, &frame, &maps, CropOptions { size: 24, border, normalization, precision });
        }
    }
}

fn check_preview(device: &Device, frame: &TestFrame, most: [u32; 2]) {
    let mut scaler = PreviewScaler::default();
    let (size, expected) = scaler.scale(&frame.view(), most);
    let kernel = Preview::new(device, frame.layout, most).unwrap();
    assert_eq!(kernel.size(), size);
    let preview = poisoned(device, kernel.output_bytes());
    kernel.enqueue(device.stream(), &frame.on_device, &preview).unwrap();
    let mut found = vec![0; preview.len()];
    device.stream().read(&preview, &mut found).unwrap();
    assert!(found == expected, "{:?} to {most:?}", frame.layout);
}

#[test]
fn previews_give_the_hosts_bytes() {
    let Some(device) = device() else { return };
    let mut random = Random::new(6);
    for format in FORMATS {
        for (width, height) in [(1920, 1080), (1280, 720), (3840, 2160), (320, 240)] {
            let layout = FrameLayout::tight(width, height, format).unwrap();
            check_preview(&device, &TestFrame::new(&device, &mut random, layout), [960, 540]);
        }
    }
    for _ in 0..cases(60) {
        let frame = TestFrame::any(&device, &mut random, 800);
        check_preview(&device, &frame, [1 + random.below(300) as u32, 1 + random.below(300) as u32]);
    }
}
