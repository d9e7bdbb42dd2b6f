//! Every frame has the time that its file gives it. Skipped where ffmpeg is missing.

mod support;

use std::path::Path;

use mien_ffmpeg::{DecodeOptions, Decoder};
use support::{ffmpeg, read};

fn micros(path: &Path) -> (Decoder, Vec<i64>) {
    let (decoder, frames, error) = read(path, &DecodeOptions::default());
    assert!(error.is_none(), "{error:?}");
    (decoder, frames.iter().map(|frame| frame.micros).collect())
}

/// Times of 20 pictures at 25 frames a second with a gap before one of them, give or take a tick of the file's.
fn assert_gap(found: &[i64], before: i64, gap_micros: i64) {
    let expected: Vec<i64> = (0..20).map(|i| i * 40_000 + if i < before { 0 } else { gap_micros }).collect();
    let near = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1000);
    assert!(near && found.len() == expected.len(), "{found:?} instead of {expected:?}");
}

#[test]
fn gaps_stay_as_long_as_they_are() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, codec, gap_seconds, is_told) in [
        ("short.ts", "libx264 -bf 2", 3_i64, false),
        ("long.ts", "libx264 -bf 2", 12, true),
        ("hour.ts", "libx264 -bf 0", 3600, true),
        ("long.ogg", "libvpx -deadline realtime", 12, true),
        ("day.mkv", "libx264 -bf 2", 31 * 3600, true),
        ("season.mkv", "libx264 -bf 2", 100 * 86_400, true),
        ("long.mp4", "libx264 -bf 2", 12, true),
    ] {
        let words = format!(
            "-f lavfi -i testsrc2=s=64x48:r=25:d=0.8 -vf setpts='if(gte(N,10),PTS+{gap_seconds}/TB,PTS)' \
             -vsync passthrough -c:v {codec} {name}"
        );
        ffmpeg(&words, folder.path());
        let (decoder, found) = micros(&folder.path().join(name));
        // Ogg's times are those at which pictures end: the one before the gap lasts that long.
        let before = if name.ends_with(".ogg") { 11 } else { 10 };
        assert_gap(&found, before, gap_seconds * 1_000_000);
        assert_eq!(decoder.mended_times(), None, "{name}");
        let told = decoder.time_gap();
        assert_eq!(told.map(|gap| gap.frame_index as i64), is_told.then_some(before), "{name}");
    }
}

#[test]
fn steps_back_of_a_transport_stream_are_told_and_mended() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let words = |start: u32, name: &str| {
        format!("-f lavfi -i testsrc2=s=64x48:r=25:d=0.4 -c:v libx264 -bf 2 -output_ts_offset {start} {name}")
    };
    ffmpeg(&words(0, "early.ts"), folder.path());
    ffmpeg(&words(50, "late.ts"), folder.path());
    let at = |name: &str| folder.path().join(name);
    let [early, late] = ["early.ts", "late.ts"].map(|name| std::fs::read(at(name)).unwrap());
    std::fs::write(at("same.ts"), [&early[..], &early].concat()).unwrap();
    std::fs::write(at("back.ts"), [&late[..], &early].concat()).unwrap();
    std::fs::write(at("forth.ts"), [&early[..], &late].concat()).unwrap();
    for (name, back_seconds) in [("same.ts", 0.36), ("back.ts", 50.36)] {
        let (decoder, found) = micros(&at(name));
        let even: Vec<i64> = (0..20).map(|i| i * 40_000).collect();
        assert!(found.iter().zip(&even).all(|(a, b)| (a - b).abs() < 100), "{name}: {found:?}");
        let told = decoder.mended_times().unwrap_or_else(|| panic!("{name}: nothing is told"));
        assert_eq!((told.frame_index, told.frames), (10, 10), "{name}");
        let back = (told.previous_file_nanos - told.file_nanos) as f64 / 1e9;
        assert!((back - back_seconds).abs() < 0.2, "{name}: {back}");
    }
    let (decoder, found) = micros(&at("forth.ts"));
    assert!((found[10] - 50_000_000).abs() < 200_000, "{found:?}");
    assert_eq!((decoder.mended_times(), decoder.time_gap().unwrap().frame_index), (None, 10));
}

#[test]
fn a_clock_that_overflows_goes_on() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // 33 bits of 90 kHz: 95,443.7 seconds.
    let words = "-f lavfi -i testsrc2=s=64x48:r=25:d=0.8 -c:v libx264 -bf 2 -muxdelay 0 \
                 -output_ts_offset 95443.3 over.ts";
    ffmpeg(words, folder.path());
    let (decoder, found) = micros(&folder.path().join("over.ts"));
    assert_gap(&found, 10, 0);
    assert_eq!((decoder.mended_times(), decoder.time_gap()), (None, None));
}

#[test]
fn a_video_whose_container_knows_only_times_of_decoding_begins_at_zero() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, codec) in [
        ("plain.avi", "mpeg4 -bf 0"),
        ("mpeg4.avi", "mpeg4 -bf 2"),
        ("mpeg2.avi", "mpeg2video -bf 2"),
        ("h264.avi", "libx264 -bf 3"),
        ("mjpeg.avi", "mjpeg"),
    ] {
        ffmpeg(&format!("-f lavfi -i testsrc2=s=64x48:r=25:d=0.8 -c:v {codec} {name}"), folder.path());
        let (decoder, found) = micros(&folder.path().join(name));
        let even: Vec<i64> = (0..20).map(|i| i * 40_000).collect();
        assert_eq!((found, decoder.mended_times()), (even, None), "{name}");
    }
}

#[test]
fn a_video_that_begins_later_than_its_sound_keeps_its_place() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=0.8 -c:v libx264 -bf 2 video.mkv", folder.path());
    ffmpeg("-f lavfi -i sine=d=3 -c:a flac sound.mka", folder.path());
    for name in ["late.mkv", "late.mp4", "late.ts"] {
        let audio = if name == "late.mkv" { "copy" } else { "aac" };
        let words =
            format!("-i sound.mka -itsoffset 1.5 -i video.mkv -map 0 -map 1 -c:v copy -c:a {audio} {name}");
        ffmpeg(&words, folder.path());
        let (_, found) = micros(&folder.path().join(name));
        // What the encoder of the sound puts in front belongs to the sound.
        assert!((found[0] - 1_500_000).abs() < 60_000, "{name}: {found:?}");
        assert!(found.windows(2).all(|pair| (pair[1] - pair[0] - 40_000).abs() <= 1000), "{name}: {found:?}");
    }
}
