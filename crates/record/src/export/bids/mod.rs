//! A Motion-BIDS data set (<https://bids-specification.readthedocs.io>, “Motion”).
//!
//! One `tracksys` per camera, and for each face slot several tables (`acq`), each narrow enough for the BIDS
//! validator as it is started by default. Columns: `LATENCY` (seconds since the camera's first row), the
//! frame's number, then landmarks and pose as `POS` and `ORNT`, blendshapes and quality as `MISC`, raw and
//! filtered side by side. All tables of a camera have the same frames as rows. Videos and the original data
//! go to `sourcedata/`.

mod names;
mod parts;
mod sidecars;
mod table;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mien_folder::{Folder, Refusal};
use serde_json::json;

use self::names::{Names, labels};
use self::parts::parts;
use self::table::MotionTable;
use super::frames::{CameraLayout, FrameRecord, Frames, Item};
use super::{Progress, Source, step};
use crate::RecordError;
use crate::session_file::rfc3339;

/// Version of the standard that is followed.
const BIDS_VERSION: &str = "1.10.0";
/// Bytes that are copied at once.
const COPIED_BYTES: u64 = 64 << 20;
/// How a missing value is written.
const MISSING: &str = "n/a";

pub(super) fn export(
    source: &Source<'_>,
    out: &Path,
    progress: &mut Progress<'_>,
) -> Result<Vec<PathBuf>, RecordError> {
    let mut frames = Frames::open(source)?;
    let names = Names::of(source);
    let mut set = DataSet { out: out.to_owned(), files: Vec::new() };
    let motion = out.join(&names.folder).join("motion");
    fs::create_dir_all(&motion).map_err(RecordError::io("create", &motion))?;
    let camera_labels = labels(frames.cameras().iter().map(|camera| camera.name.as_str()));
    let mut cameras = frames
        .cameras()
        .iter()
        .zip(&camera_labels)
        .map(|(camera, label)| TrackingSystem::create(&mut set, &motion, &names, camera, label))
        .collect::<Result<Vec<_>, _>>()?;
    let mut markers = Vec::new();
    while let Some(item) = frames.next()? {
        match item {
            Item::Frame(record) => cameras[record.camera].write(&record)?,
            Item::Marker(timestamp, text) => markers.push((timestamp, text)),
        }
        step(progress, frames.progress())?;
    }
    let mut scans = "filename\tacq_time\n".to_owned();
    for camera in cameras {
        camera.finish(source, &mut set, &markers, &mut scans)?;
    }
    let scans_name = format!("sub-{}_ses-{}_scans.tsv", names.subject, names.session);
    set.write(&out.join(&names.folder).join(scans_name), &scans)?;
    describe(&mut set, &names)?;
    keep_sources(source, &mut set, &names, &mut || step(progress, frames.progress()))?;
    Ok(set.files)
}

/// The files made so far.
struct DataSet {
    out: PathBuf,
    files: Vec<PathBuf>,
}

impl DataSet {
    fn write(&mut self, path: &Path, text: &str) -> Result<(), RecordError> {
        fs::write(path, text).map_err(RecordError::io("write", path))?;
        self.files.push(path.to_owned());
        Ok(())
    }

    fn write_json(&mut self, path: &Path, value: &serde_json::Value) -> Result<(), RecordError> {
        let text = serde_json::to_string_pretty(value).expect("plain values are always JSON");
        self.write(path, &format!("{text}\n"))
    }
}

/// The tables of one camera.
struct TrackingSystem {
    name: String,
    /// Start of the names of the files that concern all tables.
    stem: PathBuf,
    tables: Vec<MotionTable>,
    first: Option<f64>,
    last: f64,
    rows: u64,
}

impl TrackingSystem {
    fn create(
        set: &mut DataSet,
        folder: &Path,
        names: &Names,
        camera: &CameraLayout,
        label: &str,
    ) -> Result<Self, RecordError> {
        let table = |part: parts::Part| {
            let stem = names.file_stem(label, Some(&part.label));
            MotionTable::create(set, folder, &stem, part)
        };
        let tables = parts(camera).into_iter().map(table).collect::<Result<_, _>>()?;
        let stem = folder.join(names.file_stem(label, None));
        Ok(Self { name: camera.name.clone(), stem, tables, first: None, last: 0.0, rows: 0 })
    }

