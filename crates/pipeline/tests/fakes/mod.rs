//! Networks that know the truth: a world of faces on a picture whose colours tell where a pixel lies.

// Each test program uses a part of it.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use mien_engine::{Engine, EngineError, EngineInfo, Precision, Role, TensorInfo};
use mien_face::{CANONICAL_VERTICES_CM, FrameView, LANDMARK_COUNT, PixelFormat};
use mien_geometry::retinaface_prior_count;
use mien_pipeline::{Pipeline, PipelineEngines, PipelineError, PipelineSettings};

/// Width and height of the world's picture: red is x, green is y.
pub const SIDE: usize = 256;
/// Height and width of the fake detector's input.
pub const DETECTOR: usize = 256;
/// Side of the fake landmark model's input.
pub const CROP: usize = 32;

/// A face: middle and half width in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FakeFace {
    pub x: f32,
    pub y: f32,
    pub half: f32,
}

/// What the fake networks know, and how they are to behave.
#[derive(Debug, Default)]
pub struct World {
    pub faces: Vec<FakeFace>,
    /// So many of them, the last ones, hardly look like faces to the detector.
    pub weak: usize,
    /// What is taken off the detector's scores of the others.
    pub doubt: f32,
    /// The detector sees nothing.
    pub detector_blind: bool,
    pub detector_runs: u32,
    pub landmark_runs: u32,
    pub landmark_items: u32,
    pub landmarks_nan: bool,
    pub blendshapes_nan: bool,
    pub landmarks_fail: bool,
    /// Presence logits of the next readings, whatever they see.
    pub next_presences: VecDeque<f32>,
}

pub type SharedWorld = Arc<Mutex<World>>;

pub fn world(faces: &[FakeFace]) -> SharedWorld {
    Arc::new(Mutex::new(World { faces: faces.to_vec(), ..World::default() }))
}

pub fn lock(world: &SharedWorld) -> MutexGuard<'_, World> {
    world.lock().unwrap()
}

/// The picture: red is x, green is y.
pub fn picture() -> Vec<u8> {
    (0..SIDE).flat_map(|y| (0..SIDE).flat_map(move |x| [x as u8, y as u8, 100])).collect()
}

pub fn view(pixels: &[u8]) -> FrameView<'_> {
    FrameView::new(pixels, SIDE as u32, SIDE as u32, 3 * SIDE, PixelFormat::Rgb8).unwrap()
}

/// The canonical face, seen from the front, with eyes level.
pub fn true_landmarks(face: &FakeFace) -> [[f32; 3]; LANDMARK_COUNT] {
    let scale = face.half / 7.75;
    let mut landmarks = [[face.x, face.y, 0.0]; LANDMARK_COUNT];
    for (to, [x, y, z]) in landmarks.iter_mut().zip(CANONICAL_VERTICES_CM) {
        *to = [face.x + scale * x, face.y - scale * y, -scale * z];
    }
    landmarks
}

type Compute = Box<dyn FnMut(&[Vec<f32>], usize, &mut [Vec<f32>]) -> Result<(), EngineError> + Send>;

/// An engine around a function `(inputs, batch, outputs)`.
pub struct FakeEngine {
    info: EngineInfo,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    buckets: Vec<usize>,
    input_buffers: Vec<Vec<f32>>,
    output_buffers: Vec<Vec<f32>>,
    filled: usize,
    compute: Compute,
}

pub type Tensors<'a> = &'a [(&'a str, &'a [usize])];

