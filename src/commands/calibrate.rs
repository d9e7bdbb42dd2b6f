//! Typical inputs of the networks, taken from a recording, for engines in 8 bits.

use anyhow::{Context, Result, bail};
use mien_capture::open;
use mien_engine::EngineChoice;
use mien_gpu_pipeline::CalibrationInputs;
use mien_pipeline::PipelineSettings;

use super::display::progress_bar;
use crate::networks::{NetworkOptions, Networks};
use crate::offline::{Job, Reader};

/// Pictures that are taken, spread over the recording: TensorRT's scales settle after a few hundred.
const PICTURES: u64 = 300;
/// Fewer say too little about faces.
const LEAST_FACES: usize = 20;

/// Tracks the faces of a video, an image folder or a synthetic source on the CPU and keeps what the networks
/// read.
pub(crate) fn calibration_inputs(spec: &str, options: &NetworkOptions) -> Result<CalibrationInputs> {
    let source = open(spec)?;
    let info = source.info().clone();
    let networks =
        Networks::load(&NetworkOptions { engine: EngineChoice::Cpu, ..options.clone() }, &mut |_| {})?;
    let landmarks = networks.models.iter().find(|model| model.role == "landmarks");
    let crop_size = landmarks.and_then(|model| model.input_shape.last()).copied();
    let crop_size = crop_size.context("the landmark model tells no input size")?;
    let mut inputs = CalibrationInputs::new(options.detector_size, crop_size);

    let frames = info.frame_count.unwrap_or(PICTURES);
    let stride = (frames / PICTURES).max(1);
    let settings = PipelineSettings { detect_every: 1, smoothing: None, ..PipelineSettings::default() };
    let mut pipeline = networks.pipeline(settings)?;
    let limit = stride * PICTURES;
    let progress = progress_bar(&info, limit);
    let reader = Reader::start(source, limit);
    let job = Job { reader, pipeline: &mut pipeline, table: None, annotated: None, progress };
    let report = job.run(|frame, found| {
        if let Ok(view) = frame.view()
            && frame.frame_index.is_multiple_of(stride)
        {
            inputs.add(&view, found.faces());
        }
    });
    if let Some(problem) = report.problem {
        return Err(problem.context(format!("calibrating with {spec}")));
    }
    let [pictures, faces] = inputs.counts();
    if faces < LEAST_FACES {
        bail!(
            "{spec} shows {faces} faces in {pictures} pictures; calibration takes at least {LEAST_FACES}, better some \
             hundred of different people before your cameras"
        );
    }
    say!("{spec}: {pictures} pictures with {faces} faces to calibrate with");
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::GpuChoice;

    fn options() -> NetworkOptions {
        NetworkOptions {
            engine: EngineChoice::TensorRt,
            models: None,
            max_faces: 4,
            detector_size: [256, 320],
            threads: Some(1),
            gpu: GpuChoice::default(),
        }
    }

    #[test]
    fn every_picture_and_every_face_is_kept() {
        let inputs = calibration_inputs("synthetic?heads=2&seconds=1", &options()).unwrap();
        let [pictures, faces] = inputs.counts();
        assert_eq!(pictures, 30);
        assert!((56..=60).contains(&faces), "{faces}");
    }

    #[test]
    fn pictures_without_people_are_refused() {
        let error = calibration_inputs("synthetic?heads=0&seconds=0.2", &options()).unwrap_err().to_string();
        assert!(error.contains("shows 0 faces in 6 pictures"), "{error}");
        assert!(calibration_inputs("nowhere.mp4", &options()).is_err());
    }
}
