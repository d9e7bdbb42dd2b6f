//! Recording on a thread of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mien_config::{PrivacyKind, VideoKind};
use mien_control::{VideoPlan, VideoStatus};
use mien_face::{FaceBox, Frame, FrameFaces, PixelFormat};
use mien_ffmpeg::{Codec, hardware_encoder};

use super::part::{Part, settings};
use super::privacy::{CONCEALED_FORMAT, Concealer};
use super::sightings::Seen;
use crate::RecordError;

/// Frames that may wait for the encoder: half a second at 30 fps.
const QUEUED_FRAMES: usize = 16;
/// Frames of which is known what was seen, while the recording thread waits for its encoder: minutes.
const MOST_SEEN: usize = 8192;
/// Most files that are begun after ffmpeg died, before giving up.
const MOST_RESTARTS: u32 = 3;

/// The encoder of a kind of video.
pub(crate) fn codec(kind: VideoKind, hardware: bool) -> Codec {
    match kind {
        VideoKind::Ffv1 => Codec::Ffv1,
        VideoKind::H264 | VideoKind::None => {
            hardware.then(hardware_encoder).flatten().map_or(Codec::H264Live, Codec::Hardware)
        }
    }
}

struct Job {
    frame: Frame,
    /// Only where faces are to be hidden.
    faces: Option<Box<FrameFaces>>,
}

/// Records the frames of one camera; never blocks its caller.
pub struct VideoRecorder {
    jobs: Option<Sender<Job>>,
    oldest: Receiver<Job>,
    spare: Receiver<Job>,
    /// What was seen in the frames that the recording thread has not come to, those too that were dropped since;
    /// only where faces are to be hidden.
    seen: Option<Arc<Mutex<VecDeque<Seen>>>>,
    status: Arc<Mutex<VideoStatus>>,
    thread: Option<JoinHandle<()>>,
}

impl VideoRecorder {
    /// Begins; the file is made with the first frame. Whatever goes wrong later shows in the
    /// [`status`](Self::status).
    ///
    /// # Errors
    /// When the camera's name cannot be part of a file name, or the system refuses a thread.
    pub fn start(plan: VideoPlan) -> Result<Self, RecordError> {
        crate::check_name("camera", &plan.camera)?;
        let (jobs, queue) = bounded(QUEUED_FRAMES);
        let (back, spare) = bounded(QUEUED_FRAMES + 2);
        let oldest = queue.clone();
        let status = Arc::new(Mutex::new(VideoStatus::default()));
        let seen = (plan.privacy != PrivacyKind::Full).then(Arc::default);
        let folder = plan.folder.clone();
        let mut writer = Writer::new(plan, Arc::clone(&status), seen.clone());
        let thread = std::thread::Builder::new()
            .name("video".to_owned())
            .spawn(move || {
                yield_to_others();
                for job in &queue {
                    writer.take(&job);
                    let _ = back.try_send(job);
                }
                writer.finish();
            })
            .map_err(RecordError::io("start a thread to record into", &folder))?;
        Ok(Self { jobs: Some(jobs), oldest, spare, seen, status, thread: Some(thread) })
    }

    /// Whether faces are hidden: then frames are to come through [`push_looked_at`](Self::push_looked_at).
    #[must_use]
    pub fn hides_faces(&self) -> bool {
        self.seen.is_some()
    }

    /// Adds a frame with what was tracked in it. A full queue drops its oldest frame.
    ///
    /// Where faces are to be hidden, those are that were found in the frames before, wider and wider; without a frame
    /// that was looked at before, all of the picture is.
    pub fn push(&self, frame: &Frame, faces: &FrameFaces) {
        self.enqueue(frame, faces, None);
    }

    /// Adds a frame with what was tracked in it, and the boxes, in pixels of the frame, of everything that may be a
    /// face. A full queue drops its oldest frame; what was seen in it counts for the others.
    pub fn push_looked_at(&self, frame: &Frame, faces: &FrameFaces, possible: &[FaceBox]) {
        self.enqueue(frame, faces, Some(possible));
    }

    fn enqueue(&self, frame: &Frame, faces: &FrameFaces, possible: Option<&[FaceBox]>) {
        let Some(jobs) = &self.jobs else { return };
        let mut job = self.spare.try_recv().unwrap_or_else(|_| Job { frame: Frame::empty(), faces: None });
        job.frame.clone_from(frame);
        if let Some(seen) = &self.seen {
            let mut seen = seen.lock().expect("no holder panics");
            if seen.len() == MOST_SEEN {
                seen.pop_front();
            }
            seen.push_back(Seen::new(faces, possible));
            **job.faces.get_or_insert_with(FrameFaces::boxed) = *faces;
        }
        while let Err(TrySendError::Full(refused)) = jobs.try_send(job) {
            if self.oldest.try_recv().is_ok() {
                self.status.lock().expect("no holder panics").dropped_frames += 1;
            }
            job = refused;
        }
    }

