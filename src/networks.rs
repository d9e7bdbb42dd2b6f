//! The three networks, loaded into an engine.

use std::path::PathBuf;

use anyhow::Result;
use mien_engine::{Engine, EngineChoice, EngineOptions};
use mien_models::{ModelFile, ModelSet, Role};
use mien_pipeline::PipelineEngines;
use mien_tables::{EngineRecord, ModelRecord};

use crate::build_info::VERSION;

/// Which networks to load, and into what.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// The engine.
    pub engine: EngineChoice,
    /// A folder of models that comes before the usual ones.
    pub models: Option<PathBuf>,
    /// Most faces that are looked at in one run.
    pub max_faces: usize,
    /// Height and width in pixels of the picture that the detector reads.
    pub detector_size: [usize; 2],
    /// Threads of the CPU engine; `None` lets it pick.
    pub threads: Option<usize>,
}

/// Loaded networks, with what a log and a result file say about them.
pub struct Networks {
    /// For the pipeline.
    pub engines: PipelineEngines,
    /// What was asked for, what runs and why.
    pub engine: EngineRecord,
    /// The files.
    pub models: Vec<ModelRecord>,
}

impl Networks {
    /// Finds, checks and loads the models.
    ///
    /// # Errors
    /// When a role lacks a model, a model is damaged, or the engine cannot run here.
    pub fn load(options: &NetworkOptions) -> Result<Self> {
        let set = ModelSet::find(options.models.as_deref())?;
        let mut models = Vec::new();
        let mut reason = "";
        let mut load = |role: Role, input_size, max_batch| -> Result<Box<dyn Engine>> {
            let file = set.get(role)?;
            let engine_options = EngineOptions { input_size, threads: options.threads, max_batch };
            let loaded = file.load(options.engine, &engine_options)?;
            models.push(record(file, loaded.engine.as_ref()));
            reason = loaded.reason;
            Ok(loaded.engine)
        };
        let engines = PipelineEngines {
            detector: load(Role::Detector, Some(options.detector_size), 1)?,
            landmarks: load(Role::Landmarks, None, options.max_faces)?,
            blendshapes: load(Role::Blendshapes, None, options.max_faces)?,
        };
        let used = models.first().map(|model| model.engine.clone()).unwrap_or_default();
        let engine = EngineRecord { asked: options.engine.to_string(), used, reason: reason.to_owned() };
        Ok(Self { engines, engine, models })
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
    }
}

/// Enough of a hash to recognise it.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

fn record(file: &ModelFile, engine: &dyn Engine) -> ModelRecord {
    let info = engine.info();
    ModelRecord {
        role: file.role().to_string(),
        file: info.model_file.clone(),
        sha256: info.model_sha256.clone(),
        origin: file.origin.to_string(),
        input_shape: engine.inputs().first().map(|input| input.shape.clone()).unwrap_or_default(),
        engine: format!("{}, {}", info.engine, info.precision),
    }
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
}
