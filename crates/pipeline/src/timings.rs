//! Where the time of a frame went.

use std::time::Instant;

use mien_engine::Role;

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
    /// The optional networks, in the order of [`Role::OPTIONAL`].
    pub optional_nanos: [u64; Role::OPTIONAL.len()],
    /// Identities, head poses and the temporal filter.
    pub pose_nanos: u64,
    /// The whole frame.
    pub total_nanos: u64,
}

impl StageTimings {
    /// What the stages are called in tables and on screens, in the order of [`StageTimings::stages`].
    pub const NAMES: [&str; FIRST.len() + Role::OPTIONAL.len() + 1] = {
        let mut names = ["pose, identity"; FIRST.len() + Role::OPTIONAL.len() + 1];
        let mut index = 0;
        while index < names.len() - 1 {
            names[index] = match index < FIRST.len() {
                true => FIRST[index],
                false => Role::OPTIONAL[index - FIRST.len()].contract().name,
            };
            index += 1;
        }
        names
    };

    /// Those of them that look for faces in the whole frame.
    pub const DETECTION: [&str; 3] = ["preprocess", "detector", "decode + NMS"];

    /// Nanoseconds by stage, without the total.
    #[must_use]
    pub fn stages(&self) -> [u64; Self::NAMES.len()] {
        let mut nanos = [self.pose_nanos; Self::NAMES.len()];
        let first = [
            self.transfer_nanos,
            self.preprocess_nanos,
            self.detect_nanos,
            self.decode_nanos,
            self.crop_nanos,
            self.landmarks_nanos,
        ];
        nanos[..FIRST.len()].copy_from_slice(&first);
        nanos[FIRST.len()..][..Role::OPTIONAL.len()].copy_from_slice(&self.optional_nanos);
        nanos
    }

    /// Nanoseconds of an optional network.
    ///
    /// # Panics
    /// For a role that must be there.
    pub fn optional_mut(&mut self, role: Role) -> &mut u64 {
        let index = Role::OPTIONAL.into_iter().position(|optional| optional == role);
        &mut self.optional_nanos[index.expect("the role is optional")]
    }
}

/// What the stages before the optional networks are called.
const FIRST: [&str; 6] = ["transfer", "preprocess", "detector", "decode + NMS", "crop", "landmarks"];

/// Runs `work` and adds its duration to `nanos`.
pub(crate) fn timed<T>(nanos: &mut u64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *nanos += start.elapsed().as_nanos() as u64;
    result
}
