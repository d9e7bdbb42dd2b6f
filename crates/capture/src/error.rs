//! Why a source cannot be opened or gives no frame.

use std::path::PathBuf;

use mien_ffmpeg::FfmpegError;

/// A source that cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is nothing under that name.
    #[error("{} does not exist; check the path", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// The system refuses to open or list it.
    #[error("{} cannot be read: {source}; check its permissions", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file has no bytes.
    #[error("{} is empty (0 bytes); check that it was copied completely", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Neither a file nor a folder.
    #[error("{} is neither a file nor a folder; give a video, an image or a folder of images", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// A folder without a single image.
    #[error("{} contains no images; give a folder of JPEG, PNG, WebP, TIFF, BMP, HEIC or other pictures", path.display())]
    NoImages {
        /// The folder.
        path: PathBuf,
    },
    /// An image that cannot be decoded.
    #[error("{} cannot be read as an image ({reason}); check the file, or save it as PNG", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// A video that cannot be read.
    #[error(transparent)]
    Video(#[from] FfmpegError),
    /// A recorded session's file that does not go with the others.
    #[error("{}: {reason}", path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        reason: String,
    },
    /// A camera that cannot be opened, or is gone.
    #[error("camera {camera}: {reason}")]
    Camera {
        /// Its id, or its address without a password.
        camera: String,
        /// What happened, and the remedy.
        reason: String,
    },
    /// A frame of a camera that arrived damaged.
    #[error("camera {camera}: a frame is damaged ({reason})")]
    DamagedFrame {
        /// Its id.
        camera: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A word that names no source.
    #[error("`{spec}`: {reason}")]
    Spec {
        /// What was asked for.
        spec: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
}

impl SourceError {
    /// Whether the source can go on with its next picture: one bad image does not end a folder.
    #[must_use]
    pub fn is_recoverable(&self) -> bool {
        matches!(
            self,
            Self::Image { .. } | Self::Empty { .. } | Self::Unreadable { .. } | Self::DamagedFrame { .. }
        )
    }
}
