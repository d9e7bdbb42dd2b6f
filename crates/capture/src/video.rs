//! A video file as a source.

use std::collections::VecDeque;
use std::path::Path;

use mien_face::Frame;
use mien_ffmpeg::Decoder;

use crate::{Source, SourceError, SourceInfo, SourceKind, Step, VideoOptions};

/// Most changes of the frames' size that are told one by one.
const MOST_CHANGES_TOLD: u32 = 5;

/// The frames of a video file, decoded by the `ffmpeg` program. Each has its own size.
pub struct VideoSource {
    info: SourceInfo,
    decoder: Decoder,
    last_size: (u32, u32),
    changes: u32,
    told: Told,
    notices: VecDeque<String>,
}

/// What was told of a video already.
#[derive(Default)]
struct Told {
    times: bool,
    gap: bool,
    damage: bool,
}

impl VideoSource {
    /// Opens a video stream of the file.
    ///
    /// # Errors
    /// When ffmpeg is missing, the file is no readable video, or has no such stream.
    pub fn open(path: &Path, options: &VideoOptions) -> Result<Self, SourceError> {
        let decoder = Decoder::open_with(path, options)?;
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
        let mut notices: VecDeque<String> = video.choice.clone().into_iter().collect();
        if decoder.ignores_edit_list() {
            notices.push_back("its edit list leaves out every picture; all of them are read".to_owned());
        }
        let told = Told::default();
        Ok(Self { last_size: info.size, info, decoder, changes: 0, told, notices })
    }

    /// Notes what the last frame is the first to show.
    fn look_at(&mut self, frame: &Frame) {
        let index = frame.frame_index;
        let (size, last) = ((frame.width, frame.height), self.last_size);
        if size != last {
            self.changes += 1;
            self.last_size = size;
            let rest = if self.changes == MOST_CHANGES_TOLD { "; further changes are not told" } else { "" };
            if self.changes <= MOST_CHANGES_TOLD {
                self.notices.push_back(format!(
                    "from frame {index} on its frames measure {}×{} instead of {}×{} pixels; results are in \
                     pixels of each frame{rest}",
                    size.0, size.1, last.0, last.1
                ));
            }
        }
        if let Some(mended) = self.decoder.mended_times().filter(|_| !self.told.times) {
            self.told.times = true;
            self.notices.push_back(mended.to_string());
        }
        if let Some(gap) = self.decoder.time_gap().filter(|_| !self.told.gap) {
            self.told.gap = true;
            self.notices.push_back(gap.to_string());
        }
        if let Some(damage) = self.decoder.damage().filter(|_| !self.told.damage) {
            self.told.damage = true;
            self.notices.push_back(format!(
                "it is damaged: frame {} and perhaps later ones are not as they were taken (ffmpeg said: {})",
                damage.first_frame, damage.reason
            ));
        }
    }
}

impl Source for VideoSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
        if !self.decoder.next_frame(frame)? {
            return Ok(Step::End);
        }
        self.look_at(frame);
        Ok(Step::Frame)
    }

    fn notice(&mut self) -> Option<String> {
        self.notices.pop_front().map(|notice| format!("{}: {notice}", self.info.spec))
    }
}
