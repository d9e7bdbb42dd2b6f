//! `mien engines`: TensorRT engines, built ahead, listed, cleaned away.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use mien_config::Models;
use mien_engine::EngineChoice;
use mien_gpu_pipeline::{
    BuildNews, CacheEntry, CalibrationInputs, EngineCache, EntryState, GpuPipelineError, GpuPrecision,
};
use mien_models::ModelSet;

use crate::commands::calibrate::calibration_inputs;
use crate::commands::tracking::GpuArguments;
use crate::networks::{GpuChoice, NetworkOptions, detector_size, load_gpu, usual_detector_side};

/// `mien engines …`.
#[derive(Subcommand)]
pub(crate) enum EnginesCommand {
    /// Build the engines that a camera needs on this GPU, so that its start does not take minutes
    Build(BuildArguments),
    /// List built engines
    List,
    /// Remove built engines that cannot be used, or all
    Clean(CleanArguments),
}

/// Arguments of `mien engines build`.
#[derive(Args)]
pub(crate) struct BuildArguments {
    /// Size of the cameras' frames, which decides the picture that the detector reads (repeatable)
    #[arg(long = "frame", value_name = "WIDTHxHEIGHT", default_value = "1920x1080", value_parser = parse_size)]
    frames: Vec<(u32, u32)>,
    /// Longest side of the picture that the detector reads [default: half the frame's, 320 to 640]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(64..=4096))]
    detector_size: Option<u32>,
    /// How long TensorRT searches for fast code, 0 to 5 [default: TensorRT's own, 3]
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(i32).range(0..=5))]
    level: Option<i32>,
    /// Video or folder of images with people as your cameras see them, from which the scales of --precision int8
    /// are found
    #[arg(long, value_name = "INPUT")]
    calibrate: Option<String>,
    /// Build also the engines that are there already
    #[arg(long)]
    anew: bool,
    #[command(flatten)]
    gpu: GpuArguments,
    /// Folder of models that comes before the usual ones
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

/// Arguments of `mien engines clean`.
#[derive(Args)]
pub(crate) struct CleanArguments {
    /// Also those that can be used
    #[arg(long)]
    all: bool,
}

/// Does what was asked for.
pub(crate) fn run(command: &EnginesCommand) -> Result<()> {
    match command {
        EnginesCommand::Build(arguments) => build(arguments),
        EnginesCommand::List => list(),
        EnginesCommand::Clean(arguments) => clean(arguments),
    }
}

fn build(arguments: &BuildArguments) -> Result<()> {
    let models = Models { dir: arguments.models.clone(), ..Models::default() };
    let set = ModelSet::find(models.dir.as_deref())?;
    let set = set.select(&models)?;
    let gpu = arguments.gpu.choice();
    if arguments.calibrate.is_some() && gpu.precision != GpuPrecision::Int8 {
        bail!("--calibrate is for --precision int8; {} engines need no pictures", gpu.precision);
    }
    let size =
        |frame| detector_size(frame, arguments.detector_size.unwrap_or_else(|| usual_detector_side(frame)));
    let load = |frame: (u32, u32), calibration: Option<&Arc<CalibrationInputs>>| {
        let options = NetworkOptions {
            frame_size: None,
            engine: EngineChoice::TensorRt,
            models: models.clone(),
            max_faces: mien_face::MAX_FACES,
            detector_size: size(frame),
            threads: None,
            gpu: GpuChoice {
                optimization_level: arguments.level,
                calibration: calibration.cloned(),
                rebuild: arguments.anew,
                ..gpu.clone()
            },
        };
        let mut bar = BuildBar::default();
        let stages = load_gpu(&set, &options, &mut |news| bar.show(&news))?;
        let ((width, height), [rows, columns]) = (frame, options.detector_size);
        say!(
            "{}: ready for frames of {width}×{height} (the detector reads {columns}×{rows})",
            stages.description()
        );
        Ok(())
    };
    let track = arguments.calibrate.as_deref().map(|spec| {
        move |frames: &[(u32, u32)]| {
            let sizes: Vec<_> = frames.iter().map(|frame| size(*frame)).collect();
            calibration_inputs(spec, &sizes, arguments.models.as_deref()).map(Arc::new)
        }
    });
    build_each(&arguments.frames, load, track)?;
    let cache = EngineCache::of_user();
    cache.check().context("the engines were built but not kept")?;
    say!("engines are kept in {}", cache.folder().display());
    Ok(())
}

