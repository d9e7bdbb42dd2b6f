//! The rows of one frame.

use std::ops::Range;

/// Values of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Row<'a> {
    /// One 32-bit float a channel.
    Float32(&'a [f32]),
    /// One 64-bit float a channel.
    Double64(&'a [f64]),
}

/// What one frame adds to the streams of its camera: at most one row each, all with one timestamp.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FrameRows {
    /// Capture time in seconds on the LSL clock.
    pub timestamp: f64,
    floats: Vec<f32>,
    doubles: Vec<f64>,
    /// Stream, and where its values lie in `floats`.
    float_rows: Vec<(usize, Range<usize>)>,
    /// Stream, and where its values lie in `doubles`.
    double_rows: Vec<(usize, Range<usize>)>,
}

impl FrameRows {
    /// No rows yet.
    pub(crate) fn at(timestamp: f64) -> Self {
        Self { timestamp, ..Self::default() }
    }

    /// The rows, each with the index of its stream among the camera's streams.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Row<'_>)> {
        let floats =
            self.float_rows.iter().map(|(stream, at)| (*stream, Row::Float32(&self.floats[at.clone()])));
        let doubles =
            self.double_rows.iter().map(|(stream, at)| (*stream, Row::Double64(&self.doubles[at.clone()])));
        floats.chain(doubles)
    }

    /// Adds a row of floats, which `append` writes behind those that there are.
    pub(crate) fn push_row(&mut self, stream: usize, append: impl FnOnce(&mut Vec<f32>)) {
        let start = self.floats.len();
        append(&mut self.floats);
        self.float_rows.push((stream, start..self.floats.len()));
    }

    /// Adds a row of doubles.
    pub(crate) fn push_doubles(&mut self, stream: usize, values: impl IntoIterator<Item = f64>) {
        let start = self.doubles.len();
        self.doubles.extend(values);
        self.double_rows.push((stream, start..self.doubles.len()));
    }
}
