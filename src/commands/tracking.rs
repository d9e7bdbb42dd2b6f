//! The arguments that decide how faces are tracked, and what a result file says about them.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Result;
use clap::Args;
use mien_capture::{SourceInfo, SourceKind};
use mien_config::{Config, Models, NetworkChoice};
use mien_engine::EngineChoice;
use mien_face::VERTICAL_FOV_DEG;
use mien_gpu_pipeline::GpuPrecision;
use mien_pipeline::PipelineSettings;
use mien_tables::{AbsentRecord, InputClock, InputRecord, Provenance};
use mien_worker::pipeline_settings;

use crate::build_info::VERSION;
use crate::commands::engines::BuildBar;
use crate::networks::{GpuChoice, NetworkOptions, Networks, detector_size, usual_detector_side};

/// Which GPU, if one is used, and how.
#[derive(Args)]
pub(crate) struct GpuArguments {
    /// Precision on the GPU: fp16, fp32 or int8
    #[arg(long, default_value = "fp16")]
    precision: GpuPrecision,
    /// Number of the GPU
    #[arg(long, value_name = "N", default_value_t = 0)]
    gpu: usize,
    /// Folder of TensorRT, or its library [default: MIEN_TENSORRT, or where the system has it]
    #[arg(long, value_name = "DIR")]
    tensorrt: Option<PathBuf>,
}

impl GpuArguments {
    /// The choice that they stand for.
    pub(crate) fn choice(&self) -> GpuChoice {
        GpuChoice {
            number: self.gpu,
            precision: self.precision,
            tensorrt: self.tensorrt.clone(),
            ..GpuChoice::default()
        }
    }
}

/// What decides how faces are tracked.
#[derive(Args)]
pub(crate) struct TrackingArguments {
    /// auto (says what it took), cpu or tensorrt
    #[arg(long, default_value = "auto", value_name = "ENGINE")]
    engine: EngineChoice,
    #[command(flatten)]
    gpu: GpuArguments,
    /// Folder of models; the built-in ones without it
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Blendshapes: auto (where there is a model for them), on (or an error) or off
    /// [default: auto; recorded sessions: as they were recorded]
    #[arg(long, value_name = "WHETHER")]
    blendshapes: Option<NetworkChoice>,
    /// Most faces that are tracked, 1-10 [default: 4; recorded sessions: as they were recorded]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10))]
    faces: Option<u64>,
    /// Look for faces on every Nth frame and follow their landmarks in between
    /// [default: 5; images: 1; recorded sessions: as they were recorded]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    detect_every: Option<u32>,
    /// Longest side of the picture that the detector reads, in pixels; larger finds smaller faces
    /// [default: half the frame's, 320 to 640; images: the frame's, up to 1280]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(64..=4096))]
    detector_size: Option<u32>,
    /// Smooth landmarks, blendshapes and pose over time (One-Euro filter)
    #[arg(long)]
    smooth: bool,
    /// Do not smooth, whatever the settings of a recorded session are
    #[arg(long, conflicts_with = "smooth")]
    raw: bool,
    /// The camera's vertical field of view in degrees (1 to 170), for the head pose
    /// [default: 63; recorded sessions: as they were recorded]
    #[arg(long, value_name = "DEGREES", value_parser = field_of_view)]
    fov: Option<f32>,
}

fn field_of_view(text: &str) -> Result<f32, String> {
    let degrees = text.parse().ok().filter(|degrees| VERTICAL_FOV_DEG.contains(degrees));
    degrees.ok_or_else(|| "use 1 to 170 degrees".to_owned())
}