impl FakeEngine {
    pub fn new(file: &str, inputs: Tensors, outputs: Tensors, max_batch: usize, compute: Compute) -> Self {
        let tensors = |tensors: Tensors| -> Vec<TensorInfo> {
            tensors
                .iter()
                .map(|(name, shape)| TensorInfo { name: (*name).into(), shape: shape.to_vec() })
                .collect()
        };
        let buffers = |tensors: &[TensorInfo]| -> Vec<Vec<f32>> {
            tensors.iter().map(|tensor| vec![0.0; max_batch * tensor.elements()]).collect()
        };
        let (inputs, outputs) = (tensors(inputs), tensors(outputs));
        Self {
            info: EngineInfo {
                engine: "fake".into(),
                device: "none".into(),
                precision: Precision::Fp32,
                model_file: file.into(),
                model_sha256: String::new(),
            },
            input_buffers: buffers(&inputs),
            output_buffers: buffers(&outputs),
            inputs,
            outputs,
            buckets: vec![max_batch],
            filled: 0,
            compute,
        }
    }

    pub fn idle(file: &str, inputs: Tensors, outputs: Tensors) -> Box<dyn Engine> {
        Box::new(Self::new(file, inputs, outputs, 1, Box::new(|_, _, _| Ok(()))))
    }
}

impl Engine for FakeEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn inputs(&self) -> &[TensorInfo] {
        &self.inputs
    }

    fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    fn batch_buckets(&self) -> &[usize] {
        &self.buckets
    }

    fn input_mut(&mut self, index: usize, batch: usize) -> &mut [f32] {
        &mut self.input_buffers[index][..batch * self.inputs[index].elements()]
    }

    fn run(&mut self, batch: usize) -> Result<(), EngineError> {
        self.filled = 0;
        (self.compute)(&self.input_buffers, batch, &mut self.output_buffers)?;
        self.filled = batch;
        Ok(())
    }

    fn output(&self, index: usize) -> &[f32] {
        &self.output_buffers[index][..self.filled * self.outputs[index].elements()]
    }
}

/// Reports the world's faces as RetinaFace would.
pub fn detector(world: &SharedWorld) -> Box<dyn Engine> {
    let world = world.clone();
    let priors = retinaface_prior_count(DETECTOR, DETECTOR);
    let compute: Compute = Box::new(move |_, _, outputs| {
        let mut world = lock(&world);
        world.detector_runs += 1;
        outputs[1].fill(0.0);
        let faces: &[FakeFace] = if world.detector_blind { &[] } else { &world.faces };
        let strong = faces.len().saturating_sub(world.weak);
        let score = |i: usize| if i < strong { 0.99 - world.doubt - 0.001 * i as f32 } else { 0.06 };
        for (face, score) in faces.iter().zip((0..).map(score)) {
            // The prior of 16 pixels' stride around the middle, smaller size (32); its centre:
            let (column, row) = ((face.x / 16.0) as usize, (face.y / 16.0) as usize);
            let (cx, cy) = (column as f32 * 16.0 + 8.0, row as f32 * 16.0 + 8.0);
            let prior = 2 * 32 * 32 + 2 * (16 * row + column);
            let size = 5.0 * (2.0 * face.half / 32.0).ln();
            outputs[0][4 * prior..][..4].copy_from_slice(&[
                (face.x - cx) / 3.2,
                (face.y - cy) / 3.2,
                size,
                size,
            ]);
            outputs[1][2 * prior + 1] = score;
            let points = [[-0.4, -0.3], [0.4, -0.3], [0.0, 0.0], [-0.3, 0.4], [0.3, 0.4]];
            for (to, [px, py]) in outputs[2][10 * prior..][..10].as_chunks_mut::<2>().0.iter_mut().zip(points)
            {
                *to = [(face.x + px * face.half - cx) / 3.2, (face.y + py * face.half - cy) / 3.2];
            }
        }
        Ok(())
    });
    let image: &[usize] = &[3, DETECTOR, DETECTOR];
    let outputs: Tensors = &[("loc", &[priors, 4]), ("conf", &[priors, 2]), ("landms", &[priors, 10])];
    Box::new(FakeEngine::new("detector.onnx", &[("input", image)], outputs, 1, compute))
}

/// Reads from the crop's colours where it lies, and finds the face nearest to its middle.
pub fn landmarks(world: &SharedWorld, max_batch: usize) -> Box<dyn Engine> {
    landmarks_of(LANDMARK_COUNT, world, max_batch)
}

