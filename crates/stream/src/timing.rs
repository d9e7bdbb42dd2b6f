//! How regular a camera's capture times are.

use std::collections::VecDeque;

use mien_xdf::Element;

/// Frames that a measurement looks back over.
const WINDOW_FRAMES: usize = 600;
/// Fewest frames that make a measurement.
const MINIMUM_FRAMES: usize = 30;

/// The `<synchronization>` of a stream: how far its timestamps lie from the moments they stand for, in
/// seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Synchronization {
    /// What to subtract from the timestamps, as a calibration of the camera found; 0 without one.
    pub offset_mean: f64,
    /// Root mean square of the deviations.
    pub offset_rms: f64,
    /// Median of the deviations.
    pub offset_median: f64,
    /// 5th percentile of the deviations.
    pub offset_5_centile: f64,
    /// 95th percentile of the deviations.
    pub offset_95_centile: f64,
    /// Frames measured.
    pub frames: usize,
}

impl Synchronization {
    /// The element of the stream description. `can_drop_samples` keeps importers from spreading the
    /// samples evenly, which would move every frame after a dropped one.
    #[must_use]
    pub fn element(measured: Option<&Self>) -> Element {
        let element = Element::new("synchronization").with(Element::text("time_source", "lsl_local_clock"));
        let element = match measured {
            Some(measured) => element
                .with(Element::text("offset_mean", measured.offset_mean))
                .with(Element::text("offset_rms", measured.offset_rms))
                .with(Element::text("offset_median", measured.offset_median))
                .with(Element::text("offset_5_centile", measured.offset_5_centile))
                .with(Element::text("offset_95_centile", measured.offset_95_centile))
                .with(Element::text("measured_frames", measured.frames)),
            None => element,
        };
        element.with(Element::text("can_drop_samples", "true"))
    }
}

/// Measures how capture times scatter around the regular grid that fits them best.
#[derive(Debug, Clone, Default)]
pub struct TimingMonitor {
    /// Frame number and capture time in seconds.
    frames: VecDeque<(u64, f64)>,
}

impl TimingMonitor {
    /// Adds a frame.
    pub fn observe(&mut self, frame_index: u64, capture_seconds: f64) {
        if self.frames.back().is_some_and(|&(last, _)| frame_index <= last) {
            // The source started anew: its frames do not lie on the same grid.
            self.frames.clear();
        }
        if self.frames.len() == WINDOW_FRAMES {
            self.frames.pop_front();
        }
        self.frames.push_back((frame_index, capture_seconds));
    }

    /// The scatter over the last frames; `None` before there are enough. `offset_mean` is 0: how long
    /// after the event a camera stamps its frame cannot be told from the stamps alone.
    #[must_use]
    pub fn measure(&self) -> Option<Synchronization> {
        if self.frames.len() < MINIMUM_FRAMES {
            return None;
        }
        let (first_index, first_time) = self.frames[0];
        let points: Vec<(f64, f64)> = self
            .frames
            .iter()
            .map(|&(index, time)| ((index - first_index) as f64, time - first_time))
            .collect();
        let count = points.len() as f64;
        let mean_x = points.iter().map(|p| p.0).sum::<f64>() / count;
        let mean_y = points.iter().map(|p| p.1).sum::<f64>() / count;
        let spread: f64 = points.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
        let interval = points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum::<f64>() / spread;
        let mut deviations: Vec<f64> =
            points.iter().map(|p| p.1 - mean_y - interval * (p.0 - mean_x)).collect();
        deviations.sort_by(f64::total_cmp);
        let centile = |share: f64| deviations[(share * (count - 1.0)).round() as usize];
        Some(Synchronization {
            offset_mean: 0.0,
            offset_rms: (deviations.iter().map(|d| d * d).sum::<f64>() / count).sqrt(),
            offset_median: centile(0.5),
            offset_5_centile: centile(0.05),
            offset_95_centile: centile(0.95),
            frames: points.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_measured_and_dropped_frames_are_not_jitter() {
        let mut monitor = TimingMonitor::default();
        assert_eq!(monitor.measure(), None);
        for index in (0..900).filter(|index| index % 7 != 3) {
            let jitter = if index % 2 == 0 { 0.002 } else { -0.002 };
            monitor.observe(index, 50.0 + index as f64 / 30.0 + jitter);
        }
        let measured = monitor.measure().unwrap();
        assert_eq!(measured.frames, WINDOW_FRAMES);
        assert!((measured.offset_rms - 0.002).abs() < 2e-5, "{measured:?}");
        assert!((measured.offset_95_centile - 0.002).abs() < 5e-5);
        // A restarted source counts from 0 again.
        monitor.observe(0, 100.0);
        assert_eq!(monitor.measure(), None);
    }
}
