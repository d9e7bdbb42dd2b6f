//! What the supervising process and its workers say to each other: JSON, one object a line.
//!
//! [`Command`]s go to a worker's standard input, [`Report`]s come from its standard output; its log goes
//! to standard error. Frames and results never take this way: they lie in rings, whose paths a report
//! tells. A worker whose input ends has lost its supervisor and quits.
//!
//! What the supervising process makes of it, for whoever shows a camera, is [`CameraStatus`].

mod status;
mod video;

pub use status::CameraStatus;
pub use video::{VideoPlan, VideoStatus};

use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;

use mien_config::{Camera, Detection, EngineSection, Models, Preview, Rings, Smoothing};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

/// Everything that a worker needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerSettings {
    /// Name of the session, part of the rings' names.
    pub session: String,
    /// Counts the lives of this camera's worker, from 0.
    pub epoch: u64,
    /// Folder of the rings.
    #[serde(with = "mien_config::paths")]
    pub ring_dir: PathBuf,
    /// The camera; only here, between a program and its own child, with the secrets of its address.
    #[serde(serialize_with = "with_secrets")]
    pub camera: Camera,
    /// The GPU, as CUDA numbers those that it shows this process; nothing where there is none.
    pub gpu: Option<u32>,
    /// Most faces in one run of a network: `detection.max_faces`, or fewer after the GPU's memory was not
    /// enough for that.
    pub max_batch: usize,
    /// Track ids begin here, so that they are never those of an earlier life.
    pub first_track_id: u32,
    /// The engine; a camera's own choice is in it already.
    pub engine: EngineSection,
    /// Where models come from.
    pub models: Models,
    /// Finding and following faces.
    pub detection: Detection,
    /// The temporal filter.
    pub smoothing: Smoothing,
    /// Pictures for people.
    pub preview: Preview,
    /// Sizes of the rings.
    pub rings: Rings,
}

fn with_secrets<S: Serializer>(camera: &Camera, serializer: S) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(camera).map_err(serde::ser::Error::custom)?;
    value["source"] = camera.source.expose_secret().into();
    value.serialize(serializer)
}

/// What a worker is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Open the source and begin.
    Start {
        /// With these settings.
        settings: Box<WorkerSettings>,
    },
    /// Close the source and the rings, and wait.
    Stop,
    /// Go on with other settings, on the same source.
    Settings {
        /// Finding and following faces.
        detection: Detection,
        /// The temporal filter.
        smoothing: Smoothing,
    },
    /// Record the video; one that is being recorded already goes on.
    RecordStart {
        /// Where and how.
        plan: Box<VideoPlan>,
    },
    /// End the video's recording.
    RecordStop,
    /// End the process.
    Quit,
}

/// How a camera is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraState {
    /// The process or the source is starting; no result yet.
    Starting,
    /// Results come.
    Live,
    /// The process lives, but no result has come for a while.
    Stalled,
    /// The source or the process was lost and is being brought back.
    Reconnecting,
    /// Given up; a person has to act.
    Failed,
    /// Stopped on request.
    Stopped,
}

impl CameraState {
    /// The word that people read.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Live => "live",
            Self::Stalled => "stalled",
            Self::Reconnecting => "reconnecting",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }

    /// Whether something is wrong.
    #[must_use]
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::Stalled | Self::Reconnecting | Self::Failed)
    }
}

/// What a worker tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// The rings are there.
    Rings {
        /// Life of the worker that they belong to.
        epoch: u64,
        /// Path of the ring of results.
        #[serde(with = "mien_config::paths")]
        faces: PathBuf,
        /// Path of the ring of pictures.
        #[serde(with = "mien_config::paths")]
        preview: PathBuf,
    },
    /// The source is open.
    Source {
        /// Width and height in pixels of its first frame.
        size: [u32; 2],
        /// Nominal frames per second, when known.
        rate_hz: Option<f64>,
    },
    /// The networks are loaded.
    Engine {
        /// The engine, as it names itself.
        name: String,
        /// Why this one.
        reason: String,
        /// Names of the stages whose times go with each result.
        stages: Vec<String>,
    },
    /// The state has changed.
    State {
        /// The new state.
        state: CameraState,
        /// Why, in words for a person; empty when live.
        reason: String,
    },
    /// The video's recording has changed: told every second while it runs, and at its end.
    Video {
        /// How it stands.
        status: VideoStatus,
    },
    /// The worker was told to quit, and every file is closed: its process may be killed, which spares the time that
    /// it takes to give back memory.
    Ended,
    /// The process cannot go on and ends.
    Fatal {
        /// Which kind of fault it is.
        #[serde(default)]
        cause: FatalCause,
        /// Why.
        reason: String,
    },
}

