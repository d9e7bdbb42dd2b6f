//! The outlets as the Streams page shows them.

use mien_gui::StreamStatus;

use crate::live::Outlet;

/// The outlets' status: a camera's streams have its rate, which `rate_hz` gives by the camera's name.
pub(super) fn statuses(outlets: Vec<Outlet>, rate_hz: impl Fn(&str) -> f32) -> Vec<StreamStatus> {
    let status = |Outlet { id, description, has_consumers }: Outlet| StreamStatus {
        rate_hz: id.camera.as_deref().map_or(0.0, &rate_hz),
        camera: id.camera,
        name: description.name,
        kind: description.content_type,
        channels: description.channels.len() as u32,
        newest_ms: None,
        has_consumers,
    };
    outlets.into_iter().map(status).collect()
}

/// Notes how old the newest sample of each stream is, from the newest capture time of its camera.
pub(super) fn date(streams: &mut [StreamStatus], now_nanos: i64, newest_nanos: impl Fn(&str) -> Option<i64>) {
    for stream in streams {
        let newest = stream.camera.as_deref().and_then(&newest_nanos).filter(|nanos| *nanos > 0);
        stream.newest_ms = newest.map(|nanos| (now_nanos - nanos) as f32 * 1e-6);
    }
}

#[cfg(test)]
mod tests {
    use mien_stream::{CameraDescription, CameraEncoder, StreamSettings};

    use super::*;

    /// The outlets of a camera of this name, among them those of its face slot `slot`.
    fn outlets(name: &str, slot: &str) -> Vec<Outlet> {
        let camera = CameraDescription {
            name: name.to_owned(),
            participants: vec![slot.to_owned()],
            ..CameraDescription::default()
        };
        let encoder = CameraEncoder::new(camera, StreamSettings::default());
        let streams = encoder.ids().iter().cloned().zip(encoder.streams().iter().cloned());
        streams.map(|(id, description)| Outlet { id, description, has_consumers: false }).collect()
    }

    #[test]
    fn streams_belong_to_their_camera_however_another_is_called() {
        // Both send `mien_left_2_…`.
        let own = [("left", "2"), ("left_2", "face1")];
        let all = own.iter().flat_map(|(name, slot)| outlets(name, slot)).collect();
        let rate_hz = |name: &str| if name == "left" { 30.0 } else { 60.0 };
        let mut statuses = statuses(all, rate_hz);
        assert_eq!(statuses.len(), 10);
        date(&mut statuses, 9_000_000, |name| Some(if name == "left" { 4_000_000 } else { 7_000_000 }));
        for (place, stream) in statuses.iter().enumerate() {
            let (camera, rate_hz, newest_ms) = [("left", 30.0, 5.0), ("left_2", 60.0, 2.0)][place / 5];
            assert_eq!(stream.camera.as_deref(), Some(camera), "{}", stream.name);
            assert_eq!((stream.rate_hz, stream.newest_ms), (rate_hz, Some(newest_ms)), "{}", stream.name);
        }
        assert!(statuses.iter().filter(|stream| stream.name.starts_with("mien_left_2_")).count() > 5);
    }
}
