//! Kernels that read networks' outputs, held against the host's functions.

use crate::common::{Random, cases, device};
use bytemuck::Zeroable;
use mien_face::LANDMARK_COUNT;
use mien_face::topology::BLENDSHAPE_INPUTS;
use mien_geometry::{Affine, Detection, Region, RetinaFaceDecoder, landmarks_from_crop};
use mien_gpu::{
    BLENDSHAPE_POINTS, Device, FrameControl, LandmarksFinish, MAX_REGIONS, ResultBlock, RetinaFaceDecode,
};

/// A detector's outputs for one frame.
struct Outputs {
    boxes: Vec<f32>,
    confidences: Vec<f32>,
    keypoints: Vec<f32>,
}

impl Outputs {
    /// Nothing found.
    fn quiet(count: usize) -> Self {
        Self {
            boxes: vec![0.0; 4 * count],
            confidences: [1.0, 0.0].repeat(count),
            keypoints: vec![0.0; 10 * count],
        }
    }

    /// Noise of some strength, with `part` of the scores above one half; `steps` scores there are, so
    /// that some are equal.
    fn noise(random: &mut Random, count: usize, part: f32, steps: f32) -> Self {
        let mut outputs = Self::quiet(count);
        for number in outputs.boxes.iter_mut().chain(&mut outputs.keypoints) {
            *number = random.between(-3.0, 3.0);
        }
        for pair in outputs.confidences.as_chunks_mut::<2>().0 {
            let score = if random.between(0.0, 1.0) < part { random.between(0.5, 1.0) } else { 0.1 };
            pair[1] = (score * steps).round() / steps;
        }
        outputs
    }
}

struct Decoders {
    device: Device,
    size: [usize; 2],
    host: RetinaFaceDecoder,
    kernel: RetinaFaceDecode,
}

impl Decoders {
    fn new(device: &Device, size: [usize; 2]) -> Self {
        let host = RetinaFaceDecoder::new(size[0], size[1]);
        let kernel = RetinaFaceDecode::new(device, size).unwrap();
        assert_eq!(kernel.prior_count(), host.priors().len());
        Self { device: device.clone(), size, host, kernel }
    }

    fn count(&self) -> usize {
        self.kernel.prior_count()
    }

    /// Decodes on both and compares; returns how many detections there were.
    fn check(&mut self, outputs: &Outputs, map: &Affine, threshold: f32, iou: f32) -> usize {
        let expected =
            self.host.decode(&outputs.boxes, &outputs.confidences, &outputs.keypoints, map, threshold, iou);
        let mut control = FrameControl::zeroed();
        control.set_detector(map, threshold, iou);
        let control = self.device.alloc_with("control", &[control]).unwrap();
        let [boxes, confidences, keypoints] = [&outputs.boxes, &outputs.confidences, &outputs.keypoints]
            .map(|numbers| self.device.alloc_with("outputs", numbers).unwrap());
        let result = self.device.alloc::<ResultBlock>("result", 1).unwrap();
        let stream = self.device.stream();
        stream.fill_bytes(&result, 0xff).unwrap();
        self.kernel.enqueue(stream, &control, &boxes, &confidences, &keypoints, &result).unwrap();
        let mut block = ResultBlock::boxed();
        stream.read(&result, std::slice::from_mut(&mut *block)).unwrap();
        let found: Vec<Detection> = block.detections().iter().map(Detection::from).collect();
        assert_eq!(found.len(), expected.len(), "{:?}, threshold {threshold}, overlap {iou}", self.size);
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.score, expected.score);
            let flat = |d: &Detection| {
                let b = d.bounds;
                [&[b.x1, b.y1, b.x2, b.y2], d.keypoints.as_flattened()].concat()
            };
            for (found, expected) in flat(found).iter().zip(flat(expected)) {
                let close = (found - expected).abs() <= 0.05f32.min(1e-4 + 1e-5 * expected.abs());
                assert!(close, "{found} instead of {expected}");
            }
        }
        found.len()
    }
}

#[test]
fn detections_are_the_hosts() {
    let Some(device) = device() else { return };
    let mut random = Random::new(11);
    let map = Affine::scale_offset([3.0, 3.0], [0.0, 0.0]);
    for size in [[640, 640], [100, 64], [32, 32], [480, 640]] {
        let mut decoders = Decoders::new(&device, size);
        let count = decoders.count();
        assert_eq!(decoders.check(&Outputs::quiet(count), &map, 0.5, 0.4), 0);
        for case in 0..cases(24) {
            // From a few to nearly all priors, more than are sorted among them.
            let part = [0.002, 0.02, 0.1, 0.3, 0.9, 1.0][case % 6];
            // Many equal scores, or hardly any.
            let steps = [7.0, 100.0, 1e6][case / 6 % 3];
            let outputs = Outputs::noise(&mut random, count, part, steps);
            let iou = [0.4, 0.0, 1.0, 0.2][case % 4];
            let found = decoders.check(&outputs, &map, 0.5, iou);
            assert!(found > 0 || part < 0.1, "{found}");
        }
    }
}

