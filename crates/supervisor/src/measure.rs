//! What is measured of one camera.

use std::collections::HashSet;

use mien_control::CameraStatus;
use mien_metrics::{
    CameraStats, CpuMeter, DurationHistogram, DurationSummary, ProcessStats, ProcessUsage, RateMeter,
    StageStats,
};
use mien_ring::{FacesEntry, MAX_STAGES};

use crate::gpus::Gpus;

/// How far back "the last seconds" go.
const WINDOW_NANOS: i64 = 5_000_000_000;

#[derive(Default)]
struct Times {
    latency: DurationHistogram,
    stages: [DurationHistogram; MAX_STAGES],
}

impl Times {
    fn record(&mut self, latency_nanos: u64, stage_nanos: &[u64; MAX_STAGES]) {
        self.latency.record_nanos(latency_nanos);
        for (histogram, nanos) in self.stages.iter_mut().zip(stage_nanos) {
            if *nanos > 0 {
                histogram.record_nanos(*nanos);
            }
        }
    }

    fn clear(&mut self) {
        self.latency.clear();
        self.stages.iter_mut().for_each(DurationHistogram::clear);
    }

    fn stages(&self, names: &[String]) -> Vec<StageStats> {
        let stages = names.iter().zip(&self.stages);
        stages.map(|(name, times)| StageStats { stage: name.clone(), times: times.summary() }).collect()
    }
}

pub(crate) struct Measure {
    stage_names: Vec<String>,
    whole_run: Times,
    recent: Times,
    recent_since_nanos: i64,
    rate: RateMeter,
    frames: u64,
    frames_with_face: u64,
    track_ids: HashSet<(u64, u32)>,
    /// Dropped by workers that are gone, and by the present one.
    dropped: [u64; 2],
    missed_results: [u64; 2],
    /// Of the present worker, before it was ready: dropped, missed.
    before_readiness: [u64; 2],
    missed_previews: u64,
    live_nanos: i64,
    live_looked_nanos: Option<i64>,
    cpu: CpuMeter,
    /// Processor time in seconds of workers that are gone, and of the present one.
    cpu_seconds: [f64; 2],
    most_resident_bytes: u64,
    most_gpu_memory_bytes: Option<u64>,
}

/// Most track ids that are told apart.
const MOST_IDS: usize = 100_000;

impl Measure {
    pub fn new() -> Self {
        Self {
            stage_names: Vec::new(),
            whole_run: Times::default(),
            recent: Times::default(),
            recent_since_nanos: 0,
            rate: RateMeter::new(WINDOW_NANOS),
            frames: 0,
            frames_with_face: 0,
            track_ids: HashSet::new(),
            dropped: [0; 2],
            missed_results: [0; 2],
            before_readiness: [0; 2],
            missed_previews: 0,
            live_nanos: 0,
            live_looked_nanos: None,
            cpu: CpuMeter::default(),
            cpu_seconds: [0.0; 2],
            most_resident_bytes: 0,
            most_gpu_memory_bytes: None,
        }
    }

    pub fn name_stages(&mut self, names: Vec<String>) {
        self.stage_names = names;
    }

    pub fn stage_names(&self) -> &[String] {
        &self.stage_names
    }

    /// Counts a result that was read at a monotonic time; `missed` is what its reader missed in this
    /// life of the worker.
    pub fn result(&mut self, epoch: u64, result: &FacesEntry, missed: u64, now_nanos: i64) {
        self.frames += 1;
        self.rate.record(now_nanos);
        let latency_nanos = (now_nanos - result.frame.capture_nanos).max(0) as u64;
        self.whole_run.record(latency_nanos, &result.timings.stage_nanos);
        self.recent.record(latency_nanos, &result.timings.stage_nanos);
        let [dropped_before, missed_before] = self.before_readiness;
        self.dropped[1] = result.timings.dropped_frames.saturating_sub(dropped_before);
        self.missed_results[1] = missed.saturating_sub(missed_before);
        let faces = result.frame.faces();
        self.frames_with_face += u64::from(!faces.is_empty());
        if self.track_ids.len() < MOST_IDS {
            self.track_ids.extend(faces.iter().map(|face| (epoch, face.track_id)));
        }
    }

    /// A result of a frame that came while the worker was still starting. It is in no figure: how old it is says how
    /// long the networks took to load.
    pub fn before_readiness(&mut self, result: &FacesEntry, missed: u64) {
        self.before_readiness = [result.timings.dropped_frames, missed];
    }

    /// Counts time as live, from the last call that said so.
    pub fn live(&mut self, is_live: bool, now_nanos: i64) {
        if let Some(before) = self.live_looked_nanos.take() {
            self.live_nanos += now_nanos - before;
        }
        self.live_looked_nanos = is_live.then_some(now_nanos);
    }

