//! Participants' names, and how they go on from one worker of a camera to the next, whose track ids are new.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mien_face::{Face, FrameFaces};
use mien_stream::{Sighting, Slots, same_by_place};

/// Names by camera and track id.
pub type NamesByTrack = HashMap<(String, u32), String>;

/// Participants' names, shared by those who give, follow and show them.
#[derive(Debug, Clone, Default)]
pub struct Names(Arc<Mutex<NamesByTrack>>);

impl Names {
    /// All of them, now.
    #[must_use]
    pub fn all(&self) -> NamesByTrack {
        self.lock().clone()
    }

    /// Names a track; an empty name takes its name away.
    pub fn give(&self, camera: &str, track_id: u32, name: &str) {
        let (mut names, track) = (self.lock(), (camera.to_owned(), track_id));
        if name.is_empty() {
            names.remove(&track);
        } else {
            names.insert(track, name.to_owned());
        }
    }

    /// Forgets the people of a camera.
    pub fn forget(&self, camera: &str) {
        self.lock().retain(|(known, _), _| known != camera);
    }

    /// Gives the names of a camera's former tracks to those that they go on as, and forgets the rest; the tracks
    /// that have a name now.
    fn go_on(&self, camera: &str, successors: &[(u32, u32)]) -> Vec<(u32, String)> {
        let mut names = self.lock();
        let now = |&(then, now): &(u32, u32)| Some((now, names.remove(&(camera.to_owned(), then))?));
        let named: Vec<_> = successors.iter().filter_map(now).collect();
        names.retain(|(known, _), _| known != camera);
        names.extend(named.iter().map(|(track_id, name)| ((camera.to_owned(), *track_id), name.clone())));
        named
    }

    fn lock(&self) -> MutexGuard<'_, NamesByTrack> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries a camera's names over from one worker to the next.
///
/// A worker that was lost has taken its knowledge of who looks how with it. What is left is where faces were, and
/// that little time has passed: whoever was alone in the picture and is so again, within
/// [`Slots::HOLD_SECONDS`], is the same person. Where there are or were several, a face goes on as the one within
/// whose own size of it it is, provided that neither has another so near. All others are new.
#[derive(Debug, Default)]
pub(crate) struct Succession {
    epoch: Option<u64>,
    /// Faces of the present worker where each was seen last, as far as that is not too long ago.
    seen: Vec<Seen>,
    /// Those of the worker before, until the present one has found a face.
    before: Option<Vec<Seen>>,
}

/// A face of a worker.
#[derive(Debug, Clone, Copy)]
struct Seen {
    face: Sighting,
    nanos: i64,
    /// Whether it was there in the worker's last frame.
    in_view: bool,
}

impl Seen {
    fn new(frame: &FrameFaces, face: &Face) -> Self {
        Self { face: Sighting::new(frame, face), nanos: frame.capture_nanos, in_view: true }
    }

    fn is_recent(&self, nanos: i64) -> bool {
        (0..=(Slots::HOLD_SECONDS * 1e9) as i64).contains(&(nanos - self.nanos))
    }
}

impl Succession {
    /// Takes in a camera's next result, of the worker numbered `epoch`. At the first that shows a face after another
    /// worker's, brings the names over and gives the tracks that have one now.
    pub(crate) fn follow(
        &mut self,
        names: &Names,
        camera: &str,
        epoch: u64,
        frame: &FrameFaces,
    ) -> Vec<(u32, String)> {
        let successors = self.successors(epoch, frame);
        successors.map(|successors| names.go_on(camera, &successors)).unwrap_or_default()
    }

    /// Track ids of former faces and of those that they go on as.
    fn successors(&mut self, epoch: u64, frame: &FrameFaces) -> Option<Vec<(u32, u32)>> {
        let has_begun_anew = self.epoch.replace(epoch).is_some_and(|known| known != epoch);
        if has_begun_anew && self.before.is_none() {
            self.before = Some(std::mem::take(&mut self.seen));
        }
        let nanos = frame.capture_nanos;
        let present: Vec<Seen> = frame.faces().iter().map(|face| Seen::new(frame, face)).collect();
        let is_present = |seen: &Seen| present.iter().any(|other| other.face.track_id == seen.face.track_id);
        self.seen.retain(|face| face.is_recent(nanos) && !is_present(face));
        self.seen.iter_mut().for_each(|face| face.in_view = false);
        self.seen.extend(&present);
        if present.is_empty() {
            return None;
        }
        let mut before = self.before.take()?;
        before.retain(|face| face.is_recent(nanos));
        Some(pair(&before, &present))
    }
}

fn pair(before: &[Seen], present: &[Seen]) -> Vec<(u32, u32)> {
    if let ([then @ Seen { in_view: true, .. }], [now]) = (before, present) {
        return vec![(then.face.track_id, now.face.track_id)];
    }
    let before: Vec<Sighting> = before.iter().filter(|seen| seen.in_view).map(|seen| seen.face).collect();
    let present: Vec<Sighting> = present.iter().map(|seen| seen.face).collect();
    same_by_place(&before, &present)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame, so many milliseconds after the start, of faces of 100 pixels: their tracks and where they are.
    fn frame(millis: i64, faces: &[(u32, f32)]) -> Box<FrameFaces> {
        let mut frame = FrameFaces::boxed();
        frame.capture_nanos = 7_000_000_000 + millis * 1_000_000;
        (frame.frame_width, frame.frame_height) = (1920, 1080);
        frame.face_count = faces.len() as u32;
        for (face, (track_id, x)) in frame.faces.iter_mut().zip(faces) {
            face.track_id = *track_id;
            let bounds = &mut face.bounds;
            (bounds.x1, bounds.y1, bounds.x2, bounds.y2) = (*x, 200.0, x + 80.0, 300.0);
        }
        frame
    }

    /// A frame's worker, milliseconds and faces.
    type Seen<'a> = (u64, i64, &'a [(u32, f32)]);

