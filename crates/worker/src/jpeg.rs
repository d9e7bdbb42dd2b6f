//! Who decodes frames that come as JPEG files: capture on the CPU, or the tracker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// So many JPEG files in a row that the tracker cannot read, and they are decoded on the CPU.
const MOST_REFUSED: u32 = 10;

/// Tells the capture thread what the tracker wants.
pub(crate) struct JpegFrames {
    keep: Arc<AtomicBool>,
    refused: u32,
}

impl JpegFrames {
    /// `keep` is what the capture thread reads.
    pub fn new(keep: Arc<AtomicBool>) -> Self {
        Self { keep, refused: 0 }
    }

    /// Whether a tracker takes JPEG files, and whether somebody else needs the pixels.
    pub fn decide(&self, tracker_takes_them: bool, pixels_are_needed: bool) {
        let keep = tracker_takes_them && !pixels_are_needed && self.refused < MOST_REFUSED;
        self.keep.store(keep, Ordering::Relaxed);
    }

    /// The tracker has read a JPEG file.
    pub fn read(&mut self) {
        if self.refused < MOST_REFUSED {
            self.refused = 0;
        }
    }

    /// The tracker could not read one. A camera whose files it never reads is decoded on the CPU for good.
    pub fn refused(&mut self, reason: &str) {
        self.refused += 1;
        if self.refused == MOST_REFUSED {
            tracing::warn!("the camera's JPEG files are decoded on the CPU from now on: {reason}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_whose_files_cannot_be_read_elsewhere_is_decoded_here() {
        let keep = Arc::new(AtomicBool::new(false));
        let kept = || keep.load(Ordering::Relaxed);
        let mut jpeg = JpegFrames::new(Arc::clone(&keep));
        jpeg.decide(true, false);
        assert!(kept());
        jpeg.decide(true, true);
        assert!(!kept(), "a recording needs pixels");
        jpeg.decide(false, false);
        assert!(!kept());
        for _ in 1..MOST_REFUSED {
            jpeg.refused("damaged");
        }
        jpeg.read();
        jpeg.decide(true, false);
        assert!(kept(), "some damaged files are no reason");
        for _ in 0..MOST_REFUSED {
            jpeg.refused("of an odd kind");
        }
        jpeg.read();
        jpeg.decide(true, false);
        assert!(!kept());
    }
}
