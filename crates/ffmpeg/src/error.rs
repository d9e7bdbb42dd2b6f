//! What can go wrong with ffmpeg and the files it reads.

use std::path::PathBuf;

use crate::NutError;

/// A video that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FfmpegError {
    /// The program is not installed.
    #[error("{}: this file needs the program `{program}`, which is not installed; {remedy}", path.display())]
    Missing {
        /// The video.
        path: PathBuf,
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
        /// How to install it.
        remedy: &'static str,
    },
    /// The program is there but does not start.
    #[error("{}: cannot start `{program}`: {source}", path.display())]
    Start {
        /// The video.
        path: PathBuf,
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no video, or damaged beyond reading.
    #[error("{} cannot be read as a video ({reason}); check the file, or convert it with ffmpeg", path.display())]
    Unreadable {
        /// The video.
        path: PathBuf,
        /// ffmpeg's own last words.
        reason: String,
    },
    /// A still picture that ffmpeg cannot decode.
    #[error("{} cannot be read as a picture ({reason}); check the file, or save it as PNG", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// ffmpeg's own last words.
        reason: String,
    },
    /// The file holds sound or subtitles, but no moving picture.
    #[error("{} holds no video stream; give a video, an image or a folder of images", path.display())]
    NoVideo {
        /// The file.
        path: PathBuf,
    },
    /// The file has no such video stream.
    #[error("{} has no video stream number {asked}; give --stream one of these: {there}", path.display())]
    NoSuchStream {
        /// The file.
        path: PathBuf,
        /// The number that was asked for.
        asked: u32,
        /// The video streams that there are.
        there: String,
    },
    /// Pictures of the video are missing; every other one was delivered.
    #[error(
        "{} is damaged: {frames} frames could be read, others are missing (ffmpeg said: {reason}); \
         copy the file once more if you can",
        path.display()
    )]
    Damaged {
        /// The video.
        path: PathBuf,
        /// Frames that were delivered.
        frames: u64,
        /// ffmpeg's own last words.
        reason: String,
    },
    /// The stream between ffmpeg and Mien makes no sense.
    #[error("{}: cannot follow what ffmpeg sends: {source}; try another version of ffmpeg", path.display())]
    Stream {
        /// The video.
        path: PathBuf,
        /// What is wrong.
        source: NutError,
    },
    /// The video cannot be written.
    #[error("cannot write the video {}: {reason}; check free space and permissions, and that this ffmpeg has libx264", path.display())]
    Write {
        /// The video.
        path: PathBuf,
        /// ffmpeg's own last words, or the system's.
        reason: String,
    },
}

/// How to install ffmpeg here.
pub(crate) fn install_hint() -> &'static str {
    if cfg!(target_os = "macos") {
        "install it with `brew install ffmpeg`"
    } else if cfg!(target_os = "windows") {
        "install it with `winget install ffmpeg`"
    } else {
        "install it with `sudo apt-get install ffmpeg` (Debian, Ubuntu), `sudo dnf install ffmpeg` (Fedora) \
         or `sudo pacman -S ffmpeg` (Arch)"
    }
}
