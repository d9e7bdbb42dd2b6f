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

    /// Colours of a row, and 0 beside those where nothing was drawn.
    pub(crate) fn row(&self, row: usize, columns: std::ops::Range<usize>) -> (&[[u8; 4]], &[f32]) {
        let range = row * self.width + columns.start..row * self.width + columns.end;
        (&self.color[range.clone()], &self.inverse_depth[range])
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
        let first = first_center(lowest);
        let end = first_center(highest).min(self.height);
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
        let edges = [
            Edge::new((a.x, a.y), (b.x, b.y)),
            Edge::new((b.x, b.y), (c.x, c.y)),
            Edge::new((c.x, c.y), (a.x, a.y)),
        ];
        for row in first..end {
            let y = row as f32 + 0.5;
            let Some((start, stop)) = row_span(&edges, y, self.width) else {
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

/// A side of a triangle, from its upper end to its lower: two triangles that share a side compute the
/// same crossings, so that none of the samples is missed and none belongs to both.
struct Edge {
    top: (f32, f32),
    bottom_y: f32,
    slope: f32,
}

impl Edge {
    fn new(p: (f32, f32), q: (f32, f32)) -> Self {
        let (top, bottom) = if (q.1, q.0) < (p.1, p.0) { (q, p) } else { (p, q) };
        Self { top, bottom_y: bottom.1, slope: (bottom.0 - top.0) / (bottom.1 - top.1) }
    }
}

/// The samples of the row at height `y` whose centres lie between the edges.
fn row_span(edges: &[Edge; 3], y: f32, width: usize) -> Option<(usize, usize)> {
    let (mut left, mut right) = (f32::INFINITY, f32::NEG_INFINITY);
    for edge in edges {
        if edge.top.1 <= y && y < edge.bottom_y {
            let x = edge.top.0 + (y - edge.top.1) * edge.slope;
            left = left.min(x);
            right = right.max(x);
        }
    }
    let start = first_center(left);
    let stop = first_center(right).min(width);
    (start < stop).then_some((start, stop))
}

/// The first sample, counted from 0, whose centre lies beyond a coordinate.
fn first_center(coordinate: f32) -> usize {
    (coordinate + 0.5).max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::between;

    fn corner(x: f32, y: f32, inverse_depth: f32) -> Corner<1> {
        Corner { x, y, inverse_depth, values: [0.0] }
    }

    #[test]
    fn neighbouring_triangles_leave_no_gap() {
        for seed in 0..200 {
            let mut canvas = Canvas::new(32, 32);
            let (x, y) = (between(seed, 1, 2.0, 30.0), between(seed, 2, 2.0, 30.0));
            let rim = [(0.0, 0.0), (0.0, 32.0), (32.0, 32.0), (32.0, 0.0)];
            for k in 0..4 {
                let (p, q) = (rim[k], rim[(k + 1) % 4]);
                let corners = [corner(p.0, p.1, 1.0), corner(q.0, q.1, 1.0), corner(x, y, 1.0)];
                canvas.triangle(corners.each_ref(), |_| [1; 3]);
            }
            for row in 0..32 {
                assert!(canvas.row(row, 0..32).1.iter().all(|&depth| depth > 0.0), "seed {seed}, row {row}");
            }
        }
    }

    #[test]
    fn the_nearer_surface_hides_the_farther() {
        let mut canvas = Canvas::new(4, 4);
        for (depth, color) in [(0.5, 5), (0.9, 9), (0.2, 2)] {
            let corners = [corner(0.0, 0.0, depth), corner(0.0, 9.0, depth), corner(9.0, 0.0, depth)];
            canvas.triangle(corners.each_ref(), |_| [color; 3]);
        }
        assert_eq!(canvas.row(1, 1..2).0, [[9, 9, 9, 255]]);
        canvas.clear();
        assert_eq!(canvas.depth_cm(1, 1), None);
    }
}
