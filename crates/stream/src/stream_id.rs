//! Which stream is what, as data: names are for people and other programs.

use mien_outputs::OutputId;

use crate::{CameraDescription, StreamSettings};

/// What a stream carries, and of whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StreamId {
    /// Name of the camera; `None` for the markers, which all cameras share.
    pub camera: Option<String>,
    /// The camera's face slot, from 0; `None` for what concerns no face.
    pub slot: Option<usize>,
    /// What its rows are.
    pub kind: StreamKind,
}

/// What the rows of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamKind {
    /// An output of a face.
    Output {
        /// Which.
        output: OutputId,
        /// Whether it went through the temporal filter.
        filtered: bool,
    },
    /// The frames of a camera.
    Frames,
    /// Markers.
    Markers,
}

impl StreamKind {
    /// Every kind of a face's rows: of each output the raw, then the filtered one where there can be one.
    pub fn of_faces() -> impl Iterator<Item = Self> {
        mien_outputs::ALL.iter().flat_map(|&output| Self::of(output, true))
    }

    /// The kinds of an output: raw, and filtered where there is a filter that changes it.
    pub(crate) fn of(output: OutputId, has_filter: bool) -> impl Iterator<Item = Self> {
        let filtered = [false, true].into_iter().take(if has_filter && output.is_filtered { 2 } else { 1 });
        filtered.map(move |filtered| Self::Output { output, filtered })
    }

    /// Last part of its streams' names.
    #[must_use]
    pub fn suffix(self) -> String {
        match self {
            Self::Output { output, filtered } => output.suffix(filtered),
            Self::Frames => "Frames".to_owned(),
            Self::Markers => "markers".to_owned(),
        }
    }
}

/// The streams of one camera, in the order that [`FrameRows`](crate::FrameRows) counts them: for every slot its
/// outputs (raw, then filtered), then the frames. Outputs that the camera's models do not provide are left out.
#[must_use]
pub fn camera_stream_ids(camera: &CameraDescription, settings: &StreamSettings) -> Vec<StreamId> {
    let id = |slot, kind| StreamId { camera: Some(camera.name.clone()), slot, kind };
    let outputs = settings.outputs.iter().filter(|output| output.is_given_by(camera.parts));
    let kinds: Vec<_> = outputs.flat_map(|&output| StreamKind::of(output, camera.filter.is_some())).collect();
    let slots = 0..camera.slot_count(settings);
    let of_slots = slots.flat_map(|slot| kinds.iter().map(move |&kind| (Some(slot), kind)));
    of_slots.chain([(None, StreamKind::Frames)]).map(|(slot, kind)| id(slot, kind)).collect()
}
