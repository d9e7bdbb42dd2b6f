//! Faces made unrecognisable.

use std::collections::VecDeque;

use mien_annotate::{Annotator, Overlays};
use mien_config::PrivacyKind;
use mien_face::{FaceBox, FrameFaces, FrameView, PixelFormat};
use mien_geometry::rgb_row;

use super::blur::{blur, visible_part};
use super::sightings::{Hidden, MARGIN_NANOS, Seen, Sightings};

/// Grey of the field behind a mesh.
const FIELD: [u8; 3] = [0x24, 0x28, 0x2A];

/// A picture with its faces hidden.
#[derive(Debug)]
pub struct Concealed {
    /// Tight RGB rows.
    pub rgb: Vec<u8>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Number of the frame at its source.
    pub frame_index: u64,
    /// When it was captured, on the monotonic clock.
    pub capture_nanos: i64,
}

struct Waiting {
    picture: Concealed,
    faces: Box<FrameFaces>,
}

/// Hides the faces of successive frames.
///
/// Whatever may be a face is hidden, tracked or not: in the frames in which it is seen, and, ever wider, in those
/// less than half a second before and after. Therefore frames come out delayed by so much. In frames in which nobody
/// looked for faces, those that were found last are hidden, wider and wider, and before the first look everything
/// is. What the detector never finds stays visible.
pub struct Concealer {
    privacy: PrivacyKind,
    annotator: Annotator,
    waiting: VecDeque<Waiting>,
    sightings: Sightings,
}

impl Concealer {
    /// `vertical_fov_deg` is the field of view that the poses were computed with.
    #[must_use]
    pub fn new(privacy: PrivacyKind, vertical_fov_deg: f32) -> Self {
        let overlays = Overlays { mesh: true, contours: true, boxes: false, axes: false };
        let annotator = Annotator::new(overlays, vertical_fov_deg);
        Self { privacy, annotator, waiting: VecDeque::new(), sightings: Sightings::default() }
    }

    /// Takes a frame with the faces tracked in it, and the boxes, in pixels of the frame, of everything that may be
    /// a face; `None` where nobody looked for that.
    pub fn push(&mut self, frame: &FrameView<'_>, faces: &FrameFaces, possible: Option<&[FaceBox]>) {
        self.see(Seen::new(faces, possible));
        self.add(frame, faces);
    }

    /// Takes what was seen in a frame whose picture comes next, or never.
    pub(super) fn see(&mut self, seen: Seen) {
        self.sightings.add(seen);
    }

    /// Takes a picture; what was seen in it is known already.
    pub(super) fn add(&mut self, frame: &FrameView<'_>, faces: &FrameFaces) {
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let mut rgb = vec![0; 3 * width * height];
        for (y, row) in rgb.chunks_exact_mut(3 * width).enumerate() {
            rgb_row(frame, y, 0..width, row);
        }
        let mut copy = FrameFaces::boxed();
        *copy = *faces;
        let picture = Concealed {
            rgb,
            width: frame.width(),
            height: frame.height(),
            frame_index: faces.frame_index,
            capture_nanos: faces.capture_nanos,
        };
        self.waiting.push_back(Waiting { picture, faces: copy });
    }

    /// The next picture whose turn has come: call until `None`. With `flush` the last ones come too.
    pub fn next(&mut self, flush: bool) -> Option<Concealed> {
        let newest = self.waiting.back()?.picture.capture_nanos;
        let time = self.waiting.front()?.picture.capture_nanos;
        // A clock that is set back makes nobody wait.
        if !flush && (0..MARGIN_NANOS).contains(&(newest - time)) {
            return None;
        }
        let Waiting { mut picture, faces } = self.waiting.pop_front()?;
        match self.sightings.hidden(time, [picture.width, picture.height]) {
            Hidden::Everything => {
                let (x2, y2) = (picture.width as f32, picture.height as f32);
                self.hide(&mut picture, &FaceBox { x1: 0.0, y1: 0.0, x2, y2 });
            }
            Hidden::Regions(regions) => {
                regions.iter().for_each(|region| self.hide(&mut picture, region));
                if self.privacy == PrivacyKind::Mesh {
                    self.annotator.draw(&mut picture.rgb, picture.width, picture.height, &faces, "");
                }
            }
        }
        Some(picture)
    }

    fn hide(&self, picture: &mut Concealed, region: &FaceBox) {
        match self.privacy {
            PrivacyKind::Full => {}
            PrivacyKind::Blur => blur(&mut picture.rgb, picture.width, region),
            PrivacyKind::Mesh => {
                let Some([x1, y1, x2, y2]) = visible_part(region, picture.width, picture.height) else {
                    return;
                };
                for row in picture.rgb.chunks_exact_mut(3 * picture.width as usize).take(y2).skip(y1) {
                    row[3 * x1..3 * x2].as_chunks_mut::<3>().0.fill(FIELD);
                }
            }
        }
    }
}

