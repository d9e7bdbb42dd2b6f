//! Settings as the pages show and change them.

use mien_config::{Config, Overlay};

use crate::backend::Command;

/// The settings that the pages change; cameras are changed on their own page, by commands.
#[derive(Debug, Default)]
pub struct SettingsModel {
    /// As they are to be.
    pub wanted: Config,
    told: Option<Config>,
}

impl SettingsModel {
    /// Whether the settings that hold were taken in.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.told.is_some()
    }

    /// Takes in the settings that hold.
    pub fn load(&mut self, config: &Config) {
        self.wanted = Config { cameras: Vec::new(), ..config.clone() };
        self.told = Some(self.wanted.clone());
    }

    /// The command that makes it so, once something was changed.
    pub fn change(&mut self) -> Option<Command> {
        if self.told.as_ref() == Some(&self.wanted) {
            return None;
        }
        self.told = Some(self.wanted.clone());
        Some(Command::ChangeSettings(Box::new(self.wanted.clone())))
    }
}

/// What is drawn over the previews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlays {
    /// Boxes with ids or participants' names.
    pub boxes: bool,
    /// The tessellation.
    pub mesh: bool,
    /// Eyes, brows, lips, oval.
    pub contours: bool,
    /// Irises.
    pub irises: bool,
    /// Pose axes.
    pub axes: bool,
}

impl Overlays {
    /// What a configuration lists.
    #[must_use]
    pub fn new(listed: &[Overlay]) -> Self {
        Self {
            boxes: listed.contains(&Overlay::Boxes),
            mesh: listed.contains(&Overlay::Mesh),
            contours: listed.contains(&Overlay::Contours),
            irises: listed.contains(&Overlay::Irises),
            axes: listed.contains(&Overlay::Pose),
        }
    }

    /// The list for a configuration; `before` when it says the same, so that its order stays.
    #[must_use]
    pub fn listed(&self, before: &[Overlay]) -> Vec<Overlay> {
        if Self::new(before) == *self {
            return before.to_vec();
        }
        [
            (self.boxes, Overlay::Boxes),
            (self.mesh, Overlay::Mesh),
            (self.contours, Overlay::Contours),
            (self.irises, Overlay::Irises),
            (self.axes, Overlay::Pose),
        ]
        .into_iter()
        .filter_map(|(is_on, overlay)| is_on.then_some(overlay))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mien_config::{Camera, Theme};

    #[test]
    fn a_change_is_told_once() {
        let mut settings = SettingsModel::default();
        let there = Config { cameras: vec![Camera::new("a", "b")], ..Config::default() };
        settings.load(&there);
        assert!(settings.is_loaded() && settings.change().is_none());
        settings.wanted.gui.theme = Theme::Light;
        let Some(Command::ChangeSettings(config)) = settings.change() else { panic!("must tell") };
        assert_eq!(config.gui.theme, Theme::Light);
        assert!(settings.change().is_none());
    }

    #[test]
    fn overlays_keep_the_order_in_which_they_are_listed() {
        let listed = vec![Overlay::Pose, Overlay::Boxes];
        let mut overlays = Overlays::new(&listed);
        assert_eq!(overlays.listed(&listed), listed);
        overlays.mesh = true;
        assert_eq!(overlays.listed(&listed), [Overlay::Boxes, Overlay::Mesh, Overlay::Pose]);
    }
}
