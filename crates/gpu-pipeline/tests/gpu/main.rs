//! The stages on a real GPU with a real TensorRT, held against the CPU's. Without these the tests are
//! skipped. Engines are taken from, and put into, the user's cache (MIEN_ENGINES names another).

mod models;
mod networks;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use mien_face::{Frame, FrameFaces, LANDMARK_COUNT, Picture};
use mien_gpu_pipeline::{GpuPrecision, GpuStages, TensorRtEngine, tensorrt_library};
use mien_needs::{Need, skip};
use mien_pipeline::{Pipeline, PipelineError, PipelineSettings};
use mien_synthetic::{Motion, SyntheticCamera, SyntheticSettings};

use models::{Models, cpu_pipeline, gpu_pipeline, options, print_news};

const DETECTOR_SIZE: [usize; 2] = [256, 320];

fn is_here() -> bool {
    let found = mien_gpu::Device::open(0).map_err(Into::into).and_then(|_| tensorrt_library());
    match found {
        Ok(_) => true,
        Err(error) => {
            skip(Need::Gpu, error);
            false
        }
    }
}

/// Mean distance of landmarks in pixels, and largest difference of a blendshape.
#[derive(Debug, Default)]
struct Difference {
    faces: usize,
    landmark_sum: f64,
    blendshape: f32,
}

impl Difference {
    fn add(&mut self, ours: &FrameFaces, theirs: &FrameFaces) {
        assert_eq!(ours.face_count, theirs.face_count, "frame {}", ours.frame_index);
        for (a, b) in ours.faces().iter().zip(theirs.faces()) {
            assert_eq!(a.track_id, b.track_id);
            self.faces += 1;
            for (p, q) in a.measured.landmarks.iter().zip(&b.measured.landmarks) {
                self.landmark_sum += f64::from(((p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2)).sqrt());
            }
            for (p, q) in a.measured.blendshapes.iter().zip(&b.measured.blendshapes) {
                self.blendshape = self.blendshape.max((p - q).abs());
            }
        }
    }

    fn landmark_pixels(&self) -> f64 {
        self.landmark_sum / (self.faces * LANDMARK_COUNT) as f64
    }
}

fn compare(precision: GpuPrecision, heads: usize, frames: u64) -> Difference {
    let settings = PipelineSettings { max_faces: 8, ..PipelineSettings::default() };
    let (mut gpu, mut cpu) = (gpu_pipeline(precision, &settings), cpu_pipeline(&settings));
    let mut camera =
        SyntheticCamera::new(SyntheticSettings { heads, script: Motion::Idle, ..Default::default() });
    let mut frame = Frame::empty();
    let mut difference = Difference::default();
    for index in 0..frames {
        camera.render(index, index as i64 * 33_333_333, &mut frame);
        let view = frame.view().unwrap();
        let ours = gpu.process(view, index, frame.capture_nanos).unwrap();
        let theirs = cpu.process(view, index, frame.capture_nanos).unwrap();
        difference.add(ours, theirs);
    }
    assert!(difference.faces as u64 >= frames * heads as u64 * 9 / 10, "{difference:?}");
    eprintln!(
        "{precision}, {heads} heads: {} faces, landmarks {:.4} px, blendshapes {:.5} at most",
        difference.faces,
        difference.landmark_pixels(),
        difference.blendshape
    );
    difference
}

#[test]
fn in_single_precision_the_pipeline_gives_the_cpus_numbers() {
    if !is_here() {
        return;
    }
    for heads in [1, 3] {
        let difference = compare(GpuPrecision::Fp32, heads, 40);
        assert!(difference.landmark_pixels() <= 0.1, "{difference:?}");
        assert!(difference.blendshape <= 1e-3 * 5.0, "{difference:?}");
    }
}

#[test]
fn in_half_precision_the_pipeline_stays_near() {
    if !is_here() {
        return;
    }
    let difference = compare(GpuPrecision::Fp16, 2, 40);
    assert!(difference.landmark_pixels() <= 0.5, "{difference:?}");
}

#[test]
fn tensorrt_engines_keep_the_contract() {
    if !is_here() {
        return;
    }
    let models = Models::read();
    for index in 0..3 {
        let source = models.source(index);
        let mut engine =
            TensorRtEngine::load(&options(GpuPrecision::Fp32, 8), &source, &mut print_news).unwrap();
        mien_engine::conformance::conformance(&mut engine).unwrap();
    }
}

