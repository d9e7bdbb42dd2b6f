//! Sources of frames behind one trait: video files, images, the synthetic camera.
//!
//! [`open`] takes the word a person types (a file, a folder, `synthetic?heads=2`) and gives a
//! [`Source`]. A source fills a [`Frame`] that its caller keeps, so a steady stream allocates nothing.

mod error;
mod images;
mod source;
mod spec;
mod synthetic;
mod video;

pub use error::SourceError;
pub use images::{ASSUMED_RATE_HZ, ImageSource};
pub use mien_face::Frame;
pub use source::{Source, SourceInfo, SourceKind, Step};
pub use spec::{SourceSpec, SyntheticSpec, open};
pub use synthetic::{SyntheticSource, SyntheticTruth};
pub use video::VideoSource;
