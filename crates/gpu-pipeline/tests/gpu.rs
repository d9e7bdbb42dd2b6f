//! The stages on a real GPU with a real TensorRT, held against the CPU's. Without these the tests are
//! skipped. Engines are taken from, and put into, the user's cache (MIEN_ENGINES names another).

use std::path::Path;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use mien_engine::{Engine, EngineChoice, EngineOptions, RtenEngine};
use mien_face::{FacePart, FaceParts, Frame, FrameFaces, LANDMARK_COUNT, MESH_LANDMARK_COUNT, Picture};
use mien_gpu_pipeline::{
    BuildNews, EngineCache, GpuOptions, GpuPrecision, GpuStages, ModelSource, TensorRtEngine,
    tensorrt_library,
};
use mien_models::{ModelSet, Role};
use mien_needs::{Need, skip};
use mien_onnx::{Attribute, Dimension, ElementType, Graph, Model, Node, Tensor, ValueInfo};
use mien_pipeline::{Pipeline, PipelineEngines, PipelineError, PipelineSettings};
use mien_synthetic::{Motion, SyntheticCamera, SyntheticSettings};

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

fn options(precision: GpuPrecision, max_faces: usize) -> GpuOptions {
    GpuOptions {
        frame_size: None,
        gpu: 0,
        tensorrt: None,
        precision,
        max_faces,
        max_batch: 8,
        detector_size: DETECTOR_SIZE,
        optimization_level: None,
        calibration: None,
        rebuild: false,
        cache: EngineCache::of_user(),
    }
}

/// Models: role, file name, content, hash.
struct Models(Vec<(Role, String, Vec<u8>, String)>);

impl Models {
    fn read() -> Self {
        let set = models();
        let read = |role| {
            let file = set.get(role).unwrap();
            (role, file.entry.file.clone(), file.read().unwrap(), file.entry.sha256.clone())
        };
        Self([Role::Detector, Role::Landmarks, Role::Blendshapes].map(read).into())
    }

    fn sources(&self) -> Vec<ModelSource<'_>> {
        (0..self.0.len()).map(|index| self.source(index)).collect()
    }

    fn source(&self, index: usize) -> ModelSource<'_> {
        let (role, file, bytes, sha256) = &self.0[index];
        ModelSource { role: *role, file, bytes, sha256 }
    }

    /// Puts another model in the place of a role's.
    fn insert(&mut self, role: Role, file: &str, bytes: Vec<u8>) {
        self.0.retain(|(other, ..)| *other != role);
        let sha256 = mien_engine::sha256_hex(&bytes);
        self.0.push((role, file.to_owned(), bytes, sha256));
    }

    fn on_gpu(&self, settings: &PipelineSettings) -> Pipeline {
        let options = options(GpuPrecision::Fp32, settings.max_faces);
        let stages = GpuStages::load(&options, &self.sources(), &mut print_news).unwrap();
        Pipeline::with_stages(Box::new(stages), settings.clone()).unwrap()
    }

    fn on_cpu(&self, settings: &PipelineSettings) -> Pipeline {
        let engine = |(role, file, bytes, _): &(Role, String, Vec<u8>, String)| {
            let is_detector = *role == Role::Detector;
            let options = EngineOptions {
                input_size: is_detector.then_some(DETECTOR_SIZE),
                threads: None,
                max_batch: if is_detector { 1 } else { settings.max_faces },
            };
            let engine = RtenEngine::from_bytes(file, bytes, &options).unwrap();
            (*role, Box::new(engine) as Box<dyn Engine>)
        };
        let engines: PipelineEngines = self.0.iter().map(engine).collect();
        Pipeline::new(engines, settings.clone()).unwrap()
    }
}

fn models() -> ModelSet {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    match std::env::var_os("MIEN_MODELS") {
        Some(folder) => ModelSet::of_folder(Path::new(&folder)).unwrap(),
        None => ModelSet::of_folder(&built_in).unwrap(),
    }
}

fn print_news(news: BuildNews<'_>) {
    if let BuildNews::Built { model, seconds, .. } = news {
        eprintln!("{model}: built in {seconds:.1} s");
    }
}

fn gpu_pipeline(precision: GpuPrecision, settings: &PipelineSettings) -> Pipeline {
    let models = Models::read();
    let sources = models.sources();
    let stages = GpuStages::load(&options(precision, settings.max_faces), &sources, &mut print_news).unwrap();
    Pipeline::with_stages(Box::new(stages), settings.clone()).unwrap()
}

