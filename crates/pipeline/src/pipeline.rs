//! The stages in their order.

use std::time::Instant;

use bytemuck::Zeroable;
use mien_face::{Face, FaceBox, FaceParts, FrameError, FrameFaces, Picture};
use mien_geometry::{Region, head_pose};
use mien_tracking::{Tracker, is_same_face};

use crate::cpu::CpuStages;
use crate::derived::{Derived, OptionalNetworks};
use crate::plan::Plan;
use crate::possible::PossibleFaces;
use crate::slot::Slot;
use crate::stages::Stages;
use crate::timings::timed;
use crate::{PipelineEngines, PipelineError, PipelineSettings, RegionSource, StageTimings};

/// Tracks the faces of one camera or file.
pub struct Pipeline {
    settings: PipelineSettings,
    stages: Box<dyn Stages>,
    optional: OptionalNetworks,
    tracker: Tracker,
    slots: Vec<Slot>,
    plan: Plan,
    possible: PossibleFaces,
    /// Slots of the faces in view, by track id.
    order: Vec<usize>,
    /// Where the faces in view were.
    regions: Vec<Region>,
    frames_since_detection: u32,
    /// Frames for which the detector keeps looking after a face was lost.
    alert_frames: u32,
    dropped_faces: u64,
    result: Box<FrameFaces>,
    timings: StageTimings,
}

impl Pipeline {
    /// A pipeline whose stages run on the CPU around the given engines. Checks the models' tensors and
    /// the settings, and makes the buffers.
    ///
    /// # Errors
    /// When a model's tensors do not fit its role, or a setting is out of its range.
    pub fn new(engines: PipelineEngines, settings: PipelineSettings) -> Result<Self, PipelineError> {
        Self::with_stages(Box::new(CpuStages::new(engines)?), settings)
    }

    /// A pipeline over other stages.
    ///
    /// # Errors
    /// When a setting is out of its range.
    pub fn with_stages(stages: Box<dyn Stages>, settings: PipelineSettings) -> Result<Self, PipelineError> {
        settings.check()?;
        let tracker = Tracker::new(settings.max_faces, settings.max_absence_nanos)
            .with_first_track_id(settings.first_track_id);
        let parts = stages.parts();
        Ok(Self {
            optional: OptionalNetworks::of(&*stages, tracker.slots()),
            stages,
            slots: (0..tracker.slots()).map(|_| Slot::new(parts)).collect(),
            tracker,
            plan: Plan::new(settings.max_faces),
            possible: PossibleFaces::default(),
            order: Vec::with_capacity(settings.max_faces),
            regions: Vec::with_capacity(settings.max_faces),
            frames_since_detection: u32::MAX,
            alert_frames: 0,
            dropped_faces: 0,
            result: FrameFaces::boxed(),
            timings: StageTimings::default(),
            settings,
        })
    }

