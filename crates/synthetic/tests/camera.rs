//! The synthetic camera against its own truth.

use mien_face::{CANONICAL_VERTICES_CM, FaceBox, Frame, FrameView, PixelFormat};
use mien_synthetic::{
    Expression, HeadState, Motion, SyntheticCamera, SyntheticFace, SyntheticSettings, read_stamp,
};

fn one_head(state: HeadState) -> SyntheticSettings {
    SyntheticSettings { script: Motion::Fixed(vec![state]), ..SyntheticSettings::default() }
}

fn at(distance: f32, rotation_deg: [f32; 3]) -> HeadState {
    HeadState { translation_cm: [0.0, 0.0, -distance], rotation_deg, ..HeadState::default() }
}

fn picture(settings: SyntheticSettings, seconds: f64) -> (Frame, Vec<SyntheticFace>) {
    let mut camera = SyntheticCamera::new(settings);
    let mut frame = Frame::empty();
    camera.render_at(seconds, &mut frame);
    (frame, camera.truth().to_vec())
}

fn pixel(frame: &Frame, [x, y, _]: [f32; 3]) -> [i32; 3] {
    let at = y as usize * frame.stride + 3 * x as usize;
    std::array::from_fn(|i| i32::from(frame.pixels[at + i]))
}

fn brightness(frame: &Frame, place: [f32; 3]) -> i32 {
    pixel(frame, place).iter().sum()
}

#[test]
fn the_pose_takes_the_canonical_face_onto_the_landmarks() {
    let state = HeadState { translation_cm: [5.0, -3.0, -70.0], ..at(70.0, [12.0, -20.0, 8.0]) };
    let (_, truth) = picture(one_head(state), 0.0);
    let (m, focal) = (truth[0].pose.camera_from_head, 240.0 / 31.5f32.to_radians().tan());
    // Nose, corners of the eyes, chin: what no expression moves.
    for i in [4, 6, 33, 133, 263, 362, 234, 454, 152] {
        let v = CANONICAL_VERTICES_CM[i];
        let p: [f32; 3] = std::array::from_fn(|r| {
            m[4 * r] * v[0] + m[4 * r + 1] * v[1] + m[4 * r + 2] * v[2] + m[4 * r + 3]
        });
        let expected = [320.0 - focal * p[0] / p[2], 240.0 + focal * p[1] / p[2]];
        let found = truth[0].landmarks[i];
        assert!((found[0] - expected[0]).hypot(found[1] - expected[1]) < 0.02, "{i}: {found:?} {expected:?}");
    }
    for (found, given) in truth[0].pose.rotation_deg.iter().zip(state.rotation_deg) {
        assert!((found - given).abs() < 1e-3);
    }
    assert_eq!(truth[0].pose.translation_cm, state.translation_cm);
}

#[test]
fn angles_and_depth_have_the_documented_signs() {
    let nose = |rotation: [f32; 3]| picture(one_head(at(60.0, rotation)), 0.0).1[0].landmarks[4];
    let straight = nose([0.0; 3]);
    assert!(nose([20.0, 0.0, 0.0])[1] > straight[1] + 5.0, "positive pitch lowers the nose");
    assert!(nose([0.0, 20.0, 0.0])[0] > straight[0] + 5.0, "positive yaw turns it to the right");
    let rolled = picture(one_head(at(60.0, [0.0, 0.0, 20.0])), 0.0).1[0].landmarks;
    assert!(rolled[263][1] < rolled[33][1] - 5.0, "positive roll lifts the eye on the right");
    let face = picture(one_head(at(60.0, [0.0; 3])), 0.0).1[0].landmarks;
    assert!(face[4][2] < 0.0 && face[234][2] > 0.0, "nearer is smaller");
}

#[test]
fn landmarks_lie_on_drawn_skin_and_pupils_in_the_eyes() {
    for seed in [0, 1, 2, 4] {
        for (distance, yaw) in [(55.0, 0.0), (70.0, 20.0), (70.0, -20.0)] {
            let settings = SyntheticSettings { seed, ..one_head(at(distance, [0.0, yaw, 0.0])) };
            let (frame, truth) = picture(settings.clone(), 0.0);
            let (wall, _) = picture(SyntheticSettings { heads: 0, ..settings }, 0.0);
            let face = &truth[0];
            assert_eq!(face.visible, 1.0);
            for i in [4, 6, 9, 50, 280, 205, 425, 199] {
                let (skin, bare) = (pixel(&frame, face.landmarks[i]), pixel(&wall, face.landmarks[i]));
                assert_ne!(skin, bare, "landmark {i}");
                assert!(skin[0] > skin[2], "skin is warm at {i}: {skin:?}");
            }
            for [iris, rim] in [[468, 469], [473, 474]] {
                let (pupil, radius) =
                    (face.landmarks[iris], face.landmarks[rim][0] - face.landmarks[iris][0]);
                let along = |reach: f32| {
                    let places = (-8..=8).map(move |k| pupil[0] + reach * radius * k as f32 / 8.0);
                    places.map(|x| brightness(&frame, [x, pupil[1], 0.0]))
                };
                let (dark, white) = (along(0.5).min().unwrap_or(0), along(1.7).max().unwrap_or(0));
                assert!(dark * 3 < white * 2, "seed {seed}: iris {iris}, {dark} in white of {white}");
            }
        }
    }
}