    /// Looks at the worker's use of the machine, and brings a status up to date.
    pub fn look(&mut self, pid: u32, gpus: &Gpus, status: &mut CameraStatus, now_nanos: i64) {
        status.gpu_memory_bytes = gpus.process_memory_bytes(status.gpu, pid);
        self.most_gpu_memory_bytes = self.most_gpu_memory_bytes.max(status.gpu_memory_bytes);
        if let Some(usage) = ProcessUsage::read(pid) {
            if let Some(percent) = self.cpu.percent(pid, usage, now_nanos) {
                status.cpu_percent = percent;
            }
            self.cpu_seconds[1] = usage.cpu_seconds;
            self.most_resident_bytes = self.most_resident_bytes.max(usage.resident_bytes);
            status.resident_bytes = usage.resident_bytes;
        }
        status.fps = self.rate.per_second(now_nanos);
        status.dropped_frames = self.dropped.iter().sum();
        status.missed_results = self.missed_results.iter().sum();
        if now_nanos - self.recent_since_nanos > WINDOW_NANOS || status.latency.count == 0 {
            status.latency = self.recent.latency.summary();
            status.stages = self.recent.stages(&self.stage_names);
            if now_nanos - self.recent_since_nanos > WINDOW_NANOS {
                self.recent.clear();
                self.recent_since_nanos = now_nanos;
            }
        }
    }

    /// The present worker is gone.
    pub fn worker_gone(&mut self) {
        for counts in [&mut self.dropped, &mut self.missed_results] {
            *counts = [counts[0] + counts[1], 0];
        }
        self.before_readiness = [0; 2];
        self.cpu_seconds = [self.cpu_seconds.iter().sum(), 0.0];
    }

    pub fn missed_previews(&mut self, missed: u64) {
        self.missed_previews = missed;
    }

    /// The whole run, of which the camera's status gives the rest.
    pub fn stats(&self, status: &CameraStatus, run_seconds: f64) -> CameraStats {
        let live_seconds = self.live_nanos as f64 * 1e-9;
        let per_second = |count: f64, seconds: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        let latency: DurationSummary = self.whole_run.latency.summary();
        CameraStats {
            name: status.name.clone(),
            source: status.source.clone(),
            state: status.state.label().into(),
            reason: status.reason.clone(),
            engine: status.engine.clone(),
            frames: self.frames,
            frames_with_face: self.frames_with_face,
            track_ids: self.track_ids.len() as u64,
            live_seconds,
            fps: per_second(self.frames as f64, live_seconds),
            dropped_frames: self.dropped.iter().sum(),
            missed_results: self.missed_results.iter().sum(),
            missed_previews: self.missed_previews,
            restarts: status.restarts,
            latency,
            stages: self.whole_run.stages(&self.stage_names),
            worker: ProcessStats {
                pid: status.pid.unwrap_or(0),
                cpu_percent: 100.0 * per_second(self.cpu_seconds.iter().sum(), run_seconds),
                resident_bytes: self.most_resident_bytes,
            },
            gpu: status.gpu,
            most_gpu_memory_bytes: self.most_gpu_memory_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(capture_nanos: i64, dropped_frames: u64) -> Box<FacesEntry> {
        let mut entry = FacesEntry::boxed();
        entry.frame.capture_nanos = capture_nanos;
        entry.timings.dropped_frames = dropped_frames;
        entry
    }

    #[test]
    fn what_came_before_readiness_is_in_no_figure() {
        const SECOND: i64 = 1_000_000_000;
        let mut measure = Measure::new();
        // Captured when loading began, read 17 s later; until then the camera's frames were dropped.
        measure.before_readiness(&result(0, 510), 3);
        measure.live(true, 17 * SECOND);
        for frame in 0..30 {
            let captured = 17 * SECOND + frame * SECOND / 30;
            measure.result(0, &result(captured, 510), 3, captured + 5_000_000);
        }
        measure.live(true, 18 * SECOND);
        let stats = measure.stats(&CameraStatus::starting("a", "synthetic"), 18.0);
        assert_eq!((stats.frames, stats.dropped_frames, stats.missed_results), (30, 0, 0));
        assert!((stats.fps - 30.0).abs() < 1e-6 && (stats.live_seconds - 1.0).abs() < 1e-9, "{stats:?}");
        assert!(stats.latency.max_ms < 6.0, "{:?}", stats.latency);
        // The next worker drops and misses from the start, too.
        measure.worker_gone();
        measure.before_readiness(&result(0, 7), 0);
        measure.result(1, &result(20 * SECOND, 9), 1, 20 * SECOND);
        let stats = measure.stats(&CameraStatus::starting("a", "synthetic"), 20.0);
        assert_eq!((stats.dropped_frames, stats.missed_results), (2, 1));
    }
}
