//! Channels and the rows that have their values.

use crate::{Channel, Sample};

/// Channels of an output, and how their values are computed; `S` is what is kept from frame to frame (`()`: nothing).
///
/// A camera has one `S` for each output and state. What belongs to one face is kept in it by `track_id`.
pub struct Values<const N: usize, S = ()> {
    /// Channel `0..N`.
    pub channel: fn(usize) -> Channel,
    /// What is kept before the first frame.
    pub start: fn() -> S,
    /// The values of the channels. It is called for frames in which there is a face; with `without_face` for all.
    pub row: fn(&mut S, &Sample<'_>) -> [f32; N],
    /// Whether something can be said without a face. Otherwise every value is NaN then.
    pub without_face: bool,
}

/// [`Values`] of any number and state.
pub trait AnyValues: Sync {
    /// Number of channels.
    fn count(&self) -> usize;
    /// One of them; panics from [`count`](Self::count) on.
    fn channel(&self, channel: usize) -> Channel;
    /// Begins to compute rows for one camera.
    fn start(&self) -> Box<dyn Computation>;
}

/// Computes the rows of an output for one camera, frame after frame.
pub trait Computation: Send {
    /// Appends the values of the output's channels.
    fn row(&mut self, sample: &Sample<'_>, row: &mut Vec<f32>);
}

impl std::fmt::Debug for dyn Computation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Computation")
    }
}

impl<const N: usize> Values<N> {
    /// Values that depend on the present frame alone, of a face.
    #[must_use]
    pub const fn of_face(channel: fn(usize) -> Channel, row: fn(&mut (), &Sample<'_>) -> [f32; N]) -> Self {
        Self { channel, start: || (), row, without_face: false }
    }
}

impl<const N: usize, S: Send + 'static> AnyValues for Values<N, S> {
    fn count(&self) -> usize {
        N
    }

    fn channel(&self, channel: usize) -> Channel {
        assert!(channel < N, "the output has {N} channels");
        (self.channel)(channel)
    }

    fn start(&self) -> Box<dyn Computation> {
        Box::new(Running { kept: (self.start)(), row: self.row, without_face: self.without_face })
    }
}

struct Running<const N: usize, S> {
    kept: S,
    row: fn(&mut S, &Sample<'_>) -> [f32; N],
    without_face: bool,
}

impl<const N: usize, S: Send> Computation for Running<N, S> {
    fn row(&mut self, sample: &Sample<'_>, row: &mut Vec<f32>) {
        if sample.face.is_some() || self.without_face {
            row.extend((self.row)(&mut self.kept, sample));
        } else {
            row.extend([f32::NAN; N]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use mien_face::FrameFaces;

    use super::*;
    use crate::{Camera, FrameFacts, State, Unit};

    /// Frames in which each face was seen so far: an output that needs state.
    static SEEN: Values<1, HashMap<u32, u32>> = Values {
        channel: |_| Channel::new("seen", "Count", Unit::Frames),
        start: HashMap::new,
        row: |seen, sample| {
            let count = seen.entry(sample.face.map_or(0, |face| face.track_id)).or_default();
            *count += 1;
            [*count as f32]
        },
        without_face: false,
    };

    #[test]
    fn state_is_kept_for_each_camera_and_no_face_is_nan() {
        let mut frame = FrameFaces::boxed();
        (frame.faces[0].track_id, frame.faces[1].track_id) = (1, 2);
        let (camera, facts) = (Camera::default(), FrameFacts::default());
        let (mut one, mut other) = (SEEN.start(), SEEN.start());
        let mut row = Vec::new();
        for place in [0, 1, 0] {
            let face = Some(&frame.faces[place]);
            one.row(&Sample { camera, frame: facts, face, state: State::Measured }, &mut row);
        }
        one.row(&Sample::without_face(camera, facts), &mut row);
        assert_eq!(row[..3], [1.0, 1.0, 2.0]);
        assert!(row[3].is_nan());
        row.clear();
        other.row(
            &Sample { camera, frame: facts, face: Some(&frame.faces[0]), state: State::Measured },
            &mut row,
        );
        assert_eq!(row, [1.0]);
    }
}
