//! OpenFace's columns.

use std::path::{Path, PathBuf};

use mien_face::{
    BLENDSHAPE_COUNT, FaceBox, FacePart, FaceParts, FaceState, FrameFaces, HeadPose, LANDMARK_COUNT,
    MAX_FACES,
};
use mien_geometry::rotation_from_euler_deg;
use mien_tables::{TableError, TableFormat, TableWriter};

use super::frames::{CameraLayout, FrameRecord, Frames, Item};
use super::layout::Kind;
use super::{Progress, Source, step};
use crate::{RecordError, check_name};

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
            TableWriter::create_for(parts_of(camera), path, TableFormat::Csv, false).map_err(failed)
        })
        .collect::<Result<Vec<_>, _>>()?;
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
    let has = kinds.any(|(kind, _)| matches!(kind, Kind::Blendshapes | Kind::BlendshapesFiltered));
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
            slot.get(&Kind::Quality).filter(|row| row.get(1).is_some_and(|presence| !presence.is_nan()))
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
        fill_state(&mut face.measured, slot, [Kind::Landmarks, Kind::Blendshapes, Kind::Pose]);
        let filtered = [Kind::LandmarksFiltered, Kind::BlendshapesFiltered, Kind::PoseFiltered];
        face.smoothed = face.measured;
        fill_state(&mut face.smoothed, slot, filtered);
        faces.face_count += 1;
    }
    debug_assert!(faces.face_count as usize <= MAX_FACES);
}

/// Takes over what the slot has.
fn fill_state(
    state: &mut FaceState,
    slot: &std::collections::BTreeMap<Kind, Vec<f32>>,
    [landmarks, blendshapes, pose]: [Kind; 3],
) {
    if let Some(row) = slot.get(&landmarks) {
        for (point, values) in state.landmarks.iter_mut().zip(row.as_chunks::<3>().0) {
            *point = *values;
        }
    }
    if let Some(row) = slot.get(&blendshapes) {
        for (coefficient, value) in state.blendshapes.iter_mut().zip(row) {
            *coefficient = *value;
        }
    }
    if let Some(row) = slot.get(&pose).filter(|row| row.len() >= 10) {
        state.pose.translation_cm = [0, 1, 2].map(|axis| 100.0 * row[axis]);
        state.pose.rotation_deg = [row[7], row[8], row[9]];
        let rotation = rotation_from_euler_deg(state.pose.rotation_deg);
        for (i, row) in rotation.iter().enumerate() {
            state.pose.camera_from_head[4 * i..4 * i + 3].copy_from_slice(row);
            state.pose.camera_from_head[4 * i + 3] = state.pose.translation_cm[i];
        }
        state.pose.camera_from_head[12..].copy_from_slice(&[0.0, 0.0, 0.0, 1.0]);
    }
}
