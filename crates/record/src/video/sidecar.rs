//! Which frame each picture of a video is.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::RecordError;

const HEADER: &str = "video_frame,frame_index,capture_seconds,dropped_before\n";

/// Writes the sidecar, a whole line at a time.
#[derive(Debug)]
pub(super) struct Sidecar {
    file: File,
    rows: u64,
    last_index: Option<u64>,
}

impl Sidecar {
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::create_new(path)?;
        file.write_all(HEADER.as_bytes())?;
        Ok(Self { file, rows: 0, last_index: None })
    }

    /// Adds the next picture of the video.
    pub fn add(&mut self, frame_index: u64, capture_nanos: i64) -> io::Result<()> {
        let dropped = match self.last_index {
            Some(last) if frame_index > last => frame_index - last - 1,
            _ => 0,
        };
        let (seconds, nanos) =
            (capture_nanos.div_euclid(1_000_000_000), capture_nanos.rem_euclid(1_000_000_000));
        let line = format!("{},{frame_index},{seconds}.{nanos:09},{dropped}\n", self.rows);
        self.file.write_all(line.as_bytes())?;
        self.rows += 1;
        self.last_index = Some(frame_index);
        Ok(())
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// The frame that a picture of a video is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameTime {
    /// Number of the frame at its source.
    pub frame_index: u64,
    /// Capture time in nanoseconds on the LSL clock.
    pub capture_nanos: i64,
}

impl FrameTime {
    /// Capture time in seconds on the LSL clock.
    pub(crate) fn seconds(&self) -> f64 {
        mien_clock::seconds(self.capture_nanos)
    }
}

/// Where the sidecar of a video lies: `CAMERA_frames.csv` beside `CAMERA.mkv`.
pub(crate) fn sidecar_path(video: &Path) -> PathBuf {
    let stem = video.file_stem().unwrap_or_default().to_string_lossy();
    video.with_file_name(format!("{stem}_frames.csv"))
}

/// The frames that a session's video shows, in order; `None` for a video without a sidecar.
///
/// # Errors
/// When the sidecar cannot be read.
pub fn frame_times(video: &Path) -> Result<Option<Vec<FrameTime>>, RecordError> {
    let path = sidecar_path(video);
    match read_sidecar(&path) {
        Ok(times) => Ok(Some(times)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RecordError::io("read", &path)(error)),
    }
}

/// The whole rows of a sidecar; a last line that was cut off is left out.
pub(crate) fn read_sidecar(path: &Path) -> io::Result<Vec<FrameTime>> {
    let text = std::fs::read_to_string(path)?;
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    Ok(whole.lines().skip(1).filter_map(row).collect())
}

fn row(line: &str) -> Option<FrameTime> {
    let mut fields = line.split(',').skip(1);
    let frame_index = fields.next()?.parse().ok()?;
    let capture_seconds = fields.next()?;
    Some(FrameTime { frame_index, capture_nanos: nanos(capture_seconds)? })
}

/// `12.033000000` to nanoseconds, exactly.
fn nanos(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.')?;
    let fraction: i64 = fraction.parse().ok().filter(|_| fraction.len() == 9)?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(fraction)
}

/// Cuts a sidecar to its first `rows` rows.
pub(crate) fn truncate_sidecar(path: &Path, rows: usize) -> io::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let length: usize = text.split_inclusive('\n').take(rows + 1).map(str::len).sum();
    let file = File::options().write(true).open(path)?;
    file.set_len(length as u64)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cam_frames.csv");
        let mut sidecar = Sidecar::create(&path).unwrap();
        for (index, nanos) in [(7, 12_000_000_005), (8, 12_033_000_000), (11, 12_133_000_000)] {
            sidecar.add(index, nanos).unwrap();
        }
        assert!(Sidecar::create(&path).is_err(), "never overwritten");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().nth(1), Some("0,7,12.000000005,0"));
        assert_eq!(text.lines().nth(3), Some("2,11,12.133000000,2"));
        std::fs::write(&path, format!("{text}3,12,12.16")).unwrap();
        let rows = read_sidecar(&path).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[2], FrameTime { frame_index: 11, capture_nanos: 12_133_000_000 });
        assert_eq!(rows[0].capture_nanos, 12_000_000_005);
        truncate_sidecar(&path, 2).unwrap();
        assert_eq!(read_sidecar(&path).unwrap().len(), 2);
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("12.033000000,0\n"));
    }
}
