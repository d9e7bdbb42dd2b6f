//! RetinaFace's outputs as detections.

use mien_face::{FaceBox, KEYPOINT_COUNT};

use crate::detection::keep_best;
use crate::{Affine, Detection, suppress_overlaps};

/// Stride in input pixels and the sides of the two priors at each place of the three feature maps.
const LEVELS: [(usize, [f32; 2]); 3] = [(8, [10.0, 20.0]), (16, [32.0, 64.0]), (32, [128.0, 256.0])];
/// What the networks' offsets and log sizes are divided by in training (SSD's variances).
const CENTER_VARIANCE: f32 = 0.1;
const SIZE_VARIANCE: f32 = 0.2;
/// Candidates that reach non-maximum suppression, the best first: a face raises a few dozen priors,
/// so a hundred faces still fit.
pub const RETINAFACE_CANDIDATES: usize = 2000;
/// Detections that are reported.
pub const RETINAFACE_DETECTIONS: usize = 200;

/// Number of priors of a RetinaFace with an input of `height` × `width`.
#[must_use]
pub fn retinaface_prior_count(height: usize, width: usize) -> usize {
    LEVELS
        .iter()
        .map(|(stride, sides)| height.div_ceil(*stride) * width.div_ceil(*stride) * sides.len())
        .sum()
}

/// Turns RetinaFace's outputs into detections, without allocating.
///
/// Deng et al., "RetinaFace: Single-Shot Multi-Level Face Localisation in the Wild" (CVPR 2020); priors
/// and variances are those of the public MobileNet-0.25 model.
#[derive(Debug)]
pub struct RetinaFaceDecoder {
    /// `[center x, center y, side]` in input pixels: levels, rows, columns, two sizes.
    priors: Vec<[f32; 3]>,
    candidates: Vec<(f32, u32)>,
    detections: Vec<Detection>,
}

impl RetinaFaceDecoder {
    /// For an input of `height` × `width`.
    #[must_use]
    pub fn new(height: usize, width: usize) -> Self {
        let mut priors = Vec::with_capacity(retinaface_prior_count(height, width));
        for (stride, sides) in LEVELS {
            for row in 0..height.div_ceil(stride) {
                for column in 0..width.div_ceil(stride) {
                    let center = [column, row].map(|i| (i as f32 + 0.5) * stride as f32);
                    priors.extend(sides.map(|side| [center[0], center[1], side]));
                }
            }
        }
        Self {
            candidates: Vec::with_capacity(priors.len()),
            detections: Vec::with_capacity(RETINAFACE_CANDIDATES),
            priors,
        }
    }

    /// `[center x, center y, side]` of each prior in input pixels.
    #[must_use]
    pub fn priors(&self) -> &[[f32; 3]] {
        &self.priors
    }

    /// Detections in frame pixels, best first, at most 200.
    ///
    /// `boxes` is `[priors, 4]` (centre offset, log size), `confidences` `[priors, 2]` (background,
    /// face, already normalised), `keypoints` `[priors, 10]`. Numbers that are not finite are passed
    /// over.
    ///
    /// # Panics
    /// When the slices do not hold one row a prior.
    pub fn decode(
        &mut self,
        boxes: &[f32],
        confidences: &[f32],
        keypoints: &[f32],
        frame_from_input: &Affine,
        score_threshold: f32,
        nms_iou: f32,
    ) -> &[Detection] {
        let count = self.priors.len();
        let boxes = boxes.as_chunks::<4>().0;
        let confidences = confidences.as_chunks::<2>().0;
        let keypoints = keypoints.as_chunks::<{ 2 * KEYPOINT_COUNT }>().0;
        assert!(
            boxes.len() == count && confidences.len() == count && keypoints.len() == count,
            "RetinaFace has one row a prior"
        );
        self.candidates.clear();
        let scores = confidences.iter().map(|c| c[1]).zip(0..);
        self.candidates.extend(scores.filter(|&(score, _)| score >= score_threshold));
        keep_best(&mut self.candidates, RETINAFACE_CANDIDATES);

        self.detections.clear();
        for &(score, prior) in &self.candidates {
            let i = prior as usize;
            let detection = decode_prior(self.priors[i], &boxes[i], &keypoints[i], score, frame_from_input);
            if detection.is_finite() && detection.bounds.area() > 0.0 {
                self.detections.push(detection);
            }
        }
        suppress_overlaps(&mut self.detections, nms_iou);
        self.detections.truncate(RETINAFACE_DETECTIONS);
        &self.detections
    }

