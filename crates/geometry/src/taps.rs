//! Which source pixels make up an output pixel when a picture is scaled.

/// Columns and rows of a letterbox: how a frame (`[width, height]`) is scaled into an input
/// (`[width, height]`) with its proportions kept.
#[must_use]
pub fn letterbox_taps(frame_size: [usize; 2], input_size: [usize; 2]) -> [AxisTaps; 2] {
    let ratio = |axis: usize| input_size[axis] as f64 / frame_size[axis] as f64;
    let scale = ratio(0).min(ratio(1));
    [0, 1].map(|axis| {
        let scaled = (frame_size[axis] as f64 * scale).round() as usize;
        AxisTaps::new(frame_size[axis], scaled.clamp(1, input_size[axis]))
    })
}

/// For each output pixel along one axis: the first source pixel and the weights from there on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AxisTaps {
    taps: usize,
    starts: Vec<u32>,
    weights: Vec<f32>,
}

impl AxisTaps {
    /// Scales `from` pixels to `to`: area where it shrinks, bilinear where it grows.
    #[must_use]
    pub fn new(from: usize, to: usize) -> Self {
        let ratio = from as f64 / to as f64;
        let cover = |i: usize| -> (f64, f64) {
            if ratio >= 1.0 {
                (i as f64 * ratio, (i + 1) as f64 * ratio)
            } else {
                // A window one pixel wide around the centre weighs its two pixels linearly.
                let center = ((i as f64 + 0.5) * ratio).clamp(0.5, from as f64 - 0.5);
                (center - 0.5, center + 0.5)
            }
        };
        // A sum of rounding errors must not reach for a pixel that is not really covered.
        let first = |low: f64| (low + 1e-6).floor() as usize;
        let end = |high: f64| ((high - 1e-6).ceil() as usize).min(from);
        let taps = (0..to)
            .map(|i| {
                let (low, high) = cover(i);
                end(high) - first(low)
            })
            .max()
            .unwrap_or(1);
        let mut starts = Vec::with_capacity(to);
        let mut weights = Vec::with_capacity(to * taps);
        for i in 0..to {
            let (low, high) = cover(i);
            let start = first(low).min(from - taps);
            starts.push(start as u32);
            weights.extend((start..start + taps).map(|source| {
                let covered = high.min((source + 1) as f64) - low.max(source as f64);
                (covered.max(0.0) / (high - low)) as f32
            }));
        }
        Self { taps, starts, weights }
    }

    /// Number of output pixels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is no output pixel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Weights of each output pixel.
    #[must_use]
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// The first source pixel of each output pixel.
    #[must_use]
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// The weights, [`AxisTaps::taps`] for each output pixel; they sum to 1.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// First source pixel and weights of output pixel `i`.
    ///
    /// # Panics
    /// When there is no such pixel.
    #[must_use]
    pub fn at(&self, i: usize) -> (usize, &[f32]) {
        (self.starts[i] as usize, &self.weights[i * self.taps..(i + 1) * self.taps])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn weights_sum_to_one_and_stay_inside(from in 1usize..2000, to in 1usize..900) {
            let taps = AxisTaps::new(from, to);
            for i in 0..to {
                let (start, weights) = taps.at(i);
                prop_assert!(start + weights.len() <= from);
                prop_assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            }
        }
    }
}