    fn write(&mut self, record: &FrameRecord) -> Result<(), RecordError> {
        let first = *self.first.get_or_insert(record.timestamp);
        self.last = record.timestamp;
        self.rows += 1;
        self.tables.iter_mut().try_for_each(|table| table.write(record, record.timestamp - first))
    }

    fn finish(
        self,
        source: &Source<'_>,
        set: &mut DataSet,
        markers: &[(f64, String)],
        scans: &mut String,
    ) -> Result<(), RecordError> {
        let start = self.first.unwrap_or(source.session.started_lsl_seconds);
        let seconds = self.last - self.first.unwrap_or(self.last);
        let unix_nanos = ((start + source.session.unix_minus_lsl_seconds) * 1e9) as i64;
        for table in self.tables {
            let path = table.finish(source, set, &self.name, self.rows, seconds)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let _ = writeln!(scans, "motion/{name}\t{}", rfc3339(unix_nanos));
        }
        let beside = |suffix: &str| {
            let mut path = self.stem.clone().into_os_string();
            path.push(suffix);
            PathBuf::from(path)
        };
        set.write(&beside("_events.tsv"), &sidecars::events(markers, start))?;
        set.write_json(&beside("_events.json"), &sidecars::events_description())
    }
}

/// What every data set says of itself.
fn describe(set: &mut DataSet, names: &Names) -> Result<(), RecordError> {
    let out = set.out.clone();
    set.write_json(
        &out.join("dataset_description.json"),
        &json!({
            "Name": format!("Faces of {} tracked by Mien", names.subject),
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "raw",
            "GeneratedBy": [{ "Name": "Mien", "Version": env!("CARGO_PKG_VERSION") }],
        }),
    )?;
    set.write(
        &out.join("README"),
        "Faces tracked by Mien, as Motion-BIDS: one tracking system (tracksys) per camera.\n\n\
         Every row of a _motion.tsv is one captured frame; values are n/a where no face was found. For each\n\
         face, acq-NAME has pose, blendshapes and quality, acq-NAMEmesh1, acq-NAMEmesh2, ... have its\n\
         landmarks; the rows of all of them are the same frames. The original recording (XDF) and the\n\
         videos lie in sourcedata/.\n",
    )?;
    set.write(&out.join("participants.tsv"), &format!("participant_id\nsub-{}\n", names.subject))
}

/// Puts the recording itself beside the data set: linked where possible, else copied. `go_on` is asked
/// between pieces.
fn keep_sources(
    source: &Source<'_>,
    set: &mut DataSet,
    names: &Names,
    go_on: &mut dyn FnMut() -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    let folder = set.out.join("sourcedata").join(&names.folder);
    fs::create_dir_all(&folder).map_err(RecordError::io("create", &folder))?;
    let from = source.folder;
    for (name, is_file) in from.entries().map_err(RecordError::io("read", from.path()))? {
        let (path, to) = (from.join(&name), folder.join(&name));
        if !is_file {
            refuse_links(from, &name)?;
            continue;
        }
        if from.link_to(&name, &to).is_err() {
            copy(from.open_file(&name).map_err(RecordError::io("read", &path))?, &to, go_on)?;
        }
        set.files.push(to);
        go_on()?;
    }
    Ok(())
}

/// Folders (exports among them) are no part of the recording. A link may be; what it leads to may be anybody's.
fn refuse_links(folder: &Folder, name: &OsStr) -> Result<(), RecordError> {
    match folder.open_file(name).map_err(|error| (Refusal::in_error(&error), error)) {
        Err((Some(Refusal::Link), error)) => Err(RecordError::io("copy", &folder.join(name))(error)),
        _ => Ok(()),
    }
}

/// Copies a file piece by piece: a video may be large.
fn copy(
    mut source: File,
    to: &Path,
    go_on: &mut dyn FnMut() -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    let failed = || RecordError::io("copy to", to);
    let (folder, name) = Folder::of_file(to).map_err(failed())?;
    let mut copy = folder.create_new(name).map_err(failed())?;
    while io::copy(&mut (&mut source).take(COPIED_BYTES), &mut copy).map_err(failed())? > 0 {
        go_on()?;
    }
    Ok(())
}
