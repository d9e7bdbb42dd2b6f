//! One camera's pictures and results on their way to the screen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mien_face::FrameFaces;
use mien_gui::PreviewImage;
use mien_ring::{FacesEntry, PreviewHeader, PreviewPicture};
use mien_supervisor::{FacesFollower, PreviewFollower, SupervisorError, SupervisorHandle};

/// How long a waking thread waits for a picture before it looks for results without one.
const LOOK: Duration = Duration::from_millis(100);

/// Wakes the window, from any thread.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// Readers of one camera.
pub(crate) struct CameraFeed {
    pub(crate) name: String,
    preview: PreviewFollower,
    picture: Option<PreviewPicture>,
    faces: FacesFollower,
    entry: Box<FacesEntry>,
    gone: Arc<AtomicBool>,
}

impl CameraFeed {
    /// Follows a camera, and wakes the window whenever it has something new.
    pub(crate) fn start(
        supervisor: &SupervisorHandle,
        camera: &str,
        wake: Wake,
    ) -> Result<Self, SupervisorError> {
        let gone = Arc::new(AtomicBool::new(false));
        let (pictures, results) = (supervisor.preview(camera)?, supervisor.faces(camera)?);
        let ended = Arc::clone(&gone);
        let thread = std::thread::Builder::new().name(format!("wake {camera}"));
        thread
            .spawn(move || wake_on_news(pictures, results, &wake, &ended))
            .map_err(|source| SupervisorError::Thread { name: camera.to_owned(), source })?;
        Ok(Self {
            name: camera.to_owned(),
            preview: supervisor.preview(camera)?,
            picture: None,
            faces: supervisor.faces(camera)?,
            entry: FacesEntry::boxed(),
            gone,
        })
    }

    /// Copies the newest picture when there is one that was not copied before.
    pub(crate) fn take_preview(&mut self, into: &mut PreviewImage) -> bool {
        if self.preview.latest(&mut self.picture).is_none() {
            return false;
        }
        let Some(picture) = &self.picture else { return false };
        into.width = picture.header.width as usize;
        into.height = picture.header.height as usize;
        into.rgb.clear();
        into.rgb.extend_from_slice(picture.rgb());
        overlay(&picture.header, &mut into.faces);
        true
    }

    /// When the newest result's frame was captured, on the monotonic clock; 0 before the first.
    pub(crate) fn newest_nanos(&self) -> i64 {
        self.entry.frame.capture_nanos
    }

    /// Copies the newest result when there is one that was not copied before.
    pub(crate) fn take_faces(&mut self, into: &mut FrameFaces) -> bool {
        let mut any = false;
        while self.faces.next(&mut self.entry).is_some() {
            into.clone_from(&self.entry.frame);
            any = true;
        }
        any
    }
}

impl Drop for CameraFeed {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// Wakes the window for each picture, which comes a moment after its result: a window that was painted for the
/// result would show the picture before it. Where pictures are slower than results it is woken for those.
fn wake_on_news(mut pictures: PreviewFollower, mut results: FacesFollower, wake: &Wake, gone: &AtomicBool) {
    while !gone.load(Ordering::Relaxed) {
        pictures.wait(LOOK);
        // Both are asked, so that neither is news again.
        if pictures.skip() | results.skip() {
            wake();
        }
    }
}

/// The faces that travel with a picture, as the window draws them.
fn overlay(header: &PreviewHeader, into: &mut FrameFaces) {
    into.frame_index = header.frame_index;
    into.capture_nanos = header.capture_nanos;
    into.frame_width = header.frame_width;
    into.frame_height = header.frame_height;
    let seen = header.faces();
    into.face_count = seen.len() as u32;
    for (face, seen) in into.faces.iter_mut().zip(seen) {
        face.track_id = seen.track_id;
        face.score = seen.score;
        face.bounds = seen.bounds;
        face.smoothed.pose = seen.pose;
        for (landmark, [x, y]) in face.smoothed.landmarks.iter_mut().zip(seen.landmarks) {
            *landmark = [x, y, 0.0];
        }
    }
}
