//! A z-buffered triangle rasteriser.
//!
//! Values given at the corners are interpolated linearly on the screen; the heads' triangles are small
//! against their distance, so that perspective correction would change nothing that can be seen.

/// A projected corner of a triangle, with the values that the paint function gets interpolated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Corner<const N: usize> {
    /// Samples from the left and upper edge of the canvas.
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// 1 / distance in 1/cm; 0 or less when the corner is not in front of the camera.
    pub(crate) inverse_depth: f32,
    pub(crate) values: [f32; N],
}

/// Colour and depth of every sample.
#[derive(Debug)]
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    /// 1 / distance; 0 where nothing was drawn.
    inverse_depth: Vec<f32>,
    color: Vec<[u8; 4]>,
    /// Drawn columns of each row, `start..end`.
    drawn: Vec<(usize, usize)>,
}

const NOTHING: (usize, usize) = (usize::MAX, 0);

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            inverse_depth: vec![0.0; width * height],
            color: vec![[0; 4]; width * height],
            drawn: vec![NOTHING; height],
        }
    }

    /// Forgets what was drawn; touches only the samples that were.
    pub(crate) fn clear(&mut self) {
        for (row, drawn) in self.drawn.iter_mut().enumerate() {
            if drawn.0 < drawn.1 {
                self.inverse_depth[row * self.width + drawn.0..row * self.width + drawn.1].fill(0.0);
            }
            *drawn = NOTHING;
        }
    }

    /// The columns of a row between which something was drawn.
    pub(crate) fn drawn(&self, row: usize) -> std::ops::Range<usize> {
        let (start, end) = self.drawn[row];
        start.min(end)..end
    }

    /// The colour at a sample, if something was drawn there.
    pub(crate) fn sample(&self, column: usize, row: usize) -> Option<[u8; 4]> {
        let index = row * self.width + column;
        (self.inverse_depth[index] > 0.0).then(|| self.color[index])
    }

    /// Distance in cm of what was drawn at a sample.
    pub(crate) fn depth_cm(&self, column: usize, row: usize) -> Option<f32> {
        let inverse = self.inverse_depth[row * self.width + column];
        (inverse > 0.0).then(|| 1.0 / inverse)
    }

    /// Draws a triangle that is counter-clockwise as seen; the others face away and are left out.
    pub(crate) fn triangle<const N: usize>(
        &mut self,
        corners: [&Corner<N>; 3],
        paint: impl Fn(&[f32; N]) -> [u8; 3],
    ) {
        let [a, b, c] = corners;
        if a.inverse_depth <= 0.0 || b.inverse_depth <= 0.0 || c.inverse_depth <= 0.0 {
            return;
        }
        // Twice the area; negative for counter-clockwise, because y points down.
        let area = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
        if area.is_nan() || area > -1e-6 {
            return;
        }
        let lowest = a.y.min(b.y).min(c.y);
        let highest = a.y.max(b.y).max(c.y);
        let first = (lowest - 0.5).ceil().max(0.0) as usize;
        let end = ((highest - 0.5).ceil().max(0.0) as usize).min(self.height);
        let leftmost = a.x.min(b.x).min(c.x);
        let rightmost = a.x.max(b.x).max(c.x);
        if first >= end || rightmost < 0.0 || leftmost > self.width as f32 {
            return;
        }
        let gradient = |va: f32, vb: f32, vc: f32| {
            let (db, dc) = (vb - va, vc - va);
            [(db * (c.y - a.y) - dc * (b.y - a.y)) / area, (dc * (b.x - a.x) - db * (c.x - a.x)) / area]
        };
        let depth_step = gradient(a.inverse_depth, b.inverse_depth, c.inverse_depth);
        let steps: [[f32; 2]; N] = std::array::from_fn(|i| gradient(a.values[i], b.values[i], c.values[i]));
        for row in first..end {
            let y = row as f32 + 0.5;
            let Some((start, stop)) = row_span([(a.x, a.y), (b.x, b.y), (c.x, c.y)], y, self.width) else {
                continue;
            };
            let (dx, dy) = (start as f32 + 0.5 - a.x, y - a.y);
            let mut depth = a.inverse_depth + dx * depth_step[0] + dy * depth_step[1];
            let mut values: [f32; N] =
                std::array::from_fn(|i| a.values[i] + dx * steps[i][0] + dy * steps[i][1]);
            let range = row * self.width + start..row * self.width + stop;
            let depths = &mut self.inverse_depth[range.clone()];
            for (stored, color) in depths.iter_mut().zip(&mut self.color[range]) {
                if depth > *stored {
                    *stored = depth;
                    let [red, green, blue] = paint(&values);
                    *color = [red, green, blue, 255];
                }
                depth += depth_step[0];
                for i in 0..N {
                    values[i] += steps[i][0];
                }
            }
            let drawn = &mut self.drawn[row];
            *drawn = (drawn.0.min(start), drawn.1.max(stop));
        }
    }
}

/// The samples of the row at height `y` whose centres lie in the triangle. Two triangles that share an
/// edge compute the same crossing, so that none is missed and none belongs to both.
fn row_span(points: [(f32, f32); 3], y: f32, width: usize) -> Option<(usize, usize)> {
    let (mut left, mut right) = (f32::INFINITY, f32::NEG_INFINITY);
    for i in 0..3 {
        let (mut p, mut q) = (points[i], points[(i + 1) % 3]);
        if (p.1 <= y) == (q.1 <= y) {
            continue;
        }
        if (q.1, q.0) < (p.1, p.0) {
            std::mem::swap(&mut p, &mut q);
        }
        let x = p.0 + (y - p.1) * (q.0 - p.0) / (q.1 - p.1);
        left = left.min(x);
        right = right.max(x);
    }
    let start = (left - 0.5).ceil().max(0.0) as usize;
    let stop = ((right - 0.5).ceil().max(0.0) as usize).min(width);
    (start < stop).then_some((start, stop))
}