/// Gets the engines for each size of frames ready with `load`. Where that takes pictures to calibrate with, they are
/// tracked by `track`, once for all of these sizes, after what the cache has was looked at.
fn build_each<Inputs>(
    frames: &[(u32, u32)],
    mut load: impl FnMut((u32, u32), Option<&Inputs>) -> Result<()>,
    track: Option<impl FnOnce(&[(u32, u32)]) -> Result<Inputs>>,
) -> Result<()> {
    let mut uncalibrated = Vec::new();
    for &frame in frames {
        match load(frame, None) {
            Err(error) if track.is_some() && is_uncalibrated(&error) => uncalibrated.push(frame),
            loaded => loaded?,
        }
    }
    let Some(track) = track.filter(|_| !uncalibrated.is_empty()) else { return Ok(()) };
    let inputs = track(&uncalibrated)?;
    uncalibrated.into_iter().try_for_each(|frame| load(frame, Some(&inputs)))
}

/// Whether pictures to calibrate with are all that is missing.
fn is_uncalibrated(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(GpuPipelineError::Uncalibrated { .. }))
}

/// A line that moves while TensorRT works: its own progress where it tells one, else the time.
#[derive(Default)]
pub(crate) struct BuildBar(Option<ProgressBar>);

impl BuildBar {
    /// Shows what is new.
    pub(crate) fn show(&mut self, news: &BuildNews<'_>) {
        let bar = &mut self.0;
        match news {
            BuildNews::Unusable { path, reason } => {
                say_error!("{}: {reason}; building it again", path.display())
            }
            BuildNews::Waiting { model } => {
                say_error!("{model}: another process builds this engine; waiting")
            }
            BuildNews::Building { model, progress } => {
                let bar = bar.get_or_insert_with(|| new_bar(model));
                if let Some(fraction) = progress.fraction() {
                    bar.set_position((1000.0 * fraction) as u64);
                }
                let phase = progress.phases.last().map_or(progress.last_line.as_str(), |phase| &phase.name);
                bar.set_message(phase.chars().take(60).collect::<String>());
                bar.tick();
            }
            BuildNews::Built { model, path, seconds } => {
                if let Some(bar) = bar.take() {
                    bar.finish_and_clear();
                }
                let place = path.map_or("not kept".to_owned(), |path| path.display().to_string());
                say!("{model}: built in {seconds:.1} s: {place}");
            }
        }
    }
}

/// What is new, for a camera's state.
pub(crate) fn in_words(news: &BuildNews<'_>) -> Option<String> {
    match news {
        BuildNews::Unusable { .. } | BuildNews::Built { .. } => None,
        BuildNews::Waiting { model } => {
            Some(format!("another camera builds the GPU's engine of {model}; waiting"))
        }
        BuildNews::Building { model, progress } => {
            let part = progress.fraction().map_or(String::new(), |part| format!(", {:.0} %", 100.0 * part));
            let seconds = progress.elapsed.as_secs();
            Some(format!("building the GPU's engine of {model} (once; takes minutes): {seconds} s{part}"))
        }
    }
}

