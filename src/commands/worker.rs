//! `mien worker`: one camera's process, started by `mien run`.

use anyhow::{Result, bail};
use clap::Args;
use mien_capture::{LiveOptions, Source, SourceError, WireFormat, open_live};
use mien_config::{Camera, CameraFormat, EngineKind, PrecisionKind};
use mien_control::{FatalCause, WorkerSettings};
use mien_engine::EngineChoice;
use mien_gpu_pipeline::GpuPrecision;
use mien_pipeline::PipelineSettings;
use mien_worker::{Made, Parts, Tell, TrackerError, die_with_parent, pipeline_settings};

use crate::commands::engines::in_words;
use crate::networks::{GpuChoice, NetworkOptions, Networks, detector_size, usual_detector_side};

/// Arguments of `mien worker`; all else comes over standard input.
#[derive(Args)]
pub(crate) struct WorkerArguments {
    /// The process that starts this one and without which it ends
    #[arg(long, value_name = "PID")]
    parent: Option<u32>,
}

/// Runs the worker.
pub(crate) fn run(arguments: &WorkerArguments) -> Result<()> {
    if !die_with_parent(arguments.parent)? {
        bail!("the supervising process is gone already");
    }
    let parts = Parts::new(open, |settings, size, tell| {
        make(settings, size, tell).map_err(|error| TrackerError {
            // Smaller batches were tried where the GPU's memory is short: another process would find no more.
            cause: Some(FatalCause::Other),
            reason: crate::cli::one_line(&error),
        })
    });
    Ok(mien_worker::run(&parts, std::io::stdin(), std::io::stdout(), crate::interrupt::is_requested)?)
}

fn open(camera: &Camera) -> Result<Box<dyn Source>, SourceError> {
    let format = camera.format.map(|format| match format {
        CameraFormat::Mjpeg => WireFormat::Mjpeg,
        CameraFormat::Yuyv => WireFormat::Yuyv,
        CameraFormat::Nv12 => WireFormat::Nv12,
    });
    open_live(
        &camera.source,
        &LiveOptions {
            size: camera.size,
            rate_hz: camera.rate_hz,
            format,
            rotation: camera.rotate,
            controls: camera.controls.clone(),
            redirects: camera.redirects,
        },
    )
}

fn make(settings: &WorkerSettings, [width, height]: [u32; 2], tell: &mut Tell<'_>) -> Result<Made> {
    let options = NetworkOptions {
        engine: match settings.engine.kind {
            EngineKind::Auto => EngineChoice::Auto,
            EngineKind::Cpu => EngineChoice::Cpu,
            EngineKind::TensorRt => EngineChoice::TensorRt,
        },
        models: settings.models.clone(),
        max_faces: settings.detection.max_faces,
        frame_size: Some([width, height]),
        detector_size: detector_size(
            (width, height),
            settings.detection.detector_size.unwrap_or_else(|| usual_detector_side((width, height))),
        ),
        threads: (settings.engine.threads > 0).then_some(settings.engine.threads),
        gpu: GpuChoice {
            number: settings.gpu.unwrap_or(0) as usize,
            precision: match settings.engine.precision {
                PrecisionKind::Fp16 => GpuPrecision::Fp16,
                PrecisionKind::Fp32 => GpuPrecision::Fp32,
                PrecisionKind::Int8 => GpuPrecision::Int8,
            },
            tensorrt: settings.engine.tensorrt.clone(),
            max_batch: settings.max_batch,
            ..GpuChoice::default()
        },
    };
    let networks = Networks::load(&options, &mut |news| {
        if let Some(words) = in_words(&news) {
            tell(&words);
        }
    })?;
    networks.log_header();
    let pipeline_settings = PipelineSettings {
        first_track_id: settings.first_track_id,
        ..pipeline_settings(&settings.detection, &settings.smoothing)
    };
    let engine = networks.engine.clone();
    let pipeline = networks.pipeline(pipeline_settings)?;
    Ok(Made { tracker: Box::new(pipeline), engine: engine.used, reason: engine.reason })
}
