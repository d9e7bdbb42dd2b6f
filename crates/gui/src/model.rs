//! What the interface itself remembers and decides: no drawing, no input or output.

use std::path::PathBuf;

use mien_face::{BLENDSHAPE_COUNT, BLENDSHAPE_NAMES, FrameFaces};

use crate::backend::{CameraStatus, Command, LogLevel, LogLine, Privacy, RecordingStatus, SessionRequest};
use crate::history::History;

/// The pages of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// The cameras.
    Live,
    /// Blendshapes, pose and their course.
    Signals,
    /// Cameras to add, change, remove.
    Devices,
    /// LSL outlets.
    Streams,
    /// Times, load, bottleneck.
    Performance,
    /// What happened.
    Log,
    /// The machine's check-up.
    Doctor,
}

impl View {
    /// All pages, in the order of the navigation and of the keys Ctrl+1 … Ctrl+7.
    pub const ALL: [Self; 7] =
        [Self::Live, Self::Signals, Self::Devices, Self::Streams, Self::Performance, Self::Log, Self::Doctor];

    /// The name in the navigation.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Live => "Live",
            Self::Signals => "Signals",
            Self::Devices => "Devices",
            Self::Streams => "Streams",
            Self::Performance => "Performance",
            Self::Log => "Log",
            Self::Doctor => "Check-up",
        }
    }
}

/// What is drawn over the previews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlays {
    /// Boxes with ids or participants' names.
    pub boxes: bool,
    /// The tessellation.
    pub mesh: bool,
    /// Contours and irises.
    pub contours: bool,
    /// Pose axes.
    pub axes: bool,
}

impl Default for Overlays {
    fn default() -> Self {
        Self { boxes: true, mesh: true, contours: true, axes: false }
    }
}

/// The fields of the session panel.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionForm {
    /// Subject.
    pub subject: String,
    /// Session.
    pub session: String,
    /// Task.
    pub task: String,
    /// Folder that receives the session folders.
    pub folder: String,
    /// How faces appear in the video.
    pub privacy: Privacy,
}

impl Default for SessionForm {
    fn default() -> Self {
        Self {
            subject: "01".to_owned(),
            session: "01".to_owned(),
            task: "free".to_owned(),
            folder: "recordings".to_owned(),
            privacy: Privacy::default(),
        }
    }
}

impl SessionForm {
    /// What is wrong with a name, in words; `None` when it is fine.
    #[must_use]
    pub fn name_problem(name: &str) -> Option<&'static str> {
        if name.is_empty() {
            Some("needs at least one character")
        } else if name.len() > 64 {
            Some("at most 64 characters")
        } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            Some("only letters, digits, _ and -")
        } else {
            None
        }
    }

    /// The request to record, or the first problem with the field's name.
    ///
    /// # Errors
    /// Names the field and what it may hold.
    pub fn request(&self) -> Result<SessionRequest, String> {
        for (field, value) in [("Subject", &self.subject), ("Session", &self.session), ("Task", &self.task)] {
            if let Some(problem) = Self::name_problem(value) {
                return Err(format!("{field}: {problem}"));
            }
        }
        if self.folder.trim().is_empty() {
            return Err("Folder: choose where recordings go".to_owned());
        }
        Ok(SessionRequest {
            subject: self.subject.clone(),
            session: self.session.clone(),
            task: self.task.clone(),
            folder: PathBuf::from(self.folder.trim()),
            privacy: self.privacy,
        })
    }
}

/// Whether the window may close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Closing {
    /// Nobody asked.
    #[default]
    No,
    /// Recording: the question is on the screen.
    Asking,
    /// It may close.
    Confirmed,
}

/// Which face's signals are shown, and how.
#[derive(Debug, Default)]
pub struct SignalsModel {
    /// Place of the camera.
    pub camera: usize,
    /// Track id; `None` follows the camera's first face.
    pub face: Option<u32>,
    /// Part of a name that blendshapes must contain.
    pub filter: String,
    /// Largest value first, instead of the model's order.
    pub by_value: bool,
    /// The plots stand still.
    pub frozen: bool,
    /// Blendshapes that are plotted.
    pub plotted: Vec<usize>,
    /// The course of the shown face.
    pub history: History,
}

