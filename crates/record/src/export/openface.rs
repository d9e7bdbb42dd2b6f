//! OpenFace's columns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mien_face::{
    BLENDSHAPE_COUNT, FaceBox, FacePart, FaceParts, FaceState, FrameFaces, HeadPose, LANDMARK_COUNT,
    MAX_FACES,
};
use mien_outputs::{BLENDSHAPES, Camera, QUALITY};
use mien_stream::StreamKind;
use mien_tables::{TableError, TableFormat, TableWriter};

use super::frames::{CameraLayout, FrameRecord, Frames, Item};
use super::{Progress, Source, step};
use crate::{RecordError, check_name};

const QUALITY_ROW: StreamKind = StreamKind::Output { output: QUALITY, filtered: false };

/// Writes one CSV file for each camera, the one that `mien track` writes.
pub(super) fn export(
    source: &Source<'_>,
    out: &Path,
    progress: &mut Progress<'_>,
) -> Result<Vec<PathBuf>, RecordError> {
    let mut frames = Frames::open(source)?;
    // Names in the data are whatever somebody wrote there.
    frames.cameras().iter().try_for_each(|camera| check_name("camera", &camera.name))?;
    let files: Vec<PathBuf> =
        frames.cameras().iter().map(|camera| out.join(format!("{}.csv", camera.name))).collect();
    let mut tables = files
        .iter()
        .zip(frames.cameras())
        .map(|(path, camera)| {
            let table = TableWriter::create_for(parts_of(camera), path, TableFormat::Csv, false);
            let table = table.map_err(failed)?;
            Ok(table.with_camera(optics(source, camera)))
        })
        .collect::<Result<Vec<_>, RecordError>>()?;
    let mut faces = FrameFaces::boxed();
    while let Some(item) = frames.next()? {
        if let Item::Frame(record) = item {
            fill(&mut faces, &record);
            tables[record.camera].write(&faces).map_err(failed)?;
        }
        step(progress, frames.progress())?;
    }
    for table in tables {
        table.finish().map_err(failed)?;
    }
    Ok(files)
}

/// What the session says of a camera's faces.
fn parts_of(camera: &CameraLayout) -> FaceParts {
    let blendshapes = FaceParts::of(&[FacePart::Blendshapes]);
    let mut kinds = camera.slots.iter().flat_map(|slot| &slot.kinds);
    let has =
        kinds.any(|(kind, _)| matches!(kind, StreamKind::Output { output, .. } if *output == BLENDSHAPES));
    if has { FaceParts::ALL } else { FaceParts::ALL.without(blendshapes) }
}

/// What a session without streams for it says of a face.
const NOT_RECORDED: FaceState = FaceState {
    landmarks: [[f32::NAN; 3]; LANDMARK_COUNT],
    blendshapes: [f32::NAN; BLENDSHAPE_COUNT],
    pose: HeadPose {
        camera_from_head: [f32::NAN; 16],
        rotation_deg: [f32::NAN; 3],
        translation_cm: [f32::NAN; 3],
    },
};

/// What is known of a camera that recorded.
fn optics(source: &Source<'_>, camera: &CameraLayout) -> Camera {
    let record = source.session.cameras.iter().find(|record| record.name == camera.name);
    let unknown = Camera::default();
    Camera {
        vertical_fov_deg: record.map_or(unknown.vertical_fov_deg, |record| record.vertical_fov_deg),
        frame_size: camera.frame_size,
    }
}

/// What the system said, with what helps; nothing of an export is kept.
fn failed(error: TableError) -> RecordError {
    match error {
        TableError::Create { path, source } => RecordError::io("create", &path)(source),
        TableError::Write { path, source, .. } => RecordError::io("write", &path)(source),
        other => other.into(),
    }
}

/// Makes of a frame's rows the faces that they came from.
fn fill(faces: &mut FrameFaces, record: &FrameRecord) {
    faces.frame_index = record.frame.first().copied().unwrap_or(f64::NAN) as u64;
    faces.capture_nanos = (record.timestamp * 1e9).round() as i64;
    // Sessions of earlier releases do not say it.
    faces.damaged = u32::from(record.frame.get(6).is_some_and(|&damaged| damaged == 1.0));
    faces.face_count = 0;
    for slot in &record.slots {
        let Some(quality) =
            slot.get(&QUALITY_ROW).filter(|row| row.get(1).is_some_and(|presence| !presence.is_nan()))
        else {
            continue;
        };
        let Some(face) = faces.faces.get_mut(faces.face_count as usize) else { break };
        let value = |channel: usize| quality.get(channel).copied().unwrap_or(f32::NAN);
        face.score = value(0);
        face.presence = value(1);
        face.track_id = value(4) as u32;
        face.detection_age_frames = value(5) as u32;
        face.bounds = FaceBox { x1: value(6), y1: value(7), x2: value(8), y2: value(9) };
        face.measured = NOT_RECORDED;
        restore(&mut face.measured, slot, false);
        face.smoothed = face.measured;
        restore(&mut face.smoothed, slot, true);
        faces.face_count += 1;
    }
    debug_assert!(faces.face_count as usize <= MAX_FACES);
}

/// Takes over what the slot has.
fn restore(state: &mut FaceState, slot: &BTreeMap<StreamKind, Vec<f32>>, wanted: bool) {
    for (kind, row) in slot {
        if let StreamKind::Output { output, filtered } = *kind
            && filtered == wanted
            && let Some(restore) = output.restore
        {
            restore(row, state);
        }
    }
}
