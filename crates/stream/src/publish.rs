//! The LSL outlets.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use lsl::{ExPushable, StreamInfo, StreamOutlet};
use mien_clock::{monotonic_nanos, seconds};
use mien_xdf::StreamDescription;

use crate::{FrameRows, Row};

/// Frames that may wait for the publishing thread; it takes microseconds a frame.
const QUEUED_MESSAGES: usize = 256;
/// Samples that an outlet keeps for a consumer that has stopped reading, in seconds of a regular
/// stream or hundreds of samples of an irregular one: about a minute of a camera, so that a stalled
/// consumer costs at most some ten megabytes a stream.
const BUFFERED: i32 = 18;
/// How often the outlets are asked for their consumers.
const CONSUMER_POLL: Duration = Duration::from_secs(1);

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// liblsl is not there.
    #[error(transparent)]
    NoLibrary(#[from] lsl_sys::LoadError),
    /// liblsl refuses an outlet.
    #[error("cannot open the LSL stream `{stream}`: {source}; check the network settings (LSLAPICFG)")]
    Outlet {
        /// Name of the stream.
        stream: String,
        /// What liblsl says.
        source: lsl::Error,
    },
    /// liblsl cannot look for streams.
    #[error("LSL streams cannot be looked for: {0}; check the network settings (LSLAPICFG)")]
    Search(lsl::Error),
    /// The system refuses a thread.
    #[error("cannot start the LSL thread: {0}")]
    Thread(std::io::Error),
}

/// The liblsl in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryInfo {
    /// Where it was found.
    pub path: PathBuf,
    /// Its version, such as `1.18`.
    pub version: String,
}

/// Looks for liblsl.
///
/// # Errors
/// When there is none; the message says what to install.
pub fn library() -> Result<LibraryInfo, StreamError> {
    let library = lsl_sys::load()?;
    let version = format!("{}.{}", library.version / 100, library.version % 100);
    Ok(LibraryInfo { path: library.path.clone(), version })
}

/// What the publisher has done so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublisherStatus {
    /// Open outlets.
    pub outlets: usize,
    /// Outlets that somebody listens to.
    pub outlets_with_consumers: usize,
    /// Samples pushed.
    pub samples: u64,
    /// Frames that were dropped because the publishing thread did not keep up.
    pub dropped_frames: u64,
    /// Samples that liblsl refused.
    pub failed_samples: u64,
    /// Which outlets somebody listens to: each camera's in the order of its streams, the markers' last.
    pub listened: Vec<bool>,
}

enum Message {
    Rows(usize, Arc<FrameRows>),
    Marker(f64, String),
}

/// Owns one outlet for each stream, from its start to its drop. Never blocks its caller.
#[derive(Debug)]
pub struct Publisher {
    sender: Option<Sender<Message>>,
    oldest: Receiver<Message>,
    status: Arc<Mutex<PublisherStatus>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Message")
    }
}

impl Publisher {
    /// Opens the outlets: `cameras` holds each camera's streams in the order of its rows.
    ///
    /// # Errors
    /// When there is no liblsl, or it refuses an outlet.
    pub fn start(
        markers: StreamDescription,
        cameras: Vec<Vec<StreamDescription>>,
    ) -> Result<Self, StreamError> {
        Self::with_buffer(markers, cameras, BUFFERED)
    }

