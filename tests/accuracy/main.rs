//! How exact the pipeline is: against MediaPipe on real clips, against the truth on synthetic people.
//!
//! Prints what it measures (`cargo test --test accuracy -- --nocapture`). Clips and MediaPipe's models
//! are reference data (MIEN_TEST_REFERENCE); without them, their tests are skipped.

mod keeping;
mod measure;
mod npz;

use std::collections::BTreeMap;

use measure::{
    Clip, Difference, landmark_distance_percent, mediapipe_pipeline, pose_difference, teacher_pipeline,
    usual_pipeline,
};
use mien_face::{FaceState, Frame, LANDMARK_COUNT};
use mien_geometry::head_pose;
use mien_pipeline::{PipelineSettings, RegionSource};
use mien_synthetic::{Motion, SyntheticCamera, SyntheticSettings};

/// A face of the pipeline and one of the reference are the same when nearer than this, in per cent of
/// the interocular distance.
const SAME_FACE_PERCENT: f64 = 100.0;

/// The found face that is nearest to the reference's, with its difference.
fn nearest<'a>(clip: &Clip, row: usize, faces: impl Iterator<Item = &'a FaceState>) -> Option<Difference> {
    let landmarks = clip.reference.landmarks_px(row);
    let distance = |face: &&FaceState| landmark_distance_percent(&face.landmarks, &landmarks);
    let face = faces.min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    let (blendshapes, matrix) = (clip.reference.blendshapes(row), clip.reference.matrix(row));
    let difference = Difference::of(face, &landmarks, blendshapes, &matrix);
    (difference.landmarks_percent < SAME_FACE_PERCENT).then_some(difference)
}

/// The fit alone: MediaPipe's landmarks in, MediaPipe's matrix out.
#[test]
fn head_pose_is_mediapipes() {
    let Some(clips) = Clip::all() else { return };
    let mut differences = Vec::new();
    for clip in &clips {
        let [width, height] = clip.reference.size;
        for row in 0..clip.reference.frames.len() {
            let landmarks: [_; LANDMARK_COUNT] = clip.reference.landmarks_px(row).try_into().unwrap();
            let pose = head_pose(&landmarks, width as u32, height as u32, 63.0).unwrap();
            differences.push(pose_difference(&pose, &clip.reference.matrix(row)));
        }
    }
    let worst = |pick: fn(&(f64, f64)) -> f64| differences.iter().map(pick).fold(0.0, f64::max);
    let (angle, place) = (worst(|d| d.0), worst(|d| d.1));
    println!("head pose alone, {} faces: at most {angle:.5}°, {place:.5} %", differences.len());
    assert!(differences.len() > 800 && differences.iter().all(|d| d.0.is_finite() && d.1.is_finite()));
    assert!(angle < 0.05 && place < 0.05);
}

/// All stages, with MediaPipe's own networks, on single frames: only our code differs.
#[test]
fn with_mediapipes_networks_we_find_what_mediapipe_finds() {
    let Some(models) = mien_needs::reference("models") else { return };
    let Some(clips) = Clip::all() else { return };
    let settings = PipelineSettings {
        detect_every: 1,
        region_source: RegionSource::Detector,
        nms_iou: 0.3,
        ..PipelineSettings::default()
    };
    let mut pipeline = mediapipe_pipeline(&models, settings);
    let (mut differences, mut missed) = (Vec::new(), 0);
    for clip in clips.iter().filter(|clip| !clip.reference.frames.is_empty()) {
        pipeline.reset();
        clip.frames(|frame| {
            if !frame.frame_index.is_multiple_of(6) || clip.rows(frame.frame_index).next().is_none() {
                return true;
            }
            let view = frame.view().unwrap();
            let found = pipeline.process(view, frame.frame_index, frame.capture_nanos).unwrap();
            for row in clip.rows(frame.frame_index) {
                match nearest(clip, row, found.faces().iter().map(|face| &face.measured)) {
                    Some(difference) => differences.push(difference),
                    None => missed += 1,
                }
            }
            true
        });
    }
    let mean = Difference::mean(&differences);
    println!("MediaPipe's networks, {} faces, {missed} missed: {mean:.4?}", differences.len());
    assert!(differences.len() > 120 && missed * 50 <= differences.len());
    // What the project promises is 1.5 %, 0.03, 2°, 3 %.
    assert!(mean.landmarks_percent < 0.5, "landmarks");
    assert!(mean.blendshapes < 0.01, "blendshapes");
    assert!(mean.rotation_deg < 2.0, "rotation");
    assert!(mean.translation_percent < 3.0, "translation");
}

