use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest duration that is told apart from longer ones: a minute.
const LONGEST_NANOS: u64 = 60_000_000_000;
/// Shortest.
const SHORTEST_NANOS: u64 = 1_000;

/// Durations, to three significant digits.
#[derive(Debug, Clone)]
pub struct DurationHistogram(Histogram<u64>);

impl Default for DurationHistogram {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(SHORTEST_NANOS, LONGEST_NANOS, 3);
        Self(histogram.expect("the bounds are far apart and the digits few"))
    }
}

/// What a histogram says, in milliseconds; all 0 without any duration.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct DurationSummary {
    /// How many durations.
    pub count: u64,
    /// Mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Longest.
    pub max_ms: f64,
}

impl DurationHistogram {
    /// Counts a duration; what is longer than a minute counts as a minute.
    pub fn record_nanos(&mut self, nanos: u64) {
        self.0.saturating_record(nanos);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// What the histogram says.
    #[must_use]
    pub fn summary(&self) -> DurationSummary {
        if self.0.is_empty() {
            return DurationSummary::default();
        }
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 * 1e-6;
        DurationSummary {
            count: self.0.len(),
            mean_ms: self.0.mean() * 1e-6,
            p50_ms: at(0.50),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: self.0.max() as f64 * 1e-6,
        }
    }
}

/// A histogram for each stage of a pipeline.
#[derive(Debug, Clone)]
pub struct StageHistograms {
    stages: Vec<(&'static str, DurationHistogram)>,
}

impl StageHistograms {
    /// Stages in the pipeline's order.
    #[must_use]
    pub fn new(names: &[&'static str]) -> Self {
        Self { stages: names.iter().map(|name| (*name, DurationHistogram::default())).collect() }
    }

    /// Counts one frame: nanoseconds in the order of the names. A stage with 0 did not run and is not
    /// counted.
    pub fn record(&mut self, stage_nanos: &[u64]) {
        for ((_, histogram), nanos) in self.stages.iter_mut().zip(stage_nanos) {
            if *nanos > 0 {
                histogram.record_nanos(*nanos);
            }
        }
    }

    /// What each stage's histogram says.
    pub fn summaries(&self) -> impl Iterator<Item = (&'static str, DurationSummary)> {
        self.stages.iter().map(|(name, histogram)| (*name, histogram.summary()))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.stages.iter_mut().for_each(|(_, histogram)| histogram.clear());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_known_durations() {
        let mut histogram = DurationHistogram::default();
        assert_eq!(histogram.summary(), DurationSummary::default());
        for micros in 1..=1000 {
            histogram.record_nanos(micros * 1_000_000);
        }
        let summary = histogram.summary();
        assert_eq!(summary.count, 1000);
        for (found, expected) in [
            (summary.p50_ms, 500.0),
            (summary.p95_ms, 950.0),
            (summary.p99_ms, 990.0),
            (summary.max_ms, 1000.0),
        ] {
            assert!((found / expected - 1.0).abs() < 2e-3, "{found} for {expected}");
        }
        histogram.record_nanos(u64::MAX);
        assert!((histogram.summary().max_ms / 60_000.0 - 1.0).abs() < 2e-3);
    }

    #[test]
    fn stages_that_did_not_run_are_not_counted() {
        let mut stages = StageHistograms::new(&["detect", "landmarks"]);
        stages.record(&[0, 2_000_000]);
        stages.record(&[1_000_000, 2_000_000]);
        let counts: Vec<_> = stages.summaries().map(|(name, summary)| (name, summary.count)).collect();
        assert_eq!(counts, [("detect", 1), ("landmarks", 2)]);
    }
}
