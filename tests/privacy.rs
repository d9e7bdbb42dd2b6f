//! Hidden faces are hidden: recorded videos are decoded and held against what was in front of the camera.

mod support;

use std::path::{Path, PathBuf};

use mien_config::{Config, Detection};
use mien_face::{FaceBox, Frame, FrameFaces, PixelFormat};
use mien_ffmpeg::Decoder;
use mien_pipeline::Pipeline;
use mien_record::{PrivacyKind, VideoKind, VideoRecorder, frame_times};
use mien_synthetic::{SyntheticCamera, SyntheticSettings};
use support::{cpu_pipeline, mien};

const FRAME_NANOS: i64 = 33_333_333;
const WIDTH: u32 = 960;
const HEIGHT: u32 = 480;
/// Pixels a frame: a person comes in or goes out every few frames.
const PAN: usize = 18;

/// Seven people side by side, more than one picture shows: the camera pans along them, so that they come in at
/// one edge and go out at the other.
struct Pan {
    camera: SyntheticCamera,
    wide: Frame,
    pixels_per_frame: usize,
}

impl Pan {
    fn new(pixels_per_frame: usize) -> Self {
        let settings = SyntheticSettings {
            width: 1600,
            height: HEIGHT,
            heads: 7,
            seed: 3,
            ..SyntheticSettings::default()
        };
        Self { camera: SyntheticCamera::new(settings), wide: Frame::empty(), pixels_per_frame }
    }

    /// The picture of a frame, and the boxes of the faces in it that are at least half in view.
    fn render(&mut self, index: u64, frame: &mut Frame) -> Vec<FaceBox> {
        self.camera.render(index, index as i64 * FRAME_NANOS, &mut self.wide);
        let left = (index as usize * self.pixels_per_frame).min(640);
        frame.reshape(WIDTH, HEIGHT, PixelFormat::Rgb8);
        (frame.frame_index, frame.capture_nanos) = (index, index as i64 * FRAME_NANOS);
        for (to, from) in frame.pixels.chunks_mut(frame.stride).zip(self.wide.pixels.chunks(self.wide.stride))
        {
            to.copy_from_slice(&from[3 * left..][..3 * WIDTH as usize]);
        }
        let in_view = |face: &FaceBox| {
            let shown = FaceBox { x1: face.x1.max(0.0), x2: face.x2.min(WIDTH as f32), ..*face };
            (shown.area() >= 0.5 * face.area()).then_some(shown)
        };
        let faces = self.camera.truth().iter().map(|face| FaceBox {
            x1: face.bounds.x1 - left as f32,
            x2: face.bounds.x2 - left as f32,
            ..face.bounds
        });
        faces.filter_map(|face| in_view(&face)).collect()
    }
}

/// As `mien` does for frames of 960×480.
fn pipeline(detection: &Detection) -> Pipeline {
    cpu_pipeline(detection, &Config::default().smoothing, [256, 480])
}

fn plan(folder: &Path, privacy: PrivacyKind) -> mien_record::VideoPlan {
    mien_record::VideoPlan {
        folder: folder.to_owned(),
        camera: "cam".to_owned(),
        kind: VideoKind::Ffv1,
        hardware: false,
        privacy,
        rate_hz: 30.0,
        vertical_fov_deg: 63.0,
    }
}

