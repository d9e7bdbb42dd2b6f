//! The descriptions: the one place that says channel names, units and types.

use mien_face::{BLENDSHAPE_NAMES, FacePart, FaceParts, LANDMARK_COUNT};
use mien_xdf::{Channel, ChannelFormat, Element, StreamDescription};

use crate::{CameraDescription, StreamIdentity, StreamKind, StreamSettings};

/// Where landmarks lie.
const FRAME_COORDINATES: &str = "frame: pixels of the captured picture, x right, y down, origin at the outer \
     corner of the top left pixel; z on the scale of x, relative to the face's middle, smaller is nearer";
/// Where heads lie.
const CAMERA_COORDINATES: &str = "camera: x right in the picture, y up, z towards the viewer, origin at the \
     pinhole, right-handed; the quaternion (A real, B C D along x y z) and the angles turn the head from \
     facing the camera; rotation = R_y(H) R_x(P) R_z(R)";

/// The streams of one camera, in the order that [`FrameRows`](crate::FrameRows) counts them: for every
/// slot its kinds (raw, then filtered), then `…_Frames`.
#[must_use]
pub fn camera_streams(camera: &CameraDescription, settings: &StreamSettings) -> Vec<StreamDescription> {
    let mut streams = Vec::new();
    for slot in 0..camera.slot_count(settings) {
        for kind in camera.kinds(settings) {
            streams.push(slot_stream(camera, settings, slot, kind, false));
            if camera.filter.is_some() && kind.is_filtered() {
                streams.push(slot_stream(camera, settings, slot, kind, true));
            }
        }
    }
    streams.push(frames_stream(camera, settings));
    streams
}

/// The stream of markers that all cameras share.
#[must_use]
pub fn marker_stream(settings: &StreamSettings) -> StreamDescription {
    StreamDescription {
        name: format!("{}_markers", settings.markers.prefix(&settings.prefix)),
        content_type: "Markers".to_owned(),
        format: ChannelFormat::String,
        nominal_rate_hz: 0.0,
        source_id: source_id(settings, &settings.markers, &["markers"]),
        channels: vec![Channel::new("marker", "Marker", "text")],
        details: vec![Element::new("acquisition").with_all(software())],
    }
}

impl StreamKind {
    fn suffix(self) -> &'static str {
        match self {
            Self::Landmarks => "landmarks",
            Self::Blendshapes => "blendshapes",
            Self::Pose => "pose",
            Self::Quality => "quality",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Landmarks | Self::Pose => "MoCap",
            Self::Blendshapes => "FaceExpression",
            Self::Quality => "Quality",
        }
    }

    fn coordinates(self) -> Option<&'static str> {
        match self {
            Self::Landmarks => Some(FRAME_COORDINATES),
            Self::Pose => Some(CAMERA_COORDINATES),
            Self::Quality => Some("frame: pixels of the captured picture, x right, y down"),
            Self::Blendshapes => None,
        }
    }

    /// Whether the temporal filter changes it.
    pub(crate) fn is_filtered(self) -> bool {
        self != Self::Quality
    }

    /// Number of its channels.
    pub(crate) fn channel_count(self) -> usize {
        match self {
            Self::Landmarks => 3 * LANDMARK_COUNT,
            Self::Blendshapes => BLENDSHAPE_NAMES.len(),
            Self::Pose => 11,
            Self::Quality => 11,
        }
    }

    /// Its channels; rows have their values in this order.
    pub(crate) fn channels(self) -> Vec<Channel> {
        match self {
            Self::Landmarks => (0..LANDMARK_COUNT).flat_map(landmark_channels).collect(),
            Self::Blendshapes => {
                BLENDSHAPE_NAMES.map(|name| Channel::new(name, "FaceExpression", "normalized")).into()
            }
            Self::Pose => pose_channels(),
            Self::Quality => vec![
                Channel::new("score", "Confidence", "normalized"),
                Channel::new("presence", "Confidence", "normalized"),
                Channel::new("latency", "Latency", "seconds"),
                Channel::new("dropped_frames", "Count", "frames"),
                Channel::new("track_id", "Identifier", "none"),
                Channel::new("detection_age", "Count", "frames"),
                Channel::new("box_x1", "ScreenX", "pixels"),
                Channel::new("box_y1", "ScreenY", "pixels"),
                Channel::new("box_x2", "ScreenX", "pixels"),
                Channel::new("box_y2", "ScreenY", "pixels"),
                Channel::new("damaged", "Flag", "boolean"),
            ],
        }
    }
}

