//! Exports that come to no end leave nothing that looks finished.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::Path;

use mien_record::{
    DATA_FILE, ExportFormat, Exported, RecordError, SessionFile, SessionState, VideoKind, export,
};

use crate::export::session;
use crate::faults::{INSIDE, on_small_disk, run_inside};
use crate::support::{outputs, plan};

const FORMATS: [ExportFormat; 4] =
    [ExportFormat::Csv, ExportFormat::Parquet, ExportFormat::OpenFace, ExportFormat::Bids];
/// Tells an unfinished export's folder from anybody else's.
const MARK: &str = "UNFINISHED_EXPORT.txt";
/// Names the session for the test that runs on a small disk.
const SESSION: &str = "MIEN_TEST_SESSION";

fn export_whole(session: &Path, format: ExportFormat, out: &Path) -> Result<Exported, RecordError> {
    export(session, format, out, &mut |_, _| ControlFlow::Continue(()))
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn an_interrupted_export_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let session = session(parent.path());
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    for format in FORMATS {
        let mut steps = 0;
        export(&session, format, &out, &mut |_, _| {
            steps += 1;
            assert!(!out.exists(), "it has its name only once it is complete");
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(out.is_dir() && !out.join(MARK).exists() && !place.path().join("out.partial").exists());
        fs::remove_dir_all(&out).unwrap();
        assert!(steps > 3, "{format:?}: {steps}");
        for end_at in [1, steps / 2, steps] {
            let mut step = 0;
            let ended = export(&session, format, &out, &mut |_, _| {
                step += 1;
                if step == end_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert!(matches!(ended, Err(RecordError::Interrupted)), "{ended:?}");
            assert!(is_empty(place.path()), "{format:?} ended at step {end_at} of {steps}");
        }
    }
}

#[test]
fn what_a_killed_export_has_left_goes_and_nothing_else() {
    let parent = tempfile::tempdir().unwrap();
    let session = session(parent.path());
    let place = tempfile::tempdir().unwrap();
    let (out, partial) = (place.path().join("out"), place.path().join("out.partial"));
    fs::create_dir(&partial).unwrap();
    fs::write(partial.join("table.csv"), "half").unwrap();
    let refused = export_whole(&session, ExportFormat::Csv, &out).unwrap_err();
    assert!(matches!(&refused, RecordError::ExportExists { path } if *path == partial), "{refused}");
    assert_eq!(fs::read(partial.join("table.csv")).unwrap(), b"half", "somebody's own folder");

    let mark = File::create(partial.join(MARK)).unwrap();
    mark.lock().unwrap();
    let refused = export_whole(&session, ExportFormat::Csv, &out).unwrap_err();
    assert!(matches!(refused, RecordError::ExportRuns { .. }), "{refused}");
    assert!(partial.join("table.csv").exists());
    drop(mark);
    let exported = export_whole(&session, ExportFormat::Csv, &out).unwrap();
    assert!(exported.files.iter().all(|file| file.starts_with(&out) && file.is_file()));
    assert!(!partial.exists() && !out.join("table.csv").exists());
}

#[test]
fn an_export_that_fails_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let session = session(parent.path());
    let place = tempfile::tempdir().unwrap();
    let data = session.join(DATA_FILE);
    let bytes = fs::read(&data).unwrap();
    fs::write(&data, &bytes[..bytes.len() / 2]).unwrap();
    for format in FORMATS {
        let error = export_whole(&session, format, &place.path().join("out")).unwrap_err();
        assert!(error.to_string().contains("session check"), "{error}");
        assert!(is_empty(place.path()), "{format:?}");
    }
    fs::write(&data, "").unwrap();
    let error = export_whole(&session, ExportFormat::Csv, &place.path().join("out")).unwrap_err();
    assert!(error.to_string().contains("data.xdf is not an XDF file"), "{error}");
}

#[test]
fn a_recording_that_has_no_end_is_refused_with_what_to_do() {
    let parent = tempfile::tempdir().unwrap();
    let mut outputs = outputs(1, false);
    let plan = plan(&outputs, parent.path(), VideoKind::None);
    let folder = outputs.start_recording(plan).unwrap().folder().to_owned();
    let out = parent.path().join("out");
    let error = export_whole(&folder, ExportFormat::Csv, &out).unwrap_err();
    assert!(error.to_string().contains("is being recorded: stop the recording"), "{error}");
    outputs.stop_recording().unwrap();
    let mut session = SessionFile::read(&folder).unwrap();
    session.state = SessionState::Recording;
    session.write(&folder).unwrap();
    let error = export_whole(&folder, ExportFormat::Csv, &out).unwrap_err();
    let remedy = format!("`mien session check {}`", folder.display());
    assert!(error.to_string().contains(&remedy), "{error}");
    assert!(!out.exists());
}

#[test]
fn a_full_disk_is_named_and_nothing_is_left() {
    let parent = tempfile::tempdir().unwrap();
    let session = session(parent.path());
    let disk = tempfile::tempdir().unwrap();
    let Some(mut command) = on_small_disk(disk.path(), "200k") else { return };
    command.env(INSIDE, disk.path()).env(SESSION, &session);
    assert!(run_inside("export_faults::inside_a_small_disk", &mut command));
}

#[test]
#[ignore = "is run by the test above, on a small disk"]
fn inside_a_small_disk() {
    let (Some(disk), Some(session)) = (std::env::var_os(INSIDE), std::env::var_os(SESSION)) else { return };
    let (disk, session) = (Path::new(&disk), Path::new(&session));
    for format in FORMATS {
        let error = export_whole(session, format, &disk.join("out")).unwrap_err();
        println!("{format:?}: {error}");
        assert!(error.to_string().contains("the disk is full"), "{error}");
        assert!(is_empty(disk), "{format:?}");
    }
}