impl SignalsModel {
    /// Takes in a camera's newest result.
    pub fn update(&mut self, camera: usize, result: &FrameFaces) {
        if camera != self.camera || self.frozen {
            return;
        }
        let faces = result.faces();
        let shown = match self.face {
            Some(track_id) => faces.iter().find(|face| face.track_id == track_id),
            // Follow the face on display while it is there, so that plots do not jump between people.
            None => faces.iter().find(|face| face.track_id == self.history.track_id()).or(faces.first()),
        };
        if let Some(face) = shown {
            self.history.push(result.capture_nanos, face);
        }
    }

    /// Shows another camera or face.
    pub fn show(&mut self, camera: usize, face: Option<u32>) {
        if (camera, face) != (self.camera, self.face) {
            self.camera = camera;
            self.face = face;
            self.history.clear();
        }
    }

    /// The blendshapes to list: filtered, in the chosen order.
    #[must_use]
    pub fn listed(&self, values: &[f32; BLENDSHAPE_COUNT]) -> Vec<usize> {
        let filter = self.filter.to_lowercase();
        // `_neutral` is always close to zero and says nothing about the face.
        let mut listed: Vec<usize> =
            (1..BLENDSHAPE_COUNT).filter(|&i| BLENDSHAPE_NAMES[i].to_lowercase().contains(&filter)).collect();
        if self.by_value {
            listed.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        }
        listed
    }

    /// Adds a blendshape to the plot, or takes it out.
    pub fn toggle_plotted(&mut self, blendshape: usize) {
        if let Some(place) = self.plotted.iter().position(|&p| p == blendshape) {
            self.plotted.remove(place);
        } else {
            self.plotted.push(blendshape);
        }
    }
}

/// The fields with which a camera is added.
#[derive(Debug, Default)]
pub struct DeviceForm {
    /// Name of the new camera; empty takes the next free one.
    pub name: String,
    /// Source SPEC of the new camera.
    pub source: String,
    /// A new name being typed, by camera.
    pub renaming: Option<(String, String)>,
}

impl DeviceForm {
    /// The command that adds this camera.
    ///
    /// # Errors
    /// Says which field is wrong, and how.
    pub fn add(&self, cameras: &[CameraStatus]) -> Result<Command, String> {
        let source = self.source.trim();
        if source.is_empty() {
            return Err("Source: synthetic, usb:ID, a file or an address".to_owned());
        }
        let name = if self.name.is_empty() { free_name(cameras) } else { self.name.clone() };
        if let Some(problem) = SessionForm::name_problem(&name) {
            return Err(format!("Name: {problem}"));
        }
        if cameras.iter().any(|camera| camera.name == name) {
            return Err(format!("Name: there is a camera {name} already"));
        }
        Ok(Command::AddCamera { name, source: source.to_owned() })
    }
}

/// The first `camera-N` that no camera has.
#[must_use]
pub fn free_name(cameras: &[CameraStatus]) -> String {
    (1..)
        .map(|number| format!("camera-{number}"))
        .find(|name| cameras.iter().all(|camera| &camera.name != name))
        .unwrap_or_default()
}

/// What the log page shows.
#[derive(Debug)]
pub struct LogFilter {
    /// Least important level shown.
    pub level: LogLevel,
    /// Part of the text or origin that lines must contain.
    pub text: String,
}

impl LogFilter {
    /// Whether a line is shown.
    #[must_use]
    pub fn shows(&self, line: &LogLine) -> bool {
        let wanted = self.text.to_lowercase();
        line.level >= self.level
            && (line.text.to_lowercase().contains(&wanted) || line.origin.to_lowercase().contains(&wanted))
    }
}

