//! Faces made unrecognisable.

use std::collections::VecDeque;

use mien_annotate::{Annotator, Overlays};
use mien_config::PrivacyKind;
use mien_face::{FaceBox, FrameFaces, FrameView, PixelFormat};
use mien_geometry::{landmark_bounds, rgb_row};

/// How long a face stays hidden after it was last seen, and how long before it was first seen: the
/// detector may miss a face for a moment.
const MARGIN_NANOS: i64 = 400_000_000;
/// How far the hidden region reaches beyond the face, in its size: hair, ears and chin are hidden too.
const MARGIN_SHARE: f32 = 0.35;
/// Regions that overlap more than this are one face's.
const SAME_FACE_IOU: f32 = 0.3;
/// Patches that are left of a face in each direction. Identity needs more.
const PATCHES: usize = 6;
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
/// Frames come out delayed by less than half a second, because a face that appears is hidden in the
/// frames just before it was first seen, too. Only what the detector finds can be hidden: a face that
/// it never finds stays visible.
pub struct Concealer {
    privacy: PrivacyKind,
    annotator: Annotator,
    waiting: VecDeque<Waiting>,
    /// When, and where, faces were seen.
    seen: VecDeque<(i64, FaceBox)>,
}

impl Concealer {
    /// `vertical_fov_deg` is the field of view that the poses were computed with.
    #[must_use]
    pub fn new(privacy: PrivacyKind, vertical_fov_deg: f32) -> Self {
        let overlays = Overlays { mesh: true, contours: true, boxes: false, axes: false };
        let annotator = Annotator::new(overlays, vertical_fov_deg);
        Self { privacy, annotator, waiting: VecDeque::new(), seen: VecDeque::new() }
    }

