//! A picture to draw on: smooth lines, filled rectangles.

/// Red, green, blue.
pub(crate) type Color = [u8; 3];

/// An RGB picture of tight rows that is drawn on.
pub(crate) struct Canvas<'a> {
    rgb: &'a mut [u8],
    width: usize,
    height: usize,
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(rgb: &'a mut [u8], width: u32, height: u32) -> Self {
        assert_eq!(rgb.len(), width as usize * height as usize * 3, "a picture of the stated size");
        Self { rgb, width: width as usize, height: height as usize }
    }

    pub(crate) fn width(&self) -> f32 {
        self.width as f32
    }

    pub(crate) fn height(&self) -> f32 {
        self.height as f32
    }

    /// Covers a share (0–1) of the pixel with the colour. Outside the picture, nothing happens.
    pub(crate) fn blend(&mut self, x: i64, y: i64, color: Color, share: f32) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x < self.width && y < self.height {
            let at = (y * self.width + x) * 3;
            blend(&mut self.rgb[at..at + 3], color, share);
        }
    }

    /// Covers a rectangle (edges in pixels, cut to whole ones) with a share of the colour.
    pub(crate) fn fill(&mut self, [x1, y1, x2, y2]: [f32; 4], color: Color, share: f32) {
        for y in y1.round().max(0.0) as usize..y2.round().clamp(0.0, self.height()) as usize {
            for x in x1.round().max(0.0) as usize..x2.round().clamp(0.0, self.width()) as usize {
                let at = (y * self.width + x) * 3;
                blend(&mut self.rgb[at..at + 3], color, share);
            }
        }
    }
}

fn blend(pixel: &mut [u8], color: Color, share: f32) {
    let weight = (share.clamp(0.0, 1.0) * 256.0) as u32;
    for (old, new) in pixel.iter_mut().zip(color) {
        *old = ((u32::from(*old) * (256 - weight) + u32::from(new) * weight + 128) >> 8) as u8;
    }
}

/// Lines of one colour. They are collected as coverage and blended once, so that where lines meet or
/// cross, a translucent colour gets no denser.
#[derive(Default)]
pub(crate) struct Lines {
    coverage: Vec<u8>,
    left: usize,
    top: usize,
    columns: usize,
    rows: usize,
}

impl Lines {
    /// Starts over, for lines between these corners (pixels; margins for width included).
    pub(crate) fn begin(&mut self, canvas: &Canvas<'_>, [x1, y1, x2, y2]: [f32; 4]) {
        self.left = x1.floor().clamp(0.0, canvas.width()) as usize;
        self.top = y1.floor().clamp(0.0, canvas.height()) as usize;
        self.columns = (x2.ceil().clamp(0.0, canvas.width()) as usize).saturating_sub(self.left);
        self.rows = (y2.ceil().clamp(0.0, canvas.height()) as usize).saturating_sub(self.top);
        self.coverage.clear();
        self.coverage.resize(self.columns * self.rows, 0);
    }

    /// Adds a line with round ends, `width` pixels wide. Pixel centres lie at halves.
    pub(crate) fn line(&mut self, from: [f32; 2], to: [f32; 2], width: f32) {
        if !(from[0] + from[1] + to[0] + to[1]).is_finite() {
            return;
        }
        let reach = width * 0.5 + 0.5;
        let (left, top) = (self.left as f32, self.top as f32);
        let low = |a: f32, b: f32, origin: f32| (a.min(b) - reach - origin).floor().max(0.0) as usize;
        let high = |a: f32, b: f32, origin: f32, count: usize| {
            ((a.max(b) + reach - origin).ceil().max(0.0) as usize).min(count)
        };
        let along = [to[0] - from[0], to[1] - from[1]];
        let length_squared = (along[0] * along[0] + along[1] * along[1]).max(1e-12);
        for row in low(from[1], to[1], top)..high(from[1], to[1], top, self.rows) {
            let dy = top + row as f32 + 0.5 - from[1];
            for column in low(from[0], to[0], left)..high(from[0], to[0], left, self.columns) {
                let dx = left + column as f32 + 0.5 - from[0];
                let share = ((dx * along[0] + dy * along[1]) / length_squared).clamp(0.0, 1.0);
                let (ox, oy) = (dx - share * along[0], dy - share * along[1]);
                // Lines thinner than a pixel get fainter, not narrower.
                let covered = (reach - (ox * ox + oy * oy).sqrt()).clamp(0.0, width.min(1.0));
                let pixel = &mut self.coverage[row * self.columns + column];
                *pixel = (*pixel).max((covered * 255.0) as u8);
            }
        }
    }

    /// Puts the lines onto the picture.
    pub(crate) fn blend_onto(&self, canvas: &mut Canvas<'_>, color: Color, share: f32) {
        for row in 0..self.rows {
            let start = ((self.top + row) * canvas.width + self.left) * 3;
            let pixels = canvas.rgb[start..start + self.columns * 3].chunks_exact_mut(3);
            let coverage = &self.coverage[row * self.columns..(row + 1) * self.columns];
            for (pixel, &covered) in pixels.zip(coverage).filter(|(_, covered)| **covered > 0) {
                blend(pixel, color, f32::from(covered) / 255.0 * share);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_horizontal_line_covers_its_row_and_meets_itself_once() {
        let mut rgb = vec![0; 20 * 9 * 3];
        let mut canvas = Canvas::new(&mut rgb, 20, 9);
        let mut lines = Lines::default();
        lines.begin(&canvas, [0.0, 0.0, 20.0, 9.0]);
        lines.line([3.5, 4.5], [10.5, 4.5], 1.0);
        lines.line([10.5, 4.5], [16.5, 4.5], 1.0);
        lines.blend_onto(&mut canvas, [200, 200, 200], 0.5);
        let row = |y: usize| (0..20).map(|x| rgb[(y * 20 + x) * 3]).collect::<Vec<_>>();
        assert!(row(4)[4..16].iter().all(|&v| v == 100), "{:?}", row(4));
        assert!(row(2).iter().chain(&row(6)).all(|&v| v == 0));
    }

    #[test]
    fn nothing_is_drawn_outside() {
        let mut rgb = vec![7; 3];
        let mut canvas = Canvas::new(&mut rgb, 1, 1);
        let mut lines = Lines::default();
        for far in [f32::NAN, f32::INFINITY, -1e30, 1e9] {
            lines.begin(&canvas, [-far, far, far, far]);
            lines.line([far, 0.0], [far, 5.0], 3.0);
            lines.blend_onto(&mut canvas, [255; 3], 1.0);
            canvas.fill([far, far, far, far], [255; 3], 1.0);
        }
        canvas.blend(-1, 0, [255; 3], 1.0);
        canvas.blend(0, 1, [255; 3], 1.0);
        assert_eq!(rgb, [7; 3]);
    }
}
