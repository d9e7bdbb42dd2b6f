//! Where a face was seen, and which face of another time it may be.

use mien_face::{Face, FrameFaces};

/// Where a face was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting {
    /// Its track.
    pub track_id: u32,
    /// Width and height of the frame in pixels.
    pub frame_size: [u32; 2],
    /// Centre of its box in pixels of the frame.
    pub center: [f32; 2],
    /// Longer side of its box in pixels of the frame.
    pub size: f32,
}

impl Sighting {
    /// Where `frame` shows `face`.
    #[must_use]
    pub fn new(frame: &FrameFaces, face: &Face) -> Self {
        Self {
            track_id: face.track_id,
            frame_size: [frame.frame_width, frame.frame_height],
            center: face.bounds.center(),
            size: face.bounds.width().max(face.bounds.height()),
        }
    }

    /// Distance to another face in sizes of this one; infinite in a frame of another size, where places cannot be
    /// compared.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f32 {
        if self.frame_size != other.frame_size {
            return f32::INFINITY;
        }
        let [dx, dy] = [other.center[0] - self.center[0], other.center[1] - self.center[1]];
        dx.hypot(dy) / self.size.max(f32::MIN_POSITIVE)
    }

    /// Whether a later face may be this one, by its place: it is within this one's own size.
    #[must_use]
    pub fn is_near(&self, other: &Self) -> bool {
        self.distance(other) < 1.0
    }
}

/// Tracks of `before` and of `present` that are the same face by their place: each face of `before` goes on as the
/// one that is near it, provided that neither has another so near. Of the others nothing is known.
#[must_use]
pub fn same_by_place(before: &[Sighting], present: &[Sighting]) -> Vec<(u32, u32)> {
    let successor = |now: &Sighting| {
        let mut near = before.iter().filter(|then| then.is_near(now));
        let (then, is_only_one) = (near.next()?, near.next().is_none());
        let rivals = present.iter().filter(|other| then.is_near(other)).count() - 1;
        (is_only_one && rivals == 0).then_some((then.track_id, now.track_id))
    };
    present.iter().filter_map(successor).collect()
}
