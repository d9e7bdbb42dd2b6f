//! BlazeFace's outputs as detections.

use mien_face::{FaceBox, KEYPOINT_COUNT};

use crate::detection::keep_best;
use crate::{Affine, Detection};

/// Number of priors of MediaPipe's short-range BlazeFace.
pub const BLAZEFACE_PRIORS: usize = 896;
/// Numbers a prior: centre, size, six key points.
const ROW: usize = 16;
/// Side of the input in pixels; offsets are in input pixels.
const INPUT_SIZE: usize = 128;
/// Stride in input pixels and priors at each place of the two feature maps.
const LEVELS: [(usize, usize); 2] = [(8, 2), (16, 6)];
/// Which of BlazeFace's key points (right eye, left eye, nose tip, middle of the mouth, ears) stand
/// for ours. It knows no corners of the mouth.
const KEYPOINTS: [usize; KEYPOINT_COUNT] = [0, 1, 2, 3, 3];

/// Turns the outputs of MediaPipe's short-range BlazeFace (128 × 128) into detections, without
/// allocating: for comparisons with MediaPipe on its own detector.
///
/// Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (2019).
#[derive(Debug)]
pub struct BlazeFaceDecoder {
    centers: Vec<[f32; 2]>,
    candidates: Vec<(f32, u32)>,
    cluster: Vec<Detection>,
    detections: Vec<Detection>,
}

impl Default for BlazeFaceDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl BlazeFaceDecoder {
    /// Lays out the priors.
    #[must_use]
    pub fn new() -> Self {
        let mut centers = Vec::with_capacity(BLAZEFACE_PRIORS);
        for (stride, per_place) in LEVELS {
            let side = INPUT_SIZE / stride;
            for place in 0..side * side {
                let center = [place % side, place / side].map(|i| (i as f32 + 0.5) * stride as f32);
                centers.extend(std::iter::repeat_n(center, per_place));
            }
        }
        Self {
            centers,
            candidates: Vec::with_capacity(BLAZEFACE_PRIORS),
            cluster: Vec::with_capacity(BLAZEFACE_PRIORS),
            detections: Vec::with_capacity(BLAZEFACE_PRIORS),
        }
    }

    /// Detections in frame pixels, best first.
    ///
    /// `regressors` is `[896, 16]`, `logits` `[896]`. As in MediaPipe, detections that overlap the
    /// best one more than `nms_iou` are averaged with it, weighted by their scores.
    ///
    /// # Panics
    /// When the slices do not hold one row a prior.
    pub fn decode(
        &mut self,
        regressors: &[f32],
        logits: &[f32],
        frame_from_input: &Affine,
        score_threshold: f32,
        nms_iou: f32,
    ) -> &[Detection] {
        let rows = regressors.as_chunks::<ROW>().0;
        assert!(
            rows.len() == BLAZEFACE_PRIORS && logits.len() == BLAZEFACE_PRIORS,
            "BlazeFace has one row a prior"
        );
        self.candidates.clear();
        let scores = logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).zip(0..);
        self.candidates.extend(scores.filter(|&(score, _)| score >= score_threshold));
        keep_best(&mut self.candidates, BLAZEFACE_PRIORS);

        self.cluster.clear();
        for &(score, prior) in &self.candidates {
            let detection = decode_prior(self.centers[prior as usize], &rows[prior as usize], score);
            if detection.is_finite() {
                self.cluster.push(detection);
            }
        }
        self.detections.clear();
        while let Some(&best) = self.cluster.first() {
            let mut sum = WeightedMean::default();
            self.cluster.retain(|candidate| {
                let same = candidate.bounds.iou(&best.bounds) > nms_iou || candidate == &best;
                if same {
                    sum.add(candidate);
                }
                !same
            });
            self.detections.push(sum.finish(best.score, frame_from_input));
        }
        &self.detections
    }

    /// The detections of the last decoding.
    #[must_use]
    pub fn detections(&self) -> &[Detection] {
        &self.detections
    }
}

/// A detection in input pixels.
fn decode_prior(center: [f32; 2], row: &[f32; ROW], score: f32) -> Detection {
    let [x, y] = [center[0] + row[0], center[1] + row[1]];
    let (half_width, half_height) = (0.5 * row[2], 0.5 * row[3]);
    let keypoints = KEYPOINTS.map(|point| [center[0] + row[4 + 2 * point], center[1] + row[5 + 2 * point]]);
    let bounds = FaceBox { x1: x - half_width, y1: y - half_height, x2: x + half_width, y2: y + half_height };
    Detection { bounds, keypoints, score }
}

#[derive(Default)]
struct WeightedMean {
    weight: f32,
    corners: [[f32; 2]; 2],
    keypoints: [[f32; 2]; KEYPOINT_COUNT],
}

impl WeightedMean {
    fn add(&mut self, detection: &Detection) {
        let FaceBox { x1, y1, x2, y2 } = detection.bounds;
        let points = [[x1, y1], [x2, y2]].into_iter().chain(detection.keypoints);
        self.weight += detection.score;
        for (sum, point) in self.corners.iter_mut().chain(&mut self.keypoints).zip(points) {
            sum[0] += detection.score * point[0];
            sum[1] += detection.score * point[1];
        }
    }

    fn finish(self, score: f32, frame_from_input: &Affine) -> Detection {
        let mean = |[x, y]: [f32; 2]| frame_from_input.apply([x / self.weight, y / self.weight]);
        let [[x1, y1], [x2, y2]] = self.corners.map(mean);
        Detection { bounds: FaceBox { x1, y1, x2, y2 }, keypoints: self.keypoints.map(mean), score }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_detections_are_averaged() {
        let mut decoder = BlazeFaceDecoder::new();
        assert_eq!(decoder.centers.len(), BLAZEFACE_PRIORS);
        let mut regressors = vec![0.0; BLAZEFACE_PRIORS * ROW];
        let mut logits = vec![-100.0; BLAZEFACE_PRIORS];
        // Two priors of one place, (60, 60): place row 7, column 7 of 16.
        let first = 2 * (7 * 16 + 7);
        assert_eq!(decoder.centers[first], [60.0, 60.0]);
        for (prior, size, logit) in [(first, 40.0, 0.0), (first + 1, 50.0, 3f32.ln())] {
            regressors[prior * ROW + 2..prior * ROW + 4].fill(size);
            logits[prior] = logit;
        }
        let map = Affine::scale_offset([2.0, 2.0], [0.0, -10.0]);
        let found = decoder.decode(&regressors, &logits, &map, 0.4, 0.3);
        // Weights 0.5 and 0.75: side 46 around (60, 60), doubled and moved up.
        assert_eq!(found.len(), 1);
        let FaceBox { x1, y1, x2, y2 } = found[0].bounds;
        for (value, expected) in [(x1, 74.0), (y1, 64.0), (x2, 166.0), (y2, 156.0)] {
            assert!((value - expected).abs() < 1e-3, "{value} {expected}");
        }
        assert!((found[0].score - 0.75).abs() < 1e-6);
        assert!(decoder.decode(&regressors, &logits, &map, 0.8, 0.3).is_empty());
    }
}