/// Format of concealed pictures.
pub(super) const CONCEALED_FORMAT: PixelFormat = PixelFormat::Rgb8;

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u32 = 64;

    /// A picture of noise with a face in the middle, from `first` on for five frames; `possible` says what the
    /// detector finds besides.
    fn run(
        privacy: PrivacyKind,
        first: u64,
        possible: impl Fn(u64) -> Option<Vec<FaceBox>>,
    ) -> Vec<Concealed> {
        let mut concealer = Concealer::new(privacy, 63.0);
        let mut pictures = Vec::new();
        for index in 0..30u64 {
            let noise: Vec<u8> =
                (0..3 * SIZE * SIZE).map(|k| (k.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            let frame = FrameView::new(&noise, SIZE, SIZE, 3 * SIZE as usize, PixelFormat::Rgb8).unwrap();
            let mut faces = FrameFaces::boxed();
            (faces.frame_index, faces.capture_nanos) = (index, index as i64 * 100_000_000);
            (faces.frame_width, faces.frame_height) = (SIZE, SIZE);
            if (first..first + 5).contains(&index) {
                faces.face_count = 1;
                faces.faces[0].bounds = FaceBox { x1: 24.0, y1: 24.0, x2: 40.0, y2: 40.0 };
                for (k, point) in faces.faces[0].measured.landmarks.iter_mut().enumerate() {
                    *point = [24.0 + (k % 16) as f32, 24.0 + (k / 30) as f32, 0.0];
                }
                faces.faces[0].smoothed = faces.faces[0].measured;
            }
            concealer.push(&frame, &faces, possible(index).as_deref());
            pictures.extend(std::iter::from_fn(|| concealer.next(false)));
        }
        pictures.extend(std::iter::from_fn(|| concealer.next(true)));
        pictures
    }

    /// How much neighbouring pixels differ in the middle of the picture.
    fn detail(picture: &Concealed) -> f32 {
        let at = |x: u32, y: u32| f32::from(picture.rgb[3 * (y * SIZE + x) as usize]);
        let places = (26..38).flat_map(|y| (26..38).map(move |x| (x, y)));
        places.map(|(x, y)| (at(x + 1, y) - at(x, y)).abs()).sum::<f32>() / 144.0
    }

    const FACE: FaceBox = FaceBox { x1: 24.0, y1: 24.0, x2: 40.0, y2: 40.0 };

    /// Which frames show the middle of the picture as it was.
    fn visible(pictures: &[Concealed]) -> Vec<u64> {
        let indices: Vec<_> = pictures.iter().map(|picture| picture.frame_index).collect();
        assert_eq!(indices, (0..30).collect::<Vec<_>>(), "every frame once, in order");
        let plain = pictures.iter().filter(|picture| detail(picture) > 60.0);
        plain.map(|picture| picture.frame_index).collect()
    }

    #[test]
    fn tracked_faces_are_hidden_before_and_after_they_are_seen() {
        for privacy in [PrivacyKind::Blur, PrivacyKind::Mesh] {
            let expected: Vec<u64> = (0..6).collect();
            // 0.4 s before, 2 s after the last one.
            assert_eq!(visible(&run(privacy, 10, |_| Some(vec![]))), expected, "{privacy:?}");
        }
    }

    #[test]
    fn what_nobody_tracks_is_hidden_before_and_after_it_is_seen() {
        for privacy in [PrivacyKind::Blur, PrivacyKind::Mesh] {
            let pictures = run(privacy, 99, |index| {
                Some((10..15).contains(&index).then_some(FACE).into_iter().collect())
            });
            let expected: Vec<u64> = (0..6).chain(19..30).collect();
            assert_eq!(visible(&pictures), expected, "{privacy:?}");
        }
    }

    #[test]
    fn before_the_first_look_everything_is_hidden_and_later_what_was_seen_last() {
        for privacy in [PrivacyKind::Blur, PrivacyKind::Mesh] {
            let pictures = run(privacy, 99, |index| (index == 3).then(|| vec![FACE]));
            assert_eq!(visible(&pictures), [0; 0], "{privacy:?}");
            let corner = |index: usize| pictures[index].rgb[..3].to_vec();
            let as_it_was = |index: usize| corner(index) == [0, 158, 60];
            assert!((0..3).all(|index| !as_it_was(index)) && as_it_was(3), "{privacy:?}: {:?}", corner(3));
            assert!(!as_it_was(29), "wider and wider");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_no_picture_waiting() {
        let mut concealer = Concealer::new(PrivacyKind::Mesh, 63.0);
        let pixels = vec![9; 3 * 64];
        let frame = FrameView::new(&pixels, 8, 8, 24, PixelFormat::Rgb8).unwrap();
        let mut out = 0;
        for index in 0..1000i64 {
            let mut faces = FrameFaces::boxed();
            faces.capture_nanos = -index * 33_000_000;
            concealer.push(&frame, &faces, Some(&[]));
            out += std::iter::from_fn(|| concealer.next(false)).count();
        }
        assert!(out >= 999, "{out}");
    }
}
