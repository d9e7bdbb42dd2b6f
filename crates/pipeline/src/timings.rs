//! Where the time of a frame went.

use std::time::Instant;

/// Nanoseconds that the stages of the last frame took; a stage that did not run took 0. Stages on a GPU
/// give the GPU's time, so they do not add up to the total, which is the host's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimings {
    /// Copies between the host and a GPU, both ways; 0 on the CPU.
    pub transfer_nanos: u64,
    /// Letterboxing and normalising the frame for the detector.
    pub preprocess_nanos: u64,
    /// The detector network.
    pub detect_nanos: u64,
    /// Decoding its output: boxes, non-maximum suppression, association with tracks.
    pub decode_nanos: u64,
    /// Cutting the faces' regions out of the frame.
    pub crop_nanos: u64,
    /// The landmark network, and taking its landmarks back into the frame.
    pub landmarks_nanos: u64,
    /// The blendshape network.
    pub blendshapes_nanos: u64,
    /// Identities, head poses and the temporal filter.
    pub pose_nanos: u64,
    /// The whole frame.
    pub total_nanos: u64,
}

impl StageTimings {
    /// What the stages are called in tables and on screens, in the order of [`StageTimings::stages`].
    pub const NAMES: [&str; 8] = [
        "transfer",
        "preprocess",
        "detector",
        "decode + NMS",
        "crop",
        "landmarks",
        "blendshapes",
        "pose, identity",
    ];

    /// Those of them that look for faces in the whole frame.
    pub const DETECTION: [&str; 3] = ["preprocess", "detector", "decode + NMS"];

    /// Nanoseconds by stage, without the total.
    #[must_use]
    pub fn stages(&self) -> [u64; 8] {
        [
            self.transfer_nanos,
            self.preprocess_nanos,
            self.detect_nanos,
            self.decode_nanos,
            self.crop_nanos,
            self.landmarks_nanos,
            self.blendshapes_nanos,
            self.pose_nanos,
        ]
    }
}

/// Runs `work` and adds its duration to `nanos`.
pub(crate) fn timed<T>(nanos: &mut u64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *nanos += start.elapsed().as_nanos() as u64;
    result
}
