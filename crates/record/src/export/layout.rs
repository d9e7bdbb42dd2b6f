//! Which stream is what: cameras, slots, kinds.

use roxmltree::{Document, Node};

/// What a stream of a session carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Landmarks,
    LandmarksFiltered,
    Blendshapes,
    BlendshapesFiltered,
    Pose,
    PoseFiltered,
    Quality,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Landmarks,
        Self::LandmarksFiltered,
        Self::Blendshapes,
        Self::BlendshapesFiltered,
        Self::Pose,
        Self::PoseFiltered,
        Self::Quality,
    ];

    /// Whether it went through the temporal filter.
    pub fn is_filtered(self) -> bool {
        matches!(self, Self::LandmarksFiltered | Self::BlendshapesFiltered | Self::PoseFiltered)
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Landmarks => "_landmarks",
            Self::LandmarksFiltered => "_landmarks_filtered",
            Self::Blendshapes => "_blendshapes",
            Self::BlendshapesFiltered => "_blendshapes_filtered",
            Self::Pose => "_pose",
            Self::PoseFiltered => "_pose_filtered",
            Self::Quality => "_quality",
        }
    }
}

/// What a stream is, as its header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The markers.
    Markers,
    /// The frames of a camera.
    Frames { camera: String },
    /// A face slot of a camera.
    Face { camera: String, slot: String, kind: Kind },
}

/// The role of a stream; `None` for one that Mien did not describe.
pub(super) fn role(name: &str, content_type: &str, xml: &str) -> Option<Role> {
    if content_type == "Markers" {
        return Some(Role::Markers);
    }
    let document = Document::parse(xml).ok()?;
    let description = child(document.root_element(), "desc")?;
    let camera = child(child(description, "acquisition")?, "camera")?.text()?.to_owned();
    if content_type == "VideoFrames" {
        return Some(Role::Frames { camera });
    }
    let slot = child(description, "face_slot")?.text()?.to_owned();
    let kind = Kind::ALL.into_iter().find(|kind| name.ends_with(&format!("_{slot}{}", kind.suffix())))?;
    Some(Role::Face { camera, slot, kind })
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}