    /// Takes a frame with the faces found in it.
    pub fn push(&mut self, frame: &FrameView<'_>, faces: &FrameFaces) {
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let mut rgb = vec![0; 3 * width * height];
        for (y, row) in rgb.chunks_exact_mut(3 * width).enumerate() {
            rgb_row(frame, y, 0..width, row);
        }
        let scale = [
            width as f32 / faces.frame_width.max(1) as f32,
            height as f32 / faces.frame_height.max(1) as f32,
        ];
        for face in faces.faces() {
            for bounds in [face.bounds, landmark_bounds(&face.measured.landmarks)] {
                self.seen.push_back((faces.capture_nanos, hidden_region(&bounds, scale)));
            }
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
        if !flush && newest - time < MARGIN_NANOS {
            return None;
        }
        let Waiting { mut picture, faces } = self.waiting.pop_front()?;
        while self.seen.front().is_some_and(|(seen, _)| time - seen > MARGIN_NANOS) {
            self.seen.pop_front();
        }
        let near = self.seen.iter().filter(|(seen, _)| (seen - time).abs() <= MARGIN_NANOS);
        for region in merged(near.map(|(_, region)| *region)) {
            self.hide(&mut picture, &region);
        }
        if self.privacy == PrivacyKind::Mesh {
            self.annotator.draw(&mut picture.rgb, picture.width, picture.height, &faces, "");
        }
        Some(picture)
    }

    fn hide(&self, picture: &mut Concealed, region: &FaceBox) {
        let clip = |value: f32, limit: u32| value.clamp(0.0, limit as f32) as usize;
        let (x1, x2) = (clip(region.x1, picture.width), clip(region.x2, picture.width));
        let (y1, y2) = (clip(region.y1, picture.height), clip(region.y2, picture.height));
        if x1 >= x2 || y1 >= y2 {
            return;
        }
        let width = picture.width as usize;
        match self.privacy {
            PrivacyKind::Full => {}
            PrivacyKind::Blur => blur(&mut picture.rgb, width, [x1, y1, x2, y2]),
            PrivacyKind::Mesh => {
                for y in y1..y2 {
                    picture.rgb[3 * (y * width + x1)..3 * (y * width + x2)]
                        .as_chunks_mut::<3>()
                        .0
                        .fill(FIELD);
                }
            }
        }
    }
}

/// The regions, with those of one face in successive frames made one.
fn merged(regions: impl Iterator<Item = FaceBox>) -> Vec<FaceBox> {
    let mut merged: Vec<FaceBox> = Vec::new();
    for region in regions {
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

/// Box of the hidden region in pixels of the picture.
fn hidden_region(bounds: &FaceBox, scale: [f32; 2]) -> FaceBox {
    let margin = MARGIN_SHARE * bounds.width().max(bounds.height());
    FaceBox {
        x1: (bounds.x1 - margin) * scale[0],
        y1: (bounds.y1 - margin) * scale[1],
        x2: (bounds.x2 + margin) * scale[0],
        y2: (bounds.y2 + margin) * scale[1],
    }
}

/// Leaves the means of 6 × 6 patches, blended into one another.
fn blur(rgb: &mut [u8], width: usize, [x1, y1, x2, y2]: [usize; 4]) {
    let edge = |from: usize, to: usize, patch: usize| from + (to - from) * patch / PATCHES;
    let mut means = [[[0.0f32; 3]; PATCHES]; PATCHES];
    for (i, row) in means.iter_mut().enumerate() {
        for (j, mean) in row.iter_mut().enumerate() {
            let (top, bottom) = (edge(y1, y2, i), edge(y1, y2, i + 1).max(edge(y1, y2, i) + 1).min(y2));
            let (left, right) = (edge(x1, x2, j), edge(x1, x2, j + 1).max(edge(x1, x2, j) + 1).min(x2));
            let mut sums = [0u32; 3];
            for y in top..bottom {
                for pixel in rgb[3 * (y * width + left)..3 * (y * width + right)].as_chunks::<3>().0 {
                    for (sum, &value) in sums.iter_mut().zip(pixel) {
                        *sum += u32::from(value);
                    }
                }
            }
            let count = ((bottom - top) * (right - left)).max(1) as f32;
            *mean = sums.map(|sum| sum as f32 / count);
        }
    }
    // Where a pixel lies between the centres of two patches, and how near to the second.
    let between = |at: usize, from: usize, to: usize| {
        let place = (at - from) as f32 / (to - from) as f32 * PATCHES as f32 - 0.5;
        let first = place.floor().clamp(0.0, (PATCHES - 1) as f32);
        (first as usize, (first as usize + 1).min(PATCHES - 1), (place - first).clamp(0.0, 1.0))
    };
    for y in y1..y2 {
        let (above, below, down) = between(y, y1, y2);
        for x in x1..x2 {
            let (left, right, across) = between(x, x1, x2);
            let pixel = &mut rgb[3 * (y * width + x)..][..3];
            for (channel, value) in pixel.iter_mut().enumerate() {
                let row =
                    |i: usize| means[i][left][channel] * (1.0 - across) + means[i][right][channel] * across;
                *value = (row(above) * (1.0 - down) + row(below) * down).round() as u8;
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

    /// A picture of noise with a face in the middle, from `first` on.
    fn run(privacy: PrivacyKind, first: u64) -> Vec<Concealed> {
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
            concealer.push(&frame, &faces);
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

    #[test]
    fn faces_are_hidden_a_little_before_and_after_they_are_seen() {
        for privacy in [PrivacyKind::Blur, PrivacyKind::Mesh] {
            let pictures = run(privacy, 10);
            let indices: Vec<_> = pictures.iter().map(|picture| picture.frame_index).collect();
            assert_eq!(indices, (0..30).collect::<Vec<_>>(), "every frame once, in order");
            for picture in &pictures {
                let hidden = (6..19).contains(&picture.frame_index);
                let plain = detail(picture) > 60.0;
                assert_eq!(plain, !hidden, "{privacy:?} frame {}", picture.frame_index);
            }
        }
    }

    #[test]
    fn a_tiny_or_outlying_region_is_no_trouble() {
        let mut rgb = vec![7; 3 * 100];
        blur(&mut rgb, 10, [0, 0, 1, 1]);
        blur(&mut rgb, 10, [3, 3, 7, 10]);
        assert!(rgb.iter().all(|&value| value == 7));
    }
}
