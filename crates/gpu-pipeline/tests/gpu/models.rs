//! The networks under test, on the GPU and on the CPU.

use std::path::Path;

use mien_engine::{Engine, EngineChoice, EngineOptions, RtenEngine};
use mien_gpu_pipeline::{BuildNews, EngineCache, GpuOptions, GpuPrecision, GpuStages, ModelSource};
use mien_models::{ModelSet, Role};
use mien_pipeline::{Pipeline, PipelineEngines, PipelineSettings};

use crate::DETECTOR_SIZE;

pub fn options(precision: GpuPrecision, max_faces: usize) -> GpuOptions {
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
pub struct Models(pub Vec<(Role, String, Vec<u8>, String)>);

impl Models {
    pub fn read() -> Self {
        let set = models();
        let read = |role| {
            let file = set.get(role).unwrap();
            (role, file.entry.file.clone(), file.read().unwrap(), file.entry.sha256.clone())
        };
        Self([Role::Detector, Role::Landmarks, Role::Blendshapes].map(read).into())
    }

    pub fn sources(&self) -> Vec<ModelSource<'_>> {
        (0..self.0.len()).map(|index| self.source(index)).collect()
    }

    pub fn source(&self, index: usize) -> ModelSource<'_> {
        let (role, file, bytes, sha256) = &self.0[index];
        ModelSource { role: *role, file, bytes, sha256 }
    }

    /// Puts another model in the place of a role's.
    pub fn insert(&mut self, role: Role, file: &str, bytes: Vec<u8>) {
        self.0.retain(|(other, ..)| *other != role);
        let sha256 = mien_engine::sha256_hex(&bytes);
        self.0.push((role, file.to_owned(), bytes, sha256));
    }

    pub fn on_gpu(&self, settings: &PipelineSettings) -> Pipeline {
        let options = options(GpuPrecision::Fp32, settings.max_faces);
        let stages = GpuStages::load(&options, &self.sources(), &mut print_news).unwrap();
        Pipeline::with_stages(Box::new(stages), settings.clone()).unwrap()
    }

    pub fn on_cpu(&self, settings: &PipelineSettings) -> Pipeline {
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

pub fn models() -> ModelSet {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    match std::env::var_os("MIEN_MODELS") {
        Some(folder) => ModelSet::of_folder(Path::new(&folder)).unwrap(),
        None => ModelSet::of_folder(&built_in).unwrap(),
    }
}

pub fn print_news(news: BuildNews<'_>) {
    if let BuildNews::Built { model, seconds, .. } = news {
        eprintln!("{model}: built in {seconds:.1} s");
    }
}

pub fn gpu_pipeline(precision: GpuPrecision, settings: &PipelineSettings) -> Pipeline {
    let models = Models::read();
    let sources = models.sources();
    let stages = GpuStages::load(&options(precision, settings.max_faces), &sources, &mut print_news).unwrap();
    Pipeline::with_stages(Box::new(stages), settings.clone()).unwrap()
}

pub fn cpu_pipeline(settings: &PipelineSettings) -> Pipeline {
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
