//! Settings on their way to their file: written once they have rested, on a thread of their own, and
//! kept in memory when that fails.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mien_config::Config;
use mien_gui::{SaveState, SettingsFile, WindowState};

/// How long settings must have been still before they are written.
const REST: Duration = Duration::from_millis(700);
/// The file that remembers the window.
const WINDOW_FILE: &str = "window.toml";

/// Where the settings of this run come from and go to.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The file; nothing keeps them for this run only.
    pub file: Option<PathBuf>,
    /// Whether the cameras are the file's; not when the command line names them.
    pub keeps_cameras: bool,
}

/// See the module. One thread owns it.
pub(crate) struct Keeping {
    place: Place,
    /// What the file says, as far as known.
    written: Config,
    /// The settings at the last look.
    seen: Config,
    changed: Option<Instant>,
    state: SaveState,
    window: Option<(WindowState, Instant)>,
}

impl Keeping {
    /// `config` is what the file says, with what the command line says instead.
    pub(crate) fn new(place: Place, config: &Config) -> Self {
        let (written, seen) = (config.clone(), config.clone());
        Self { place, written, seen, changed: None, state: SaveState::Saved, window: None }
    }

    /// Looks whether settings have changed since the last look.
    pub(crate) fn look(&mut self, config: &Config) {
        if self.place.file.is_none() || *config == self.seen {
            return;
        }
        self.seen.clone_from(config);
        let is_written = self.wanted(config) == self.written;
        self.changed = (!is_written).then(Instant::now);
        self.state = if is_written { SaveState::Saved } else { SaveState::Pending };
    }

    /// Notes how the window is.
    pub(crate) fn window(&mut self, window: WindowState) {
        self.window = Some((window, Instant::now()));
    }

    /// Writes what has rested.
    pub(crate) fn tick(&mut self, config: &Config) {
        if self.changed.is_some_and(|since| since.elapsed() >= REST) {
            self.save(config);
        }
        if self.window.is_some_and(|(_, since)| since.elapsed() >= REST) {
            self.save_window();
        }
    }

    /// Writes everything now.
    pub(crate) fn finish(&mut self, config: &Config) {
        if self.changed.is_some() {
            self.save(config);
        }
        self.save_window();
    }

    /// Writes the settings now; what cannot be written is tried again at the next change.
    pub(crate) fn save(&mut self, config: &Config) {
        self.changed = None;
        let Some(file) = &self.place.file else { return };
        let wanted = self.wanted(config);
        self.state = match mien_config::save(file, &self.written, &wanted) {
            Ok(()) => {
                self.written = wanted;
                SaveState::Saved
            }
            Err(error) => {
                let reason = error.to_string();
                tracing::warn!("settings are not saved: {reason}");
                SaveState::Failed(reason)
            }
        };
    }

    /// For the window.
    pub(crate) fn shown(&self) -> SettingsFile {
        SettingsFile {
            path: self.place.file.clone(),
            state: self.state.clone(),
            keeps_cameras: self.place.keeps_cameras,
        }
    }

    /// The settings that belong into the file.
    fn wanted(&self, config: &Config) -> Config {
        let cameras =
            if self.place.keeps_cameras { config.cameras.clone() } else { self.written.cameras.clone() };
        Config { cameras, ..config.clone() }
    }

    fn save_window(&mut self) {
        let Some((window, _)) = self.window.take() else { return };
        let Some(file) = mien_config::state_file(WINDOW_FILE) else { return };
        if let Err(error) = mien_config::save_state(&file, &window) {
            tracing::warn!("{}: the window's place is not remembered: {error}", file.display());
        }
    }
}

/// How the window was when it was closed last.
pub(crate) fn remembered_window() -> WindowState {
    mien_config::state_file(WINDOW_FILE).and_then(|file| mien_config::load_state(&file)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mien_config::{Camera, Theme};

    fn place(file: Option<PathBuf>, keeps_cameras: bool) -> Place {
        Place { file, keeps_cameras }
    }

    #[test]
    fn settings_are_written_at_the_end_at_the_latest_and_failures_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mien.toml");
        let mut config = Config::default();
        let mut keeping = Keeping::new(place(Some(file.clone()), true), &config);
        keeping.look(&config);
        assert_eq!(keeping.shown().state, SaveState::Saved);
        config.gui.theme = Theme::Light;
        keeping.look(&config);
        keeping.tick(&config);
        assert_eq!((keeping.shown().state, file.exists()), (SaveState::Pending, false));
        // Looking again does not make it wait longer.
        let since = keeping.changed;
        keeping.look(&config);
        assert!(since.is_some() && keeping.changed == since);
        keeping.finish(&config);
        assert_eq!(
            (keeping.shown().state, mien_config::load(&file).unwrap().gui.theme),
            (SaveState::Saved, Theme::Light)
        );

        let mut permissions = std::fs::metadata(&file).unwrap().permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(&file, permissions).unwrap();
        config.gui.theme = Theme::Dark;
        keeping.look(&config);
        keeping.save(&config);
        let SaveState::Failed(reason) = keeping.shown().state else { panic!("must fail") };
        assert!(reason.contains("read-only"), "{reason}");
        // It is tried again when something changes, or somebody asks; nothing is lost.
        keeping.look(&config);
        assert!(keeping.changed.is_none() && matches!(keeping.shown().state, SaveState::Failed(_)));
        std::fs::remove_file(&file).unwrap();
        keeping.save(&config);
        assert_eq!(mien_config::load(&file).unwrap().gui.theme, Theme::Dark);
    }

    #[test]
    fn cameras_of_the_command_line_stay_out_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mien.toml");
        std::fs::write(&file, "version = 1\n[[cameras]]\nname = \"kept\"\nsource = \"synthetic\"\n").unwrap();
        let mut config = Config { cameras: vec![Camera::new("other", "x")], ..Config::default() };
        let mut keeping = Keeping::new(place(Some(file.clone()), false), &config);
        config.cameras.clear();
        config.lsl.faces = 3;
        keeping.look(&config);
        keeping.finish(&config);
        let written = mien_config::load(&file).unwrap();
        assert_eq!((written.lsl.faces, written.cameras[0].name.as_str()), (3, "kept"));
        let mut nowhere = Keeping::new(place(None, true), &config);
        config.lsl.faces = 4;
        nowhere.look(&config);
        assert_eq!(nowhere.shown(), SettingsFile { keeps_cameras: true, ..SettingsFile::default() });
    }
}
