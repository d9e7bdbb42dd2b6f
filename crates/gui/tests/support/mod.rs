//! A machinery without processes: synthetic heads whose truth stands in for tracking results.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mien_capture::{CameraControl, CameraDevice, CameraMode, ControlValues};
use mien_config::{Camera, Config};
use mien_control::{CameraState, CameraStatus};
use mien_face::{FaceParts, Frame, FrameFaces};
use mien_gui::{
    Backend, Check, CheckState, Command, GpuLoad, LogLevel, LogLine, MachineLoad, PreviewImage, ProcessLoad,
    RecordingStatus, SaveState, SettingsFile, StreamStatus,
};
use mien_metrics::{DurationSummary, StageStats};
use mien_synthetic::{SyntheticCamera, SyntheticSettings};

/// What the app asked for, in order.
pub type Commands = Rc<RefCell<Vec<Command>>>;

/// See the module.
pub struct ScriptedBackend {
    /// How the cameras are doing.
    pub statuses: Vec<CameraStatus>,
    /// The settings that hold.
    pub config: Config,
    /// Where they are kept.
    pub settings_file: SettingsFile,
    controls: Vec<CameraControl>,
    load: MachineLoad,
    cameras: Vec<SyntheticCamera>,
    frame: Frame,
    frames_shown: u64,
    /// Whether nobody is seen.
    pub nobody_in_view: Rc<Cell<bool>>,
    /// What is measured of a face.
    pub parts: FaceParts,
    /// The first camera's state.
    pub first_state: Rc<Cell<CameraState>>,
    /// How the recording stands.
    pub recording: RecordingStatus,
    /// LSL outlets.
    pub streams: Vec<StreamStatus>,
    devices: Vec<CameraDevice>,
    checks: Vec<Check>,
    log: Vec<LogLine>,
    commands: Commands,
}

