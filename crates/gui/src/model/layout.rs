//! How things are laid out: the grid of cameras, and what of the window outlives it.

use serde::{Deserialize, Serialize};

use crate::model::View;

/// What is remembered of the window from one run to the next.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowState {
    /// Width and height of its inside, in points at a zoom of 1.
    pub size: [f32; 2],
    /// Its upper left corner, in points at a zoom of 1, where the desktop tells it.
    pub position: Option<[f32; 2]>,
    /// How much larger than usual everything is.
    pub zoom: f32,
    /// Whether it fills the screen.
    pub maximized: bool,
    /// The page on display.
    pub page: View,
    /// Width of the session panel, in points.
    pub session_width: f32,
    /// Width of the list of blendshapes, in points.
    pub blendshapes_width: f32,
    /// Width of the column with the turning head, in points.
    pub head_width: f32,
}

impl Default for WindowState {
    fn default() -> Self {
        Self {
            size: [1440.0, 900.0],
            position: None,
            zoom: 1.0,
            maximized: false,
            page: View::Live,
            session_width: 300.0,
            blendshapes_width: 320.0,
            head_width: 250.0,
        }
    }
}

impl WindowState {
    /// The least width and height at which every page can be used, in points.
    pub const LEAST_SIZE: [f32; 2] = [1000.0, 600.0];

    /// The same, with what no screen can show brought back into range.
    #[must_use]
    pub fn sound(mut self) -> Self {
        let within = |value: f32, low: f32, high: f32, usual: f32| {
            if value.is_finite() { value.clamp(low, high) } else { usual }
        };
        let usual = Self::default();
        self.size = [
            within(self.size[0], Self::LEAST_SIZE[0], 16_000.0, usual.size[0]),
            within(self.size[1], Self::LEAST_SIZE[1], 16_000.0, usual.size[1]),
        ];
        self.position = self.position.filter(|place| place.iter().all(|x| (0.0..16_000.0).contains(x)));
        self.zoom = within(self.zoom, 0.5, 3.0, usual.zoom);
        self.session_width = within(self.session_width, 260.0, 480.0, usual.session_width);
        self.blendshapes_width = within(self.blendshapes_width, 220.0, 520.0, usual.blendshapes_width);
        self.head_width = within(self.head_width, 170.0, 480.0, usual.head_width);
        self
    }
}

/// Columns of a grid of pictures of these proportions (width by height) in an area: those that show most of them, where
/// below each picture a strip of the height `caption` is left.
#[must_use]
pub fn grid_columns(proportions: &[f32], width: f32, height: f32, caption: f32) -> usize {
    let count = proportions.len();
    let shown = |columns: usize| -> f32 {
        let tile = [width / columns as f32, (height / count.div_ceil(columns) as f32 - caption).max(1.0)];
        proportions.iter().map(|proportion| tile[0].min(tile[1] * proportion).powi(2) / proportion).sum()
    };
    (1..=count.max(1)).max_by(|&a, &b| shown(a).total_cmp(&shown(b)).then(b.cmp(&a))).unwrap_or(1)
}

/// Remembers a panel's width, unless the window had no room for the one that is remembered: it comes back with the
/// room.
pub fn remember_width(remembered: &mut f32, width: f32, widest: f32) {
    if *remembered <= widest {
        *remembered = width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_makes_tiles_as_large_as_possible() {
        let columns = |count, width, height| grid_columns(&vec![16.0 / 9.0; count], width, height, 0.0);
        assert_eq!(columns(1, 1600.0, 900.0), 1);
        assert_eq!(columns(4, 1600.0, 900.0), 2);
        assert_eq!(columns(3, 3000.0, 500.0), 3);
        assert_eq!(columns(3, 500.0, 3000.0), 1);
        assert_eq!(columns(0, 500.0, 300.0), 1);
        assert_eq!(columns(16, 1600.0, 900.0), 4);
        // Two pictures of 4:3 are larger beside each other where two of 16:9 are larger one above the other.
        assert_eq!(grid_columns(&[16.0 / 9.0; 2], 1120.0, 810.0, 34.0), 1);
        assert_eq!(grid_columns(&[4.0 / 3.0; 2], 1120.0, 810.0, 34.0), 2);
    }

    #[test]
    fn a_window_that_no_screen_can_show_is_brought_back() {
        let lost = WindowState {
            size: [f32::NAN, 3.0],
            position: Some([-4000.0, 20.0]),
            session_width: 9000.0,
            zoom: 0.0,
            ..WindowState::default()
        };
        let sound = lost.sound();
        let expected = ([1440.0, 600.0], None, 480.0, 0.5);
        assert_eq!((sound.size, sound.position, sound.session_width, sound.zoom), expected);
        assert_eq!(WindowState::default().sound(), WindowState::default());
    }
}
