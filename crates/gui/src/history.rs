//! The last seconds of one face's signals, for plots.

use std::collections::VecDeque;
use std::ops::Range;

use mien_face::{BLENDSHAPE_COUNT, Face};
use mien_outputs::{ALL, Camera, Computation, FrameFacts, OutputId, State};

/// One frame's signals of one face.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Capture time in seconds on the monotonic clock.
    pub seconds: f64,
    /// Coefficients 0–1.
    pub blendshapes: [f32; BLENDSHAPE_COUNT],
    /// The rows of all outputs that have a plot, one after another as [`plotted_outputs`] gives them.
    pub rows: Vec<f32>,
    /// Whether the face was out of view in the result before.
    follows_gap: bool,
}

/// The outputs that have a plot, and where the row of each begins in [`Sample::rows`].
pub fn plotted_outputs() -> impl Iterator<Item = (OutputId, usize)> {
    ALL.iter().filter(|output| output.plot.is_some()).scan(0, |start, &output| {
        let begins = *start;
        *start += output.channel_count();
        Some((output, begins))
    })
}

/// A window of [`Sample`]s of one face of one camera. It starts anew when the face changes.
#[derive(Debug, Default)]
pub struct History {
    track_id: u32,
    samples: VecDeque<Sample>,
    /// Capture time of the newest result, in seconds on the monotonic clock.
    now_seconds: f64,
    /// Whether the face was in the newest result.
    in_view: bool,
    /// What computes the rows of [`plotted_outputs`] of this face; nothing before the first.
    computations: Vec<Box<dyn Computation>>,
}

impl History {
    /// How far back the plots reach.
    pub const SECONDS: f64 = 20.0;

    /// Takes in one frame's face, or that it is out of view; drops what is older than [`History::SECONDS`].
    pub fn push(&mut self, camera: Camera, frame: FrameFacts, face: Option<&Face>) {
        let seconds = frame.capture_nanos as f64 * 1e-9;
        let is_another = face.is_some_and(|face| face.track_id != self.track_id);
        if is_another || seconds < self.now_seconds {
            self.samples.clear();
            self.computations.clear();
        }
        self.now_seconds = seconds;
        if let Some(face) = face {
            self.track_id = face.track_id;
            if self.computations.is_empty() {
                self.computations = plotted_outputs().map(|(output, _)| output.start()).collect();
            }
            let sample = mien_outputs::Sample { camera, frame, face: Some(face), state: State::Smoothed };
            let mut rows = Vec::new();
            self.computations.iter_mut().for_each(|computation| computation.row(&sample, &mut rows));
            self.samples.push_back(Sample {
                seconds,
                blendshapes: face.smoothed.blendshapes,
                rows,
                follows_gap: !self.in_view,
            });
        }
        self.in_view = face.is_some();
        while self.samples.front().is_some_and(|first| seconds - first.seconds > Self::SECONDS) {
            self.samples.pop_front();
        }
    }

    /// Notes that nothing is known of the face until the next result.
    pub fn interrupt(&mut self) {
        self.in_view = false;
    }

    /// The samples, oldest first.
    #[must_use]
    pub fn samples(&self) -> &VecDeque<Sample> {
        &self.samples
    }

    /// Places of the samples between which the face was never out of view, oldest first.
    #[must_use]
    pub fn runs(&self) -> Vec<Range<usize>> {
        let count = self.samples.len();
        let gaps = (1..count).filter(|&place| self.samples[place].follows_gap);
        let mut begin = 0;
        let ends = gaps.chain((count > 0).then_some(count));
        ends.map(|end| std::mem::replace(&mut begin, end)..end).collect()
    }

    /// Capture time of the newest result, with the face or without, in seconds on the monotonic clock.
    #[must_use]
    pub fn now_seconds(&self) -> f64 {
        self.now_seconds
    }

    /// The face that the samples belong to; 0 before the first.
    #[must_use]
    pub fn track_id(&self) -> u32 {
        self.track_id
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(history: &mut History, capture_nanos: i64, face: Option<&Face>) {
        history.push(Camera::default(), FrameFacts { capture_nanos, ..FrameFacts::default() }, face);
    }

    #[test]
    fn time_goes_on_and_the_course_is_broken_while_the_face_is_out_of_view() {
        let mut frame = mien_face::FrameFaces::boxed();
        let face = &mut frame.faces[0];
        face.track_id = 3;
        let mut history = History::default();
        assert_eq!(history.runs(), []);
        for (second, in_view) in [true, true, false, false, true, false, true, true].into_iter().enumerate() {
            push(&mut history, second as i64 * 1_000_000_000, in_view.then_some(face));
        }
        assert_eq!(history.runs(), [0..2, 2..3, 3..5]);
        push(&mut history, 21_500_000_000, None);
        assert_eq!((history.now_seconds(), history.samples().len(), history.track_id()), (21.5, 3, 3));
        assert_eq!(history.runs(), [0..1, 1..3], "what is left of the runs");
        push(&mut history, 60_000_000_000, None);
        assert!(history.samples().is_empty() && history.runs().is_empty());
    }

    #[test]
    fn another_face_or_an_earlier_time_starts_anew() {
        let mut frame = mien_face::FrameFaces::boxed();
        let mut history = History::default();
        for (track_id, millis) in [(3, 5000), (3, 5033), (4, 5066), (4, 5099), (4, 100)] {
            frame.faces[0].track_id = track_id;
            push(&mut history, millis * 1_000_000, Some(&frame.faces[0]));
            let is_first = matches!((track_id, millis), (3, 5000) | (4, 5066 | 100));
            assert_eq!(history.samples().len(), if is_first { 1 } else { 2 }, "{millis}");
        }
    }
}