#[test]
fn frames_of_another_size_are_taken_and_nothing_grows() {
    if !is_here() {
        return;
    }
    let models = Models::read();
    let sources = models.sources();
    let stages = GpuStages::load(&options(GpuPrecision::Fp32, 2), &sources, &mut print_news).unwrap();
    let device = stages.device().clone();
    let mut pipeline = Pipeline::with_stages(Box::new(stages), PipelineSettings::default()).unwrap();
    let mut allocations = Vec::new();
    for (round, (width, height)) in [(640, 480), (320, 240), (640, 480)].into_iter().enumerate() {
        let settings = SyntheticSettings { width, height, ..SyntheticSettings::default() };
        let mut camera = SyntheticCamera::new(settings);
        let mut frame = Frame::empty();
        let mut before = None;
        for index in 0..20 {
            camera.render(index, index as i64 * 33_333_333, &mut frame);
            let frame_index = round as u64 * 20 + index;
            let found = pipeline.process(frame.view().unwrap(), frame_index, frame_index as i64 * 33_333_333);
            assert_eq!(found.unwrap().face_count, 1, "{width}×{height}, frame {index}");
            let ([preview_width, _], rgb) = pipeline.preview(frame.view().unwrap(), [160, 120]).unwrap();
            assert_eq!(rgb.len(), 160 * 120 * 3);
            assert_eq!(preview_width, 160);
            let usage = device.arena().usage();
            assert!(before.is_none_or(|before| before == usage), "{before:?} {usage:?}");
            before = Some(usage);
        }
        allocations.push(before.unwrap().bytes);
    }
    assert_eq!(allocations[0], allocations[2], "memory comes back with the old size");
}

/// As cameras sample chroma, one way after the other.
fn jpeg(frame: &Frame, index: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 92);
    let ways = [SamplingFactor::F_2_1, SamplingFactor::F_2_2, SamplingFactor::F_1_1];
    encoder.set_sampling_factor(ways[index as usize % ways.len()]);
    let [width, height] = [frame.width, frame.height].map(|side| side as u16);
    encoder.encode(&frame.pixels, width, height, ColorType::Rgb).unwrap();
    bytes
}

#[test]
fn jpeg_frames_are_decoded_on_the_gpu_and_damaged_ones_are_said() {
    if !is_here() {
        return;
    }
    let settings = PipelineSettings::default();
    let (mut gpu, mut cpu) = (gpu_pipeline(GpuPrecision::Fp32, &settings), cpu_pipeline(&settings));
    if !gpu.takes_jpeg() {
        return skip(Need::NvJpeg, "there is no nvJPEG");
    }
    assert!(!cpu.takes_jpeg());
    let mut camera = SyntheticCamera::new(SyntheticSettings { script: Motion::Idle, ..Default::default() });
    let (mut frame, mut difference) = (Frame::empty(), Difference::default());
    for index in 0..30 {
        camera.render(index, index as i64 * 33_333_333, &mut frame);
        let (file, size) = (jpeg(&frame, index), [frame.width, frame.height]);
        let picture = |bytes| Picture::Jpeg { bytes, width: size[0], height: size[1] };
        assert!(cpu.process(picture(&file), index, frame.capture_nanos).is_err());
        if index % 7 == 3 {
            let error = gpu.process(picture(&file[..file.len() / 3]), index, frame.capture_nanos);
            // nvJPEG reads some cut files to their end.
            assert!(matches!(error, Ok(_) | Err(PipelineError::Picture(_))), "{:?}", error.err());
            assert!(matches!(
                gpu.process(picture(&file[..10]), index, frame.capture_nanos),
                Err(PipelineError::Picture(_))
            ));
            let small = Picture::Jpeg { bytes: &file, width: size[0] - 2, height: size[1] };
            assert!(matches!(gpu.process(small, index, frame.capture_nanos), Err(PipelineError::Picture(_))));
        }
        // The CPU sees what its own decoder makes of the file, now and then by another path.
        let decoded = image::load_from_memory(&file).unwrap().to_rgb8();
        frame.pixels.copy_from_slice(&decoded);
        let view = frame.view().unwrap();
        let ours = if index % 5 == 4 {
            gpu.process(view, index, frame.capture_nanos).unwrap()
        } else {
            gpu.process(picture(&file), index, frame.capture_nanos).unwrap()
        };
        let theirs = cpu.process(view, index, frame.capture_nanos).unwrap();
        assert_eq!((ours.face_count, theirs.face_count), (1, 1), "frame {index}");
        difference.add(ours, theirs);
        assert_eq!(gpu.preview(picture(&file), [160, 120]).unwrap().1.len(), 160 * 120 * 3);
    }
    eprintln!("JPEG: landmarks {:.4} px", difference.landmark_pixels());
    assert!(difference.landmark_pixels() <= 0.5, "{difference:?}");
}
