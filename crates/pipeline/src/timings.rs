//! Where the time of a frame went.

use std::time::Instant;

/// Nanoseconds that the stages of the last frame took; a stage that did not run took 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimings {
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

/// Runs `work` and adds its duration to `nanos`.
pub(crate) fn timed<T>(nanos: &mut u64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *nanos += start.elapsed().as_nanos() as u64;
    result
}
