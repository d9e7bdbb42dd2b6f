//! Face identities through misses and crossings; temporal filters.
//!
//! A [`Tracker`] remembers who is where: it predicts each face's place, pairs what a detector sees with
//! the faces in view, recognises a face that comes back after an absence, and settles which of two
//! tracks is real when both end up on one face. [`OneEuroFilter`] calms the numbers of one face.

mod appearance;
mod motion;
mod one_euro;
mod tracker;

pub use appearance::Appearance;
pub use motion::{Motion, is_same_face};
pub use one_euro::{OneEuroFilter, OneEuroParameters};
pub use tracker::{LOST_TRACKS, Track, TrackState, Tracker};