fn landmark_channels(landmark: usize) -> [Channel; 3] {
    ["X", "Y", "Z"].map(|axis| Channel {
        marker: Some(format!("landmark{landmark}")),
        ..Channel::new(format!("landmark{landmark}_{axis}"), format!("Position{axis}"), "pixels")
    })
}

fn pose_channels() -> Vec<Channel> {
    let channel = |kind: String, unit: &str| Channel {
        marker: Some("head".to_owned()),
        ..Channel::new(kind.clone(), kind, unit)
    };
    let positions = ["X", "Y", "Z"].map(|axis| channel(format!("Position{axis}"), "meters"));
    let quaternion = ["A", "B", "C", "D"].map(|part| channel(format!("Orientation{part}"), "quaternion"));
    let angles = ["P", "H", "R"].map(|angle| channel(format!("Orientation{angle}"), "degrees"));
    let confidence = channel("Confidence".to_owned(), "normalized");
    positions.into_iter().chain(quaternion).chain(angles).chain([confidence]).collect()
}

fn slot_stream(
    camera: &CameraDescription,
    settings: &StreamSettings,
    slot: usize,
    kind: StreamKind,
    filtered: bool,
) -> StreamDescription {
    let slot_name = camera.slot_name(slot);
    let suffix = format!("{}{}", kind.suffix(), if filtered { "_filtered" } else { "" });
    let mut details = details(camera);
    if let Some(coordinates) = kind.coordinates() {
        details.push(Element::text("coordinate_system", coordinates));
    }
    details.push(Element::text("face_slot", &slot_name));
    if kind.is_filtered() {
        let filter = camera.filter.as_deref().filter(|_| filtered).unwrap_or("none");
        details.push(Element::new("filtering").with(Element::text("temporal_filter", filter)));
    }
    StreamDescription {
        name: format!("{}_{slot_name}_{suffix}", camera.stream_prefix(settings)),
        content_type: kind.content_type().to_owned(),
        format: ChannelFormat::Float32,
        nominal_rate_hz: camera.triggered_rate_hz.unwrap_or(0.0),
        source_id: source_id(settings, &camera.identity, &[&camera.name, &slot_name, &suffix]),
        channels: kind.channels(),
        details,
    }
}

fn frames_stream(camera: &CameraDescription, settings: &StreamSettings) -> StreamDescription {
    StreamDescription {
        name: format!("{}_Frames", camera.stream_prefix(settings)),
        content_type: "VideoFrames".to_owned(),
        format: ChannelFormat::Double64,
        nominal_rate_hz: camera.triggered_rate_hz.unwrap_or(0.0),
        source_id: source_id(settings, &camera.identity, &[&camera.name, "Frames"]),
        channels: vec![
            Channel::new("frame_index", "FrameIndex", "count"),
            Channel::new("device_time", "Time", "seconds"),
            Channel::new("dropped_frames", "Count", "frames"),
            Channel::new("latency", "Latency", "seconds"),
            Channel::new("face_count", "Count", "faces"),
            Channel::new("detector_ran", "Flag", "boolean"),
            Channel::new("damaged", "Flag", "boolean"),
        ],
        details: details(camera),
    }
}

/// What every stream of a camera says about its origin.
fn details(camera: &CameraDescription) -> Vec<Element> {
    let acquisition = Element::new("acquisition")
        .with(Element::text("model", &camera.source))
        .with(Element::text("camera", &camera.name))
        .with_all(software())
        .with(Element::text("engine", &camera.engine));
    let acquisition = match camera.frame_size {
        Some((width, height)) => acquisition.with(
            Element::new("resolution").with(Element::text("X", width)).with(Element::text("Y", height)),
        ),
        None => acquisition,
    };
    let models = camera.models.iter().map(|model| {
        Element::new("network")
            .with(Element::text("role", &model.role))
            .with(Element::text("name", &model.name))
            .with(Element::text("sha256", &model.sha256))
    });
    let acquisition = acquisition.with(Element::new("networks").with_all(models));
    let absent: Vec<&str> = FaceParts::ALL.without(camera.parts).iter().map(FacePart::name).collect();
    let acquisition = match absent.is_empty() {
        true => acquisition,
        false => acquisition.with(Element::text("not_measured", absent.join(" "))),
    };
    vec![acquisition, camera.synchronization.element()]
}

fn software() -> [Element; 2] {
    [Element::text("software", "Mien"), Element::text("software_version", env!("CARGO_PKG_VERSION"))]
}

