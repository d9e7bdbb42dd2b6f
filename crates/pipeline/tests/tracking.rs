//! The order of things, on networks that know the truth.

mod fakes;

use fakes::{FakeFace, engines, lock, picture, pipeline, true_landmarks, view, world};
use mien_face::FrameFaces;
use mien_pipeline::{Pipeline, PipelineSettings, RegionSource};

const FRAME: i64 = 33_333_333;

fn at(x: f32, y: f32) -> FakeFace {
    FakeFace { x, y, half: 20.0 }
}

fn ids(result: &FrameFaces) -> Vec<u32> {
    result.faces().iter().map(|face| face.track_id).collect()
}

/// Processes frames `from..to`, and returns the ids of the last.
fn run(pipeline: &mut Pipeline, from: i64, to: i64) -> Vec<u32> {
    let pixels = picture();
    let mut last = Vec::new();
    for frame in from..to {
        last = ids(pipeline.process(view(&pixels), frame as u64, frame * FRAME).unwrap());
    }
    last
}

#[test]
fn the_first_frame_is_measured_as_well_as_the_rest() {
    let face = at(120.0, 100.0);
    let world = world(&[face]);
    let mut pipeline = pipeline(&world, PipelineSettings::default()).unwrap();
    let pixels = picture();
    for frame in 0..3 {
        let result = pipeline.process(view(&pixels), frame, frame as i64 * FRAME).unwrap();
        assert_eq!((result.frame_index, result.face_count), (frame, 1));
        assert_eq!((result.frame_width, result.frame_height), (256, 256));
        let found = &result.faces()[0];
        for (a, b) in found.measured.landmarks.iter().zip(true_landmarks(&face)) {
            assert!((a[0] - b[0]).abs() < 0.2 && (a[1] - b[1]).abs() < 0.2, "{a:?} {b:?}");
        }
        assert_eq!(found.track_id, 1);
        assert!(found.presence > 0.99 && (found.score - 0.99).abs() < 1e-5);
        assert!(found.measured.pose.rotation_deg.iter().all(|angle| angle.abs() < 4.0));
        assert!((found.measured.blendshapes[1] - 0.12).abs() < 0.001);
        assert_eq!(found.detection_age_frames, frame as u32);
        assert_eq!(result.detector_ran, u32::from(frame == 0));
    }
    // The detected face was read twice, the followed one once a frame.
    assert_eq!(lock(&world).landmark_items, 4);
}

#[test]
fn a_newcomer_of_whom_the_first_reading_is_unsure_is_read_again() {
    // Presence logits of the two readings, whether the face is taken, and how often it is read.
    for (presences, taken, readings) in [
        ([-2.0, 8.0], true, 2),
        ([-2.0, 3.0], false, 2),
        ([-8.0, 8.0], true, 2),
        ([-10.0, 8.0], false, 1),
        ([8.0, -2.0], false, 2),
    ] {
        let world = world(&[at(120.0, 100.0)]);
        lock(&world).next_presences = presences.into();
        let mut pipeline = pipeline(&world, PipelineSettings::default()).unwrap();
        assert_eq!(run(&mut pipeline, 0, 1).len(), usize::from(taken), "{presences:?}");
        assert_eq!(lock(&world).landmark_items, readings, "{presences:?}");
    }
}

#[test]
fn a_newcomer_that_the_detector_doubts_must_convince_the_landmark_model() {
    // What is taken off the detector's score of 0.99, the presence logit in the landmarks' region, whether it is taken.
    for (doubt, presence, taken) in
        [(0.1, 8.0, true), (0.3, 8.0, false), (0.3, 12.5, false), (0.3, 12.7, true), (0.48, 12.7, true)]
    {
        let world = world(&[at(120.0, 100.0)]);
        lock(&world).doubt = doubt;
        lock(&world).next_presences = [8.0, presence].into();
        let mut pipeline = pipeline(&world, PipelineSettings::default()).unwrap();
        assert_eq!(run(&mut pipeline, 0, 1).len(), usize::from(taken), "{doubt}, {presence}");
    }
}

#[test]
fn the_detector_runs_every_few_frames_and_at_once_when_a_face_is_lost() {
    let world = world(&[at(60.0, 100.0), at(180.0, 100.0)]);
    let settings = PipelineSettings { detect_every: 5, ..PipelineSettings::default() };
    let mut pipeline = pipeline(&world, settings).unwrap();
    assert_eq!(run(&mut pipeline, 0, 11), [1, 2]);
    assert_eq!(lock(&world).detector_runs, 3, "frames 0, 5 and 10");
    // The second face jumps out of its region between two detections, and is found in the same frame.
    lock(&world).faces[1].y = 125.0;
    assert_eq!(run(&mut pipeline, 11, 12), [1, 2]);
    assert_eq!(lock(&world).detector_runs, 4);
    // It vanishes: the detector looks at once and for some frames on, then goes back to its pace.
    lock(&world).faces.truncate(1);
    assert_eq!(run(&mut pipeline, 12, 13), [1]);
    assert_eq!(lock(&world).detector_runs, 5);
    assert_eq!(run(&mut pipeline, 13, 18), [1]);
    assert_eq!(lock(&world).detector_runs, 10);
    run(&mut pipeline, 18, 23);
    assert_eq!(lock(&world).detector_runs, 11);
}