/// Records so many frames as a worker does; the video.
fn record(folder: &Path, privacy: PrivacyKind, detection: &Detection, frames: u64) -> PathBuf {
    let mut pipeline = pipeline(detection);
    pipeline.report_possible_faces(privacy != PrivacyKind::Full);
    let recorder = VideoRecorder::start(plan(folder, privacy)).unwrap();
    let (mut pan, mut frame) = (Pan::new(PAN), Frame::empty());
    for index in 0..frames {
        pan.render(index, &mut frame);
        pipeline.process(frame.view().unwrap(), index, frame.capture_nanos).unwrap();
        match pipeline.possible_faces() {
            Some(possible) => recorder.push_looked_at(&frame, pipeline.last(), possible),
            None => recorder.push(&frame, pipeline.last()),
        }
        // Half a second of pictures waits for what comes, and no more than the queue holds for the encoder.
        while index > recorder.status().frames + 20 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    let status = recorder.stop();
    assert_eq!((status.frames, status.dropped_frames, status.problem), (frames, 0, None));
    status.file.unwrap()
}

/// How much of a region's detail two pictures of the same size share: 1 for the same picture, about 0 where one has
/// another or none.
fn shared_detail(ours: &Frame, source: &Frame, region: &FaceBox) -> f32 {
    let [x1, x2] = [region.x1, region.x2].map(|x| x.clamp(0.0, source.width as f32 - 1.0) as usize);
    let [y1, y2] = [region.y1, region.y2].map(|y| y.clamp(0.0, source.height as f32 - 1.0) as usize);
    let value = |frame: &Frame, x: usize, y: usize| f32::from(frame.pixels[y * frame.stride + 3 * x + 1]);
    let (mut common, mut all) = (0.0, 0.0);
    for y in y1..y2 {
        for x in x1..x2 {
            let slope = |frame: &Frame| {
                let here = value(frame, x, y);
                [value(frame, x + 1, y) - here, value(frame, x, y + 1) - here]
            };
            for (a, b) in slope(ours).into_iter().zip(slope(source)) {
                common += a * b;
                all += b * b;
            }
        }
    }
    common / all.max(1.0)
}

/// Pixels of a region that are nearly the same in both pictures, as a share of it.
fn unchanged(ours: &Frame, source: &Frame, region: &FaceBox) -> f32 {
    let [x1, x2] = [region.x1, region.x2].map(|x| x.clamp(0.0, source.width as f32) as usize);
    let [y1, y2] = [region.y1, region.y2].map(|y| y.clamp(0.0, source.height as f32) as usize);
    let mut same = 0;
    for y in y1..y2 {
        let row = |frame: &'_ Frame| frame.pixels[y * frame.stride..][3 * x1..3 * x2].to_vec();
        let near = |(a, b): (&[u8], &[u8])| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 8);
        same += row(ours).chunks(3).zip(row(source).chunks(3)).filter(|pixels| near(*pixels)).count();
    }
    same as f32 / ((x2 - x1) * (y2 - y1)).max(1) as f32
}

fn assert_hidden(privacy: PrivacyKind, ours: &Frame, source: &Frame, face: &FaceBox) {
    let (detail, same) = (shared_detail(ours, source, face), unchanged(ours, source, face));
    // Of a mesh some lines lie where the face has them, on a ground of another colour.
    let most = if privacy == PrivacyKind::Mesh { (0.4, 0.05) } else { (0.1, 0.8) };
    let index = source.frame_index;
    assert!(detail < most.0 && same < most.1, "{privacy:?}, frame {index}, {face:?}: {detail} {same}");
}

/// Decodes a video and hands each picture to `check`, in order; how many there are.
fn decoded(video: &Path, mut check: impl FnMut(usize, &Frame)) -> usize {
    let (mut decoder, mut picture) = (Decoder::open(video).unwrap(), Frame::empty());
    let mut count = 0;
    while decoder.next_frame(&mut picture).unwrap() {
        check(count, &picture);
        count += 1;
    }
    count
}

/// Records with faces hidden, and checks every face in every picture.
fn every_face_is_hidden(detection: &Detection) {
    if !mien_needs::ffmpeg() {
        return;
    }
    const FRAMES: u64 = 36;
    for privacy in [PrivacyKind::Mesh, PrivacyKind::Blur] {
        let folder = tempfile::tempdir().unwrap();
        let video = record(folder.path(), privacy, detection, FRAMES);
        let (mut pan, mut source) = (Pan::new(PAN), Frame::empty());
        let (mut least, mut clear) = (usize::MAX, 0.0);
        let count = decoded(&video, |index, picture| {
            let faces = pan.render(index as u64, &mut source);
            least = least.min(faces.len());
            faces.iter().for_each(|face| assert_hidden(privacy, picture, &source, face));
            // The wall above the heads is nobody's.
            let wall = FaceBox { x1: 0.0, y1: 0.0, x2: WIDTH as f32, y2: 20.0 };
            clear += unchanged(picture, &source, &wall) / FRAMES as f32;
        });
        assert_eq!(count as u64, FRAMES);
        assert!(clear > 0.5, "{privacy:?}: nearly all of it is hidden");
        assert!(least > detection.max_faces, "{least} faces in some frame");
    }
}

#[test]
fn faces_beyond_those_that_are_tracked_are_hidden_from_the_first_frame_to_the_last() {
    let detection = Detection { max_faces: 1, detect_every: 30, ..Detection::default() };
    every_face_is_hidden(&detection);
}

#[test]
fn faces_are_hidden_that_nobody_tracks_because_of_a_threshold() {
    let detection =
        Detection { max_faces: 2, score_threshold: 1.0, presence_threshold: 1.0, ..Detection::default() };
    every_face_is_hidden(&detection);
}

