//! Networks, clips and means.

use std::path::{Path, PathBuf};

use mien_capture::{Source, Step, VideoOptions, VideoSource};
use mien_engine::{Engine, EngineOptions, Role, RtenEngine};
use mien_face::{FaceState, Frame, HeadPose};
use mien_geometry::angle_between_deg;
use mien_pipeline::{Pipeline, PipelineEngines, PipelineSettings};

use crate::npz::Reference;

/// Height and width of the detector's input: faces of 60 pixels in 640×480 are 30 pixels large there.
const DETECTOR_INPUT: [usize; 2] = [256, 320];

fn engine(file: &Path, input_size: Option<[usize; 2]>, max_batch: usize) -> Box<dyn Engine> {
    let options = EngineOptions { input_size, threads: None, max_batch };
    Box::new(RtenEngine::load(file, &options).unwrap())
}

/// MediaPipe's own three networks.
pub fn mediapipe_pipeline(models: &Path, settings: PipelineSettings) -> Pipeline {
    let faces = settings.max_faces;
    let engines = PipelineEngines::from([
        (Role::Detector, engine(&models.join("mediapipe_face_detector.onnx"), None, 1)),
        (Role::Landmarks, engine(&models.join("mediapipe_face_landmarks_detector.onnx"), None, faces)),
        (Role::Blendshapes, engine(&models.join("mediapipe_face_blendshapes.onnx"), None, faces)),
    ]);
    Pipeline::new(engines, settings).unwrap()
}

/// RetinaFace before MediaPipe's landmark and blendshape networks.
pub fn teacher_pipeline(models: &Path, settings: PipelineSettings) -> Pipeline {
    let faces = settings.max_faces;
    let engines = PipelineEngines::from([
        (Role::Detector, engine(&models.join("retinaface_mnet025_640x640.onnx"), Some(DETECTOR_INPUT), 1)),
        (Role::Landmarks, engine(&models.join("mediapipe_face_landmarks_detector.onnx"), None, faces)),
        (Role::Blendshapes, engine(&models.join("mediapipe_face_blendshapes.onnx"), None, faces)),
    ]);
    Pipeline::new(engines, settings).unwrap()
}

/// The networks that come with Mien.
pub fn usual_pipeline(settings: PipelineSettings) -> Pipeline {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let faces = settings.max_faces;
    let engines = PipelineEngines::from([
        (Role::Detector, engine(&own.join("detector.onnx"), Some(DETECTOR_INPUT), 1)),
        (Role::Landmarks, engine(&own.join("landmarks.onnx"), None, faces)),
        (Role::Blendshapes, engine(&own.join("blendshapes.onnx"), None, faces)),
    ]);
    Pipeline::new(engines, settings).unwrap()
}

/// A clip with its reference result.
pub struct Clip {
    pub name: String,
    pub reference: Reference,
    /// People who are in view all the time.
    pub people: usize,
    path: PathBuf,
}

impl Clip {
    /// All clips, by name; `None` (with a message) where they or ffmpeg are missing.
    pub fn all() -> Option<Vec<Self>> {
        let (clips, references) = (mien_needs::reference("clips")?, mien_needs::reference("reference")?);
        if !mien_needs::ffmpeg() {
            return None;
        }
        let mut found: Vec<_> =
            std::fs::read_dir(clips).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        let clip = |path: PathBuf| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let reference = Reference::read(&references.join(format!("{name}.image.npz")));
            let people = if name.contains("female_and_male") { 2 } else { 1 };
            Self { name, reference, people, path }
        };
        Some(found.into_iter().map(clip).collect())
    }

    /// Calls `each` with the frames, until it says `false`.
    pub fn frames(&self, mut each: impl FnMut(&Frame) -> bool) {
        let mut source = VideoSource::open(&self.path, &VideoOptions::default()).unwrap();
        let mut frame = Frame::empty();
        while source.next_frame(&mut frame).unwrap() == Step::Frame && each(&frame) {}
    }

    /// The reference's faces of one frame, as rows.
    pub fn rows(&self, frame: u64) -> impl Iterator<Item = usize> + '_ {
        self.reference.frames.iter().enumerate().filter(move |(_, f)| **f == frame).map(|(row, _)| row)
    }
}

/// How far a face is from the truth or the reference.
#[derive(Debug, Clone, Copy, Default)]
pub struct Difference {
    /// Mean distance of the landmarks in the picture, per cent of the interocular distance.
    pub landmarks_percent: f64,
    /// Mean absolute difference.
    pub blendshapes: f64,
    pub rotation_deg: f64,
    /// Per cent of the distance from the camera.
    pub translation_percent: f64,
}

/// Mean distance of landmarks in the picture, per cent of the distance between the iris centres (in
/// space, so that turned heads do not count more).
pub fn landmark_distance_percent(found: &[[f32; 3]], truth: &[[f32; 3]]) -> f64 {
    let between =
        |a: [f32; 3], b: [f32; 3]| (0..3).map(|k| f64::from(a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
    let interocular = between(truth[468], truth[473]);
    let distances = found.iter().zip(truth).map(|(a, b)| f64::from((a[0] - b[0]).hypot(a[1] - b[1])));
    100.0 * distances.sum::<f64>() / truth.len() as f64 / interocular
}

impl Difference {
    pub fn of(found: &FaceState, landmarks: &[[f32; 3]], blendshapes: &[f32], matrix: &[f32; 16]) -> Self {
        let differences = found.blendshapes.iter().zip(blendshapes).map(|(a, b)| f64::from((a - b).abs()));
        let (rotation_deg, translation_percent) = pose_difference(&found.pose, matrix);
        Self {
            landmarks_percent: landmark_distance_percent(&found.landmarks, landmarks),
            blendshapes: differences.sum::<f64>() / 52.0,
            rotation_deg,
            translation_percent,
        }
    }

    pub fn mean(all: &[Self]) -> Self {
        let mean = |pick: fn(&Self) -> f64| all.iter().map(pick).sum::<f64>() / all.len() as f64;
        Self {
            landmarks_percent: mean(|d| d.landmarks_percent),
            blendshapes: mean(|d| d.blendshapes),
            rotation_deg: mean(|d| d.rotation_deg),
            translation_percent: mean(|d| d.translation_percent),
        }
    }
}

/// Angle in degrees, and distance in per cent of the distance from the camera.
pub fn pose_difference(found: &HeadPose, matrix: &[f32; 16]) -> (f64, f64) {
    let angle = angle_between_deg(&rotation(&found.camera_from_head), &rotation(matrix));
    let place = [matrix[3], matrix[7], matrix[11]];
    let length = |v: [f32; 3]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let apart = [0, 1, 2].map(|i| found.translation_cm[i] - place[i]);
    (f64::from(angle), 100.0 * length(apart) / length(place))
}

/// The rotation of a matrix of rotation, scale and translation.
fn rotation(matrix: &[f32; 16]) -> [[f32; 3]; 3] {
    let scale = (matrix[0].powi(2) + matrix[4].powi(2) + matrix[8].powi(2)).sqrt();
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| matrix[4 * i + j] / scale))
}
