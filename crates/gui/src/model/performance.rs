//! The performance page: what limits the cameras, in words, and how late the screen is.

use std::collections::{HashMap, VecDeque};

use mien_control::{CameraState, CameraStatus};
use mien_metrics::{DurationSummary, StageStats};

use crate::backend::MachineLoad;

/// How far back drops and delays are looked at, in seconds.
const WINDOW_SECONDS: f64 = 5.0;
/// Share of all cores above which the processor counts as full.
const FULL: f32 = 0.9;

/// What the app measures itself.
#[derive(Debug, Default)]
pub struct PerformanceModel {
    drops: HashMap<String, VecDeque<(f64, u64)>>,
    screen: HashMap<String, VecDeque<(f64, f32)>>,
    repaints: VecDeque<f64>,
}

impl PerformanceModel {
    /// Takes in the cameras' counts at a time in seconds.
    pub fn update(&mut self, seconds: f64, cameras: &[CameraStatus]) {
        self.drops.retain(|name, _| cameras.iter().any(|camera| camera.name == *name));
        self.screen.retain(|name, _| cameras.iter().any(|camera| camera.name == *name));
        for camera in cameras {
            let counts = self.drops.entry(camera.name.clone()).or_default();
            // A count that falls is another process's.
            if counts.back().is_some_and(|(_, count)| *count > camera.dropped_frames) {
                counts.clear();
            }
            if counts.back().is_none_or(|(at, _)| seconds - at >= 0.25) {
                counts.push_back((seconds, camera.dropped_frames));
            }
            while counts.len() > 2 && counts.front().is_some_and(|(at, _)| seconds - at > WINDOW_SECONDS) {
                counts.pop_front();
            }
        }
        self.repaints.push_back(seconds);
        while self.repaints.front().is_some_and(|at| seconds - at > WINDOW_SECONDS) {
            self.repaints.pop_front();
        }
    }

    /// Notes how old a camera's picture was when it was handed to the screen.
    pub fn shown(&mut self, seconds: f64, camera: &str, age_ms: f32) {
        let ages = self.screen.entry(camera.to_owned()).or_default();
        ages.push_back((seconds, age_ms));
        while ages.front().is_some_and(|(at, _)| seconds - at > WINDOW_SECONDS) {
            ages.pop_front();
        }
    }

    /// Frames that a camera dropped, per second.
    #[must_use]
    pub fn drops_per_second(&self, camera: &str) -> f32 {
        let Some(counts) = self.drops.get(camera) else { return 0.0 };
        let (Some((from, first)), Some((to, last))) = (counts.front(), counts.back()) else { return 0.0 };
        if to - from < 0.5 { 0.0 } else { ((last - first) as f64 / (to - from)) as f32 }
    }

    /// Median and 95th percentile of the pictures' ages on their way to the screen, in milliseconds.
    #[must_use]
    pub fn screen_ms(&self, camera: &str) -> Option<[f32; 2]> {
        let mut ages: Vec<f32> = self.screen.get(camera)?.iter().map(|(_, age)| *age).collect();
        if ages.is_empty() {
            return None;
        }
        ages.sort_by(f32::total_cmp);
        let at = |share: f32| ages[((ages.len() - 1) as f32 * share).round() as usize];
        Some([at(0.5), at(0.95)])
    }

    /// Repaints per second.
    #[must_use]
    pub fn repaints_per_second(&self) -> f32 {
        let (Some(first), Some(last)) = (self.repaints.front(), self.repaints.back()) else { return 0.0 };
        if last - first < 0.5 { 0.0 } else { ((self.repaints.len() - 1) as f64 / (last - first)) as f32 }
    }
}

/// Sum of the stages' times at a percentile, in milliseconds.
#[must_use]
pub fn total_ms(stages: &[StageStats], percentile: fn(&DurationSummary) -> f64) -> f64 {
    stages.iter().map(|stage| percentile(&stage.times)).sum()
}

