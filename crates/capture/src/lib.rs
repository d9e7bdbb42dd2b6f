//! Sources of frames behind one trait: video files, images, the synthetic camera, live cameras.
//!
//! [`open`] takes the word a person types (a file, a folder, `synthetic?heads=2`) and gives a
//! [`Source`] that gives its frames as fast as they are taken; [`open_live`] opens the same words, and
//! cameras, as sources that keep real time. A source fills a [`Frame`] that its caller keeps, so a steady stream allocates nothing.

mod budget;
mod controls;
mod error;
mod heif;
mod images;
mod live;
mod network;
mod rotated;
mod source;
mod spec;
mod still;
mod stream_input;
mod synthetic;
mod usb;
mod v4l2;
mod video;

pub use controls::{CameraControl, ControlValues, controls, set_control};
pub use error::SourceError;
pub use images::{ASSUMED_RATE_HZ, ImageSource};
pub use live::{LiveOptions, WireFormat, open_live};
pub use mien_address::SourceAddress;
pub use mien_face::{Frame, PixelFormat, Rotation};
pub use mien_ffmpeg::DecodeOptions as VideoOptions;
pub use rotated::{RotatedSource, rotated};
pub use source::{Source, SourceInfo, SourceKind, Step};
pub use spec::{SourceSpec, SyntheticSpec, open};
pub use synthetic::{SyntheticSource, SyntheticTruth};
pub use usb::{CameraDevice, CameraMode, list_cameras};
pub use video::VideoSource;
