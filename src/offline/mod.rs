//! Tracks one recorded or synthetic source from its first frame to its last.
//!
//! Three threads overlap: the [`Reader`]'s decodes, the caller's runs the pipeline and writes rows, the
//! [`AnnotatedOutput`]'s draws and encodes. They are joined by bounded channels, so the slowest sets the
//! pace and no frame is lost; frames go round between them and are not allocated anew.

mod annotated;
mod file_names;
mod job;
mod reader;
mod session;
mod statistics;

pub use annotated::AnnotatedOutput;
pub use file_names::unique_name;
pub use job::{Damage, Job, Report};
pub use reader::{Event, Reader};
pub use session::{RecordedSource, RecordedVideo, recorded_videos};
pub use statistics::Statistics;