/// What limits the cameras now, in words: one sentence each.
#[must_use]
pub fn bottlenecks(
    cameras: &[CameraStatus],
    load: &MachineLoad,
    drops_per_second: impl Fn(&str) -> f32,
) -> Vec<String> {
    let mut sentences = Vec::new();
    let cpu: f32 = load.processes.iter().map(|process| process.cpu_percent).sum::<f32>() / 100.0;
    let cores = load.cores.max(1) as f32;
    if cpu >= cores * FULL {
        sentences.push(format!(
            "The processor is full: Mien takes {cpu:.1} of {cores:.0} cores. Smaller pictures, lower rates, \
             a larger \"detect every\" or fewer faces help."
        ));
    }
    for gpu in &load.gpus {
        if let Some(percent) = gpu.utilization_percent.filter(|percent| *percent >= FULL * 100.0) {
            sentences
                .push(format!("GPU {} is full ({percent:.0} %): move a camera to another one.", gpu.index));
        }
    }
    for camera in cameras {
        if camera.state != CameraState::Live {
            sentences.push(format!("{} is {}.", camera.name, camera.state_text()));
            continue;
        }
        let total = total_ms(&camera.stages, |times| times.p50_ms);
        let slowest = camera.stages.iter().max_by(|a, b| a.times.p50_ms.total_cmp(&b.times.p50_ms));
        let Some(slowest) = slowest.filter(|_| total > 0.0) else { continue };
        let share = slowest.times.p50_ms / total * 100.0;
        let drops = drops_per_second(&camera.name);
        sentences.push(if drops >= 0.5 {
            format!(
                "{} drops {drops:.1} frames a second: {total:.1} ms a frame, most of it {} ({share:.0} %), allow \
                 {:.1}.",
                camera.name,
                slowest.stage,
                1000.0 / total
            )
        } else {
            format!(
                "{} keeps up: {total:.1} ms a frame, most of it {} ({share:.0} %); alone there is room for \
                 {:.0} frames a second.",
                camera.name,
                slowest.stage,
                1000.0 / total
            )
        });
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ProcessLoad;

    fn camera(dropped_frames: u64) -> CameraStatus {
        let stage = |name: &str, p50_ms| StageStats {
            stage: name.to_owned(),
            times: DurationSummary { p50_ms, ..DurationSummary::default() },
        };
        CameraStatus {
            state: CameraState::Live,
            dropped_frames,
            stages: vec![stage("detect", 2.0), stage("landmarks", 6.0)],
            ..CameraStatus::starting("left", "synthetic")
        }
    }

    #[test]
    fn drops_are_counted_over_the_last_seconds() {
        let mut model = PerformanceModel::default();
        for second in 0..10 {
            model.update(f64::from(second), &[camera(second.max(5) as u64 * 4)]);
        }
        assert!((model.drops_per_second("left") - 3.2).abs() < 0.9, "{}", model.drops_per_second("left"));
        assert!((model.repaints_per_second() - 1.0).abs() < 0.01);
        // Another process counts from 0.
        model.update(10.0, &[camera(0)]);
        assert_eq!(model.drops_per_second("left"), 0.0);
        model.update(11.0, &[]);
        assert_eq!(model.drops_per_second("left"), 0.0);
    }

    #[test]
    fn ages_on_the_screen_are_told_by_percentile() {
        let mut model = PerformanceModel::default();
        for age in 1..=100_u8 {
            model.shown(0.01 * f64::from(age), "left", f32::from(age));
        }
        let [p50, p95] = model.screen_ms("left").unwrap();
        assert!((50.0..=51.0).contains(&p50) && (94.0..=96.0).contains(&p95));
        assert_eq!(model.screen_ms("right"), None);
    }

    #[test]
    fn the_bottleneck_is_named() {
        let load = |cpu_percent| MachineLoad {
            processes: vec![ProcessLoad { name: "left".into(), pid: 1, cpu_percent, memory_bytes: 0 }],
            cores: 2,
            ..MachineLoad::default()
        };
        let said = bottlenecks(&[camera(0)], &load(40.0), |_| 0.0);
        assert!(
            said.len() == 1 && said[0].contains("keeps up") && said[0].contains("landmarks (75 %)"),
            "{said:?}"
        );
        let said = bottlenecks(&[camera(0)], &load(195.0), |_| 4.0);
        assert!(said[0].contains("processor is full") && said[1].contains("drops 4.0"), "{said:?}");
        assert!(bottlenecks(&[], &MachineLoad::default(), |_| 0.0).is_empty());
    }
}
