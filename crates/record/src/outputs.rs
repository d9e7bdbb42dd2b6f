//! Everything that becomes of a frame once it is tracked: LSL and, at times, a recording.

use std::sync::Arc;

use mien_clock::{monotonic_nanos, seconds};
use mien_face::FrameFaces;
use mien_outlets::{Launch, LslNotice, Publisher, PublisherStatus, StreamError};
use mien_stream::{CameraDescription, CameraEncoder, Gap, StreamSettings, marker_stream};

use crate::session::CameraPlan;
use crate::session_file::{CameraRecord, ModelRecord, ParticipantRecord};
use crate::{RecordError, RecordStatus, SessionPlan, SessionRecorder, SessionSummary};

/// Streams and records the results of a set of cameras.
///
/// What is recorded is what is streamed: both get the same rows.
#[derive(Debug)]
pub struct Outputs {
    settings: StreamSettings,
    encoders: Vec<CameraEncoder>,
    publisher: Result<Publisher, Option<StreamError>>,
    recorder: Option<SessionRecorder>,
}

impl Outputs {
    /// Sets up the cameras; with `publish`, opens their LSL outlets in a process of their own. Without liblsl all
    /// else works: see [`stream_problem`](Self::stream_problem).
    #[must_use]
    pub fn new(cameras: Vec<CameraDescription>, settings: StreamSettings, publish: Option<&Launch>) -> Self {
        let encoders: Vec<_> =
            cameras.into_iter().map(|camera| CameraEncoder::new(camera, settings.clone())).collect();
        let publisher = match publish {
            Some(launch) => {
                let streams = encoders.iter().map(|encoder| encoder.streams().to_vec()).collect();
                Publisher::start(launch, marker_stream(&settings), streams).map_err(Some)
            }
            None => Err(None),
        };
        Self { settings, encoders, publisher, recorder: None }
    }

    /// The cameras.
    #[must_use]
    pub fn encoders(&self) -> &[CameraEncoder] {
        &self.encoders
    }

    /// One camera, to place faces into slots.
    pub fn encoder(&mut self, camera: usize) -> Option<&mut CameraEncoder> {
        self.encoders.get_mut(camera)
    }

    /// Takes the result of a frame of camera number `camera`: streams it, records it.
    pub fn push(&mut self, camera: usize, frame: &FrameFaces) {
        self.mark_lsl_notices();
        let Some(encoder) = self.encoders.get_mut(camera) else { return };
        let Some(rows) = encoder.encode(frame, monotonic_nanos()) else { return };
        let rows = Arc::new(rows);
        if let Some(gap) = encoder.take_gap() {
            let text = gap_marker(&encoder.camera().name, &gap);
            if let Some(recorder) = &mut self.recorder {
                recorder.gap(camera, &gap);
            }
            self.marker(&text);
        }
        if let Ok(publisher) = &self.publisher {
            publisher.push(camera, Arc::clone(&rows));
        }
        if let Some(recorder) = &self.recorder {
            recorder.push(camera, rows);
        }
    }

    /// Sets a marker for what has happened to the LSL outlets: in the recording, and, once they are back, in LSL.
    fn mark_lsl_notices(&self) {
        let Ok(publisher) = &self.publisher else { return };
        for notice in publisher.take_notices() {
            let text = match &notice {
                LslNotice::Lost { .. } => format!("mien lsl: {notice}"),
                LslNotice::Back { .. } => format!("mien lsl gap: {notice}"),
            };
            self.marker(&text);
        }
    }

    /// The vertical field of view of every camera from now on, in degrees.
    pub fn set_vertical_fov_deg(&mut self, vertical_fov_deg: f32) {
        self.encoders.iter_mut().for_each(|encoder| encoder.set_vertical_fov_deg(vertical_fov_deg));
    }

    /// The camera's next frame is of another life of its source.
    pub fn restart(&mut self, camera: usize) {
        if let Some(encoder) = self.encoders.get_mut(camera) {
            encoder.restart();
        }
    }

    /// Tells that a track of a camera is the participant of this name. Where one of the camera's slots has
    /// the name, the track's rows go there from now on; in any case a marker says so, and the session that is
    /// being recorded. Gives the slot's name.
    pub fn name_participant(&mut self, camera: usize, track_id: u32, name: &str) -> Option<String> {
        let encoder = self.encoders.get_mut(camera)?;
        let slot = encoder.name_participant(track_id, name).map(|slot| encoder.camera().slot_name(slot));
        let camera = encoder.camera().name.clone();
        let place = slot.as_ref().map(|slot| format!(", slot {slot}")).unwrap_or_default();
        self.marker(&format!("mien participant: camera {camera} track {track_id} is {name}{place}"));
        if let Some(recorder) = &mut self.recorder {
            recorder.participant(ParticipantRecord {
                camera,
                name: name.to_owned(),
                track_id,
                face_slot: slot.clone(),
                from_lsl_seconds: seconds(monotonic_nanos()),
            });
        }
        slot
    }

