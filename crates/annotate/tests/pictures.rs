//! Draws the truth of the synthetic camera and looks at the pixels. With `MIEN_PICTURES=FOLDER` the
//! pictures are left there for a person to look at.

use mien_annotate::{Annotator, Overlays, write_png};
use mien_face::{Frame, FrameFaces};
use mien_synthetic::{SyntheticCamera, SyntheticSettings};

/// A picture of the synthetic camera and its truth as a result.
fn shot(width: u32, height: u32, heads: usize, fov: f32) -> (Frame, Box<FrameFaces>) {
    let settings =
        SyntheticSettings { width, height, heads, vertical_fov_deg: fov, ..SyntheticSettings::default() };
    let mut camera = SyntheticCamera::new(settings);
    let mut frame = Frame::empty();
    camera.render_at(1.2, &mut frame);
    let mut result = FrameFaces::boxed();
    result.face_count = camera.truth().len() as u32;
    for (face, truth) in result.faces.iter_mut().zip(camera.truth()) {
        face.track_id = truth.person as u32 + 1;
        face.score = 0.99;
        face.bounds = truth.bounds;
        face.smoothed.landmarks = truth.landmarks;
        face.smoothed.pose = truth.pose;
    }
    (frame, result)
}

fn keep(name: &str, frame: &Frame) {
    if let Some(folder) = std::env::var_os("MIEN_PICTURES") {
        let path = std::path::Path::new(&folder).join(name);
        write_png(&path, &frame.pixels, frame.width, frame.height).unwrap();
    }
}

/// Share of pixels within a box that drawing changed.
fn changed(before: &Frame, after: &Frame, inside: impl Fn(f32, f32) -> bool) -> f32 {
    let (mut all, mut different) = (0, 0);
    for (i, (a, b)) in before.pixels.chunks(3).zip(after.pixels.chunks(3)).enumerate() {
        let (x, y) = ((i as u32 % before.width) as f32, (i as u32 / before.width) as f32);
        if inside(x, y) {
            all += 1;
            different += u32::from(a != b);
        }
    }
    different as f32 / all as f32
}

#[test]
fn faces_are_drawn_where_they_are() {
    for (name, width, height, heads, fov) in [
        ("near.png", 640, 480, 1, 63.0),
        ("far.png", 640, 480, 1, 120.0),
        ("three_1080p.png", 1920, 1080, 3, 63.0),
    ] {
        let (frame, result) = shot(width, height, heads, fov);
        let mut drawn = frame.clone();
        let mut annotator = Annotator::new(Overlays::default(), fov);
        annotator.draw(&mut drawn.pixels, width, height, &result, "frame 36   1.200 s");
        keep(name, &drawn);
        for face in result.faces() {
            let b = face.bounds;
            let on_face = |x: f32, y: f32| x > b.x1 && x < b.x2 && y > b.y1 && y < b.y2;
            assert!(changed(&frame, &drawn, on_face) > 0.2, "{name}");
        }
        let margin = height as f32 / 5.0;
        let far_away = |x: f32, y: f32| {
            let near = |b: mien_face::FaceBox| {
                x > b.x1 - margin && x < b.x2 + margin && y > b.y1 - margin && y < b.y2 + margin
            };
            y < height as f32 * 0.9 && !result.faces().iter().any(|face| near(face.bounds))
        };
        assert_eq!(changed(&frame, &drawn, far_away), 0.0, "{name}");
    }
}

#[test]
fn damaged_numbers_and_tiny_pictures_do_no_harm() {
    let mut result = FrameFaces::boxed();
    result.face_count = 3;
    result.faces[0].smoothed.landmarks = [[f32::NAN; 3]; 478];
    result.faces[1].smoothed.landmarks = [[1e30, -1e30, 0.0]; 478];
    result.faces[1].smoothed.pose.camera_from_head = [f32::NAN; 16];
    result.faces[2].bounds.x2 = f32::INFINITY;
    let mut annotator = Annotator::new(Overlays::default(), 63.0);
    for (width, height) in [(1, 1), (3, 2), (64, 1)] {
        let mut rgb = vec![0; (width * height * 3) as usize];
        annotator.draw(&mut rgb, width, height, &result, "words that do not fit");
    }
}

#[test]
fn a_png_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.png");
    let rgb: Vec<u8> = (0..5 * 3 * 3).collect();
    write_png(&path, &rgb, 5, 3).unwrap();
    let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut back = vec![0; rgb.len()];
    reader.next_frame(&mut back).unwrap();
    assert_eq!(back, rgb);
    let error = write_png(&folder.path().join("no/such/folder.png"), &rgb, 5, 3).unwrap_err();
    assert!(error.to_string().contains("folder.png"), "{error}");
}
