//! From the faces of a frame to the rows of its camera's streams.

use mien_clock::seconds;
use mien_face::FrameFaces;
use mien_outputs::{Computation, FrameFacts, Sample, State};
use mien_xdf::StreamDescription;

use crate::{
    CameraDescription, FrameRows, Slots, StreamId, StreamKind, StreamSettings, Synchronization,
    TimingMonitor, camera_stream_ids, camera_streams,
};

/// Longest time between two frames that is no gap.
const LONGEST_INTERVAL_SECONDS: f64 = 1.0;

/// A time without frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Capture time of the last frame before it, in seconds.
    pub from: f64,
    /// Capture time of the first frame after it, in seconds.
    pub to: f64,
    /// Whether the source counted its frames anew: it was restarted.
    pub restarted: bool,
}

/// Turns the faces of one camera into rows of its streams.
#[derive(Debug)]
pub struct CameraEncoder {
    camera: CameraDescription,
    settings: StreamSettings,
    ids: Vec<StreamId>,
    streams: Vec<StreamDescription>,
    /// Of each kind of a face's rows what computes them.
    computations: Vec<(StreamKind, Box<dyn Computation>)>,
    slots: Slots,
    timing: TimingMonitor,
    last_frame: Option<(u64, f64)>,
    dropped_frames: u64,
    out_of_order_frames: u64,
    gap: Option<Gap>,
    restarted: bool,
}

impl CameraEncoder {
    /// An encoder for the streams that [`camera_streams`] describes.
    #[must_use]
    pub fn new(camera: CameraDescription, settings: StreamSettings) -> Self {
        let ids = camera_stream_ids(&camera, &settings);
        let of_first_slot = ids.iter().filter(|id| id.slot == Some(0));
        let computation = |id: &StreamId| match id.kind {
            StreamKind::Output { output, .. } => Some((id.kind, output.start())),
            StreamKind::Frames | StreamKind::Markers => None,
        };
        Self {
            computations: of_first_slot.filter_map(computation).collect(),
            ids,
            streams: camera_streams(&camera, &settings),
            slots: Slots::new(camera.slot_count(&settings)),
            camera,
            settings,
            timing: TimingMonitor::default(),
            last_frame: None,
            dropped_frames: 0,
            out_of_order_frames: 0,
            gap: None,
            restarted: false,
        }
    }

    /// The camera.
    #[must_use]
    pub fn camera(&self) -> &CameraDescription {
        &self.camera
    }

    /// The streams, in the order that rows count them.
    #[must_use]
    pub fn streams(&self) -> &[StreamDescription] {
        &self.streams
    }

    /// What each of them is.
    #[must_use]
    pub fn ids(&self) -> &[StreamId] {
        &self.ids
    }

    /// The camera's vertical field of view was changed, in degrees.
    pub fn set_vertical_fov_deg(&mut self, vertical_fov_deg: f32) {
        self.camera.optics.vertical_fov_deg = vertical_fov_deg;
    }

    /// The same streams, with what has been measured of the camera's timing so far: for a recording
    /// that begins now.
    #[must_use]
    pub fn measured_streams(&self) -> Vec<StreamDescription> {
        let known = self.camera.synchronization;
        let scatter = self.timing.measure().or(known.scatter);
        let synchronization = Synchronization { scatter, ..known };
        camera_streams(&CameraDescription { synchronization, ..self.camera.clone() }, &self.settings)
    }

    /// The next frame is of another life of the source: frame numbers begin anew, and every track is another.
    /// Empties the slots.
    pub fn restart(&mut self) {
        self.restarted = true;
        self.slots.clear();
    }

    /// Tells that a track is the participant of this name. Where one of the camera's slots has the name, the
    /// track gets it; the slot's index.
    pub fn name_participant(&mut self, track_id: u32, name: &str) -> Option<usize> {
        let slot = self.camera.participants.iter().position(|participant| participant == name)?;
        let now = self.last_frame.map_or(0.0, |(_, timestamp)| timestamp);
        self.slots.assign(slot, track_id, now);
        Some(slot)
    }