impl ScriptedBackend {
    /// So many cameras; with more than two the last one has stalled.
    pub fn new(cameras: usize) -> (Self, Commands) {
        let commands = Commands::default();
        let times =
            |p50_ms, p95_ms, p99_ms| DurationSummary { p50_ms, p95_ms, p99_ms, ..DurationSummary::default() };
        let status = |place: usize| CameraStatus {
            state: if place >= 2 && place + 1 == cameras { CameraState::Stalled } else { CameraState::Live },
            reason: if place >= 2 && place + 1 == cameras {
                "no frame for 2.4 s".to_owned()
            } else {
                String::new()
            },
            fps: 29.9,
            size: Some([960, 540]),
            latency: times(17.4, 24.1, 29.8),
            dropped_frames: 3 * place as u64,
            pid: Some(4000 + place as u32),
            cpu_percent: 38.0,
            resident_bytes: 84_000_000,
            engine: "rten 0.27 (CPU, 2 threads)".to_owned(),
            stages: [("detector", 1.9), ("landmarks", 3.1), ("blendshapes", 0.3), ("pose", 0.05)]
                .map(|(stage, p50_ms)| StageStats {
                    stage: stage.to_owned(),
                    times: times(p50_ms, p50_ms * 1.3, p50_ms * 1.6),
                })
                .to_vec(),
            ..CameraStatus::starting(&format!("camera-{}", place + 1), &format!("synthetic?seed={place}"))
        };
        let camera = |place: usize| {
            SyntheticCamera::new(SyntheticSettings {
                width: 960,
                height: 540,
                heads: 1 + place % 2,
                seed: place as u64,
                ..SyntheticSettings::default()
            })
        };
        let statuses: Vec<CameraStatus> = (0..cameras).map(status).collect();
        let config = Config {
            cameras: statuses.iter().map(|status| Camera::new(&status.name, &status.source)).collect(),
            ..Config::default()
        };
        let process = |status: &CameraStatus| ProcessLoad {
            name: status.name.clone(),
            pid: status.pid.unwrap_or(0),
            cpu_percent: status.cpu_percent as f32,
            memory_bytes: status.resident_bytes,
        };
        let load = MachineLoad {
            processes: statuses.iter().map(process).collect(),
            cores: 8,
            gpus: vec![GpuLoad {
                index: 0,
                name: "NVIDIA H100".to_owned(),
                utilization_percent: Some(37.0),
                used_bytes: Some(2_100_000_000),
                total_bytes: Some(80_000_000_000),
                temperature_celsius: Some(41.0),
            }],
            gpu_note: String::new(),
        };
        let backend = Self {
            statuses,
            config,
            settings_file: SettingsFile {
                path: Some("/home/ada/.config/mien/mien.toml".into()),
                state: SaveState::Saved,
                keeps_cameras: true,
            },
            controls: vec![
                CameraControl {
                    name: "auto_exposure".to_owned(),
                    label: "Auto Exposure".to_owned(),
                    value: 1,
                    default: 3,
                    values: ControlValues::Choice(vec![
                        (1, "Manual Mode".to_owned()),
                        (3, "Aperture Priority Mode".to_owned()),
                    ]),
                    inactive: false,
                },
                CameraControl {
                    name: "exposure_time_absolute".to_owned(),
                    label: "Exposure Time, Absolute".to_owned(),
                    value: 157,
                    default: 157,
                    values: ControlValues::Range { low: 1, high: 5000, step: 1 },
                    inactive: false,
                },
                CameraControl {
                    name: "white_balance_automatic".to_owned(),
                    label: "White Balance, Automatic".to_owned(),
                    value: 1,
                    default: 1,
                    values: ControlValues::Switch,
                    inactive: false,
                },
            ],
            load,
            cameras: (0..cameras).map(camera).collect(),
            frame: Frame::empty(),
            frames_shown: 0,
            nobody_in_view: Rc::default(),
            parts: FaceParts::ALL,
            first_state: Rc::new(Cell::new(CameraState::Live)),
            recording: RecordingStatus { free_bytes: 412_000_000_000, ..RecordingStatus::default() },
            streams: ["landmarks", "blendshapes", "pose", "quality"]
                .map(|what| StreamStatus {
                    name: format!("camera-1_face-1_{what}"),
                    camera: Some("camera-1".to_owned()),
                    kind: if what == "blendshapes" { "FaceExpression" } else { "MoCap" }.to_owned(),
                    channels: 52,
                    rate_hz: 29.9,
                    newest_ms: Some(12.0),
                    has_consumers: what == "pose",
                })
                .to_vec(),
            devices: vec![CameraDevice {
                spec: "usb:pci-0000:00:14.0-usb-0:2".to_owned(),
                label: "HD Webcam C920".to_owned(),
                node: "/dev/video0".into(),
                modes: [("MJPG", [1920, 1080]), ("YUYV", [640, 480])]
                    .map(|(format, size)| CameraMode {
                        format: format.to_owned(),
                        size,
                        rates_hz: vec![30.0, 15.0],
                    })
                    .to_vec(),
            }],
            checks: vec![
                Check {
                    subject: "ffmpeg".to_owned(),
                    state: CheckState::Ok,
                    finding: "5.1.9".to_owned(),
                    remedy: String::new(),
                },
                Check {
                    subject: "TensorRT".to_owned(),
                    state: CheckState::Missing,
                    finding: "no libnvinfer found".to_owned(),
                    remedy: "apt install libnvinfer10".to_owned(),
                },
            ],
            log: vec![LogLine {
                seconds: 1.25,
                level: LogLevel::Info,
                origin: "camera-1".to_owned(),
                text: "live: 640×480 at 30 fps".to_owned(),
            }],
            commands: Rc::clone(&commands),
        };
        (backend, commands)
    }

