//! Which stream is what: cameras, slots, kinds.

use mien_stream::StreamKind;
use roxmltree::{Document, Node};

/// What a stream is, as its header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The markers.
    Markers,
    /// The frames of a camera, and their height in pixels; 0 where it was not known.
    Frames { camera: String, frame_height: u32 },
    /// A face slot of a camera.
    Face { camera: String, slot: String, kind: StreamKind },
}

/// The role of a stream; `None` for one that Mien did not describe.
pub(super) fn role(name: &str, content_type: &str, xml: &str) -> Option<Role> {
    if content_type == "Markers" {
        return Some(Role::Markers);
    }
    let document = Document::parse(xml).ok()?;
    let description = child(document.root_element(), "desc")?;
    let acquisition = child(description, "acquisition")?;
    let camera = child(acquisition, "camera")?.text()?.to_owned();
    if content_type == "VideoFrames" {
        let height = child(acquisition, "resolution").and_then(|resolution| child(resolution, "Y")?.text());
        let frame_height = height.and_then(|height| height.parse().ok()).unwrap_or(0);
        return Some(Role::Frames { camera, frame_height });
    }
    let slot = child(description, "face_slot")?.text()?.to_owned();
    let is_named = |kind: &StreamKind| name.ends_with(&format!("_{slot}_{}", kind.suffix()));
    let kind = StreamKind::of_faces().find(is_named)?;
    Some(Role::Face { camera, slot, kind })
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}
