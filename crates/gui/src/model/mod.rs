//! What the interface itself remembers and decides: no drawing, no input or output.

mod devices;
mod layout;
mod log;
mod performance;
mod session;
mod settings;
mod signals;

use serde::{Deserialize, Serialize};

use crate::backend::{Command, LogLevel, RecordingStatus};

pub use devices::{CameraDraft, DevicesModel, fourcc, free_name};
pub use layout::{WindowState, grid_columns, remember_width};
pub use log::LogFilter;
pub use performance::{PerformanceModel, bottlenecks, total_ms};
pub use session::{SessionForm, name_problem, privacy_label, video_label};
pub use settings::{Overlays, SettingsModel};
pub use signals::SignalsModel;

/// The pages of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// The cameras.
    Live,
    /// Blendshapes, pose and their course.
    Signals,
    /// Cameras to add, change, remove.
    Devices,
    /// Tracking, smoothing, previews, and where all settings are kept.
    Settings,
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
    /// All pages, in the order of the navigation and of the keys Ctrl+1 … Ctrl+8.
    pub const ALL: [Self; 8] = [
        Self::Live,
        Self::Signals,
        Self::Devices,
        Self::Settings,
        Self::Streams,
        Self::Performance,
        Self::Log,
        Self::Doctor,
    ];

    /// The name in the navigation.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Live => "Live",
            Self::Signals => "Signals",
            Self::Devices => "Devices",
            Self::Settings => "Settings",
            Self::Streams => "Streams",
            Self::Performance => "Performance",
            Self::Log => "Log",
            Self::Doctor => "Check-up",
        }
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

/// A participant's name while it is being typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Naming {
    /// The field in which it is typed: while that has the focus, the name is not given.
    pub field: eframe::egui::Id,
    /// The camera's name.
    pub camera: String,
    /// The face's track id.
    pub track_id: u32,
    /// The name so far.
    pub name: String,
}

/// A press on Record or Stop that follows what it would undo within so many seconds is taken for the second of a double
/// click.
const DOUBLE_CLICK_SECONDS: f64 = 0.5;

/// The interface's own state.
#[derive(Debug)]
pub struct AppModel {
    /// The page on display.
    pub view: View,
    /// The camera that fills the live view, by name; `None` shows the grid.
    pub enlarged: Option<String>,
    /// Settings that are shown and changed.
    pub settings: SettingsModel,
    /// The session panel.
    pub session: SessionForm,
    /// The last refusal, to be shown beside the button that caused it.
    pub session_problem: Option<String>,
    /// Whether a recording runs, and since when that is so, in seconds.
    pub recording: (bool, f64),
    /// Text of the next marker.
    pub marker: String,
    /// The signals page.
    pub signals: SignalsModel,
    /// The devices page.
    pub devices: DevicesModel,
    /// The performance page.
    pub performance: PerformanceModel,
    /// The log page.
    pub log: LogFilter,
    /// Whether the window may close.
    pub closing: Closing,
    /// The participant's name that is being typed.
    pub naming: Option<Naming>,
    /// Whether the machine's check-up was asked for.
    pub checks_asked: bool,
    /// The window, as it is to be remembered.
    pub window: WindowState,
}

impl Default for AppModel {
    fn default() -> Self {
        Self {
            view: View::Live,
            enlarged: None,
            settings: SettingsModel::default(),
            session: SessionForm::default(),
            session_problem: None,
            recording: (false, f64::NEG_INFINITY),
            marker: String::new(),
            signals: SignalsModel::default(),
            devices: DevicesModel::default(),
            performance: PerformanceModel::default(),
            log: LogFilter { level: LogLevel::Info, text: String::new() },
            closing: Closing::No,
            naming: None,
            checks_asked: false,
            window: WindowState::default(),
        }
    }
}

impl AppModel {
    /// Follows whether a recording runs at a time in seconds; where none does, there is nothing to ask before closing.
    pub fn follow_recording(&mut self, recording: &RecordingStatus, seconds: f64) {
        let runs = recording.folder.is_some();
        if self.recording.0 != runs {
            self.recording = (runs, seconds);
        }
        if self.closing == Closing::Asking && !runs {
            self.closing = Closing::No;
        }
    }

    /// The record button or its key, at a time in seconds; nothing while a recording begins, or just after it has begun
    /// or ended.
    pub fn toggle_recording(&mut self, recording: &RecordingStatus, seconds: f64) -> Option<Command> {
        self.follow_recording(recording, seconds);
        if recording.is_starting || seconds - self.recording.1 < DOUBLE_CLICK_SECONDS {
            return None;
        }
        self.session_problem = None;
        if recording.folder.is_some() {
            return Some(Command::StopRecording);
        }
        match self.session.request(&self.settings.wanted.recording) {
            Ok(request) => Some(Command::StartRecording(Box::new(request))),
            Err(problem) => {
                self.session_problem = Some(problem);
                None
            }
        }
    }

    /// Sets a marker; says so where it goes nowhere, because nothing is recorded or streamed.
    pub fn set_marker(&mut self, text: String, is_kept: bool) -> Command {
        self.session_problem = (!is_kept).then(|| format!("No recording or stream for marker {text}"));
        Command::Marker(text)
    }

    /// The marker that was typed, see [`AppModel::set_marker`]; nothing for an empty one.
    pub fn typed_marker(&mut self, is_kept: bool) -> Option<Command> {
        let text = std::mem::take(&mut self.marker);
        let text = text.trim();
        (!text.is_empty()).then(|| self.set_marker(text.to_owned(), is_kept))
    }

