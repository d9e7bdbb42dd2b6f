//! What the measurements mean.

use super::{CameraEstimate, Readiness, ReadinessRequest, Severity};

/// Share of the processor that cameras may take: the rest is for streams, files and the system.
const USABLE: f64 = 0.9;
/// How many times faster than needed a disk should be; others use it too.
const DISK_RESERVE: f64 = 2.0;
/// Room below which there is a warning when nobody says how long the recording takes.
const LITTLE_ROOM_SECONDS: f64 = 1800.0;

/// Fills in what is sustained: no more than the pipeline and the encoder of a camera take, and no more than
/// the processors have for all of them.
pub(super) fn sustained(cameras: &mut [CameraEstimate], processors: usize) {
    let load = |camera: &CameraEstimate| Some(camera.rate_hz * camera.processor_seconds?);
    let used: f64 = cameras.iter().filter_map(load).sum();
    let factor = (used > 0.0).then(|| USABLE * processors as f64 / used);
    for camera in cameras.iter_mut().filter(|camera| camera.rate_hz > 0.0) {
        let by_processor = factor.map(|factor| factor * camera.rate_hz);
        let limits = [camera.pipeline_hz, camera.encoder_hz, by_processor];
        camera.sustained_hz = limits.into_iter().flatten().reduce(f64::min);
    }
}

impl Readiness {
    /// Adds sums and problems to what was measured.
    pub(super) fn judged(mut self, request: &ReadinessRequest) -> Self {
        self.bytes_per_second = self.cameras.iter().map(|camera| camera.bytes_per_second).sum();
        let usable = self.free_bytes.saturating_sub(request.limits.stop_bytes) as f64;
        self.room_seconds = (self.bytes_per_second > 0.0).then(|| usable / self.bytes_per_second);
        self.judge_cameras();
        self.judge_disk(request);
        let gone = self.streams.iter().filter(|stream| stream.found.is_none());
        let texts: Vec<_> = gone
            .map(|stream| {
                let wanted = &stream.wanted;
                format!("the LSL stream `{wanted}` is not there: start what sends it, or record without it")
            })
            .collect();
        texts.into_iter().for_each(|text| self.problem(Severity::Missing, text));
        self.problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
        self
    }

    fn judge_cameras(&mut self) {
        let mut found = Vec::new();
        for CameraEstimate { name, missing, rate_hz, sustained_hz, .. } in &self.cameras {
            if let Some(reason) = missing {
                found.push((Severity::Missing, format!("camera {name} is not there ({reason})")));
            } else if let Some(most) = sustained_hz.filter(|most| most < rate_hz) {
                let text = format!(
                    "camera {name}: {rate_hz:.0} fps come, and {most:.0} are sustained: frames will be dropped; \
                     lower `rate_hz` or `size`, or take a camera out"
                );
                found.push((Severity::Warning, text));
            }
        }
        found.into_iter().for_each(|(severity, text)| self.problem(severity, text));
    }

