//! What the streams say of the cameras, as configuration and workers have it.

use mien_config::{Camera, Config};
use mien_face::{FacePart, FaceParts};
use mien_models::{ModelFile, ModelSet};
use mien_outputs::BLENDSHAPES;
use mien_stream::{CameraDescription, ModelNote, StreamIdentity, StreamSettings, Synchronization};
use mien_supervisor::CameraStatus;

/// A camera that runs as `config` says and stands as `status` says.
pub(super) fn camera(
    config: &Config,
    status: &CameraStatus,
    publish: bool,
    networks: &Networks,
) -> CameraDescription {
    let camera = configured(config, &status.name);
    let source = camera.map_or_else(|| status.source.as_str().into(), |camera| camera.source.clone());
    CameraDescription {
        name: status.name.clone(),
        frame_size: status.size.map(|[width, height]| (width, height)),
        triggered_rate_hz: camera.and_then(|camera| camera.triggered_rate_hz),
        optics: mien_outputs::Camera::with_fov_deg(config.detection.vertical_fov_deg),
        engine: match status.engine.as_str() {
            "" => format!("not known yet (asked for {})", config.engine.kind.name()),
            engine => engine.to_owned(),
        },
        models: networks.models.clone(),
        parts: networks.parts,
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

/// The networks that the workers load.
pub(super) struct Networks {
    /// Their files; the workers check the hashes.
    models: Vec<ModelNote>,
    /// What they measure of a face.
    parts: FaceParts,
}

impl Networks {
    /// As the configuration chooses them. Where they cannot be found, the workers say so.
    pub(super) fn of(config: &Config) -> Self {
        let unknown = || Self { models: Vec::new(), parts: FaceParts::ALL };
        let Ok(set) = ModelSet::find(config.models.dir.as_deref()) else { return unknown() };
        let Ok(selection) = set.select(&config.models) else { return unknown() };
        let note = |model: &&ModelFile| ModelNote {
            role: model.role().to_string(),
            name: model.entry.file.clone(),
            sha256: model.entry.sha256.clone(),
        };
        for absent in selection.absent.iter().filter(|absent| absent.part == FacePart::Blendshapes) {
            if config.lsl.streams.contains(&BLENDSHAPES) {
                tracing::info!("no stream of blendshapes: {}", absent.reason);
            }
        }
        Self { models: selection.models.iter().map(note).collect(), parts: selection.parts() }
    }
}