    /// Which face has which slot.
    pub fn slots(&mut self) -> &mut Slots {
        &mut self.slots
    }

    /// How the capture times scatter.
    #[must_use]
    pub fn timing(&self) -> &TimingMonitor {
        &self.timing
    }

    /// Frames that the source numbered, but that never arrived here.
    #[must_use]
    pub fn dropped_frames(&self) -> u64 {
        self.dropped_frames
    }

    /// Frames that were left out because they were not later than the one before.
    #[must_use]
    pub fn out_of_order_frames(&self) -> u64 {
        self.out_of_order_frames
    }

    /// The gap that the last frame ended, once.
    pub fn take_gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }

    /// The rows of a frame that is about to be pushed at `now_nanos` (monotonic); `None` when it is
    /// not later than the frame before it.
    pub fn encode(&mut self, frame: &FrameFaces, now_nanos: i64) -> Option<FrameRows> {
        let timestamp = seconds(frame.capture_nanos);
        self.count(frame.frame_index, timestamp)?;
        let latency = seconds(now_nanos - frame.capture_nanos);
        let faces = frame.faces();
        let places = self.slots.place(frame, timestamp);
        let facts = FrameFacts {
            latency_seconds: latency,
            dropped_frames: self.dropped_frames,
            ..FrameFacts::of(frame)
        };
        let mut rows = FrameRows::at(timestamp);
        let mut stream = 0;
        for place in places {
            let face = place.map(|index| &faces[index]);
            for (kind, computation) in &mut self.computations {
                if face.is_some() || self.settings.fill {
                    let is_filtered = matches!(kind, StreamKind::Output { filtered: true, .. });
                    let state = if is_filtered { State::Smoothed } else { State::Measured };
                    let sample = Sample { camera: self.camera.optics, frame: facts, face, state };
                    rows.push_row(stream, |row| computation.row(&sample, row));
                }
                stream += 1;
            }
        }
        rows.push_doubles(
            stream,
            [
                frame.frame_index as f64,
                timestamp,
                self.dropped_frames as f64,
                latency,
                faces.len() as f64,
                f64::from(frame.detector_ran),
                f64::from(frame.damaged),
            ],
        );
        Some(rows)
    }

    /// Keeps count of what is missing; `None` for a frame out of order.
    fn count(&mut self, frame_index: u64, timestamp: f64) -> Option<()> {
        if let Some((last_index, last_timestamp)) = self.last_frame {
            if timestamp <= last_timestamp {
                self.out_of_order_frames += 1;
                return None;
            }
            // A camera that was plugged in again counts anew too, but its tracks go on.
            let restarted = std::mem::take(&mut self.restarted) || frame_index <= last_index;
            if !restarted {
                self.dropped_frames += frame_index - last_index - 1;
            }
            if restarted || timestamp - last_timestamp > LONGEST_INTERVAL_SECONDS {
                self.gap = Some(Gap { from: last_timestamp, to: timestamp, restarted });
            }
        }
        self.restarted = false;
        self.last_frame = Some((frame_index, timestamp));
        self.timing.observe(frame_index, timestamp);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row;

    fn frame(index: u64, capture_nanos: i64, track_ids: &[u32]) -> Box<FrameFaces> {
        let mut frame = FrameFaces::boxed();
        (frame.frame_index, frame.capture_nanos) = (index, capture_nanos);
        frame.face_count = track_ids.len() as u32;
        for (k, &track_id) in track_ids.iter().enumerate() {
            let face = &mut frame.faces[k];
            face.track_id = track_id;
            face.presence = 0.9;
            face.measured.landmarks[2] = [track_id as f32, 2.0, 3.0];
            face.smoothed.landmarks[2] = [0.5, 2.5, 3.5];
            face.measured.pose.translation_cm = [10.0, -5.0, -60.0];
        }
        frame
    }

    fn encoder(fill: bool) -> CameraEncoder {
        let camera = CameraDescription {
            name: "front".to_owned(),
            filter: Some("One-Euro".to_owned()),
            ..CameraDescription::default()
        };
        CameraEncoder::new(camera, StreamSettings { slots: 2, fill, ..StreamSettings::default() })
    }

    #[test]
    fn every_stream_has_one_row_of_its_width_a_frame() {
        let mut encoder = encoder(true);
        let mut damaged = frame(0, 1_000_000_000, &[5]);
        damaged.damaged = 1;
        let rows = encoder.encode(&damaged, 1_020_000_000).unwrap();
        assert_eq!(rows.timestamp, 1.0);
        let mut seen: Vec<usize> = rows.iter().map(|(stream, _)| stream).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..encoder.streams().len()).collect::<Vec<_>>());
        for (stream, row) in rows.iter() {
            let width = match row {
                Row::Float32(values) => values.len(),
                Row::Double64(values) => values.len(),
            };
            assert_eq!(width, encoder.streams()[stream].channels.len(), "{}", encoder.streams()[stream].name);
        }
        let row = |wanted: &str| {
            let found = rows.iter().find(|(stream, _)| encoder.streams()[*stream].name == wanted);
            match found.unwrap().1 {
                Row::Float32(values) => values.iter().map(|&value| f64::from(value)).collect(),
                Row::Double64(values) => values.to_vec(),
            }
        };
        let raw: Vec<f64> = row("mien_front_face1_landmarks");
        assert_eq!(raw[6..9], [5.0, 2.0, 3.0]);
        assert_eq!(row("mien_front_face1_landmarks_filtered")[6..9], [0.5, 2.5, 3.5]);
        assert!(row("mien_front_face2_landmarks").iter().all(|value| value.is_nan()));
        let pose = row("mien_front_face1_pose");
        assert!((pose[0] - 0.1).abs() < 1e-6 && (pose[2] + 0.6).abs() < 1e-6, "metres");
        let quality = row("mien_front_face2_quality");
        assert!(quality[0].is_nan() && (quality[2] - 0.02).abs() < 1e-6);
        let frames = row("mien_front_Frames");
        assert_eq!((frames[..2].to_vec(), frames[6], quality[10]), (vec![0.0, 1.0], 1.0, 1.0));
        let next = encoder.encode(&frame(1, 1_100_000_000, &[5]), 0).unwrap();
        assert!(next.iter().all(|(stream, row)| match row {
            Row::Double64(values) => values[6] == 0.0,
            Row::Float32(values) =>
                !encoder.streams()[stream].name.ends_with("_quality") || values[10] == 0.0,
        }));
    }

    #[test]
    fn without_fill_an_empty_slot_is_silent() {
        let mut encoder = encoder(false);
        let rows = encoder.encode(&frame(0, 1, &[]), 2).unwrap();
        assert_eq!(rows.iter().count(), 1, "only the frame itself");
    }

    #[test]
    fn drops_restarts_and_steps_back_are_counted_and_never_hidden() {
        let mut encoder = encoder(true);
        assert!(encoder.encode(&frame(10, 1_000_000_000, &[]), 0).is_some());
        assert!(encoder.encode(&frame(13, 1_100_000_000, &[]), 0).is_some());
        assert_eq!((encoder.dropped_frames(), encoder.take_gap()), (2, None));
        assert!(encoder.encode(&frame(14, 1_100_000_000, &[]), 0).is_none());
        assert_eq!(encoder.out_of_order_frames(), 1);
        assert!(encoder.encode(&frame(0, 1_500_000_000, &[]), 0).is_some());
        assert_eq!(encoder.take_gap(), Some(Gap { from: 1.1, to: 1.5, restarted: true }));
        assert!(encoder.encode(&frame(1, 3_000_000_000, &[]), 0).is_some());
        assert_eq!(encoder.take_gap(), Some(Gap { from: 1.5, to: 3.0, restarted: false }));
        assert_eq!((encoder.dropped_frames(), encoder.take_gap()), (2, None));
        // A new life of the source may number its frames as if nothing had been.
        encoder.restart();
        assert!(encoder.encode(&frame(9, 3_100_000_000, &[]), 0).is_some());
        assert_eq!(encoder.take_gap(), Some(Gap { from: 3.0, to: 3.1, restarted: true }));
        assert_eq!(encoder.dropped_frames(), 2);
    }

    #[test]
    fn a_named_track_gets_its_participants_slot_until_the_source_restarts() {
        let camera = CameraDescription {
            name: "front".to_owned(),
            participants: ["anna", "ben"].map(str::to_owned).into(),
            ..CameraDescription::default()
        };
        let mut encoder = CameraEncoder::new(camera, StreamSettings::default());
        let place = |encoder: &mut CameraEncoder, index: u64, ids: &[u32]| -> [Option<usize>; 2] {
            encoder.encode(&frame(index, index as i64 * 33_000_000 + 1, ids), 0).unwrap();
            [1, 2].map(|track_id| encoder.slots().slot_of(track_id))
        };
        assert_eq!(place(&mut encoder, 0, &[1, 2]), [Some(0), Some(1)]);
        assert_eq!(encoder.name_participant(2, "anna"), Some(0));
        assert_eq!(encoder.name_participant(2, "nobody"), None);
        assert_eq!(place(&mut encoder, 1, &[1, 2]), [Some(1), Some(0)]);
        encoder.restart();
        assert_eq!(place(&mut encoder, 2, &[1, 2]), [Some(0), Some(1)]);
        // Who is known again before the first frame has the slot in that frame.
        encoder.restart();
        assert_eq!(encoder.name_participant(2, "anna"), Some(0));
        assert_eq!(place(&mut encoder, 3, &[1, 2]), [Some(1), Some(0)]);
        // A camera that counts its frames anew, with the same tracks.
        assert!(encoder.encode(&frame(0, 4 * 33_000_000 + 1, &[1, 2]), 0).is_some());
        assert_eq!([1, 2].map(|track_id| encoder.slots().slot_of(track_id)), [Some(1), Some(0)]);
    }

    #[test]
    fn a_face_that_comes_back_after_three_seconds_has_rows_from_its_first_frame_on() {
        for slots in [1, 2] {
            let settings = StreamSettings { slots, ..StreamSettings::default() };
            let camera = CameraDescription { name: "front".to_owned(), ..CameraDescription::default() };
            let mut encoder = CameraEncoder::new(camera, settings);
            // 30 frames a second; the tracker gives the number of a face up after two seconds.
            let ids = |index: u64| match index {
                0..30 => vec![1],
                30..120 => vec![],
                _ => vec![2],
            };
            for index in 0..150 {
                let frame = frame(index, 1_000_000_000 + index as i64 * 33_333_333, &ids(index));
                let rows = encoder.encode(&frame, 0).unwrap();
                let stream = |name: &str| encoder.streams().iter().position(|s| s.name == name).unwrap();
                let value = |name: &str, channel: usize| {
                    let wanted = stream(name);
                    match rows.iter().find(|(stream, _)| *stream == wanted).unwrap().1 {
                        Row::Float32(values) => values[channel],
                        Row::Double64(_) => unreachable!("a stream of a face"),
                    }
                };
                let expected = ids(index).first().map(|&id| id as f32);
                for (name, channel) in [("mien_front_face1_landmarks", 6), ("mien_front_face1_quality", 4)] {
                    let found = Some(value(name, channel)).filter(|value| !value.is_nan());
                    assert_eq!(found, expected, "{name}, frame {index}, {slots} slots");
                }
            }
        }
    }
}
