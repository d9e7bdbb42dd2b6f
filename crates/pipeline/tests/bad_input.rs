//! Models that do not fit, numbers that are none, frames of every size.

mod fakes;

use fakes::{FakeEngine, FakeFace, SIDE, engines, lock, picture, pipeline, view, world};
use mien_engine::Role;
use mien_face::{FrameView, PixelFormat};
use mien_pipeline::{OneEuroParameters, Pipeline, PipelineError, PipelineSettings, RegionSource};

const FACE: FakeFace = FakeFace { x: 100.0, y: 100.0, half: 20.0 };

fn message(result: Result<Pipeline, PipelineError>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn models_of_another_shape_are_refused_by_name() {
    let world = world(&[]);
    let settings = PipelineSettings::default;

    let mut wrong = engines(&world, 1);
    wrong.insert(
        Role::Landmarks,
        FakeEngine::idle("hands.onnx", &[("image", &[3, 64, 64])], &[("points", &[63])]),
    );
    let text = message(Pipeline::new(wrong, settings()));
    assert!(text.contains("hands.onnx") && text.contains("1434") && text.contains("`points` [63]"), "{text}");

    let mut wrong = engines(&world, 1);
    wrong.insert(
        Role::Landmarks,
        FakeEngine::idle(
            "face.onnx",
            &[("image", &[64, 64, 3])],
            &[("landmarks", &[1434]), ("presence", &[1])],
        ),
    );
    let text = message(Pipeline::new(wrong, settings()));
    assert!(text.contains("[3, size, size]") && text.contains("`image` [64, 64, 3]"), "{text}");

    // Two outputs of one number, neither called presence.
    let mut wrong = engines(&world, 1);
    wrong.insert(
        Role::Landmarks,
        FakeEngine::idle(
            "face.onnx",
            &[("image", &[3, 64, 64])],
            &[("landmarks", &[1434]), ("a", &[1]), ("b", &[1])],
        ),
    );
    assert!(message(Pipeline::new(wrong, settings())).contains("of 1 number"));

    let mut wrong = engines(&world, 1);
    wrong.insert(
        Role::Detector,
        FakeEngine::idle(
            "detector.onnx",
            &[("input", &[3, 256, 256])],
            &[("loc", &[100, 4]), ("conf", &[100, 2]), ("landms", &[100, 10])],
        ),
    );
    let text = message(Pipeline::new(wrong, settings()));
    assert!(text.contains("[2688, 4]") && text.contains("`loc` [100, 4]"), "{text}");

    let mut wrong = engines(&world, 1);
    wrong.insert(
        Role::Blendshapes,
        FakeEngine::idle("shapes.onnx", &[("points", &[478, 2])], &[("out", &[52])]),
    );
    assert!(message(Pipeline::new(wrong, settings())).contains("[146, 2]"));
}

#[test]
fn settings_out_of_range_are_refused() {
    let ok = PipelineSettings::default;
    let bad = [
        ("max_faces", PipelineSettings { max_faces: 0, ..ok() }),
        ("max_faces", PipelineSettings { max_faces: 11, ..ok() }),
        ("detect_every", PipelineSettings { detect_every: 0, ..ok() }),
        ("detect_every", PipelineSettings { region_source: RegionSource::Detector, ..ok() }),
        ("score_threshold", PipelineSettings { score_threshold: f32::NAN, ..ok() }),
        ("nms_iou", PipelineSettings { nms_iou: 1.5, ..ok() }),
        ("presence_threshold", PipelineSettings { presence_threshold: -0.1, ..ok() }),
        ("vertical_fov_deg", PipelineSettings { vertical_fov_deg: 180.0, ..ok() }),
        ("max_absence_nanos", PipelineSettings { max_absence_nanos: -1, ..ok() }),
        ("first_track_id", PipelineSettings { first_track_id: 0, ..ok() }),
        (
            "smoothing",
            PipelineSettings {
                smoothing: Some(OneEuroParameters { beta: f32::NAN, ..PipelineSettings::SMOOTHING }),
                ..ok()
            },
        ),
    ];
    for (name, settings) in bad {
        let text = message(pipeline(&world(&[]), settings));
        assert!(text.contains(&format!("`{name}`")), "{text}");
    }
}

#[test]
fn numbers_that_are_none_drop_the_face_and_are_counted() {
    let world = world(&[FACE]);
    let mut pipeline = pipeline(&world, PipelineSettings::default()).unwrap();
    let pixels = picture();
    let mut count = |index: u64| pipeline.process(view(&pixels), index, index as i64).unwrap().face_count;
    assert_eq!(count(0), 1);
    lock(&world).landmarks_nan = true;
    assert_eq!(count(1), 0);
    lock(&world).landmarks_nan = false;
    assert_eq!(count(2), 1);
    lock(&world).blendshapes_nan = true;
    assert_eq!(count(3), 0);
    lock(&world).blendshapes_nan = false;
    assert_eq!(count(4), 1);
    assert!(pipeline.dropped_faces() >= 2);
    assert_eq!(pipeline.last().faces()[0].track_id, 1);
}

#[test]
fn an_engine_that_fails_says_which_and_the_next_frame_goes_on() {
    let world = world(&[FACE]);
    let mut pipeline = pipeline(&world, PipelineSettings::default()).unwrap();
    let pixels = picture();
    lock(&world).landmarks_fail = true;
    let text = pipeline.process(view(&pixels), 0, 0).unwrap_err().to_string();
    assert!(text.contains("landmark") && text.contains("out of order"), "{text}");
    lock(&world).landmarks_fail = false;
    assert_eq!(pipeline.process(view(&pixels), 1, 1).unwrap().face_count, 1);
}

#[test]
fn frames_of_every_size_and_format() {
    let world = world(&[FACE]);
    let mut pipeline = pipeline(&world, PipelineSettings::default()).unwrap();
    let pixels = picture();
    for (index, (width, height, format)) in [
        (1, 1, PixelFormat::Rgb8),
        (3, 5, PixelFormat::Bgr8),
        (2, 1, PixelFormat::Yuyv),
        (2, 2, PixelFormat::Nv12),
        (1, 999, PixelFormat::Rgb8),
        (4001, 1, PixelFormat::Bgr8),
        (641, 481, PixelFormat::Rgb8),
        (1920, 1080, PixelFormat::Nv12),
    ]
    .into_iter()
    .enumerate()
    {
        let bytes = vec![77; format.row_bytes(width) * format.rows(height)];
        let frame = FrameView::new(&bytes, width, height, format.row_bytes(width), format).unwrap();
        let result = pipeline.process(frame, index as u64, index as i64 * 33_333_333).unwrap();
        assert_eq!((result.frame_width, result.frame_height), (width, height));
        assert!(result.faces().iter().all(|face| face.measured.landmarks[0][0].is_finite()));
    }
    let result = pipeline.process(view(&pixels), 9, 1_000_000_000).unwrap();
    assert_eq!((result.face_count, result.frame_width as usize), (1, SIDE));
}