#[test]
fn expressions_show_where_the_truth_says() {
    let face = |expression| picture(one_head(HeadState { expression, ..at(45.0, [0.0; 3]) }), 0.0);
    let (rest, _) = face(Expression::default());
    let (open, truth) = face(Expression { jaw_open: 1.0, ..Expression::default() });
    let landmarks = &truth[0].landmarks;
    let between =
        |share: f32| [landmarks[13][0], landmarks[13][1] * (1.0 - share) + landmarks[14][1] * share, 0.0];
    let inside = brightness(&open, between(0.38));
    assert!(inside * 4 < brightness(&rest, landmarks[50]) * 3, "the mouth is dark: {inside}");

    let (shut, truth) = face(Expression { eye_blink_left: 1.0, ..Expression::default() });
    let [pupil, rim] = [473, 474].map(|i| truth[0].landmarks[i]);
    let brightest = |frame: &Frame| {
        let places = (-8..=8).map(|k| pupil[0] + 0.2 * k as f32 * (rim[0] - pupil[0]));
        places.map(|x| brightness(frame, [x, pupil[1], 0.0])).max().unwrap_or(0)
    };
    let (white, lid) = (brightest(&rest), brightest(&shut));
    assert!(lid * 5 < white * 4, "a lid covers the white of the left eye: {lid}, {white}");
    assert_eq!(pixel(&shut, truth[0].landmarks[468]), pixel(&rest, truth[0].landmarks[468]));
}

#[test]
fn pictures_depend_on_settings_and_time_alone() {
    let settings = SyntheticSettings { heads: 2, script: Motion::Idle, ..SyntheticSettings::default() };
    let (expected, truth) = picture(settings.clone(), 2.5);
    let mut camera = SyntheticCamera::new(settings.clone());
    let mut frame = Frame::empty();
    for seconds in [0.0, 7.25, 2.5] {
        camera.render_at(seconds, &mut frame);
    }
    assert_eq!(frame.pixels, expected.pixels);
    assert_eq!(camera.truth(), truth);
    camera.render(75, 123, &mut frame);
    assert_eq!((frame.frame_index, frame.capture_nanos), (75, 123));
    assert_eq!(frame.pixels, expected.pixels, "frame 75 of 30 per second is what 2.5 s shows");

    assert_ne!(picture(SyntheticSettings { seed: 1, ..settings.clone() }, 2.5).0.pixels, expected.pixels);
    assert_ne!(picture(settings, 2.9).0.pixels, expected.pixels);
}

#[test]
fn people_stay_in_view() {
    for (script, heads) in [
        (Motion::Idle, 1),
        (Motion::Idle, 3),
        (Motion::Turning, 2),
        (Motion::Still, 4),
        (Motion::Crossing, 2),
    ] {
        let settings = SyntheticSettings { heads, script, ..SyntheticSettings::default() };
        let mut camera = SyntheticCamera::new(settings);
        let mut frame = Frame::empty();
        for second in 0..40 {
            camera.render_at(f64::from(second) * 0.7, &mut frame);
            for FaceBox { x1, y1, x2, y2 } in camera.truth().iter().map(|face| face.bounds) {
                assert!(x1 > 0.0 && y1 > 0.0 && x2 < 640.0 && y2 < 480.0, "{x1} {y1} {x2} {y2}");
            }
        }
    }
}

#[test]
fn two_heads_cross_before_and_behind_each_other() {
    let settings = SyntheticSettings {
        width: 320,
        height: 240,
        rate_hz: 10.0,
        heads: 2,
        script: Motion::Crossing,
        ..SyntheticSettings::default()
    };
    let mut camera = SyntheticCamera::new(settings);
    let mut frame = Frame::empty();
    let (mut order, mut crossings, mut hidden) = (None, 0, [0; 2]);
    for index in 0..330 {
        camera.render(index, 0, &mut frame);
        let truth = camera.truth();
        let now = truth[0].pose.translation_cm[0] < truth[1].pose.translation_cm[0];
        crossings += i32::from(order.is_some_and(|before| before != now));
        order = Some(now);
        for (face, hidden) in truth.iter().zip(&mut hidden) {
            *hidden += i32::from(face.visible < 0.3);
        }
        let depths = truth.iter().map(|face| face.pose.translation_cm);
        let [a, b] = depths.collect::<Vec<_>>().try_into().expect("two heads");
        assert!((a[0] - b[0]).abs() > 15.0 || (a[2] - b[2]).abs() > 15.0, "heads never touch");
    }
    assert!(crossings >= 6, "{crossings}");
    assert!(hidden.iter().all(|&frames| frames > 10), "{hidden:?}");
}

