//! `mien track` over still pictures: their names, their pages, how they are turned, and what is hidden in them.

mod support;

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use mien_annotate::write_png;
use mien_capture::{Frame, PixelFormat, Rotation, Step, open, rotated};
use support::{fail, json, mien, rows, succeed};

/// The synthetic camera's first picture, turned.
fn head(rotation: Rotation) -> Frame {
    let mut source = rotated(open("synthetic?heads=1&width=320&height=240&motion=still").unwrap(), rotation);
    let mut frame = Frame::empty();
    assert_eq!(source.next_frame(&mut frame).unwrap(), Step::Frame);
    frame
}

fn write(frame: &Frame, path: &Path) {
    write_png(path, &frame.pixels, frame.width, frame.height).unwrap();
}

/// Has ffmpeg make another picture of one.
fn convert(from: &Path, words: &str, to: &Path) {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(from)
        .args(words.split_ascii_whitespace())
        .arg(to);
    assert!(command.status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn names_of_every_kind_have_their_results() {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut command = mien();
    let folder = tempfile::tempdir().unwrap();
    let long = |count: usize| [vec![b'n'; count], b".png".to_vec()].concat();
    let names: Vec<Vec<u8>> = vec![
        long(241),
        long(245),
        long(249),
        long(251),
        ["名".repeat(83).into_bytes(), b".png".to_vec()].concat(),
        b"my%20dog.png".to_vec(),
        b"%d.png".to_vec(),
        b"caf\xE9.png".to_vec(),
        b"caf\xE8.png".to_vec(),
        b"line\nbreak.png".to_vec(),
        b"file:x.png".to_vec(),
        "caf\u{e9}.png".into(),
        "cafe\u{301}.png".into(),
        b".png.png".to_vec(),
        b"-.png".to_vec(),
    ];
    let mut picture = head(Rotation::None);
    picture.reshape(16, 16, PixelFormat::Rgb8);
    for name in &names {
        write(&picture, &folder.path().join(std::ffi::OsStr::from_bytes(name)));
    }
    let out = folder.path().join("out");
    command.current_dir(&folder).arg("track").args(["--annotate", "--out"]).arg(&out).arg("--");
    succeed(command.args(names.iter().cloned().map(OsString::from_vec)));
    let mut results: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    results.retain(|path| path.to_string_lossy().ends_with(".meta.json"));
    assert_eq!(results.len(), names.len(), "{results:?}");
    for path in results {
        let meta = json(&path);
        assert_eq!((&meta["complete"], &meta["frames"]), (&true.into(), &1.into()), "{}", path.display());
        let beside = |ending: &str| {
            let stem = path.file_name().unwrap().to_str().unwrap().strip_suffix(".meta.json").unwrap();
            out.join(format!("{stem}.{ending}"))
        };
        assert!(beside("jsonl").is_file() && beside("annotated.png").is_file(), "{}", path.display());
    }
    // A folder of them, too.
    let mut command = mien();
    let all = folder.path().join("out-of-folder");
    succeed(command.arg("track").arg(folder.path()).args(["--annotate", "--out"]).arg(&all));
    let drawn =
        std::fs::read_dir(&all).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir());
    // Except for the one whose name begins with a dot.
    assert_eq!(std::fs::read_dir(drawn.unwrap()).unwrap().count(), names.len() - 1);
}

#[test]
fn pictures_that_are_turned_are_tracked_as_if_upright() {
    let folder = tempfile::tempdir().unwrap();
    let landmarks = |file: &str, degrees: &str, out: &str| {
        let mut command = mien();
        let out = folder.path().join(out);
        let tracked = command.arg("track").arg(folder.path().join(file)).args(["--rotate", degrees, "--out"]);
        succeed(tracked.arg(&out));
        let stem = file.strip_suffix(".png").unwrap();
        assert_eq!(
            json(&out.join(format!("{stem}.meta.json")))["settings"]["rotate_deg"].to_string(),
            degrees
        );
        rows(&out.join(format!("{stem}.jsonl")))[0]["faces"][0]["landmarks"].clone()
    };
    write(&head(Rotation::None), &folder.path().join("upright.png"));
    let upright = landmarks("upright.png", "0", "0");
    assert!(upright.is_array());
    for (rotation, back) in
        [(Rotation::Clockwise90, "270"), (Rotation::Half, "180"), (Rotation::Clockwise270, "90")]
    {
        write(&head(rotation), &folder.path().join("turned.png"));
        assert_eq!(landmarks("turned.png", back, back), upright, "{rotation}");
    }
    let mut command = mien();
    let output = command.args(["track", "x.png", "--rotate", "45", "--out", "o"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(support::text(&output.stderr).contains("use 0, 90, 180 or 270"));
}

#[test]
fn a_face_that_nobody_sees_is_not_tracked() {
    let mut command = mien();
    let folder = tempfile::tempdir().unwrap();
    let frame = head(Rotation::None);
    let file = std::fs::File::create(folder.path().join("hidden.png")).unwrap();
    let mut encoder = png::Encoder::new(file, frame.width, frame.height);
    encoder.set_color(png::ColorType::Rgba);
    let pixels: Vec<u8> = frame.pixels.chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 0]).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    write(&frame, &folder.path().join("seen.png"));
    let out = folder.path().join("out");
    let inputs = ["hidden.png", "seen.png"].map(|name| folder.path().join(name));
    succeed(command.arg("track").args(&inputs).arg("--out").arg(&out));
    let faces = |name: &str| rows(&out.join(name))[0]["faces"].as_array().unwrap().len();
    assert_eq!((faces("hidden.jsonl"), faces("seen.jsonl")), (0, 1));
}

#[test]
fn every_kind_of_picture_is_tracked_as_a_png_is() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let mut command = mien();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&head(Rotation::None), &at("a.png"));
    for name in ["b.bmp", "c.tif", "my%20dog.bmp"] {
        convert(&at("a.png"), "-frames:v 1 -update 1 -f image2pipe -c:v bmp", &at(name));
    }
    convert(&at("a.png"), "-frames:v 1 -update 1 -pix_fmt rgb24", &at("c.tif"));
    let out = at("out");
    let inputs = ["a.png", "b.bmp", "c.tif", "my%20dog.bmp"].map(at);
    succeed(command.arg("track").args(&inputs).args(["--annotate", "--out"]).arg(&out));
    let first = rows(&out.join("a.jsonl"));
    assert_eq!(first[0]["faces"].as_array().unwrap().len(), 1);
    for name in ["b", "c", "my%20dog"] {
        assert_eq!(rows(&out.join(format!("{name}.jsonl"))), first, "{name}");
        assert_eq!(json(&out.join(format!("{name}.meta.json")))["input"]["kind"], "images");
        assert!(out.join(format!("{name}.annotated.png")).is_file(), "{name}");
    }
    // Of several, one that cannot be read is named, and the others are there.
    let mut command = mien();
    std::fs::write(at("bad.heic"), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap();
    let line = fail(command.arg("track").arg(folder.path()).arg("--out").arg(at("all")));
    assert!(line.contains("bad.heic"), "{line}");
}
