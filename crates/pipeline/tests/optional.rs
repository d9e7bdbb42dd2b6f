//! Networks that Mien can do without, and landmark networks without irises.

mod fakes;

use fakes::{FakeEngine, FakeFace, engines, landmarks_of, lock, picture, true_landmarks, view, world};
use mien_engine::Role;
use mien_face::topology::BLENDSHAPE_INPUTS;
use mien_face::{FacePart, FaceParts};
use mien_pipeline::{Pipeline, PipelineEngines, PipelineSettings, StageTimings};

const FACE: FakeFace = FakeFace { x: 100.0, y: 100.0, half: 20.0 };

fn pipeline(engines: PipelineEngines) -> Pipeline {
    Pipeline::new(engines, PipelineSettings::default()).unwrap()
}

#[test]
fn irises_that_are_not_found_are_nan_and_so_are_blendshapes_that_read_them() {
    let world = world(&[FACE]);
    let mut engines = engines(&world, 4);
    engines.insert(Role::Landmarks, landmarks_of(468, &world, 4));
    let mut pipeline = pipeline(engines);
    assert_eq!(pipeline.parts(), FaceParts::NONE);
    let pixels = picture();
    for index in 0..12 {
        let result = pipeline.process(view(&pixels), index, index as i64 * 33_000_000).unwrap();
        let [face] = result.faces() else { panic!("{} faces", result.face_count) };
        assert_eq!(face.track_id, 1);
        for state in [&face.measured, &face.smoothed] {
            for (found, truth) in state.landmarks[..468].iter().zip(true_landmarks(&FACE)) {
                assert!((found[0] - truth[0]).abs() < 0.5, "{found:?} {truth:?}");
            }
            assert!(state.landmarks[468..].as_flattened().iter().all(|v| v.is_nan()));
            assert!(state.blendshapes.iter().all(|v| v.is_nan()));
            assert!(state.pose.camera_from_head.iter().all(|v| v.is_finite()));
        }
        // The eyes are where their corners say.
        let truth = true_landmarks(&FACE);
        let right_eye = 0.5 * (truth[33][0] + truth[133][0]);
        assert!((face.keypoints[0][0] - right_eye).abs() < 0.5, "{:?}", face.keypoints);
        assert!(face.keypoints[1][0] > face.keypoints[0][0]);
        let bounds = face.bounds;
        assert!([bounds.x1, bounds.y1, bounds.x2, bounds.y2].iter().all(|v| v.is_finite()));
        assert_eq!(pipeline.timings().optional_nanos, [0; Role::OPTIONAL.len()]);
    }
    // A mesh that is not a number still drops the face.
    lock(&world).landmarks_nan = true;
    assert_eq!(pipeline.process(view(&pixels), 12, 400_000_000).unwrap().face_count, 0);
}

#[test]
fn without_a_blendshape_network_there_are_none() {
    let world = world(&[FACE]);
    let mut engines = engines(&world, 4);
    drop(engines.remove(Role::Blendshapes));
    let mut pipeline = pipeline(engines);
    assert_eq!(pipeline.parts(), FaceParts::of(&[FacePart::Irises]));
    let pixels = picture();
    for index in 0..3 {
        let result = pipeline.process(view(&pixels), index, index as i64 * 33_000_000).unwrap();
        let [face] = result.faces() else { panic!("{} faces", result.face_count) };
        assert!(face.measured.landmarks.as_flattened().iter().all(|v| v.is_finite()));
        assert!(face.measured.blendshapes.iter().chain(&face.smoothed.blendshapes).all(|v| v.is_nan()));
    }
    assert_eq!(pipeline.dropped_faces(), 0);
}

#[test]
fn another_optional_network_runs_beside_the_blendshapes() {
    let faces = [FACE, FakeFace { x: 190.0, y: 110.0, half: 18.0 }];
    let world = world(&faces);
    let mut engines = engines(&world, 4);
    // It takes one face at a time.
    let mean = FakeEngine::new(
        "mean.onnx",
        &[("points", &[146, 2])],
        &[("mean", &[2])],
        1,
        Box::new(|inputs, _, outputs| {
            let points = inputs[0].as_chunks::<2>().0;
            for axis in 0..2 {
                outputs[0][axis] = points.iter().map(|point| point[axis]).sum::<f32>() / points.len() as f32;
            }
            Ok(())
        }),
    );
    engines.insert(Role::Mean, Box::new(mean));
    let mut pipeline = pipeline(engines);
    let pixels = picture();
    for index in 0..3 {
        pipeline.process(view(&pixels), index, index as i64 * 33_000_000).unwrap();
    }
    assert_eq!((pipeline.last().face_count, pipeline.derived().len()), (2, 2));
    for (face, derived) in pipeline.last().faces().iter().zip(pipeline.derived()) {
        let points = BLENDSHAPE_INPUTS.map(|index| face.measured.landmarks[usize::from(index)]);
        for axis in 0..2 {
            let mean = points.iter().map(|point| point[axis]).sum::<f32>() / points.len() as f32;
            assert!((derived.of(Role::Mean)[axis] - mean).abs() < 0.01, "{mean} {derived:?}");
        }
        assert_eq!(derived.of(Role::Blendshapes), face.measured.blendshapes);
    }
    assert!(pipeline.timings().optional_nanos.iter().all(|&nanos| nanos > 0));
    assert_eq!(StageTimings::NAMES[6..], ["blendshapes", "mean", "pose, identity"]);
}

#[test]
fn other_networks_must_be_there() {
    let world = world(&[FACE]);
    for (role, noun) in [(Role::Detector, "detector"), (Role::Landmarks, "landmark")] {
        let mut engines = engines(&world, 1);
        drop(engines.remove(role));
        let error = Pipeline::new(engines, PipelineSettings::default()).err().expect("an error").to_string();
        assert_eq!(error, format!("there is no {noun} model"));
    }
}
