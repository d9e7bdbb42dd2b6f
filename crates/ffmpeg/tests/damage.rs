//! Damaged pictures are told from whole ones. Skipped where ffmpeg is missing.

mod support;

use std::path::Path;

use mien_ffmpeg::{DecodeOptions, Decoder, FfmpegError};
use support::{Read, ffmpeg, read};

/// Moving noise, so that every picture has something to lose.
const NOISE: &str = "-f lavfi -i testsrc2=s=160x120:r=25:d=4,noise=alls=8:allf=t";

/// Overwrites bytes in the middle of a file.
fn damage(from: &Path, to: &Path, at: f64, count: usize) {
    let mut bytes = std::fs::read(from).unwrap();
    let start = (bytes.len() as f64 * at) as usize;
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for byte in &mut bytes[start..start + count] {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = (state >> 56) as u8;
    }
    std::fs::write(to, bytes).unwrap();
}

fn is_whole(frames: &[Read]) -> bool {
    frames.iter().all(|frame| !frame.is_damaged)
}

/// Numbers of frames that are not as they were taken, found by their time.
fn wrong(whole: &[Read], found: &[Read]) -> Vec<usize> {
    let same = |frame: &Read| whole.iter().any(|was| was.micros == frame.micros && was.hash == frame.hash);
    (0..found.len()).filter(|&i| !same(&found[i])).collect()
}

#[test]
fn damaged_frames_are_marked_up_to_the_next_that_stands_for_itself() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, codec, intra_only) in [
        ("h264.mp4", "libx264 -g 25 -bf 2 -crf 28", false),
        ("h264.mkv", "libx264 -g 25 -bf 3 -crf 28 -x264-params open-gop=1", false),
        ("mpeg4.mp4", "mpeg4 -g 25 -q:v 5", false),
        ("mpeg2.mkv", "mpeg2video -g 25 -bf 2 -q:v 5", false),
        ("hevc.mp4", "libx265 -crf 28 -x265-params log-level=0:keyint=25:hash=1", false),
        ("mjpeg.mkv", "mjpeg -q:v 5", true),
        ("ffv1.mkv", "ffv1 -g 1 -slices 4 -slicecrc 1", true),
    ] {
        ffmpeg(&format!("{NOISE} -c:v {codec} {name}"), folder.path());
        let (_, whole, error) = read(&at(name), &DecodeOptions::default());
        assert!(error.is_none() && whole.len() == 100 && is_whole(&whole), "{name}: {error:?}");
        let bad = at(&format!("bad-{name}"));
        // Not every byte matters, and decoders take some nonsense for pictures without a word.
        let matters = |place: &f64| {
            damage(&at(name), &bad, *place, 60);
            let (decoder, found, _) = read(&bad, &DecodeOptions::default());
            decoder.damage().is_some() && !wrong(&whole, &found).is_empty()
        };
        let places = [0.4, 0.43, 0.46, 0.49, 0.52, 0.55, 0.58];
        assert!(places.iter().any(matters), "{name}: no damage is seen");
        for steady in [false, true].into_iter().take(if name == "h264.mp4" { 2 } else { 1 }) {
            let (decoder, found, error) = read(&bad, &DecodeOptions { steady, ..DecodeOptions::default() });
            assert!(
                error.is_none() || matches!(error, Some(FfmpegError::Damaged { .. })),
                "{name}: {error:?}"
            );
            let marked: Vec<usize> = (0..found.len()).filter(|&i| found[i].is_damaged).collect();
            let wrong = wrong(&whole, &found);
            assert!(wrong.iter().all(|i| marked.contains(i)), "{name}: {wrong:?} wrong, {marked:?} marked");
            // Not much is marked that is whole: what the decoder kept back, and a group of pictures.
            let most = if intra_only { 1 } else { 4 + 30 };
            assert!(marked.len() <= wrong.len() + most, "{name}: {wrong:?} wrong, {marked:?} marked");
            let told = decoder.damage().unwrap_or_else(|| panic!("{name}: nothing is told"));
            assert_eq!((told.frames, told.first_frame), (marked.len() as u64, marked[0] as u64), "{name}");
            assert!(!told.reason.is_empty(), "{name}");
        }
    }
}

#[test]
fn a_transport_stream_that_lost_packets_is_marked_and_one_that_begins_late_is_not() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    ffmpeg(&format!("{NOISE} -c:v libx264 -g 25 -bf 2 -crf 28 whole.ts"), folder.path());
    let bytes = std::fs::read(at("whole.ts")).unwrap();
    let packets: Vec<&[u8]> = bytes.chunks(188).collect();
    let (third, half) = (packets.len() / 3, packets.len() / 2);
    std::fs::write(at("late.ts"), packets[third..].concat()).unwrap();
    std::fs::write(at("lossy.ts"), [packets[..half].concat(), packets[half + 2..].concat()].concat())
        .unwrap();

    let (decoder, found, error) = read(&at("late.ts"), &DecodeOptions::default());
    assert!(error.is_none() && found.len() >= 50, "{error:?}, {} frames", found.len());
    assert!(is_whole(&found) && decoder.damage().is_none(), "{:?}", decoder.damage());

    let (_, whole, _) = read(&at("whole.ts"), &DecodeOptions::default());
    let (_, found, _) = read(&at("lossy.ts"), &DecodeOptions::default());
    let wrong = wrong(&whole, &found);
    let marked: Vec<usize> = (0..found.len()).filter(|&i| found[i].is_damaged).collect();
    assert!(wrong.iter().all(|i| marked.contains(i)), "{wrong:?} wrong, {marked:?} marked");
    assert!(!wrong.is_empty(), "the loss is not seen; {marked:?} marked");
    assert!(is_whole(&found[..20]) && is_whole(&found[found.len() - 10..]));
}

#[test]
fn a_frame_that_is_missing_is_an_error_at_the_end() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    ffmpeg(&format!("{NOISE} -c:v mjpeg -q:v 5 -f mjpeg whole.mjpeg"), folder.path());
    let mut bytes = std::fs::read(at("whole.mjpeg")).unwrap();
    // The table of a picture's header in the middle says nonsense.
    let middle = bytes.len() / 2;
    let header = (middle..).find(|&i| bytes[i..].starts_with(&[0xFF, 0xC0])).unwrap();
    bytes[header + 2..header + 12].fill(0);
    std::fs::write(at("missing.mjpeg"), &bytes).unwrap();
    ffmpeg("-f mjpeg -i missing.mjpeg -c copy missing.mkv", folder.path());
    let (_, found, error) = read(&at("missing.mkv"), &DecodeOptions::default());
    assert!(is_whole(&found) && found.len() >= 95, "{} frames", found.len());
    match error {
        Some(FfmpegError::Damaged { frames, .. }) => assert_eq!(frames, found.len() as u64),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_frame_of_a_decoder_that_was_restarted_is_the_next_one() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    ffmpeg(&format!("{NOISE} -c:v libx264 -g 25 -bf 2 -crf 28 whole.mp4"), folder.path());
    damage(&at("whole.mp4"), &at("bad.mp4"), 0.6, 60);
    let (_, found, _) = read(&at("bad.mp4"), &DecodeOptions::default());
    let times: Vec<i64> = found.iter().map(|frame| frame.micros).collect();
    assert!(times.windows(2).all(|pair| (40_000..=120_000).contains(&(pair[1] - pair[0]))), "{times:?}");
    let decoder = Decoder::open(&at("bad.mp4")).unwrap();
    assert_eq!(decoder.damage(), None, "nothing was read yet");
}
