//! Pictures go through ffmpeg and come back, with their times. Skipped where ffmpeg is missing.

use std::path::Path;
use std::process::{Command, Stdio};

use mien_face::Frame;
use mien_ffmpeg::{Decoder, Encoder, FfmpegError};

fn have_ffmpeg() -> bool {
    let found = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: ffmpeg is not installed");
    }
    found
}

/// A grey picture whose left half is lighter.
fn picture(width: u32, height: u32, level: u8) -> Vec<u8> {
    (0..height)
        .flat_map(|_| (0..width).flat_map(move |x| [level + if x < width / 2 { 40 } else { 0 }; 3]))
        .collect()
}

fn write_video(path: &Path, width: u32, height: u32, times: &[i64]) {
    let mut encoder = Encoder::create(path, width, height, 30.0).unwrap();
    for (i, &nanos) in times.iter().enumerate() {
        encoder.write(&picture(width, height, 20 + 10 * i as u8), nanos).unwrap();
    }
    encoder.finish().unwrap();
}

#[test]
fn times_and_pictures_survive() {
    if !have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Names that ffmpeg would take for options, patterns and protocols.
    for name in ["-i evil %03d.mkv", "http:x.mkv", "concat:a|b.mkv", "größe '\".mkv"] {
        let path = folder.path().join(name);
        // A variable frame rate in whole milliseconds, the resolution of Matroska files.
        let times = [0, 33, 67, 100, 400, 417, 1000, 1001].map(|ms: i64| ms * 1_000_000);
        write_video(&path, 64, 48, &times);
        let mut decoder = Decoder::open(&path).unwrap();
        assert_eq!((decoder.info().width, decoder.info().height), (64, 48));
        let mut frame = Frame::empty();
        for (i, &nanos) in times.iter().enumerate() {
            assert!(decoder.next_frame(&mut frame).unwrap());
            assert_eq!((frame.frame_index, frame.capture_nanos), (i as u64, nanos));
            let expected = picture(64, 48, 20 + 10 * i as u8);
            let far = frame.pixels.iter().zip(&expected).filter(|(a, b)| a.abs_diff(**b) > 12).count();
            assert!(far * 20 < expected.len(), "frame {i}: {far} of {} bytes differ", expected.len());
        }
        assert!(!decoder.next_frame(&mut frame).unwrap());
        assert!(!decoder.next_frame(&mut frame).unwrap());
    }
}

#[test]
fn odd_sizes_are_padded_not_refused() {
    if !have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.mkv");
    write_video(&path, 33, 17, &[0, 40_000_000]);
    let decoder = Decoder::open(&path).unwrap();
    assert_eq!((decoder.info().width, decoder.info().height), (34, 18));
}

#[test]
fn damage_is_told_after_the_frames_before_it() {
    if !have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.mkv");
    let times: Vec<i64> = (0..20).map(|i| i * 33_000_000).collect();
    write_video(&whole, 320, 240, &times);
    let bytes = std::fs::read(&whole).unwrap();

    let cut = folder.path().join("cut.mp4");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let mut decoder = Decoder::open(&cut).unwrap();
    let mut frame = Frame::empty();
    let mut frames = 0;
    let end = loop {
        match decoder.next_frame(&mut frame) {
            Ok(true) => frames += 1,
            end => break end,
        }
    };
    match end {
        Err(FfmpegError::Damaged { frames: told, .. }) => assert_eq!(told, frames),
        other => panic!("{other:?} after {frames} frames"),
    }
    assert!((1..20).contains(&frames), "{frames}");
}

#[test]
fn what_is_no_video_is_refused_with_the_reason() {
    if !have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("empty.mp4", &b""[..]), ("garbage.mkv", &[0x55; 5000]), ("text.avi", b"hello")] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = Decoder::open(&path).err().expect("refused");
        assert!(matches!(error, FfmpegError::Unreadable { .. }), "{error:?}");
        assert!(error.to_string().contains(name), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn an_encoder_that_cannot_write_says_so() {
    if !have_ffmpeg() {
        return;
    }
    let path = Path::new("/nonexistent-folder/video.mkv");
    let mut encoder = match Encoder::create(path, 64, 48, 30.0) {
        Ok(encoder) => encoder,
        Err(error) => return assert!(error.to_string().contains("nonexistent-folder"), "{error}"),
    };
    let written = (0..1000).try_for_each(|i| encoder.write(&picture(64, 48, 0), i * 33_000_000));
    let error = written.and_then(|()| encoder.finish()).expect_err("cannot be written");
    assert!(error.to_string().contains("nonexistent-folder"), "{error}");
}

#[test]
fn a_decoder_dropped_midway_leaves_no_child() {
    if !have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.mkv");
    write_video(&path, 640, 480, &(0..20).map(|i| i * 33_000_000).collect::<Vec<_>>());
    let mut decoder = Decoder::open(&path).unwrap();
    let mut frame = Frame::empty();
    assert!(decoder.next_frame(&mut frame).unwrap());
    drop(decoder);
    let name = path.to_string_lossy().into_owned();
    let alive = std::fs::read_dir("/proc").into_iter().flatten().flatten().any(|entry| {
        std::fs::read(entry.path().join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&name))
    });
    assert!(!alive, "an ffmpeg of {name} is still there");
}
