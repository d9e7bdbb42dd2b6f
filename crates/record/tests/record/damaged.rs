//! Sessions that were whole and then lost something: told, kept, nothing hidden.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mien_record::{
    DATA_FILE, Outputs, SessionFile, SessionPlan, SessionReport, SessionState, VideoKind, VideoRecorder,
    check_session,
};
use mien_stream::{CameraDescription, StreamSettings};
use mien_xdf::{Event, Reader};

use crate::support::{HEIGHT, WIDTH, capture_times, faces, outputs, picture, plan};

/// Frames that are handed over at once.
const GROUP: u64 = 100;

/// Ten seconds of a camera, of which each third went to the file by itself. Gives the folder and the length
/// of the data when two thirds had arrived.
pub fn ten_seconds(parent: &Path) -> (PathBuf, u64) {
    let mut outputs = outputs(1, false);
    let plan = plan(&outputs, parent, VideoKind::None);
    let folder = outputs.start_recording(plan).unwrap().folder().to_owned();
    let length = || fs::metadata(folder.join(DATA_FILE)).unwrap().len();
    let frames = || {
        let streams = mien_xdf::check(&folder.join(DATA_FILE)).unwrap().streams;
        streams
            .iter()
            .find(|stream| stream.info.name.ends_with("_Frames"))
            .map_or(0, |s| s.totals.sample_count)
    };
    let mut lengths = Vec::new();
    for (index, nanos) in capture_times(3 * GROUP) {
        outputs.push(0, &faces(index, nanos));
        if (index + 1) % GROUP == 0 {
            let start = Instant::now();
            while frames() < index + 1 {
                assert!(start.elapsed() < Duration::from_secs(60), "the data do not arrive");
                std::thread::sleep(Duration::from_millis(20));
            }
            lengths.push(length());
        }
    }
    outputs.stop_recording().unwrap();
    // The frames came faster than their capture times.
    let mut session = SessionFile::read(&folder).unwrap();
    assert_eq!(session.cameras[0].streams.len(), 2 * 4 + 1, "session.toml lists the streams");
    session.duration_seconds = Some(3.0 * GROUP as f64 / 30.0);
    session.write(&folder).unwrap();
    assert_eq!(check_session(&folder, true).unwrap().problems, [""; 0]);
    (folder, lengths[1])
}

/// Sixty frames with video.
pub fn filmed(parent: &Path) -> PathBuf {
    let mut outputs = outputs(1, false);
    let plan = SessionPlan { video: VideoKind::Ffv1, ..plan(&outputs, parent, VideoKind::None) };
    let recorder = outputs.start_recording(plan).unwrap();
    let folder = recorder.folder().to_owned();
    let video = VideoRecorder::start(recorder.videos()[0].clone()).unwrap();
    for (index, nanos) in capture_times(60) {
        let faces = faces(index, nanos);
        outputs.push(0, &faces);
        video.push(&picture(&faces), &faces);
        while index > video.status().frames + 8 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    assert_eq!(video.stop().frames, 60);
    outputs.stop_recording().unwrap();
    assert_eq!(check_session(&folder, true).unwrap().problems, [""; 0]);
    folder
}

/// Checks with repair; the problems contain all of these words.
fn told(folder: &Path, words: &[&str]) -> SessionReport {
    let report = check_session(folder, true).unwrap();
    let said = report.problems.join("\n");
    assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
    report
}

pub fn all_files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn emptied_or_missing_data_are_told_and_left() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, _) = ten_seconds(parent.path());
    let data = folder.join(DATA_FILE);
    for length in [0, 3, 40] {
        let bytes = fs::read(&data).unwrap();
        fs::write(&data, &bytes[..length.min(bytes.len())]).unwrap();
        let before = all_files(&folder);
        for _ in 0..2 {
            let report = told(&folder, &["no stream is in it", "lost"]);
            assert_eq!(report.data_seconds, None);
            assert_eq!(all_files(&folder), before, "nothing is changed");
        }
        fs::write(&data, bytes).unwrap();
    }
    fs::write(&data, "not XDF").unwrap();
    told(&folder, &["data.xdf is not an XDF file"]);
    fs::remove_file(&data).unwrap();
    told(&folder, &["data.xdf is missing"]);
}

#[test]
fn a_camera_without_frames_is_not_taken_for_one_whose_name_ends_alike() {
    let parent = tempfile::tempdir().unwrap();
    let cameras = ["front_cam", "cam"].map(|name| CameraDescription {
        name: name.to_owned(),
        frame_size: Some((WIDTH, HEIGHT)),
        ..CameraDescription::default()
    });
    let mut outputs = Outputs::new(cameras.to_vec(), StreamSettings::default(), None);
    let plan = plan(&outputs, parent.path(), VideoKind::None);
    let folder = outputs.start_recording(plan).unwrap().folder().to_owned();
    for (index, nanos) in capture_times(5) {
        outputs.push(0, &faces(index, nanos));
    }
    outputs.stop_recording().unwrap();
    let report = check_session(&folder, false).unwrap();
    assert_eq!(report.problems, ["data.xdf: no frame of the camera cam is in it"]);
}

