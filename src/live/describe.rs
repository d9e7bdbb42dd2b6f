//! What the streams say of the cameras, as configuration and workers have it.

use std::path::Path;

use mien_config::{Camera, Config};
use mien_models::ModelSet;
use mien_outputs::Provided;
use mien_stream::{CameraDescription, ModelNote, StreamIdentity, StreamSettings, Synchronization};
use mien_supervisor::CameraStatus;

/// A camera that runs as `config` says and stands as `status` says.
pub(super) fn camera(
    config: &Config,
    status: &CameraStatus,
    publish: bool,
    models: &[ModelNote],
) -> CameraDescription {
    let camera = configured(config, &status.name);
    let source = camera.map_or_else(|| status.source.as_str().into(), |camera| camera.source.clone());
    CameraDescription {
        name: status.name.clone(),
        frame_size: status.size.map(|[width, height]| (width, height)),
        triggered_rate_hz: camera.and_then(|camera| camera.triggered_rate_hz),
        optics: mien_outputs::Camera::with_fov_deg(config.detection.vertical_fov_deg),
        // Every pipeline has all models.
        provided: Provided::default(),
        engine: match status.engine.as_str() {
            "" => format!("not known yet (asked for {})", config.engine.kind.name()),
            engine => engine.to_owned(),
        },
        models: models.to_vec(),
        filter: filter_text(config),
        identity: identity_of(config, publish, &status.name, &source.to_string()),
        source,
        synchronization: Synchronization {
            stamp_delay_seconds: camera.and_then(|camera| camera.stamp_delay_ms).map(|ms| ms / 1e3),
            scatter: None,
        },
        participants: camera.map(|camera| camera.participants.clone()).unwrap_or_default(),
    }
}

/// The camera of this name in the configuration.
pub(super) fn configured<'a>(config: &'a Config, name: &str) -> Option<&'a Camera> {
    config.cameras.iter().find(|camera| camera.name == name)
}

/// What tells the streams of a camera (or, without a name, the markers) from those of other programs.
fn identity_of(config: &Config, publish: bool, camera: &str, source: &str) -> StreamIdentity {
    let identity = if publish { StreamIdentity::claim } else { StreamIdentity::new };
    identity(&config.lsl.prefix, camera, source)
}

/// Which streams there are.
pub(super) fn stream_settings(config: &Config, publish: bool) -> StreamSettings {
    StreamSettings {
        outputs: config.lsl.streams.clone(),
        slots: config.lsl.faces,
        fill: config.lsl.fill,
        prefix: config.lsl.prefix.clone(),
        markers: identity_of(config, publish, "", ""),
    }
}

fn filter_text(config: &Config) -> Option<String> {
    let smoothing = &config.smoothing;
    smoothing.enabled.then(|| {
        format!(
            "One-Euro: min_cutoff {} Hz, beta {}, speed cutoff {} Hz",
            smoothing.min_cutoff_hz, smoothing.beta, smoothing.speed_cutoff_hz
        )
    })
}

/// The models that the workers load; they check the hashes.
pub(super) fn model_notes(config: &Config) -> Vec<ModelNote> {
    let named: Option<&Path> = config.models.dir.as_deref();
    let Ok(set) = ModelSet::find(named) else { return Vec::new() };
    set.models()
        .iter()
        .map(|model| ModelNote {
            role: model.role().to_string(),
            name: model.entry.file.clone(),
            sha256: model.entry.sha256.clone(),
        })
        .collect()
}
