//! What a worker is told, and tells, about the video that it records.

use std::path::PathBuf;

use mien_config::{PrivacyKind, VideoKind};
use serde::{Deserialize, Serialize};

/// Where and how a camera's video is to be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoPlan {
    /// The session's folder.
    #[serde(with = "mien_config::paths")]
    pub folder: PathBuf,
    /// Name of the camera: the video is `NAME.mkv`.
    pub camera: String,
    /// How it is encoded.
    pub kind: VideoKind,
    /// Whether a hardware encoder is used where one works.
    pub hardware: bool,
    /// How faces appear.
    pub privacy: PrivacyKind,
    /// Nominal frames per second.
    pub rate_hz: f64,
    /// Vertical field of view that the poses were computed with, in degrees.
    pub vertical_fov_deg: f32,
}

/// How a video recording stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VideoStatus {
    /// The file being written; `None` before the first frame.
    #[serde(default, with = "mien_config::paths::optional")]
    pub file: Option<PathBuf>,
    /// The encoder, as ffmpeg calls it.
    pub encoder: String,
    /// Process id of the encoder.
    pub encoder_process: Option<u32>,
    /// Frames handed to the encoder, over all parts.
    pub frames: u64,
    /// Frames dropped because the encoder did not keep up.
    pub dropped_frames: u64,
    /// Files begun.
    pub parts: u32,
    /// The last thing that went wrong.
    pub problem: Option<String>,
    /// Whether it was given up: no more video will come.
    pub failed: bool,
    /// Whether the recording has ended and its file is closed.
    pub finished: bool,
}
