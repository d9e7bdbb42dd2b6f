//! Where faces were seen, and what is to be hidden of a picture for that.

use std::collections::VecDeque;

use mien_face::{FaceBox, FrameFaces};
use mien_geometry::landmark_bounds;

/// How long whatever may be a face stays hidden after it was last seen, and how long before it was first seen: the
/// detector may miss a face for a moment.
pub(super) const MARGIN_NANOS: i64 = 400_000_000;
/// How long a face that was tracked stays hidden after it was last seen.
const TRACKED_NANOS: i64 = 2_000_000_000;
/// How far the hidden region reaches beyond the face, in its size: hair, ears and chin are hidden too.
const MARGIN_SHARE: f32 = 0.35;
/// How much further it reaches, for each second between the picture and the sighting, where the face was not seen
/// again: it may have moved.
const MARGIN_GROWTH: f32 = 3.0;
/// Regions that overlap more than this are one face's.
const SAME_FACE_IOU: f32 = 0.3;
/// Frames that are remembered at most: a minute of a fast camera.
const MOST_FRAMES: usize = 8192;

/// What was seen in one frame.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    capture_nanos: i64,
    /// Width and height of the frame in pixels.
    frame_size: [f32; 2],
    /// Whether the detector was asked for everything that may be a face.
    looked: bool,
    /// In pixels of the frame.
    tracked: Vec<FaceBox>,
    possible: Vec<FaceBox>,
}

impl Seen {
    /// What tracking found in a frame, and what else may be a face, where somebody looked.
    pub fn new(faces: &FrameFaces, possible: Option<&[FaceBox]>) -> Self {
        let boxes = |face: &mien_face::Face| [face.bounds, landmark_bounds(&face.measured.landmarks)];
        Self {
            capture_nanos: faces.capture_nanos,
            frame_size: [faces.frame_width, faces.frame_height].map(|side| side.max(1) as f32),
            looked: possible.is_some(),
            tracked: faces.faces().iter().flat_map(boxes).collect(),
            possible: possible.unwrap_or_default().to_vec(),
        }
    }

    /// The faces in pixels of a picture of this size, and how long each stays hidden.
    fn faces(&self, size: [f32; 2]) -> impl Iterator<Item = (FaceBox, i64)> + '_ {
        let [x, y] = [size[0] / self.frame_size[0], size[1] / self.frame_size[1]];
        let scaled = move |face: &FaceBox| FaceBox {
            x1: face.x1 * x,
            y1: face.y1 * y,
            x2: face.x2 * x,
            y2: face.y2 * y,
        };
        let tracked = self.tracked.iter().map(move |face| (scaled(face), TRACKED_NANOS));
        tracked.chain(self.possible.iter().map(move |face| (scaled(face), MARGIN_NANOS)))
    }
}

/// What is to be hidden of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Hidden {
    /// All of it: nobody has looked for faces yet.
    Everything,
    /// These regions in pixels of the picture; they may reach beyond it.
    Regions(Vec<FaceBox>),
}

/// What was seen in successive frames.
#[derive(Debug, Default)]
pub(super) struct Sightings(VecDeque<Seen>);

impl Sightings {
    /// Adds what was seen in the next frame.
    pub fn add(&mut self, seen: Seen) {
        if self.0.len() == MOST_FRAMES {
            self.0.pop_front();
        }
        self.0.push_back(seen);
    }

    /// What to hide of the picture of this time and size. Of earlier pictures nobody asks any more.
    pub fn hidden(&mut self, nanos: i64, [width, height]: [u32; 2]) -> Hidden {
        let is_look = |seen: &Seen| seen.looked && seen.capture_nanos <= nanos;
        let Some(mut look) = self.0.iter().rposition(is_look) else { return Hidden::Everything };
        while look > 0 && nanos - self.0[0].capture_nanos > TRACKED_NANOS + MARGIN_NANOS {
            self.0.pop_front();
            look -= 1;
        }
        let unwatched_nanos = nanos - self.0[look].capture_nanos;
        let mut search =
            Search { nanos, unwatched_nanos, size: [width as f32, height as f32], regions: Vec::new() };
        let (before, after) = (
            self.0.iter().rev().filter(|seen| seen.capture_nanos < nanos),
            self.0.iter().filter(|seen| seen.capture_nanos > nanos),
        );
        let here = self.0.iter().filter(|seen| seen.capture_nanos == nanos);
        let here: Vec<FaceBox> = here
            .flat_map(|seen| seen.faces(search.size))
            .map(|(face, _)| wider(&face, MARGIN_SHARE))
            .collect();
        search.follow(&here, before);
        search.follow(&here, after.take_while(|seen| seen.capture_nanos - nanos <= MARGIN_NANOS));
        search.regions.extend(here);
        Hidden::Regions(merged(search.regions))
    }
}