/// The interface's own state.
#[derive(Debug)]
pub struct AppModel {
    /// The page on display.
    pub view: View,
    /// The camera that fills the live view; `None` shows the grid.
    pub enlarged: Option<usize>,
    /// What is drawn over the previews.
    pub overlays: Overlays,
    /// The session panel.
    pub session: SessionForm,
    /// The last refusal, to be shown beside the button that caused it.
    pub session_problem: Option<String>,
    /// Text of the next marker.
    pub marker: String,
    /// The signals page.
    pub signals: SignalsModel,
    /// The devices page.
    pub devices: DeviceForm,
    /// What was wrong with the last camera to add.
    pub devices_problem: Option<String>,
    /// The log page.
    pub log: LogFilter,
    /// Whether the window may close.
    pub closing: Closing,
    /// A participant's name being typed: camera's name, track id, name.
    pub naming: Option<(String, u32, String)>,
}

impl Default for AppModel {
    fn default() -> Self {
        let plotted = ["jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "browInnerUp"]
            .iter()
            .filter_map(|name| mien_face::blendshape_index(name))
            .collect();
        Self {
            view: View::Live,
            enlarged: None,
            overlays: Overlays::default(),
            session: SessionForm::default(),
            session_problem: None,
            marker: String::new(),
            signals: SignalsModel { plotted, ..SignalsModel::default() },
            devices: DeviceForm::default(),
            devices_problem: None,
            log: LogFilter { level: LogLevel::Info, text: String::new() },
            closing: Closing::No,
            naming: None,
        }
    }
}

impl AppModel {
    /// The record button or its key.
    pub fn toggle_recording(&mut self, recording: &RecordingStatus) -> Option<Command> {
        self.session_problem = None;
        if recording.folder.is_some() {
            return Some(Command::StopRecording);
        }
        match self.session.request() {
            Ok(request) => Some(Command::StartRecording(request)),
            Err(problem) => {
                self.session_problem = Some(problem);
                None
            }
        }
    }

    /// A marker by function key: F1 sets `F1`.
    #[must_use]
    pub fn key_marker(number: u8) -> Command {
        Command::Marker(format!("F{number}"))
    }

    /// The marker that was typed; nothing for an empty one.
    pub fn typed_marker(&mut self) -> Option<Command> {
        let text = std::mem::take(&mut self.marker);
        let text = text.trim();
        (!text.is_empty()).then(|| Command::Marker(text.to_owned()))
    }

    /// Enlarges a camera, or goes back to the grid when it is the enlarged one.
    pub fn toggle_enlarged(&mut self, camera: usize) {
        self.enlarged = if self.enlarged == Some(camera) { None } else { Some(camera) };
    }

    /// The window's close button: asks while a recording runs. Returns whether it may close now.
    pub fn ask_to_close(&mut self, recording: &RecordingStatus) -> bool {
        if self.closing == Closing::Confirmed || recording.folder.is_none() {
            self.closing = Closing::Confirmed;
            return true;
        }
        self.closing = Closing::Asking;
        false
    }