    /// The detections of the last decoding.
    #[must_use]
    pub fn detections(&self) -> &[Detection] {
        &self.detections
    }
}

fn decode_prior(
    [x, y, side]: [f32; 3],
    &[dx, dy, log_width, log_height]: &[f32; 4],
    keypoints: &[f32; 2 * KEYPOINT_COUNT],
    score: f32,
    frame_from_input: &Affine,
) -> Detection {
    let at = |dx: f32, dy: f32| [x + dx * CENTER_VARIANCE * side, y + dy * CENTER_VARIANCE * side];
    let [center_x, center_y] = at(dx, dy);
    let half_width = 0.5 * side * (log_width * SIZE_VARIANCE).exp();
    let half_height = 0.5 * side * (log_height * SIZE_VARIANCE).exp();
    let [x1, y1] = frame_from_input.apply([center_x - half_width, center_y - half_height]);
    let [x2, y2] = frame_from_input.apply([center_x + half_width, center_y + half_height]);
    let mut points = [[0.0; 2]; KEYPOINT_COUNT];
    for (point, &[dx, dy]) in points.iter_mut().zip(keypoints.as_chunks::<2>().0) {
        *point = frame_from_input.apply(at(dx, dy));
    }
    Detection { bounds: FaceBox { x1, y1, x2, y2 }, keypoints: points, score }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Affine = Affine([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);

    fn outputs(count: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        (vec![0.0; 4 * count], [1.0, 0.0].repeat(count), vec![0.0; 10 * count])
    }

    #[test]
    fn priors_of_the_public_model() {
        assert_eq!(retinaface_prior_count(640, 640), 16800);
        assert_eq!(RetinaFaceDecoder::new(640, 640).priors.len(), 16800);
        // 100 is no multiple of 32: maps of 13, 7 and 4.
        assert_eq!(retinaface_prior_count(100, 100), 2 * (169 + 49 + 16));
    }

    #[test]
    fn one_face_by_hand() {
        let mut decoder = RetinaFaceDecoder::new(64, 64);
        let (mut boxes, mut confidences, mut keypoints) = outputs(decoder.priors.len());
        // Second level (after 2 × 64 priors), row 1, column 2, larger size: centre (40, 24), side 64.
        let i = 128 + 2 * (4 + 2) + 1;
        assert_eq!(decoder.priors[i], [40.0, 24.0, 64.0]);
        confidences[2 * i + 1] = 0.75;
        boxes[4 * i..4 * i + 4].copy_from_slice(&[1.0, -0.5, 0.0, 5.0 * 2f32.ln()]);
        keypoints[10 * i + 2] = -1.25;
        let map = Affine::scale_offset([2.0, 2.0], [0.0, 0.0]);
        let found = decoder.decode(&boxes, &confidences, &keypoints, &map, 0.5, 0.4);
        assert_eq!(found.len(), 1);
        // Centre (46.4, 20.8), 64 wide and 128 high; doubled.
        let FaceBox { x1, y1, x2, y2 } = found[0].bounds;
        for (value, expected) in [(x1, 28.8), (y1, -86.4), (x2, 156.8), (y2, 169.6)] {
            assert!((value - expected).abs() < 1e-3, "{value} {expected}");
        }
        assert_eq!(found[0].keypoints[0], [80.0, 48.0]);
        assert_eq!(found[0].keypoints[1], [64.0, 48.0]);
        assert_eq!(found[0].score, 0.75);
    }

    #[test]
    fn nonsense_is_passed_over() {
        let mut decoder = RetinaFaceDecoder::new(32, 32);
        let (mut boxes, mut confidences, keypoints) = outputs(decoder.priors.len());
        confidences.fill(f32::NAN);
        assert!(decoder.decode(&boxes, &confidences, &keypoints, &IDENTITY, 0.5, 0.4).is_empty());
        confidences.fill(1.0);
        boxes.fill(1e9);
        assert!(decoder.decode(&boxes, &confidences, &keypoints, &IDENTITY, 0.5, 0.4).is_empty());
        boxes.fill(0.0);
        let all = decoder.decode(&boxes, &confidences, &keypoints, &IDENTITY, 0.5, 1.0).len();
        assert_eq!(all, 2 * (16 + 4 + 1));
    }
}
