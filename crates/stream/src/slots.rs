//! Which face belongs to which stream.

use mien_face::FrameFaces;

use crate::{Sighting, same_by_place};

/// Gives each tracked face a slot and keeps it there.
///
/// A face keeps its slot while it is tracked, and the slot is held for [`HOLD_SECONDS`](Self::HOLD_SECONDS) after
/// it was last seen. A face that comes back often has another track id by then, so a new face gets a slot at once:
///
/// 1. the held slot of the only face that was there, when it is the only face in the picture;
/// 2. the held slot whose face was near where the new one is, in doubt of neither;
/// 3. the free slot with the lowest number;
/// 4. the held slot whose face was nearest.
///
/// A face that was in the picture together with a slot's face is somebody else, and never takes that slot while it
/// is held. Should the held slot's own track come back within the time that its slot was held for, it has its slot
/// again. Faces beyond the number of slots get none, until one becomes free.
#[derive(Debug, Clone)]
pub struct Slots {
    slots: Vec<Slot>,
    /// Faces without a slot that were seen not too long ago.
    waiting: Vec<Waiting>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    owner: Option<Owner>,
    /// Whose held slot the owner took.
    former: Option<Owner>,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    track_id: u32,
    /// In seconds.
    last_seen: f64,
    /// Unknown of a track that was assigned and not seen since.
    place: Option<Sighting>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    track_id: u32,
    /// In seconds.
    first_seen: f64,
    last_seen: f64,
}

impl Slots {
    /// How long a slot waits for its face to come back.
    pub const HOLD_SECONDS: f64 = 5.0;

