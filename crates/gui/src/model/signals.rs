//! The signals page: whose signals, which ones, and their course.

use mien_face::{BLENDSHAPE_COUNT, BLENDSHAPE_NAMES, FrameFaces, blendshape_index};
use mien_outputs::{Camera, FrameFacts};

use crate::history::History;

/// Which face's signals are shown, and how.
#[derive(Debug, Default)]
pub struct SignalsModel {
    /// Name of the camera.
    pub camera: String,
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
    /// What is known of the cameras.
    pub optics: Camera,
    /// The course of the shown face.
    pub history: History,
}

impl SignalsModel {
    /// Takes in a camera's newest result.
    pub fn update(&mut self, camera: &str, result: &FrameFaces) {
        if camera != self.camera || self.frozen {
            return;
        }
        let faces = result.faces();
        let shown = match self.face {
            Some(track_id) => faces.iter().find(|face| face.track_id == track_id),
            // Follow the face on display while it is there, so that plots do not jump between people.
            None => faces.iter().find(|face| face.track_id == self.history.track_id()).or(faces.first()),
        };
        self.history.push(self.optics, FrameFacts::of(result), shown);
    }

    /// Notes that a camera is not live: its faces' courses have a gap.
    pub fn interrupt(&mut self, camera: &str) {
        if camera == self.camera && !self.frozen {
            self.history.interrupt();
        }
    }

    /// Shows another camera or face.
    pub fn show(&mut self, camera: &str, face: Option<u32>) {
        if (camera, face) != (self.camera.as_str(), self.face) {
            camera.clone_into(&mut self.camera);
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

    /// Plots these; names that are no blendshapes are left out.
    pub fn plot_names(&mut self, names: &[String]) {
        self.plotted = names.iter().filter_map(|name| blendshape_index(name)).collect();
    }

    /// Names of the blendshapes that are plotted.
    #[must_use]
    pub fn plotted_names(&self) -> Vec<String> {
        self.plotted.iter().map(|&index| BLENDSHAPE_NAMES[index].to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_follow_one_person() {
        let mut signals = SignalsModel { camera: "left".to_owned(), ..SignalsModel::default() };
        let mut result = FrameFaces::boxed();
        result.face_count = 2;
        result.faces[0].track_id = 7;
        result.faces[1].track_id = 9;
        signals.update("right", &result);
        assert_eq!(signals.history.samples().len(), 0);
        signals.update("left", &result);
        assert_eq!(signals.history.track_id(), 7);
        // The order of the faces changes; the plot stays with the person.
        result.faces.swap(0, 1);
        result.capture_nanos = 1_000_000;
        signals.update("left", &result);
        assert_eq!(signals.history.track_id(), 7);
        assert_eq!(signals.history.samples().len(), 2);
        // What comes after the camera was away is no longer the same course.
        signals.interrupt("right");
        signals.interrupt("left");
        signals.update("left", &result);
        assert_eq!(signals.history.runs(), [0..2, 2..3]);
        signals.frozen = true;
        signals.update("left", &result);
        assert_eq!(signals.history.samples().len(), 3);
        // The same track id of another camera is another person's.
        signals.show("right", None);
        assert_eq!(signals.history.samples().len(), 0);
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
    fn plotted_blendshapes_are_kept_by_name() {
        let mut signals = SignalsModel::default();
        signals.plot_names(&["jawOpen".into(), "noSuch".into(), "browInnerUp".into()]);
        assert_eq!(signals.plotted_names(), ["jawOpen", "browInnerUp"]);
        signals.toggle_plotted(signals.plotted[0]);
        assert_eq!(signals.plotted_names(), ["browInnerUp"]);
    }
}