    /// Tracks the faces into the next frame. Frame sizes and formats may change between calls.
    ///
    /// `capture_nanos` sets the pace of filters and of the tracks' memory; for a file it is the time in
    /// the file. The result is overwritten by the next call.
    ///
    /// # Errors
    /// When an engine fails, or the picture is damaged or compressed in a way that the stages do not take;
    /// the next frame may be tried.
    pub fn process<'p>(
        &mut self,
        frame: impl Into<Picture<'p>>,
        frame_index: u64,
        capture_nanos: i64,
    ) -> Result<&FrameFaces, PipelineError> {
        let start = Instant::now();
        self.timings = StageTimings::default();
        self.possible.clear();
        let frame = self.admit(frame.into())?;
        let detector_ran = self.find_faces(&frame, capture_nanos)?;
        let mut pose_nanos = 0;
        timed(&mut pose_nanos, || {
            self.update_tracks(capture_nanos, detector_ran);
            self.describe_faces(frame.width(), frame.height());
        });
        let count = self.order.len();
        if let Err(error) = self.derive(count) {
            self.clear_result();
            return Err(error);
        }
        timed(&mut pose_nanos, || self.finish_faces(capture_nanos));
        self.result.frame_index = frame_index;
        self.result.capture_nanos = capture_nanos;
        self.result.frame_width = frame.width();
        self.result.frame_height = frame.height();
        self.result.detector_ran = u32::from(detector_ran);
        self.result.damaged = 0;
        self.timings.pose_nanos = pose_nanos;
        self.timings.total_nanos = start.elapsed().as_nanos() as u64;
        Ok(&self.result)
    }

    /// What is measured of a face; the rest is NaN.
    #[must_use]
    pub fn parts(&self) -> FaceParts {
        self.stages.parts()
    }

    /// What the optional networks say of each face of the last frame.
    #[must_use]
    pub fn derived(&self) -> &[Derived] {
        &self.optional.derived[..self.result.faces().len()]
    }

    /// Says of the last frame that its picture is damaged: its result is marked so.
    pub fn mark_damaged(&mut self) {
        self.result.damaged = 1;
    }

    /// Result of the last frame.
    #[must_use]
    pub fn last(&self) -> &FrameFaces {
        &self.result
    }

    /// Whether the detector looks, from the next frame on, for whatever may be a face; see
    /// [`PipelineSettings::report_possible_faces`].
    pub fn report_possible_faces(&mut self, on: bool) {
        self.settings.report_possible_faces = on;
    }

    /// Boxes in frame pixels of what the detector found in the last frame down to [`POSSIBLE_FACE_SCORE`]
    /// (and to the threshold, where that is lower), however many faces are tracked; `None` where it was not asked.
    /// Where it found more than it can list, the box of the whole frame.
    ///
    /// [`POSSIBLE_FACE_SCORE`]: crate::POSSIBLE_FACE_SCORE
    #[must_use]
    pub fn possible_faces(&self) -> Option<&[FaceBox]> {
        self.possible.boxes()
    }

    /// A picture of the frame last processed for people, at most `most` (width, height) pixels large:
    /// its size, and its tight rows of red, green, blue.
    ///
    /// # Errors
    /// When the processor fails.
    pub fn preview<'p>(
        &mut self,
        frame: impl Into<Picture<'p>>,
        most: [u32; 2],
    ) -> Result<([u32; 2], &[u8]), PipelineError> {
        let frame = self.admit(frame.into())?;
        self.stages.preview(&frame, most)
    }

    /// Whether frames may come as JPEG files, to be decoded where the pixels are needed.
    #[must_use]
    pub fn takes_jpeg(&self) -> bool {
        self.stages.takes_jpeg()
    }

    fn admit<'p>(&self, frame: Picture<'p>) -> Result<Picture<'p>, PipelineError> {
        match frame {
            Picture::Jpeg { .. } if !self.stages.takes_jpeg() => Err(FrameError::Compressed.into()),
            taken => Ok(taken),
        }
    }

    /// Where the time of the last frame went.
    #[must_use]
    pub fn timings(&self) -> StageTimings {
        self.timings
    }

    /// The settings in use.
    #[must_use]
    pub fn settings(&self) -> &PipelineSettings {
        &self.settings
    }

    /// Faces dropped since the start because a network's output for them was not finite.
    #[must_use]
    pub fn dropped_faces(&self) -> u64 {
        self.dropped_faces + self.plan.not_finite
    }

    /// Forgets every track, as at the start of another file. Ids go on counting.
    pub fn reset(&mut self) {
        self.tracker.reset();
        self.frames_since_detection = u32::MAX;
        self.alert_frames = 0;
        self.possible.clear();
        self.clear_result();
    }

    fn clear_result(&mut self) {
        self.result.face_count = 0;
        self.result.faces.fill(Face::zeroed());
    }

    /// Detector and landmark model: leaves the frame's candidates in the plan. Returns whether the
    /// detector ran.
    fn find_faces(&mut self, frame: &Picture<'_>, nanos: i64) -> Result<bool, PipelineError> {
        self.tracker.forget_absent(nanos);
        self.plan.start(self.tracker.in_view().map(|slot| (slot, self.slots[slot].region)));
        let mut detector_ran = self.detector_is_due();
        let looks = detector_ran || self.settings.report_possible_faces;
        self.regions.clear();
        if self.settings.region_source == RegionSource::Landmarks {
            self.regions.extend(self.tracker.in_view().map(|slot| self.slots[slot].region));
        }
        self.stages.start(frame, &self.regions, looks, &self.settings)?;
        if looks {
            self.detect(frame)?;
        }
        if detector_ran {
            self.take_detections(frame, nanos);
        }
        self.read(frame)?;
        if self.plan.misses_a_face() {
            if !looks {
                self.detect(frame)?;
            }
            if !detector_ran {
                self.take_detections(frame, nanos);
                detector_ran = true;
            }
            self.plan.retry_where_detected();
            self.read(frame)?;
        }
        self.refine(frame)?;
        // Whoever was not found, or was no face at all, leaves the place to the next newcomer.
        while self.plan.admit_newcomers(self.settings.max_faces) {
            self.read(frame)?;
            self.refine(frame)?;
        }
        Ok(detector_ran)
    }

    /// Reads faces once more, where they were read in the detector's region, in that of their landmarks.
    fn refine(&mut self, frame: &Picture<'_>) -> Result<(), PipelineError> {
        if self.settings.region_source == RegionSource::Landmarks {
            self.plan.refine_detected();
            self.read(frame)?;
        }
        Ok(())
    }

    fn detector_is_due(&self) -> bool {
        let every = self.settings.detect_every;
        let every = if every > 1 && self.wants_nobody_else() { every.saturating_mul(2) } else { every };
        self.frames_since_detection.saturating_add(1) >= every
            || self.alert_frames > 0
            || self.tracker.in_view().next().is_none()
    }

    /// Whether as many faces as are wanted are tracked, and the detector saw them all when it last looked.
    fn wants_nobody_else(&self) -> bool {
        self.tracker.in_view().count() >= self.settings.max_faces
            && self.tracker.in_view().all(|slot| self.slots[slot].was_confirmed())
    }

    fn detect(&mut self, frame: &Picture<'_>) -> Result<(), PipelineError> {
        let Self { stages, settings, timings, possible, .. } = self;
        stages.detect(frame, settings, timings)?;
        if settings.report_possible_faces {
            possible.note(stages.detections(), [frame.width(), frame.height()]);
        }
        Ok(())
    }

    /// Lets tracking know what the detector found.
    fn take_detections(&mut self, frame: &Picture<'_>, nanos: i64) {
        let Self { stages, plan, tracker, settings, timings, .. } = self;
        timed(&mut timings.decode_nanos, || {
            let region_of = |detection: &_| stages.region_of(detection);
            plan.note_detections(stages.detections(), region_of, frame, settings);
            plan.assign_detections(tracker, nanos, settings);
        });
    }

    fn read(&mut self, frame: &Picture<'_>) -> Result<(), PipelineError> {
        self.plan.read(&mut *self.stages, frame, &self.settings, &mut self.timings)
    }

    /// Takes the candidates over into the tracks: found, lost, come into view, doubled.
    fn update_tracks(&mut self, nanos: i64, detector_ran: bool) {
        let mut lost = false;
        for candidate in &self.plan.candidates {
            let Some(slot) = candidate.slot else { continue };
            let face = &mut self.slots[slot];
            face.see_detection(candidate.detection.as_ref(), detector_ran, nanos);
            if candidate.found && !face.is_unconfirmed(nanos) {
                face.see_reading(&candidate.reading);
                self.tracker.see(slot, &face.region, nanos);
            } else {
                self.tracker.lose(slot);
                lost = true;
            }
        }
        for candidate in self.plan.candidates.iter().filter(|c| c.slot.is_none() && c.found) {
            let region = Region::from_landmarks(&candidate.reading.landmarks);
            let known = self.tracker.in_view().any(|slot| is_same_face(&self.slots[slot].region, &region));
            if known {
                continue;
            }
            if let Some(slot) = self.tracker.admit(&region, &candidate.reading.appearance, nanos) {
                let face = &mut self.slots[slot];
                face.filter.reset();
                face.see_detection(candidate.detection.as_ref(), detector_ran, nanos);
                face.see_reading(&candidate.reading);
            }
        }
        let slots = &self.slots;
        let seen = |slot: usize| (slots[slot].region, slots[slot].reading.appearance);
        while let Some(slot) = self.tracker.settle_duplicates(nanos, seen) {
            self.tracker.lose(slot);
            lost = true;
        }
        self.tracker.learn(nanos, seen);

        self.frames_since_detection =
            if detector_ran { 0 } else { self.frames_since_detection.saturating_add(1) };
        self.alert_frames =
            if lost { self.settings.detect_every } else { self.alert_frames.saturating_sub(1) };
    }

    /// Writes landmarks and pose of the faces in view into the result, by track id.
    fn describe_faces(&mut self, frame_width: u32, frame_height: u32) {
        let Self { tracker, slots, result, optional, order, settings, .. } = self;
        order.clear();
        order.extend(tracker.in_view());
        order.sort_unstable_by_key(|&slot| tracker.track(slot).track_id());
        order.retain(|&slot| {
            let landmarks = &slots[slot].reading.landmarks;
            let pose = head_pose(landmarks, frame_width, frame_height, settings.vertical_fov_deg);
            if let Some(pose) = pose {
                slots[slot].pose = pose;
            } else {
                tracker.lose(slot);
            }
            pose.is_some()
        });
        for ((face, derived), &slot) in result.faces.iter_mut().zip(&mut optional.derived).zip(&*order) {
            slots[slot].describe(tracker.track(slot).track_id(), face);
            derived.clone_from(&slots[slot].reading.derived);
        }
    }

    /// Lets the optional networks read the first `count` faces of the result.
    fn derive(&mut self, count: usize) -> Result<(), PipelineError> {
        let Self { stages, result, optional, timings, .. } = self;
        let faces = &mut result.faces[..count];
        stages.derive(faces, &mut optional.derived[..count], timings)?;
        optional.write(faces);
        faces.iter_mut().for_each(|face| face.measured.keep_parts(stages.parts()));
        Ok(())
    }

    /// Drops faces of which an optional network does not say finite numbers, and filters the rest.
    fn finish_faces(&mut self, nanos: i64) {
        let Self { tracker, slots, result, optional, order, settings, .. } = self;
        let mut count = 0;
        for (place, &slot) in order.iter().enumerate() {
            if !optional.is_finite(place) {
                tracker.lose(slot);
                self.dropped_faces += 1;
                continue;
            }
            result.faces.swap(count, place);
            optional.derived.swap(count, place);
            let face = &mut result.faces[count];
            face.smoothed = match &settings.smoothing {
                Some(parameters) => slots[slot].smooth(&face.measured, nanos, parameters),
                None => face.measured,
            };
            count += 1;
        }
        let before = (result.face_count as usize).max(order.len());
        result.faces[count..before].fill(Face::zeroed());
        result.face_count = count as u32;
    }
}