#[test]
fn the_check_finds_faces_that_are_not_hidden() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let video = record(folder.path(), PrivacyKind::Full, &Detection::default(), 4);
    let (mut pan, mut source) = (Pan::new(PAN), Frame::empty());
    let count = decoded(&video, |index, picture| {
        for face in pan.render(index as u64, &mut source) {
            let (detail, same) = (shared_detail(picture, &source, &face), unchanged(picture, &source, &face));
            assert!(detail > 0.9 && same > 0.9, "frame {index}, {face:?}: {detail} {same}");
        }
    });
    assert_eq!(count, 4);
}

/// What the worker gives before it has looked for faces shows nothing, and what was seen in frames that were dropped
/// counts for the others.
#[test]
fn pictures_that_nobody_looked_at_are_hidden() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let recorder = VideoRecorder::start(plan(folder.path(), PrivacyKind::Mesh)).unwrap();
    let (mut pan, mut frame) = (Pan::new(0), Frame::empty());
    let mut faces = FrameFaces::boxed();
    (faces.frame_width, faces.frame_height) = (WIDTH, HEIGHT);
    for index in 0..20 {
        let seen = pan.render(index, &mut frame);
        (faces.frame_index, faces.capture_nanos) = (index, frame.capture_nanos);
        // The detector is asked once, in the fifth frame.
        if index == 4 {
            recorder.push_looked_at(&frame, &faces, &seen);
        } else {
            recorder.push(&frame, &faces);
        }
        while index > recorder.status().frames + 20 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    let status = recorder.stop();
    let (mut pan, mut source) = (Pan::new(0), Frame::empty());
    let mut pictures = 0;
    let times = frame_times(status.file.as_deref().unwrap()).unwrap().unwrap();
    decoded(&status.file.unwrap(), |index, picture| {
        let frame_index = times[index].frame_index;
        let faces = pan.render(frame_index, &mut source);
        faces.iter().for_each(|face| assert_hidden(PrivacyKind::Mesh, picture, &source, face));
        let is_one_colour = picture.pixels.chunks(3).all(|pixel| pixel == &picture.pixels[..3]);
        // From then on what is hidden grows until it is all of the picture.
        assert!(frame_index >= 8 || is_one_colour == (frame_index < 4), "frame {frame_index}");
        pictures += 1;
    });
    assert!(pictures >= 16, "{pictures} pictures");
}

/// The whole program: more heads than it tracks, from the first picture on.
#[test]
fn mien_record_hides_every_face() {
    if !mien_needs::ffmpeg() {
        return;
    }
    const SOURCE: &str = "synthetic?heads=7&width=960&height=360&fps=10&seed=5";
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("mien.toml");
    std::fs::write(&config, "version = 1\n[detection]\nmax_faces = 2\ndetect_every = 30\n").unwrap();
    let output = mien()
        .args(["record", "--no-stream", "--engine", "cpu", "--seconds", "4", "--video", "ffv1"])
        .args(["--privacy", "mesh", "--source", SOURCE, "--config"])
        .arg(&config)
        .arg("--out")
        .arg(folder.path())
        .output()
        .unwrap();
    let log = support::text(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(log.contains("faces in the video are hidden (mesh); not hidden are"), "{log}");
    let session = folder.path().join("sub-01_ses-01_task-default");
    let video = session.join("camera.mkv");
    let times = frame_times(&video).unwrap().unwrap();
    let mut settings = SyntheticSettings { width: 960, height: 360, rate_hz: 10.0, ..Default::default() };
    (settings.heads, settings.seed) = (7, 5);
    let (mut camera, mut source) = (SyntheticCamera::new(settings), Frame::empty());
    let count = decoded(&video, |index, picture| {
        camera.render(times[index].frame_index, 0, &mut source);
        assert_eq!(camera.truth().len(), 7);
        for face in camera.truth() {
            assert_hidden(PrivacyKind::Mesh, picture, &source, &face.bounds);
        }
    });
    assert!(count >= 5, "{count} pictures\n{log}");
    // Tracking such a video again is no use, which is said.
    let again = support::mien();
    let said = { again }
        .args(["track", "--engine", "cpu", "--frames", "1"])
        .arg(&session)
        .arg("--out")
        .arg(folder.path().join("again"))
        .output()
        .unwrap();
    assert!(
        support::text(&said.stderr).contains("faces in this video are hidden"),
        "{}",
        support::text(&said.stderr)
    );
}