#[test]
fn any_size_can_be_drawn() {
    for (width, height) in [(0, 0), (1, 1), (1, 300), (300, 1), (2, 3), (17, 33), (641, 479), (3840, 2160)] {
        for stamp in [false, true] {
            let settings =
                SyntheticSettings { width, height, heads: 2, stamp, ..SyntheticSettings::default() };
            let (frame, truth) = picture(settings, 1.0);
            let view = frame.view().expect("a whole picture");
            assert_eq!((view.width(), view.height()), (width.max(1), height.max(1)));
            assert_eq!(truth.len(), 2);
        }
    }
}

#[test]
fn nonsense_is_survived() {
    let states = [
        HeadState { translation_cm: [0.0, 0.0, 50.0], ..HeadState::default() },
        HeadState::default(),
        HeadState { translation_cm: [0.0, 0.0, -3.0], ..HeadState::default() },
        HeadState { translation_cm: [f32::NAN; 3], rotation_deg: [f32::NAN; 3], ..HeadState::default() },
        HeadState { translation_cm: [f32::INFINITY, 1e30, -1e30], ..HeadState::default() },
        HeadState {
            translation_cm: [1e9, 0.0, -60.0],
            rotation_deg: [1e9, -1e9, 400.0],
            ..HeadState::default()
        },
        HeadState {
            expression: Expression { jaw_open: -7.0, brow_raise: f32::INFINITY, ..Default::default() },
            ..at(60.0, [0.0; 3])
        },
    ];
    for fov in [f32::NAN, 0.0, 400.0] {
        let settings = SyntheticSettings {
            width: 160,
            height: 120,
            rate_hz: f64::NAN,
            heads: states.len() + 1,
            vertical_fov_deg: fov,
            script: Motion::Fixed(states.to_vec()),
            ..SyntheticSettings::default()
        };
        let (mut camera, mut frame) = (SyntheticCamera::new(settings), Frame::empty());
        for seconds in [0.0, -5.0, f64::NAN, f64::INFINITY, 1e300] {
            camera.render_at(seconds, &mut frame);
        }
    }
}

#[test]
fn the_frame_keeps_its_buffer() {
    let mut camera =
        SyntheticCamera::new(SyntheticSettings { script: Motion::Turning, ..Default::default() });
    let mut frame = Frame::empty();
    camera.render(0, 0, &mut frame);
    let buffer = (frame.pixels.as_ptr(), frame.pixels.capacity());
    for index in 1..30 {
        camera.render(index, 0, &mut frame);
    }
    assert_eq!((frame.pixels.as_ptr(), frame.pixels.capacity()), buffer);
}

#[test]
fn the_stamp_survives_scaling() {
    for (width, height) in [(640, 480), (1280, 720), (1920, 1080), (3840, 2160)] {
        let settings = SyntheticSettings { width, height, stamp: true, ..SyntheticSettings::default() };
        let mut camera = SyntheticCamera::new(settings);
        let mut frame = Frame::empty();
        let (index, nanos) = (123_456_789, 9_876_543_210_123);
        camera.render(index, nanos, &mut frame);
        assert_eq!(read_stamp(frame.view().expect("a picture")), Some((index, nanos)));
        for wide in [960, 480, 333] {
            let small = shrunk(&frame, wide, wide * height / width);
            let view =
                FrameView::new(&small, wide, wide * height / width, 3 * wide as usize, PixelFormat::Rgb8);
            assert_eq!(read_stamp(view.expect("a picture")), Some((index, nanos)), "{width} to {wide}");
        }
        // One wrong square is noticed.
        let at = frame.stride * 2 + 3 * (width as usize / 2 + 2);
        for row in 0..width as usize / 80 {
            let start = at - at % 3 + row * frame.stride - 2 * frame.stride;
            let value = 255 - frame.pixels[start];
            frame.pixels[start..start + 3 * (width as usize / 80 - 2)].fill(value);
        }
        assert_eq!(read_stamp(frame.view().expect("a picture")), None);
    }
}

/// Each new pixel is the one nearest to its centre.
fn shrunk(frame: &Frame, width: u32, height: u32) -> Vec<u8> {
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (from_x, from_y) =
                ((2 * x + 1) * frame.width / (2 * width), (2 * y + 1) * frame.height / (2 * height));
            let at = from_y as usize * frame.stride + 3 * from_x as usize;
            pixels.extend_from_slice(&frame.pixels[at..at + 3]);
        }
    }
    pixels
}
