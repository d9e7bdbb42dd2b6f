//! How long the stages took.

use hdrhistogram::Histogram;
use mien_pipeline::StageTimings;
use mien_tables::StageRecord;

/// Longest duration that is told apart, in nanoseconds.
const LONGEST_NANOS: u64 = 100_000_000_000;
/// Of the pipeline's stages.
const PIPELINE_STAGES: usize = StageTimings::NAMES.len();
/// Behind them: the whole pipeline, and the table.
const OTHERS: [&str; 2] = ["pipeline", "write rows"];
const STAGES: usize = PIPELINE_STAGES + OTHERS.len();

/// Durations of the stages over many frames. A stage that did not run in a frame is not counted in it.
pub struct Statistics {
    histograms: [Histogram<u64>; STAGES],
}

impl Default for Statistics {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NANOS, 3).expect("the bounds are in order");
        Self { histograms: std::array::from_fn(|_| histogram.clone()) }
    }
}

impl Statistics {
    /// Adds a frame.
    pub fn add(&mut self, timings: &StageTimings, write_nanos: u64) {
        let nanos = timings.stages().into_iter().chain([timings.total_nanos, write_nanos]);
        for (histogram, nanos) in self.histograms.iter_mut().zip(nanos) {
            if nanos > 0 {
                histogram.saturating_record(nanos);
            }
        }
    }

    /// The stages that ran.
    pub fn rows(&self) -> impl Iterator<Item = StageRecord> {
        let names = StageTimings::NAMES.into_iter().chain(OTHERS);
        let ran = self.histograms.iter().zip(names).filter(|(histogram, _)| !histogram.is_empty());
        ran.map(|(histogram, stage)| {
            let ms = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e6;
            StageRecord {
                stage,
                frames: histogram.len(),
                mean_ms: histogram.mean() / 1e6,
                p50_ms: ms(0.50),
                p95_ms: ms(0.95),
                p99_ms: ms(0.99),
            }
        })
    }
}

impl std::fmt::Display for Statistics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "  {:<16}{:>8}{:>10}{:>10}{:>10}{:>10}",
            "stage (ms)", "frames", "mean", "p50", "p95", "p99"
        )?;
        for StageRecord { stage, frames, mean_ms, p50_ms, p95_ms, p99_ms } in self.rows() {
            writeln!(f, "  {stage:<16}{frames:>8}{mean_ms:>10.2}{p50_ms:>10.2}{p95_ms:>10.2}{p99_ms:>10.2}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_count_only_frames_in_which_a_stage_ran() {
        let mut statistics = Statistics::default();
        for frame in 1..=100 {
            let detect_nanos = if frame % 5 == 0 { 8_000_000 } else { 0 };
            let total_nanos = frame * 1_000_000;
            statistics.add(&StageTimings { detect_nanos, total_nanos, ..StageTimings::default() }, 0);
        }
        let rows: Vec<StageRecord> = statistics.rows().collect();
        assert_eq!(
            rows.iter().map(|row| (row.stage, row.frames)).collect::<Vec<_>>(),
            [("detector", 20), ("pipeline", 100)]
        );
        let pipeline = rows[1];
        for (found, expected) in [(pipeline.p50_ms, 50.0), (pipeline.p95_ms, 95.0), (pipeline.p99_ms, 99.0)] {
            assert!((found - expected).abs() < 0.1, "{found} {expected}");
        }
    }
}
