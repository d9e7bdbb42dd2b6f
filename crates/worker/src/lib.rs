//! One camera's process: capture, pipeline, rings.
//!
//! ```text
//! capture thread ──Frame──▶ newest-wins slot ──▶ pipeline thread ──▶ faces ring, preview ring
//! heartbeat thread ──▶ header of the faces ring      control: commands in, reports out
//! ```
//! Capture never waits for the pipeline: a frame that was not taken is replaced by the next and counted.
//! A source that fails is opened again, with growing pauses, inside the worker; only what a fresh process
//! can mend (an engine that fails) ends the process.
//!
//! The process ends when it is told to, when its input closes, when it gets SIGTERM, and when its parent
//! dies. [`run`] is the whole worker; what it captures and tracks with is given to it by [`Parts`].

mod capture;
mod handover;
mod jpeg;
mod lifecycle;
mod report;
mod session;
mod track;
mod video;

pub use handover::Handover;
pub use lifecycle::{WorkerError, die_with_parent, run};
pub use session::{Parts, Tell};
pub use track::{Made, Tracker, TrackerError, pipeline_settings};