#[test]
fn data_that_were_cut_are_told_with_what_is_there() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, length) = ten_seconds(parent.path());
    let data = folder.join(DATA_FILE);
    let whole = fs::read(&data).unwrap();
    // In the middle of a chunk.
    let cut = &whole[..length as usize + 1000];
    fs::write(&data, cut).unwrap();
    let dry = check_session(&folder, false).unwrap();
    assert!(!dry.problems.is_empty() && fs::read(&data).unwrap() == cut);
    let report = told(&folder, &["its data end after", "the recording took 10.0 s"]);
    assert_eq!(report.session.state, SessionState::Repaired);
    assert!((3.0..7.0).contains(&report.data_seconds.unwrap()), "{:?}", report.data_seconds);
    let original = report.data_repair.original.expect("a session that was whole keeps its file");
    assert_eq!(fs::read(original).unwrap(), cut);
    let again = told(&folder, &["its data end after", "the recording took 10.0 s"]);
    assert_eq!(again.data_repair, Default::default());
    assert_eq!(SessionFile::read(&folder).unwrap().state, SessionState::Repaired);

    // So short that no frame is left.
    let mut reader = Reader::new(whole.as_slice()).unwrap();
    let mut headers = 0;
    while !matches!(reader.next_event().unwrap().unwrap(), Event::Samples { .. }) {
        headers = reader.position() as usize;
    }
    fs::write(&data, &whole[..headers + 10]).unwrap();
    told(&folder, &["no frame of the camera cam0 is in it"]);
}

#[test]
fn damage_in_the_middle_is_taken_out_and_what_it_cost_is_told() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, _) = ten_seconds(parent.path());
    let data = folder.join(DATA_FILE);
    let mut bytes = fs::read(&data).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8000].fill(0xee);
    fs::write(&data, &bytes).unwrap();
    let report = check_session(&folder, true).unwrap();
    // Where the damage begins or ends inside values, the chunk stays, and is told.
    assert!(report.problems.iter().all(|problem| problem.contains("changed since")), "{:?}", report.problems);
    assert_eq!(report.session.state, SessionState::Repaired);
    let repair = &report.data_repair;
    let lost: Vec<u64> = repair.lost_samples.iter().map(|(_, count)| *count).collect();
    assert!((1..=9).contains(&lost.len()) && lost.iter().all(|&count| count <= 2 * GROUP), "{repair:?}");
    assert_eq!(fs::read(repair.original.as_ref().unwrap()).unwrap(), bytes);
}

#[test]
fn a_video_that_was_cut_keeps_its_rows() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let folder = filmed(parent.path());
    let video = folder.join("cam0.mkv");
    let whole = fs::read(&video).unwrap();
    fs::write(&video, &whole[..whole.len() / 3]).unwrap();
    let before = all_files(&folder);
    let report = told(&folder, &["cam0.mkv", "pictures, but 60 rows beside it"]);
    assert_eq!(report.session.state, SessionState::Complete);
    assert_eq!(all_files(&folder), before, "nothing is changed");

    // Where another part follows, its worker may have died: the rows are cut, and a copy of them is kept.
    let second = ["mkv", "csv"].map(|ending| {
        let of = |part: &str| match ending {
            "mkv" => folder.join(format!("cam0{part}.mkv")),
            _ => folder.join(format!("cam0{part}_frames.csv")),
        };
        fs::copy(of(""), of("_part-2")).unwrap();
        of("_part-2")
    });
    fs::write(&second[0], &whole).unwrap();
    let report = check_session(&folder, true).unwrap();
    assert_eq!(report.problems, [""; 0]);
    let copy = fs::read_to_string(folder.join("cam0_frames.csv.damaged")).unwrap();
    assert_eq!(copy.lines().count(), 61);
    second.iter().for_each(|file| fs::remove_file(file).unwrap());
    fs::write(folder.join("cam0_frames.csv"), copy).unwrap();

    // Of a recording that was killed, the rows are cut to the pictures.
    let mut session = SessionFile::read(&folder).unwrap();
    session.state = SessionState::Recording;
    session.write(&folder).unwrap();
    let report = check_session(&folder, true).unwrap();
    assert_eq!(report.problems, [""; 0]);
    assert_eq!(report.session.state, SessionState::Repaired);
    assert!(report.videos[0].rows > 5 && report.videos[0].rows < 60);
    assert_eq!(report.videos[0].repairs.len(), 1, "{:?}", report.videos[0].repairs);
}

#[test]
fn what_is_missing_of_a_video_is_told_and_the_rest_is_looked_at() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let folder = filmed(parent.path());
    let (video, rows) = (folder.join("cam0.mkv"), folder.join("cam0_frames.csv"));
    let text = fs::read_to_string(&rows).unwrap();

    let mut lines: Vec<&str> = text.lines().collect();
    lines[31] = "a,b,c,d";
    fs::write(&rows, lines.join("\n") + "\n").unwrap();
    told(&folder, &["cam0_frames.csv: line 32 is no row of it"]);

    fs::remove_file(&rows).unwrap();
    let report = told(&folder, &["cam0_frames.csv is missing"]);
    assert_eq!((report.problems.len(), report.videos[0].pictures), (1, Some(60)));

    fs::remove_file(folder.join(DATA_FILE)).unwrap();
    let report = told(&folder, &["data.xdf is missing", "cam0_frames.csv is missing"]);
    assert_eq!(report.videos[0].pictures, Some(60), "the video is looked at all the same");

    fs::remove_file(&video).unwrap();
    told(&folder, &["data.xdf is missing", "cam0.mkv is missing: session.toml says"]);
    fs::write(&rows, &text).unwrap();
    told(&folder, &["cam0.mkv is missing: the rows of its 60 pictures are there"]);
}
