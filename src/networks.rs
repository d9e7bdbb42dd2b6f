//! The networks of a run on the engine that was asked for.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use mien_config::Models;
use mien_engine::{EngineChoice, EngineOptions, FACES, Role};
use mien_face::FaceParts;
use mien_gpu_pipeline::{
    BuildNews, CalibrationInputs, EngineCache, GpuOptions, GpuPipelineError, GpuPrecision, GpuStages,
    ModelSource,
};
use mien_models::{Absent, ModelFile, ModelSet, Selection};
use mien_pipeline::{Pipeline, PipelineEngines, PipelineError, PipelineSettings};
use mien_tables::{EngineRecord, ModelRecord};

use crate::build_info::VERSION;

/// Takes the news of engines that are built; called from another thread.
pub type Listener<'a> = dyn FnMut(BuildNews<'_>) + Send + 'a;

/// Which networks to load, and into what.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// The engine.
    pub engine: EngineChoice,
    /// A folder of models that comes before the usual ones, and which optional ones run.
    pub models: Models,
    /// Most faces that are tracked.
    pub max_faces: usize,
    /// Height and width in pixels of the picture that the detector reads.
    pub detector_size: [usize; 2],
    /// Width and height in pixels of the frames, where they are known: a GPU's memory is then taken at the start.
    pub frame_size: Option<[u32; 2]>,
    /// Threads of the CPU engine; `None` lets it pick.
    pub threads: Option<usize>,
    /// What holds if a GPU is used.
    pub gpu: GpuChoice,
}

/// Which GPU, and how.
#[derive(Debug, Clone)]
pub struct GpuChoice {
    /// Number of the GPU, from 0.
    pub number: usize,
    /// The engines' arithmetic.
    pub precision: GpuPrecision,
    /// Folder of TensorRT, or its library.
    pub tensorrt: Option<PathBuf>,
    /// Most faces in one launch.
    pub max_batch: usize,
    /// How long TensorRT searches for fast code, 0 to 5, when it builds.
    pub optimization_level: Option<i32>,
    /// Typical inputs, which building in 8 bits takes.
    pub calibration: Option<Arc<CalibrationInputs>>,
    /// Build every engine, also those that are in the cache.
    pub rebuild: bool,
}

impl Default for GpuChoice {
    fn default() -> Self {
        Self {
            number: 0,
            precision: GpuPrecision::default(),
            tensorrt: None,
            max_batch: FACES.most(),
            optimization_level: None,
            calibration: None,
            rebuild: false,
        }
    }
}

/// Loaded networks, with what a log and a result file say about them.
pub struct Networks {
    stages: Stages,
    /// What was asked for, what runs and why.
    pub engine: EngineRecord,
    /// The files.
    pub models: Vec<ModelRecord>,
    /// What of a face is not measured, and why.
    pub absent: Vec<Absent>,
}

enum Stages {
    Cpu(PipelineEngines),
    Gpu(Box<GpuStages>),
}

impl Networks {
    /// Finds, checks and loads the models. An engine that was asked for by name is taken or an error;
    /// `auto` takes TensorRT where there is one, else the CPU, and says why. `news` tells of engines that are
    /// built, from another thread.
    ///
    /// # Errors
    /// When a role lacks a model, a model is damaged, or the engine cannot run here.
    pub fn load(options: &NetworkOptions, news: &mut Listener<'_>) -> Result<Self> {
        let set = ModelSet::find(options.models.dir.as_deref())?;
        let set = set.select(&options.models)?;
        match options.engine {
            EngineChoice::Cpu => Self::on_cpu(&set, options, "asked for by name".to_owned()),
            EngineChoice::TensorRt => Self::on_gpu(&set, options, "asked for by name".to_owned(), news),
            EngineChoice::Auto => Self::on_best(&set, options, news),
        }
    }

    fn on_best(set: &Selection<'_>, options: &NetworkOptions, news: &mut Listener<'_>) -> Result<Self> {
        let reason = "it and a GPU were found".to_owned();
        let missing = match Self::on_gpu(set, options, reason, news) {
            Ok(networks) => return Ok(networks),
            // Smaller batches were tried.
            Err(error) if is_out_of_memory(&error) => error.to_string(),
            Err(error) if is_missing(&error) => error.to_string(),
            Err(error) => format!("the GPU cannot be used: {error:#}"),
        };
        Self::on_cpu(set, options, headline(&missing))
    }

