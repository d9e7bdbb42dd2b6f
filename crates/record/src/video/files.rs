//! What the files of a session's videos are called: `CAMERA.mkv`, later parts of it `CAMERA_part-2.mkv`, the rows
//! beside each `CAMERA_frames.csv`.

use std::fs;
use std::path::{Path, PathBuf};

use mien_config::VideoKind;

use crate::{CameraRecord, RecordError, SessionFile};

const VIDEO_ENDING: &str = ".mkv";
const SIDECAR_ENDING: &str = "_frames.csv";
const PART: &str = "_part-";
/// Ending of a video that is being repaired.
pub(crate) const REPAIRING: &str = "repairing.mkv";

/// Where a part of a camera's video lies; the first has the number 1.
pub(super) fn part_path(folder: &Path, camera: &str, number: u32) -> PathBuf {
    let part = if number == 1 { String::new() } else { format!("{PART}{number}") };
    folder.join(format!("{camera}{part}{VIDEO_ENDING}"))
}

/// Where the sidecar of a video lies: `CAMERA_frames.csv` beside `CAMERA.mkv`.
pub(crate) fn sidecar_path(video: &Path) -> PathBuf {
    let stem = video.file_stem().unwrap_or_default().to_string_lossy();
    video.with_file_name(format!("{stem}{SIDECAR_ENDING}"))
}

/// The videos that lie in a session's folder, and those of which only the rows do, in the order of their names
/// without the ending.
///
/// # Errors
/// When the folder cannot be read.
pub fn video_files(folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let failed = || RecordError::io("read", folder);
    let mut stems = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name().to_string_lossy().into_owned();
        if name.ends_with(&format!(".{REPAIRING}")) {
            continue;
        }
        let stem = name.strip_suffix(SIDECAR_ENDING).or_else(|| name.strip_suffix(VIDEO_ENDING));
        stems.extend(stem.map(str::to_owned));
    }
    stems.sort();
    stems.dedup();
    Ok(stems.into_iter().map(|stem| folder.join(stem + VIDEO_ENDING)).collect())
}

impl SessionFile {
    /// The camera whose video this is, and the number of its part, from 1; `None` for a video that is nobody's.
    #[must_use]
    pub fn camera_of_video(&self, video: &Path) -> Option<(&str, u32)> {
        camera_and_part(video, self.cameras.iter().map(|camera| camera.name.as_str()))
    }

    /// Cameras that were to be filmed and of which no video is among these.
    pub fn cameras_without_video<'a>(
        &'a self,
        videos: &'a [PathBuf],
    ) -> impl Iterator<Item = &'a CameraRecord> {
        let filmed = |name: &str| {
            videos.iter().filter_map(|video| self.camera_of_video(video)).any(|(camera, _)| camera == name)
        };
        let cameras = if self.video == VideoKind::None { [].as_slice() } else { &self.cameras };
        cameras.iter().filter(move |camera| !filmed(&camera.name))
    }
}

fn camera_and_part<'a>(
    video: &Path,
    mut names: impl Iterator<Item = &'a str> + Clone,
) -> Option<(&'a str, u32)> {
    let stem = video.file_stem()?.to_str()?;
    // A camera may itself be called like a part.
    if let Some(name) = names.clone().find(|name| *name == stem) {
        return Some((name, 1));
    }
    let (camera, number) = stem.rsplit_once(PART)?;
    Some((names.find(|name| *name == camera)?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_is_its_cameras_and_others_are_nobodys() {
        let owner = |path: &Path| camera_and_part(path, ["cam", "cam_part-2"].into_iter());
        let of = |camera, number| owner(&part_path(Path::new("/s"), camera, number));
        assert_eq!(of("cam", 1), Some(("cam", 1)));
        assert_eq!(of("cam", 3), Some(("cam", 3)));
        assert_eq!(of("cam_part-2", 1), Some(("cam_part-2", 1)), "a camera's own name");
        assert_eq!(of("cam_part-2", 2), Some(("cam_part-2", 2)));
        for stem in ["came", "cam_part-", "cam_part-x", "cam_annotated", "_part-2", ""] {
            assert_eq!(owner(&Path::new("/s").join(format!("{stem}.mkv"))), None, "{stem}");
        }
    }

    #[test]
    fn videos_are_listed_by_name_also_where_only_their_rows_are_left() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.mkv", "b_frames.csv", "a_part-2_frames.csv", "a.mkv", "c.repairing.mkv", "data.xdf"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names = ["a.mkv", "a_part-2.mkv", "b.mkv"].map(|name| folder.path().join(name));
        assert_eq!(video_files(folder.path()).unwrap(), names);
    }
}