fn new_bar(model: &str) -> ProgressBar {
    let bar = ProgressBar::new(1000).with_prefix(model.to_owned());
    let style = ProgressStyle::with_template("{prefix} {spinner} {elapsed_precise} [{bar:30}] {msg}");
    bar.set_style(style.expect("a sound template").progress_chars("=> "));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn list() -> Result<()> {
    let cache = EngineCache::of_user();
    cache.check()?;
    let entries = cache.list()?;
    if entries.is_empty() {
        say!("no engines in {}; `mien engines build` builds them", cache.folder().display());
    }
    for entry in &entries {
        say!("{}  {:.1} MB", entry.path.display(), entry.bytes as f64 / 1e6);
        match &entry.state {
            EntryState::Sound(key) => say!(
                "  {} {} for {} (compute capability {}) by {}, inputs {}, model {}…",
                key.role,
                key.precision,
                key.gpu,
                key.compute_capability,
                key.tensorrt,
                key.shapes,
                key.model_sha256.get(..12).unwrap_or(&key.model_sha256),
            ),
            EntryState::Unusable(reason) => say!("  not usable: {reason}"),
        }
    }
    Ok(())
}

fn clean(arguments: &CleanArguments) -> Result<()> {
    let cache = EngineCache::of_user();
    let goes = |entry: &CacheEntry| arguments.all || matches!(entry.state, EntryState::Unusable(_));
    let mut failed = Vec::new();
    let (mut count, mut bytes) = (0, 0);
    for entry in cache.list()?.iter().filter(|entry| goes(entry)) {
        match cache.remove(entry) {
            Ok(()) => (count, bytes) = (count + 1, bytes + entry.bytes),
            Err(error) => failed.push(error.to_string()),
        }
    }
    say!("removed {count} engines, {:.1} MB, from {}", bytes as f64 / 1e6, cache.folder().display());
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("; ")) }
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let sides =
        text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides
        .filter(|&(width, height): &(u32, u32)| (1..=16384).contains(&width) && (1..=16384).contains(&height))
        .ok_or_else(|| "give it as WIDTHxHEIGHT, for instance 1920x1080".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_frames() {
        assert_eq!(parse_size("1920x1080"), Ok((1920, 1080)));
        for wrong in ["1920", "0x5", "axb", "99999x10", "1x2x3"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    /// What is loaded (with or without pictures) and tracked, in order, where the cache has the engines of frames
    /// of this width.
    fn steps(frames: &[(u32, u32)], cached_width: u32, calibrate: bool) -> (Vec<String>, Result<()>) {
        let steps = std::cell::RefCell::new(Vec::new());
        let load = |(width, _): (u32, u32), inputs: Option<&Vec<(u32, u32)>>| {
            if inputs.is_none() && width != cached_width {
                return Err(GpuPipelineError::Uncalibrated { model: "detector.onnx".into() }.into());
            }
            steps.borrow_mut().push(format!("{width} with {inputs:?}"));
            Ok(())
        };
        let track = |frames: &[(u32, u32)]| {
            steps.borrow_mut().push("track".to_owned());
            Ok(frames.to_vec())
        };
        let built = build_each(frames, load, calibrate.then_some(track));
        (steps.into_inner(), built)
    }

    #[test]
    fn pictures_are_tracked_once_and_only_for_what_the_cache_lacks() {
        let frames = [(1, 9), (2, 9), (3, 9)];
        let (done, built) = steps(&frames, 2, true);
        built.unwrap();
        let missing = "Some([(1, 9), (3, 9)])";
        let expected = ["2 with None", "track", &format!("1 with {missing}"), &format!("3 with {missing}")];
        assert_eq!(done, expected);
        assert_eq!(steps(&frames[1..2], 2, true).0, ["2 with None"]);
        let (done, built) = steps(&frames, 2, false);
        assert!(done.is_empty() && is_uncalibrated(&built.unwrap_err()));
    }

    #[test]
    fn a_fault_that_pictures_do_not_mend_is_told_before_they_are_tracked() {
        let load = |_, _: Option<&()>| bail!("no GPU");
        let track = |_: &[(u32, u32)]| -> Result<()> { panic!("nothing is tracked") };
        assert_eq!(build_each(&[(1, 1)], load, Some(track)).unwrap_err().to_string(), "no GPU");
    }

    #[test]
    fn a_camera_says_what_it_waits_for() {
        let words = in_words(&BuildNews::Waiting { model: "landmarks.onnx" }).unwrap();
        assert!(words.contains("landmarks.onnx") && words.contains("waiting"), "{words}");
        let path = Some(std::path::Path::new("x.plan"));
        assert_eq!(in_words(&BuildNews::Built { model: "x", path, seconds: 1.0 }), None);
    }
}
