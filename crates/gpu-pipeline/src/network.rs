//! Model files → engines on the GPU, built or from the cache.

use std::path::Path;
use std::time::Instant;

use mien_engine::{Batches, EngineOptions, FRAMES, Prepared, Role, TensorInfo, prepare};
use mien_gpu::Device;
use mien_pipeline::PipelineError;
use mien_tensorrt::{
    BuildRequest, Calibration, DataType, Engine, Library, Precision, Profile, Progress, Runtime, ShapeRange,
};

use crate::cache::Lookup;
use crate::{GpuOptions, GpuPipelineError, GpuPrecision, PlanKey};

/// A model file that was read and checked.
#[derive(Debug, Clone, Copy)]
pub struct ModelSource<'a> {
    /// What it is for.
    pub role: Role,
    /// Its name, for messages.
    pub file: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// The content's SHA-256, 64 hexadecimal digits.
    pub sha256: &'a str,
}

/// What is told while engines are got ready.
#[derive(Debug)]
pub enum BuildNews<'a> {
    /// The engine in the cache cannot be used and is built anew.
    Unusable {
        /// The file.
        path: &'a Path,
        /// Why.
        reason: &'a str,
    },
    /// Another process builds the same engine; this one waits for it.
    Waiting {
        /// The model's file name.
        model: &'a str,
    },
    /// The engine is being built.
    Building {
        /// The model's file name.
        model: &'a str,
        /// How far it is.
        progress: &'a Progress,
    },
    /// The engine was built and, where there is one, is in the cache.
    Built {
        /// The model's file name.
        model: &'a str,
        /// Where it is; nothing where it is not kept.
        path: Option<&'a Path>,
        /// How long it took.
        seconds: f64,
    },
}

/// Takes the news; called from another thread while TensorRT builds.
pub(crate) type Listener<'a> = dyn FnMut(BuildNews<'_>) + Send + 'a;

/// A network on the GPU.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub role: Role,
    pub file: String,
    pub engine: Engine,
    /// The only input; [`TensorInfo::shape`] is that of one item.
    pub input: TensorInfo,
    /// In the model's order.
    pub outputs: Vec<TensorInfo>,
    /// Whether it takes several faces at a time.
    pub batched: bool,
}

impl Network {
    /// The profile for a batch.
    pub(crate) fn profile_of(&self, batch: usize) -> i32 {
        let profiles = batches(self.role, self.batched).profiles;
        profiles.iter().position(|[_, _, most]| *most >= batch).unwrap_or(profiles.len() - 1) as i32
    }
}

/// What engines are made with.
pub(crate) struct Workshop<'a> {
    pub device: &'a Device,
    pub library: &'a Library,
    pub options: &'a GpuOptions,
    runtime: Runtime,
}

impl<'a> Workshop<'a> {
    pub(crate) fn new(
        device: &'a Device,
        library: &'a Library,
        options: &'a GpuOptions,
    ) -> Result<Self, GpuPipelineError> {
        if options.precision == GpuPrecision::Int8 && library.strongly_typed() {
            return Err(GpuPipelineError::NoCalibration { library: library.to_string() });
        }
        device.make_current()?;
        let runtime = library.runtime().map_err(GpuPipelineError::runtime("TensorRT"))?;
        Ok(Self { device, library, options, runtime })
    }

