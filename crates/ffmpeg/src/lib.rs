//! Video files through the `ffmpeg` program: pictures with their true times in and out.
//!
//! ffmpeg runs as a child process, so a codec that crashes takes no camera with it, nothing has to be
//! linked, and any format that the machine's ffmpeg knows will do. [`Decoder`] reads raw pictures from
//! it in the NUT container, [`Encoder`] hands it raw pictures in Matroska: both carry a time per
//! picture, so variable frame rates survive.
//!
//! Children live in a process group of their own (a Ctrl-C on the terminal reaches only Mien, which
//! then closes its files in order) and are ended and reaped when their owner is dropped.

mod arguments;
mod damage;
mod decode;
mod encode;
mod error;
mod hardware;
mod limits;
mod log;
mod matroska;
mod nut;
mod patience;
mod pictures;
mod probe;
mod process;
mod release;
mod streams;
mod times;

pub use decode::{DamageReport, DecodeOptions, Decoder};
pub use encode::{Codec, Encoder, EncoderSettings};
pub use error::FfmpegError;
pub use hardware::{HardwareEncoder, hardware_encoder};
pub use nut::NutError;
pub use pictures::{Colours, DecodedPicture, PictureInput, decode_pictures};
pub use probe::{SQUARE_PIXELS, VideoInfo};
pub use process::file_url;
pub use release::passthrough;
pub use times::{MendedTimes, TimeGap};