    fn judge_disk(&mut self, request: &ReadinessRequest) {
        let needed = self.bytes_per_second;
        let folder = request.parent.display().to_string();
        if let Some(speed) = self.disk_bytes_per_second
            && speed < DISK_RESERVE * needed
        {
            let severity = if speed < needed { Severity::Missing } else { Severity::Warning };
            let text = format!(
                "the disk of {folder} takes {:.1} MB a second, and {:.1} are needed: choose another folder",
                speed / 1e6,
                needed / 1e6
            );
            self.problem(severity, text);
        }
        if self.free_bytes < request.limits.warn_bytes {
            let gigabytes = self.free_bytes as f64 / 1e9;
            self.problem(Severity::Warning, format!("only {gigabytes:.1} GB are free where {folder} lies"));
        }
        let Some(room) = self.room_seconds else { return };
        let words = super::words::duration(room);
        match request.seconds {
            Some(seconds) if seconds > room => {
                let wanted = super::words::duration(seconds);
                let text = format!("{wanted} are to be recorded, and there is room for {words} in {folder}");
                self.problem(Severity::Missing, text);
            }
            None if room < LITTLE_ROOM_SECONDS => {
                self.problem(Severity::Warning, format!("there is room for {words} only in {folder}"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use mien_config::VideoKind;
    use mien_outlets::RequiredStream;

    use super::*;
    use crate::DiskLimits;

    fn camera(rate_hz: f64, processor_seconds: f64) -> CameraEstimate {
        CameraEstimate {
            name: "front".into(),
            rate_hz,
            pipeline_hz: Some(200.0),
            encoder_hz: Some(100.0),
            processor_seconds: Some(processor_seconds),
            bytes_per_second: 1e6,
            ..CameraEstimate::default()
        }
    }

    fn request(seconds: Option<f64>) -> ReadinessRequest {
        ReadinessRequest {
            parent: "recordings".into(),
            video: VideoKind::H264,
            hardware: false,
            limits: DiskLimits { warn_bytes: 5_000_000_000, stop_bytes: 1_000_000_000 },
            seconds,
            cameras: Vec::new(),
            required_streams: Vec::new(),
            lsl: mien_outlets::Launch::default(),
        }
    }

    fn measured() -> Readiness {
        Readiness {
            cameras: vec![camera(30.0, 0.01)],
            disk_bytes_per_second: Some(1e8),
            free_bytes: 11_000_000_000,
            ..Readiness::default()
        }
    }

    fn texts(readiness: &Readiness) -> Vec<&str> {
        readiness.problems.iter().map(|problem| problem.text.as_str()).collect()
    }

    #[test]
    fn the_narrowest_part_sets_the_rate() {
        let sustained_of = |mut cameras: Vec<CameraEstimate>, processors| -> Vec<f64> {
            sustained(&mut cameras, processors);
            cameras.iter().map(|camera| camera.sustained_hz.unwrap()).collect()
        };
        // 4 × 30 × 0.01 s are 1.2 of the 1.8 processors that may be used.
        let four = sustained_of(vec![camera(30.0, 0.01); 4], 2);
        assert!(four.iter().all(|rate_hz| (rate_hz - 45.0).abs() < 1e-9), "{four:?}");
        assert_eq!(sustained_of(vec![camera(30.0, 0.001)], 8), [100.0], "the encoder");
        let slow = CameraEstimate { pipeline_hz: Some(20.0), ..camera(30.0, 0.001) };
        assert_eq!(sustained_of(vec![slow], 8), [20.0], "the pipeline");
    }

    #[test]
    fn room_is_what_is_left_until_the_limit() {
        let found = measured().judged(&request(None));
        assert_eq!((found.room_seconds, found.problems.len()), (Some(10_000.0), 0));
        assert!(found.is_ready());
        let found = measured().judged(&request(Some(20_000.0)));
        assert!(!found.is_ready());
        assert!(texts(&found)[0].contains("room for 2 h 46 min"), "{:?}", texts(&found));
        let found = Readiness { free_bytes: 2_000_000_000, ..measured() }.judged(&request(None));
        assert!(found.is_ready(), "a warning keeps nobody from recording");
        assert_eq!(found.problems.len(), 2);
        let found = Readiness { disk_bytes_per_second: Some(5e5), ..measured() }.judged(&request(None));
        assert!(
            !found.is_ready() && texts(&found)[0].contains("0.5 MB a second, and 1.0"),
            "{:?}",
            texts(&found)
        );
    }

    #[test]
    fn what_is_missing_comes_first_and_is_told_with_a_remedy() {
        let mut found = measured();
        sustained(&mut found.cameras, 1);
        found.cameras[0].sustained_hz = Some(12.0);
        found.cameras.push(CameraEstimate { missing: Some("unplugged".into()), ..camera(0.0, 0.0) });
        let wanted = |wanted: &str| RequiredStream { wanted: wanted.into(), found: None };
        found.streams = vec![wanted("type=EEG")];
        let found = found.judged(&request(None));
        let severities: Vec<_> = found.problems.iter().map(|problem| problem.severity).collect();
        assert_eq!(severities, [Severity::Missing, Severity::Missing, Severity::Warning]);
        let texts = texts(&found);
        assert!(texts[0].contains("unplugged") && texts[1].contains("`type=EEG`"), "{texts:?}");
        assert!(texts[2].contains("12 are sustained") && texts[2].contains("rate_hz"), "{texts:?}");
    }
}