/// Collects the regions to be hidden in one picture.
struct Search {
    nanos: i64,
    /// How long before the picture the detector was last asked.
    unwatched_nanos: i64,
    size: [f32; 2],
    regions: Vec<FaceBox>,
}

impl Search {
    /// Goes from the picture's own faces through frames that are further and further away in time.
    fn follow<'a>(&mut self, here: &[FaceBox], frames: impl Iterator<Item = &'a Seen>) {
        // Faces that are hidden already, where they were in the frame at hand or in the one nearest to the picture.
        let mut followed = here.to_vec();
        for seen in frames {
            let apart_nanos = (seen.capture_nanos - self.nanos).abs();
            let mut again = Vec::new();
            for (face, hold_nanos) in seen.faces(self.size) {
                let region = wider(&face, MARGIN_SHARE);
                if followed.iter().any(|other| other.iou(&region) > SAME_FACE_IOU) {
                    // It may have been two faces, one before the other.
                    self.regions.extend((apart_nanos <= MARGIN_NANOS).then_some(region));
                } else if apart_nanos <= hold_nanos + self.unwatched_nanos {
                    self.regions.push(wider(&face, MARGIN_SHARE + self.growth(apart_nanos)));
                } else {
                    continue;
                }
                again.push(region);
            }
            followed.retain(|other| again.iter().all(|region| region.iou(other) <= SAME_FACE_IOU));
            followed.extend(again);
        }
    }

    /// How much wider to hide a face that was seen at another time only, in its size. One that stays away for long
    /// is mostly turned or covered where it was.
    fn growth(&self, apart_nanos: i64) -> f32 {
        let moved_nanos = apart_nanos.min(MARGIN_NANOS + self.unwatched_nanos);
        MARGIN_GROWTH * moved_nanos as f32 / 1e9
    }
}

/// The box, this share of its longer side wider on each side.
fn wider(face: &FaceBox, share: f32) -> FaceBox {
    let margin = share * face.width().max(face.height());
    FaceBox { x1: face.x1 - margin, y1: face.y1 - margin, x2: face.x2 + margin, y2: face.y2 + margin }
}

