//! A Motion-BIDS data set (<https://bids-specification.readthedocs.io>, “Motion”).
//!
//! One `tracksys` per camera. Columns: `LATENCY` (seconds since the file's first row), the frame's
//! number, then for each face slot its landmarks and pose as `POS` and `ORNT`, blendshapes and quality
//! as `MISC`, raw and filtered side by side. Videos and the original data go to `sourcedata/`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use mien_xdf::Channel;
use serde_json::json;

use super::Source;
use super::frames::{CameraLayout, FrameRecord, Frames, Item};
use super::layout::Kind;
use crate::RecordError;
use crate::session_file::rfc3339;

/// Version of the standard that is followed.
const BIDS_VERSION: &str = "1.10.0";
/// How a missing value is written.
const MISSING: &str = "n/a";

pub(super) fn export(
    source: &Source<'_>,
    out: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<PathBuf>, RecordError> {
    let mut frames = Frames::open(source)?;
    let names = Names::of(source);
    let mut set = DataSet { out: out.to_owned(), files: Vec::new() };
    let motion = out.join(&names.folder).join("motion");
    fs::create_dir_all(&motion).map_err(RecordError::io("create", &motion))?;
    let labels = camera_labels(frames.cameras());
    let mut tables = frames
        .cameras()
        .iter()
        .zip(&labels)
        .map(|(camera, label)| MotionTable::create(&mut set, &motion, names.file_stem(label), camera))
        .collect::<Result<Vec<_>, _>>()?;
    let mut markers = Vec::new();
    while let Some(item) = frames.next()? {
        match item {
            Item::Frame(record) => tables[record.camera].write(&record)?,
            Item::Marker(timestamp, text) => markers.push((timestamp, text)),
        }
        let (done, size) = frames.progress();
        progress(done, size);
    }
    let mut scans = "filename\tacq_time\n".to_owned();
    for table in tables {
        table.finish(source, &mut set, &markers, &mut scans)?;
    }
    let scans_name = format!("sub-{}_ses-{}_scans.tsv", names.subject, names.session);
    set.write(&out.join(&names.folder).join(scans_name), &scans)?;
    describe(&mut set, &names)?;
    keep_sources(source, &mut set, &names)?;
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

/// The names of a session as BIDS labels, which are letters and digits only.
struct Names {
    subject: String,
    session: String,
    task: String,
    run: Option<String>,
    /// `sub-…/ses-…`.
    folder: PathBuf,
}

impl Names {
    fn of(source: &Source<'_>) -> Self {
        let session = source.session;
        let (subject, label) = (label(&session.subject), label(&session.session));
        let folder_name = source.session_folder.file_name().unwrap_or_default().to_string_lossy();
        let run = folder_name.rsplit_once("_run-").map(|(_, run)| run.to_owned());
        Self {
            folder: PathBuf::from(format!("sub-{subject}")).join(format!("ses-{label}")),
            task: self::label(&session.task),
            run: run.filter(|run| !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_digit())),
            subject,
            session: label,
        }
    }

    fn file_stem(&self, camera: &str) -> String {
        let Self { subject, session, task, .. } = self;
        let run = self.run.as_ref().map(|run| format!("_run-{run}")).unwrap_or_default();
        format!("sub-{subject}_ses-{session}_task-{task}_tracksys-{camera}{run}")
    }
}

/// Letters and digits of a name; `x` where it has none.
fn label(name: &str) -> String {
    let label: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    if label.is_empty() { "x".to_owned() } else { label }
}

/// Labels of the cameras, numbered where two would be the same.
fn camera_labels(cameras: &[CameraLayout]) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for camera in cameras {
        let stem = label(&camera.name);
        let mut candidate = stem.clone();
        let mut number = 2;
        while labels.contains(&candidate) {
            candidate = format!("{stem}x{number}");
            number += 1;
        }
        labels.push(candidate);
    }
    labels
}

/// A line of `_channels.tsv`.
struct Column {
    name: String,
    component: &'static str,
    kind: &'static str,
    tracked_point: String,
    units: &'static str,
    reference_frame: &'static str,
}

impl Column {
    fn plain(name: &str, kind: &'static str, units: &'static str) -> Self {
        let tracked_point = MISSING.to_owned();
        let name = name.to_owned();
        Self { name, component: MISSING, kind, tracked_point, units, reference_frame: MISSING }
    }

