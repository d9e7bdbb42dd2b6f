//! A session from somebody else: nothing outside its folder is read or written, and nothing waits for ever.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use mien_record::{
    DATA_FILE, ExportFormat, SESSION_FILE, SessionFile, SessionState, check_session, frame_times,
};

use crate::crafted::{FORMATS, run};
use crate::damaged::{all_files, filmed, ten_seconds};

/// A session with video that was killed: its data and its video are cut, its rows are too many.
fn killed(parent: &Path) -> PathBuf {
    let folder = filmed(parent);
    for file in [DATA_FILE, "cam0.mkv"] {
        let bytes = fs::read(folder.join(file)).unwrap();
        fs::write(folder.join(file), &bytes[..bytes.len() * 2 / 3]).unwrap();
    }
    let mut session = SessionFile::read(&folder).unwrap();
    session.state = SessionState::Recording;
    session.write(&folder).unwrap();
    folder
}

#[test]
fn planted_links_are_refused_by_name_and_nothing_is_written_through_them() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let victim = parent.path().join("mine");
    fs::write(&victim, "precious").unwrap();
    let folder = killed(parent.path());
    let names = [
        "session.toml.partial",
        "data.xdf.repairing",
        "data.xdf.damaged",
        "data.xdf.sums",
        "data.xdf.sums.repairing",
        "cam0.repairing.mkv",
        "cam0_frames.csv.repairing",
        "cam0_frames.csv.damaged",
    ];
    for name in names {
        let path = folder.join(name);
        let kept = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        symlink(&victim, &path).unwrap();
        let before = all_files(&folder);
        let report = check_session(&folder, true).unwrap();
        let said = report.problems.join("\n");
        assert!(said.contains(name) && said.contains("symbolic link"), "{name}: {said}");
        assert_eq!(all_files(&folder), before, "{name}: nothing is changed");
        assert_eq!(fs::read(&victim).unwrap(), b"precious", "{name}");
        fs::remove_file(&path).unwrap();
        // One that leads nowhere is no better.
        symlink(parent.path().join("new"), &path).unwrap();
        assert!(!check_session(&folder, true).unwrap().problems.is_empty());
        assert!(!parent.path().join("new").exists(), "{name}");
        fs::remove_file(&path).unwrap();
        if let Some(bytes) = kept {
            fs::write(&path, bytes).unwrap();
        }
    }
    // Leftovers of a repair that was killed are in nobody's way.
    for name in ["session.toml.partial", "data.xdf.repairing", "cam0.repairing.mkv"] {
        fs::write(folder.join(name), "half").unwrap();
    }
    let report = check_session(&folder, true).unwrap();
    assert_eq!((report.problems, report.session.state), (vec![], SessionState::Repaired));
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn files_that_are_links_are_refused_by_name() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let folder = filmed(parent.path());
    for name in [DATA_FILE, "cam0.mkv", "cam0_frames.csv", SESSION_FILE] {
        let (path, moved) = (folder.join(name), parent.path().join("moved"));
        fs::rename(&path, &moved).unwrap();
        symlink(&moved, &path).unwrap();
        let before = fs::read(&moved).unwrap();
        let said = match check_session(&folder, true) {
            Ok(report) => report.problems.join("\n"),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(name) && said.contains("symbolic link"), "{name}: {said}");
        assert_eq!(fs::read(&moved).unwrap(), before, "{name}");
        if name == "cam0.mkv" {
            // Else its target would be published with the data set.
            let error =
                run(&folder, ExportFormat::Bids, &parent.path().join("bids")).unwrap_err().to_string();
            assert!(error.contains("cam0.mkv") && error.contains("symbolic link"), "{error}");
        }
        fs::remove_file(&path).unwrap();
        fs::rename(&moved, &path).unwrap();
    }
    assert_eq!(check_session(&folder, true).unwrap().problems, [""; 0]);
}

#[test]
fn a_file_with_a_second_name_is_not_changed_under_it() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let folder = killed(parent.path());
    let outside: Vec<_> = [DATA_FILE, "cam0.mkv", "cam0_frames.csv", SESSION_FILE]
        .into_iter()
        .map(|name| {
            let outside = parent.path().join(name);
            fs::hard_link(folder.join(name), &outside).unwrap();
            (fs::read(&outside).unwrap(), outside)
        })
        .collect();
    assert_eq!(check_session(&folder, true).unwrap().problems, [""; 0]);
    for (before, outside) in outside {
        assert_eq!(fs::read(&outside).unwrap(), before, "{}", outside.display());
    }
}

#[test]
fn pipes_and_devices_are_refused_at_once() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let folder = filmed(parent.path());
    for name in [DATA_FILE, "cam0.mkv", "cam0_frames.csv", SESSION_FILE] {
        let (path, kept) = (folder.join(name), parent.path().join("kept"));
        fs::rename(&path, &kept).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let said = match check_session(&folder, true) {
            Ok(report) => report.problems.join("\n"),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(name) && said.contains("pipe"), "{name}: {said}");
        if name == DATA_FILE || name == SESSION_FILE {
            for format in FORMATS {
                assert!(run(&folder, format, &parent.path().join("out")).is_err());
            }
        }
        if name == "cam0_frames.csv" {
            assert!(frame_times(&folder.join("cam0.mkv")).is_err());
        }
        fs::remove_file(&path).unwrap();
        fs::rename(&kept, &path).unwrap();
    }
    // Endless: read to its end it would fill the memory.
    fs::remove_file(folder.join(SESSION_FILE)).unwrap();
    symlink("/dev/zero", folder.join(SESSION_FILE)).unwrap();
    assert!(check_session(&folder, true).unwrap_err().to_string().contains("symbolic link"));
}

#[test]
fn a_playlist_is_no_video() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let folder = filmed(parent.path());
    let video = folder.join("cam0.mkv");
    fs::rename(&video, parent.path().join("other.mkv")).unwrap();
    let other = parent.path().join("other.mkv");
    let lists = [
        format!("ffconcat version 1.0\nfile '{}'\n", other.display()),
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n{}\n", other.display()),
    ];
    for list in lists {
        fs::write(&video, list).unwrap();
        let begin = Instant::now();
        let problems = check_session(&folder, true).unwrap().problems;
        assert!(problems.iter().any(|problem| problem.contains("cannot be read as a video")), "{problems:?}");
        assert!(begin.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn names_in_session_toml_are_checked_as_typed_ones() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, _) = ten_seconds(parent.path());
    let good = fs::read_to_string(folder.join(SESSION_FILE)).unwrap();
    for (from, to) in [("\"P-01\"", "\"../../x\""), ("\"cam0\"", "\"a/b\""), ("\"rest\"", "\"\\u001b[2J\"")] {
        fs::write(folder.join(SESSION_FILE), good.replacen(from, to, 1)).unwrap();
        let error = check_session(&folder, true).unwrap_err().to_string();
        assert!(error.contains("session.toml") && error.contains("part of file names"), "{error}");
    }
}
