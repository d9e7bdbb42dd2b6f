//! The file's sections. `config/mien.toml`, which users read, explains each key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mien_address::SourceAddress;
use mien_face::Rotation;
use mien_outputs::OutputId;
use serde::{Deserialize, Serialize};

/// A whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Version of the file's layout.
    pub version: u32,
    /// The engine of all cameras that name none of their own.
    #[serde(default)]
    pub engine: EngineSection,
    /// Where models come from.
    #[serde(default)]
    pub models: Models,
    /// Finding and following faces.
    #[serde(default)]
    pub detection: Detection,
    /// The temporal filter.
    #[serde(default)]
    pub smoothing: Smoothing,
    /// Pictures for people.
    #[serde(default)]
    pub preview: Preview,
    /// Shared memory.
    #[serde(default)]
    pub rings: Rings,
    /// Lab Streaming Layer.
    #[serde(default)]
    pub lsl: Lsl,
    /// Sessions on disk.
    #[serde(default)]
    pub recording: Recording,
    /// The app.
    #[serde(default)]
    pub gui: Gui,
    /// The cameras, in their order on screen.
    #[serde(default)]
    pub cameras: Vec<Camera>,
}

impl Default for Config {
    /// What holds without a file; no cameras.
    fn default() -> Self {
        Self {
            version: crate::VERSION,
            engine: EngineSection::default(),
            models: Models::default(),
            detection: Detection::default(),
            smoothing: Smoothing::default(),
            preview: Preview::default(),
            rings: Rings::default(),
            lsl: Lsl::default(),
            recording: Recording::default(),
            gui: Gui::default(),
            cameras: Vec::new(),
        }
    }
}

/// One camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Unique name.
    pub name: String,
    /// Source SPEC; its secrets are neither printed nor serialized.
    pub source: SourceAddress,
    /// Width and height in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<[u32; 2]>,
    /// Frames per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_hz: Option<f64>,
    /// Format on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<CameraFormat>,
    /// How far its pictures are turned before anything else is done with them.
    #[serde(default, skip_serializing_if = "is_unturned", with = "rotation")]
    pub rotate: Rotation,
    /// Number of the GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<u32>,
    /// Another engine than the one of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineKind>,
    /// Frames per second at which hardware triggers the camera: the nominal rate of its streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggered_rate_hz: Option<f64>,
    /// How long after the event its frames are stamped, in milliseconds, as the lab has measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp_delay_ms: Option<f64>,
    /// Names of the people in its first face slots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub participants: Vec<String>,
    /// Whether an HTTP camera may redirect to another host.
    #[serde(default, skip_serializing_if = "is_not")]
    pub redirects: bool,
    /// Whether the camera is started.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What the camera's driver is told when it is opened, by the driver's names of its controls.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub controls: BTreeMap<String, i64>,
}

impl Camera {
    /// A camera about which only its name and source are known.
    #[must_use]
    pub fn new(name: impl Into<String>, source: impl Into<SourceAddress>) -> Self {
        Self {
            name: name.into(),
            source: source.into(),
            size: None,
            rate_hz: None,
            format: None,
            rotate: Rotation::None,
            gpu: None,
            engine: None,
            triggered_rate_hz: None,
            stamp_delay_ms: None,
            participants: Vec::new(),
            redirects: false,
            enabled: true,
            controls: BTreeMap::new(),
        }
    }
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_not(value: &bool) -> bool {
    !value
}

fn is_unturned(rotation: &Rotation) -> bool {
    *rotation == Rotation::None
}

/// A rotation as its degrees.
mod rotation {
    use mien_face::Rotation;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(rotation: &Rotation, serializer: S) -> Result<S::Ok, S::Error> {
        rotation.degrees().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rotation, D::Error> {
        Rotation::try_from(u32::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Formats that USB cameras send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CameraFormat {
    /// A JPEG for each frame.
    Mjpeg,
    /// Packed 4:2:2.
    Yuyv,
    /// Two planes, 4:2:0.
    Nv12,
}

/// What runs the networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// The fastest that runs here.
    #[default]
    Auto,
    /// The embedded engine.
    Cpu,
    /// TensorRT, or an error.
    TensorRt,
}

impl EngineKind {
    /// The word in the file and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::TensorRt => "tensorrt",
        }
    }
}

/// Precision on the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionKind {
    /// Single precision.
    Fp32,
    /// Half precision.
    #[default]
    Fp16,
    /// 8 bits where TensorRT finds them faster; engines are built ahead, with typical pictures.
    Int8,
}

/// `[engine]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSection {
    /// Which engine.
    pub kind: EngineKind,
    /// Precision on the GPU.
    pub precision: PrecisionKind,
    /// Folder of TensorRT, or its library.
    #[serde(skip_serializing_if = "Option::is_none", with = "crate::paths::optional")]
    pub tensorrt: Option<PathBuf>,
    /// Threads of the CPU engine for each camera; 0 shares the processor out among the cameras.
    pub threads: usize,
}