/// The regions, with those of one face made one.
fn merged(mut regions: Vec<FaceBox>) -> Vec<FaceBox> {
    regions.sort_by(|a, b| b.area().total_cmp(&a.area()));
    let mut merged: Vec<FaceBox> = Vec::new();
    for region in regions {
        let contains = |known: &FaceBox| {
            known.x1 <= region.x1 && known.y1 <= region.y1 && known.x2 >= region.x2 && known.y2 >= region.y2
        };
        if merged.iter().any(contains) {
            continue;
        }
        match merged.iter_mut().find(|known| known.iou(&region) > SAME_FACE_IOU) {
            Some(known) => {
                *known = FaceBox {
                    x1: known.x1.min(region.x1),
                    y1: known.y1.min(region.y1),
                    x2: known.x2.max(region.x2),
                    y2: known.y2.max(region.y2),
                };
            }
            None => merged.push(region),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_NANOS: i64 = 33_333_333;

    fn boxed(x: f32) -> FaceBox {
        FaceBox { x1: x, y1: 100.0, x2: x + 100.0, y2: 200.0 }
    }

    fn seen(frame: i64, possible: Option<&[f32]>) -> Seen {
        let mut faces = FrameFaces::boxed();
        faces.capture_nanos = frame * FRAME_NANOS;
        (faces.frame_width, faces.frame_height) = (1920, 1080);
        let boxes: Option<Vec<_>> = possible.map(|places| places.iter().map(|&x| boxed(x)).collect());
        Seen::new(&faces, boxes.as_deref())
    }

    fn tracked(frame: i64, x: f32) -> Seen {
        Seen { tracked: vec![boxed(x)], ..seen(frame, Some(&[])) }
    }

    /// From and to where the picture of a frame is hidden on the line through the faces, from left to right.
    fn hidden(sightings: &mut Sightings, frame: i64) -> Vec<(f32, f32)> {
        let Hidden::Regions(regions) = sightings.hidden(frame * FRAME_NANOS, [1920, 1080]) else {
            return vec![(f32::NEG_INFINITY, f32::INFINITY)];
        };
        let mut all: Vec<_> = regions.iter().map(|region| (region.x1, region.x2)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    }

    fn of(frames: impl IntoIterator<Item = Seen>) -> Sightings {
        let mut sightings = Sightings::default();
        frames.into_iter().for_each(|seen| sightings.add(seen));
        sightings
    }

    #[test]
    fn before_anybody_has_looked_everything_is_hidden() {
        let mut sightings =
            of([seen(0, None), Seen { looked: false, ..tracked(1, 500.0) }, seen(2, Some(&[]))]);
        assert_eq!(sightings.hidden(0, [64, 48]), Hidden::Everything);
        assert_eq!(sightings.hidden(FRAME_NANOS, [64, 48]), Hidden::Everything);
        assert_eq!(sightings.hidden(2 * FRAME_NANOS, [64, 48]), Hidden::Regions(vec![hidden_box()]));
    }

    /// Where the face of the test above was, one frame before, in a picture of 64×48.
    fn hidden_box() -> FaceBox {
        let share = MARGIN_SHARE + MARGIN_GROWTH * FRAME_NANOS as f32 / 1e9;
        let [x, y] = [64.0 / 1920.0, 48.0 / 1080.0];
        let face = FaceBox { x1: 500.0 * x, y1: 100.0 * y, x2: 600.0 * x, y2: 200.0 * y };
        wider(&face, share)
    }

    #[test]
    fn every_face_that_is_seen_is_hidden_with_a_margin() {
        let many: Vec<f32> = (0..9).map(|k| 200.0 * k as f32).collect();
        let found = hidden(&mut of([seen(0, Some(&many))]), 0);
        let expected: Vec<_> = many.iter().map(|x| (x - 35.0, x + 135.0)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_face_that_is_missed_is_hidden_wider_the_longer_it_is_missed() {
        // Seen in frames 0 to 9, and again from frame 20 on.
        let frames = |until: i64| {
            (0..until).map(|frame| seen(frame, Some(if (10..20).contains(&frame) { &[] } else { &[700.0] })))
        };
        let mut sightings = of(frames(40));
        for frame in 0..30 {
            let found = hidden(&mut sightings, frame);
            assert_eq!(found.len(), 1, "frame {frame}: {found:?}");
            let (from, to) = found[0];
            assert!(from <= 665.0 && to >= 835.0, "frame {frame}: {found:?}");
            assert_eq!(from < 665.0, (10..20).contains(&frame), "frame {frame}: {found:?}");
        }
        // Nobody comes back.
        let mut sightings = of(frames(20).chain((20..60).map(|frame| seen(frame, Some(&[])))));
        let mut last_width = 0.0;
        for frame in 9..22 {
            let found = hidden(&mut sightings, frame);
            assert_eq!(found.len(), 1, "12 frames are 0.4 s");
            let width = found[0].1 - found[0].0;
            assert!(width > last_width, "frame {frame}: {width} after {last_width}");
            last_width = width;
        }
        assert_eq!(hidden(&mut sightings, 22), []);
        let mut sightings =
            of((0..90).map(|frame| if frame < 10 { tracked(frame, 700.0) } else { seen(frame, Some(&[])) }));
        assert_eq!(hidden(&mut sightings, 69).len(), 1, "a tracked face, for 2 s");
        assert_eq!(hidden(&mut sightings, 70), []);
    }

    #[test]
    fn while_nobody_looks_what_was_found_last_is_hidden_wider_and_wider() {
        let mut sightings = of((0..300).map(|frame| seen(frame, (frame < 10).then_some(&[700.0][..]))));
        let mut last_width = 0.0;
        for frame in 9..300 {
            let found = hidden(&mut sightings, frame);
            assert_eq!(found.len(), 1, "frame {frame}");
            let width = found[0].1 - found[0].0;
            assert!(width > last_width, "frame {frame}: {width} after {last_width}");
            last_width = width;
        }
        assert!(last_width > 3.0 * 1920.0, "the whole picture in the end");
    }

    #[test]
    fn a_face_that_moves_is_hidden_where_it_is() {
        // Two of its sizes a second.
        let place = |frame: i64| 100.0 + 200.0 * frame as f32 / 30.0;
        let mut sightings = of((0..60).map(|frame| seen(frame, Some(&[place(frame)]))));
        for frame in 20..40 {
            let found = hidden(&mut sightings, frame);
            let x = place(frame);
            assert!(
                found.iter().any(|&(from, to)| from <= x - 35.0 && to >= x + 135.0),
                "{frame}: {found:?}"
            );
            let widest = found.iter().map(|(from, to)| to - from).fold(0.0, f32::max);
            assert!(widest < 400.0, "its way of 0.8 s, no more: {found:?}");
        }
    }

    #[test]
    fn one_of_two_that_is_missed_is_hidden_beside_the_other() {
        let mut sightings =
            of((0..30).map(|frame| seen(frame, Some(if frame == 15 { &[300.0] } else { &[300.0, 900.0] }))));
        let found = hidden(&mut sightings, 15);
        assert_eq!(found[0], (265.0, 435.0));
        assert!(found[1].0 <= 855.0 && found[1].1 >= 1045.0, "{found:?}");
    }

    #[test]
    fn places_follow_the_size_of_the_picture() {
        let mut sightings = of([seen(0, Some(&[960.0]))]);
        let Hidden::Regions(regions) = sightings.hidden(FRAME_NANOS / 10, [192, 108]) else { panic!() };
        let FaceBox { x1, y1, x2, y2 } = regions[0];
        assert!(x1 < 92.5 && x2 > 109.5 && y1 < 6.5 && y2 > 23.5, "{regions:?}");
    }
}
