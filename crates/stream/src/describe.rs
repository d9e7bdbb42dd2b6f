//! The descriptions of streams, as XDF and LSL have them.

use mien_face::{FacePart, FaceParts};
use mien_outputs::OutputId;
use mien_xdf::{Channel, ChannelFormat, Element, StreamDescription};

use crate::{CameraDescription, StreamId, StreamIdentity, StreamKind, StreamSettings, camera_stream_ids};

/// What each of [`camera_stream_ids`] is, in their order.
#[must_use]
pub fn camera_streams(camera: &CameraDescription, settings: &StreamSettings) -> Vec<StreamDescription> {
    let describe = |id: StreamId| match (id.slot, id.kind) {
        (Some(slot), StreamKind::Output { output, filtered }) => {
            slot_stream(camera, settings, slot, output, filtered)
        }
        _ => frames_stream(camera, settings),
    };
    camera_stream_ids(camera, settings).into_iter().map(describe).collect()
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

fn channel(channel: mien_outputs::Channel) -> Channel {
    Channel {
        marker: channel.marker.map(Into::into),
        ..Channel::new(channel.label, channel.content_type, channel.unit.name())
    }
}

fn slot_stream(
    camera: &CameraDescription,
    settings: &StreamSettings,
    slot: usize,
    output: OutputId,
    filtered: bool,
) -> StreamDescription {
    let slot_name = camera.slot_name(slot);
    let suffix = output.suffix(filtered);
    let mut details = details(camera);
    if let Some(coordinates) = output.coordinates {
        details.push(Element::text("coordinate_system", coordinates));
    }
    details.push(Element::text("face_slot", &slot_name));
    if output.is_filtered {
        let filter = camera.filter.as_deref().filter(|_| filtered).unwrap_or("none");
        details.push(Element::new("filtering").with(Element::text("temporal_filter", filter)));
    }
    StreamDescription {
        name: format!("{}_{slot_name}_{suffix}", camera.stream_prefix(settings)),
        content_type: output.content_type.to_owned(),
        format: ChannelFormat::Float32,
        nominal_rate_hz: camera.triggered_rate_hz.unwrap_or(0.0),
        source_id: source_id(settings, &camera.identity, &[&camera.name, &slot_name, &suffix]),
        channels: output.channels().map(channel).collect(),
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
