//! Every frame is upright and has its own shape. Skipped where ffmpeg is missing.

mod support;

use mien_ffmpeg::DecodeOptions;
use support::{Read, ffmpeg, is_near, read};

/// A black picture with a white box, 12 frames of it.
const BOX: &str = "-f lavfi -i color=black:s=64x48:r=25:d=0.48,drawbox=x=8:y=4:w=12:h=20:color=white:t=fill";

/// Size of the pictures and place of the box, by the eight values of EXIF's orientation.
const ORIENTED: [((u32, u32), [usize; 4]); 8] = [
    ((64, 48), [8, 20, 4, 24]),
    ((64, 48), [44, 56, 4, 24]),
    ((64, 48), [44, 56, 24, 44]),
    ((64, 48), [8, 20, 24, 44]),
    ((48, 64), [4, 24, 8, 20]),
    ((48, 64), [24, 44, 8, 20]),
    ((48, 64), [24, 44, 44, 56]),
    ((48, 64), [4, 24, 44, 56]),
];

fn assert_shape(frame: &Read, size: (u32, u32), white: [usize; 4], what: &str) {
    assert_eq!(frame.size, size, "{what}");
    assert!(is_near(frame.white, white), "{what}: {frame:?} instead of {white:?}");
}

/// A JPEG with EXIF data that have nothing but this orientation.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"\xFF\xE1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    [&jpeg[..2], &exif, &jpeg[2..]].concat()
}

#[test]
fn pictures_of_a_camera_that_was_turned_are_upright() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    ffmpeg(&format!("{BOX} -frames:v 1 -q:v 2 box.jpg"), folder.path());
    let jpeg = std::fs::read(at("box.jpg")).unwrap();
    let mut all = Vec::new();
    for (orientation, (size, white)) in (1..).zip(ORIENTED) {
        let turned = with_orientation(&jpeg, orientation);
        std::fs::write(at("turned.mjpeg"), turned.repeat(3)).unwrap();
        all.extend(turned);
        ffmpeg("-f mjpeg -i turned.mjpeg -c copy turned.avi", folder.path());
        let (decoder, frames, error) = read(&at("turned.avi"), &DecodeOptions::default());
        assert!(error.is_none() && frames.len() == 3, "{error:?}");
        assert_eq!((decoder.info().width, decoder.info().height), size, "orientation {orientation}");
        frames
            .iter()
            .for_each(|frame| assert_shape(frame, size, white, &format!("orientation {orientation}")));
    }
    // A camera that is turned while it records.
    std::fs::write(at("all.mjpeg"), all).unwrap();
    ffmpeg("-f mjpeg -i all.mjpeg -c copy all.mkv", folder.path());
    let (_, frames, error) = read(&at("all.mkv"), &DecodeOptions::default());
    assert!(error.is_none() && frames.len() == 8, "{error:?}");
    for (orientation, (frame, (size, white))) in (1..).zip(frames.iter().zip(ORIENTED)) {
        assert_shape(frame, size, white, &format!("picture of orientation {orientation}"));
    }
}

#[test]
fn orientation_in_the_stream_is_applied() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (degrees, orientation) in [(90, 8), (180, 3), (270, 6)] {
        // The bit stream counts anticlockwise.
        let words = format!(
            "{BOX} -c:v libx264 -qp 10 -bsf:v h264_metadata=display_orientation=insert:rotate={degrees} sei.mkv"
        );
        ffmpeg(&words, folder.path());
        let (decoder, frames, error) = read(&folder.path().join("sei.mkv"), &DecodeOptions::default());
        assert!(error.is_none() && frames.len() == 12, "{error:?}");
        let (size, white) = ORIENTED[orientation - 1];
        assert_eq!((decoder.info().width, decoder.info().height), size);
        frames.iter().for_each(|frame| assert_shape(frame, size, white, &format!("{degrees} degrees")));
    }
}

#[test]
fn frames_of_another_size_keep_their_shape() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let parts = [
        ("a.ts", "scale=64:48", (64, 48), [8, 20, 4, 24]),
        // Larger, and narrower.
        ("b.ts", "scale=128:96,crop=72:96:0:0", (72, 96), [16, 40, 8, 48]),
        // Of pixels twice as wide as high.
        ("c.ts", "scale=96:48,setsar=2", (192, 48), [24, 60, 4, 24]),
        // Small again.
        ("d.ts", "scale=32:24", (32, 24), [4, 10, 2, 12]),
    ];
    let mut bytes = Vec::new();
    for (name, filter, ..) in parts {
        ffmpeg(&format!("{BOX} -vf {filter} -c:v libx264 -qp 10 -bf 2 {name}"), folder.path());
        bytes.extend(std::fs::read(at(name)).unwrap());
    }
    std::fs::write(at("all.ts"), bytes).unwrap();
    let (decoder, frames, error) = read(&at("all.ts"), &DecodeOptions::default());
    assert!(error.is_none() && frames.len() == 48, "{error:?}, {} frames", frames.len());
    assert_eq!((decoder.info().width, decoder.info().height), (64, 48));
    for (index, frame) in frames.iter().enumerate() {
        let (name, _, size, white) = parts[index / 12];
        assert_shape(frame, size, white, &format!("frame {index} of {name}"));
        assert!(!frame.is_damaged, "frame {index}");
    }
    assert_eq!(decoder.mended_times().unwrap().frame_index, 12);
}

#[test]
fn what_is_transparent_is_not_seen() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Two white boxes, the right one wholly transparent.
    let boxes = "255*(between(X,8,19)+between(X,40,51))*between(Y,4,23)";
    let picture = format!(
        "-f lavfi -i color=black:s=64x48:r=25:d=0.2,format=rgba,\
         geq=r='{boxes}':g='{boxes}':b='{boxes}':a='255*lt(X,32)'"
    );
    for name in ["clip.mov -c:v qtrle", "clip.mkv -c:v ffv1", "clip.apng -plays 0"] {
        let (name, codec) = name.split_once(' ').unwrap();
        ffmpeg(&format!("{picture} {codec} {name}"), folder.path());
        let (_, frames, error) = read(&folder.path().join(name), &DecodeOptions::default());
        assert!(error.is_none() && frames.len() == 5, "{name}: {error:?}, {} frames", frames.len());
        frames.iter().for_each(|frame| assert_shape(frame, (64, 48), [8, 20, 4, 24], name));
    }
}