fn cpu_pipeline(settings: &PipelineSettings) -> Pipeline {
    let set = models();
    let load = |role, input_size, max_batch| {
        let options = EngineOptions { input_size, threads: None, max_batch };
        set.get(role).unwrap().load(EngineChoice::Cpu, &options).unwrap().engine
    };
    let engines = PipelineEngines::from([
        (Role::Detector, load(Role::Detector, Some(DETECTOR_SIZE), 1)),
        (Role::Landmarks, load(Role::Landmarks, None, settings.max_faces)),
        (Role::Blendshapes, load(Role::Blendshapes, None, settings.max_faces)),
    ]);
    Pipeline::new(engines, settings.clone()).unwrap()
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

/// Frames of two heads through both, and what each says of them.
fn both(models: &Models, mut check: impl FnMut(&Pipeline, &Pipeline)) {
    let settings = PipelineSettings { max_faces: 4, ..PipelineSettings::default() };
    let (mut gpu, mut cpu) = (models.on_gpu(&settings), models.on_cpu(&settings));
    assert_eq!(gpu.parts(), cpu.parts());
    let mut camera =
        SyntheticCamera::new(SyntheticSettings { heads: 2, script: Motion::Idle, ..Default::default() });
    let (mut frame, mut faces) = (Frame::empty(), 0);
    for index in 0..20 {
        camera.render(index, index as i64 * 33_333_333, &mut frame);
        let view = frame.view().unwrap();
        faces += gpu.process(view, index, frame.capture_nanos).unwrap().face_count;
        cpu.process(view, index, frame.capture_nanos).unwrap();
        assert_eq!(gpu.last().face_count, cpu.last().face_count, "frame {index}");
        check(&gpu, &cpu);
    }
    assert!(faces >= 36, "{faces} faces");
}

/// The built-in landmark network without the irises.
fn mesh_model() -> Vec<u8> {
    let bytes = models().get(Role::Landmarks).unwrap().read().unwrap();
    let mut model = Model::read(&bytes).unwrap();
    let graph = &mut model.graph;
    for node in &mut graph.nodes {
        for output in node.outputs.iter_mut().filter(|output| *output == "landmarks") {
            *output = "all_landmarks".into();
        }
    }
    for (name, value) in [("first", 0), ("end", 3 * MESH_LANDMARK_COUNT as i64), ("axis", 1)] {
        graph.initializers.push(Tensor::from_i64(name, &[value]));
    }
    graph.nodes.push(Node {
        op: "Slice".into(),
        name: "mesh".into(),
        inputs: ["all_landmarks", "first", "end", "axis"].map(str::to_owned).to_vec(),
        outputs: vec!["landmarks".into()],
        attributes: vec![],
    });
    let output = graph.outputs.iter_mut().find(|output| output.name == "landmarks").unwrap();
    *output.dims.as_mut().unwrap().last_mut().unwrap() = Dimension::Fixed(3 * MESH_LANDMARK_COUNT);
    model.write()
}

#[test]
fn a_landmark_network_without_irises_gives_the_cpus_mesh() {
    if !is_here() {
        return;
    }
    let mut models = Models::read();
    models.insert(Role::Landmarks, "mesh.onnx", mesh_model());
    both(&models, |gpu, cpu| {
        // The blendshapes read the irises: neither engine computes them.
        assert_eq!(gpu.parts(), FaceParts::NONE);
        assert_eq!(gpu.timings().optional_nanos, [0; Role::OPTIONAL.len()]);
        for (ours, theirs) in gpu.last().faces().iter().zip(cpu.last().faces()) {
            assert_eq!(ours.track_id, theirs.track_id);
            let (mesh, irises) = ours.measured.landmarks.split_at(MESH_LANDMARK_COUNT);
            let pairs = mesh.iter().zip(&theirs.measured.landmarks);
            let sum: f32 = pairs.map(|(p, q)| (p[0] - q[0]).hypot(p[1] - q[1])).sum();
            assert!(sum / MESH_LANDMARK_COUNT as f32 <= 0.1, "{sum}");
            assert!(irises.as_flattened().iter().all(|v| v.is_nan()));
            assert!(ours.measured.blendshapes.iter().all(|v| v.is_nan()));
        }
    });
}

#[test]
fn without_a_blendshape_network_the_graphs_have_none() {
    if !is_here() {
        return;
    }
    let mut models = Models::read();
    models.0.retain(|(role, ..)| *role != Role::Blendshapes);
    both(&models, |gpu, _| {
        assert_eq!(gpu.parts(), FaceParts::of(&[FacePart::Irises]));
        for face in gpu.last().faces() {
            assert!(face.measured.landmarks.as_flattened().iter().all(|v| v.is_finite()));
            assert!(face.measured.blendshapes.iter().chain(&face.smoothed.blendshapes).all(|v| v.is_nan()));
        }
    });
}

/// The tests' own network: the mean of the landmarks that blendshapes are made of.
fn mean_model() -> Vec<u8> {
    let value = |name: &str, dims: &[usize]| {
        let dims =
            std::iter::once(Dimension::Dynamic("N".into())).chain(dims.iter().copied().map(Dimension::Fixed));
        ValueInfo { name: name.into(), element: ElementType::Float, dims: Some(dims.collect()) }
    };
    let mean = Node {
        op: "ReduceMean".into(),
        name: "mean".into(),
        inputs: vec!["points".into()],
        outputs: vec!["mean".into()],
        attributes: vec![("axes".into(), Attribute::Ints(vec![1])), ("keepdims".into(), Attribute::Int(0))],
    };
    let graph = Graph {
        name: "mean".into(),
        nodes: vec![mean],
        initializers: vec![],
        inputs: vec![value("points", &[146, 2])],
        outputs: vec![value("mean", &[2])],
    };
    Model { ir_version: 8, opset: 17, producer: "tests".into(), graph }.write()
}

#[test]
fn another_optional_network_runs_in_the_graph() {
    if !is_here() {
        return;
    }
    let mut models = Models::read();
    models.insert(Role::Mean, "mean.onnx", mean_model());
    both(&models, |gpu, cpu| {
        for (ours, theirs) in gpu.derived().iter().zip(cpu.derived()) {
            for (p, q) in ours.of(Role::Mean).iter().zip(theirs.of(Role::Mean)) {
                assert!((p - q).abs() <= 0.2, "{p} {q}");
            }
            assert!(ours.of(Role::Blendshapes).iter().all(|v| v.is_finite()));
        }
    });
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
