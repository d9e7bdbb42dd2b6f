//! Typical inputs of the networks, taken from a recording, for engines in 8 bits.

use std::path::Path;

use anyhow::{Context, Result, bail};
use mien_capture::open;
use mien_config::Models;
use mien_engine::{EngineChoice, Role};
use mien_gpu_pipeline::CalibrationInputs;
use mien_pipeline::PipelineSettings;

use super::display::progress_bar;
use crate::networks::{GpuChoice, NetworkOptions, Networks};
use crate::offline::{Job, Reader};

/// Pictures that are taken, spread over the recording: TensorRT's scales settle after a few hundred.
const PICTURES: u64 = 300;
/// Fewer say too little about faces.
const LEAST_FACES: usize = 20;

/// Tracks the faces of a video, an image folder or a synthetic source on the CPU, once, and keeps what the networks
/// read: detectors of these heights and widths, and the landmark network.
pub(crate) fn calibration_inputs(
    spec: &str,
    detector_sizes: &[[usize; 2]],
    models: Option<&Path>,
) -> Result<CalibrationInputs> {
    let source = open(spec)?;
    let info = source.info().clone();
    // The largest finds most faces.
    let largest = detector_sizes.iter().copied().max_by_key(|[height, width]| height * width);
    let options = NetworkOptions {
        frame_size: None,
        engine: EngineChoice::Cpu,
        models: Models { dir: models.map(Path::to_owned), ..Models::default() },
        max_faces: mien_face::MAX_FACES,
        detector_size: largest.context("no size to calibrate for")?,
        threads: None,
        gpu: GpuChoice::default(),
    };
    let networks = Networks::load(&options, &mut |_| {})?;
    let landmarks = networks.models.iter().find(|model| model.role == Role::Landmarks.name());
    let crop_size = landmarks.and_then(|model| model.input_shape.last()).copied();
    let crop_size = crop_size.context("the landmark model tells no input size")?;
    let mut inputs = CalibrationInputs::new(detector_sizes, crop_size);

    let frames = info.frame_count.unwrap_or(PICTURES);
    let stride = (frames / PICTURES).max(1);
    let settings = PipelineSettings { detect_every: 1, smoothing: None, ..PipelineSettings::default() };
    let mut pipeline = networks.pipeline(settings)?;
    let limit = stride * PICTURES;
    let progress = progress_bar(&info, limit);
    let reader = Reader::start(source, limit);
    let job =
        Job { reader, pipeline: &mut pipeline, table: None, annotated: None, progress, skip_damaged: false };
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

    const SIZES: [[usize; 2]; 2] = [[128, 160], [256, 320]];

    #[test]
    fn every_picture_and_every_face_is_kept() {
        let inputs = calibration_inputs("synthetic?heads=2&seconds=1", &SIZES, None).unwrap();
        let [pictures, faces] = inputs.counts();
        assert_eq!(pictures, 30);
        assert!((56..=60).contains(&faces), "{faces}");
    }

    #[test]
    fn pictures_without_people_are_refused() {
        let error = calibration_inputs("synthetic?heads=0&seconds=0.2", &SIZES, None);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("shows 0 faces in 6 pictures"), "{error}");
        assert!(calibration_inputs("nowhere.mp4", &SIZES, None).is_err());
    }
}
