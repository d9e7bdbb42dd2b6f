//! The One-Euro filter.

use std::f32::consts::TAU;

use crate::motion::seconds_between;

/// Parameters of a [`OneEuroFilter`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneEuroParameters {
    /// Cut-off frequency at rest in hertz.
    pub min_cutoff_hz: f32,
    /// Rise of the cut-off in hertz per unit of speed.
    pub beta: f32,
    /// Cut-off of the speed estimate in hertz.
    pub speed_cutoff_hz: f32,
}

/// A low-pass filter whose cut-off rises with speed, for a fixed number of values.
///
/// Casiez, Roussel, Vogel, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
/// Interactive Systems" (CHI 2012). Each value has its own speed and cut-off. Steps take the true time
/// between frames, so dropped frames do not change what is seen.
#[derive(Debug, Clone)]
pub struct OneEuroFilter {
    values: Vec<f32>,
    /// Units a second.
    speeds: Vec<f32>,
    last_nanos: Option<i64>,
}

impl OneEuroFilter {
    /// For `count` values; the only allocation.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { values: vec![0.0; count], speeds: vec![0.0; count], last_nanos: None }
    }

    /// Forgets the past: the next values pass unchanged.
    pub fn reset(&mut self) {
        self.last_nanos = None;
    }

    /// The state after the last step.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Takes the next measurement and replaces it by the filtered values.
    ///
    /// `unit` is what counts as 1 for speeds: the face's size for landmarks in pixels, so that near
    /// and far faces are filtered alike. When time stands still or runs backwards, values pass
    /// unchanged.
    ///
    /// # Panics
    /// When there are not as many values as the filter was made for.
    pub fn step(&mut self, measured: &mut [f32], nanos: i64, unit: f32, parameters: &OneEuroParameters) {
        assert_eq!(measured.len(), self.values.len(), "a One-Euro filter has a fixed number of values");
        let seconds = self.last_nanos.map_or(0.0, |last| seconds_between(last, nanos));
        self.last_nanos = Some(nanos);
        if seconds <= 0.0 {
            self.values.copy_from_slice(measured);
            self.speeds.fill(0.0);
            return;
        }
        let OneEuroParameters { min_cutoff_hz, beta, speed_cutoff_hz } = *parameters;
        let gain = |cutoff_hz: f32| {
            let turn = TAU * cutoff_hz * seconds;
            turn / (turn + 1.0)
        };
        let speed_gain = gain(speed_cutoff_hz);
        let rise = beta / unit.max(f32::MIN_POSITIVE);
        for ((measured, value), speed) in measured.iter_mut().zip(&mut self.values).zip(&mut self.speeds) {
            *speed += speed_gain * ((*measured - *value) / seconds - *speed);
            *value += gain(min_cutoff_hz + rise * speed.abs()) * (*measured - *value);
            *measured = *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: i64 = 33_333_333;
    const PARAMETERS: OneEuroParameters =
        OneEuroParameters { min_cutoff_hz: 1.0, beta: 5.0, speed_cutoff_hz: 1.0 };

    fn run(filter: &mut OneEuroFilter, inputs: impl Iterator<Item = f32>, unit: f32) -> Vec<f32> {
        let steps = inputs.zip(0..).map(|(input, frame)| {
            let mut values = [input];
            filter.step(&mut values, frame * FRAME, unit, &PARAMETERS);
            values[0]
        });
        steps.collect()
    }

    #[test]
    fn the_first_step_by_hand() {
        let mut filter = OneEuroFilter::new(1);
        let out = run(&mut filter, [0.0, 1.0].into_iter(), 1.0);
        // dt = 1/30: speed gain = 2π/30 / (2π/30 + 1) = 0.17317; speed = 0.17317 × 30 = 5.195;
        // cut-off 1 + 5 × 5.195 = 26.98; gain = 5.650 / 6.650 = 0.8496.
        assert_eq!(out[0], 0.0);
        assert!((out[1] - 0.8496).abs() < 1e-3, "{}", out[1]);
    }

    #[test]
    fn noise_at_rest_is_calmed_and_a_jump_is_followed() {
        let noise = |i: i32| if i % 2 == 0 { 0.01 } else { -0.01 };
        let calm = run(&mut OneEuroFilter::new(1), (0..90).map(noise), 1.0);
        assert!(calm[60..].iter().all(|v| v.abs() < 0.004));
        let jump = run(&mut OneEuroFilter::new(1), (0..90).map(|i| if i < 30 { 0.0 } else { 1.0 }), 1.0);
        assert!(jump[36] > 0.97, "{}", jump[36]);
    }

    #[test]
    fn a_reset_filter_passes_the_next_value() {
        let mut filter = OneEuroFilter::new(1);
        run(&mut filter, [0.0, 0.0, 0.0].into_iter(), 1.0);
        filter.reset();
        let mut values = [9.0];
        filter.step(&mut values, 4 * FRAME, 1.0, &PARAMETERS);
        assert_eq!(values, [9.0]);
        // Time that stands still passes values, too.
        values = [4.0];
        filter.step(&mut values, 4 * FRAME, 1.0, &PARAMETERS);
        assert_eq!(values, [4.0]);
    }

    proptest! {
        #[test]
        fn size_does_not_matter(inputs in prop::collection::vec(-1f32..1.0, 2..30), size in 1f32..500.0) {
            let small = run(&mut OneEuroFilter::new(1), inputs.iter().copied(), 1.0);
            let large = run(&mut OneEuroFilter::new(1), inputs.iter().map(|v| v * size), size);
            for (a, b) in small.iter().zip(&large) {
                prop_assert!((a * size - b).abs() <= 1e-3 * size);
            }
        }

        #[test]
        fn output_stays_within_what_was_seen(inputs in prop::collection::vec(-5f32..5.0, 1..50)) {
            let low = inputs.iter().copied().fold(f32::INFINITY, f32::min) - 1e-4;
            let high = inputs.iter().copied().fold(f32::NEG_INFINITY, f32::max) + 1e-4;
            let out = run(&mut OneEuroFilter::new(1), inputs.into_iter(), 1.0);
            prop_assert!(out.iter().all(|v| (low..=high).contains(v)));
        }
    }
}