    /// Sets a marker, now.
    pub fn marker(&self, text: &str) {
        self.marker_at(monotonic_nanos(), text);
    }

    /// Sets a marker at a time on the monotonic clock.
    pub fn marker_at(&self, nanos: i64, text: &str) {
        let at = seconds(nanos);
        if let Ok(publisher) = &self.publisher {
            publisher.marker(at, text);
        }
        if let Some(recorder) = &self.recorder {
            recorder.marker(at, text);
        }
    }

    /// What streaming has done so far; `None` where nothing is streamed.
    #[must_use]
    pub fn stream_status(&self) -> Option<PublisherStatus> {
        self.publisher.as_ref().ok().map(Publisher::status)
    }

    /// Why nothing is streamed, where it should be; says what to install.
    #[must_use]
    pub fn stream_problem(&self) -> Option<&StreamError> {
        self.publisher.as_ref().err().and_then(Option::as_ref)
    }

    /// What a plan has to say of the cameras: their streams with the timing measured so far.
    /// `rates_hz` are their nominal frames per second.
    #[must_use]
    pub fn camera_plans(&self, rates_hz: &[f64], vertical_fov_deg: f32) -> Vec<CameraPlan> {
        let rates = rates_hz.iter().copied().chain(std::iter::repeat(30.0));
        self.encoders
            .iter()
            .zip(rates)
            .map(|(encoder, rate_hz)| CameraPlan {
                record: camera_record(encoder.camera(), rate_hz, vertical_fov_deg),
                streams: encoder.measured_streams(),
            })
            .collect()
    }

    /// The stream of markers.
    #[must_use]
    pub fn markers(&self) -> mien_stream::StreamDescription {
        marker_stream(&self.settings)
    }

    /// Begins a recording; the plan's cameras come from [`camera_plans`](Self::camera_plans). The
    /// result's [`videos`](SessionRecorder::videos) are for the workers.
    ///
    /// # Errors
    /// When it cannot begin; streaming goes on.
    pub fn start_recording(&mut self, plan: SessionPlan) -> Result<&SessionRecorder, RecordError> {
        self.stop_recording()?;
        let recorder = self.recorder.insert(SessionRecorder::start(plan)?);
        recorder.marker(seconds(monotonic_nanos()), "mien recording started");
        Ok(recorder)
    }

    /// The recording that runs.
    #[must_use]
    pub fn recording(&self) -> Option<&SessionRecorder> {
        self.recorder.as_ref()
    }

    /// How the recording stands, if there is one.
    #[must_use]
    pub fn record_status(&self) -> Option<RecordStatus> {
        self.recorder.as_ref().map(SessionRecorder::status)
    }

    /// Ends the recording, if there is one; streaming goes on.
    ///
    /// # Errors
    /// When `session.toml` cannot be written.
    pub fn stop_recording(&mut self) -> Result<Option<SessionSummary>, RecordError> {
        let Some(recorder) = self.recorder.take() else { return Ok(None) };
        recorder.marker(seconds(monotonic_nanos()), "mien recording stopped");
        recorder.stop().map(Some)
    }
}

/// The text of the marker that is set when a gap has ended.
fn gap_marker(camera: &str, gap: &Gap) -> String {
    let kind = if gap.restarted { "restart" } else { "gap" };
    let Gap { from, to, .. } = gap;
    format!("mien {kind}: camera {camera} had no frames for {:.3} s, from {from:.3} to {to:.3}", to - from)
}

fn camera_record(camera: &CameraDescription, rate_hz: f64, vertical_fov_deg: f32) -> CameraRecord {
    let models = camera.models.iter().map(|model| ModelRecord {
        role: model.role.clone(),
        name: model.name.clone(),
        sha256: model.sha256.clone(),
    });
    CameraRecord {
        name: camera.name.clone(),
        source: camera.source.clone(),
        rate_hz,
        engine: camera.engine.clone(),
        vertical_fov_deg,
        participants: camera.participants.clone(),
        streams: Vec::new(),
        models: models.collect(),
    }
}
