//! A video file as a source.

use std::path::Path;

use mien_face::Frame;
use mien_ffmpeg::Decoder;

use crate::{Source, SourceError, SourceInfo, SourceKind, Step};

/// The frames of a video file, decoded by the `ffmpeg` program.
pub struct VideoSource {
    info: SourceInfo,
    decoder: Decoder,
    told_of_times: bool,
    told_of_edit_list: bool,
}

impl VideoSource {
    /// Opens the first video stream of the file.
    ///
    /// # Errors
    /// When ffmpeg is missing, or the file is no readable video.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let decoder = Decoder::open(path)?;
        let video = decoder.info();
        let info = SourceInfo {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            spec: path.display().to_string(),
            kind: SourceKind::Video,
            size: (video.width, video.height),
            pixel_aspect: video.pixel_aspect,
            rate_hz: video.rate_hz,
            frame_count: video.frame_count,
            files: Vec::new(),
            live: false,
        };
        Ok(Self { info, decoder, told_of_times: false, told_of_edit_list: false })
    }
}

impl Source for VideoSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
        Ok(if self.decoder.next_frame(frame)? { Step::Frame } else { Step::End })
    }

    fn notice(&mut self) -> Option<String> {
        let file = &self.info.spec;
        if let Some(mended) = self.decoder.mended_times().filter(|_| !self.told_of_times) {
            self.told_of_times = true;
            return Some(format!("{file}: {mended}"));
        }
        if self.decoder.ignores_edit_list() && !self.told_of_edit_list {
            self.told_of_edit_list = true;
            return Some(format!("{file}: its edit list leaves out every picture; all of them are read"));
        }
        None
    }
}
