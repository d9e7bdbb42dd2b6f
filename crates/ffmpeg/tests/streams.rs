//! The right video stream of a file is read. Skipped where ffmpeg is missing.

mod support;

use std::path::Path;

use mien_ffmpeg::{DecodeOptions, Decoder, FfmpegError};
use support::{ffmpeg, read};

fn open(path: &Path, stream: Option<u32>) -> Decoder {
    Decoder::open_with(path, &DecodeOptions { stream, ..DecodeOptions::default() }).unwrap()
}

/// Number and width of the stream that is read, and what is told.
fn chosen(path: &Path) -> (u32, u32, Option<String>) {
    let decoder = open(path, None);
    (decoder.info().stream, decoder.info().width, decoder.info().choice.clone())
}

#[test]
fn a_cover_without_its_flag_is_no_video() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    ffmpeg("-f lavfi -i testsrc2=s=256x256 -frames:v 1 cover.jpg", folder.path());
    ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=1 -c:v libx264 video.mkv", folder.path());
    ffmpeg("-i cover.jpg -i video.mkv -map 0 -map 1 -c copy cover.mkv", folder.path());
    ffmpeg("-i cover.jpg -i video.mkv -map 0 -map 1 -c copy cover.mp4", folder.path());
    for name in ["cover.mkv", "cover.mp4"] {
        let (stream, width, told) = chosen(&at(name));
        assert_eq!((stream, width), (1, 64), "{name}: {told:?}");
        let told = told.unwrap();
        assert!(told.contains("left out: stream 0 (mjpeg, 256×256"), "{told}");
        let (_, frames, error) = read(&at(name), &DecodeOptions::default());
        assert!(error.is_none() && frames.len() == 25, "{error:?}, {} frames", frames.len());
        // Whoever wants the cover gets it.
        assert_eq!(open(&at(name), Some(0)).info().width, 256);
    }
    // One with its flag is not worth a word.
    ffmpeg(
        "-i cover.jpg -i video.mkv -map 0 -map 1 -c copy -disposition:0 attached_pic flag.mp4",
        folder.path(),
    );
    let (_, width, told) = chosen(&at("flag.mp4"));
    assert_eq!((width, told), (64, None));
}

#[test]
fn of_two_videos_the_default_one_is_read_or_the_larger() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, size) in [("large.mkv", "128x96"), ("small.mkv", "64x48")] {
        ffmpeg(&format!("-f lavfi -i testsrc2=s={size}:r=25:d=1 -c:v libx264 {name}"), folder.path());
    }
    for (name, first, second, dispositions, expected) in [
        ("second.mkv", "large", "small", "-disposition:0 0 -disposition:1 default", (1, 64)),
        ("first.mkv", "small", "large", "-disposition:0 default -disposition:1 0", (0, 64)),
        ("both.mkv", "small", "large", "-disposition:0 default -disposition:1 default", (1, 128)),
        ("none.mkv", "small", "large", "-disposition:0 0 -disposition:1 0", (1, 128)),
        ("alike.mkv", "small", "small", "-disposition:0 0 -disposition:1 0", (0, 64)),
    ] {
        let words = format!(
            "-i {first}.mkv -i {second}.mkv -map 0 -map 1 -c copy {dispositions} -default_mode passthrough {name}"
        );
        ffmpeg(&words, folder.path());
        let (stream, width, told) = chosen(&at(name));
        assert_eq!((stream, width), expected, "{name}: {told:?}");
        let other = format!("left out: stream {}", 1 - stream);
        assert!(told.as_ref().is_some_and(|told| told.contains(&other)), "{name}: {told:?}");
        let asked = open(&at(name), Some(1 - stream));
        assert_eq!(asked.info().stream, 1 - stream, "{name}");
    }
}

#[test]
fn a_stream_that_is_not_there_is_refused_with_those_that_are() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let words = "-f lavfi -i testsrc2=s=64x48:r=25:d=1 -f lavfi -i sine=d=1 -map 1 -map 0 -c:v libx264 -c:a flac av.mkv";
    ffmpeg(words, folder.path());
    let path = folder.path().join("av.mkv");
    assert_eq!(chosen(&path), (1, 64, None));
    for wrong in [0, 7] {
        let options = DecodeOptions { stream: Some(wrong), ..DecodeOptions::default() };
        let error = Decoder::open_with(&path, &options).err().expect("refused");
        assert!(matches!(error, FfmpegError::NoSuchStream { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains("av.mkv") && error.contains("stream 1 (h264, 64×48"), "{error}");
    }
}
