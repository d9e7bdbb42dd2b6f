//! What a face looks like, coarsely: enough to notice that someone else took a place.

/// Cells along each side of the grid.
const GRID: usize = 4;
/// The part of the crop that the grid covers: most of the face, little of the background.
const FROM: f32 = 0.22;
const TO: f32 = 0.78;
/// Pixels are read on a raster of this many places a cell and side.
const SAMPLES: usize = 6;
/// Places along each side.
const PLACES: usize = GRID * SAMPLES;
/// How fast the remembered appearance follows what is seen, a sighting.
const LEARNING_RATE: f32 = 0.1;

/// Mean colours of a 4 × 4 grid over an aligned face crop, 0–1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Appearance([f32; 3 * GRID * GRID]);

impl Appearance {
    /// Of a crop `[3, size, size]` with values 0–1.
    ///
    /// # Panics
    /// When `crop` is shorter than 3 × size × size or empty.
    #[must_use]
    pub fn of_crop(crop: &[f32], size: usize) -> Self {
        let mut cells = [0.0; 3 * GRID * GRID];
        let places = Self::sample_places(size);
        for (plane, cells) in crop.chunks_exact(size * size).zip(cells.chunks_exact_mut(GRID * GRID)) {
            for y in 0..PLACES {
                let row = &plane[places[y] * size..][..size];
                for x in 0..PLACES {
                    cells[y / SAMPLES * GRID + x / SAMPLES] += row[places[x]];
                }
            }
        }
        Self(cells.map(|sum| sum / (SAMPLES * SAMPLES) as f32))
    }

    /// Crop columns (and rows) that are read along each side, six a cell, for those who take the means
    /// elsewhere.
    #[must_use]
    pub fn sample_places(crop_size: usize) -> [usize; PLACES] {
        std::array::from_fn(|i| {
            let part = FROM + (TO - FROM) * (i as f32 + 0.5) / PLACES as f32;
            ((part * crop_size as f32) as usize).min(crop_size - 1)
        })
    }

    /// From means that were taken elsewhere: red, green, blue, each row by row.
    #[must_use]
    pub fn from_cells(cells: [f32; 3 * GRID * GRID]) -> Self {
        Self(cells)
    }

    /// The means: red, green, blue, each row by row.
    #[must_use]
    pub fn cells(&self) -> &[f32; 3 * GRID * GRID] {
        &self.0
    }

    /// Mean absolute difference, 0–1. The same face a moment later is at about 0.02, half hidden at up
    /// to 0.14; another person is mostly above 0.09 (measured on the synthetic camera).
    #[must_use]
    pub fn distance(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a - b).abs()).sum::<f32>() / self.0.len() as f32
    }

    /// Moves a little towards what was just seen.
    pub fn learn(&mut self, seen: &Self) {
        for (own, seen) in self.0.iter_mut().zip(&seen.0) {
            *own += LEARNING_RATE * (seen - *own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_in_their_places() {
        // Red everywhere, green only in the left half.
        let size = 40;
        let mut crop = vec![0.0; 3 * size * size];
        crop[..size * size].fill(0.5);
        for y in 0..size {
            crop[size * size + y * size..][..size / 2].fill(1.0);
        }
        let appearance = Appearance::of_crop(&crop, size);
        assert!(appearance.0[..16].iter().all(|&v| (v - 0.5).abs() < 1e-6));
        assert_eq!(appearance.0[16..20], [1.0, 1.0, 0.0, 0.0]);
        assert_eq!(appearance.0[32..], [0.0; 16]);
        let mut other = Appearance([0.0; 48]);
        assert!((appearance.distance(&other) - 1.0 / 3.0).abs() < 1e-6);
        for _ in 0..100 {
            other.learn(&appearance);
        }
        assert!(appearance.distance(&other) < 1e-4);
    }
}
