//! `session.toml`: what was recorded, with what.

use std::io::{Read, Write};
use std::path::Path;

use mien_config::{PrivacyKind, VideoKind};
use mien_folder::Folder;
use serde::{Deserialize, Serialize};

use crate::{RecordError, check_name};

/// Name of the file in the session's folder.
pub const SESSION_FILE: &str = "session.toml";
/// The file's name until it is whole.
const PARTIAL_FILE: &str = "session.toml.partial";
/// Longest file that is read. A camera that is lost every second makes ten megabytes a day.
const MAX_BYTES: u64 = 64 << 20;
/// Name of the data file in the session's folder.
pub const DATA_FILE: &str = "data.xdf";

/// How a recording stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// It runs, or was killed.
    Recording,
    /// It came to its end.
    Complete,
    /// It was killed or its data were damaged, and `mien session check` made it whole.
    Repaired,
}

/// The contents of `session.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionFile {
    /// Version of this file's form.
    pub version: u32,
    /// Version of Mien.
    pub mien_version: String,
    /// How the recording stands.
    pub state: SessionState,
    /// Why it ended, where nobody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_because: Option<String>,
    /// Subject.
    pub subject: String,
    /// Session.
    pub session: String,
    /// Task.
    pub task: String,
    /// When it began: wall clock, RFC 3339 in UTC, milliseconds.
    pub started: String,
    /// The same moment in seconds on the LSL clock.
    pub started_lsl_seconds: f64,
    /// Seconds to add to LSL timestamps for seconds since the Unix epoch, as of the start.
    pub unix_minus_lsl_seconds: f64,
    /// The same at the end; the difference is how far the wall clock was moved meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix_minus_lsl_seconds_at_end: Option<f64>,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// How faces appear in the videos.
    pub privacy: PrivacyKind,
    /// How the videos are encoded.
    pub video: VideoKind,
    /// Rows that did not reach the file because the disk did not keep up.
    #[serde(default)]
    pub dropped_rows: u64,
    /// The configuration, as TOML.
    pub configuration: String,
    /// The cameras.
    #[serde(default)]
    pub cameras: Vec<CameraRecord>,
    /// Times without frames.
    #[serde(default)]
    pub gaps: Vec<GapRecord>,
    /// Who was named by hand while it ran.
    #[serde(default)]
    pub participants: Vec<ParticipantRecord>,
}

/// A camera of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraRecord {
    /// Its name.
    pub name: String,
    /// Its source.
    pub source: String,
    /// Nominal frames per second.
    pub rate_hz: f64,
    /// The engine that ran its networks.
    pub engine: String,
    /// Vertical field of view that poses were computed with, in degrees.
    pub vertical_fov_deg: f32,
    /// Names of the participants in its first face slots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub participants: Vec<String>,
    /// Names of its streams in the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<String>,
    /// The networks.
    #[serde(default)]
    pub models: Vec<ModelRecord>,
}

/// A network of a camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// What it does.
    pub role: String,
    /// Its name.
    pub name: String,
    /// SHA-256 of its file.
    pub sha256: String,
}

/// A time without frames of a camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GapRecord {
    /// The camera.
    pub camera: String,
    /// Last frame before it, in seconds on the LSL clock.
    pub from_lsl_seconds: f64,
    /// First frame after it, in seconds on the LSL clock.
    pub to_lsl_seconds: f64,
    /// Whether the camera was restarted.
    pub restarted: bool,
}

/// A track that an operator gave a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParticipantRecord {
    /// The camera.
    pub camera: String,
    /// The participant.
    pub name: String,
    /// The track, as `…_quality` has it.
    pub track_id: u32,
    /// The face slot that the track was moved to; none where no slot has the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face_slot: Option<String>,
    /// From when on, in seconds on the LSL clock.
    pub from_lsl_seconds: f64,
}

impl SessionFile {
    /// Reads the file of a session's folder.
    ///
    /// # Errors
    /// When there is none, or it makes no sense.
    pub fn read(folder: &Path) -> Result<Self, RecordError> {
        Self::read_in(&open_session(folder)?)
    }

    /// Reads the file of an open session.
    pub(crate) fn read_in(folder: &Folder) -> Result<Self, RecordError> {
        let path = folder.join(SESSION_FILE);
        let file = folder.open_file(SESSION_FILE).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => RecordError::NoSession { path: folder.path().to_owned() },
            _ => RecordError::io("read", &path)(error),
        })?;
        let mut text = String::new();
        let read = file.take(MAX_BYTES + 1).read_to_string(&mut text);
        read.map_err(RecordError::io("read", &path))?;
        let not_understood = |reason: String| RecordError::SessionFile { path: path.clone(), reason };
        if text.len() as u64 > MAX_BYTES {
            return Err(not_understood(format!("it is larger than {} MB", MAX_BYTES >> 20)));
        }
        let session: Self =
            toml::from_str(&text).map_err(|error| not_understood(error.message().to_owned()))?;
        session.check_names().map_err(|error| not_understood(error.to_string()))?;
        Ok(session)
    }

    /// Names become names of files, whoever wrote them.
    fn check_names(&self) -> Result<(), RecordError> {
        check_name("subject", &self.subject)?;
        check_name("session", &self.session)?;
        check_name("task", &self.task)?;
        self.cameras.iter().try_for_each(|camera| check_name("camera", &camera.name))
    }

    /// Writes the file; it is always whole, whatever happens meanwhile.
    ///
    /// # Errors
    /// When the system refuses, or a link lies where the file would be written.
    pub fn write(&self, folder: &Path) -> Result<(), RecordError> {
        self.write_in(&open_session(folder)?)
    }

    /// Writes the file of an open session.
    pub(crate) fn write_in(&self, folder: &Folder) -> Result<(), RecordError> {
        let path = folder.join(SESSION_FILE);
        let text = toml::to_string(self)
            .map_err(|error| RecordError::SessionFile { path: path.clone(), reason: error.to_string() })?;
        let mut file = folder
            .create_scratch(PARTIAL_FILE)
            .map_err(RecordError::io("write", &folder.join(PARTIAL_FILE)))?;
        let mut write = || -> std::io::Result<()> {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            folder.rename(PARTIAL_FILE, SESSION_FILE)?;
            // The rename itself is to survive a power cut.
            folder.sync()
        };
        write().map_err(RecordError::io("write", &path))
    }
}

/// Opens a session's folder.
pub(crate) fn open_session(path: &Path) -> Result<Folder, RecordError> {
    Folder::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            RecordError::NoSession { path: path.to_owned() }
        }
        _ => RecordError::io("open", path)(error),
    })
}

/// Unix nanoseconds as RFC 3339 in UTC with milliseconds.
#[must_use]
pub(crate) fn rfc3339(unix_nanos: i64) -> String {
    let millis = unix_nanos.div_euclid(1_000_000);
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    // Days since 1970 to year, month, day: H. Hinnant, "chrono-compatible low-level date algorithms".
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    let (seconds, milliseconds) = (rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_400_123_000_000), "2000-02-29T00:00:00.123Z");
        assert_eq!(rfc3339(1_795_209_599_999_999_999), "2026-11-20T21:19:59.999Z");
    }
}