impl TrackingArguments {
    /// The pipeline's settings for a source of this kind; `recorded` is the configuration of the session that
    /// it was recorded in.
    pub(crate) fn settings(&self, kind: SourceKind, recorded: Option<&Config>) -> PipelineSettings {
        let usual = match recorded {
            Some(config) => pipeline_settings(&config.detection, &config.smoothing),
            None => PipelineSettings {
                detect_every: if kind == SourceKind::Images {
                    1
                } else {
                    PipelineSettings::default().detect_every
                },
                smoothing: None,
                ..PipelineSettings::default()
            },
        };
        let smoothing = match (self.smooth, self.raw) {
            (true, _) => usual.smoothing.or(Some(PipelineSettings::SMOOTHING)),
            (_, true) => None,
            _ => usual.smoothing,
        };
        PipelineSettings {
            max_faces: self.faces.map_or(usual.max_faces, |faces| faces as usize),
            detect_every: self.detect_every.unwrap_or(usual.detect_every),
            smoothing,
            vertical_fov_deg: self.fov.unwrap_or(usual.vertical_fov_deg),
            ..usual
        }
    }

    /// Height and width of what the detector reads. Images are looked at once, so thoroughly.
    fn detector_size(&self, info: &SourceInfo, recorded: Option<&Config>) -> [usize; 2] {
        let usual = match info.kind {
            SourceKind::Images => info.size.0.max(info.size.1).clamp(320, 1280),
            _ => usual_detector_side(info.size),
        };
        let asked = self.detector_size.or_else(|| recorded?.detection.detector_size);
        detector_size(info.size, asked.unwrap_or(usual))
    }

    /// Loads the networks for a source.
    pub(crate) fn networks(&self, info: &SourceInfo, recorded: Option<&Config>) -> Result<Networks> {
        let mut bar = BuildBar::default();
        let options = NetworkOptions {
            frame_size: (info.size.0 > 0 && info.size.1 > 0).then_some([info.size.0, info.size.1]),
            engine: self.engine,
            models: Models {
                dir: self.models.clone(),
                blendshapes: self
                    .blendshapes
                    .or(recorded.map(|config| config.models.blendshapes))
                    .unwrap_or_default(),
            },
            max_faces: self.settings(info.kind, recorded).max_faces,
            detector_size: self.detector_size(info, recorded),
            threads: None,
            gpu: self.gpu.choice(),
        };
        Networks::load(&options, &mut |news| bar.show(&news))
    }
}

fn kind_word(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Images => "images",
        SourceKind::Synthetic => "synthetic",
        _ => "video",
    }
}

/// Everything that is known of a run before its first frame.
pub(crate) fn provenance(
    info: &SourceInfo,
    networks: &Networks,
    settings: &PipelineSettings,
    clock: InputClock,
    started: SystemTime,
) -> Provenance {
    let file_name = |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let smoothing = settings.smoothing.map(|filter| {
        serde_json::json!({
            "min_cutoff_hz": filter.min_cutoff_hz,
            "beta": filter.beta,
            "speed_cutoff_hz": filter.speed_cutoff_hz,
        })
    });
    Provenance {
        program: format!("mien {VERSION}"),
        started: humantime::format_rfc3339_seconds(started).to_string(),
        input: InputRecord {
            source: info.spec.clone(),
            kind: kind_word(info.kind).to_owned(),
            width: info.size.0,
            height: info.size.1,
            pixel_aspect: info.pixel_aspect,
            rate_hz: info.rate_hz,
            clock,
            files: info.files.iter().map(file_name).collect(),
        },
        engine: networks.engine.clone(),
        models: networks.models.clone(),
        absent: networks
            .absent
            .iter()
            .map(|absent| AbsentRecord { part: absent.part, reason: absent.reason.clone() })
            .collect(),
        settings: serde_json::json!({
            "max_faces": settings.max_faces,
            "detect_every": settings.detect_every,
            "region_source": format!("{:?}", settings.region_source).to_lowercase(),
            "score_threshold": settings.score_threshold,
            "nms_iou": settings.nms_iou,
            "presence_threshold": settings.presence_threshold,
            "smoothing": smoothing,
            "vertical_fov_deg": settings.vertical_fov_deg,
            "max_absence_seconds": settings.max_absence_nanos as f64 / 1e9,
        }),
    }
}
