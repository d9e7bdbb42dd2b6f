use proptest::prelude::*;

use super::*;

const FRAME: i64 = 33_333_333;
const SECOND: i64 = 1_000_000_000;

fn region(x: f32, size: f32) -> Region {
    Region { center: [x, 100.0], size, rotation_rad: 0.0 }
}

/// Someone whose face has one grey all over.
fn looks(grey: f32) -> Appearance {
    Appearance::of_crop(&[grey; 3], 1)
}

fn id(tracker: &Tracker, slot: Option<usize>) -> u32 {
    tracker.track(slot.unwrap()).track_id()
}

#[test]
fn a_short_absence_keeps_the_id_and_a_long_one_does_not() {
    let mut tracker = Tracker::new(2, 2 * SECOND);
    let slot = tracker.admit(&region(100.0, 90.0), &looks(0.5), 0);
    assert_eq!(id(&tracker, slot), 1);
    tracker.lose(slot.unwrap());
    tracker.forget_absent(SECOND);
    let back = tracker.admit(&region(130.0, 90.0), &looks(0.5), SECOND);
    assert_eq!((back, id(&tracker, back)), (slot, 1));
    tracker.lose(slot.unwrap());
    tracker.forget_absent(4 * SECOND);
    let late = tracker.admit(&region(130.0, 90.0), &looks(0.5), 4 * SECOND);
    assert_eq!(id(&tracker, late), 2);
}

#[test]
fn someone_else_in_the_same_place_is_someone_else() {
    let mut tracker = Tracker::new(2, 2 * SECOND);
    let slot = tracker.admit(&region(100.0, 90.0), &looks(0.2), 0).unwrap();
    tracker.lose(slot);
    let other = tracker.admit(&region(100.0, 90.0), &looks(0.6), SECOND);
    assert_eq!(id(&tracker, other), 2);
    // And far away, or of another size, is someone else, too.
    tracker.lose(other.unwrap());
    let far = tracker.admit(&region(500.0, 90.0), &looks(0.6), SECOND + FRAME);
    assert_eq!(id(&tracker, far), 3);
    tracker.lose(far.unwrap());
    let large = tracker.admit(&region(500.0, 300.0), &looks(0.6), SECOND + 2 * FRAME);
    assert_eq!(id(&tracker, large), 4);
}

#[test]
fn of_two_lost_faces_the_one_that_looks_right_comes_back() {
    let mut tracker = Tracker::new(2, 2 * SECOND);
    let dark = tracker.admit(&region(100.0, 90.0), &looks(0.3), 0).unwrap();
    let light = tracker.admit(&region(160.0, 90.0), &looks(0.4), 0).unwrap();
    tracker.lose(dark);
    tracker.lose(light);
    // In the middle, a little nearer to the dark one.
    assert_eq!(tracker.admit(&region(128.0, 90.0), &looks(0.39), FRAME), Some(light));
    assert_eq!(tracker.admit(&region(128.0, 90.0), &looks(0.31), FRAME), Some(dark));
}

#[test]
fn detections_go_to_the_nearest_face() {
    let mut tracker = Tracker::new(3, SECOND);
    let a = tracker.admit(&region(100.0, 90.0), &looks(0.3), 0);
    let b = tracker.admit(&region(150.0, 90.0), &looks(0.5), 0);
    let detections = [region(400.0, 90.0), region(141.0, 92.0), region(104.0, 88.0)];
    let mut slots = [Some(9); 3];
    tracker.associate(&detections, FRAME, &mut slots);
    assert_eq!(slots, [None, b, a]);
}

#[test]
fn only_so_many_faces_are_in_view_and_only_so_many_remembered() {
    let mut tracker = Tracker::new(3, SECOND);
    for person in 0..100 {
        let slot = tracker.admit(&region(1000.0 * person as f32, 90.0), &looks(0.5), 0);
        assert_eq!(slot.is_some(), person % 4 < 3, "{person}");
        if slot.is_none() {
            let in_view: Vec<_> = tracker.in_view().collect();
            in_view.into_iter().for_each(|slot| tracker.lose(slot));
        }
    }
    assert_eq!(tracker.next_track_id, 76);
    assert_eq!(tracker.slots(), 3 + LOST_TRACKS);
    tracker.reset();
    assert_eq!(tracker.vacancies(), 3);
    let slot = tracker.admit(&region(0.0, 90.0), &looks(0.5), 0);
    assert_eq!(id(&tracker, slot), 76);
}

#[test]
fn of_two_tracks_on_one_face_the_stranger_goes() {
    let mut tracker = Tracker::new(2, SECOND);
    let a = tracker.admit(&region(100.0, 90.0), &looks(0.3), 0).unwrap();
    let b = tracker.admit(&region(300.0, 90.0), &looks(0.6), 0).unwrap();
    // Both approach; then b's region falls onto a's face.
    for frame in 1..=30 {
        let places = [region(100.0 + 2.0 * frame as f32, 90.0), region(300.0 - 2.0 * frame as f32, 85.0)];
        tracker.see(a, &places[0], frame * FRAME);
        tracker.see(b, &places[1], frame * FRAME);
        let seen = |slot: usize| (places[slot], looks(if slot == a { 0.3 } else { 0.6 }));
        assert_eq!(tracker.settle_duplicates(frame * FRAME, seen), None);
        tracker.learn(frame * FRAME, seen);
    }
    let face = |_: usize| (region(162.0, 90.0), looks(0.31));
    tracker.see(a, &face(a).0, 31 * FRAME);
    tracker.see(b, &face(b).0, 31 * FRAME);
    assert_eq!(tracker.settle_duplicates(31 * FRAME, face), Some(b));
    tracker.lose(b);
    assert_eq!(tracker.settle_duplicates(31 * FRAME, face), None);
    // Behind a, b has gone on.
    assert!(tracker.track(b).motion.expected_center(40 * FRAME)[0] < 240.0);
}

#[test]
fn time_that_runs_backwards_forgets_who_was_lost() {
    let mut tracker = Tracker::new(1, SECOND);
    let slot = tracker.admit(&region(100.0, 90.0), &looks(0.5), 50 * SECOND).unwrap();
    tracker.lose(slot);
    tracker.forget_absent(0);
    assert_eq!(tracker.track(slot).state(), TrackState::Free);
}

proptest! {
    /// Whatever comes: ids are unique among the faces in view and never come back once forgotten.
    #[test]
    fn ids_stay_unique(steps in prop::collection::vec((0f32..600.0, 40f32..200.0, 0usize..6, 0f32..1.0), 1..200)) {
        let mut tracker = Tracker::new(3, SECOND / 3);
        let mut highest = 0;
        for (step, &(x, size, action, grey)) in steps.iter().enumerate() {
            let nanos = step as i64 * 5 * FRAME;
            tracker.forget_absent(nanos);
            let slots: Vec<_> = tracker.in_view().collect();
            match slots.get(action) {
                Some(&slot) => tracker.lose(slot),
                None => {
                    let before: Vec<_> = tracker
                        .slots_that_are(TrackState::Lost)
                        .map(|slot| tracker.track(slot).track_id())
                        .collect();
                    if let Some(slot) = tracker.admit(&region(x, size), &looks(grey), nanos) {
                        let id = tracker.track(slot).track_id();
                        prop_assert!(before.contains(&id) || id == highest + 1);
                        highest = highest.max(id);
                    }
                }
            }
            let mut ids: Vec<_> = tracker.in_view().map(|slot| tracker.track(slot).track_id()).collect();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(ids.len(), tracker.in_view().count());
            prop_assert!(ids.len() <= 3);
        }
    }
}
