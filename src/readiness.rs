//! How the cameras run now, for the check before a recording.

use std::time::{Duration, Instant};

use mien_config::Config;
use mien_face::{Frame, PixelFormat};
use mien_metrics::StageStats;
use mien_pipeline::StageTimings;
use mien_record::CameraLoad;
use mien_ring::PreviewPicture;
use mien_stream::StreamDescription;
use mien_supervisor::{CameraState, CameraStatus, PreviewFollower, SupervisorHandle};

/// Pictures of each camera that are looked at.
const PICTURES: usize = 12;
/// How long pictures are waited for.
const PATIENCE: Duration = Duration::from_millis(1200);

/// The load of the cameras of these names, each with its streams. While faces are hidden, the detector runs on every
/// frame: `hides_faces` says that it is about to.
pub(crate) fn loads(
    supervisor: &SupervisorHandle,
    config: &Config,
    cameras: &[(String, Vec<StreamDescription>)],
    hides_faces: bool,
) -> Vec<CameraLoad> {
    let pictures = pictures(supervisor, cameras.iter().map(|(name, _)| name.as_str()));
    let statuses = supervisor.cameras();
    let load = |((name, streams), pictures): (&(String, Vec<StreamDescription>), Vec<Frame>)| {
        let status = statuses.iter().find(|status| status.name == *name);
        let Some(status) = status.filter(|status| status.state == CameraState::Live) else {
            let missing = status.map_or("it was removed".to_owned(), reason);
            return CameraLoad { name: name.clone(), missing: Some(missing), ..CameraLoad::default() };
        };
        let asked =
            config.cameras.iter().find(|camera| camera.name == *name).and_then(|camera| camera.rate_hz);
        let now_seconds = frame_seconds(&status.stages, false);
        let frame_seconds = frame_seconds(&status.stages, hides_faces);
        // A GPU's time costs no processor's.
        let more_seconds = if is_on_gpu(&status.engine) { 0.0 } else { frame_seconds - now_seconds };
        CameraLoad {
            name: name.clone(),
            missing: None,
            // Just after the start there may be no count of frames yet.
            rate_hz: if status.fps > 0.0 { status.fps } else { asked.unwrap_or(0.0) },
            frame_size: status.size.map(|[width, height]| (width, height)),
            pipeline_seconds: frame_seconds,
            processor_seconds: if status.fps > 0.0 {
                status.cpu_percent / 100.0 / status.fps + more_seconds
            } else {
                0.0
            },
            streams: streams.clone(),
            pictures,
        }
    };
    cameras.iter().zip(pictures).map(load).collect()
}

/// Why a camera is not live.
pub(crate) fn reason(status: &CameraStatus) -> String {
    if status.reason.is_empty() { status.state.label().to_owned() } else { status.reason.clone() }
}

/// How long a frame is in the pipeline on average: the detector does not run in each, unless it `always_looks`.
fn frame_seconds(stages: &[StageStats], always_looks: bool) -> f64 {
    let frames = stages.iter().map(|stage| stage.times.count).max().unwrap_or(0).max(1);
    let count = |stage: &StageStats| {
        let is_look = always_looks && StageTimings::DETECTION.contains(&stage.stage.as_str());
        if is_look && stage.times.count > 0 { frames } else { stage.times.count }
    };
    let total_ms: f64 = stages.iter().map(|stage| count(stage) as f64 * stage.times.mean_ms).sum();
    total_ms / frames as f64 / 1e3
}

/// Whether an engine, as it names itself, is one of a GPU.
fn is_on_gpu(engine: &str) -> bool {
    engine.starts_with("TensorRT")
}

/// The next few pictures of each camera, as the preview has them.
fn pictures<'a>(supervisor: &SupervisorHandle, cameras: impl Iterator<Item = &'a str>) -> Vec<Vec<Frame>> {
    struct Taking {
        follower: Option<PreviewFollower>,
        picture: Option<PreviewPicture>,
        frames: Vec<Frame>,
    }
    let mut all: Vec<Taking> = cameras
        .map(|name| Taking { follower: supervisor.preview(name).ok(), picture: None, frames: Vec::new() })
        .collect();
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline && all.iter().any(|taking| taking.frames.len() < PICTURES) {
        for taking in all.iter_mut().filter(|taking| taking.frames.len() < PICTURES) {
            let Some(follower) = &mut taking.follower else { continue };
            if follower.latest(&mut taking.picture).is_some()
                && let Some(picture) = &taking.picture
            {
                taking.frames.push(frame(picture));
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    all.into_iter().map(|taking| taking.frames).collect()
}

fn frame(picture: &PreviewPicture) -> Frame {
    let mut frame = Frame::empty();
    frame.reshape(picture.header.width, picture.header.height, PixelFormat::Rgb8);
    frame.pixels.copy_from_slice(picture.rgb());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_seldom_runs_counts_as_seldom_unless_it_is_to_run_always() {
        let stage = |name: &str, count: u64, mean_ms: f64| StageStats {
            stage: name.to_owned(),
            times: mien_metrics::DurationSummary { count, mean_ms, ..Default::default() },
        };
        let stages = [stage("detector", 20, 10.0), stage("landmarks", 100, 4.0), stage("crop", 0, 0.0)];
        let seconds = [false, true].map(|always_looks| frame_seconds(&stages, always_looks));
        assert!((seconds[0] - 0.006).abs() < 1e-12 && (seconds[1] - 0.014).abs() < 1e-12, "{seconds:?}");
        assert_eq!(frame_seconds(&[], true), 0.0);
    }
}
