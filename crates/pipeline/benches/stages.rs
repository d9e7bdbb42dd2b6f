//! Where a frame's time goes, and who allocates: `cargo bench -p mien-pipeline`.
//!
//! One to three synthetic people at 640×480, on the models of `models/`, or of the folder in
//! `MIEN_MODELS`. Prints the mean milliseconds of each stage, allocations per frame inside and outside
//! the engines, and how much the heap has grown over the measured frames.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

use mien_engine::{Engine, EngineError, EngineInfo, EngineOptions, Role, RtenEngine, TensorInfo};
use mien_face::Frame;
use mien_pipeline::{Pipeline, PipelineEngines, PipelineSettings, StageTimings};
use mien_synthetic::{Motion, SyntheticCamera, SyntheticSettings};

const DETECTOR_INPUT: [usize; 2] = [256, 320];
const WARM_UP: u64 = 30;
const FRAMES: u64 = 150;

/// Counts the process's allocations, those of a running engine (whatever its thread) apart.
struct Counting;

static IN_ENGINE: AtomicBool = AtomicBool::new(false);
static OURS: AtomicU64 = AtomicU64::new(0);
static ENGINES: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let counter = if IN_ENGINE.load(Relaxed) { &ENGINES } else { &OURS };
        counter.fetch_add(1, Relaxed);
        LIVE_BYTES.fetch_add(layout.size() as i64, Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as i64, Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// An engine that says when it runs.
struct Marked(RtenEngine);

impl Engine for Marked {
    fn info(&self) -> &EngineInfo {
        self.0.info()
    }

    fn inputs(&self) -> &[TensorInfo] {
        self.0.inputs()
    }

    fn outputs(&self) -> &[TensorInfo] {
        self.0.outputs()
    }

    fn batch_buckets(&self) -> &[usize] {
        self.0.batch_buckets()
    }

    fn input_mut(&mut self, index: usize, batch: usize) -> &mut [f32] {
        self.0.input_mut(index, batch)
    }

    fn run(&mut self, batch: usize) -> Result<(), EngineError> {
        IN_ENGINE.store(true, Relaxed);
        let result = self.0.run(batch);
        IN_ENGINE.store(false, Relaxed);
        result
    }

    fn output(&self, index: usize) -> &[f32] {
        self.0.output(index)
    }
}

/// The first of these files that there is.
fn find(folder: &Path, names: &[&str]) -> PathBuf {
    let files = names.iter().map(|name| folder.join(name));
    files.clone().find(|file| file.exists()).unwrap_or_else(|| {
        panic!("{} has none of {names:?}; set MIEN_MODELS to a folder that has", folder.display())
    })
}

fn pipeline(max_faces: usize) -> Pipeline {
    let folder = std::env::var_os("MIEN_MODELS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models"), PathBuf::from);
    let engine = |names: &[&str], input_size, max_batch| -> Box<dyn Engine> {
        let options = EngineOptions { input_size, threads: None, max_batch };
        Box::new(Marked(RtenEngine::load(&find(&folder, names), &options).expect("a sound model")))
    };
    let engines = PipelineEngines::from([
        (
            Role::Detector,
            engine(&["detector.onnx", "retinaface_mnet025_640x640.onnx"], Some(DETECTOR_INPUT), 1),
        ),
        (
            Role::Landmarks,
            engine(&["landmarks.onnx", "mediapipe_face_landmarks_detector.onnx"], None, max_faces),
        ),
        (
            Role::Blendshapes,
            engine(&["blendshapes.onnx", "mediapipe_face_blendshapes.onnx"], None, max_faces),
        ),
    ]);
    let settings = PipelineSettings { max_faces, ..PipelineSettings::default() };
    Pipeline::new(engines, settings).expect("models of the right shapes")
}

fn main() {
    println!(
        "{:>6} | {:>10} {:>7} {:>7} {:>6} {:>9} {:>11} {:>6} {:>7} {:>7} | {:>11} {:>14} {:>11}",
        "faces",
        "preprocess",
        "detect",
        "decode",
        "crop",
        "landmarks",
        "blendshapes",
        "pose",
        "total",
        "ours",
        "allocations",
        "engines'",
        "grown bytes"
    );
    for people in 1..=3 {
        measure(people);
    }
}

fn measure(people: usize) {
    let mut camera =
        SyntheticCamera::new(SyntheticSettings { heads: people, script: Motion::Idle, ..Default::default() });
    let mut pipeline = pipeline(people);
    let mut frame = Frame::empty();
    let mut sum = StageTimings::default();
    let (mut ours, mut engines, mut live, mut faces) = (0, 0, 0, 0);
    for index in 0..WARM_UP + FRAMES {
        camera.render(index, index as i64 * 33_333_333, &mut frame);
        if index == WARM_UP {
            live = LIVE_BYTES.load(Relaxed);
        }
        let before = (OURS.load(Relaxed), ENGINES.load(Relaxed));
        let view = frame.view().expect("a drawn frame");
        let count = pipeline.process(view, index, frame.capture_nanos).expect("engines that run").face_count;
        if index >= WARM_UP {
            ours += OURS.load(Relaxed) - before.0;
            engines += ENGINES.load(Relaxed) - before.1;
            faces += count;
            add(&mut sum, &pipeline.timings());
        }
    }
    let grown = LIVE_BYTES.load(Relaxed) - live;
    let ms = |nanos: u64| nanos as f64 * 1e-6 / FRAMES as f64;
    let networks = sum.detect_nanos + sum.landmarks_nanos + sum.optional_nanos[0];
    println!(
        "{:6.2} | {:10.3} {:7.3} {:7.3} {:6.3} {:9.3} {:11.3} {:6.3} {:7.3} {:7.3} | {:11.2} {:14.2} {:11}",
        f64::from(faces) / FRAMES as f64,
        ms(sum.preprocess_nanos),
        ms(sum.detect_nanos),
        ms(sum.decode_nanos),
        ms(sum.crop_nanos),
        ms(sum.landmarks_nanos),
        ms(sum.optional_nanos[0]),
        ms(sum.pose_nanos),
        ms(sum.total_nanos),
        ms(sum.total_nanos - networks),
        ours as f64 / FRAMES as f64,
        engines as f64 / FRAMES as f64,
        grown
    );
}

fn add(sum: &mut StageTimings, frame: &StageTimings) {
    sum.preprocess_nanos += frame.preprocess_nanos;
    sum.detect_nanos += frame.detect_nanos;
    sum.decode_nanos += frame.decode_nanos;
    sum.crop_nanos += frame.crop_nanos;
    sum.landmarks_nanos += frame.landmarks_nanos;
    for (sum, nanos) in sum.optional_nanos.iter_mut().zip(frame.optional_nanos) {
        *sum += nanos;
    }
    sum.pose_nanos += frame.pose_nanos;
    sum.total_nanos += frame.total_nanos;
}
