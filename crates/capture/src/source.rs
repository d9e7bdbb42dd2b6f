//! What every source can do.

use std::path::PathBuf;

use mien_face::Frame;

use crate::SourceError;

/// A stream of frames.
pub trait Source: Send {
    /// What is known before the first frame.
    fn info(&self) -> &SourceInfo;

    /// Fills `frame` with the next picture, its number and its time, keeping the frame's buffer.
    ///
    /// `capture_nanos` counts from the start of a recording ([`SourceInfo::live`] is false), and is on
    /// the monotonic clock for a live source.
    ///
    /// # Errors
    /// When there is no next picture because something failed. Where
    /// [`SourceError::is_recoverable`], the next call goes on with the picture after it.
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError>;

    /// What a person should know of what was opened and read so far, each thing once; nothing when all is
    /// as usual. To be asked after each frame.
    fn notice(&mut self) -> Option<String> {
        None
    }

    /// Whether frames that the source gets as JPEG files are to be left so from now on, because whoever
    /// takes them decodes them elsewhere; decoded until this is said. Sources that get none ignore it.
    fn keep_jpeg(&mut self, keep: bool) {
        let _ = keep;
    }
}

/// What a call of [`Source::next_frame`] brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The frame was filled.
    Frame,
    /// The source has ended; the frame is as it was.
    End,
}

/// What kind of source it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceKind {
    /// A video file.
    Video,
    /// One image, or a folder of them.
    Images,
    /// The synthetic camera.
    Synthetic,
    /// A camera at this machine.
    Usb,
    /// A camera or stream in the network.
    Network,
}

/// What a source says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceInfo {
    /// Short name that can serve as a file name: the file's without its ending, `synthetic`.
    pub name: String,
    /// What was opened, as a person would write it.
    pub spec: String,
    /// What kind of source it is.
    pub kind: SourceKind,
    /// Width and height in pixels of the first frame (images may differ from one another).
    pub size: (u32, u32),
    /// Width to height of the pixels in a video file, where it says so. Frames have square pixels
    /// whatever this is.
    pub pixel_aspect: Option<(u32, u32)>,
    /// Nominal frames per second; `None` when unknown.
    pub rate_hz: Option<f64>,
    /// Frames that are to be expected; `None` when unknown or endless. Videos often only estimate it.
    pub frame_count: Option<u64>,
    /// Files of the frames, by frame number; empty unless each frame is a file.
    pub files: Vec<PathBuf>,
    /// Whether frames come in real time and are lost when nobody takes them.
    pub live: bool,
}