    /// Brings remembered places back into range when cameras have gone.
    pub fn clamp(&mut self, camera_count: usize) {
        if self.enlarged.is_some_and(|camera| camera >= camera_count) {
            self.enlarged = None;
        }
        if self.signals.camera >= camera_count {
            self.signals.show(0, None);
        }
    }
}

/// Columns of a grid of `count` tiles of 16:9 in an area: those that make the tiles largest.
#[must_use]
pub fn grid_columns(count: usize, width: f32, height: f32) -> usize {
    let tile_width = |columns: usize| {
        let rows = count.div_ceil(columns);
        (width / columns as f32).min(height / rows as f32 * 16.0 / 9.0)
    };
    (1..=count.max(1)).max_by(|&a, &b| tile_width(a).total_cmp(&tile_width(b)).then(b.cmp(&a))).unwrap_or(1)
}

/// The stage that limits a camera's rate, in words; `None` while nothing is measured.
#[must_use]
pub fn bottleneck(camera: &CameraStatus) -> Option<String> {
    let total: f32 = camera.stages.iter().map(|stage| stage.p50_ms).sum();
    let slowest = camera.stages.iter().max_by(|a, b| a.p50_ms.total_cmp(&b.p50_ms))?;
    if total <= 0.0 {
        return None;
    }
    let share = slowest.p50_ms / total * 100.0;
    Some(format!(
        "{}: {} takes {:.1} of {:.1} ms a frame ({share:.0} %); at most {:.0} frames a second",
        camera.name,
        slowest.stage,
        slowest.p50_ms,
        total,
        1000.0 / total
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording() -> RecordingStatus {
        RecordingStatus { folder: Some("session".into()), ..RecordingStatus::default() }
    }

    #[test]
    fn recording_starts_only_with_sound_names() {
        let mut model = AppModel::default();
        model.session.subject = "../etc".to_owned();
        assert_eq!(model.toggle_recording(&RecordingStatus::default()), None);
        assert!(model.session_problem.as_deref().is_some_and(|text| text.starts_with("Subject")));
        model.session.subject = "s-7".to_owned();
        let Some(Command::StartRecording(request)) = model.toggle_recording(&RecordingStatus::default())
        else {
            panic!("must start");
        };
        assert_eq!(request.subject, "s-7");
        assert_eq!(model.session_problem, None);
        assert_eq!(model.toggle_recording(&recording()), Some(Command::StopRecording));
    }

    #[test]
    fn closing_asks_only_while_recording() {
        let mut model = AppModel::default();
        assert!(!model.ask_to_close(&recording()));
        assert_eq!(model.closing, Closing::Asking);
        model.closing = Closing::Confirmed;
        assert!(model.ask_to_close(&recording()));
        assert!(AppModel::default().ask_to_close(&RecordingStatus::default()));
    }

    #[test]
    fn the_grid_makes_tiles_as_large_as_possible() {
        assert_eq!(grid_columns(1, 1600.0, 900.0), 1);
        assert_eq!(grid_columns(4, 1600.0, 900.0), 2);
        assert_eq!(grid_columns(3, 3000.0, 500.0), 3);
        assert_eq!(grid_columns(3, 500.0, 3000.0), 1);
        assert_eq!(grid_columns(0, 500.0, 300.0), 1);
        assert_eq!(grid_columns(16, 1600.0, 900.0), 4);
    }

    #[test]
    fn new_cameras_get_free_names() {
        let mut form = DeviceForm { source: "synthetic".to_owned(), ..DeviceForm::default() };
        assert_eq!(
            form.add(&[]),
            Ok(Command::AddCamera { name: "camera-1".to_owned(), source: "synthetic".to_owned() })
        );
        form.name = "a b".to_owned();
        assert!(form.add(&[]).is_err());
        form.source.clear();
        assert!(form.add(&[]).is_err());
    }

    #[test]
    fn signals_follow_one_person() {
        let mut signals = SignalsModel::default();
        let mut result = FrameFaces::boxed();
        result.face_count = 2;
        result.faces[0].track_id = 7;
        result.faces[1].track_id = 9;
        signals.update(0, &result);
        assert_eq!(signals.history.track_id(), 7);
        // The order of the faces changes; the plot stays with the person.
        result.faces.swap(0, 1);
        result.capture_nanos = 1_000_000;
        signals.update(0, &result);
        assert_eq!(signals.history.track_id(), 7);
        assert_eq!(signals.history.samples().len(), 2);
        signals.frozen = true;
        signals.update(0, &result);
        assert_eq!(signals.history.samples().len(), 2);
    }

    #[test]
    fn blendshapes_are_filtered_and_sorted() {
        let mut signals =
            SignalsModel { filter: "BLINK".to_owned(), by_value: true, ..SignalsModel::default() };
        let mut values = [0.0; BLENDSHAPE_COUNT];
        values[10] = 0.9;
        assert_eq!(signals.listed(&values), vec![10, 9]);
        signals.filter.clear();
        assert_eq!(signals.listed(&values).len(), BLENDSHAPE_COUNT - 1);
    }

    #[test]
    fn places_stay_in_range_when_cameras_go() {
        let mut model = AppModel { enlarged: Some(3), ..AppModel::default() };
        model.signals.camera = 3;
        model.clamp(2);
        assert_eq!((model.enlarged, model.signals.camera), (None, 0));
    }
}
