//! Which face belongs to which stream.

use mien_face::Face;

/// Gives each tracked face a slot and keeps it there.
///
/// A face keeps its slot while it is tracked, and for [`HOLD_SECONDS`](Self::HOLD_SECONDS) after it
/// was last seen. A new face takes the free slot with the lowest number. Faces beyond the number of
/// slots get none, until one becomes free.
#[derive(Debug, Clone)]
pub struct Slots {
    owners: Vec<Option<Owner>>,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    track_id: u32,
    last_seen: f64,
}

impl Slots {
    /// How long a slot waits for its face to come back.
    pub const HOLD_SECONDS: f64 = 5.0;

    /// This many empty slots.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { owners: vec![None; count] }
    }

    /// Places the faces of a frame captured at `now` (seconds): for each slot, the index of its face
    /// in `faces`, if it is in the frame.
    pub fn place(&mut self, faces: &[Face], now: f64) -> Vec<Option<usize>> {
        let mut places = vec![None; self.owners.len()];
        let mut new_faces = Vec::new();
        for (index, face) in faces.iter().enumerate() {
            match self.slot_of(face.track_id) {
                Some(slot) => {
                    places[slot] = Some(index);
                    self.owners[slot] = Some(Owner { track_id: face.track_id, last_seen: now });
                }
                None => new_faces.push(index),
            }
        }
        for owner in &mut self.owners {
            if owner.is_some_and(|owner| now - owner.last_seen > Self::HOLD_SECONDS) {
                *owner = None;
            }
        }
        for index in new_faces {
            let Some(slot) = self.owners.iter().position(Option::is_none) else { break };
            places[slot] = Some(index);
            self.owners[slot] = Some(Owner { track_id: faces[index].track_id, last_seen: now });
        }
        places
    }

    /// Puts a track into a slot, such as that of the participant whom an operator recognises. Whoever
    /// had the slot changes places with it.
    pub fn assign(&mut self, slot: usize, track_id: u32, now: f64) {
        if slot >= self.owners.len() {
            return;
        }
        match self.slot_of(track_id) {
            Some(present) => self.owners.swap(present, slot),
            None => self.owners[slot] = Some(Owner { track_id, last_seen: now }),
        }
    }

    /// Empties every slot: none of the tracks comes back.
    pub fn clear(&mut self) {
        self.owners.fill(None);
    }

    /// The slot of a track.
    #[must_use]
    pub fn slot_of(&self, track_id: u32) -> Option<usize> {
        self.owners.iter().position(|owner| owner.is_some_and(|owner| owner.track_id == track_id))
    }
}

#[cfg(test)]
mod tests {
    use mien_face::FrameFaces;

    use super::*;

    fn faces(track_ids: &[u32]) -> Vec<Face> {
        let mut face = FrameFaces::boxed().faces[0];
        track_ids
            .iter()
            .map(|&track_id| {
                face.track_id = track_id;
                face
            })
            .collect()
    }

    #[test]
    fn faces_keep_their_slots_when_the_order_changes_and_after_a_short_absence() {
        let mut slots = Slots::new(2);
        assert_eq!(slots.place(&faces(&[7, 9]), 0.0), [Some(0), Some(1)]);
        assert_eq!(slots.place(&faces(&[9, 7]), 0.1), [Some(1), Some(0)]);
        assert_eq!(slots.place(&faces(&[9]), 0.2), [None, Some(0)]);
        // A third face finds no slot while that of 7 is held, and takes it afterwards.
        assert_eq!(slots.place(&faces(&[9, 11]), 5.0), [None, Some(0)]);
        assert_eq!(slots.place(&faces(&[9, 11]), 5.2), [Some(1), Some(0)]);
        assert_eq!(slots.place(&faces(&[7, 9, 11]), 5.3), [Some(2), Some(1)]);
    }

    #[test]
    fn an_operator_swaps_two_people() {
        let mut slots = Slots::new(2);
        slots.place(&faces(&[1, 2]), 0.0);
        slots.assign(0, 2, 0.1);
        assert_eq!(slots.place(&faces(&[1, 2]), 0.2), [Some(1), Some(0)]);
        slots.assign(9, 2, 0.3);
        slots.assign(1, 5, 0.3);
        assert_eq!(slots.place(&faces(&[2, 5]), 0.4), [Some(0), Some(1)]);
    }
}
