//! Sessions that were recorded with a camera's password in its address.

use std::path::{Path, PathBuf};
use std::process::Command;

use mien_record::{ExportFormat, SessionFile, VideoKind, check_session, export, redact_session};

use super::support::{capture_times, faces, outputs, plan, run_python};

/// What stands in the recording, and of the same length what an older program would have written.
const HARMLESS: &str = "alice.s3cret.cam.example/a";
const SECRET: &str = "alice:s3cret@cam.example/a";

/// A session as programs wrote them that did not hide passwords.
fn old_session(parent: &Path) -> PathBuf {
    let mut outputs = outputs(1, false);
    let mut plan = plan(&outputs, parent, VideoKind::None);
    let source = format!("http://{HARMLESS}");
    plan.configuration = format!("version = 1\n[[cameras]]\nname = \"cam0\"\nsource = \"{source}\"\n");
    for stream in &mut plan.cameras[0].streams {
        stream.details.push(mien_xdf::Element::text("model", &source));
    }
    plan.cameras[0].record.source = source.into();
    let folder = outputs.start_recording(plan).unwrap().folder().to_owned();
    for (index, nanos) in capture_times(30) {
        outputs.push(0, &faces(index, nanos));
    }
    outputs.stop_recording().unwrap();
    std::fs::copy(folder.join("data.xdf"), folder.join("data.xdf.damaged")).unwrap();
    std::fs::create_dir(folder.join("notes")).unwrap();
    std::fs::write(folder.join("notes/x.json"), format!("{{\"camera\": \"http://{HARMLESS}\"}}\n")).unwrap();
    // Programs that wrote passwords kept no checksums.
    std::fs::remove_file(folder.join("data.xdf.sums")).unwrap();
    for file in files(&folder) {
        let mut bytes = std::fs::read(&file).unwrap();
        let places: Vec<usize> = memchr::memmem::find_iter(&bytes, HARMLESS).collect();
        places.into_iter().for_each(|at| bytes[at..at + SECRET.len()].copy_from_slice(SECRET.as_bytes()));
        std::fs::write(file, bytes).unwrap();
    }
    folder
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn with_secret(folder: &Path) -> Vec<PathBuf> {
    let holds = |file: &PathBuf| memchr::memmem::find(&std::fs::read(file).unwrap(), b"s3cret").is_some();
    files(folder).into_iter().filter(holds).collect()
}

#[test]
fn a_password_is_overwritten_in_every_file_and_nothing_else_changes() {
    let parent = tempfile::tempdir().unwrap();
    let folder = old_session(parent.path());
    assert_eq!(with_secret(&folder).len(), 4, "the test's own input: {:?}", with_secret(&folder));
    let sizes = |folder: &Path| -> Vec<(PathBuf, u64)> {
        let mut sizes: Vec<_> =
            files(folder).into_iter().map(|path| (path.clone(), path.metadata().unwrap().len())).collect();
        sizes.sort();
        sizes
    };
    let (before, report) = (sizes(&folder), check_session(&folder, false).unwrap());
    let dry = redact_session(&folder, false).unwrap();
    assert_eq!((dry.files.len(), dry.addresses.as_slice()), (4, &["http://…@cam.example/a".to_owned()][..]));
    assert_eq!(with_secret(&folder).len(), 4, "nothing was to change");

    let redaction = redact_session(&folder, true).unwrap();
    assert_eq!((redaction.files.len(), redaction.problems.len()), (4, 0), "{redaction:?}");
    assert_eq!(with_secret(&folder), Vec::<PathBuf>::new());
    assert_eq!(sizes(&folder), before);
    let after = check_session(&folder, false).unwrap();
    assert_eq!((after.problems.len(), &after.data), (0, &report.data));
    let session = SessionFile::read(&folder).unwrap();
    assert_eq!(session.cameras[0].source.expose_secret(), "http://************@cam.example/a");
    assert!(session.configuration.contains("http://************@cam.example/a"));
    run_python("redacted.py", &[&folder.join("data.xdf")]);
    assert!(redact_session(&folder, true).unwrap().is_empty(), "a second time there is nothing to do");
}

#[test]
fn exports_of_an_old_session_do_not_tell_its_password() {
    let parent = tempfile::tempdir().unwrap();
    let folder = old_session(parent.path());
    for format in [ExportFormat::Csv, ExportFormat::Bids, ExportFormat::OpenFace] {
        let out = parent.path().join(format.name());
        export(&folder, format, &out, &mut |_, _| std::ops::ControlFlow::Continue(())).unwrap();
        assert_eq!(with_secret(&out), Vec::<PathBuf>::new(), "{}", format.name());
    }
    assert_eq!(with_secret(&folder).len(), 4, "the session itself is as it was");
}

#[test]
fn a_recording_that_an_export_has_linked_is_cleaned_in_both_places() {
    let parent = tempfile::tempdir().unwrap();
    let folder = old_session(parent.path());
    let linked = parent.path().join("exported.xdf");
    std::fs::hard_link(folder.join("data.xdf"), &linked).unwrap();
    let redaction = redact_session(&folder, true).unwrap();
    assert_eq!((redaction.files.len(), redaction.problems.len()), (4, 0), "{redaction:?}");
    assert!(with_secret(parent.path()).is_empty(), "{:?}", with_secret(parent.path()));
}

#[test]
fn a_bids_export_of_an_older_program_is_cleaned_too() {
    let parent = tempfile::tempdir().unwrap();
    let folder = old_session(parent.path());
    let bids = parent.path().join("bids");
    let sources = bids.join("sourcedata/sub-P01");
    std::fs::create_dir_all(&sources).unwrap();
    std::fs::copy(folder.join("data.xdf"), sources.join("data.xdf")).unwrap();
    let sidecar = format!("{{\"ManufacturersModelName\": \"http://{SECRET}\"}}\n");
    std::fs::write(bids.join("x_motion.json"), &sidecar).unwrap();
    assert!(redact_session(&bids, true).is_err(), "it is no data set yet");
    assert_eq!(with_secret(&bids).len(), 2);
    std::fs::write(bids.join("dataset_description.json"), "{}\n").unwrap();
    assert_eq!(redact_session(&bids, true).unwrap().files.len(), 2);
    assert!(with_secret(&bids).is_empty());
}

#[test]
fn links_are_neither_followed_nor_changed() {
    let parent = tempfile::tempdir().unwrap();
    let folder = old_session(parent.path());
    let mine = parent.path().join("mien.toml");
    std::fs::write(&mine, "source = \"http://bob:s3cret@other/\"\n").unwrap();
    std::os::unix::fs::symlink(&mine, folder.join("linked.toml")).unwrap();
    std::fs::hard_link(&mine, folder.join("hard.toml")).unwrap();
    let redaction = redact_session(&folder, true).unwrap();
    assert_eq!((redaction.files.len(), redaction.problems.len()), (4, 1), "{redaction:?}");
    assert!(std::fs::read_to_string(&mine).unwrap().contains("s3cret"));
    assert!(redaction.problems[0].contains("linked.toml"), "{redaction:?}");
}

#[test]
fn a_pipe_in_the_place_of_a_file_does_not_hold_the_search() {
    let parent = tempfile::tempdir().unwrap();
    let folder = old_session(parent.path());
    for name in ["data.xdf", "notes/x.json"] {
        std::fs::remove_file(folder.join(name)).unwrap();
        assert!(Command::new("mkfifo").arg(folder.join(name)).status().unwrap().success());
    }
    let redaction = redact_session(&folder, true).unwrap();
    assert_eq!(redaction.files.len(), 2, "{redaction:?}");
}
