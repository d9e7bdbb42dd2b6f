//! What a detector found.

use mien_face::{FaceBox, KEYPOINT_COUNT};

/// One detected face, in frame pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// The detector's box.
    pub bounds: FaceBox,
    /// Right eye, left eye, nose tip, right and left corner of the mouth.
    pub keypoints: [[f32; 2]; KEYPOINT_COUNT],
    /// Confidence 0–1.
    pub score: f32,
}

impl Detection {
    pub(crate) fn is_finite(&self) -> bool {
        let FaceBox { x1, y1, x2, y2 } = self.bounds;
        [x1, y1, x2, y2, self.score].iter().chain(self.keypoints.as_flattened()).all(|v| v.is_finite())
    }
}

/// Greedy non-maximum suppression: of two detections with an intersection over union above `max_iou`
/// the one further back goes. Best detections first; the order stays.
pub fn suppress_overlaps(detections: &mut Vec<Detection>, max_iou: f32) {
    let mut kept = 0;
    for candidate in 0..detections.len() {
        let bounds = detections[candidate].bounds;
        if detections[..kept].iter().all(|better| better.bounds.iou(&bounds) <= max_iou) {
            detections.swap(kept, candidate);
            kept += 1;
        }
    }
    detections.truncate(kept);
}

/// Keeps the best `most` of the candidates `(score, prior)`, best first. Ties keep the lower prior.
pub(crate) fn keep_best(candidates: &mut Vec<(f32, u32)>, most: usize) {
    let better = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if candidates.len() > most {
        candidates.select_nth_unstable_by(most, better);
        candidates.truncate(most);
    }
    candidates.sort_unstable_by(better);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(x: f32, score: f32) -> Detection {
        let bounds = FaceBox { x1: x, y1: 0.0, x2: x + 10.0, y2: 10.0 };
        Detection { bounds, keypoints: [[x; 2]; KEYPOINT_COUNT], score }
    }

    #[test]
    fn overlapping_weaker_ones_go() {
        let mut detections =
            vec![detection(0.0, 0.9), detection(2.0, 0.8), detection(6.0, 0.7), detection(30.0, 0.6)];
        // IoU 0.67 with the first goes; 0.25 stays.
        suppress_overlaps(&mut detections, 0.4);
        assert_eq!(detections, [detection(0.0, 0.9), detection(6.0, 0.7), detection(30.0, 0.6)]);
    }

    #[test]
    fn the_best_come_first() {
        let mut candidates = vec![(0.1, 0), (0.9, 1), (0.5, 2), (0.9, 3), (0.7, 4)];
        keep_best(&mut candidates, 3);
        assert_eq!(candidates, [(0.9, 1), (0.9, 3), (0.7, 4)]);
    }
}
