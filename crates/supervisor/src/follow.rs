//! Readers that stay with a camera through the lives of its worker.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mien_ring::{
    FacesEntry, FacesReader, PreviewPicture, PreviewReader, RingError, open_faces, open_preview,
};

use crate::status::{RingPaths, Shared};

/// What a follower read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// Which life of the worker it comes from: frame numbers begin anew with each, and no track goes on.
    pub epoch: u64,
    /// Entries of this life between the one before and this one that were not read.
    pub missed: u64,
}

/// How long a follower without a ring sleeps before it looks for one.
const LOOK: Duration = Duration::from_millis(20);

/// The ring that is followed now.
struct Following<R> {
    shared: Arc<Shared>,
    reader: Option<R>,
    epoch: Option<u64>,
    /// Missed in earlier lives.
    missed: u64,
}

impl<R> Following<R> {
    fn new(shared: Arc<Shared>) -> Self {
        Self { shared, reader: None, epoch: None, missed: 0 }
    }

    /// Goes over to the worker's present ring; whether there is a new one. What is left in the old one
    /// has been read by then.
    fn go_over(
        &mut self,
        path: impl Fn(&RingPaths) -> &Path,
        open: impl Fn(&Path) -> Result<R, RingError>,
        missed: impl Fn(&R) -> u64,
    ) -> bool {
        let rings = self.shared.rings();
        let Some(paths) = rings.as_ref().filter(|paths| Some(paths.epoch) != self.epoch) else {
            return false;
        };
        // Just removed, for the worker has died again: the next look finds its successor's.
        let Ok(reader) = open(path(paths)) else { return false };
        self.missed += self.reader.as_ref().map_or(0, missed);
        self.reader = Some(reader);
        self.epoch = Some(paths.epoch);
        true
    }
}

/// Reads a camera's results, all of them in order, from one worker to the next.
pub struct FacesFollower(Following<FacesReader>);

impl FacesFollower {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(Following::new(shared))
    }

    /// Copies the next result; nothing when all were read. On `None` the result holds garbage.
    pub fn next(&mut self, result: &mut FacesEntry) -> Option<Followed> {
        loop {
            if let (Some(reader), Some(epoch)) = (&mut self.0.reader, self.0.epoch)
                && let Some(entry) = reader.next(result)
            {
                return Some(Followed { epoch, missed: entry.missed });
            }
            if !self.0.go_over(|paths| &paths.faces, open_faces, FacesReader::missed) {
                return None;
            }
        }
    }

    /// Counts all results that there are as read, without copying them; whether there was one.
    pub fn skip(&mut self) -> bool {
        self.0.go_over(|paths| &paths.faces, open_faces, FacesReader::missed);
        self.0.reader.as_mut().is_some_and(FacesReader::skip)
    }

    /// Sleeps until there may be a result, or the time is over.
    pub fn wait(&self, timeout: Duration) {
        match &self.0.reader {
            Some(reader) => drop(reader.wait(timeout)),
            None => std::thread::sleep(timeout.min(LOOK)),
        }
    }

    /// Results that this follower did not get, in all lives.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.0.missed + self.0.reader.as_ref().map_or(0, FacesReader::missed)
    }
}

/// Reads a camera's newest picture, from one worker to the next.
pub struct PreviewFollower(Following<PreviewReader>);

impl PreviewFollower {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(Following::new(shared))
    }

    /// Copies the newest picture into `picture` (made when there is none of the right size); nothing
    /// when it was read before.
    pub fn latest(&mut self, picture: &mut Option<PreviewPicture>) -> Option<Followed> {
        if self.0.go_over(|paths| &paths.preview, open_preview, PreviewReader::missed) {
            *picture = None;
        }
        let (reader, epoch) = (self.0.reader.as_mut()?, self.0.epoch?);
        let picture = picture.get_or_insert_with(|| reader.picture());
        let entry = reader.latest(picture)?;
        Some(Followed { epoch, missed: entry.missed })
    }

    /// Counts all pictures that there are as read, without copying them; whether there was one.
    pub fn skip(&mut self) -> bool {
        self.0.go_over(|paths| &paths.preview, open_preview, PreviewReader::missed);
        self.0.reader.as_mut().is_some_and(PreviewReader::skip)
    }

    /// Sleeps until there may be a picture, or the time is over.
    pub fn wait(&self, timeout: Duration) {
        match &self.0.reader {
            Some(reader) => drop(reader.wait(timeout)),
            None => std::thread::sleep(timeout.min(LOOK)),
        }
    }

    /// Pictures that this follower did not get, in all lives.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.0.missed + self.0.reader.as_ref().map_or(0, PreviewReader::missed)
    }
}
