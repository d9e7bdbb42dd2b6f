//! Who is who.

use mien_geometry::Region;

use crate::motion::seconds_between;
use crate::{Appearance, Motion, is_same_face};

/// Faces out of view that are remembered.
pub const LOST_TRACKS: usize = 10;

/// A detection belongs to a face in view when it lies within this many face sizes of where the face is
/// expected …
const GATE_DISTANCE: f32 = 0.7;
/// … and the sizes' natural logarithms differ less than this.
const GATE_LOG_SIZE: f32 = 0.7;
/// For a face out of view the first gate grows by this many face sizes a second …
const GATE_GROWTH: f32 = 2.0;
/// … up to this many.
const WIDEST_GATE: f32 = 3.0;
/// A face that comes back must look like itself: most distance of [`Appearance`]s …
const GATE_APPEARANCE: f32 = 0.12;
/// … and this much more right after it vanished, for it comes out from behind something. The allowance
/// falls to 1/e of it within a second.
const GATE_APPEARANCE_HIDDEN: f32 = 0.12;
/// Weight of the distance of appearances against distances in face sizes.
const APPEARANCE_WEIGHT: f32 = 10.0;
/// Faces nearer than this many face sizes may hide or colour each other: what is learnt of a face
/// rests meanwhile.
const CROWDED_DISTANCE: f32 = 1.3;

/// What has become of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackState {
    /// No one: the place is free.
    Free,
    /// Seen in the last frame.
    InView,
    /// Out of view for a while, but remembered.
    Lost,
}

/// One identity.
#[derive(Debug, Clone)]
pub struct Track {
    track_id: u32,
    state: TrackState,
    motion: Motion,
    /// The motion when the face last stood alone.
    undisturbed: Motion,
    appearance: Appearance,
    last_seen_nanos: i64,
}

impl Track {
    /// Number of the person, from 1; never used again.
    #[must_use]
    pub fn track_id(&self) -> u32 {
        self.track_id
    }

    /// Whether the face is in view, remembered or gone.
    #[must_use]
    pub fn state(&self) -> TrackState {
        self.state
    }

    /// How unlikely a sighting is for this track: distance from the expected place and size, and from
    /// the known looks.
    fn surprise(&self, region: &Region, appearance: &Appearance, nanos: i64) -> f32 {
        let (distance, log_size) = self.undisturbed.deviation(region, nanos);
        distance.min(WIDEST_GATE) + log_size + APPEARANCE_WEIGHT * self.appearance.distance(appearance)
    }
}

/// The identities of one camera.
///
/// Tracks live in numbered slots, `0..slots`, so that a caller can keep more about each (filters, the
/// last landmarks) in a parallel array.
#[derive(Debug)]
pub struct Tracker {
    tracks: Vec<Track>,
    most_in_view: usize,
    max_absence_nanos: i64,
    next_track_id: u32,
    /// Room for pairing: cost, slot, detection.
    pairs: Vec<(f32, usize, usize)>,
}

impl Tracker {
    /// For at most `most_in_view` faces at a time; a face that is not seen for longer than
    /// `max_absence_nanos` is forgotten.
    #[must_use]
    pub fn new(most_in_view: usize, max_absence_nanos: i64) -> Self {
        let nowhere = Motion::at(&Region { center: [0.0; 2], size: 1.0, rotation_rad: 0.0 }, 0);
        let free = Track {
            track_id: 0,
            state: TrackState::Free,
            motion: nowhere,
            undisturbed: nowhere,
            appearance: Appearance::of_crop(&[0.0; 3], 1),
            last_seen_nanos: 0,
        };
        Self {
            tracks: vec![free; most_in_view + LOST_TRACKS],
            most_in_view,
            max_absence_nanos,
            next_track_id: 1,
            pairs: Vec::with_capacity(8 * most_in_view),
        }
    }

    /// The same, with numbers from `first_track_id` (at least 1) on: what goes on after another tracker uses
    /// none of its numbers again.
    #[must_use]
    pub fn with_first_track_id(mut self, first_track_id: u32) -> Self {
        self.next_track_id = first_track_id.max(1);
        self
    }