impl Default for EngineSection {
    fn default() -> Self {
        Self { kind: EngineKind::Auto, precision: PrecisionKind::Fp16, tensorrt: None, threads: 0 }
    }
}

/// `[models]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Models {
    /// Folder with models of the user's own.
    #[serde(skip_serializing_if = "Option::is_none", with = "crate::paths::optional")]
    pub dir: Option<PathBuf>,
    /// Whether blendshapes are computed.
    pub blendshapes: NetworkChoice,
}

impl Models {
    /// Whether the network of this role is wanted; [`NetworkChoice::Auto`] for those that no setting concerns.
    #[must_use]
    pub fn choice(&self, role: &str) -> NetworkChoice {
        match role {
            "blendshapes" => self.blendshapes,
            _ => NetworkChoice::Auto,
        }
    }
}

/// Whether an optional network runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkChoice {
    /// Where there is a model for it.
    #[default]
    Auto,
    /// It runs, or that it cannot is an error.
    On,
    /// It does not run.
    Off,
}

impl NetworkChoice {
    /// The word in the file and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

impl std::str::FromStr for NetworkChoice {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let known = [Self::Auto, Self::On, Self::Off].into_iter().find(|choice| choice.name() == word);
        known.ok_or_else(|| format!("`{word}` is not possible: take auto, on or off"))
    }
}

/// `[detection]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Detection {
    /// Most faces for each camera.
    pub max_faces: usize,
    /// The detector runs on every Nth frame; half as often while `max_faces` faces are tracked.
    pub detect_every: u32,
    /// Longest side in pixels of the picture that the detector reads; without one, half the frame's, 320
    /// to 640.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detector_size: Option<u32>,
    /// Least confidence of a detection, 0–1.
    pub score_threshold: f32,
    /// Overlap (IoU) above which the weaker of two detections goes, 0–1.
    pub nms_iou: f32,
    /// Least belief of the landmark model in a face, 0–1.
    pub presence_threshold: f32,
    /// How long a face may be out of sight and keep its number.
    pub max_absence_seconds: f64,
    /// The cameras' vertical field of view in degrees.
    pub vertical_fov_deg: f32,
}

impl Default for Detection {
    fn default() -> Self {
        Self {
            max_faces: 4,
            detect_every: 5,
            detector_size: None,
            score_threshold: 0.5,
            nms_iou: 0.4,
            presence_threshold: 0.5,
            max_absence_seconds: 2.0,
            vertical_fov_deg: 63.0,
        }
    }
}

/// `[smoothing]`: One-Euro filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Smoothing {
    /// Whether values are filtered at all.
    pub enabled: bool,
    /// Cut-off at rest.
    pub min_cutoff_hz: f32,
    /// Rise of the cut-off with speed.
    pub beta: f32,
    /// Cut-off of the speed estimate.
    pub speed_cutoff_hz: f32,
}

impl Default for Smoothing {
    fn default() -> Self {
        Self { enabled: true, min_cutoff_hz: 1.5, beta: 30.0, speed_cutoff_hz: 1.0 }
    }
}

/// `[preview]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preview {
    /// Largest width in pixels.
    pub width: u32,
    /// Largest height in pixels.
    pub height: u32,
    /// Most previews a second.
    pub rate_hz: f64,
}

impl Default for Preview {
    fn default() -> Self {
        Self { width: 960, height: 540, rate_hz: 30.0 }
    }
}

