//! Which values are possible.

use std::collections::HashMap;
use std::fmt::Display;

use mien_face::VERTICAL_FOV_DEG;

use crate::{Camera, Config};

/// Most cameras of a configuration.
pub const MOST_CAMERAS: usize = 256;
/// Most items of a list that are looked at one by one.
const MOST_ITEMS: usize = 256;
/// Most faces that a camera tracks.
const MOST_FACES: usize = 10;

/// A value that is not possible: the path of its key, and what is wrong with it.
pub(crate) struct Fault {
    /// Keys and, for the items of lists, numbers: `["cameras", "1", "name"]`.
    pub key: Vec<String>,
    pub message: String,
}

/// Whether a camera, subject, session or task may be called so: 1 to 64 of `A–Z a–z 0–9 _ -`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, key: &str, message: String) {
        let name = key.rsplit('.').next().unwrap_or(key);
        self.0.push(Fault {
            key: key.split('.').map(String::from).collect(),
            message: format!("{name}: {message}"),
        });
    }

    /// NaN is in no range.
    fn range<T: PartialOrd + Display>(&mut self, key: &str, value: T, low: T, high: T) {
        if !(value >= low && value <= high) {
            self.add(key, format!("{value} is not possible; allowed are {low} to {high}"));
        }
    }

    fn name(&mut self, key: &str, text: &str) {
        if !is_name(text) {
            self.add(key, format!("`{text}` is no name; allowed are 1 to 64 of A–Z a–z 0–9 _ -"));
        }
    }

    fn slots(&mut self, key: &str, slots: u64) {
        if !slots.is_power_of_two() || !(2..=1024).contains(&slots) {
            self.add(key, format!("{slots} is not possible; allowed are powers of two from 2 to 1024"));
        }
    }
}

/// Everything that is wrong with the values.
pub(crate) fn faults(config: &Config) -> Vec<Fault> {
    let mut faults = Faults::default();
    faults.range("engine.threads", config.engine.threads, 0, 256);

    let detection = &config.detection;
    faults.range("detection.max_faces", detection.max_faces, 1, MOST_FACES);
    faults.range("detection.detect_every", detection.detect_every, 1, 1000);
    if let Some(pixels) = detection.detector_size {
        faults.range("detection.detector_size", pixels, 64, 4096);
    }
    faults.range("detection.score_threshold", detection.score_threshold, 0.0, 1.0);
    faults.range("detection.nms_iou", detection.nms_iou, 0.0, 1.0);
    faults.range("detection.presence_threshold", detection.presence_threshold, 0.0, 1.0);
    faults.range("detection.max_absence_seconds", detection.max_absence_seconds, 0.0, 3600.0);
    let (low, high) = (*VERTICAL_FOV_DEG.start(), *VERTICAL_FOV_DEG.end());
    faults.range("detection.vertical_fov_deg", detection.vertical_fov_deg, low, high);

    faults.range("smoothing.min_cutoff_hz", config.smoothing.min_cutoff_hz, 0.001, 1000.0);
    faults.range("smoothing.beta", config.smoothing.beta, 0.0, 1000.0);
    faults.range("smoothing.speed_cutoff_hz", config.smoothing.speed_cutoff_hz, 0.001, 1000.0);

    faults.range("preview.width", config.preview.width, 16, 8192);
    faults.range("preview.height", config.preview.height, 16, 8192);
    faults.range("preview.rate_hz", config.preview.rate_hz, 0.1, 1000.0);
    faults.slots("rings.slots", config.rings.slots);
    faults.slots("rings.preview_slots", config.rings.preview_slots);

    faults.name("lsl.prefix", &config.lsl.prefix);
    faults.range("lsl.faces", config.lsl.faces, 1, MOST_FACES);
    faults.name("recording.subject", &config.recording.subject);
    faults.name("recording.session", &config.recording.session);
    faults.name("recording.task", &config.recording.task);
    faults.range("recording.min_free_gb", config.recording.min_free_gb, 0.0, 1e6);
    let required = &config.recording.required_streams;
    if required.len() > MOST_ITEMS {
        let message = format!("{} streams; at most {MOST_ITEMS} are possible", required.len());
        faults.add("recording.required_streams", message);
    }
    for (index, stream) in required.iter().take(MOST_ITEMS).enumerate() {
        if stream.strip_prefix("type=").unwrap_or(stream).trim().is_empty() {
            let message = "is empty; give a stream's name, or `type=` and a stream's type".into();
            faults.add(&format!("recording.required_streams.{index}"), message);
        }
    }
    faults.range("gui.repaints_hz", config.gui.repaints_hz, 1.0, 240.0);
    if let Some(unknown) = config.gui.signals.iter().find(|name| mien_face::blendshape_index(name).is_none())
    {
        faults.add("gui.signals", format!("`{unknown}` is no blendshape; their names are as MediaPipe's"));
    }
    cameras(config, &mut faults);
    faults.0
}

fn cameras(config: &Config, faults: &mut Faults) {
    let count = config.cameras.len();
    if count > MOST_CAMERAS {
        faults.add("cameras", format!("{count} cameras; at most {MOST_CAMERAS} are possible"));
        return;
    }
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (index, camera) in config.cameras.iter().enumerate() {
        let key = |name: &str| format!("cameras.{index}.{name}");
        faults.name(&key("name"), &camera.name);
        if let Some(first) = seen.insert(&camera.name, index) {
            let message = format!("`{}` is camera {} already; names are unique", camera.name, first + 1);
            faults.add(&key("name"), message);
        }
        if camera.source.is_blank() {
            let message = "is empty; give `synthetic`, `usb:ID`, a URL or a file".into();
            faults.add(&key("source"), message);
        }
        if let Some(size) = camera.size {
            for side in size {
                faults.range(&key("size"), side, 16, 8192);
            }
        }
        if let Some(rate_hz) = camera.rate_hz {
            faults.range(&key("rate_hz"), rate_hz, 0.1, 1000.0);
        }
        if let Some(gpu) = camera.gpu {
            faults.range(&key("gpu"), gpu, 0, 255);
        }
        if let Some(rate_hz) = camera.triggered_rate_hz {
            faults.range(&key("triggered_rate_hz"), rate_hz, 0.1, 1000.0);
        }
        if let Some(delay_ms) = camera.stamp_delay_ms {
            faults.range(&key("stamp_delay_ms"), delay_ms, -10_000.0, 10_000.0);
        }
        participants(camera, &key("participants"), faults);
    }
}

/// Names become part of stream names, so each is a name, and given once.
fn participants(camera: &Camera, key: &str, faults: &mut Faults) {
    if camera.participants.len() > MOST_FACES {
        let count = camera.participants.len();
        faults.add(key, format!("{count} names; at most {MOST_FACES} are possible"));
        return;
    }
    for (index, name) in camera.participants.iter().enumerate() {
        let key = format!("{key}.{index}");
        faults.name(&key, name);
        if camera.participants[..index].contains(name) {
            faults.add(&key, format!("`{name}` is there already; names are unique for each camera"));
        }
    }
}
