//! Which frame each picture of a video is.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use mien_folder::Folder;

use super::files::sidecar_path;
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
        let (folder, name) = Folder::of_file(path)?;
        let mut file = folder.create_new(name)?;
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

/// The frames that a session's video shows, in order, up to the first row that cannot be read: behind it
/// no picture's frame is certain. `None` for a video without a sidecar.
///
/// # Errors
/// When the sidecar cannot be read.
pub fn frame_times(video: &Path) -> Result<Option<Vec<FrameTime>>, RecordError> {
    let path = sidecar_path(video);
    match read_sidecar(&path) {
        Ok(rows) => Ok(Some(rows.times)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RecordError::io("read", &path)(error)),
    }
}

/// What a sidecar holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct SidecarRows {
    /// The rows up to the first that cannot be read.
    pub times: Vec<FrameTime>,
    /// Whole lines behind the header.
    pub count: u64,
    /// Numbers of the lines, counted from 1, that are no rows or not the next ones.
    pub unreadable_lines: Vec<usize>,
    /// Whether the last line, which is counted nowhere, was cut off.
    pub is_torn: bool,
}

/// Reads a sidecar.
pub(crate) fn read_sidecar(path: &Path) -> io::Result<SidecarRows> {
    let (folder, name) = Folder::of_file(path)?;
    read_sidecar_in(&folder, &name)
}

fn bytes(folder: &Folder, name: &OsStr) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    folder.open_file(name)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a sidecar of an open folder.
pub(crate) fn read_sidecar_in(folder: &Folder, name: &OsStr) -> io::Result<SidecarRows> {
    let bytes = bytes(folder, name)?;
    let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let mut rows = SidecarRows { is_torn: end < bytes.len(), ..SidecarRows::default() };
    let mut next_picture = 0;
    for (number, line) in (1..).zip(bytes[..end].split_inclusive(|&byte| byte == b'\n')) {
        if number == 1 {
            if line != HEADER.as_bytes() {
                rows.unreadable_lines.push(number);
            }
            continue;
        }
        rows.count += 1;
        let row = std::str::from_utf8(line).ok().and_then(|line| row(line.trim_end()));
        match row {
            Some((picture, time)) => {
                if picture != next_picture {
                    rows.unreadable_lines.push(number);
                }
                if rows.unreadable_lines.is_empty() {
                    rows.times.push(time);
                }
                next_picture = picture.saturating_add(1);
            }
            None => {
                rows.unreadable_lines.push(number);
                next_picture += 1;
            }
        }
    }
    Ok(rows)
}

/// Which picture a line is about, and its frame.
fn row(line: &str) -> Option<(u64, FrameTime)> {
    let mut fields = line.split(',');
    let picture = fields.next()?.parse().ok()?;
    let frame_index = fields.next()?.parse().ok()?;
    let capture_nanos = nanos(fields.next()?)?;
    let _dropped_before: u64 = fields.next()?.parse().ok()?;
    fields.next().is_none().then_some((picture, FrameTime { frame_index, capture_nanos }))
}

/// `12.033000000` to nanoseconds, exactly.
fn nanos(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.')?;
    let fraction: i64 = fraction.parse().ok().filter(|_| fraction.len() == 9)?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(fraction)
}

/// Replaces a sidecar by its first `rows` rows.
pub(crate) fn truncate_sidecar(folder: &Folder, name: &OsStr, rows: usize) -> io::Result<()> {
    let bytes = bytes(folder, name)?;
    let length: usize = bytes.split_inclusive(|&byte| byte == b'\n').take(rows + 1).map(<[u8]>::len).sum();
    let mut partial = OsString::from(name);
    partial.push(".repairing");
    let mut file = folder.create_scratch(&partial)?;
    file.write_all(&bytes[..length])?;
    file.sync_all()?;
    folder.rename(&partial, name)
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
        assert_eq!((rows.count, rows.times.len(), rows.is_torn), (3, 3, true));
        assert_eq!(rows.times[2], FrameTime { frame_index: 11, capture_nanos: 12_133_000_000 });
        assert_eq!(rows.times[0].capture_nanos, 12_000_000_005);
        let name = path.file_name().unwrap();
        truncate_sidecar(&Folder::open(folder.path()).unwrap(), name, 2).unwrap();
        let rows = read_sidecar(&path).unwrap();
        assert_eq!((rows.count, rows.is_torn), (2, false));
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("12.033000000,0\n"));
    }

    #[test]
    fn lines_that_are_no_rows_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let video = folder.path().join("cam.mkv");
        let path = sidecar_path(&video);
        let rows = ["0,7,12.000000005,0", "1,8,12.033000000,0", "2,9,12.066000000,0", "3,10,12.100000000,0"];
        let read = |lines: &[&str]| {
            std::fs::write(&path, format!("{HEADER}{}\n", lines.join("\n"))).unwrap();
            let rows = read_sidecar(&path).unwrap();
            assert_eq!(frame_times(&video).unwrap().unwrap(), rows.times);
            (rows.count, rows.times.len(), rows.unreadable_lines)
        };
        assert_eq!(read(&rows), (4, 4, vec![]));
        assert_eq!(read(&[rows[0], "a,b,c,d", rows[2], rows[3]]), (4, 1, vec![3]));
        assert_eq!(read(&[rows[0], rows[1], "a,b,c,d", rows[2]]), (4, 2, vec![4, 5]));
        assert_eq!(read(&[rows[0], rows[2], rows[3]]), (3, 1, vec![3]), "a line is missing");
        assert_eq!(read(&[rows[0], "1,8,12.033000000,0,0", ""]), (3, 1, vec![3, 4]));
        std::fs::write(&path, [0xff, b'\n', 0xfe, b'\n']).unwrap();
        assert_eq!(read_sidecar(&path).unwrap().unreadable_lines, [1, 2]);
    }
}