    /// Lets it come to its end without waiting: what is queued is encoded and the file completed on the
    /// recording's own thread; the status says when that is done.
    pub fn finish(&mut self) {
        self.jobs = None;
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> VideoStatus {
        self.status.lock().expect("no holder panics").clone()
    }

    /// Encodes what is queued, completes the file, and says how it went.
    #[must_use]
    pub fn stop(mut self) -> VideoStatus {
        self.end();
        self.status()
    }

    fn end(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for VideoRecorder {
    fn drop(&mut self) {
        self.end();
    }
}

/// Lets the threads that capture and track have the processor first.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        // On Linux a thread's number stands for that thread alone. A courtesy: without it the video is
        // recorded all the same.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 5);
    }
}

/// Lives on the recording thread.
struct Writer {
    plan: VideoPlan,
    status: Arc<Mutex<VideoStatus>>,
    codec: Option<Codec>,
    /// Where faces are to be hidden; no picture gets past it.
    concealer: Option<Concealer>,
    seen: Option<Arc<Mutex<VecDeque<Seen>>>>,
    part: Option<Part>,
    restarts: u32,
    tight: Frame,
}

impl Writer {
    fn new(
        plan: VideoPlan,
        status: Arc<Mutex<VideoStatus>>,
        seen: Option<Arc<Mutex<VecDeque<Seen>>>>,
    ) -> Self {
        let concealer = seen.as_ref().map(|_| Concealer::new(plan.privacy, plan.vertical_fov_deg));
        Self { plan, status, codec: None, concealer, seen, part: None, restarts: 0, tight: Frame::empty() }
    }

    fn take(&mut self, job: &Job) {
        if let Some(mut concealer) = self.concealer.take() {
            self.conceal(&mut concealer, job);
            self.concealer = Some(concealer);
            return;
        }
        let frame = &job.frame;
        let row_bytes = frame.format.row_bytes(frame.width);
        if frame.view().is_err() {
            return;
        }
        if frame.stride == row_bytes && frame.pixels.len() == row_bytes * frame.format.rows(frame.height) {
            let form = (frame.width, frame.height, frame.format);
            self.write(form, &frame.pixels, frame.frame_index, frame.capture_nanos);
        } else {
            self.write_tight(frame);
        }
    }

    fn conceal(&mut self, concealer: &mut Concealer, job: &Job) {
        if let Some(seen) = &self.seen {
            seen.lock().expect("no holder panics").drain(..).for_each(|seen| concealer.see(seen));
        }
        if let (Ok(view), Some(faces)) = (job.frame.view(), &job.faces) {
            concealer.add(&view, faces);
        }
        self.write_concealed(concealer, false);
    }

    fn write_concealed(&mut self, concealer: &mut Concealer, flush: bool) {
        while let Some(picture) = concealer.next(flush) {
            let form = (picture.width, picture.height, CONCEALED_FORMAT);
            self.write(form, &picture.rgb, picture.frame_index, picture.capture_nanos);
        }
    }

    /// Writes a frame whose rows have something behind them.
    fn write_tight(&mut self, frame: &Frame) {
        let mut tight = std::mem::replace(&mut self.tight, Frame::empty());
        tight.reshape(frame.width, frame.height, frame.format);
        for (to, from) in tight.pixels.chunks_exact_mut(tight.stride).zip(frame.pixels.chunks(frame.stride)) {
            to.copy_from_slice(&from[..to.len()]);
        }
        let form = (frame.width, frame.height, frame.format);
        self.write(form, &tight.pixels, frame.frame_index, frame.capture_nanos);
        self.tight = tight;
    }

    fn write(&mut self, form: (u32, u32, PixelFormat), pixels: &[u8], frame_index: u64, capture_nanos: i64) {
        if self.status.lock().expect("no holder panics").failed {
            return;
        }
        if self.part.as_ref().is_some_and(|part| !part.takes(form.0, form.1, form.2)) {
            self.close_part();
        }
        let added = match self.part.as_mut() {
            Some(part) => part.add(pixels, frame_index, capture_nanos),
            None => self.begin_part(form).and_then(|part| part.add(pixels, frame_index, capture_nanos)),
        };
        match added {
            Ok(()) => self.status.lock().expect("no holder panics").frames += 1,
            Err(error) => self.fail(&error),
        }
    }

    fn begin_part(&mut self, form: (u32, u32, PixelFormat)) -> Result<&mut Part, RecordError> {
        let plan = &self.plan;
        let codec = self.codec.get_or_insert_with(|| codec(plan.kind, plan.hardware)).clone();
        let encoder = codec.name();
        let part = Part::create(&plan.folder, &plan.camera, settings(form, plan.rate_hz, codec))?;
        let mut status = self.status.lock().expect("no holder panics");
        status.file = Some(part.path().to_owned());
        status.encoder = encoder.to_owned();
        status.encoder_process = Some(part.process_id());
        status.parts += 1;
        drop(status);
        Ok(self.part.insert(part))
    }

    /// Notes what went wrong; the next frame begins a new part, unless it has gone wrong too often.
    fn fail(&mut self, error: &RecordError) {
        self.part = None;
        self.restarts += 1;
        let mut status = self.status.lock().expect("no holder panics");
        status.problem = Some(error.to_string());
        status.encoder_process = None;
        status.failed = self.restarts > MOST_RESTARTS;
    }

    fn close_part(&mut self) {
        if let Some(part) = self.part.take()
            && let Err(error) = part.finish()
        {
            self.status.lock().expect("no holder panics").problem = Some(error.to_string());
        }
    }

    fn finish(&mut self) {
        if let Some(mut concealer) = self.concealer.take() {
            self.write_concealed(&mut concealer, true);
        }
        self.close_part();
        let mut status = self.status.lock().expect("no holder panics");
        status.encoder_process = None;
        status.finished = true;
    }
}
