//! What may be a face, for whoever hides faces.

use mien_face::FaceBox;
use mien_geometry::{Detection, RETINAFACE_DETECTIONS};

/// What the detector believes in at least this much (0–1) may be a face.
pub const POSSIBLE_FACE_SCORE: f32 = 0.05;
/// Of two detections that overlap more than this (intersection over union), the weaker one is the same face.
pub(crate) const POSSIBLE_FACE_IOU: f32 = 0.4;

/// Everything in a frame that may be a face.
#[derive(Debug, Default)]
pub(crate) struct PossibleFaces {
    /// Whether the detector was asked.
    looked: bool,
    boxes: Vec<FaceBox>,
}

impl PossibleFaces {
    /// Starts a frame.
    pub(crate) fn clear(&mut self) {
        self.looked = false;
        self.boxes.clear();
    }

    /// Takes what the detector found in a frame of this size in pixels.
    pub(crate) fn note(&mut self, detections: &[Detection], [width, height]: [u32; 2]) {
        self.clear();
        self.looked = true;
        if detections.len() >= RETINAFACE_DETECTIONS {
            // There may be more of them than the detector's output has room for, anywhere.
            self.boxes.push(FaceBox { x1: 0.0, y1: 0.0, x2: width as f32, y2: height as f32 });
        } else {
            self.boxes.extend(detections.iter().map(|detection| detection.bounds));
        }
    }

    /// The boxes in frame pixels; `None` where nobody looked.
    pub(crate) fn boxes(&self) -> Option<&[FaceBox]> {
        self.looked.then_some(&self.boxes)
    }
}

#[cfg(test)]
mod tests {
    use mien_face::KEYPOINT_COUNT;

    use super::*;

    #[test]
    fn more_than_can_be_counted_is_the_whole_frame() {
        let bounds = FaceBox { x1: 1.0, y1: 2.0, x2: 3.0, y2: 4.0 };
        let one = Detection { bounds, keypoints: [[0.0; 2]; KEYPOINT_COUNT], score: 0.2 };
        let mut possible = PossibleFaces::default();
        assert_eq!(possible.boxes(), None);
        possible.note(&vec![one; RETINAFACE_DETECTIONS - 1], [64, 48]);
        assert_eq!(possible.boxes().map(<[_]>::len), Some(RETINAFACE_DETECTIONS - 1));
        possible.note(&vec![one; RETINAFACE_DETECTIONS], [64, 48]);
        assert_eq!(possible.boxes(), Some(&[FaceBox { x1: 0.0, y1: 0.0, x2: 64.0, y2: 48.0 }][..]));
        possible.note(&[], [64, 48]);
        assert_eq!(possible.boxes(), Some(&[][..]), "nobody was found");
        possible.clear();
        assert_eq!(possible.boxes(), None);
    }
}
