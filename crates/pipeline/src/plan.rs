//! The faces that one frame's landmark model is asked about.

use mien_face::Picture;
use mien_geometry::{Detection, Region, suppress_overlaps};
use mien_tracking::{Tracker, is_same_face};

use crate::stages::{Reading, Stages};
use crate::{PipelineError, PipelineSettings, RegionSource, StageTimings};

/// Detections that are looked at, the best ones.
const MOST_DETECTIONS: usize = 32;
/// How sure (0–1) the landmark model must be of a newcomer, whatever suffices for a face that is known.
/// Printed skulls and hands on the clips reach 0.5–0.99, faces 0.9998 and more.
const NEWCOMER_PRESENCE: f32 = 0.99;
/// A detection that scores at least this needs no more than [`NEWCOMER_PRESENCE`].
const SURE_SCORE: f32 = 0.8;
/// How sure the landmark model must be of a newcomer that the detector is less sure of: a logit of 12.6. Of 203 faces
/// of people in no training run, also small, dim and compressed, all but one or two reach it; headlights and wheels
/// of a motorcycle do not, with one exception in 400 pictures without a face.
const UNSURE_NEWCOMER_PRESENCE: f32 = 0.999_996_6;
/// How sure (0–1) the landmark model must be of a newcomer in the detector's rough region to read it again
/// in the region of its own landmarks, where [`NEWCOMER_PRESENCE`] decides: a logit of −9.2. In a rough region the
/// built-in network gives sunglasses and wide-open mouths −6 to −8, and 15 in the region of their landmarks.
const PROMISING_PRESENCE: f32 = 1e-4;

/// A face in view, or one that the detector says has come into view.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The slot of the face's track; `None` for a newcomer.
    pub slot: Option<usize>,
    /// What the detector says of it, this frame, and the region to read for that.
    pub detection: Option<(Detection, Region)>,
    /// Where the landmark model reads.
    pub region: Region,
    /// Whether the region comes from the detector.
    region_is_detected: bool,
    /// Whether the landmark model is yet to read the region.
    unread: bool,
    /// Whether the landmark model found the face.
    pub found: bool,
    /// Whether a newcomer deserves a second reading, in the region of its landmarks.
    promising: bool,
    /// What the landmark model read.
    pub reading: Reading,
}

impl Candidate {
    fn new(slot: Option<usize>, region: Region) -> Self {
        Self {
            slot,
            detection: None,
            region,
            region_is_detected: false,
            unread: true,
            found: false,
            promising: false,
            reading: Reading::empty(),
        }
    }

    /// How sure the landmark model must be, if this is a newcomer.
    fn newcomer_presence(&self) -> f32 {
        match &self.detection {
            Some((detection, _)) if detection.score < SURE_SCORE => UNSURE_NEWCOMER_PRESENCE,
            _ => NEWCOMER_PRESENCE,
        }
    }

    /// Lets the landmark model read where the detector sees the face.
    fn read_where_detected(&mut self) {
        if let Some((_, region)) = self.detection {
            self.region = region;
            self.region_is_detected = true;
            self.unread = true;
        }
    }
}

/// The candidates of one frame.
#[derive(Debug)]
pub(crate) struct Plan {
    pub candidates: Vec<Candidate>,
    /// Detections that reach the threshold.
    trusted: Vec<Detection>,
    detections: Vec<(Detection, Region)>,
    regions: Vec<Region>,
    slot_of_detection: Vec<Option<usize>>,
    /// Detections that belong to nobody in view and are not candidates yet, best first.
    newcomers: Vec<(Detection, Region)>,
    /// Readings that were not finite, since the start.
    pub not_finite: u64,
}

impl Plan {
    pub(crate) fn new(max_faces: usize) -> Self {
        Self {
            // Everybody in view may be lost, and every detection be looked at in their place.
            candidates: Vec::with_capacity(max_faces + MOST_DETECTIONS),
            trusted: Vec::with_capacity(8 * MOST_DETECTIONS),
            detections: Vec::with_capacity(8 * MOST_DETECTIONS),
            regions: Vec::with_capacity(MOST_DETECTIONS),
            slot_of_detection: Vec::with_capacity(MOST_DETECTIONS),
            newcomers: Vec::with_capacity(MOST_DETECTIONS),
            not_finite: 0,
        }
    }

    /// Starts a frame with the faces in view, each where its last landmarks were.
    pub(crate) fn start(&mut self, in_view: impl Iterator<Item = (usize, Region)>) {
        self.candidates.clear();
        self.newcomers.clear();
        self.candidates.extend(in_view.map(|(slot, region)| Candidate::new(Some(slot), region)));
    }