    /// The engine of a model: from the cache, or built and put there.
    pub(crate) fn network(
        &self,
        source: &ModelSource<'_>,
        news: &mut Listener<'_>,
    ) -> Result<Network, GpuPipelineError> {
        let input_size = (source.role == Role::Detector).then_some(self.options.detector_size);
        let most = source.role.contract().batches.most();
        let options = EngineOptions { input_size, threads: None, max_batch: most };
        let prepared = prepare(source.file, source.bytes, &options)
            .map_err(|error| PipelineError::Engine { role: source.role, source: error })?;
        let [input] = &prepared.inputs[..] else {
            let reason = format!("it has {} inputs, but one is needed", prepared.inputs.len());
            return Err(GpuPipelineError::Model { file: source.file.to_owned(), reason });
        };
        let batched = prepared.batched && most > 1;
        let batches = batches(source.role, batched);
        let profiles = profiles(input, batches);
        let precision = self.precision_of(source.role);
        let key = self.key(source, input, batches, precision);
        let engine = match if self.options.rebuild { None } else { self.cached(source.file, &key, news)? } {
            Some(engine) => engine,
            None => self.build(source, &prepared, profiles, &key, precision, news)?,
        };
        if let Some(tensor) = engine.tensors().iter().find(|tensor| tensor.data_type != DataType::Float) {
            let reason = format!("its tensor {} has numbers of type {:?}", tensor.name, tensor.data_type);
            return Err(GpuPipelineError::Model { file: source.file.to_owned(), reason });
        }
        Ok(Network {
            role: source.role,
            file: source.file.to_owned(),
            engine,
            input: input.clone(),
            outputs: prepared.outputs.clone(),
            batched,
        })
    }

    /// Networks that 8 bits would cost accuracy and save no time have 16.
    fn precision_of(&self, role: Role) -> GpuPrecision {
        match self.options.precision {
            GpuPrecision::Int8 if !role.contract().has_int8 => GpuPrecision::Fp16,
            precision => precision,
        }
    }

    fn key(
        &self,
        source: &ModelSource<'_>,
        input: &TensorInfo,
        batches: &Batches,
        precision: GpuPrecision,
    ) -> PlanKey {
        let info = self.device.info();
        let (major, minor) = info.compute_capability;
        let item: Vec<_> = input.shape.iter().map(usize::to_string).collect();
        let range = |[least, _, most]: &[usize; 3]| match least == most {
            true => least.to_string(),
            false => format!("{least}-{most}"),
        };
        let batches: Vec<String> = batches.profiles.iter().map(range).collect();
        PlanKey {
            role: source.role.contract().noun.to_owned(),
            model_sha256: source.sha256.to_owned(),
            tensorrt: self.library.to_string(),
            gpu: info.name.clone(),
            compute_capability: format!("{major}.{minor}"),
            precision: self.precision_name(precision).to_owned(),
            shapes: format!("[{}]x{}", batches.join(","), item.join("x")),
        }
    }

