//! For people.

use super::Readiness;

impl Readiness {
    /// What was found, a line each; the problems are not among them.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for camera in self.cameras.iter().filter(|camera| camera.missing.is_none()) {
            let mut parts = Vec::new();
            let limits = [("tracking", camera.pipeline_hz), ("video", camera.encoder_hz)];
            let limits =
                limits.into_iter().filter_map(|(what, rate_hz)| Some(format!("{what} {:.0}", rate_hz?)));
            if let Some(most) = camera.sustained_hz {
                let limits: Vec<_> = limits.collect();
                parts.push(format!("about {most:.0} fps are sustained ({})", limits.join(", ")));
            }
            parts.push(format!("{:.2} MB a second", camera.bytes_per_second / 1e6));
            lines.push(format!(
                "camera {}: {:.1} fps come, {}",
                camera.name,
                camera.rate_hz,
                parts.join(", ")
            ));
        }
        if let Some(encoder) = &self.encoder {
            lines.push(format!("video is encoded by {encoder}"));
        }
        let room = self
            .room_seconds
            .map_or(String::new(), |room| format!(": room for {} at this rate", duration(room)));
        let speed = self.disk_bytes_per_second.map_or(String::new(), |speed| {
            format!("takes {:.0} MB a second, {:.1} are needed; ", speed / 1e6, self.bytes_per_second / 1e6)
        });
        lines.push(format!("disk: {speed}{:.1} GB are free{room}", self.free_bytes as f64 / 1e9));
        for stream in &self.streams {
            if let Some(found) = &stream.found {
                let what = format!("{} ({}) on {}", found.name, found.content_type, found.host);
                lines.push(format!("stream `{}` is there: {what}", stream.wanted));
            }
        }
        lines
    }
}

/// `2 h 10 min`, `12 min`, `45 s`, `11 days`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min", whole / 60),
        3600..360_000 => format!("{} h {} min", whole / 3600, whole / 60 % 60),
        _ => format!("{} days", whole / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CameraEstimate;

    #[test]
    fn lines_are_for_people() {
        let found = Readiness {
            cameras: vec![CameraEstimate {
                name: "front".into(),
                rate_hz: 30.0,
                pipeline_hz: Some(210.4),
                encoder_hz: Some(120.0),
                sustained_hz: Some(62.0),
                bytes_per_second: 750_000.0,
                ..CameraEstimate::default()
            }],
            encoder: Some("libx264".into()),
            disk_bytes_per_second: Some(4.5e8),
            free_bytes: 70_600_000_000,
            bytes_per_second: 750_000.0,
            room_seconds: Some(7800.0),
            ..Readiness::default()
        };
        assert_eq!(
            found.lines(),
            [
                "camera front: 30.0 fps come, about 62 fps are sustained (tracking 210, video 120), 0.75 MB a second",
                "video is encoded by libx264",
                "disk: takes 450 MB a second, 0.8 are needed; 70.6 GB are free: room for 2 h 10 min at this rate",
            ]
        );
        assert_eq!([12.0, 720.0, 1e6].map(duration), ["12 s", "12 min", "11 days"]);
    }
}