    /// Takes note of what the detector sees; `region_of` gives the region to read for a detection.
    pub(crate) fn note_detections(
        &mut self,
        detections: &[Detection],
        region_of: impl Fn(&Detection) -> Region,
        frame: &Picture<'_>,
        settings: &PipelineSettings,
    ) {
        self.detections.clear();
        self.trusted.clear();
        self.trusted
            .extend(detections.iter().filter(|detection| detection.score >= settings.score_threshold));
        if settings.widest_iou() > settings.nms_iou {
            suppress_overlaps(&mut self.trusted, settings.nms_iou);
        }
        let regions = self.trusted.iter().map(|detection| (*detection, region_of(detection)));
        self.detections.extend(regions.filter(|(_, region)| region.is_usable(frame.width(), frame.height())));
        let rank = |(detection, region): &(Detection, Region)| detection.score * region.size;
        self.detections.sort_unstable_by(|a, b| rank(b).total_cmp(&rank(a)));
        self.detections.truncate(MOST_DETECTIONS);
    }

    /// Gives the detections to the faces in view; the rest may be newcomers.
    pub(crate) fn assign_detections(
        &mut self,
        tracker: &mut Tracker,
        nanos: i64,
        settings: &PipelineSettings,
    ) {
        self.regions.clear();
        self.regions.extend(self.detections.iter().map(|(_, region)| *region));
        self.slot_of_detection.clear();
        self.slot_of_detection.resize(self.regions.len(), None);
        tracker.associate(&self.regions, nanos, &mut self.slot_of_detection);

        self.newcomers.clear();
        for (&(detection, region), slot) in self.detections.iter().zip(&self.slot_of_detection) {
            let known = slot.and_then(|slot| self.candidates.iter_mut().find(|c| c.slot == Some(slot)));
            let Some(candidate) = known else {
                self.newcomers.push((detection, region));
                continue;
            };
            candidate.detection = Some((detection, region));
            let astray = candidate.unread && !is_same_face(&candidate.region, &region);
            if astray || settings.region_source == RegionSource::Detector {
                candidate.read_where_detected();
            }
        }
        if settings.region_source == RegionSource::Detector {
            for candidate in self.candidates.iter_mut().filter(|c| c.detection.is_none()) {
                candidate.unread = false;
            }
        }
        self.admit_newcomers(settings.max_faces);
    }

    /// Makes candidates of the best detections that belong to nobody in view, as far as `max_faces`
    /// allows beside those who are there or may be. Returns whether there were any.
    pub(crate) fn admit_newcomers(&mut self, max_faces: usize) -> bool {
        let present = self.candidates.iter().filter(|c| c.found || c.unread).count();
        let places = max_faces.saturating_sub(present).min(self.newcomers.len());
        for (detection, region) in self.newcomers.drain(..places) {
            let mut newcomer = Candidate::new(None, region);
            newcomer.detection = Some((detection, region));
            newcomer.region_is_detected = true;
            self.candidates.push(newcomer);
        }
        places > 0
    }

    /// Asks the landmark model about every region that it has not read yet.
    pub(crate) fn read(
        &mut self,
        stages: &mut dyn Stages,
        frame: &Picture<'_>,
        settings: &PipelineSettings,
        timings: &mut StageTimings,
    ) -> Result<(), PipelineError> {
        let parts = stages.parts();
        let unread = self.candidates.iter_mut().filter(|c| c.unread);
        stages.read(frame, &mut unread.map(|c| (&c.region, &mut c.reading)), timings)?;
        for candidate in self.candidates.iter_mut().filter(|c| c.unread) {
            candidate.unread = false;
            let finite = candidate.reading.is_finite(parts);
            self.not_finite += u64::from(!finite);
            let next = Region::from_landmarks(&candidate.reading.landmarks);
            // The detector's region is only roughly right: a newcomer is judged in that of its landmarks.
            let is_judged = candidate.slot.is_none() && !candidate.region_is_detected;
            let least = if is_judged { candidate.newcomer_presence() } else { 0.0 };
            let threshold = settings.presence_threshold.max(least);
            let readable = finite && next.is_usable(frame.width(), frame.height());
            candidate.found = readable && candidate.reading.presence >= threshold;
            candidate.promising =
                readable && candidate.slot.is_none() && candidate.reading.presence >= PROMISING_PRESENCE;
        }
        Ok(())
    }

    /// Whether a face that was in view was not found again.
    pub(crate) fn misses_a_face(&self) -> bool {
        self.candidates.iter().any(|c| c.slot.is_some() && !c.found)
    }

    /// Lets faces that were not found again be read where the detector sees them.
    pub(crate) fn retry_where_detected(&mut self) {
        for candidate in &mut self.candidates {
            if !candidate.found && !candidate.region_is_detected {
                candidate.read_where_detected();
            }
        }
    }

    /// Lets faces that were read where the detector saw them be read again, in the region of their own
    /// landmarks; newcomers also where the first reading was unsure, since a rough region can hide a face.
    pub(crate) fn refine_detected(&mut self) {
        let again = |c: &&mut Candidate| c.region_is_detected && (c.found || c.promising);
        for candidate in self.candidates.iter_mut().filter(again) {
            candidate.region = Region::from_landmarks(&candidate.reading.landmarks);
            candidate.region_is_detected = false;
            candidate.unread = true;
        }
    }
}