    fn fill(&self, camera: usize, into: &mut FrameFaces) {
        into.frame_index = self.frames_shown;
        into.capture_nanos = (self.now() * 1e9) as i64;
        into.frame_width = self.frame.width;
        into.frame_height = self.frame.height;
        let truth = self.cameras[camera].truth();
        into.face_count = if self.nobody_in_view.get() { 0 } else { truth.len() as u32 };
        for (face, truth) in into.faces.iter_mut().zip(truth) {
            face.track_id = truth.person as u32 + 1;
            face.presence = 0.99;
            face.bounds = truth.bounds;
            face.smoothed.landmarks = truth.landmarks;
            face.smoothed.pose = truth.pose;
            for (place, value) in face.smoothed.blendshapes.iter_mut().enumerate() {
                *value = 0.5 + 0.5 * (self.frames_shown as f32 * 0.05 + place as f32).sin();
            }
            face.smoothed.keep_parts(self.parts);
            face.measured = face.smoothed;
        }
    }

    fn now(&self) -> f64 {
        self.frames_shown as f64 / 30.0
    }
}

fn move_to<T>(list: &mut Vec<T>, from: usize, to: usize) {
    let moved = list.remove(from);
    list.insert(to, moved);
}

impl Backend for ScriptedBackend {
    fn on_change(&mut self, wake: Box<dyn Fn() + Send + Sync>) {
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(std::time::Duration::from_millis(66));
                wake();
            }
        });
    }

    fn poll(&mut self) -> bool {
        self.frames_shown += 1;
        if let Some(first) = self.statuses.first_mut() {
            first.state = self.first_state.get();
            let is_live = first.state == CameraState::Live;
            first.reason = if is_live { String::new() } else { "the cable is out".to_owned() };
        }
        true
    }

    fn cameras(&self) -> &[CameraStatus] {
        &self.statuses
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn settings_file(&self) -> &SettingsFile {
        &self.settings_file
    }

    fn controls(&self, _camera: &str) -> &[CameraControl] {
        &self.controls
    }

    fn load(&self) -> &MachineLoad {
        &self.load
    }

    fn trace(&self) -> Option<&std::path::Path> {
        None
    }

    fn take_preview(&mut self, camera: usize, into: &mut PreviewImage) -> bool {
        self.cameras[camera].render_at(self.frames_shown as f64 / 30.0, &mut self.frame);
        into.width = self.frame.width as usize;
        into.height = self.frame.height as usize;
        into.rgb.clone_from(&self.frame.pixels);
        self.fill(camera, &mut into.faces);
        true
    }

    fn take_faces(&mut self, camera: usize, into: &mut FrameFaces) -> bool {
        self.fill(camera, into);
        true
    }

    fn participant(&self, camera: usize, track_id: u32) -> Option<&str> {
        (self.statuses[camera].name == "camera-1" && track_id == 1).then_some("Ada")
    }

    fn recording(&self) -> &RecordingStatus {
        &self.recording
    }

    fn streams(&self) -> &[StreamStatus] {
        &self.streams
    }

    fn streams_note(&self) -> &str {
        ""
    }

    fn devices(&self) -> &[CameraDevice] {
        &self.devices
    }

    fn checks(&self) -> &[Check] {
        &self.checks
    }

    fn log(&self) -> &[LogLine] {
        &self.log
    }

    fn command(&mut self, command: Command) {
        match &command {
            Command::StartRecording(request) => {
                self.recording.folder = Some(request.dir.join("sub-01"));
                self.recording.elapsed_seconds = 83.0;
                self.recording.bytes_on_disk = 48_300_000;
            }
            Command::StopRecording => self.recording.folder = None,
            Command::MoveCamera { name, to } => {
                let from = self.statuses.iter().position(|status| status.name == *name).unwrap();
                move_to(&mut self.statuses, from, *to);
                move_to(&mut self.cameras, from, *to);
                move_to(&mut self.config.cameras, from, *to);
            }
            Command::Marker(name) => self.recording.markers.push((12.0, name.clone())),
            _ => {}
        }
        self.commands.borrow_mut().push(command);
    }

    fn shut_down(&mut self) {}
}