    /// Number of slots.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.tracks.len()
    }

    /// The track in a slot.
    ///
    /// # Panics
    /// When there is no such slot.
    #[must_use]
    pub fn track(&self, slot: usize) -> &Track {
        &self.tracks[slot]
    }

    /// The slots of the faces in view.
    pub fn in_view(&self) -> impl Iterator<Item = usize> + '_ {
        self.slots_that_are(TrackState::InView)
    }

    fn slots_that_are(&self, state: TrackState) -> impl Iterator<Item = usize> + '_ {
        self.tracks.iter().enumerate().filter(move |(_, t)| t.state == state).map(|(slot, _)| slot)
    }

    /// How many more faces may come into view.
    #[must_use]
    pub fn vacancies(&self) -> usize {
        self.most_in_view - self.in_view().count()
    }

    /// Forgets every face; ids go on counting.
    pub fn reset(&mut self) {
        for track in &mut self.tracks {
            track.state = TrackState::Free;
        }
    }

    /// Forgets faces that have been away too long, or that were seen in the future (another file).
    pub fn forget_absent(&mut self, nanos: i64) {
        let max_absence_nanos = self.max_absence_nanos;
        for track in &mut self.tracks {
            let absence = nanos.saturating_sub(track.last_seen_nanos);
            if track.state == TrackState::Lost && !(0..=max_absence_nanos).contains(&absence) {
                track.state = TrackState::Free;
            }
        }
    }

    /// Pairs detections with the faces in view: `slot_of[i]` becomes the slot of detection i.
    ///
    /// The nearest pair is taken first and so on (greedy). With faces of a finite size, a detection is
    /// within reach of two faces only when these nearly cover each other; which is which is then not
    /// decided here but by the landmark regions that follow each face, and by
    /// [`Tracker::settle_duplicates`]. An optimal assignment would decide no better on the same costs.
    pub fn associate(&mut self, detections: &[Region], nanos: i64, slot_of: &mut [Option<usize>]) {
        self.pairs.clear();
        for slot in 0..self.tracks.len() {
            if self.tracks[slot].state != TrackState::InView {
                continue;
            }
            for (index, region) in detections.iter().enumerate() {
                let (distance, log_size) = self.tracks[slot].motion.deviation(region, nanos);
                if distance < GATE_DISTANCE && log_size < GATE_LOG_SIZE {
                    self.pairs.push((distance + log_size, slot, index));
                }
            }
        }
        slot_of.fill(None);
        take_cheapest(&mut self.pairs, |slot, index| slot_of[index] = Some(slot));
    }

    /// Gives a face that came into view its slot: that of a remembered face where place, size and looks
    /// fit, else one with a new id. `None` when too many faces are in view.
    pub fn admit(&mut self, region: &Region, appearance: &Appearance, nanos: i64) -> Option<usize> {
        if self.vacancies() == 0 {
            return None;
        }
        let slot = self.recognise(region, appearance, nanos).unwrap_or_else(|| self.newcomer(appearance));
        let track = &mut self.tracks[slot];
        track.state = TrackState::InView;
        track.motion = Motion::at(region, nanos);
        track.undisturbed = track.motion;
        track.last_seen_nanos = nanos;
        Some(slot)
    }

    fn recognise(&self, region: &Region, appearance: &Appearance, nanos: i64) -> Option<usize> {
        let fits = |slot: &usize| {
            let track = &self.tracks[*slot];
            let absence = seconds_between(track.last_seen_nanos, nanos);
            let reach = (GATE_DISTANCE + GATE_GROWTH * absence).min(WIDEST_GATE);
            let unlike = GATE_APPEARANCE + GATE_APPEARANCE_HIDDEN * (-absence).exp();
            let (distance, log_size) = track.motion.deviation(region, nanos);
            distance < reach && log_size < GATE_LOG_SIZE && track.appearance.distance(appearance) < unlike
        };
        let surprise = |slot: &usize| self.tracks[*slot].surprise(region, appearance, nanos);
        self.slots_that_are(TrackState::Lost).filter(fits).min_by(|a, b| surprise(a).total_cmp(&surprise(b)))
    }

    fn newcomer(&mut self, appearance: &Appearance) -> usize {
        let free = self.slots_that_are(TrackState::Free).next();
        let oldest = || {
            let lost = self.slots_that_are(TrackState::Lost);
            lost.min_by_key(|&slot| self.tracks[slot].last_seen_nanos)
        };
        let slot = free.or_else(oldest).expect("slots outnumber the faces in view");
        let track = &mut self.tracks[slot];
        track.track_id = self.next_track_id;
        track.appearance = *appearance;
        self.next_track_id += 1;
        slot
    }

    /// The face in `slot` is seen here, now. Call it for every face in view, then
    /// [`Tracker::settle_duplicates`].
    pub fn see(&mut self, slot: usize, region: &Region, nanos: i64) {
        let track = &mut self.tracks[slot];
        track.motion.see(region, nanos);
        track.last_seen_nanos = nanos;
    }

    /// The face in `slot` is no longer seen.
    pub fn lose(&mut self, slot: usize) {
        let track = &mut self.tracks[slot];
        track.state = TrackState::Lost;
        track.motion = track.undisturbed;
    }

    /// Learns the looks and the undisturbed motion of the faces that stand alone. `seen` gives the
    /// region and looks of the face in each slot, this frame.
    pub fn learn(&mut self, nanos: i64, seen: impl Fn(usize) -> (Region, Appearance)) {
        for slot in 0..self.tracks.len() {
            if self.tracks[slot].state != TrackState::InView {
                continue;
            }
            let (region, appearance) = seen(slot);
            let crowded = self.tracks.iter().enumerate().any(|(other, track)| {
                other != slot
                    && track.state == TrackState::InView
                    && track.motion.deviation(&region, nanos).0 < CROWDED_DISTANCE
            });
            if !crowded {
                let track = &mut self.tracks[slot];
                track.undisturbed = track.motion;
                track.appearance.learn(&appearance);
            }
        }
    }

    /// Finds two faces in view that are one: returns the slot that is not it, which the caller should
    /// [`lose`](Tracker::lose). Of the two, the one whose course, size and looks fit the face less well
    /// goes. `seen` gives the region and looks of the face in each slot, this frame.
    #[must_use]
    pub fn settle_duplicates(
        &self,
        nanos: i64,
        seen: impl Fn(usize) -> (Region, Appearance),
    ) -> Option<usize> {
        for a in self.in_view() {
            for b in self.in_view().filter(|&b| b > a) {
                let ((region_a, looks_a), (region_b, looks_b)) = (seen(a), seen(b));
                if is_same_face(&region_a, &region_b) {
                    let surprise_a = self.tracks[a].surprise(&region_a, &looks_a, nanos);
                    let surprise_b = self.tracks[b].surprise(&region_b, &looks_b, nanos);
                    return Some(if surprise_a > surprise_b { a } else { b });
                }
            }
        }
        None
    }
}

/// Takes pairs `(cost, slot, index)` from the cheapest on, each slot and each index once.
fn take_cheapest(pairs: &mut Vec<(f32, usize, usize)>, mut take: impl FnMut(usize, usize)) {
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    while let Some(&(_, slot, index)) = pairs.first() {
        take(slot, index);
        pairs.retain(|pair| pair.1 != slot && pair.2 != index);
    }
}

#[cfg(test)]
mod tests;
