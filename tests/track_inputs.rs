//! What `mien track` says of inputs that are not as they should be, in the file beside the results and on
//! standard error.

mod support;

use std::path::Path;
use std::process::Command;

use mien_ffmpeg::Encoder;
use support::{fail, json, mien, rows, succeed};

/// Runs ffmpeg to make an input.
fn ffmpeg(words: &str, folder: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).args(words.split(' ')).current_dir(folder);
    assert!(command.status().unwrap().success());
}

#[test]
fn pixels_and_times_that_were_mended_are_told() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let mut command = mien();
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
    if !mien_needs::ffmpeg() {
        return;
    }
    let mut command = mien();
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
    if !mien_needs::ffmpeg() {
        return;
    }
    let mut command = mien();
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
    if !mien_needs::ffmpeg() {
        return;
    }
    for (missing, words) in
        [("one.mkv", "one.mkv is missing"), ("one_frames.csv", "one.mkv has no frame times beside it")]
    {
        let mut command = mien();
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
    let mut command = mien();
    succeed(command.arg("track").arg(folder.path()).arg("--out").arg(folder.path().join("out")));
}

/// Overwrites bytes in the middle of a file.
fn damage(from: &Path, to: &Path, at: f64) {
    let mut bytes = std::fs::read(from).unwrap();
    let start = (bytes.len() as f64 * at) as usize;
    for (k, byte) in bytes[start..start + 60].iter_mut().enumerate() {
        *byte = (k * 37 + 11) as u8;
    }
    std::fs::write(to, bytes).unwrap();
}

#[test]
fn damaged_frames_are_marked_or_left_out() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let words = "-f lavfi -i testsrc2=s=160x120:r=25:d=1,noise=alls=8:allf=t -c:v mjpeg -q:v 5 whole.avi";
    ffmpeg(words, folder.path());
    // Not every byte matters to a decoder.
    let is_damaged = |place: &f64| {
        damage(&at("whole.avi"), &at("bad.avi"), *place);
        let mut decoder = mien_ffmpeg::Decoder::open(&at("bad.avi")).unwrap();
        let mut frame = mien_face::Frame::empty();
        while decoder.next_frame(&mut frame).is_ok_and(|more| more) {}
        decoder.damage().is_some_and(|damage| damage.frames == 1)
    };
    assert!([0.5, 0.53, 0.56, 0.6].iter().any(is_damaged), "no damage is seen");

    let run = |arguments: &[&str], out: &str| {
        let mut command = mien();
        command.arg("track").arg(at("bad.avi")).args(arguments).arg("--out").arg(at(out));
        command.output().unwrap()
    };
    let marked = run(&[], "marked");
    let errors = support::text(&marked.stderr);
    assert_eq!(marked.status.code(), Some(1), "{errors}");
    assert!(errors.lines().last().unwrap().contains("bad.avi: frame"), "{errors}");
    let all = rows(&at("marked/bad.jsonl"));
    let damaged: Vec<u64> =
        all.iter().filter(|row| row["damaged"] == true).map(|row| row["frame"].as_u64().unwrap()).collect();
    assert_eq!((all.len(), damaged.len()), (25, 1), "{damaged:?}");
    let meta = json(&at("marked/bad.meta.json"));
    assert_eq!((&meta["complete"], &meta["damaged_frames"]), (&true.into(), &1.into()));
    let problem = meta["problem"].as_str().unwrap();
    assert!(problem.contains(&format!("frame {} is damaged", damaged[0])), "{problem}");

    let csv = run(&["--format", "csv"], "csv");
    assert_eq!(csv.status.code(), Some(1));
    let table = std::fs::read_to_string(at("csv/bad.csv")).unwrap();
    let ends = |ending: &str| table.lines().filter(|line| line.ends_with(ending)).count();
    assert_eq!((ends(",1,160,120"), ends(",0,160,120")), (1, 24));

    let left_out = run(&["--skip-damaged"], "left-out");
    assert!(left_out.status.success(), "{}", support::text(&left_out.stderr));
    let rest: Vec<u64> =
        rows(&at("left-out/bad.jsonl")).iter().map(|row| row["frame"].as_u64().unwrap()).collect();
    assert_eq!(rest, (0..25).filter(|index| *index != damaged[0]).collect::<Vec<_>>());
    let meta = json(&at("left-out/bad.meta.json"));
    assert_eq!((&meta["problem"], &meta["damaged_frames"]), (&serde_json::Value::Null, &1.into()));
    assert!(meta["notes"].to_string().contains("left out, as asked for"), "{meta}");
}

#[test]
fn rows_of_frames_of_another_size_say_theirs() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let mut command = mien();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, size) in [("a.ts", "160x120"), ("b.ts", "90x120")] {
        let words = format!("-f lavfi -i testsrc2=s={size}:r=25:d=0.2 -c:v libx264 {name}");
        ffmpeg(&words, folder.path());
    }
    let [a, b] = ["a.ts", "b.ts"].map(|name| std::fs::read(at(name)).unwrap());
    std::fs::write(at("both.ts"), [a, b].concat()).unwrap();
    command.arg("track").arg(at("both.ts")).args(["--annotate", "--out"]).arg(at("out"));
    let output = command.output().unwrap();
    let errors = support::text(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("from frame 5 on its frames measure 90×120 instead of 160×120"), "{errors}");
    let sizes: Vec<_> = rows(&at("out/both.jsonl")).iter().map(|row| row["size"].clone()).collect();
    let own = serde_json::json!([90, 120]);
    assert_eq!(sizes, [vec![serde_json::Value::Null; 5], vec![own; 5]].concat());
    assert!(json(&at("out/both.meta.json"))["notes"].to_string().contains("from frame 5 on"));
    // One video of one size.
    let annotated = mien_ffmpeg::Decoder::open(&at("out/both.annotated.mkv")).unwrap();
    assert_eq!((annotated.info().width, annotated.info().height), (160, 120));
}

#[test]
fn of_several_videos_one_is_chosen_or_asked_for() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let words = "-f lavfi -i testsrc2=s=64x48:r=25:d=0.2 -f lavfi -i testsrc2=s=96x64:r=25:d=0.2 -map 0 -map 1 \
                 -c:v ffv1 -disposition:v 0 two.mkv";
    ffmpeg(words, folder.path());
    for (arguments, width, told) in
        [(&[][..], 96, "left out: stream 0 (ffv1, 64×48"), (&["--stream", "0"], 64, "stream 0 (ffv1, 64×48")]
    {
        let mut command = mien();
        command
            .arg("track")
            .arg(at("two.mkv"))
            .args(arguments)
            .arg("--overwrite")
            .arg("--out")
            .arg(at("out"));
        let output = command.output().unwrap();
        let errors = support::text(&output.stderr);
        assert!(output.status.success() && errors.contains(told), "{errors}");
        let meta = json(&at("out/two.meta.json"));
        assert_eq!(meta["input"]["width"], width);
        assert!(meta["notes"].to_string().contains(told), "{meta}");
    }
    let mut command = mien();
    let line = fail(command.arg("track").arg(at("two.mkv")).args(["--stream", "5", "--out"]).arg(at("out2")));
    assert!(line.contains("no video stream number 5") && line.contains("stream 1 (ffv1, 96×64"), "{line}");
}
