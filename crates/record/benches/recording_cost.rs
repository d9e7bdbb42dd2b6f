//! What recording four cameras of 640×480 at 15 fps costs: `cargo bench -p mien-record [-- CLIP]`.
//!
//! The frames are those of a clip (made beforehand, so that decoding does not count) or, without one, a
//! moving pattern with noise, which is harder to encode than faces are. Everything that recording does is in
//! the figure: rows to XDF, pictures to ffmpeg, and ffmpeg itself.

use std::path::Path;
use std::time::{Duration, Instant};

use mien_clock::monotonic_nanos;
use mien_face::{Frame, FrameFaces, PixelFormat};
use mien_ffmpeg::Decoder;
use mien_record::{
    DiskLimits, Outputs, PrivacyKind, SessionNames, SessionPlan, VideoKind, VideoRecorder, check_session,
};
use mien_stream::{CameraDescription, StreamSettings};

const CAMERAS: usize = 4;
const RATE_HZ: f64 = 15.0;
const SECONDS: f64 = 20.0;

fn main() {
    let clip = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let frames = clip.as_deref().map_or_else(pattern, |clip| decoded(Path::new(clip)));
    println!("{} from {}", frames.len(), clip.as_deref().unwrap_or("a pattern"));
    for (name, video, privacy) in [
        ("no video", VideoKind::None, PrivacyKind::Full),
        ("H.264", VideoKind::H264, PrivacyKind::Full),
        ("H.264, faces blurred", VideoKind::H264, PrivacyKind::Blur),
        ("FFV1", VideoKind::Ffv1, PrivacyKind::Full),
    ] {
        measure(name, video, privacy, &frames);
    }
}

fn measure(name: &str, video: VideoKind, privacy: PrivacyKind, frames: &[Frame]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cameras = (0..CAMERAS)
        .map(|k| CameraDescription {
            name: format!("cam{k}"),
            filter: Some("One-Euro".to_owned()),
            ..CameraDescription::default()
        })
        .collect();
    let mut outputs = Outputs::new(cameras, StreamSettings::default(), false);
    let plan = SessionPlan {
        parent: folder.path().to_owned(),
        names: SessionNames { subject: "1".into(), session: "1".into(), task: "cost".into() },
        group: None,
        video,
        hardware: false,
        privacy,
        limits: DiskLimits::default(),
        configuration: String::new(),
        markers: outputs.markers(),
        cameras: outputs.camera_plans(&[RATE_HZ; CAMERAS], 63.0),
    };
    let recorder = outputs.start_recording(plan).expect("a recording");
    let session = recorder.folder().to_owned();
    let videos: Vec<_> =
        recorder.videos().iter().map(|plan| VideoRecorder::start(plan.clone()).expect("a video")).collect();

    let (cpu_before, start) = (cpu_seconds(), Instant::now());
    let mut faces = FrameFaces::boxed();
    (faces.face_count, faces.faces[0].track_id) = (1, 1);
    faces.faces[0].bounds.x2 = 120.0;
    faces.faces[0].bounds.y2 = 160.0;
    let mut picture = frames[0].clone();
    let mut slowest = Duration::ZERO;
    for index in 0..(SECONDS * RATE_HZ) as u64 {
        std::thread::sleep(Duration::from_secs_f64(index as f64 / RATE_HZ).saturating_sub(start.elapsed()));
        picture.clone_from(&frames[index as usize % frames.len()]);
        for camera in 0..CAMERAS {
            (faces.frame_index, faces.capture_nanos) = (index, monotonic_nanos());
            (faces.frame_width, faces.frame_height) = (picture.width, picture.height);
            (picture.frame_index, picture.capture_nanos) = (index, faces.capture_nanos);
            let before = Instant::now();
            outputs.push(camera, &faces);
            if let Some(video) = videos.get(camera) {
                video.push(&picture, &faces);
            }
            slowest = slowest.max(before.elapsed());
        }
    }
    let dropped: u64 = videos.into_iter().map(|video| video.stop().dropped_frames).sum();
    let summary = outputs.stop_recording().expect("it ends").expect("it ran");
    // ffmpeg has ended and been waited for, so its share is in the figure.
    let cores = (cpu_seconds() - cpu_before) / start.elapsed().as_secs_f64();
    let bytes: u64 = std::fs::read_dir(&session)
        .expect("the session's folder")
        .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
        .sum();
    let problems = check_session(&session, false).expect("a session").problems;
    println!(
        "{name}: {cores:.2} cores, {:.1} MB a minute, {dropped} pictures and {} rows dropped, slowest hand-over \
         {:.2} ms, problems {problems:?}",
        bytes as f64 / 1e6 * 60.0 / SECONDS,
        summary.status.dropped_frames,
        slowest.as_secs_f64() * 1e3
    );
}

/// Processor time of this process and of the children that have ended, in seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<f64> = stat
        .rsplit_once(')')
        .expect("the program's name is in parentheses")
        .1
        .split_whitespace()
        .filter_map(|field| field.parse().ok())
        .collect();
    // After the name and the state (which is no number): utime is the 11th number. In hundredths.
    fields[10..14].iter().sum::<f64>() / 100.0
}

fn decoded(clip: &Path) -> Vec<Frame> {
    let mut decoder = Decoder::open(clip).expect("a readable clip");
    let mut frames = Vec::new();
    let mut frame = Frame::empty();
    while frames.len() < 150 && decoder.next_frame(&mut frame).expect("a readable clip") {
        frames.push(frame.clone());
    }
    frames
}

fn pattern() -> Vec<Frame> {
    let mut seed = 1u32;
    (0..60u32)
        .map(|index| {
            let mut frame = Frame::empty();
            frame.reshape(640, 480, PixelFormat::Rgb8);
            for (y, row) in frame.pixels.chunks_exact_mut(frame.stride).enumerate() {
                for (x, value) in row.iter_mut().enumerate() {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *value = ((x as u32 / 6 + index) ^ (y as u32 / 2)) as u8 / 2 + (seed >> 30) as u8;
                }
            }
            frame
        })
        .collect()
}