/// The usual order of things: RetinaFace, regions that follow the landmarks. The landmark network is
/// sensitive to its region (1 % of the region's side moves landmarks by 0.9 % of the interocular
/// distance), and MediaPipe's own regions jitter with its detector, so another detector cannot agree
/// better than the reference agrees with itself.
#[test]
fn tracking_follows_everyone_and_stays_near_mediapipe() {
    let Some(models) = mien_needs::reference("models") else { return };
    let Some(clips) = Clip::all() else { return };
    let mut pipeline = teacher_pipeline(&models, PipelineSettings::default());
    let (mut differences, mut frames, mut complete) = (Vec::new(), 0, 0);
    for clip in &clips {
        pipeline.reset();
        let mut ids: Vec<u32> = Vec::new();
        clip.frames(|frame| {
            let view = frame.view().unwrap();
            let found = pipeline.process(view, frame.frame_index, frame.capture_nanos).unwrap();
            frames += 1;
            complete += usize::from(found.faces().len() >= clip.people);
            ids.extend(found.faces().iter().map(|face| face.track_id));
            let measured = || found.faces().iter().map(|face| &face.measured);
            differences.extend(clip.rows(frame.frame_index).filter_map(|row| nearest(clip, row, measured())));
            frame.frame_index < 17
        });
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), clip.people, "{}: one id a person", clip.name);
    }
    let mean = Difference::mean(&differences);
    println!("tracking: everyone on {complete} of {frames} frames; {} faces: {mean:.4?}", differences.len());
    assert!(complete * 100 >= frames * 98);
    assert!(differences.len() > 150 && mean.landmarks_percent < 3.2 && mean.blendshapes < 0.035);
}

/// One person who turns the head to ±25° and beyond, near and far.
#[test]
fn synthetic_landmarks_and_rotation_are_true() {
    let mut pipeline = usual_pipeline(PipelineSettings::default());
    let (mut landmarks, mut rotation) = (Vec::new(), Vec::new());
    for seed in 0..2 {
        let settings =
            SyntheticSettings { seed, script: Motion::Turning, rate_hz: 6.0, ..Default::default() };
        let mut camera = SyntheticCamera::new(settings);
        let mut frame = Frame::empty();
        pipeline.reset();
        for index in 0..60 {
            camera.render(index, index as i64 * 166_666_667, &mut frame);
            let view = frame.view().unwrap();
            let found = pipeline.process(view, index, frame.capture_nanos).unwrap();
            let truth = &camera.truth()[0];
            let [pitch, yaw, _] = truth.pose.rotation_deg;
            if pitch.abs() > 25.0 || yaw.abs() > 25.0 {
                continue;
            }
            assert_eq!(found.face_count, 1, "seed {seed}, frame {index}");
            let measured = &found.faces()[0].measured;
            landmarks.push(landmark_distance_percent(&measured.landmarks, &truth.landmarks));
            rotation.push(pose_difference(&measured.pose, &truth.pose.camera_from_head).0);
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (landmarks, rotation) = (mean(&landmarks), mean(&rotation));
    println!(
        "synthetic, ±25°: landmarks {landmarks:.2} % of the interocular distance, rotation {rotation:.2}°"
    );
    assert!(landmarks < 3.7 && rotation < 3.0);
}

/// Two people walk around each other for 1,000 frames; each hides the other again and again.
#[test]
fn ids_stay_with_their_people_while_they_cross() {
    let settings = PipelineSettings { max_faces: 2, smoothing: None, ..PipelineSettings::default() };
    let mut pipeline = usual_pipeline(settings);
    let settings = SyntheticSettings { heads: 2, script: Motion::Crossing, ..Default::default() };
    let mut camera = SyntheticCamera::new(settings);
    let mut frame = Frame::empty();
    let mut id_of = BTreeMap::new();
    let (mut visible, mut seen) = (0, 0);
    for index in 0..1000 {
        camera.render(index, index as i64 * 33_333_333, &mut frame);
        let found = pipeline.process(frame.view().unwrap(), index, frame.capture_nanos).unwrap();
        for truth in camera.truth().iter().filter(|truth| truth.visible > 0.9) {
            visible += 1;
            let distance = |f: &FaceState| landmark_distance_percent(&f.landmarks, &truth.landmarks);
            let own = found.faces().iter().find(|face| distance(&face.measured) < 30.0);
            let Some(face) = own else { continue };
            seen += 1;
            let id = *id_of.entry(truth.person).or_insert(face.track_id);
            assert_eq!(face.track_id, id, "person {} in frame {index}", truth.person);
        }
    }
    println!("crossing: {seen} of {visible} visible faces seen, ids {id_of:?}");
    assert!(id_of.len() == 2 && id_of[&0] != id_of[&1]);
    assert!(seen * 100 >= visible * 98);
}
