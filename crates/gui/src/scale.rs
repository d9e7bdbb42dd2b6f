//! Pictures brought to the size in which they are shown, so that the graphics card gets no more than that and
//! copies it pixel by pixel. Where the processor paints, that is half the cost of a picture.

use eframe::egui::Color32;

/// One, in the weights' fixed point.
const ONE: u16 = 256;

/// Scales pictures of one size to another, bilinearly, as graphics cards do.
#[derive(Debug, Default)]
pub(crate) struct Scaler {
    from: [usize; 2],
    to: [usize; 2],
    /// For each pixel of a row: where its two sources begin, in bytes, and the weight of the second.
    columns: Vec<(usize, usize, u16)>,
    /// A row between two rows of the picture, and a byte more, so that each pixel can be read as four.
    row: Vec<u8>,
}

impl Scaler {
    /// Fills `out` (`to[0]` × `to[1]` pixels) from tight rows of red, green, blue (`from[0]` × `from[1]`); neither
    /// size has a side of 0.
    pub fn scale(&mut self, rgb: &[u8], from: [usize; 2], to: [usize; 2], out: &mut [Color32]) {
        if from == to {
            for (pixel, [red, green, blue]) in out.iter_mut().zip(rgb.as_chunks::<3>().0) {
                *pixel = Color32::from_rgb(*red, *green, *blue);
            }
            return;
        }
        self.prepare(from, to);
        for (y, line) in out.chunks_exact_mut(to[0]).enumerate() {
            let (above, below, weight) = sources(y, from[1], to[1]);
            let rows = [above, below].map(|y| &rgb[3 * from[0] * y..][..3 * from[0]]);
            for ((value, above), below) in self.row.iter_mut().zip(rows[0]).zip(rows[1]) {
                let sum = u16::from(*above) * (ONE - weight) + u16::from(*below) * weight;
                *value = ((sum + ONE / 2) / ONE) as u8;
            }
            for (pixel, &(left, right, weight)) in line.iter_mut().zip(&self.columns) {
                *pixel = between(self.packed(left), self.packed(right), weight.into());
            }
        }
    }

    /// Red, green and blue from byte `at` of the row on, in the lowest three bytes; the fourth is of no meaning.
    fn packed(&self, at: usize) -> u32 {
        let bytes = &self.row[at..at + 4];
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    fn prepare(&mut self, from: [usize; 2], to: [usize; 2]) {
        if (self.from, self.to) == (from, to) {
            return;
        }
        (self.from, self.to) = (from, to);
        self.columns = (0..to[0])
            .map(|x| {
                let (left, right, weight) = sources(x, from[0], to[0]);
                (3 * left, 3 * right, weight)
            })
            .collect();
        self.row = vec![0; 3 * from[0] + 1];
    }
}

/// A pixel between two packed ones; red and blue are computed in one go, sixteen bits apart.
fn between(left: u32, right: u32, weight: u32) -> Color32 {
    const RED_BLUE: u32 = 0x00FF_00FF;
    let other = u32::from(ONE) - weight;
    let red_blue = (left & RED_BLUE) * other + (right & RED_BLUE) * weight + 0x0080_0080;
    let green = (left >> 8 & 0xFF) * other + (right >> 8 & 0xFF) * weight + 0x80;
    Color32::from_rgb((red_blue >> 8) as u8, (green >> 8) as u8, (red_blue >> 24) as u8)
}

/// The two places of a length that the `index`th of `parts` lies between, centre to centre, and the weight of the
/// second.
fn sources(index: usize, length: usize, parts: usize) -> (usize, usize, u16) {
    let at = (index as f64 + 0.5) * length as f64 / parts as f64 - 0.5;
    let at = at.clamp(0.0, (length - 1) as f64);
    let first = at as usize;
    (first, (first + 1).min(length - 1), ((at - first as f64) * f64::from(ONE)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(rgb: &[u8], from: [usize; 2], to: [usize; 2]) -> Vec<Color32> {
        let mut out = vec![Color32::TRANSPARENT; to[0] * to[1]];
        Scaler::default().scale(rgb, from, to, &mut out);
        out
    }

    #[test]
    fn the_same_size_is_a_copy() {
        assert_eq!(
            scaled(&[1, 2, 3, 4, 5, 6], [2, 1], [2, 1]),
            [Color32::from_rgb(1, 2, 3), Color32::from_rgb(4, 5, 6)]
        );
    }

    #[test]
    fn halves_are_means_and_one_colour_stays() {
        let rgb: Vec<u8> = (0..4 * 2).flat_map(|pixel| [10 * (pixel % 4), 100, 255]).collect();
        assert_eq!(scaled(&rgb, [4, 2], [2, 1]), [5, 25].map(|red| Color32::from_rgb(red, 100, 255)));
        for to in [[1, 1], [3, 7], [5, 2], [640, 3]] {
            let plain = scaled(&[200, 90, 255].repeat(5 * 4), [5, 4], to);
            assert!(plain.iter().all(|pixel| *pixel == Color32::from_rgb(200, 90, 255)), "{to:?}");
        }
    }

    #[test]
    fn a_ramp_stays_a_ramp() {
        let rgb: Vec<u8> = (0..96u8).flat_map(|x| [2 * x, 0, 0]).collect();
        let out = scaled(&rgb, [96, 1], [55, 1]);
        for (x, pixel) in out.iter().enumerate() {
            let expected = 2.0 * ((x as f64 + 0.5) * 96.0 / 55.0 - 0.5);
            assert!((f64::from(pixel.r()) - expected).abs() <= 1.0, "{x}: {pixel:?} {expected}");
        }
    }
}