    /// Releases with strongly typed networks take their arithmetic from the model file, which is FP32.
    fn precision_name(&self, precision: GpuPrecision) -> &'static str {
        if self.library.strongly_typed() { "model" } else { precision.name() }
    }

    /// The cache's engine, unless there is none or it must be built anew.
    fn cached(
        &self,
        model: &str,
        key: &PlanKey,
        news: &mut Listener<'_>,
    ) -> Result<Option<Engine>, GpuPipelineError> {
        let cache = &self.options.cache;
        let mut unusable = |reason: &str| {
            let path = cache.path_of(key);
            tracing::warn!("the engine {} is built again: {reason}", path.display());
            news(BuildNews::Unusable { path: &path, reason });
        };
        match cache.load(key) {
            Lookup::Missing => Ok(None),
            Lookup::Unusable(reason) => {
                unusable(&reason);
                Ok(None)
            }
            Lookup::Found(plan) => match self.deserialize(model, &plan) {
                Ok(engine) => Ok(Some(engine)),
                // Another would be refused as well.
                Err(error @ GpuPipelineError::UnsupportedGpu(_)) => Err(error),
                // The engine is sound, and building one takes more memory still.
                Err(error) if error.is_about_memory(self.device) => Err(error),
                Err(error) => {
                    unusable(&error.to_string());
                    Ok(None)
                }
            },
        }
    }

    fn build(
        &self,
        source: &ModelSource<'_>,
        prepared: &Prepared,
        profiles: Vec<Profile>,
        key: &PlanKey,
        precision: GpuPrecision,
        news: &mut Listener<'_>,
    ) -> Result<Engine, GpuPipelineError> {
        let (cache, model) = (&self.options.cache, source.file);
        if !self.library.builds() {
            let (library, folder) = (self.library.to_string(), cache.folder().to_owned());
            return Err(GpuPipelineError::CannotBuild { library, folder, model: model.to_owned() });
        }
        let _lock = cache.lock(key, || {
            tracing::info!("another process builds the engine of {model}; waiting for it");
            news(BuildNews::Waiting { model });
        })?;
        // The process that held the lock may have built it.
        if !self.options.rebuild
            && let Lookup::Found(plan) = cache.load(key)
        {
            match self.deserialize(model, &plan) {
                Err(error) if !error.is_about_memory(self.device) => {}
                loaded => return loaded,
            }
        }
        let mut batches = match (&self.options.calibration, precision) {
            (Some(inputs), GpuPrecision::Int8) => {
                inputs.batches(source.role, self.options.detector_size, self.device)?
            }
            _ => None,
        };
        let arithmetic = match (precision, &mut batches) {
            _ if self.library.strongly_typed() => Precision::FromModel,
            (GpuPrecision::Fp32, _) => Precision::Fp32,
            (GpuPrecision::Fp16, _) => Precision::Fp16,
            (GpuPrecision::Int8, Some(batches)) => Precision::Int8(Calibration { batches, cache: None }),
            (GpuPrecision::Int8, None) => {
                return Err(GpuPipelineError::Uncalibrated { model: model.to_owned() });
            }
        };
        tracing::info!("building the engine of {model} ({}); this may take minutes", key.precision);
        let started = Instant::now();
        let mut request = BuildRequest::new(model, &prepared.onnx, arithmetic);
        request.profiles = profiles;
        request.optimization_level = self.options.optimization_level;
        // A frame's graph is one chain: more streams would only add dependencies.
        request.max_aux_streams = Some(0);
        let plan = self
            .library
            .builder()?
            .build(request, &mut |progress| news(BuildNews::Building { model, progress: &progress }))?;
        let path = cache.store(key, &plan.bytes)?;
        let seconds = started.elapsed().as_secs_f64();
        let place = path.as_ref().map_or("it is not kept".to_owned(), |path| path.display().to_string());
        tracing::info!("built the engine of {model} in {seconds:.1} s: {place}");
        news(BuildNews::Built { model, path: path.as_deref(), seconds });
        self.deserialize(model, &plan.bytes)
    }

    fn deserialize(&self, model: &str, plan: &[u8]) -> Result<Engine, GpuPipelineError> {
        self.runtime.deserialize(plan).map_err(GpuPipelineError::runtime(model))
    }
}

/// The batches of a role's networks; of one that its file fixes to one item, one.
fn batches(role: Role, batched: bool) -> &'static Batches {
    if batched { role.contract().batches } else { &FRAMES }
}

fn profiles(input: &TensorInfo, batches: &Batches) -> Vec<Profile> {
    let shape = |batch: usize| -> Vec<i64> {
        std::iter::once(batch).chain(input.shape.iter().copied()).map(|length| length as i64).collect()
    };
    let profile = |&[min, opt, max]: &[usize; 3]| {
        let range = ShapeRange { min: shape(min), opt: shape(opt), max: shape(max) };
        Profile::new([(input.name.clone(), range)])
    };
    batches.profiles.iter().map(profile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_profiles_for_faces_and_one_for_frames() {
        let input = TensorInfo { name: "image".into(), shape: vec![3, 192, 192] };
        let faces = profiles(&input, batches(Role::Landmarks, true));
        assert_eq!(faces.len(), 3);
        assert_eq!(faces[2].inputs["image"].max, [8, 3, 192, 192]);
        assert_eq!(faces[1].inputs["image"].opt, [4, 3, 192, 192]);
        assert_eq!(
            profiles(&input, batches(Role::Landmarks, false)),
            [Profile::new([("image", ShapeRange::exactly(&[1, 3, 192, 192]))])]
        );
    }
}
