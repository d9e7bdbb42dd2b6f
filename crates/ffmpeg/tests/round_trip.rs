//! Pictures go through ffmpeg and come back, with their times. Skipped where ffmpeg is missing.

use std::path::Path;
use std::process::Command;

use mien_face::Frame;
use mien_ffmpeg::{Decoder, Encoder, FfmpegError};

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
    if !mien_needs::ffmpeg() {
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
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.mkv");
    write_video(&path, 33, 17, &[0, 40_000_000]);
    let decoder = Decoder::open(&path).unwrap();
    assert_eq!((decoder.info().width, decoder.info().height), (34, 18));
}

/// Runs ffmpeg to make an input; whether it could.
fn ffmpeg(words: &str, folder: &Path) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).args(words.split(' ')).current_dir(folder);
    command.status().unwrap().success()
}

/// Rows and columns that are white, of a black picture with a white box.
fn white_box(frame: &Frame) -> [usize; 4] {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let white = |x: usize, y: usize| frame.pixels[(y * width + x) * 3] > 128;
    let columns: Vec<usize> = (0..width).filter(|&x| white(x, height / 2)).collect();
    let rows: Vec<usize> = (0..height).filter(|&y| white(width / 2, y)).collect();
    [columns[0], columns[columns.len() - 1] + 1, rows[0], rows[rows.len() - 1] + 1]
}

#[test]
fn pixels_that_are_not_square_are_made_square() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Stored, the box is 16 pixels wide and 32 high; shown, it is as wide as it is high.
    let picture = "color=black:s=64x48:r=5:d=1,drawbox=x=24:y=8:w=16:h=32:color=white:t=fill";
    for (name, aspect) in [("wide", "2/1"), ("square", "1/1"), ("unknown", "0/1")] {
        let words = format!("-f lavfi -i {picture},setsar={aspect} -c:v mpeg4 -q:v 1 {name}.mp4");
        assert!(ffmpeg(&words, folder.path()));
    }
    // The option is that of ffmpeg since 6, or before.
    let rotated = ffmpeg("-display_rotation 90 -i wide.mp4 -c copy rotated.mp4", folder.path())
        || ffmpeg("-i wide.mp4 -c copy -metadata:s:v rotate=90 rotated.mp4", folder.path());
    assert!(rotated);
    for (name, aspect, size, expected) in [
        ("wide", Some((2, 1)), (128, 48), [48, 80, 8, 40]),
        ("square", Some((1, 1)), (64, 48), [24, 40, 8, 40]),
        ("unknown", None, (64, 48), [24, 40, 8, 40]),
        // Turned, the pixels are half as wide as high; the height stays that of the turned picture.
        ("rotated", Some((2, 1)), (24, 64), [4, 20, 24, 40]),
    ] {
        let mut decoder = Decoder::open(&folder.path().join(name).with_extension("mp4")).unwrap();
        let info = decoder.info();
        assert!(info.pixel_aspect == aspect || aspect.is_none_or(|aspect| aspect == (1, 1)), "{info:?}");
        assert_eq!((info.width, info.height), size, "{name}");
        let mut frame = Frame::empty();
        assert!(decoder.next_frame(&mut frame).unwrap());
        let found = white_box(&frame);
        assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1), "{name}: {found:?}");
    }
}

#[test]
fn times_that_go_backwards_go_on_at_the_rate_and_are_told() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.mkv"), folder.path().join("two.mkv"));
    let times: Vec<i64> = (0..10).map(|i| i * 40_000_000).collect();
    write_video(&one, 64, 48, &times);
    // Matroska files can be strung together; the second one's times begin at 0 again.
    let bytes = std::fs::read(&one).unwrap();
    std::fs::write(&two, [bytes.clone(), bytes].concat()).unwrap();
    for (path, frames, mended) in [(&one, 10, None), (&two, 20, Some(10))] {
        let mut decoder = Decoder::open(path).unwrap();
        let interval = (1e9 / decoder.info().rate_hz.unwrap()).round() as i64;
        let mut frame = Frame::empty();
        let mut found = Vec::new();
        while decoder.next_frame(&mut frame).unwrap() {
            found.push(frame.capture_nanos);
        }
        let second = (0..frames - 10).map(|i| 360_000_000 + interval + i * 40_000_000);
        assert_eq!(found, times.iter().copied().chain(second).collect::<Vec<_>>());
        let told = decoder.mended_times();
        assert_eq!(told.map(|told| told.frames), mended);
        if let Some(told) = told {
            assert_eq!((told.frame_index, told.file_nanos, told.previous_file_nanos), (10, 0, 360_000_000));
            assert!(told.to_string().contains("go backwards at frame 10 (0.000 s after 0.360 s)"), "{told}");
        }
    }
}

#[test]
fn pictures_that_an_edit_list_leaves_out_are_read_all_the_same() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write_video(&folder.path().join("plain.mkv"), 64, 48, &[0, 40_000_000, 80_000_000]);
    let early = "-itsoffset -5 -i plain.mkv -c copy -avoid_negative_ts disabled early.mp4";
    assert!(ffmpeg(early, folder.path()));
    for (name, ignores) in [("plain.mkv", false), ("early.mp4", true)] {
        let mut decoder = Decoder::open(&folder.path().join(name)).unwrap();
        let mut frame = Frame::empty();
        let mut frames = 0;
        while decoder.next_frame(&mut frame).unwrap() {
            frames += 1;
        }
        assert_eq!((frames, decoder.ignores_edit_list()), (3, ignores), "{name}");
    }
}

#[test]
fn damage_is_told_after_the_frames_before_it() {
    if !mien_needs::ffmpeg() {
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
    if !mien_needs::ffmpeg() {
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
    if !mien_needs::ffmpeg() {
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
    if !mien_needs::ffmpeg() {
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
