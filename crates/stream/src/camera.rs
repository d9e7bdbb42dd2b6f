//! What the descriptions of a camera's streams are made of.

use mien_address::SourceAddress;
use mien_face::{FaceParts, MAX_FACES};
use mien_outputs::{Camera, OutputId};

use crate::{StreamIdentity, Synchronization};

/// A model that took part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelNote {
    /// What it does: `detector`, `landmarks`, `blendshapes`.
    pub role: String,
    /// Its name.
    pub name: String,
    /// SHA-256 of its file, in hexadecimal.
    pub sha256: String,
}

/// Where a camera's data comes from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CameraDescription {
    /// Name of the camera, unique in the session; part of its streams' names.
    pub name: String,
    /// What the camera is, as the configuration names its source; streams tell it without its secrets.
    pub source: SourceAddress,
    /// Width and height of its frames in pixels, where they are known already.
    pub frame_size: Option<(u32, u32)>,
    /// Frames a second; only of a camera that hardware triggers. Others are irregular streams, because
    /// importers spread a regular stream's samples evenly and so hide dropped frames.
    pub triggered_rate_hz: Option<f64>,
    /// What outputs need to know of the camera.
    pub optics: Camera,
    /// The engine that runs the networks, with device and precision.
    pub engine: String,
    /// The networks.
    pub models: Vec<ModelNote>,
    /// What they measure of a face: outputs that need more have no streams.
    pub parts: FaceParts,
    /// The temporal filter and its settings; `None` while it is off.
    pub filter: Option<String>,
    /// What is known of the camera's timing.
    pub synchronization: Synchronization,
    /// What tells its streams from those of another program.
    pub identity: StreamIdentity,
    /// Names of the participants in the first slots; further slots are `face1`, `face2`, ….
    pub participants: Vec<String>,
}

impl CameraDescription {
    /// Number of face slots: as many as the settings say, and as many as there are names.
    #[must_use]
    pub fn slot_count(&self, settings: &StreamSettings) -> usize {
        settings.slots.max(self.participants.len()).clamp(1, MAX_FACES)
    }

    /// The first part of its streams' names: prefix and camera.
    #[must_use]
    pub fn stream_prefix(&self, settings: &StreamSettings) -> String {
        format!("{}_{}", self.identity.prefix(&settings.prefix), self.name)
    }

    /// Name of a slot, as it stands in stream names.
    #[must_use]
    pub fn slot_name(&self, slot: usize) -> String {
        match self.participants.get(slot) {
            Some(participant) => participant.clone(),
            None => format!("face{}", slot + 1),
        }
    }
}

/// Which streams there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// First part of every stream's name.
    pub prefix: String,
    /// What tells the stream of markers from that of another program.
    pub markers: StreamIdentity,
    /// What each slot sends.
    pub outputs: Vec<OutputId>,
    /// Face slots of each camera, 1–[`MAX_FACES`]; a camera with more participants has more.
    pub slots: usize,
    /// A row of NaN where a frame has no face in the slot. Without it such a frame has no row.
    pub fill: bool,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            prefix: "mien".to_owned(),
            markers: StreamIdentity::default(),
            outputs: OutputId::usual(),
            slots: 1,
            fill: true,
        }
    }
}
