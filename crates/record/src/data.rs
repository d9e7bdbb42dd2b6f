//! The thread that writes `data.xdf`.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use mien_clock::{monotonic_nanos, seconds};
use mien_folder::Folder;
use mien_stream::{FrameRows, Row, StreamDescription};
use mien_xdf::{Element, FileSink, FlushPolicy, StreamId, StreamTotals, Writer, XdfError};

use crate::disk::{DiskLimits, free_bytes};
use crate::session::{RecordState, RecordStatus};
use crate::{DATA_FILE, RecordError};

/// How often the writer does what is due while no rows come.
const TICK: Duration = Duration::from_millis(100);
/// How often it is looked whether the file still has its name.
const PLACE_INTERVAL: Duration = Duration::from_millis(250);
/// How often free space is looked at.
const DISK_INTERVAL: Duration = Duration::from_secs(1);

/// What the thread is given.
pub(crate) enum DataMessage {
    /// Rows of a camera.
    Rows(usize, Arc<FrameRows>),
    /// A marker: timestamp in seconds, text.
    Marker(f64, String),
}

/// What became of the file.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// What each stream holds, markers first.
    pub totals: Vec<StreamTotals>,
    /// Whether every footer is in it.
    pub is_closed: bool,
}

/// Owns `data.xdf`.
pub(crate) struct DataWriter {
    folder: Arc<Folder>,
    writer: Writer<FileSink>,
    markers: StreamId,
    cameras: Vec<Vec<StreamId>>,
    limits: DiskLimits,
    next_disk_look: Instant,
    next_place_look: Instant,
    status: Arc<Mutex<RecordStatus>>,
}

impl DataWriter {
    /// Makes the file and writes every stream's header.
    pub fn create(
        folder: Arc<Folder>,
        markers: &StreamDescription,
        cameras: &[Vec<StreamDescription>],
        limits: DiskLimits,
        status: Arc<Mutex<RecordStatus>>,
    ) -> Result<Self, RecordError> {
        let now = seconds(monotonic_nanos());
        let details = [
            Element::text("software", "Mien"),
            Element::text("software_version", env!("CARGO_PKG_VERSION")),
            Element::text("datetime", crate::session_file::rfc3339(mien_clock::unix_nanos())),
        ];
        let sink = FileSink::create_in(&folder, DATA_FILE.as_ref())?;
        let mut writer = Writer::new(sink, &details, FlushPolicy::default(), now)?;
        let markers = writer.add_stream(markers, now)?;
        let cameras = cameras
            .iter()
            .map(|streams| streams.iter().map(|stream| writer.add_stream(stream, now)).collect())
            .collect::<Result<_, _>>()?;
        let (next_disk_look, next_place_look) = (Instant::now(), Instant::now());
        Ok(Self { folder, writer, markers, cameras, limits, next_disk_look, next_place_look, status })
    }

    /// Writes what comes until the sender is gone or nothing more can be written.
    pub fn run(mut self, messages: &Receiver<DataMessage>) -> Written {
        loop {
            let written = match messages.recv_timeout(TICK) {
                Ok(message) => self.write(&message),
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => return self.finish(RecordState::Finished),
            };
            let written = written.and_then(|()| self.writer.tick(seconds(monotonic_nanos())));
            if let Err(error) = written {
                return self.finish(RecordState::Failed(error.to_string()));
            }
            if Instant::now() >= self.next_place_look {
                self.next_place_look = Instant::now() + PLACE_INTERVAL;
                if let Some(reason) = self.what_became_of_it() {
                    return self.finish(RecordState::Failed(reason));
                }
            }
            if Instant::now() >= self.next_disk_look {
                self.next_disk_look = Instant::now() + DISK_INTERVAL;
                if let Some(reason) = self.look_at_disk() {
                    return self.finish(RecordState::Failed(reason));
                }
            }
        }
    }

    fn write(&mut self, message: &DataMessage) -> Result<(), XdfError> {
        match message {
            DataMessage::Rows(camera, rows) => {
                let Some(streams) = self.cameras.get(*camera) else { return Ok(()) };
                for (stream, row) in rows.iter() {
                    let Some(&stream) = streams.get(stream) else { continue };
                    match row {
                        Row::Float32(values) => self.writer.push_f32(stream, rows.timestamp, values)?,
                        Row::Double64(values) => self.writer.push_f64(stream, rows.timestamp, values)?,
                    }
                }
                self.status.lock().expect("no holder panics").frames += 1;
                Ok(())
            }
            DataMessage::Marker(timestamp, text) => self.writer.push_text(self.markers, *timestamp, &[text]),
        }
    }

    /// Whether somebody has removed or moved what is written to: then nobody would find it.
    fn what_became_of_it(&self) -> Option<String> {
        let folder = self.folder.path().display();
        if !self.folder.is_in_place() {
            return Some(format!("{folder} was removed or moved while it was being recorded"));
        }
        let is_there = self.folder.is_there(DATA_FILE, self.writer.sink().file());
        (!is_there).then(|| {
            format!("{folder}/{DATA_FILE} was removed, moved or replaced while it was being recorded")
        })
    }

    /// Why recording has to stop, if it has to.
    fn look_at_disk(&mut self) -> Option<String> {
        // A system that cannot say how much is free will say when nothing is.
        let free = free_bytes(self.folder.path()).ok()?;
        let mut status = self.status.lock().expect("no holder panics");
        status.free_bytes = free;
        status.disk_low = free < self.limits.warn_bytes;
        (free < self.limits.stop_bytes).then(|| {
            format!(
                "recording stopped with {} MB free on the disk of {}, so that its files could be closed",
                free / 1_000_000,
                self.folder.path().display()
            )
        })
    }

    /// Writes the footers; a file that takes no more is left for `mien session check`.
    fn finish(self, mut state: RecordState) -> Written {
        if let (RecordState::Finished, Some(reason)) = (&state, self.what_became_of_it()) {
            state = RecordState::Failed(reason);
        }
        let so_far: Vec<_> = self.writer.totals().map(|(_, totals)| totals.clone()).collect();
        let (totals, is_closed) = match self.writer.finish() {
            Ok((_, totals)) => (totals, true),
            Err(error) => {
                // The first failure says more than those that follow from it.
                if !matches!(state, RecordState::Failed(_)) {
                    state = RecordState::Failed(error.to_string());
                }
                (so_far, false)
            }
        };
        self.status.lock().expect("no holder panics").state = state;
        Written { totals, is_closed }
    }
}
