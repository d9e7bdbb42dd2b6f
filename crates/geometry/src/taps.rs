//! Which source pixels make up an output pixel when a picture is scaled.

/// How a frame is scaled into a network's input with its proportions kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LetterboxTaps {
    /// The source columns of each output column.
    pub columns: AxisTaps,
    /// The source rows of each output row.
    pub rows: AxisTaps,
    /// What the sum over an output pixel's weighted source pixels is multiplied with.
    ///
    /// 1, unless all output pixels cover as many whole pixels: then the weights are 1, the sums whole numbers that
    /// a float holds exactly, in whatever order they are added, and this is one by the number of pixels.
    pub pixel_weight: f32,
}

impl LetterboxTaps {
    /// From a frame (`[width, height]`) to an input (`[width, height]`).
    #[must_use]
    pub fn new(frame_size: [usize; 2], input_size: [usize; 2]) -> Self {
        let ratio = |axis: usize| input_size[axis] as f64 / frame_size[axis] as f64;
        let scale = ratio(0).min(ratio(1));
        let scaled = [0, 1]
            .map(|axis| ((frame_size[axis] as f64 * scale).round() as usize).clamp(1, input_size[axis]));
        let covered = [0, 1].map(|axis| AxisTaps::whole(frame_size[axis], scaled[axis]));
        if let [Some(columns), Some(rows)] = covered {
            let pixel_weight = 1.0 / (columns.taps() * rows.taps()) as f32;
            return Self { columns, rows, pixel_weight };
        }
        let [columns, rows] = [0, 1].map(|axis| AxisTaps::new(frame_size[axis], scaled[axis]));
        Self { columns, rows, pixel_weight: 1.0 }
    }

    /// Whether the weights are 1 and the sums whole numbers.
    #[must_use]
    pub fn counts_pixels(&self) -> bool {
        self.pixel_weight < 1.0
    }
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

    /// The sum of the same number of whole pixels, at most 256, for each output pixel, if that is how `from` divides.
    fn whole(from: usize, to: usize) -> Option<Self> {
        let taps = from / to;
        (from.is_multiple_of(to) && taps <= 256).then(|| Self {
            taps,
            starts: (0..to).map(|i| (i * taps) as u32).collect(),
            weights: vec![1.0; from],
        })
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

    /// The weights, [`AxisTaps::taps`] for each output pixel; they sum to 1, or each is 1
    /// ([`LetterboxTaps::pixel_weight`]).
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

    #[test]
    fn whole_pixels_are_counted() {
        let taps = LetterboxTaps::new([1920, 1080], [640, 480]);
        assert!(taps.counts_pixels());
        assert_eq!((taps.columns.len(), taps.rows.len(), taps.pixel_weight), (640, 360, 1.0 / 9.0));
        assert_eq!(taps.columns.at(2), (6, &[1.0; 3][..]));
        for (frame, input) in [([1366, 768], [640, 640]), ([640, 480], [640, 640]), ([4, 16384], [4, 32])] {
            assert!(!LetterboxTaps::new(frame, input).counts_pixels(), "{frame:?} to {input:?}");
        }
    }

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