    /// The same with another buffer for consumers that have stopped reading: `buffered` in seconds of a
    /// regular stream, or hundreds of samples of an irregular one.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_buffer(
        markers: StreamDescription,
        cameras: Vec<Vec<StreamDescription>>,
        buffered: i32,
    ) -> Result<Self, StreamError> {
        lsl_sys::load()?;
        let (sender, receiver) = bounded(QUEUED_MESSAGES);
        let oldest = receiver.clone();
        let status = Arc::new(Mutex::new(PublisherStatus::default()));
        let (report, started) = bounded(1);
        let shared = Arc::clone(&status);
        // liblsl's handles stay on the thread that made them.
        let thread = std::thread::Builder::new()
            .name("lsl".to_owned())
            .spawn(move || match Outlets::open(&markers, &cameras, buffered) {
                Ok(outlets) => {
                    let _ = report.send(Ok(()));
                    outlets.run(&receiver, &shared);
                }
                Err(error) => {
                    let _ = report.send(Err(error));
                }
            })
            .map_err(StreamError::Thread)?;
        let publisher = Self { sender: Some(sender), oldest, status, thread: Some(thread) };
        started.recv().expect("the thread reports once")?;
        Ok(publisher)
    }

    /// Pushes the rows of a frame of camera number `camera`.
    pub fn push(&self, camera: usize, rows: Arc<FrameRows>) {
        self.send(Message::Rows(camera, rows));
    }

    /// Pushes a marker; `timestamp` in seconds on the LSL clock.
    pub fn marker(&self, timestamp: f64, text: impl Into<String>) {
        self.send(Message::Marker(timestamp, text.into()));
    }

    /// What has been done so far.
    #[must_use]
    pub fn status(&self) -> PublisherStatus {
        self.status.lock().expect("no holder panics").clone()
    }

    /// Sends a message; when the queue is full the oldest in it goes.
    fn send(&self, message: Message) {
        let Some(sender) = &self.sender else { return };
        let mut message = message;
        while let Err(TrySendError::Full(refused)) = sender.try_send(message) {
            if self.oldest.try_recv().is_ok() {
                self.status.lock().expect("no holder panics").dropped_frames += 1;
            }
            message = refused;
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // What is queued is still sent.
            let _ = thread.join();
        }
    }
}

/// Lives on the publishing thread.
struct Outlets {
    markers: StreamOutlet,
    cameras: Vec<Vec<StreamOutlet>>,
}

impl Outlets {
    fn open(
        markers: &StreamDescription,
        cameras: &[Vec<StreamDescription>],
        buffered: i32,
    ) -> Result<Self, StreamError> {
        let open = |stream: &StreamDescription| outlet(stream, buffered);
        let cameras =
            cameras.iter().map(|streams| streams.iter().map(open).collect()).collect::<Result<_, _>>()?;
        Ok(Self { markers: open(markers)?, cameras })
    }

    fn run(self, messages: &Receiver<Message>, status: &Mutex<PublisherStatus>) {
        let mut samples = Samples::default();
        let mut next_poll = monotonic_nanos();
        loop {
            match messages.recv_timeout(CONSUMER_POLL) {
                Ok(Message::Rows(camera, rows)) => self.push(camera, &rows, &mut samples),
                Ok(Message::Marker(timestamp, text)) => {
                    samples.count(self.markers.push_sample_ex(&vec![text], timestamp, true));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let consumers = (monotonic_nanos() >= next_poll).then(|| {
                next_poll = monotonic_nanos() + CONSUMER_POLL.as_nanos() as i64;
                self.all().map(StreamOutlet::have_consumers).collect::<Vec<_>>()
            });
            let mut status = status.lock().expect("no holder panics");
            status.outlets = self.all().count();
            if let Some(listened) = consumers {
                status.outlets_with_consumers = listened.iter().filter(|&&listened| listened).count();
                status.listened = listened;
            }
            (status.samples, status.failed_samples) = (samples.pushed, samples.failed);
        }
    }

    fn push(&self, camera: usize, rows: &FrameRows, samples: &mut Samples) {
        let Some(outlets) = self.cameras.get(camera) else { return };
        for (stream, row) in rows.iter() {
            let Some(outlet) = outlets.get(stream) else { continue };
            samples.count(match row {
                Row::Float32(values) => outlet.push_sample_ex(&values.to_vec(), rows.timestamp, true),
                Row::Double64(values) => outlet.push_sample_ex(&values.to_vec(), rows.timestamp, true),
            });
        }
    }

    fn all(&self) -> impl Iterator<Item = &StreamOutlet> {
        self.cameras.iter().flatten().chain([&self.markers])
    }
}

#[derive(Default)]
struct Samples {
    pushed: u64,
    failed: u64,
}

impl Samples {
    fn count(&mut self, result: Result<(), lsl::Error>) {
        match result {
            Ok(()) => self.pushed += 1,
            Err(_) => self.failed += 1,
        }
    }
}

fn outlet(description: &StreamDescription, buffered: i32) -> Result<StreamOutlet, StreamError> {
    let refused = |source| StreamError::Outlet { stream: description.name.clone(), source };
    let document = description.document(seconds(monotonic_nanos()));
    let info = StreamInfo::from_xml(&document).map_err(refused)?;
    // liblsl answers a document that it does not understand with a stream of another name.
    if info.stream_name() != description.name {
        return Err(refused(lsl::Error::BadArgument));
    }
    StreamOutlet::new(&info, 0, buffered).map_err(refused)
}
