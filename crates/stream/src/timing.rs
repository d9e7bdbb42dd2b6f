//! How regular a camera's capture times are.

use std::collections::VecDeque;

use mien_xdf::Element;

/// Frames that a measurement looks back over.
const WINDOW_FRAMES: usize = 600;
/// Fewest frames that make a measurement.
const MINIMUM_FRAMES: usize = 12;
/// Frames that make a good one.
const ENOUGH_FRAMES: usize = 45;

/// The `<synchronization>` of a stream: how far its timestamps lie from the moments they stand for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Synchronization {
    /// How long after the event the camera stamps its frames, in seconds, as the lab has measured it; it cannot
    /// be told from the stamps alone. Timestamps are not moved by it.
    pub stamp_delay_seconds: Option<f64>,
    /// How the stamps scatter, where that has been measured.
    pub scatter: Option<Scatter>,
}

/// How capture times scatter around the regular grid that fits them best, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scatter {
    /// Root mean square of the deviations.
    pub rms: f64,
    /// Median of the deviations.
    pub median: f64,
    /// 5th percentile of the deviations.
    pub centile_5: f64,
    /// 95th percentile of the deviations.
    pub centile_95: f64,
    /// Frames measured.
    pub frames: usize,
}

impl Synchronization {
    /// The element of the stream description, as <https://github.com/sccn/xdf/wiki/Synchronization> has it:
    /// `offset_mean` is to be subtracted from timestamps, and 0 by definition for events that the local LSL
    /// clock stamps. `can_drop_samples` keeps importers from spreading the samples evenly, which would move
    /// every frame after a dropped one.
    #[must_use]
    pub fn element(&self) -> Element {
        let delay = self.stamp_delay_seconds.unwrap_or(0.0);
        let method = match self.stamp_delay_seconds {
            Some(_) => "offset_mean: measured by the lab (stamp_delay_ms)",
            None => "offset_mean: not calibrated, 0 by definition for events of the local LSL clock",
        };
        let mut element = Element::new("synchronization")
            .with(Element::text("time_source", "lsl_local_clock"))
            .with(Element::text("offset_mean", delay))
            .with(Element::text("offset_method", method));
        if let Some(Scatter { rms, median, centile_5, centile_95, frames }) = self.scatter {
            let method = "deviations of capture times from the regular grid that fits them best";
            element = element
                .with(Element::text("offset_rms", rms))
                .with(Element::text("offset_median", delay + median))
                .with(Element::text("offset_5_centile", delay + centile_5))
                .with(Element::text("offset_95_centile", delay + centile_95))
                .with(Element::text("scatter_method", method))
                .with(Element::text("measured_frames", frames));
        }
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

    /// Whether there are enough frames for a good measurement.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.frames.len() >= ENOUGH_FRAMES
    }

    /// The scatter over the last frames; `None` before there are enough.
    #[must_use]
    pub fn measure(&self) -> Option<Scatter> {
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
        Some(Scatter {
            rms: (deviations.iter().map(|d| d * d).sum::<f64>() / count).sqrt(),
            median: centile(0.5),
            centile_5: centile(0.05),
            centile_95: centile(0.95),
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
        assert!((measured.rms - 0.002).abs() < 2e-5, "{measured:?}");
        assert!((measured.centile_95 - 0.002).abs() < 5e-5);
        let of = |delay: Option<f64>| {
            let known = Synchronization { stamp_delay_seconds: delay, scatter: Some(measured) };
            known.element().document()
        };
        assert!(of(None).contains("<offset_mean>0</offset_mean>") && of(None).contains("not calibrated"));
        let calibrated = of(Some(0.0125));
        assert!(calibrated.contains("<offset_mean>0.0125</offset_mean>"), "{calibrated}");
        assert!(calibrated.contains("<offset_95_centile>0.0145"), "{calibrated}");
        // A restarted source counts from 0 again.
        monitor.observe(0, 100.0);
        assert_eq!(monitor.measure(), None);
    }
}