    fn of(slot: &str, kind: Kind, channel: &Channel) -> Self {
        let (component, bids_kind) = match channel.content_type.as_str() {
            "PositionX" => ("x", "POS"),
            "PositionY" => ("y", "POS"),
            "PositionZ" => ("z", "POS"),
            "OrientationA" => ("quat_w", "ORNT"),
            "OrientationB" => ("quat_x", "ORNT"),
            "OrientationC" => ("quat_y", "ORNT"),
            "OrientationD" => ("quat_z", "ORNT"),
            // Pitch, heading and roll turn about the camera frame's x, y and z.
            "OrientationP" => ("x", "ORNT"),
            "OrientationH" => ("y", "ORNT"),
            "OrientationR" => ("z", "ORNT"),
            _ => (MISSING, "MISC"),
        };
        let units = match channel.unit.as_str() {
            "meters" => "m",
            "degrees" => "deg",
            "pixels" => "px",
            "seconds" => "s",
            _ => MISSING,
        };
        let reference_frame = match (bids_kind, units) {
            ("POS", "px") => "frame",
            ("POS" | "ORNT", _) => "camera",
            _ => MISSING,
        };
        let tracked_point = match (&channel.marker, bids_kind) {
            (Some(marker), "POS" | "ORNT") => format!("{slot}_{marker}"),
            _ => MISSING.to_owned(),
        };
        let filtered = if kind.is_filtered() { "_filtered" } else { "" };
        let name = format!("{slot}_{}{filtered}", channel.label);
        Self { name, component, kind: bids_kind, tracked_point, units, reference_frame }
    }
}

/// One camera's `_motion.tsv` and what belongs to it.
struct MotionTable {
    stem: String,
    folder: PathBuf,
    tsv: PathBuf,
    out: BufWriter<File>,
    camera: CameraLayout,
    columns: Vec<Column>,
    first: Option<f64>,
    last: f64,
    rows: u64,
    line: String,
}

impl MotionTable {
    fn create(
        set: &mut DataSet,
        folder: &Path,
        stem: String,
        camera: &CameraLayout,
    ) -> Result<Self, RecordError> {
        let tsv = folder.join(format!("{stem}_motion.tsv"));
        let file = File::create_new(&tsv).map_err(RecordError::io("create", &tsv))?;
        set.files.push(tsv.clone());
        let mut columns =
            vec![Column::plain("latency", "LATENCY", "s"), Column::plain("frame_index", "MISC", MISSING)];
        for slot in &camera.slots {
            for (kind, channels) in &slot.kinds {
                columns.extend(channels.iter().map(|channel| Column::of(&slot.name, *kind, channel)));
            }
        }
        Ok(Self {
            stem,
            folder: folder.to_owned(),
            tsv,
            out: BufWriter::with_capacity(1 << 18, file),
            camera: camera.clone(),
            columns,
            first: None,
            last: 0.0,
            rows: 0,
            line: String::new(),
        })
    }

    fn write(&mut self, record: &FrameRecord) -> Result<(), RecordError> {
        let first = *self.first.get_or_insert(record.timestamp);
        self.last = record.timestamp;
        self.rows += 1;
        self.line.clear();
        let frame_index = record.frame.first().copied().unwrap_or(f64::NAN);
        let _ = write!(self.line, "{:.9}\t{frame_index}", record.timestamp - first);
        for (slot, rows) in self.camera.slots.iter().zip(&record.slots) {
            for (kind, channels) in &slot.kinds {
                let row = rows.get(kind);
                for k in 0..channels.len() {
                    self.line.push('\t');
                    match row.and_then(|row| row.get(k)).filter(|value| value.is_finite()) {
                        Some(value) => {
                            let _ = write!(self.line, "{value}");
                        }
                        None => self.line.push_str(MISSING),
                    }
                }
            }
        }
        self.line.push('\n');
        self.out.write_all(self.line.as_bytes()).map_err(RecordError::io("write", &self.tsv))
    }

    /// Writes the sidecars.
    fn finish(
        mut self,
        source: &Source<'_>,
        set: &mut DataSet,
        markers: &[(f64, String)],
        scans: &mut String,
    ) -> Result<(), RecordError> {
        self.out.flush().map_err(RecordError::io("write", &self.tsv))?;
        let path = |suffix: &str| self.folder.join(format!("{}_{suffix}", self.stem));
        let mut channels = "name\tcomponent\ttype\ttracked_point\tunits\treference_frame\n".to_owned();
        for column in &self.columns {
            let Column { name, component, kind, tracked_point, units, reference_frame } = column;
            let _ = writeln!(
                channels,
                "{name}\t{component}\t{kind}\t{tracked_point}\t{units}\t{reference_frame}"
            );
        }
        set.write(&path("channels.tsv"), &channels)?;
        set.write_json(&path("channels.json"), &reference_frames())?;
        set.write_json(&path("motion.json"), &self.description(source))?;
        let start = self.first.unwrap_or(source.session.started_lsl_seconds);
        set.write(&path("events.tsv"), &events(markers, start))?;
        set.write_json(&path("events.json"), &events_description())?;
        let unix_nanos = ((start + source.session.unix_minus_lsl_seconds) * 1e9) as i64;
        let _ = writeln!(scans, "motion/{}_motion.tsv\t{}", self.stem, rfc3339(unix_nanos));
        Ok(())
    }

