//! What `mien track` says of inputs that are not as they should be, in the file beside the results and on
//! standard error.

mod support;

use std::path::Path;
use std::process::Command;

use mien_ffmpeg::Encoder;
use support::{fail, have_ffmpeg, json, mien, rows, succeed};

/// Runs ffmpeg to make an input.
fn ffmpeg(words: &str, folder: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).args(words.split(' ')).current_dir(folder);
    assert!(command.status().unwrap().success());
}

#[test]
fn pixels_and_times_that_were_mended_are_told() {
    let Some(mut command) = have_ffmpeg().then(mien).flatten() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    ffmpeg("-f lavfi -i testsrc2=s=90x72:r=25:d=0.2,setsar=64/45 -c:v ffv1 one.mkv", folder.path());
    let one = std::fs::read(at("one.mkv")).unwrap();
    std::fs::write(at("two.mkv"), [one.clone(), one].concat()).unwrap();
    command.arg("track").arg(at("two.mkv")).args(["--annotate", "--out"]).arg(at("out"));
    let output = command.output().unwrap();
    let errors = support::text(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors.matches("two.mkv: the file's times go backwards at frame 5").count(), 1, "{errors}");

    let meta = json(&at("out/two.meta.json"));
    let input = &meta["input"];
    assert_eq!((&input["width"], &input["height"]), (&128.into(), &72.into()));
    assert_eq!(input["pixel_aspect"], serde_json::json!([64, 45]));
    assert_eq!(meta["complete"], true);
    let note = meta["notes"][0].as_str().unwrap();
    assert!(note.contains("frame 5 (0.000 s after 0.160 s)"), "{note}");
    let times: Vec<f64> =
        rows(&at("out/two.jsonl")).iter().map(|row| row["time"].as_f64().unwrap()).collect();
    assert_eq!(times.len(), 10);
    assert!(times.iter().enumerate().all(|(i, time)| (time - i as f64 / 25.0).abs() < 1e-6), "{times:?}");
    let annotated = mien_ffmpeg::Decoder::open(&at("out/two.annotated.mkv")).unwrap();
    assert_eq!((annotated.info().width, annotated.info().height), (128, 72));
}

#[test]
fn a_cut_picture_is_no_picture() {
    let Some(mut command) = have_ffmpeg().then(mien).flatten() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    ffmpeg("-f lavfi -i testsrc2=s=320x240 -frames:v 1 cut.jpg", folder.path());
    let jpeg = std::fs::read(at("cut.jpg")).unwrap();
    std::fs::write(at("cut.jpg"), &jpeg[..jpeg.len() - 20]).unwrap();
    let line = fail(command.arg("track").arg(at("cut.jpg")).arg("--out").arg(at("out")));
    assert!(line.contains("cut.jpg") && line.contains("cut off"), "{line}");
    assert_eq!(rows(&at("out/cut.jsonl")).len(), 0);
}

/// A session with videos of these cameras: pictures, and rows beside them.
fn session(folder: &Path, cameras: &[(&str, u64, u64)]) {
    let configuration = mien_config::print(&mien_config::Config::default());
    let mut text = format!(
        "version = 1\nmien_version = \"0\"\nstate = \"complete\"\nsubject = \"1\"\nsession = \"1\"\n\
         task = \"t\"\nstarted = \"2026-01-01T00:00:00.000Z\"\nstarted_lsl_seconds = 0.0\n\
         unix_minus_lsl_seconds = 0.0\nprivacy = \"full\"\nvideo = \"h264\"\n\
         configuration = '''\n{configuration}'''\n"
    );
    for &(name, pictures, times) in cameras {
        text += &format!(
            "[[cameras]]\nname = \"{name}\"\nsource = \"x\"\nrate_hz = 25.0\nengine = \"cpu\"\n\
             vertical_fov_deg = 63.0\n"
        );
        let video = folder.join(format!("{name}.mkv"));
        let mut encoder = Encoder::create(&video, 64, 48, 25.0).unwrap();
        for picture in 0..pictures {
            encoder.write(&[90; 64 * 48 * 3], picture as i64 * 40_000_000).unwrap();
        }
        encoder.finish().unwrap();
        let rows: String = (0..times).map(|i| format!("{i},{},{}.040000000,0\n", 100 + i, 7 + i)).collect();
        let header = "video_frame,frame_index,capture_seconds,dropped_before\n";
        std::fs::write(folder.join(format!("{name}_frames.csv")), format!("{header}{rows}")).unwrap();
    }
    std::fs::write(folder.join("session.toml"), text).unwrap();
}

#[test]
fn a_session_with_too_few_frame_times_is_one_error() {
    let Some(mut command) = have_ffmpeg().then(mien).flatten() else { return };
    let folder = tempfile::tempdir().unwrap();
    session(folder.path(), &[("cam", 6, 2)]);
    let out = folder.path().join("out");
    let output = command.arg("track").arg(folder.path()).arg("--out").arg(&out).output().unwrap();
    let errors = support::text(&output.stderr);
    let line = support::refusal(&output);
    assert!(line.contains("cam.mkv") && line.contains("than the 2 frame times beside it"), "{line}");
    assert!(!errors.contains("permissions"), "{errors}");
    assert_eq!(errors.matches("more pictures").count(), 1, "{errors}");
    let rows = rows(&out.join("cam.jsonl"));
    assert_eq!(rows.iter().map(|row| row["frame"].as_u64()).collect::<Vec<_>>(), [Some(100), Some(101)]);
    assert_eq!(json(&out.join("cam.meta.json"))["complete"], false);
}

#[test]
fn a_camera_of_a_session_without_its_files_is_told_and_the_others_are_tracked() {
    if !have_ffmpeg() {
        return;
    }
    for (missing, words) in
        [("one.mkv", "one.mkv is missing"), ("one_frames.csv", "one.mkv has no frame times beside it")]
    {
        let Some(mut command) = mien() else { return };
        let folder = tempfile::tempdir().unwrap();
        session(folder.path(), &[("one", 3, 3), ("two", 3, 3)]);
        // Somebody's own: no camera's, so no input.
        std::fs::copy(folder.path().join("two.mkv"), folder.path().join("two.annotated.mkv")).unwrap();
        std::fs::remove_file(folder.path().join(missing)).unwrap();
        let out = folder.path().join("out");
        let output = command.arg("track").arg(folder.path()).arg("--out").arg(&out).output().unwrap();
        let errors = support::text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(words) && errors.contains("mien session check"), "{errors}");
        assert!(errors.contains("1 of 2 inputs failed"), "{errors}");
        assert_eq!(rows(&out.join("two.jsonl")).len(), 3);
    }
    let folder = tempfile::tempdir().unwrap();
    session(folder.path(), &[("one", 3, 3), ("two", 3, 3)]);
    let Some(mut command) = mien() else { return };
    succeed(command.arg("track").arg(folder.path()).arg("--out").arg(folder.path().join("out")));
}