#[test]
fn equal_scores_keep_the_order_of_the_priors() {
    let Some(device) = device() else { return };
    let mut decoders = Decoders::new(&device, [640, 640]);
    let map = Affine::scale_offset([1.0, 1.0], [0.0, 0.0]);
    let mut outputs = Outputs::quiet(decoders.count());
    outputs.confidences.fill(0.75);
    // All 16,800 alike: the first 2000 priors are candidates, the first 200 are reported.
    assert_eq!(decoders.check(&outputs, &map, 0.5, 1.0), 200);
    assert!(decoders.check(&outputs, &map, 0.5, 0.0) > 10);
    // Overlaps that are exactly the limit: boxes of one size, moved by half a side.
    decoders.check(&outputs, &map, 0.5, 1.0 / 3.0);
    decoders.check(&outputs, &map, 0.75, 0.4);
    assert_eq!(decoders.check(&outputs, &map, 0.750_001, 0.4), 0);
}

#[test]
fn nonsense_from_the_detector_is_passed_over() {
    let Some(device) = device() else { return };
    let mut random = Random::new(12);
    let mut decoders = Decoders::new(&device, [160, 224]);
    let nonsense = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38, -1e38, 500.0, -500.0, 0.0, -0.0, 1e-42];
    for case in 0..cases(60) {
        let mut outputs = Outputs::noise(&mut random, decoders.count(), 0.2, 50.0);
        for list in [&mut outputs.boxes, &mut outputs.confidences, &mut outputs.keypoints] {
            for number in list.iter_mut() {
                if random.below(12) == 0 {
                    *number = nonsense[random.below(nonsense.len())];
                }
            }
        }
        let threshold = [0.5, 0.0, -0.0, -1e30, f32::NAN][case % 5];
        let iou = [0.4, f32::NAN, 0.0][case % 3];
        decoders.check(&outputs, &Affine([[2.0, 0.1, 3.0], [-0.1, 2.0, 5.0]]), threshold, iou);
    }
}

#[test]
fn landmarks_give_the_hosts_numbers() {
    let Some(device) = device() else { return };
    let mut random = Random::new(13);
    let kernel = LandmarksFinish::new(&device).unwrap();
    let stream = device.stream();
    for regions in 1..=MAX_REGIONS {
        let list: Vec<Region> = (0..regions)
            .map(|_| Region {
                center: [random.between(-50.0, 4000.0), random.between(-50.0, 2200.0)],
                size: random.between(1.0, 3000.0),
                rotation_rad: random.between(-4.0, 4.0),
            })
            .collect();
        let crop: Vec<f32> =
            (0..regions * 3 * LANDMARK_COUNT).map(|_| random.between(-60.0, 300.0)).collect();
        let mut logits: Vec<f32> = (0..regions).map(|_| random.between(-30.0, 30.0)).collect();
        logits[0] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 200.0, 0.0][regions % 5];
        let mut control = FrameControl::zeroed();
        control.set_regions(&list, 256);
        let control = device.alloc_with("control", &[control]).unwrap();
        let [crop_on_device, logits_on_device] =
            [&crop, &logits].map(|list| device.alloc_with("outputs", list).unwrap());
        let inputs = device.alloc::<f32>("blendshape inputs", regions * 2 * BLENDSHAPE_POINTS).unwrap();
        let result = device.alloc::<ResultBlock>("result", 1).unwrap();
        stream.fill_bytes(&inputs, 0xff).unwrap();
        stream.fill_bytes(&result, 0xff).unwrap();
        kernel
            .enqueue(stream, &control, regions, &crop_on_device, &logits_on_device, &inputs, &result)
            .unwrap();
        let mut block = ResultBlock::boxed();
        stream.read(&result, std::slice::from_mut(&mut *block)).unwrap();
        let mut points = vec![0.0; inputs.len()];
        stream.read(&inputs, &mut points).unwrap();
        assert_eq!(block.region_count as usize, regions);
        for (i, region) in list.iter().enumerate() {
            let mut expected = [[0.0; 3]; LANDMARK_COUNT];
            landmarks_from_crop(region, 256, &crop[i * 1434..][..1434], &mut expected);
            assert!(block.landmarks[i] == expected, "region {i}");
            let presence = 1.0 / (1.0 + (-logits[i]).exp());
            assert!(
                block.presence[i] == presence || (block.presence[i].is_nan() && presence.is_nan()),
                "{} instead of {presence}",
                block.presence[i]
            );
            let found = points[i * 2 * BLENDSHAPE_POINTS..].as_chunks::<2>().0;
            for (found, &index) in found.iter().zip(&BLENDSHAPE_INPUTS) {
                let [x, y, _] = expected[usize::from(index)];
                assert_eq!(*found, [x, y]);
            }
        }
        assert!(block.landmarks[regions..].as_flattened().as_flattened().iter().all(|v| v.is_nan()));
    }
}
