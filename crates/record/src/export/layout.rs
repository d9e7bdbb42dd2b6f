//! Which stream is what: cameras, slots, kinds.

use mien_stream::StreamKind;
use roxmltree::{Document, Node};

/// What a stream is, as its header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The markers.
    Markers,
    /// The frames of a camera, and their width and height in pixels; 0 where they were not known.
    Frames { camera: String, frame_size: [u32; 2] },
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
        let resolution = child(acquisition, "resolution");
        let pixels = |axis| child(resolution?, axis)?.text()?.parse().ok();
        let frame_size = ["X", "Y"].map(|axis| pixels(axis).unwrap_or(0));
        return Some(Role::Frames { camera, frame_size });
    }
    let slot = child(description, "face_slot")?.text()?.to_owned();
    let is_named = |kind: &StreamKind| name.ends_with(&format!("_{slot}_{}", kind.suffix()));
    let kind = StreamKind::of_faces().find(is_named)?;
    Some(Role::Face { camera, slot, kind })
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}
