//! Whole sessions with damaged data, settings and rows: checked, repaired and exported without a panic.

use std::fs;
use std::path::Path;

use mien_record::{DATA_FILE, SESSION_FILE, SessionFile, SessionState, check_session, frame_times};

use crate::crafted::{FORMATS, camera_streams, data_of, fill, run, session_of};

/// A small session.
fn small(parent: &Path) -> std::path::PathBuf {
    let mut streams = camera_streams("cam0", &["P-07"]);
    for stream in &mut streams {
        stream.channels.truncate(12);
    }
    session_of(parent, &data_of(&streams, |writer, ids| fill(&streams, writer, ids)))
}

#[test]
fn fuzz_session_data() {
    let parent = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let folder = small(parent.path());
    let (data, settings) = (folder.join(DATA_FILE), folder.join(SESSION_FILE));
    let (sound, toml) = (fs::read(&data).unwrap(), fs::read(&settings).unwrap());
    let out = parent.path().join("out");
    mien_fuzz::fuzz("session-data", &[sound], 150, |input| {
        fs::write(&data, input).unwrap();
        for format in FORMATS {
            let _ = run(&folder, format, &out);
            let _ = fs::remove_dir_all(&out);
        }
        if check_session(&folder, true).is_ok() {
            assert_eq!(
                check_session(&folder, true).unwrap().data_repair,
                Default::default(),
                "nothing is left to do"
            );
        }
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("data.xdf") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        fs::write(&settings, &toml).unwrap();
    });
}

#[test]
fn fuzz_session_sums() {
    let parent = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let (folder, _) = crate::damaged::ten_seconds(parent.path());
    let (data, sums) = (folder.join(DATA_FILE), folder.join("data.xdf.sums"));
    let mut damaged = fs::read(&data).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 100].fill(0xee);
    let sound = fs::read(&sums).unwrap();
    // The headers take most of it; the lines at its end matter as much.
    let lines = sound[sound.len() - 400..].to_vec();
    mien_fuzz::fuzz("session-sums", &[sound, lines], 20, |input| {
        fs::write(&data, &damaged).unwrap();
        fs::write(&sums, input).unwrap();
        let report = check_session(&folder, true).unwrap();
        assert!(report.data.is_sound());
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            if entry.file_name().to_string_lossy().contains(".damaged") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    });
}

#[test]
fn fuzz_session_toml() {
    let parent = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let folder = small(parent.path());
    let settings = folder.join(SESSION_FILE);
    let mut session = SessionFile::read(&folder).unwrap();
    session.state = SessionState::Recording;
    session.write(&folder).unwrap();
    let sound = fs::read(&settings).unwrap();
    mien_fuzz::fuzz("session-toml", &[sound], 400, |input| {
        fs::write(&settings, input).unwrap();
        let _ = check_session(&folder, true);
    });
}

#[test]
fn fuzz_frame_times() {
    let parent = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let video = parent.path().join("cam.mkv");
    let sound =
        b"video_frame,frame_index,capture_seconds,dropped_before\n0,7,12.000000005,0\n1,8,12.033000000,0\n";
    mien_fuzz::fuzz("frame-times", &[sound.to_vec()], 2000, |input| {
        fs::write(parent.path().join("cam_frames.csv"), input).unwrap();
        frame_times(&video).unwrap().unwrap();
    });
}
