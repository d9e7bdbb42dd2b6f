//! What a user may choose about tracking.

/// Temporal filter of landmarks, blendshapes and pose (One-Euro filter: the cut-off frequency rises
/// with speed, so a still face does not jitter and a moving one does not lag).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothingSettings {
    /// Cut-off at rest in hertz; lower is steadier.
    pub min_cutoff_hz: f32,
    /// How much the cut-off rises per unit of speed; higher lags less. Speeds are in face sizes
    /// (landmarks), coefficients (blendshapes), centimetres and degrees × 10 (pose) per second.
    pub beta: f32,
    /// Cut-off of the speed estimate in hertz.
    pub speed_cutoff_hz: f32,
}

impl Default for SmoothingSettings {
    fn default() -> Self {
        Self { min_cutoff_hz: 1.5, beta: 8.0, speed_cutoff_hz: 1.0 }
    }
}

/// How a [`Pipeline`](crate::Pipeline) tracks.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineSettings {
    /// Most faces that are tracked, 1–[`MAX_FACES`](mien_face::MAX_FACES); the best ones are kept.
    pub max_faces: usize,
    /// The detector runs on every Nth frame (1: on every one), and at once when a face is lost.
    pub detect_every: u32,
    /// Detections below this confidence (0–1) are not looked at.
    pub score_threshold: f32,
    /// Of two detections that overlap more than this (IoU), the weaker one goes.
    pub nms_iou: f32,
    /// A face whose crop the landmark model believes in less than this (0–1) is dropped.
    pub presence_threshold: f32,
    /// Parameters of the temporal filter; `None` leaves `smoothed` equal to `measured`.
    pub smoothing: Option<SmoothingSettings>,
    /// The camera's vertical field of view in degrees (head pose; MediaPipe's default is 63).
    pub vertical_fov_deg: f32,
    /// A track survives this long without being seen, in nanoseconds; then its id is gone for good.
    pub max_absence_nanos: i64,
}

impl Default for PipelineSettings {
    fn default() -> Self {
        Self {
            max_faces: 4,
            detect_every: 5,
            score_threshold: 0.5,
            nms_iou: 0.4,
            presence_threshold: 0.5,
            smoothing: Some(SmoothingSettings::default()),
            vertical_fov_deg: 63.0,
            max_absence_nanos: 1_000_000_000,
        }
    }
}
