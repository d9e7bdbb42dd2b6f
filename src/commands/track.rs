//! `mien track`: videos and images in, rows out.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Result, bail};
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use mien_capture::{Rotation, Source, SourceInfo, SourceKind, SourceSpec, VideoOptions, rotated};
use mien_config::{Config, PrivacyKind};
use mien_tables::{InputClock, MetaFile, Provenance, TableFormat, TableWriter};

use super::display::{print_summary, progress_bar};
use super::make_folder;
use super::tracking::{TrackingArguments, provenance};
use crate::cli::one_line;
use crate::interrupt;
use crate::offline::{
    AnnotatedOutput, Job, Reader, RecordedSource, RecordedVideo, recorded_videos, unique_name,
};

/// An endless source is tracked for this long, in seconds of its own time.
const ENDLESS_SECONDS: f64 = 10.0;

/// Arguments of `mien track`.
#[derive(Args)]
pub(crate) struct TrackArguments {
    /// Videos, images, folders of images, recorded sessions, or `synthetic?heads=2&seconds=10`
    #[arg(required = true, value_name = "INPUT", value_parser = not_empty())]
    inputs: Vec<OsString>,
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
    /// Turn every picture clockwise before it is tracked: 0, 90, 180 or 270 degrees. The built-in detector also finds
    /// nearly all faces that lie on their side or upside down; other detectors may not
    #[arg(long, value_name = "DEGREES", default_value_t = Rotation::None)]
    rotate: Rotation,
    /// Number of the video stream in a file that has several, as ffprobe counts
    /// [default: moving before still pictures, the default stream before others, the largest, the first]
    #[arg(long, value_name = "N")]
    stream: Option<u32>,
    /// Leave damaged frames of videos out instead of marking them
    #[arg(long)]
    skip_damaged: bool,
    #[command(flatten)]
    tracking: TrackingArguments,
}

/// Takes any word, for file names need not be UTF-8, except an empty one.
fn not_empty() -> impl TypedValueParser<Value = OsString> {
    OsStringValueParser::new().try_map(|word| match word.is_empty() {
        true => Err("a value is required: a file, a folder or `synthetic`"),
        false => Ok(word),
    })
}

/// Tracks every input; one that fails does not keep the others from being tracked.
pub(crate) fn run(arguments: &TrackArguments) -> Result<()> {
    make_folder(&arguments.out)?;
    let mut names = BTreeSet::new();
    let mut failed = 0;
    let inputs: Vec<_> = arguments.inputs.iter().flat_map(|input| opened_later(input)).collect();
    let count = inputs.len();
    for input in inputs {
        let tracked = input.and_then(|input| track_input(arguments, &input, &mut names));
        if count == 1 || interrupt::is_requested() {
            return tracked;
        }
        if let Err(error) = tracked {
            say_error!("mien: {}", one_line(&error));
            failed += 1;
        }
    }
    match failed {
        0 => Ok(()),
        _ if failed == count => bail!("all {count} inputs failed"),
        _ => bail!("{failed} of {count} inputs failed; the others are complete"),
    }
}

/// What a word on the command line stands for.
enum Input<'a> {
    /// A file, a folder of images, the synthetic camera.
    Plain(&'a OsStr),
    /// A video of a recorded session.
    Recorded(Box<RecordedVideo>),
}

impl Input<'_> {
    fn open(&self, stream: Option<u32>) -> Result<Box<dyn Source>> {
        Ok(match self {
            Self::Plain(spec) => {
                SourceSpec::parse(spec)?.open_with(&VideoOptions { stream, ..VideoOptions::default() })?
            }
            Self::Recorded(video) => Box::new(RecordedSource::open(&video.path)?),
        })
    }

    /// The configuration that it was recorded with.
    fn recorded(&self) -> Option<&Config> {
        match self {
            Self::Plain(_) => None,
            Self::Recorded(video) => Some(&video.config),
        }
    }

    fn clock(&self) -> InputClock {
        match self {
            Self::Plain(_) => InputClock::StartOfInput,
            Self::Recorded(_) => InputClock::LslLocalClock,
        }
    }
}