#[test]
fn the_detector_runs_half_as_often_while_nobody_else_is_wanted() {
    let world = world(&[at(60.0, 100.0)]);
    let settings = PipelineSettings { max_faces: 1, detect_every: 5, ..PipelineSettings::default() };
    let mut pipeline = pipeline(&world, settings).unwrap();
    assert_eq!(run(&mut pipeline, 0, 25), [1]);
    assert_eq!(lock(&world).detector_runs, 3, "frames 0, 10 and 20");
    // Not confirmed in frame 30, so it is looked for again in frame 35 and 40.
    lock(&world).detector_blind = true;
    run(&mut pipeline, 25, 42);
    assert_eq!(lock(&world).detector_runs, 6);
}

#[test]
fn a_face_that_comes_back_soon_is_the_same_and_later_a_new_one() {
    let world = world(&[at(100.0, 100.0)]);
    let mut pipeline = pipeline(&world, PipelineSettings::default()).unwrap();
    assert_eq!(run(&mut pipeline, 0, 10), [1]);
    let face = lock(&world).faces.pop().unwrap();
    assert!(run(&mut pipeline, 10, 30).is_empty());
    lock(&world).faces.push(face);
    assert_eq!(run(&mut pipeline, 30, 40), [1]);
    lock(&world).faces.clear();
    assert!(run(&mut pipeline, 40, 140).is_empty());
    lock(&world).faces.push(face);
    assert_eq!(run(&mut pipeline, 140, 150), [2]);
    pipeline.reset();
    assert!(pipeline.last().faces().is_empty());
    assert_eq!(run(&mut pipeline, 0, 2), [3], "ids are never used again");
}

#[test]
fn faces_are_followed_between_detections() {
    let world = world(&[at(60.0, 100.0)]);
    let settings = PipelineSettings { detect_every: 1000, ..PipelineSettings::default() };
    let mut pipeline = pipeline(&world, settings).unwrap();
    for frame in 0..40 {
        lock(&world).faces[0].x = 60.0 + 3.0 * frame as f32;
        assert_eq!(run(&mut pipeline, frame, frame + 1), [1]);
        let [x, _] = pipeline.last().faces()[0].bounds.center();
        assert!((x - 60.0 - 3.0 * frame as f32).abs() < 1.0);
    }
    assert_eq!(lock(&world).detector_runs, 1);
}

#[test]
fn what_the_detector_never_confirms_is_given_up() {
    let world = world(&[at(100.0, 100.0)]);
    let mut pipeline = pipeline(&world, PipelineSettings::default()).unwrap();
    run(&mut pipeline, 0, 6);
    lock(&world).detector_blind = true;
    assert_eq!(run(&mut pipeline, 6, 50), [1], "a hand before the face may hide it for a while");
    assert!(run(&mut pipeline, 50, 80).is_empty());
}

#[test]
fn of_a_hundred_faces_the_largest_are_taken() {
    let mut faces: Vec<_> = (0..100)
        .map(|i| FakeFace { x: 12.0 + 25.0 * (i % 10) as f32, y: 12.0 + 25.0 * (i / 10) as f32, half: 8.0 })
        .collect();
    for big in [33, 37, 66] {
        faces[big].half = 11.0;
    }
    let world = world(&faces);
    let mut pipeline =
        pipeline(&world, PipelineSettings { max_faces: 3, ..PipelineSettings::default() }).unwrap();
    assert_eq!(run(&mut pipeline, 0, 12), [1, 2, 3]);
    let mut widths: Vec<f32> = pipeline.last().faces().iter().map(|face| face.keypoints[2][0]).collect();
    widths.sort_by(f32::total_cmp);
    for (found, expected) in widths.iter().zip([87.0, 162.0, 187.0]) {
        assert!((found - expected).abs() < 1.0, "{widths:?}");
    }
    let mut ten =
        Pipeline::new(engines(&world, 3), PipelineSettings { max_faces: 10, ..PipelineSettings::default() })
            .unwrap();
    assert_eq!(run(&mut ten, 0, 12).len(), 10);
    assert!(ten.last().faces[9].track_id == 10 && lock(&world).landmark_runs > 0);
}

