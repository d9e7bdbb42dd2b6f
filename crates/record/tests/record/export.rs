//! Sessions turned into tables and Motion-BIDS.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use mien_record::{ExportFormat, RecordError, VideoKind, export};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

use crate::support::{capture_times, faces, outputs, plan, run_python};

/// Thirty frames of two cameras and a marker.
pub fn session(parent: &Path) -> PathBuf {
    let mut outputs = outputs(2, true);
    let plan = plan(&outputs, parent, VideoKind::None);
    outputs.start_recording(plan).unwrap();
    for (index, nanos) in capture_times(30) {
        outputs.push(0, &faces(index, nanos));
        outputs.push(1, &faces(index, nanos + 5_000_000));
    }
    outputs.marker("with, comma and \"quotes\"");
    outputs.stop_recording().unwrap().unwrap().folder
}

fn run(session: &Path, format: ExportFormat, out: &Path) -> Vec<PathBuf> {
    let mut last = (0, 0);
    let exported = export(session, format, out, &mut |done, size| {
        assert!(done >= last.0 && done <= size);
        last = (done, size);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(last.0, last.1, "progress ends with everything read");
    assert!(exported.files.iter().all(|file| file.is_file()));
    exported.files
}

#[test]
fn csv_has_every_stream_and_reads_back() {
    let parent = tempfile::tempdir().unwrap();
    let session = session(parent.path());
    let out = parent.path().join("csv");
    let files = run(&session, ExportFormat::Csv, &out);
    assert_eq!(files.len(), 2 * (2 * 7 + 1) + 1);
    let text = std::fs::read_to_string(out.join("mien_cam0_face1_blendshapes.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((rows.len(), rows[0].len(), rows[0][26]), (31, 53, "jawOpen"));
    assert_eq!(rows[8][26].parse::<f32>().unwrap(), 0.007);
    assert_eq!(rows[10][26], "", "no face, no value");
    let markers = std::fs::read_to_string(out.join("mien_markers.csv")).unwrap();
    assert!(markers.contains("\"with, comma and \"\"quotes\"\"\""), "{markers}");
    let error = export(&session, ExportFormat::Csv, &out, &mut |_, _| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, RecordError::ExportExists { .. }));
}

#[test]
fn parquet_reads_back() {
    let parent = tempfile::tempdir().unwrap();
    let session = session(parent.path());
    let out = parent.path().join("parquet");
    run(&session, ExportFormat::Parquet, &out);
    let open = |name: &str| SerializedFileReader::new(File::open(out.join(name)).unwrap()).unwrap();
    let landmarks = open("mien_cam1_face1_landmarks.parquet");
    let schema = landmarks.metadata().file_metadata().schema_descr_ptr();
    assert_eq!((schema.num_columns(), schema.column(1).name()), (1 + 3 * 478, "landmark0_X"));
    let rows: Vec<_> = landmarks.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 30);
    assert_eq!(rows[3].get_float(1 + 3 * 10).unwrap(), 100.0 + 10.0 * 0.2);
    assert!(rows[9].get_float(1).unwrap().is_nan());
    assert!(rows.windows(2).all(|pair| pair[0].get_double(0).unwrap() < pair[1].get_double(0).unwrap()));
    let markers = open("mien_markers.parquet");
    let rows: Vec<_> = markers.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows[1].get_string(1).unwrap(), "with, comma and \"quotes\"");
}

#[test]
fn openface_has_a_row_a_frame() {
    let parent = tempfile::tempdir().unwrap();
    let session = session(parent.path());
    let out = parent.path().join("openface");
    let files = run(&session, ExportFormat::OpenFace, &out);
    assert_eq!(files, [out.join("cam0.csv"), out.join("cam1.csv")]);
    let text = std::fs::read_to_string(&files[0]).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|&found| found == name).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 30);
    assert_eq!((rows[0][column("success")], rows[9][column("success")]), ("1", "0"));
    assert_eq!(rows[4][column("pose_Tz")].parse::<f32>().unwrap().round(), 600.0, "millimetres");
    assert_eq!(rows[4][column("face_id")], "3");
    let jaw: f32 = rows[4][column("bs_jawOpen")].parse().unwrap();
    assert!((jaw - 0.504).abs() < 1e-5, "the filtered value");
}

#[test]
fn the_bids_validator_accepts_the_data_set() {
    let parent = tempfile::tempdir().unwrap();
    let session = session(parent.path());
    let out = parent.path().join("bids");
    let files = run(&session, ExportFormat::Bids, &out);
    let stem = "sub-P01/ses-01/motion/sub-P01_ses-01_task-rest_tracksys-cam0";
    let read = |suffix: &str| std::fs::read_to_string(out.join(format!("{stem}{suffix}"))).unwrap();
    for part in ["face1", "face1mesh1", "face1mesh2", "face1mesh3", "face2", "face2mesh3"] {
        let channels = read(&format!("_acq-{part}_channels.tsv")).lines().count() - 1;
        let motion = read(&format!("_acq-{part}_motion.tsv"));
        let widths: Vec<_> = motion.lines().map(|line| line.split('\t').count()).collect();
        assert_eq!(widths, [channels; 30], "a row a frame, a column a channel, no header");
        assert!(motion.lines().nth(9).unwrap().contains("n/a"));
    }
    assert!(read("_events.tsv").contains("with, comma"));
    assert!(files.contains(&out.join("sourcedata/sub-P01/ses-01/data.xdf")));
    run_python("validate_bids.py", &[&out]);
}

#[test]
fn what_is_no_session_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let out = parent.path().join("out");
    let error =
        export(parent.path(), ExportFormat::Csv, &out, &mut |_, _| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, RecordError::NoSession { .. }), "{error}");
    std::fs::write(parent.path().join("session.toml"), "nonsense = [").unwrap();
    let error =
        export(parent.path(), ExportFormat::Csv, &out, &mut |_, _| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, RecordError::SessionFile { .. }), "{error}");
    assert!(!out.exists());
}