/// A session stands for all of its videos.
fn opened_later(word: &OsStr) -> Vec<Result<Input<'_>>> {
    match recorded_videos(Path::new(word)) {
        Ok(None) => vec![Ok(Input::Plain(word))],
        Ok(Some(videos)) => videos.into_iter().map(|video| Ok(Input::Recorded(Box::new(video)))).collect(),
        Err(error) => vec![Err(error)],
    }
}

fn track_input(arguments: &TrackArguments, input: &Input<'_>, names: &mut BTreeSet<String>) -> Result<()> {
    let started = SystemTime::now();
    let source = rotated(input.open(arguments.stream)?, arguments.rotate);
    let info = source.info().clone();
    let name = unique_name(&info.name, names);
    if let Some(config) = input.recorded().filter(|config| config.recording.privacy != PrivacyKind::Full) {
        let kind = config.recording.privacy.name();
        tracing::warn!(
            "{}: faces in this video are hidden (`privacy = \"{kind}\"`): what is found in it is not what the \
             recording's data hold",
            info.spec
        );
    }
    let networks = arguments.tracking.networks(&info, input.recorded())?;
    networks.log_header();
    let settings = arguments.tracking.settings(info.kind, input.recorded());
    let fov_deg = settings.vertical_fov_deg;
    let mut provenance = provenance(&info, &networks, &settings, input.clock(), started);
    provenance.settings["rotate_deg"] = arguments.rotate.degrees().into();
    let mut pipeline = networks.pipeline(settings)?;

    let limit = frame_limit(arguments.frames, &info);
    let reader = Reader::start(source, limit);
    let Files { table, meta, annotated, paths } =
        Files::create(arguments, &name, &info, provenance, fov_deg, &reader)?;
    let progress = progress_bar(&info, limit);
    let camera = mien_outputs::Camera::with_fov_deg(fov_deg);
    let table = Some(table.with_usual_size(info.size.0, info.size.1).with_camera(camera));
    let skip_damaged = arguments.skip_damaged;
    let job = Job { reader, pipeline: &mut pipeline, table, annotated, progress, skip_damaged };
    let report = job.run(|_, _| {});
    let meta_ended = meta.finish(&report.outcome());
    print_summary(&info, &report, &paths);
    if let Some(problem) = report.problem {
        return Err(problem);
    }
    meta_ended?;
    match report.skipped.as_slice() {
        // Asked to leave damaged frames out, nobody expects that nothing is left.
        [] => match report.damage.words().filter(|_| !skip_damaged || report.frames == 0) {
            Some(words) => bail!("{}: {words}", info.spec),
            None => Ok(()),
        },
        [only] => bail!("{only}"),
        [first, ..] => bail!("{} images of {} failed, first: {first}", report.skipped.len(), info.spec),
    }
}

/// What one input is written to.
struct Files {
    table: TableWriter,
    meta: MetaFile,
    annotated: Option<AnnotatedOutput>,
    paths: Vec<PathBuf>,
}

impl Files {
    fn create(
        arguments: &TrackArguments,
        name: &str,
        info: &SourceInfo,
        provenance: Provenance,
        fov_deg: f32,
        reader: &Reader,
    ) -> Result<Self> {
        let TrackArguments { out, format, annotate, overwrite, .. } = arguments;
        let (format, overwrite) = (*format, *overwrite);
        let annotated = match annotate {
            true => {
                let recycler = reader.recycler();
                Some(AnnotatedOutput::create(out, name, info, fov_deg, overwrite, recycler)?)
            }
            false => None,
        };
        let path = out.join(format!("{name}.{format}"));
        let parts = provenance.parts();
        let meta = MetaFile::create(&path, format, provenance, overwrite)?;
        let table = TableWriter::create_for(parts, &path, format, overwrite)
            .inspect_err(|_| drop(std::fs::remove_file(meta.path())))?;
        let mut paths = vec![path, meta.path().to_owned()];
        paths.extend(annotated.as_ref().map(|annotated| annotated.path().to_owned()));
        Ok(Self { table, meta, annotated, paths })
    }
}

/// How many frames are tracked at most.
fn frame_limit(asked: Option<u64>, info: &SourceInfo) -> u64 {
    let endless = info.kind == SourceKind::Synthetic && info.frame_count.is_none();
    let usual =
        if endless { (ENDLESS_SECONDS * info.rate_hz.unwrap_or(30.0)).round() as u64 } else { u64::MAX };
    asked.unwrap_or(usual)
}
