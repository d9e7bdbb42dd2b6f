//! `mien demo`: ten seconds of the synthetic camera through the whole pipeline, held against the truth.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use anyhow::Result;
use clap::Args;
use mien_annotate::{Annotator, Overlays, write_png};
use mien_capture::{Source, SourceKind, SourceSpec, SyntheticSource, SyntheticTruth};
use mien_face::{Face, Frame, FrameFaces, HeadPose};
use mien_synthetic::SyntheticFace;

use super::display::{print_summary, progress_bar};
use super::make_folder;
use super::tracking::TrackingArguments;
use crate::offline::{Job, Reader};

/// Right and left iris.
const IRISES: [usize; 2] = [468, 473];
/// People of whom less than this can be seen are not counted as missed.
const VISIBLE: f32 = 0.7;

/// Arguments of `mien demo`.
#[derive(Args)]
pub(crate) struct DemoArguments {
    /// What the synthetic camera shows
    #[arg(long, value_name = "SPEC", default_value = "synthetic?seconds=10")]
    source: String,
    /// Folder for the picture
    #[arg(short, long, value_name = "DIR", default_value = "out/demo")]
    out: PathBuf,
    #[command(flatten)]
    tracking: TrackingArguments,
}

/// Runs the demo.
pub(crate) fn run(arguments: &DemoArguments) -> Result<()> {
    let SourceSpec::Synthetic(mut spec) = SourceSpec::parse(&arguments.source)? else {
        anyhow::bail!("`{}` is no synthetic camera; `mien track` takes files", arguments.source);
    };
    spec.seconds.get_or_insert(10.0);
    let mut source = SyntheticSource::new(&spec);
    let info = source.info().clone();
    let networks = arguments.tracking.networks(&info, None)?;
    networks.log_header();
    let mut settings = arguments.tracking.settings(SourceKind::Synthetic, None);
    settings.vertical_fov_deg = spec.settings.vertical_fov_deg;
    let mut pipeline = networks.pipeline(settings)?;

    make_folder(&arguments.out)?;
    let path = arguments.out.join("demo.png");
    let picture_at = info.frame_count.unwrap_or(0) * 2 / 3;
    let mut annotator = Annotator::new(Overlays::default(), spec.settings.vertical_fov_deg);
    let mut picture = None;
    let mut errors = Errors::new(source.tell_truth());
    let progress = progress_bar(&info, u64::MAX);
    let reader = Reader::start(Box::new(source), u64::MAX);
    let job =
        Job { reader, pipeline: &mut pipeline, table: None, annotated: None, progress, skip_damaged: false };
    let report = job.run(|frame, faces| {
        errors.add(frame, faces);
        if frame.frame_index <= picture_at {
            picture = (frame.frame_index == picture_at).then(|| draw(&mut annotator, frame, faces));
        }
    });
    if let Some(frame) = picture {
        write_png(&path, &frame.pixels, frame.width, frame.height)?;
    }
    print_summary(&info, &report, &[&path]);
    errors.print();
    report.problem.map_or(Ok(()), Err)
}

fn draw(annotator: &mut Annotator, frame: &Frame, faces: &FrameFaces) -> Frame {
    let mut picture = frame.clone();
    let seconds = frame.capture_nanos as f64 / 1e9;
    let caption = format!("Mien demo   {seconds:.2} s");
    annotator.draw(&mut picture.pixels, picture.width, picture.height, faces, &caption);
    picture
}

/// Compares what was tracked with what was drawn.
struct Errors {
    truth: Receiver<SyntheticTruth>,
    appearances: u64,
    found: u64,
    identity_switches: u64,
    landmark_sum: f64,
    rotation_deg_sum: f64,
    /// The last track of each person.
    tracks: Vec<Option<u32>>,
}

impl Errors {
    fn new(truth: Receiver<SyntheticTruth>) -> Self {
        Self {
            truth,
            appearances: 0,
            found: 0,
            identity_switches: 0,
            landmark_sum: 0.0,
            rotation_deg_sum: 0.0,
            tracks: Vec::new(),
        }
    }