/// `[rings]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rings {
    /// Slots of the ring of results.
    pub slots: u64,
    /// Slots of the ring of pictures.
    pub preview_slots: u64,
}

impl Default for Rings {
    fn default() -> Self {
        Self { slots: 32, preview_slots: 32 }
    }
}

/// `[lsl]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lsl {
    /// Whether anything is sent.
    pub enabled: bool,
    /// First part of every stream's name.
    pub prefix: String,
    /// What is sent of each face slot.
    pub streams: Vec<OutputId>,
    /// Face slots for each camera.
    pub faces: usize,
    /// Rows of NaN where there is no face.
    pub fill: bool,
    /// Who is to find the streams.
    pub reach: LslReach,
}

/// Who is to find the streams, and where streams are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LslReach {
    /// Whoever is on the network, as liblsl's own configuration says.
    #[default]
    Network,
    /// Programs on this machine.
    Machine,
}

impl Default for Lsl {
    fn default() -> Self {
        Self {
            enabled: true,
            streams: OutputId::usual(),
            faces: 1,
            fill: true,
            reach: LslReach::Network,
            prefix: "mien".into(),
        }
    }
}

/// How video is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoKind {
    /// Small.
    #[default]
    H264,
    /// Lossless.
    Ffv1,
    /// Not at all.
    None,
}

/// How faces appear in recorded video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrivacyKind {
    /// As captured.
    #[default]
    Full,
    /// Blurred.
    Blur,
    /// Replaced by the mesh.
    Mesh,
}

impl PrivacyKind {
    /// As the configuration says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Blur => "blur",
            Self::Mesh => "mesh",
        }
    }

    /// What stays recognisable although faces are hidden, in words for a person; `None` where none is hidden.
    #[must_use]
    pub fn not_covered(self) -> Option<&'static str> {
        match self {
            Self::Full => None,
            Self::Blur | Self::Mesh => Some(
                "faces that the detector does not find (very small, mostly covered or cut off), hair, \
                 clothes and surroundings, the previews on the screen, and the landmarks in the data",
            ),
        }
    }
}

/// `[recording]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recording {
    /// Folder that receives the session folders.
    #[serde(with = "crate::paths")]
    pub dir: PathBuf,
    /// Subject's name.
    pub subject: String,
    /// Session's name.
    pub session: String,
    /// Task's name.
    pub task: String,
    /// Group that may read sessions beside their owner (a name or a number); nobody else where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How video is kept.
    pub video: VideoKind,
    /// Whether a hardware encoder is used where one works.
    pub hardware: bool,
    /// How faces appear in it.
    pub privacy: PrivacyKind,
    /// Free disk below which there is a warning, in 10⁹ bytes.
    pub min_free_gb: f64,
    /// LSL streams that must be there before a recording starts: names, or `type=TYPE`.
    pub required_streams: Vec<String>,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            dir: "recordings".into(),
            subject: "01".into(),
            session: "01".into(),
            task: "default".into(),
            group: None,
            video: VideoKind::H264,
            hardware: true,
            privacy: PrivacyKind::Full,
            min_free_gb: 10.0,
            required_streams: Vec::new(),
        }
    }
}

/// Colours of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the desktop has it.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// What is drawn over pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlay {
    /// Boxes and numbers or names.
    Boxes,
    /// The tessellation.
    Mesh,
    /// Eyes, brows, lips, oval.
    Contours,
    /// Irises.
    Irises,
    /// Axes of the head.
    Pose,
}

/// `[gui]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gui {
    /// Colours.
    pub theme: Theme,
    /// What is drawn over pictures.
    pub overlays: Vec<Overlay>,
    /// Blendshapes that are plotted.
    pub signals: Vec<String>,
    /// Most repaints a second that new pictures cause.
    pub repaints_hz: f32,
}

impl Default for Gui {
    fn default() -> Self {
        use Overlay::{Boxes, Contours, Irises, Pose};
        let signals = ["jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "browInnerUp"];
        Self {
            theme: Theme::System,
            overlays: vec![Boxes, Contours, Irises, Pose],
            signals: signals.map(str::to_owned).to_vec(),
            repaints_hz: 30.0,
        }
    }
}