/// Faults that end a worker, as far as they are answered differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FatalCause {
    /// Another worker may do better.
    #[default]
    Other,
    /// Shared memory has no room for the rings.
    SharedMemory,
    /// The GPU has no memory left: another worker needs smaller batches.
    GpuMemory,
}

/// Longest line that is read: a lost newline must not fill the memory.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// Writes one message as a line.
///
/// # Errors
/// When the other side is gone.
pub fn write_line(output: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}

/// A line that was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<T> {
    /// A message.
    Message(T),
    /// Something else (a library that prints, a newer program).
    Other(String),
}

/// Reads the next line; nothing at the end of the input.
///
/// # Errors
/// When the input fails.
pub fn read_line<T: DeserializeOwned>(input: &mut impl BufRead) -> io::Result<Option<Line<T>>> {
    let mut bytes = Vec::new();
    if input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let message = serde_json::from_slice(&bytes).map(Line::Message);
    Ok(Some(message.unwrap_or_else(|_| Line::Other(String::from_utf8_lossy(&bytes).trim_end().to_owned()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_as_they_went_in_and_noise_between_them_is_told_apart() {
        let settings = WorkerSettings {
            session: "s".into(),
            epoch: 3,
            ring_dir: "/dev/shm".into(),
            camera: Camera::new("a", "http://alice:s3cret@cam/"),
            gpu: Some(1),
            max_batch: 4,
            first_track_id: 7,
            engine: EngineSection::default(),
            models: Models::default(),
            detection: Detection::default(),
            smoothing: Smoothing::default(),
            preview: Preview::default(),
            rings: Rings::default(),
        };
        let start = Command::Start { settings: Box::new(settings) };
        assert!(!format!("{start:?}").contains("s3cret"));
        let mut bytes = Vec::new();
        write_line(&mut bytes, &start).unwrap();
        bytes.extend_from_slice(b"running 1 test\n\xFF\n{\"command\":\"dance\"}\n");
        write_line(&mut bytes, &Command::Quit).unwrap();
        let mut input = &bytes[..];
        let mut lines = std::iter::from_fn(|| read_line::<Command>(&mut input).unwrap());
        assert_eq!(lines.next(), Some(Line::Message(start)));
        assert_eq!(lines.next(), Some(Line::Other("running 1 test".into())));
        assert!(matches!(lines.next(), Some(Line::Other(_))));
        assert!(matches!(lines.next(), Some(Line::Other(_))));
        assert_eq!(lines.next(), Some(Line::Message(Command::Quit)));
        assert_eq!(lines.next(), None);
    }

    #[test]
    fn fuzz_lines() {
        let mut sound = Vec::new();
        let report = Report::Fatal { cause: FatalCause::Other, reason: "r".into() };
        write_line(&mut sound, &report).unwrap();
        sound.extend_from_slice(b"words of a library\n");
        write_line(&mut sound, &Command::Quit).unwrap();
        mien_fuzz::fuzz("lines", &[sound], 4000, |input| {
            let (mut reports, mut commands) = (input, input);
            while let Ok(Some(_)) = read_line::<Report>(&mut reports) {}
            while let Ok(Some(_)) = read_line::<Command>(&mut commands) {}
        });
    }

    #[test]
    fn a_fault_of_an_unnamed_kind_is_any_other() {
        let mut input = &b"{\"report\":\"fatal\",\"reason\":\"r\"}\n"[..];
        let report = Report::Fatal { cause: FatalCause::Other, reason: "r".into() };
        assert_eq!(read_line(&mut input).unwrap(), Some(Line::Message(report)));
    }

    #[test]
    fn an_endless_line_takes_bounded_memory() {
        let mut input = io::BufReader::new(io::repeat(b'x'));
        let Some(Line::Other(text)) = read_line::<Command>(&mut input).unwrap() else { panic!() };
        assert_eq!(text.len() as u64, MAX_LINE_BYTES);
    }
}
