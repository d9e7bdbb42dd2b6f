//! `mien track`: videos and images in, rows out.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use mien_capture::{SourceInfo, SourceKind, open};
use mien_engine::EngineChoice;
use mien_pipeline::{Pipeline, PipelineSettings};
use mien_tables::{InputRecord, MetaFile, Provenance, TableFormat, TableWriter};

use super::make_folder;
use crate::build_info::VERSION;
use crate::cli::one_line;
use crate::networks::{NetworkOptions, Networks, detector_size};
use crate::offline::{AnnotatedOutput, Job, Reader, Report};

/// An endless source is tracked for this long, in seconds of its own time.
const ENDLESS_SECONDS: f64 = 10.0;

/// Arguments of `mien track`.
#[derive(Args)]
pub(crate) struct TrackArguments {
    /// Videos, images, folders of images, or `synthetic?heads=2&seconds=10`
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// Folder for the results: NAME.jsonl or NAME.csv, and NAME.meta.json beside it
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// jsonl (one object per frame) or csv (OpenFace's columns, one row per face)
    #[arg(long, default_value = "jsonl")]
    format: TableFormat,
    /// Also write a video or PNGs with mesh, ids and pose axes drawn
    #[arg(long)]
    annotate: bool,
    /// Stop after this many frames of each input
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
    /// Replace results that exist
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    tracking: TrackingArguments,
}

/// What decides how faces are tracked.
#[derive(Args)]
pub(crate) struct TrackingArguments {
    /// auto (says what it took) or cpu
    #[arg(long, default_value = "auto", value_name = "ENGINE")]
    engine: EngineChoice,
    /// Folder of models; the built-in ones without it
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Most faces that are tracked (1-10)
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=10))]
    faces: u64,
    /// Look for faces on every Nth frame and follow their landmarks in between [default: 5; images: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    detect_every: Option<u32>,
    /// Longest side of the picture that the detector reads, in pixels; larger finds smaller faces
    #[arg(long, value_name = "PIXELS", default_value_t = 640, value_parser = clap::value_parser!(u32).range(64..=4096))]
    detector_size: u32,
    /// Smooth landmarks, blendshapes and pose over time (One-Euro filter)
    #[arg(long)]
    smooth: bool,
    /// The camera's vertical field of view in degrees, for the head pose
    #[arg(long, value_name = "DEGREES", default_value_t = 63.0)]
    fov: f32,
}

impl TrackingArguments {
    pub(crate) fn settings(&self, kind: SourceKind) -> PipelineSettings {
        let usual = match kind {
            SourceKind::Images => 1,
            _ => PipelineSettings::default().detect_every,
        };
        PipelineSettings {
            max_faces: self.faces as usize,
            detect_every: self.detect_every.unwrap_or(usual),
            smoothing: self.smooth.then_some(PipelineSettings::SMOOTHING),
            vertical_fov_deg: self.fov,
            ..PipelineSettings::default()
        }
    }

    pub(crate) fn networks(&self, info: &SourceInfo) -> Result<Networks> {
        Networks::load(&NetworkOptions {
            engine: self.engine,
            models: self.models.clone(),
            max_faces: self.faces as usize,
            detector_size: detector_size(info.size, self.detector_size),
        })
    }
}

/// Tracks every input; one that fails does not keep the others from being tracked.
pub(crate) fn run(arguments: &TrackArguments) -> Result<()> {
    make_folder(&arguments.out)?;
    let mut names = BTreeMap::new();
    let mut failed = Vec::new();
    for input in &arguments.inputs {
        let tracked = track_input(arguments, input, &mut names);
        if crate::interrupt::is_requested() {
            return tracked;
        }
        failed.extend(tracked.err());
    }
    match (failed.len(), arguments.inputs.len()) {
        (0, _) => Ok(()),
        (1, 1) => Err(failed.remove(0)),
        (count, inputs) => {
            for error in &failed {
                eprintln!("mien: {}", one_line(error));
            }
            bail!("{count} of {inputs} inputs failed; the others are complete")
        }
    }
}

