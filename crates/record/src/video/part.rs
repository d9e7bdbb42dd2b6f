//! One video file with its sidecar.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mien_face::PixelFormat;
use mien_ffmpeg::{Codec, Encoder, EncoderSettings};
use mien_folder::Folder;

use super::files::{part_path, sidecar_path};
use super::sidecar::Sidecar;
use crate::RecordError;

/// How often a video goes to the disk.
const SYNC_INTERVAL: Duration = Duration::from_millis(500);

/// A video being written.
pub(super) struct Part {
    path: PathBuf,
    encoder: Encoder,
    sidecar: Sidecar,
    settings: EncoderSettings,
    first_nanos: Option<i64>,
    next_sync: Instant,
}

impl Part {
    /// Begins `CAMERA.mkv` in `folder`, or the next part where that exists.
    pub fn create(folder: &Path, camera: &str, settings: EncoderSettings) -> Result<Self, RecordError> {
        let mut number = 1;
        let (path, sidecar) = loop {
            let path = part_path(folder, camera, number);
            let sidecar_path = sidecar_path(&path);
            // The sidecar claims the name for both.
            match Sidecar::create(&sidecar_path) {
                Ok(sidecar) if is_new(&path)? => break (path, sidecar),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(RecordError::io("create", &sidecar_path)(error)),
            }
            number += 1;
        };
        // Without an encoder the file stays empty, and an empty one is none.
        let encoder =
            Encoder::with_settings(&path, &settings).inspect_err(|_| drop(fs::remove_file(&path)))?;
        let next_sync = Instant::now() + SYNC_INTERVAL;
        Ok(Self { path, encoder, sidecar, settings, first_nanos: None, next_sync })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn process_id(&self) -> u32 {
        self.encoder.process_id()
    }

    /// Whether pictures like this one belong into this file.
    pub fn takes(&self, width: u32, height: u32, format: PixelFormat) -> bool {
        let settings = &self.settings;
        (settings.width, settings.height, settings.format) == (width, height, format)
    }

    /// Adds a picture of tight rows.
    pub fn add(&mut self, pixels: &[u8], frame_index: u64, capture_nanos: i64) -> Result<(), RecordError> {
        self.sidecar.add(frame_index, capture_nanos).map_err(RecordError::io("write beside", &self.path))?;
        let first = *self.first_nanos.get_or_insert(capture_nanos);
        self.encoder.write(pixels, capture_nanos - first)?;
        if Instant::now() >= self.next_sync {
            self.next_sync = Instant::now() + SYNC_INTERVAL;
            self.sync();
        }
        Ok(())
    }

    /// Asks that a power cut spare what ffmpeg has written. A disk that cannot is no reason to stop.
    fn sync(&self) {
        let _ = self.sidecar.sync();
        let _ = File::open(&self.path).and_then(|video| video.sync_data());
    }

    pub fn finish(self) -> Result<(), RecordError> {
        let synced = self.sidecar.sync();
        self.encoder.finish()?;
        synced
            .and_then(|()| File::open(&self.path)?.sync_data())
            .map_err(RecordError::io("write", &self.path))
    }
}

/// Makes the video's file, which only those can read who can read the session: ffmpeg fills it. `false` where there is
/// one already.
fn is_new(path: &Path) -> Result<bool, RecordError> {
    let made = Folder::of_file(path).and_then(|(folder, name)| folder.create_new(name));
    match made {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(RecordError::io("create", path)(error)),
    }
}

/// The settings of a part for pictures of this form.
pub(super) fn settings(
    (width, height, format): (u32, u32, PixelFormat),
    rate_hz: f64,
    codec: Codec,
) -> EncoderSettings {
    EncoderSettings { width, height, format, rate_hz, codec }
}