    /// What becomes of the names `ada` of track 1 and `ben` of track 2 over these frames.
    fn names_after(frames: &[Seen<'_>]) -> Vec<(u32, String)> {
        let (names, mut succession) = (Names::default(), Succession::default());
        for (camera, track_id, name) in [("front", 1, "ada"), ("front", 2, "ben"), ("side", 1, "eve")] {
            names.give(camera, track_id, name);
        }
        let mut told = Vec::new();
        for &(epoch, millis, faces) in frames {
            told = succession.follow(&names, "front", epoch, &frame(millis, faces));
        }
        let mut all = names.all();
        assert_eq!(all.remove(&("side".to_owned(), 1)).as_deref(), Some("eve"), "another camera's");
        let mut of_front: Vec<_> = all.into_iter().map(|((_, track_id), name)| (track_id, name)).collect();
        of_front.sort();
        told.sort();
        if frames.last().is_some_and(|last| last.0 > 0 && !last.2.is_empty()) {
            assert_eq!(told, of_front, "what is told is what holds");
        }
        of_front
    }

    fn named(expected: &[(u32, &str)]) -> Vec<(u32, String)> {
        expected.iter().map(|(track_id, name)| (*track_id, (*name).to_owned())).collect()
    }

    #[test]
    fn who_was_alone_and_is_alone_keeps_the_name() {
        let both = named(&[(1, "ada"), (2, "ben")]);
        assert_eq!(names_after(&[(0, 0, &[(1, 100.0)]), (0, 33, &[(1, 110.0)])]), both, "the same worker");
        assert_eq!(names_after(&[(0, 0, &[(1, 100.0)]), (1, 600, &[])]), both, "nobody is seen yet");
        let kept = named(&[(3, "ada")]);
        assert_eq!(names_after(&[(0, 0, &[(1, 100.0)]), (1, 600, &[(3, 1700.0)])]), kept, "wherever it is");
        let in_between: &[Seen<'_>] = &[(0, 0, &[(1, 100.0)]), (1, 600, &[]), (2, 900, &[(3, 90.0)])];
        assert_eq!(names_after(in_between), kept, "a worker that found nobody");
        let twice: &[Seen<'_>] = &[(0, 0, &[(1, 100.0)]), (1, 600, &[(3, 90.0)]), (2, 900, &[(4, 90.0)])];
        assert_eq!(names_after(twice), named(&[(4, "ada")]));
    }

    #[test]
    fn after_too_long_a_time_or_from_an_empty_picture_nobody_is_known() {
        assert_eq!(names_after(&[(0, 0, &[(1, 100.0)]), (1, 5100, &[(3, 100.0)])]), []);
        assert_eq!(names_after(&[(0, 0, &[(1, 100.0)]), (0, 33, &[]), (1, 600, &[(3, 100.0)])]), []);
        assert_eq!(names_after(&[(0, 0, &[]), (1, 600, &[(3, 100.0)])]), []);
    }

    #[test]
    fn of_several_each_is_known_by_the_place() {
        let pair: &[(u32, f32)] = &[(1, 100.0), (2, 600.0)];
        let moved = names_after(&[(0, 0, pair), (1, 600, &[(3, 640.0), (4, 70.0)])]);
        assert_eq!(moved, named(&[(3, "ben"), (4, "ada")]));
        assert_eq!(names_after(&[(0, 0, pair), (1, 600, &[(3, 640.0)])]), named(&[(3, "ben")]));
        assert_eq!(names_after(&[(0, 0, pair), (1, 600, &[(3, 350.0)])]), [], "near nobody");
        let newcomer = names_after(&[(0, 0, &[(1, 100.0)]), (1, 600, &[(3, 900.0), (4, 110.0)])]);
        assert_eq!(newcomer, named(&[(4, "ada")]));
    }

    #[test]
    fn in_doubt_nobody_is_named() {
        let close: &[(u32, f32)] = &[(1, 100.0), (2, 180.0)];
        assert_eq!(names_after(&[(0, 0, close), (1, 600, &[(3, 140.0)])]), [], "near both");
        let closer: &[(u32, f32)] = &[(3, 80.0), (4, 130.0)];
        assert_eq!(names_after(&[(0, 0, &[(1, 100.0)]), (1, 600, closer)]), [], "both near");
        // Ben looked down for a moment when the worker died; then Ada did.
        let looks_down: &[Seen<'_>] =
            &[(0, 0, &[(1, 100.0), (2, 600.0)]), (0, 33, &[(1, 100.0)]), (1, 600, &[(3, 600.0)])];
        assert_eq!(names_after(looks_down), []);
    }

    #[test]
    fn places_in_frames_of_another_size_say_nothing() {
        let (names, mut succession) = (Names::default(), Succession::default());
        names.give("front", 1, "ada");
        succession.follow(&names, "front", 0, &frame(0, &[(1, 100.0), (2, 600.0)]));
        let mut small = frame(600, &[(3, 100.0), (4, 600.0)]);
        (small.frame_width, small.frame_height) = (640, 480);
        assert_eq!(succession.follow(&names, "front", 1, &small), []);
        assert!(names.all().is_empty());
    }

    #[test]
    fn names_are_taken_away_and_forgotten() {
        let names = Names::default();
        names.give("front", 1, "ada");
        names.give("front", 2, "ben");
        names.give("front", 1, "");
        assert_eq!(names.all().into_values().collect::<Vec<_>>(), ["ben"]);
        names.forget("front");
        assert!(names.all().is_empty());
    }
}