#[test]
fn whatever_may_be_a_face_is_reported_in_every_frame_and_tracking_stays_the_same() {
    let places = [[40.0, 60.0], [110.0, 60.0], [180.0, 60.0], [40.0, 180.0], [110.0, 180.0], [180.0, 180.0]];
    let faces = places.map(|[x, y]| at(x, y));
    let settings = PipelineSettings { max_faces: 2, ..PipelineSettings::default() };
    let worlds = [world(&faces), world(&faces)];
    let [mut usual, mut thorough] = worlds.each_ref().map(|world| {
        lock(world).weak = 2;
        pipeline(world, settings.clone()).unwrap()
    });
    let pixels = picture();
    for frame in 0..60 {
        // They move, one of those that are tracked jumps away, and one goes.
        for world in &worlds {
            let mut world = lock(world);
            world.faces.iter_mut().for_each(|face| face.x += 0.3);
            match frame {
                17 => world.faces[1].y += 30.0,
                29 => drop(world.faces.remove(0)),
                _ => {}
            }
        }
        // Switched on while it runs, as when a recording begins, and off again.
        let wanted = (5..50).contains(&frame);
        thorough.report_possible_faces(wanted);
        let nanos = frame * FRAME;
        let expected = usual.process(view(&pixels), frame as u64, nanos).unwrap();
        assert!(thorough.process(view(&pixels), frame as u64, nanos).unwrap() == expected, "frame {frame}");
        assert_eq!(usual.possible_faces(), None);
        let Some(possible) = thorough.possible_faces() else {
            assert!(!wanted, "frame {frame}");
            continue;
        };
        assert!(wanted, "frame {frame}");
        let world = lock(&worlds[1]);
        assert_eq!(possible.len(), world.faces.len(), "frame {frame}");
        for face in &world.faces {
            let is_it = |found: &&mien_face::FaceBox| {
                let [x, y] = found.center();
                (x - face.x).hypot(y - face.y) < 0.1 && (found.width() - 2.0 * face.half).abs() < 0.1
            };
            assert_eq!(possible.iter().filter(is_it).count(), 1, "frame {frame}: {face:?} in {possible:?}");
        }
    }
    let runs = worlds.each_ref().map(|world| lock(world).detector_runs);
    assert!(runs[1] >= 45 && runs[0] < 40, "{runs:?}");
}

#[test]
fn a_frame_that_failed_has_no_possible_faces() {
    let world = world(&[at(60.0, 100.0)]);
    let mut pipeline = pipeline(&world, PipelineSettings::default()).unwrap();
    pipeline.report_possible_faces(true);
    let pixels = picture();
    pipeline.process(view(&pixels), 0, 0).unwrap();
    assert_eq!(pipeline.possible_faces().map(<[_]>::len), Some(1));
    pipeline.reset();
    assert_eq!(pipeline.possible_faces(), None);
    let jpeg = mien_face::Picture::Jpeg { bytes: &[], width: 256, height: 256 };
    assert!(pipeline.process(jpeg, 1, FRAME).is_err());
    assert_eq!(pipeline.possible_faces(), None);
}

#[test]
fn after_a_cut_the_new_face_is_there_at_once() {
    for detect_every in [1, 5] {
        let world = world(&[at(60.0, 60.0)]);
        let settings = PipelineSettings { max_faces: 1, detect_every, ..PipelineSettings::default() };
        let mut pipeline = pipeline(&world, settings).unwrap();
        assert_eq!(run(&mut pipeline, 0, 8), [1]);
        lock(&world).faces[0] = at(190.0, 190.0);
        assert_eq!(run(&mut pipeline, 8, 9), [2]);
    }
}

#[test]
fn people_are_numbered_from_where_they_are_told_to() {
    let world = world(&[at(60.0, 100.0), at(180.0, 100.0)]);
    let settings = PipelineSettings { first_track_id: 41, ..PipelineSettings::default() };
    assert_eq!(run(&mut pipeline(&world, settings).unwrap(), 0, 4), [41, 42]);
}

#[test]
fn regions_from_the_detector_are_read_once_a_frame() {
    let world = world(&[at(100.0, 100.0), at(180.0, 150.0)]);
    let settings = PipelineSettings {
        detect_every: 1,
        region_source: RegionSource::Detector,
        smoothing: None,
        ..PipelineSettings::default()
    };
    let mut pipeline = pipeline(&world, settings).unwrap();
    assert_eq!(run(&mut pipeline, 0, 10), [1, 2]);
    let (items, runs) = {
        let world = lock(&world);
        (world.landmark_items, world.detector_runs)
    };
    assert_eq!((items, runs), (20, 10));
    let face = &pipeline.last().faces()[0];
    assert_eq!(face.measured, face.smoothed);
    lock(&world).detector_blind = true;
    assert!(run(&mut pipeline, 10, 11).is_empty());
}

#[test]
fn places_after_the_last_face_are_zero() {
    let world = world(&[at(60.0, 100.0), at(180.0, 100.0)]);
    let mut pipeline = pipeline(&world, PipelineSettings::default()).unwrap();
    run(&mut pipeline, 0, 3);
    lock(&world).faces.remove(0);
    assert_eq!(run(&mut pipeline, 3, 4), [2]);
    let last = pipeline.last();
    assert!(last.faces[1..].iter().all(|face| bytemuck::bytes_of(face).iter().all(|&byte| byte == 0)));
    assert!(pipeline.timings().total_nanos > 0);
}