/// The same, of which only so many landmarks come out.
pub fn landmarks_of(points: usize, world: &SharedWorld, max_batch: usize) -> Box<dyn Engine> {
    let world = world.clone();
    let compute: Compute = Box::new(move |inputs, batch, outputs| {
        let mut world = lock(&world);
        world.landmark_runs += 1;
        world.landmark_items += batch as u32;
        if world.landmarks_fail {
            return Err(EngineError::Run { file: "landmarks.onnx".into(), reason: "out of order".into() });
        }
        for item in 0..batch {
            let crop = &inputs[0][item * 3 * CROP * CROP..][..3 * CROP * CROP];
            let at = |i: usize, j: usize| [0, 1].map(|c| crop[c * CROP * CROP + j * CROP + i] * 255.0);
            let (middle, step) = (at(CROP / 2, CROP / 2), 8);
            let right = at(CROP / 2 + step, CROP / 2);
            let [ax, ay] = [0, 1].map(|c| (right[c] - middle[c]) / step as f32);
            let distance = |f: &FakeFace| (f.x - middle[0]).hypot(f.y - middle[1]);
            let nearest = world.faces.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b)));
            let scale = ax * ax + ay * ay;
            let seen = nearest.filter(|face| distance(face) < 0.6 * face.half && scale > 1e-6);
            let presence = if seen.is_some() { 8.0 } else { -8.0 };
            outputs[1][item] = world.next_presences.pop_front().unwrap_or(presence);
            let to = &mut outputs[0][item * 3 * points..][..3 * points];
            let truth = true_landmarks(&seen.unwrap_or(FakeFace { x: 0.0, y: 0.0, half: 1.0 }));
            for (to, [x, y, z]) in to.as_chunks_mut::<3>().0.iter_mut().zip(truth) {
                let (dx, dy) = (x - middle[0], y - middle[1]);
                let half = (CROP / 2) as f32;
                *to = [
                    half + (ax * dx + ay * dy) / scale,
                    half + (ax * dy - ay * dx) / scale,
                    z / scale.sqrt(),
                ];
            }
            if world.landmarks_nan {
                to[77] = f32::NAN;
            }
        }
        Ok(())
    });
    let outputs: Tensors = &[("landmarks", &[3 * points, 1, 1]), ("presence", &[1]), ("tongue_out", &[1])];
    let image: &[usize] = &[3, CROP, CROP];
    Box::new(FakeEngine::new("landmarks.onnx", &[("image", image)], outputs, max_batch, compute))
}

/// Coefficient 1 is the x of landmark 0 over 1000.
pub fn blendshapes(world: &SharedWorld, max_batch: usize) -> Box<dyn Engine> {
    let world = world.clone();
    let compute: Compute = Box::new(move |inputs, batch, outputs| {
        let nan = lock(&world).blendshapes_nan;
        for item in 0..batch {
            outputs[0][52 * item..52 * (item + 1)].fill(0.25);
            outputs[0][52 * item + 1] = if nan { f32::NAN } else { inputs[0][292 * item] / 1000.0 };
        }
        Ok(())
    });
    let (points, coefficients): (Tensors, Tensors) = (&[("points", &[146, 2])], &[("coefficients", &[52])]);
    Box::new(FakeEngine::new("blendshapes.onnx", points, coefficients, max_batch, compute))
}

pub fn engines(world: &SharedWorld, max_batch: usize) -> PipelineEngines {
    PipelineEngines::from([
        (Role::Detector, detector(world)),
        (Role::Landmarks, landmarks(world, max_batch)),
        (Role::Blendshapes, blendshapes(world, max_batch)),
    ])
}

pub fn pipeline(world: &SharedWorld, settings: PipelineSettings) -> Result<Pipeline, PipelineError> {
    Pipeline::new(engines(world, 4), settings)
}