    fn description(&self, source: &Source<'_>) -> serde_json::Value {
        let count = |kind: &str| self.columns.iter().filter(|column| column.kind == kind).count();
        let mut points: Vec<&str> =
            self.columns.iter().map(|c| c.tracked_point.as_str()).filter(|&point| point != MISSING).collect();
        points.sort_unstable();
        points.dedup();
        let seconds = self.last - self.first.unwrap_or(self.last);
        let effective = if seconds > 0.0 { (self.rows - 1) as f64 / seconds } else { 0.0 };
        let camera = source.session.cameras.iter().find(|camera| camera.name == self.camera.name);
        let nominal = camera.map_or(effective, |camera| camera.rate_hz);
        json!({
            "TaskName": source.session.task,
            "TrackingSystemName": self.camera.name,
            "SamplingFrequency": nominal,
            "SamplingFrequencyEffective": effective,
            "RecordingDuration": seconds,
            "RecordingType": "continuous",
            "TrackedPointsCount": points.len(),
            "MotionChannelCount": self.columns.len(),
            "POSChannelCount": count("POS"),
            "ORNTChannelCount": count("ORNT"),
            "MISCChannelCount": count("MISC"),
            "LATENCYChannelCount": count("LATENCY"),
            "MissingValues": MISSING,
            "Manufacturer": "Mien",
            "ManufacturersModelName": camera.map(|camera| camera.source.as_str()).unwrap_or_default(),
            "SoftwareVersions": source.session.mien_version,
            "Engine": camera.map(|camera| camera.engine.as_str()).unwrap_or_default(),
            "Networks": camera.map(|camera| &camera.models),
        })
    }
}

fn reference_frames() -> serde_json::Value {
    json!({
        "reference_frame": {
            "Description": "Frame of reference of positions and orientations.",
            "Levels": {
                "frame": {
                    "Description": "Pixels of the captured picture: x right, y down, origin at the outer corner \
                        of the top left pixel; z on the scale of x, relative to the face's middle, smaller is \
                        nearer to the camera.",
                    "SpatialAxes": "RIA",
                    "RotationRule": "n/a",
                    "RotationOrder": "n/a"
                },
                "camera": {
                    "Description": "The camera: x right in the picture, y up, z towards the viewer, origin at \
                        the pinhole. Rotation = R_y(heading) R_x(pitch) R_z(roll).",
                    "SpatialAxes": "RSP",
                    "RotationRule": "right-hand",
                    "RotationOrder": "YXZ"
                }
            }
        }
    })
}

fn events(markers: &[(f64, String)], start: f64) -> String {
    let mut events = "onset\tduration\ttrial_type\n".to_owned();
    let mut sorted: Vec<_> = markers.iter().collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (timestamp, text) in sorted {
        // Tabs and line ends would break the table.
        let text: Vec<_> = text.split_whitespace().collect();
        let text = if text.is_empty() { MISSING.to_owned() } else { text.join(" ") };
        let _ = writeln!(events, "{:.9}\t{MISSING}\t{text}", timestamp - start);
    }
    events
}

fn events_description() -> serde_json::Value {
    json!({
        "onset": { "Description": "When the marker was set, since this camera's first frame.", "Units": "s" },
        "trial_type": { "Description": "Text of the marker." },
        "StimulusPresentation": { "SoftwareName": "Mien" }
    })
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
         Every row of a _motion.tsv is one captured frame; values are n/a where no face was found. The\n\
         original recording (XDF) and the videos lie in sourcedata/.\n",
    )?;
    set.write(&out.join("participants.tsv"), &format!("participant_id\nsub-{}\n", names.subject))
}

/// Puts the recording itself beside the data set: linked where possible, else copied.
fn keep_sources(source: &Source<'_>, set: &mut DataSet, names: &Names) -> Result<(), RecordError> {
    let folder = set.out.join("sourcedata").join(&names.folder);
    fs::create_dir_all(&folder).map_err(RecordError::io("create", &folder))?;
    let failed = || RecordError::io("read", source.session_folder);
    for entry in fs::read_dir(source.session_folder).map_err(failed())? {
        let from = entry.map_err(failed())?.path();
        if !from.is_file() {
            continue;
        }
        let to = folder.join(from.file_name().unwrap_or_default());
        if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).map_err(RecordError::io("copy to", &to))?;
        }
        set.files.push(to);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_letters_and_digits_and_stay_apart() {
        let camera = |name: &str| CameraLayout { name: name.to_owned(), slots: Vec::new() };
        let labels = camera_labels(&[camera("cam-1"), camera("cam_1"), camera("__")]);
        assert_eq!(labels, ["cam1", "cam1x2", "x"]);
    }

    #[test]
    fn events_cannot_break_the_table() {
        let markers = [(12.0, "b\tc\nd".to_owned()), (11.5, String::new())];
        assert_eq!(
            events(&markers, 10.0),
            "onset\tduration\ttrial_type\n1.500000000\tn/a\tn/a\n2.000000000\tn/a\tb c d\n"
        );
    }
}
