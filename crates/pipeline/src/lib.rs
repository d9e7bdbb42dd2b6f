//! From a frame to tracked faces: detection, landmarks, blendshapes, head pose.
//!
//! A [`Pipeline`] takes the frames of one camera or file in order. Every few frames, and at once when a
//! face is lost, the detector looks at the whole frame; in between, each face's region follows its own
//! landmarks. Networks that Mien can do without ([`FACE_NETWORKS`]) read the faces last. All buffers are made at the
//! start (and when the frame's size grows): in steady state this crate allocates nothing.

mod cpu;
mod derived;
mod detector;
mod error;
mod landmarks;
mod pipeline;
mod plan;
mod possible;
mod settings;
mod slot;
mod smoothing;
mod stages;
mod tensors;
mod timings;

pub use derived::{Derived, FACE_NETWORKS, FaceInput, FaceNetwork};
pub use error::PipelineError;
pub use mien_tracking::OneEuroParameters;
pub use pipeline::Pipeline;
pub use possible::POSSIBLE_FACE_SCORE;
pub use settings::{PipelineSettings, RegionSource};
pub use stages::{Reading, Readings, Stages};
pub use tensors::PipelineEngines;
pub use timings::StageTimings;