    /// This many empty slots.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { slots: vec![Slot::default(); count], waiting: Vec::new() }
    }

    /// Places the faces of a frame captured at `now` (seconds): for each slot, the index of its face
    /// among the frame's faces, if it is in the frame.
    pub fn place(&mut self, frame: &FrameFaces, now: f64) -> Vec<Option<usize>> {
        let seen: Vec<Sighting> = frame.faces().iter().map(|face| Sighting::new(frame, face)).collect();
        self.give_back(&seen, now);
        let newcomers = self.see(&seen, now);
        self.release(now);
        let mut homeless = self.settle_those_who_come_back(&seen, &newcomers, now);
        homeless.retain(|face| !self.settle_anywhere(face, now));
        self.waiting.retain(|waiting| now - waiting.last_seen <= Self::HOLD_SECONDS);
        let index_of = |owner: &Owner| seen.iter().position(|face| face.track_id == owner.track_id);
        self.slots.iter().map(|slot| slot.owner.as_ref().and_then(index_of)).collect()
    }

    /// Puts a track into a slot, such as that of the participant whom an operator recognises. Whoever
    /// had the slot changes places with it.
    pub fn assign(&mut self, slot: usize, track_id: u32, now: f64) {
        if slot >= self.slots.len() {
            return;
        }
        match self.slot_of(track_id) {
            Some(present) => self.slots.swap(present, slot),
            None => {
                self.waiting.retain(|waiting| waiting.track_id != track_id);
                self.slots[slot].owner = Some(Owner { track_id, last_seen: now, place: None });
            }
        }
        // The operator knows better.
        self.slots[slot].former = None;
    }

    /// Empties every slot: none of the tracks comes back.
    pub fn clear(&mut self) {
        self.slots.fill(Slot::default());
        self.waiting.clear();
    }

    /// The slot of a track.
    #[must_use]
    pub fn slot_of(&self, track_id: u32) -> Option<usize> {
        self.slots.iter().position(|slot| slot.owner.is_some_and(|owner| owner.track_id == track_id))
    }

    /// Gives slots back to tracks that turn out not to have gone.
    fn give_back(&mut self, seen: &[Sighting], now: f64) {
        for slot in &mut self.slots {
            let is_back = |former: &Owner| {
                now - former.last_seen <= Self::HOLD_SECONDS
                    && seen.iter().any(|face| face.track_id == former.track_id)
            };
            let Some(former) = slot.former.take_if(|former| is_back(former)) else { continue };
            let Some(owner) = slot.owner.replace(former) else { continue };
            let Owner { track_id, last_seen, .. } = owner;
            // Somebody else than the former owner, who is there too.
            self.waiting.push(Waiting { track_id, first_seen: former.last_seen, last_seen });
        }
    }

    /// Notes who is there; the faces without a slot.
    fn see(&mut self, seen: &[Sighting], now: f64) -> Vec<Sighting> {
        let mut newcomers = Vec::new();
        for face in seen {
            let track_id = face.track_id;
            if let Some(slot) = self.slot_of(track_id) {
                self.slots[slot].owner = Some(Owner { track_id, last_seen: now, place: Some(*face) });
                continue;
            }
            newcomers.push(*face);
            match self.waiting.iter_mut().find(|waiting| waiting.track_id == track_id) {
                Some(waiting) => waiting.last_seen = now,
                None => self.waiting.push(Waiting { track_id, first_seen: now, last_seen: now }),
            }
        }
        newcomers
    }

    /// Frees slots that were held for long enough.
    fn release(&mut self, now: f64) {
        let is_over = |owner: &mut Owner| now - owner.last_seen > Self::HOLD_SECONDS;
        for Slot { owner, former } in &mut self.slots {
            owner.take_if(is_over);
            former.take_if(is_over);
        }
    }

    /// Gives newcomers the slots of those who they are, as far as that is known; the rest of them.
    fn settle_those_who_come_back(
        &mut self,
        seen: &[Sighting],
        newcomers: &[Sighting],
        now: f64,
    ) -> Vec<Sighting> {
        let owners = || self.slots.iter().filter_map(|slot| slot.owner);
        let pairs = match (owners().count(), seen, newcomers) {
            (1, [_], [face]) => owners().map(|owner| (owner.track_id, face.track_id)).collect(),
            _ => {
                let away: Vec<_> =
                    owners().filter(|o| o.last_seen < now).filter_map(|owner| owner.place).collect();
                same_by_place(&away, newcomers)
            }
        };
        let mut homeless = newcomers.to_vec();
        for (before, after) in pairs {
            let Some(slot) = self.slot_of(before) else { continue };
            let Some(face) = homeless.iter().position(|face| face.track_id == after) else { continue };
            if self.may_take(slot, after, now) {
                let face = homeless.remove(face);
                self.give(slot, &face, now);
            }
        }
        homeless
    }

    /// Gives a newcomer a free slot, or one that is held for a face that it may be; whether there was one.
    fn settle_anywhere(&mut self, face: &Sighting, now: f64) -> bool {
        let free = self.slots.iter().position(|slot| slot.owner.is_none());
        let distance = |slot: &usize| {
            let place = self.slots[*slot].owner.and_then(|owner| owner.place);
            place.map_or(f32::INFINITY, |place| place.distance(face))
        };
        let held = || (0..self.slots.len()).filter(|&slot| self.may_take(slot, face.track_id, now));
        let nearest = || held().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let Some(slot) = free.or_else(nearest) else { return false };
        self.give(slot, face, now);
        true
    }

    /// Whether a slot's face is away, and was when the track without a slot came.
    fn may_take(&self, slot: usize, track_id: u32, now: f64) -> bool {
        let came = self.waiting.iter().find(|waiting| waiting.track_id == track_id);
        let came = came.map_or(now, |waiting| waiting.first_seen);
        self.slots[slot].owner.is_some_and(|owner| owner.last_seen < came)
    }

    fn give(&mut self, slot: usize, face: &Sighting, now: f64) {
        let track_id = face.track_id;
        self.waiting.retain(|waiting| waiting.track_id != track_id);
        let owner = Owner { track_id, last_seen: now, place: Some(*face) };
        let slot = &mut self.slots[slot];
        // Of several who had it, the first is remembered: the others took it, too.
        let before = slot.owner.replace(owner);
        slot.former = slot.former.or(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of faces of 100 pixels: their tracks, and where they are.
    fn frame(faces: &[(u32, f32)]) -> Box<FrameFaces> {
        let mut frame = FrameFaces::boxed();
        (frame.frame_width, frame.frame_height) = (1920, 1080);
        frame.face_count = faces.len() as u32;
        for (face, &(track_id, x)) in frame.faces.iter_mut().zip(faces) {
            face.track_id = track_id;
            face.bounds = mien_face::FaceBox { x1: x, y1: 200.0, x2: x + 80.0, y2: 300.0 };
        }
        frame
    }

    /// The tracks in the slots after each of these frames: seconds and faces.
    fn tracks(slots: &mut Slots, frames: &[(f64, &[(u32, f32)])]) -> Vec<Vec<Option<u32>>> {
        let place = |&(now, faces): &(f64, &[(u32, f32)])| {
            let places = slots.place(&frame(faces), now);
            places.into_iter().map(|place| place.map(|index: usize| faces[index].0)).collect()
        };
        frames.iter().map(place).collect()
    }

    #[test]
    fn faces_keep_their_slots_when_the_order_changes_and_after_a_short_absence() {
        let (a, b) = ((7, 100.0), (9, 900.0));
        let found =
            tracks(&mut Slots::new(2), &[(0.0, &[a, b]), (0.1, &[b, a]), (0.2, &[b]), (0.3, &[a, b])]);
        assert_eq!(found[0], [Some(7), Some(9)]);
        assert_eq!(found[1], [Some(7), Some(9)]);
        assert_eq!(found[2], [None, Some(9)]);
        assert_eq!(found[3], [Some(7), Some(9)]);
    }

    #[test]
    fn a_face_that_comes_back_as_another_track_has_its_slot_in_that_very_frame() {
        for slots in [1, 2, 10] {
            for absence in [0.04, 1.9, 2.1, 3.0, 4.9, 5.1, 60.0] {
                let back = 1.0 + absence;
                let found = tracks(
                    &mut Slots::new(slots),
                    &[
                        (1.0, &[(1, 100.0)]),
                        (back - 0.03, &[]),
                        (back, &[(2, 1700.0)]),
                        (back + 0.03, &[(2, 1700.0)]),
                    ],
                );
                assert_eq!((found[0][0], found[1][0]), (Some(1), None));
                assert_eq!((found[2][0], found[3][0]), (Some(2), Some(2)), "{slots} slots, {absence} s");
            }
        }
    }

    #[test]
    fn of_several_each_has_the_slot_of_the_place() {
        let both: (f64, &[(u32, f32)]) = (0.0, &[(1, 100.0), (2, 900.0)]);
        let found =
            tracks(&mut Slots::new(2), &[both, (3.0, &[(3, 880.0)]), (3.2, &[(4, 110.0), (3, 880.0)])]);
        assert_eq!(found[1..], [[None, Some(3)], [Some(4), Some(3)]]);
        let found = tracks(&mut Slots::new(2), &[both, (3.0, &[(3, 880.0), (4, 130.0)])]);
        assert_eq!(found[1], [Some(4), Some(3)]);
        // The other one stays.
        let found =
            tracks(&mut Slots::new(2), &[both, (1.0, &[(2, 900.0)]), (3.0, &[(2, 900.0), (3, 90.0)])]);
        assert_eq!(found[2], [Some(3), Some(2)]);
    }

    #[test]
    fn in_doubt_a_free_slot_is_taken_and_else_the_nearest() {
        let both: (f64, &[(u32, f32)]) = (0.0, &[(1, 100.0), (2, 900.0)]);
        let far: (f64, &[(u32, f32)]) = (3.0, &[(3, 600.0)]);
        assert_eq!(tracks(&mut Slots::new(3), &[both, far])[1], [None, None, Some(3)]);
        assert_eq!(tracks(&mut Slots::new(2), &[both, far])[1], [None, Some(3)]);
        let near_both: &[(u32, f32)] = &[(1, 100.0), (2, 170.0)];
        let found = tracks(
            &mut Slots::new(2),
            &[(0.0, near_both), (3.0, &[(3, 110.0)]), (3.1, &[(3, 110.0), (4, 180.0)])],
        );
        assert_eq!(found[1..], [[Some(3), None], [Some(3), Some(4)]]);
    }

    #[test]
    fn who_was_there_beside_it_is_somebody_else_and_waits() {
        let found = tracks(
            &mut Slots::new(1),
            &[
                (0.0, &[(1, 100.0), (2, 150.0)]),
                (0.1, &[(2, 120.0)]),
                (4.9, &[(2, 120.0)]),
                (5.1, &[(2, 120.0)]),
            ],
        );
        assert_eq!(found, [[Some(1)], [None], [None], [Some(2)]]);
        // Meanwhile somebody comes who may be the one who left.
        let found =
            tracks(&mut Slots::new(1), &[(0.0, &[(1, 100.0), (2, 150.0)]), (3.0, &[(2, 120.0), (3, 900.0)])]);
        assert_eq!(found[1], [Some(3)]);
    }

    #[test]
    fn a_track_that_was_not_gone_has_its_slot_again() {
        let (anna, other) = ((1, 100.0), (2, 900.0));
        let steps: [(f64, &[(u32, f32)]); 4] =
            [(0.0, &[anna]), (0.1, &[other]), (0.2, &[anna, other]), (0.3, &[other])];
        assert_eq!(tracks(&mut Slots::new(1), &steps), [[Some(1)], [Some(2)], [Some(1)], [None]]);
        assert_eq!(tracks(&mut Slots::new(2), &steps)[2], [Some(1), Some(2)]);
        // The slot was held for five seconds, no longer.
        let late: [(f64, &[(u32, f32)]); 3] = [(0.0, &[anna]), (4.0, &[other]), (5.3, &[anna, other])];
        assert_eq!(tracks(&mut Slots::new(1), &late)[2], [Some(2)]);
    }

    #[test]
    fn places_in_frames_of_another_size_say_nothing() {
        let mut slots = Slots::new(3);
        slots.place(&frame(&[(1, 100.0), (2, 900.0)]), 0.0);
        let mut small = frame(&[(3, 100.0)]);
        (small.frame_width, small.frame_height) = (640, 480);
        assert_eq!(slots.place(&small, 3.0), [None, None, Some(0)]);
    }

    #[test]
    fn an_operator_swaps_two_people() {
        let mut slots = Slots::new(2);
        slots.place(&frame(&[(1, 100.0), (2, 900.0)]), 0.0);
        slots.assign(0, 2, 0.1);
        assert_eq!(slots.place(&frame(&[(1, 100.0), (2, 900.0)]), 0.2), [Some(1), Some(0)]);
        slots.assign(9, 2, 0.3);
        slots.assign(1, 5, 0.3);
        assert_eq!(slots.place(&frame(&[(2, 900.0), (5, 500.0)]), 0.4), [Some(0), Some(1)]);
    }
}