    fn on_cpu(set: &Selection<'_>, options: &NetworkOptions, reason: String) -> Result<Self> {
        let mut models = Vec::new();
        let mut engines = PipelineEngines::default();
        for &file in &set.models {
            let is_detector = file.role() == Role::Detector;
            let engine_options = EngineOptions {
                input_size: is_detector.then_some(options.detector_size),
                threads: options.threads,
                max_batch: if is_detector { 1 } else { options.max_faces },
            };
            let engine = file.load(EngineChoice::Cpu, &engine_options)?.engine;
            let info = engine.info();
            let shape = engine.inputs().first().map(|input| input.shape.clone()).unwrap_or_default();
            models.push(record(file, shape, format!("{}, {}", info.engine, info.precision)));
            engines.insert(file.role(), engine);
        }
        let used = models.first().map(|model| model.engine.clone()).unwrap_or_default();
        let engine = EngineRecord { asked: options.engine.to_string(), used, reason };
        Ok(Self { stages: Stages::Cpu(engines), engine, models, absent: set.absent.clone() })
    }

    fn on_gpu(
        set: &Selection<'_>,
        options: &NetworkOptions,
        reason: String,
        news: &mut Listener<'_>,
    ) -> Result<Self> {
        let stages = load_gpu(set, options, news)?;
        let used = stages.description().to_owned();
        let of = |file: &&ModelFile| record(file, stages.input_shape(file.role()).to_vec(), used.clone());
        let models = set.models.iter().map(of).collect();
        let engine = EngineRecord { asked: options.engine.to_string(), used, reason };
        Ok(Self { stages: Stages::Gpu(Box::new(stages)), engine, models, absent: set.absent.clone() })
    }

    /// A pipeline over them.
    ///
    /// # Errors
    /// When a model does not fit its role, or a setting is out of its range.
    pub fn pipeline(self, settings: PipelineSettings) -> Result<Pipeline, PipelineError> {
        match self.stages {
            Stages::Cpu(engines) => Pipeline::new(engines, settings),
            Stages::Gpu(stages) => Pipeline::with_stages(stages, settings),
        }
    }

    /// The header of a run's log: version, engine, models and hashes.
    pub fn log_header(&self) {
        let models: Vec<String> = self
            .models
            .iter()
            .map(|m| format!("{} {} (sha256 {}, {})", m.role, m.file, short(&m.sha256), m.origin))
            .collect();
        let EngineRecord { asked, used, reason } = &self.engine;
        tracing::info!(
            "mien {VERSION}; engine {used} (asked for {asked}: {reason}); models: {}",
            models.join(", ")
        );
        for Absent { part, reason } in &self.absent {
            tracing::info!("{} are not measured: {reason}", part.name());
        }
    }

    /// What of a face is measured, as far as the models' descriptions tell.
    #[must_use]
    pub fn parts(&self) -> FaceParts {
        let absent: Vec<_> = self.absent.iter().map(|absent| absent.part).collect();
        FaceParts::ALL.without(FaceParts::of(&absent))
    }
}

/// The stages on the GPU, their engines built if need be.
pub(crate) fn load_gpu(
    set: &Selection<'_>,
    options: &NetworkOptions,
    news: &mut Listener<'_>,
) -> Result<GpuStages> {
    let contents = set.models.iter().map(|file| file.read()).collect::<Result<Vec<_>, _>>()?;
    let sources: Vec<_> = set
        .models
        .iter()
        .zip(&contents)
        .map(|(file, bytes)| ModelSource {
            role: file.role(),
            file: &file.entry.file,
            bytes,
            sha256: &file.entry.sha256,
        })
        .collect();
    let GpuChoice { number, precision, tensorrt, max_batch, optimization_level, calibration, rebuild } =
        options.gpu.clone();
    let gpu_options = GpuOptions {
        gpu: number,
        tensorrt,
        precision,
        max_faces: options.max_faces,
        max_batch,
        detector_size: options.detector_size,
        frame_size: options.frame_size,
        optimization_level,
        calibration,
        rebuild,
        cache: EngineCache::of_user(),
    };
    Ok(GpuStages::load(&gpu_options, &sources, news)?)
}