fn track_input(arguments: &TrackArguments, input: &str, names: &mut BTreeMap<String, u32>) -> Result<()> {
    let started = SystemTime::now();
    let source = open(input)?;
    let info = source.info().clone();
    let name = unique_name(&info.name, names);
    let tracking = &arguments.tracking;
    let networks = tracking.networks(&info)?;
    networks.log_header();
    let settings = tracking.settings(info.kind);
    let provenance = provenance(&info, &networks, &settings, started);
    let mut pipeline = Pipeline::new(networks.engines, settings)?;

    let table_path = arguments.out.join(format!("{name}.{}", arguments.format));
    let meta = MetaFile::create(&table_path, arguments.format, provenance, arguments.overwrite)?;
    let table = TableWriter::create(&table_path, arguments.format, arguments.overwrite)
        .inspect_err(|_| drop(std::fs::remove_file(meta.path())))?;
    let limit = frame_limit(arguments.frames, &info);
    let progress = progress_bar(&info, limit);
    let reader = Reader::start(source, limit);
    let annotated = match arguments.annotate {
        true => Some(AnnotatedOutput::create(
            &arguments.out,
            &name,
            &info,
            tracking.fov,
            arguments.overwrite,
            reader.recycler(),
        )?),
        false => None,
    };
    let mut files = vec![table_path, meta.path().to_owned()];
    files.extend(annotated.as_ref().map(|annotated| annotated.path().to_owned()));
    let job = Job { reader, pipeline: &mut pipeline, table: Some(table), annotated, progress };
    let report = job.run(|_, _| {});
    let meta_ended = meta.finish(&report.outcome());
    print_summary(&info, &report, &files);
    if let Some(problem) = report.problem {
        return Err(problem);
    }
    meta_ended?;
    match report.skipped.len() {
        0 => Ok(()),
        1 => Err(report.skipped.into_iter().next().map_or_else(|| unreachable!(), Into::into)),
        count => bail!("{count} images of {} could not be read, first: {}", info.spec, report.skipped[0]),
    }
}

/// `name`, or `name-2`, `name-3` for inputs of the same name in one run.
fn unique_name(name: &str, names: &mut BTreeMap<String, u32>) -> String {
    let count = names.entry(name.to_owned()).or_default();
    *count += 1;
    if *count == 1 { name.to_owned() } else { format!("{name}-{count}") }
}

pub(crate) fn frame_limit(asked: Option<u64>, info: &SourceInfo) -> u64 {
    let endless = info.kind == SourceKind::Synthetic && info.frame_count.is_none();
    let usual =
        if endless { (ENDLESS_SECONDS * info.rate_hz.unwrap_or(30.0)).round() as u64 } else { u64::MAX };
    asked.unwrap_or(usual)
}

/// A bar on a terminal, nothing elsewhere.
pub(crate) fn progress_bar(info: &SourceInfo, limit: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let frames = info.frame_count.unwrap_or(u64::MAX).min(limit);
    let (bar, template) = match frames {
        u64::MAX => (ProgressBar::no_length(), "{spinner} {msg}  {pos} frames  {per_sec:>10}  {elapsed}"),
        _ => {
            (ProgressBar::new(frames), "{msg}  {wide_bar:.cyan/238}  {pos}/{len}  {per_sec:>10}  {eta} left")
        }
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is sound"));
    bar.set_message(info.name.clone());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

pub(crate) fn kind_word(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Images => "images",
        SourceKind::Synthetic => "synthetic",
        _ => "video",
    }
}

fn provenance(
    info: &SourceInfo,
    networks: &Networks,
    settings: &PipelineSettings,
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
            rate_hz: info.rate_hz,
            files: info.files.iter().map(file_name).collect(),
        },
        engine: networks.engine.clone(),
        models: networks.models.clone(),
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

/// What a person wants to know afterwards, on standard output.
pub(crate) fn print_summary(info: &SourceInfo, report: &Report, files: &[impl AsRef<Path>]) {
    let Report { frames, frames_with_a_face, track_ids, elapsed, .. } = report;
    let seconds = elapsed.as_secs_f64();
    let share = 100.0 * *frames_with_a_face as f64 / (*frames).max(1) as f64;
    println!("{}", info.spec);
    println!("  {frames} frames in {seconds:.2} s: {:.1} frames/s", *frames as f64 / seconds.max(1e-9));
    println!("  a face in {frames_with_a_face} frames ({share:.1} %), {} in total", faces(track_ids.len()));
    print!("{}", report.statistics);
    for file in files {
        println!("  -> {}", file.as_ref().display());
    }
}

fn faces(count: usize) -> String {
    if count == 1 { "1 face".to_owned() } else { format!("{count} faces") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_the_same_name_do_not_meet() {
        let mut names = BTreeMap::new();
        let given = ["clip", "clip", "other", "clip"].map(|name| unique_name(name, &mut names));
        assert_eq!(given, ["clip", "clip-2", "other", "clip-3"]);
    }
}
