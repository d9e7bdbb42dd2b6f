//! Reads a source ahead on its own thread.

use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use mien_capture::{Source, SourceError, Step};
use mien_face::Frame;

/// Frames that go round between the threads.
const FRAMES: usize = 6;

/// What a reader brings.
pub enum Event {
    /// The next frame; to be handed back with [`Reader::recycle`] or a [`Reader::recycler`].
    Frame(Frame),
    /// What a person should know of the source, said before the frame with which it was found.
    Notice(String),
    /// A frame that could not be read; the next one may be.
    Skipped(SourceError),
    /// The end, with the reason if it is no good one.
    End(Option<SourceError>),
}

/// A source that is read ahead. Dropping it ends its thread and closes the source.
pub struct Reader {
    events: Option<Receiver<Event>>,
    spare: Sender<Frame>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Starts reading; at most `frame_limit` frames.
    #[must_use]
    pub fn start(source: Box<dyn Source>, frame_limit: u64) -> Self {
        let (spare, spare_frames) = bounded(FRAMES);
        let (sender, events) = bounded(FRAMES);
        for _ in 0..FRAMES {
            spare.send(Frame::empty()).expect("there is room for all of them");
        }
        let thread = std::thread::spawn(move || read(source, frame_limit, &spare_frames, &sender));
        Self { events: Some(events), spare, thread: Some(thread) }
    }

    /// Waits for what comes next. After the end there is nothing but the end.
    pub fn next_event(&self) -> Event {
        let next = self.events.as_ref().and_then(|events| events.recv().ok());
        next.unwrap_or(Event::End(None))
    }

    /// Takes a frame back.
    pub fn recycle(&self, frame: Frame) {
        // There is room for every frame that was handed out.
        let _ = self.spare.try_send(frame);
    }

    /// Where another thread hands frames back.
    #[must_use]
    pub fn recycler(&self) -> Sender<Frame> {
        self.spare.clone()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.events = None;
        // Frees the thread if it waits for a frame to fill.
        self.recycle(Frame::empty());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(mut source: Box<dyn Source>, frame_limit: u64, spare: &Receiver<Frame>, events: &Sender<Event>) {
    let mut frames = 0;
    let tell = |source: &mut dyn Source| {
        std::iter::from_fn(|| source.notice()).all(|notice| events.send(Event::Notice(notice)).is_ok())
    };
    while frames < frame_limit {
        let Ok(mut frame) = spare.recv() else { return };
        let event = loop {
            let next = source.next_frame(&mut frame);
            if !tell(&mut *source) {
                return;
            }
            match next {
                Ok(Step::Frame) => break Event::Frame(frame),
                Ok(Step::End) => break Event::End(None),
                Err(error) if error.is_recoverable() => {
                    if events.send(Event::Skipped(error)).is_err() {
                        return;
                    }
                }
                Err(error) => break Event::End(Some(error)),
            }
        };
        frames += 1;
        let ended = matches!(event, Event::End(_));
        if events.send(event).is_err() || ended {
            return;
        }
    }
}