/// Whether the GPU's memory did not suffice.
fn is_out_of_memory(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<GpuPipelineError>().is_some_and(GpuPipelineError::is_out_of_memory)
            || matches!(cause.downcast_ref::<PipelineError>(), Some(PipelineError::GpuMemory(_)))
    })
}

/// Whether there is no GPU, no driver or no TensorRT for them, rather than one that fails.
fn is_missing(error: &anyhow::Error) -> bool {
    use GpuPipelineError::{Gpu, Load, UnsupportedGpu};
    matches!(error.downcast_ref(), Some(Gpu(_) | Load(_) | UnsupportedGpu(_)))
}

/// The first line of what may be a list of attempts; `mien doctor` shows them all.
fn headline(text: &str) -> String {
    match text.split_once('\n') {
        Some((first, _more)) => {
            format!(
                "{}; `mien doctor` says more",
                first.trim_end_matches("tried:").trim_end_matches([' ', ';'])
            )
        }
        None => text.to_owned(),
    }
}

/// Enough of a hash to recognise it.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

fn record(file: &ModelFile, input_shape: Vec<usize>, engine: String) -> ModelRecord {
    ModelRecord {
        role: file.role().to_string(),
        file: file.entry.file.clone(),
        sha256: file.entry.sha256.clone(),
        origin: file.origin.to_string(),
        input_shape,
        engine,
    }
}

/// The longest side of the detector's picture for video frames of this size, where nothing else is asked for.
/// Faces of 30 pixels and more in 640×480 are found at half its size, for a quarter of the time.
#[must_use]
pub fn usual_detector_side(frame: (u32, u32)) -> u32 {
    (frame.0.max(frame.1) / 2).clamp(320, 640)
}

/// The detector's picture for frames of this size: their shape, at most `longest_side` pixels long, in
/// steps of 32 pixels (the network's coarsest grid).
#[must_use]
pub fn detector_size(frame: (u32, u32), longest_side: u32) -> [usize; 2] {
    let (width, height) = (frame.0.max(1), frame.1.max(1));
    let scale = (f64::from(longest_side) / f64::from(width.max(height))).min(1.0);
    let side = |pixels: u32| ((f64::from(pixels) * scale / 32.0).ceil().max(2.0) * 32.0) as usize;
    [side(height), side(width)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detector_reads_pictures_of_the_frames_shape() {
        assert_eq!(detector_size((640, 480), 640), [480, 640]);
        assert_eq!(detector_size((1920, 1080), 640), [384, 640]);
        assert_eq!(detector_size((1080, 1920), 320), [320, 192]);
        assert_eq!(detector_size((1, 1), 640), [64, 64]);
        assert_eq!(detector_size((0, 0), 640), [64, 64]);
    }

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(headline("no GPU"), "no GPU");
        assert_eq!(headline("none found; tried:\n  a: b\n  c: d"), "none found; `mien doctor` says more");
    }

    #[test]
    fn a_gpu_that_is_asked_for_by_name_is_never_replaced() {
        let nowhere = tempfile::tempdir().unwrap();
        let gpu = GpuChoice { tensorrt: Some(nowhere.path().to_owned()), ..GpuChoice::default() };
        let options = |engine| NetworkOptions {
            engine,
            models: Models::default(),
            max_faces: 1,
            detector_size: [64, 64],
            frame_size: None,
            threads: Some(1),
            gpu: gpu.clone(),
        };
        let error = Networks::load(&options(EngineChoice::TensorRt), &mut |_| {}).err().unwrap();
        // The driver comes first: without one it is of no use to say where TensorRT is not.
        let (error, place) = (format!("{error:#}"), nowhere.path().display().to_string());
        assert!(error.contains("no NVIDIA driver") || error.contains(&place), "{error}");
        let auto = Networks::load(&options(EngineChoice::Auto), &mut |_| {}).unwrap();
        assert!(auto.engine.used.contains("rten"), "{:?}", auto.engine);
        let reason = &auto.engine.reason;
        assert!(["TensorRT", "NVIDIA", "GPU"].iter().any(|word| reason.contains(word)), "{reason}");
    }
}