    /// The participant's name that was typed, trimmed; nothing when it is as it was.
    pub fn typed_name(&mut self, now: Option<&str>) -> Option<Command> {
        let Naming { camera, track_id, name, .. } = self.naming.take()?;
        let name = name.trim().to_owned();
        (name != now.unwrap_or_default()).then_some(Command::NameParticipant { camera, track_id, name })
    }

    /// Enlarges a camera, or goes back to the grid when it is the enlarged one.
    pub fn toggle_enlarged(&mut self, camera: &str) {
        let is_enlarged = self.enlarged.as_deref() == Some(camera);
        self.enlarged = (!is_enlarged).then(|| camera.to_owned());
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

    /// Shows what there is when cameras have gone. `cameras` are the names of those there are.
    pub fn follow<'a>(&mut self, mut cameras: impl Iterator<Item = &'a str> + Clone) {
        if self.enlarged.as_ref().is_some_and(|enlarged| cameras.clone().all(|name| name != enlarged)) {
            self.enlarged = None;
        }
        if cameras.clone().all(|name| name != self.signals.camera) {
            self.signals.show(cameras.next().unwrap_or_default(), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording() -> RecordingStatus {
        RecordingStatus { folder: Some("session".into()), ..RecordingStatus::default() }
    }

    fn model() -> AppModel {
        let mut model = AppModel::default();
        model.session = SessionForm::new(&model.settings.wanted.recording);
        model
    }

    #[test]
    fn recording_starts_only_with_sound_names() {
        let mut model = model();
        model.session.subject = "../etc".to_owned();
        let idle = RecordingStatus::default();
        assert_eq!(model.toggle_recording(&idle, 0.0), None);
        assert!(model.session_problem.as_deref().is_some_and(|text| text.starts_with("Subject")));
        model.session.subject = "s-7".to_owned();
        let Some(Command::StartRecording(request)) = model.toggle_recording(&idle, 1.0) else {
            panic!("must start");
        };
        assert_eq!(request.subject, "s-7");
        assert_eq!(model.session_problem, None);
        let starting = RecordingStatus { is_starting: true, ..RecordingStatus::default() };
        assert_eq!(model.toggle_recording(&starting, 1.3), None);
        model.follow_recording(&recording(), 4.0);
        assert_eq!(model.toggle_recording(&recording(), 4.4), None, "the second press of a double click");
        assert_eq!(model.toggle_recording(&recording(), 4.6), Some(Command::StopRecording));
        assert_eq!(model.toggle_recording(&idle, 4.8), None, "likewise on Stop");
        assert!(model.toggle_recording(&idle, 5.4).is_some());
    }

    #[test]
    fn a_marker_that_goes_nowhere_is_told() {
        let mut model = model();
        model.marker = " stimulus ".to_owned();
        assert_eq!(model.typed_marker(false), Some(Command::Marker("stimulus".to_owned())));
        assert!(model.session_problem.as_deref().is_some_and(|text| text.ends_with("marker stimulus")));
        assert_eq!((model.typed_marker(true), model.session_problem.is_some()), (None, true));
        assert_eq!(model.set_marker("F1".to_owned(), true), Command::Marker("F1".to_owned()));
        assert_eq!(model.session_problem, None);
    }

    #[test]
    fn closing_asks_only_while_recording() {
        let mut model = model();
        assert!(!model.ask_to_close(&recording()));
        assert_eq!(model.closing, Closing::Asking);
        model.closing = Closing::Confirmed;
        assert!(model.ask_to_close(&recording()));
        assert!(AppModel::default().ask_to_close(&RecordingStatus::default()));
        // The question goes with what it is about.
        let mut model = AppModel::default();
        assert!(!model.ask_to_close(&recording()));
        model.follow_recording(&recording(), 1.0);
        assert_eq!(model.closing, Closing::Asking);
        model.follow_recording(&RecordingStatus::default(), 2.0);
        assert_eq!(model.closing, Closing::No);
    }

    #[test]
    fn a_name_is_given_once_and_can_be_taken_away() {
        let field = eframe::egui::Id::unique("field");
        let naming =
            |name: &str| Some(Naming { field, camera: "left".into(), track_id: 3, name: name.to_owned() });
        let mut model = AppModel { naming: naming(" Ada "), ..AppModel::default() };
        let expected = Command::NameParticipant { camera: "left".into(), track_id: 3, name: "Ada".into() };
        assert_eq!(model.typed_name(None), Some(expected));
        assert_eq!(model.typed_name(None), None);
        model.naming = naming("Ada");
        assert_eq!(model.typed_name(Some("Ada")), None);
        model.naming = naming("");
        assert!(model.typed_name(Some("Ada")).is_some());
    }

    #[test]
    fn what_is_shown_follows_the_cameras_by_name() {
        let mut model = AppModel { enlarged: Some("c".into()), ..AppModel::default() };
        model.signals.camera = "c".to_owned();
        for cameras in [vec!["a", "b", "c"], vec!["c", "a", "b"], vec!["a", "c"]] {
            model.follow(cameras.into_iter());
            assert_eq!((model.enlarged.as_deref(), model.signals.camera.as_str()), (Some("c"), "c"));
        }
        model.follow(["a"].into_iter());
        assert_eq!((model.enlarged.as_deref(), model.signals.camera.as_str()), (None, "a"));
    }
}