/// The same after every restart of the same setup; another on another machine, for another user, of another camera.
fn source_id(settings: &StreamSettings, identity: &StreamIdentity, parts: &[&str]) -> String {
    format!("{}:{}:{}{}", settings.prefix, host_name(), identity.source_part(), parts.join(":"))
}

fn host_name() -> String {
    // Linux keeps it here; elsewhere the shell usually says.
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_source_ids_are_unique_and_every_channel_has_a_unit() {
        let settings = StreamSettings { slots: 3, ..StreamSettings::default() };
        let camera = CameraDescription {
            name: "front".to_owned(),
            filter: Some("One-Euro".to_owned()),
            participants: vec!["P01".to_owned()],
            ..CameraDescription::default()
        };
        let streams = camera_streams(&camera, &settings);
        assert_eq!(streams.len(), 3 * 7 + 1);
        let names: HashSet<_> = streams.iter().map(|s| &s.name).collect();
        let ids: HashSet<_> = streams.iter().map(|s| &s.source_id).collect();
        assert_eq!((names.len(), ids.len()), (22, 22));
        assert!(names.contains(&"mien_front_P01_pose_filtered".to_owned()));
        assert!(names.contains(&"mien_front_face2_landmarks".to_owned()));
        for stream in &streams {
            let labels: HashSet<_> = stream.channels.iter().map(|c| &c.label).collect();
            assert_eq!(labels.len(), stream.channels.len());
            assert!(stream.channels.iter().all(|c| !c.unit.is_empty() && !c.content_type.is_empty()));
            assert_eq!(stream.nominal_rate_hz, 0.0, "a camera that nothing triggers is irregular");
        }
    }

    #[test]
    fn two_programs_of_the_same_setup_share_neither_name_nor_source_id() {
        let streams = |number| {
            let identity = StreamIdentity {
                setup_number: number,
                name_number: number,
                ..StreamIdentity::new("mien", "front", "usb:1")
            };
            let camera = CameraDescription {
                name: "front".to_owned(),
                source: "http://alice:s3cret@cam/?pwd=pa55".into(),
                identity: identity.clone(),
                ..CameraDescription::default()
            };
            let settings = StreamSettings { markers: identity, ..StreamSettings::default() };
            let mut streams = camera_streams(&camera, &settings);
            streams.push(marker_stream(&settings));
            streams
        };
        let all: Vec<_> = streams(1).into_iter().chain(streams(2)).collect();
        let names: HashSet<_> = all.iter().map(|stream| &stream.name).collect();
        let ids: HashSet<_> = all.iter().map(|stream| &stream.source_id).collect();
        assert_eq!((names.len(), ids.len(), all.len()), (12, 12, 12));
        assert!(names.contains(&"mien_front_face1_pose".to_owned()));
        assert!(names.contains(&"mien-2_markers".to_owned()));
        for stream in &all {
            let document = stream.document(0.0);
            assert!(!document.contains("s3cret") && !document.contains("pa55"), "{document}");
        }
    }

    #[test]
    fn what_is_not_measured_has_no_stream_and_is_said() {
        let camera = |parts| CameraDescription {
            name: "front".to_owned(),
            filter: Some("One-Euro".to_owned()),
            parts,
            ..CameraDescription::default()
        };
        let settings = StreamSettings { slots: 2, ..StreamSettings::default() };
        let everything = camera_streams(&camera(FaceParts::ALL), &settings);
        assert_eq!(everything.len(), 2 * 7 + 1);
        assert!(everything.iter().all(|stream| !stream.document(0.0).contains("not_measured")));
        let streams = camera_streams(&camera(FaceParts::NONE), &settings);
        assert_eq!(streams.len(), 2 * 5 + 1);
        for stream in &streams {
            assert!(!stream.name.contains("blendshapes"), "{}", stream.name);
            let said = "<not_measured>irises blendshapes</not_measured>";
            assert!(stream.document(0.0).contains(said), "{}", stream.document(0.0));
        }
    }

    #[test]
    fn names_make_slots_and_a_trigger_makes_a_rate() {
        let camera = CameraDescription {
            name: "front".to_owned(),
            participants: ["anna", "ben"].map(str::to_owned).into(),
            triggered_rate_hz: Some(60.0),
            ..CameraDescription::default()
        };
        let streams = camera_streams(&camera, &StreamSettings::default());
        assert_eq!(streams.len(), 2 * 4 + 1);
        assert_eq!(streams[4].name, "mien_front_ben_landmarks");
        assert!(streams.iter().all(|stream| stream.nominal_rate_hz == 60.0));
    }
}
