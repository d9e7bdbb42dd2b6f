//! One JSON object per frame.

use mien_face::{Face, FacePart, FaceParts, FrameFaces};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// Appends the frame's object and a line feed. Its size is given where it is not the usual one.
pub(crate) fn write_row(
    row: &mut Vec<u8>,
    frame: &FrameFaces,
    parts: FaceParts,
    usual_size: Option<[u32; 2]>,
) {
    let own_size = [frame.frame_width, frame.frame_height];
    let size = usual_size.filter(|usual| *usual != own_size).map(|_| own_size);
    // Writing to memory cannot fail, and no key of these types is anything but a string.
    serde_json::to_writer(&mut *row, &FrameRow { frame, parts, size })
        .expect("plain numbers are always JSON");
    row.push(b'\n');
}

/// Seconds, divided rather than multiplied: 33 333 000 ns become 0.033333, not 0.033333000000000004.
pub(crate) fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

struct FrameRow<'a> {
    frame: &'a FrameFaces,
    parts: FaceParts,
    size: Option<[u32; 2]>,
}

struct Faces<'a>(&'a [Face], FaceParts);
struct FaceRow<'a>(&'a Face, FaceParts);
struct Pose<'a>(&'a Face);

impl Serialize for FrameRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let frame = self.frame;
        let is_damaged = frame.damaged != 0;
        let fields = 3 + usize::from(self.size.is_some()) + usize::from(is_damaged);
        let mut row = serializer.serialize_struct("frame", fields)?;
        row.serialize_field("frame", &frame.frame_index)?;
        row.serialize_field("time", &seconds(frame.capture_nanos))?;
        if let Some(size) = self.size {
            row.serialize_field("size", &size)?;
        }
        if is_damaged {
            row.serialize_field("damaged", &true)?;
        }
        row.serialize_field("faces", &Faces(frame.faces(), self.parts))?;
        row.end()
    }
}

impl Serialize for Faces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|face| FaceRow(face, self.1)))
    }
}

impl Serialize for FaceRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let face = self.0;
        let bounds = &face.bounds;
        let has_blendshapes = self.1.contains(FacePart::Blendshapes);
        let mut row = serializer.serialize_struct("face", 5 + usize::from(has_blendshapes))?;
        row.serialize_field("id", &face.track_id)?;
        row.serialize_field("score", &face.score)?;
        row.serialize_field("box", &[bounds.x1, bounds.y1, bounds.x2, bounds.y2])?;
        row.serialize_field("landmarks", &face.smoothed.landmarks[..])?;
        if has_blendshapes {
            row.serialize_field("blendshapes", &face.smoothed.blendshapes[..])?;
        }
        row.serialize_field("pose", &Pose(face))?;
        row.end()
    }
}

impl Serialize for Pose<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pose = &self.0.smoothed.pose;
        let mut row = serializer.serialize_struct("pose", 3)?;
        row.serialize_field("matrix", &pose.camera_from_head)?;
        row.serialize_field("rotation_deg", &pose.rotation_deg)?;
        row.serialize_field("translation_cm", &pose.translation_cm)?;
        row.end()
    }
}
