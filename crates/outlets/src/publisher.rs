//! The outlets, as the rest of the program sees them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mien_xdf::StreamDescription;

use mien_stream::FrameRows;

use crate::keeper::{Keeper, Streams};
use crate::{Launch, StreamError};

/// Frames that may wait for the child; it takes microseconds a frame.
const QUEUED_MESSAGES: usize = 256;
/// Samples that an outlet keeps for a consumer that has stopped reading, in seconds of a regular
/// stream or hundreds of samples of an irregular one: about a minute of a camera, so that a stalled
/// consumer costs at most some ten megabytes a stream.
const BUFFERED: i32 = 18;
/// How long the outlets may take to open before the rest of the program goes on without them.
const OPEN_PATIENCE: Duration = Duration::from_secs(8);
/// Notices that may wait to be taken.
const QUEUED_NOTICES: usize = 64;

/// What the outlets have done so far, and how they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublisherStatus {
    /// Open outlets; 0 while there is no child.
    pub outlets: usize,
    /// Outlets that somebody listens to.
    pub outlets_with_consumers: usize,
    /// Samples pushed.
    pub samples: u64,
    /// Frames that were not streamed: there was no child, or it did not keep up.
    pub dropped_frames: u64,
    /// Samples that liblsl refused.
    pub failed_samples: u64,
    /// Which outlets somebody listens to: each camera's in the order of its streams, the markers' last.
    pub listened: Vec<bool>,
    /// The process that has the outlets.
    pub pid: Option<u32>,
    /// Processes that were lost so far.
    pub restarts: u32,
    /// Why the last of them was lost, in words for a person; empty before.
    pub reason: String,
}

impl PublisherStatus {
    /// What a person should know of the outlets; empty while all is well.
    #[must_use]
    pub fn note(&self) -> String {
        let Self { restarts, reason, dropped_frames, .. } = self;
        let times = if *restarts == 1 { "once".to_owned() } else { format!("{restarts} times") };
        match (self.outlets, restarts) {
            (0, 0) => "The LSL outlets are being opened.".to_owned(),
            (0, _) => format!("The LSL outlets were lost and are being opened again: {reason}."),
            (_, 0) if *dropped_frames == 0 => String::new(),
            (_, 0) => format!("{dropped_frames} frames were not streamed: the LSL process did not keep up."),
            _ => format!(
                "The LSL outlets were restarted {times}; {dropped_frames} frames were not streamed. Last: {reason}."
            ),
        }
    }
}

/// Something that happened to the outlets.
#[derive(Debug, Clone, PartialEq)]
pub enum LslNotice {
    /// They were lost; they come back as soon as they can.
    Lost {
        /// Why, in words for a person.
        reason: String,
    },
    /// They are back.
    Back {
        /// Nothing may have been streamed from this time on, in seconds on the LSL clock.
        from: f64,
        /// They are open again since this time, in seconds on the LSL clock.
        to: f64,
    },
}

impl std::fmt::Display for LslNotice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost { reason } => write!(f, "the LSL outlets were lost: {reason}"),
            Self::Back { from, to } => write!(
                f,
                "the LSL outlets are back: streams have a gap of up to {:.3} s, from {from:.3} to {to:.3}",
                to - from
            ),
        }
    }
}

/// What goes to the child.
pub(crate) enum Message {
    Rows(usize, Arc<FrameRows>),
    Marker(f64, String),
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Message")
    }
}

/// Owns one outlet for each stream, from its start to its drop, in a process of their own. Never blocks its caller.
#[derive(Debug)]
pub struct Publisher {
    sender: Option<Sender<Message>>,
    oldest: Receiver<Message>,
    notices: Receiver<LslNotice>,
    status: Arc<Mutex<PublisherStatus>>,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Opens the outlets: `cameras` holds each camera's streams in the order of its rows. Waits some seconds for them;
    /// a child that takes longer, or is lost, is waited for in the background.
    ///
    /// # Errors
    /// When there is no liblsl, or it refuses an outlet.
    pub fn start(
        launch: &Launch,
        markers: StreamDescription,
        cameras: Vec<Vec<StreamDescription>>,
    ) -> Result<Self, StreamError> {
        Self::with_buffer(launch, markers, cameras, BUFFERED)
    }

    /// The same with another buffer for consumers that have stopped reading: `buffered` in seconds of a
    /// regular stream, or hundreds of samples of an irregular one.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_buffer(
        launch: &Launch,
        markers: StreamDescription,
        cameras: Vec<Vec<StreamDescription>>,
        buffered: i32,
    ) -> Result<Self, StreamError> {
        let (sender, queue) = bounded(QUEUED_MESSAGES);
        let (notify, notices) = bounded(QUEUED_NOTICES);
        let (report, opened) = bounded(1);
        let status = Arc::new(Mutex::new(PublisherStatus::default()));
        let closing = Arc::new(AtomicBool::new(false));
        let keeper = Keeper {
            launch: launch.clone(),
            streams: Streams { markers, cameras, buffered },
            queue: queue.clone(),
            notify,
            status: Arc::clone(&status),
            closing: Arc::clone(&closing),
        };
        let thread = std::thread::Builder::new()
            .name("lsl".to_owned())
            .spawn(move || keeper.run(report))
            .map_err(|error| StreamError::Start(error.to_string()))?;
        let publisher =
            Self { sender: Some(sender), oldest: queue, notices, status, closing, thread: Some(thread) };
        // Without an answer in time, it goes on in the background.
        opened.recv_timeout(OPEN_PATIENCE).unwrap_or(Ok(()))?;
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
        lock(&self.status).clone()
    }

    /// What has happened to the outlets since this was last called.
    pub fn take_notices(&self) -> impl Iterator<Item = LslNotice> + '_ {
        self.notices.try_iter()
    }

    /// Sends a message; when the queue is full the oldest in it goes.
    fn send(&self, message: Message) {
        let Some(sender) = &self.sender else { return };
        let mut message = message;
        while let Err(TrySendError::Full(refused)) = sender.try_send(message) {
            if self.oldest.try_recv().is_ok() {
                lock(&self.status).dropped_frames += 1;
            }
            message = refused;
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.sender = None;
        self.closing.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What is queued is still sent, as far as the child takes it within a second.
            let _ = thread.join();
        }
    }
}

pub(crate) fn lock(status: &Mutex<PublisherStatus>) -> MutexGuard<'_, PublisherStatus> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}