    fn add(&mut self, frame: &Frame, faces: &FrameFaces) {
        let Some(truth) = self.truth.iter().find(|truth| truth.frame_index == frame.frame_index) else {
            return;
        };
        for person in truth.faces.iter().filter(|person| person.visible >= VISIBLE) {
            self.appearances += 1;
            let overlap = |face: &&Face| face.bounds.iou(&person.bounds);
            let best = faces.faces().iter().max_by(|a, b| overlap(a).total_cmp(&overlap(b)));
            if let Some(face) = best.filter(|face| overlap(face) > 0.3) {
                self.add_face(person, face);
            }
        }
    }

    fn add_face(&mut self, person: &SyntheticFace, face: &Face) {
        self.found += 1;
        self.landmark_sum += landmark_error(person, face);
        self.rotation_deg_sum += angle_between_deg(&person.pose, &face.measured.pose);
        if self.tracks.len() <= person.person {
            self.tracks.resize(person.person + 1, None);
        }
        let last = self.tracks[person.person].replace(face.track_id);
        self.identity_switches += u64::from(last.is_some_and(|last| last != face.track_id));
    }

    fn print(&self) {
        let Self { appearances, found, identity_switches, .. } = self;
        let count = (*found).max(1) as f64;
        say!("  against the truth of the synthetic camera:");
        say!("    {found} of {appearances} appearances found, {identity_switches} identity switches");
        say!(
            "    landmarks {:.1} % of the interocular distance, rotation {:.1} degrees (means)",
            100.0 * self.landmark_sum / count,
            self.rotation_deg_sum / count
        );
    }
}

/// Mean distance of the landmarks in the picture, as a share of the distance between the irises.
fn landmark_error(person: &SyntheticFace, face: &Face) -> f64 {
    let distance = |a: &[f32; 3], b: &[f32; 3]| f64::from((a[0] - b[0]).hypot(a[1] - b[1]));
    // Irises may not be measured.
    let measured = face.measured.landmarks.iter().filter(|landmark| !landmark[0].is_nan());
    let pairs = person.landmarks.iter().zip(&face.measured.landmarks).filter(|(_, found)| !found[0].is_nan());
    let mean = pairs.map(|(a, b)| distance(a, b)).sum::<f64>() / measured.count() as f64;
    let eyes = distance(&person.landmarks[IRISES[0]], &person.landmarks[IRISES[1]]);
    mean / eyes.max(1e-6)
}

/// The angle of the rotation that takes one head to the other.
fn angle_between_deg(a: &HeadPose, b: &HeadPose) -> f64 {
    let trace: f64 = (0..3)
        .flat_map(|row| (0..3).map(move |column| 4 * row + column))
        .map(|at| f64::from(a.camera_from_head[at]) * f64::from(b.camera_from_head[at]))
        .sum();
    // Both matrices hold a uniform scale.
    let scale = |pose: &HeadPose| {
        (0..3).map(|row| f64::from(pose.camera_from_head[4 * row]).powi(2)).sum::<f64>().sqrt().max(1e-12)
    };
    ((trace / (scale(a) * scale(b)) - 1.0) * 0.5).clamp(-1.0, 1.0).acos().to_degrees()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_do_not_depend_on_scale() {
        let turned = |degrees: f32, scale: f32| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let mut camera_from_head = [0.0; 16];
            for (at, value) in [(0, cos), (2, sin), (5, 1.0), (8, -sin), (10, cos)] {
                camera_from_head[at] = value * scale;
            }
            HeadPose { camera_from_head, rotation_deg: [0.0; 3], translation_cm: [0.0; 3] }
        };
        assert!((angle_between_deg(&turned(10.0, 1.0), &turned(35.0, 1.3)) - 25.0).abs() < 1e-3);
        assert!(angle_between_deg(&turned(10.0, 0.9), &turned(10.0, 1.3)) < 0.05);
    }
}
