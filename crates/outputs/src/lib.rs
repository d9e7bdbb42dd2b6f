//! The table of outputs: what a face gives, described in one place.
//!
//! An [`Output`] is one kind of row: landmarks, blendshapes, head pose, quality, …. Its entry has the name, the
//! channels with their units, whether the temporal filter changes it, what it needs of the pipeline, and how a row is
//! computed from a [`Sample`]. LSL and XDF streams, the tables of `mien track`, every export, the configuration's
//! `streams`, the settings page and the plots read the table ([`ALL`]), so a new output is one entry and its
//! computation (`CONTRIBUTING.md` has the steps).
//!
//! Values and channels have the same number by their types: [`Values`] holds a row function that returns `[f32; N]`
//! and a channel function that is called for `0..N`.
//!
//! An output may keep state from frame to frame and use what is known of the camera: each camera has a
//! [`Computation`] of its own for each output, and a [`Sample`] has the [`Camera`] and the frame beside the face.

mod channel;
mod files;
mod id;
mod sample;
mod table;
mod values;

pub use channel::{Channel, Unit};
pub use files::{Csv, Json, JsonField, Plot};
pub use id::{ALL, BLENDSHAPES, IRIS_DISTANCE, LANDMARKS, OutputId, POSE, QUALITY};
pub use sample::{Camera, FrameFacts, Sample, State};
pub use values::{AnyValues, Computation, Values};

use mien_face::{FacePart, FaceParts, FaceState};

/// How the values of a row belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Each channel stands for itself.
    Values,
    /// x, y and z of one point after another: more of them than a table of Motion-BIDS has columns.
    Points,
}

/// One kind of row that a face gives.
pub struct Output {
    /// Its name: in the configuration and in names of streams (`…_NAME`, `…_NAME_filtered`).
    pub name: &'static str,
    /// Its name on the settings page.
    pub title: &'static str,
    /// Content type of its streams, as XDF and LSL call it.
    pub content_type: &'static str,
    /// In which frame its coordinates lie, in words; `None` where it has none.
    pub coordinates: Option<&'static str>,
    /// Whether the temporal filter changes it: a filtered stream then stands beside the raw one.
    pub is_filtered: bool,
    /// Whether it is streamed and recorded where the configuration does not say.
    pub is_usual: bool,
    /// Without these the output is absent.
    pub needs: &'static [FacePart],
    /// How its values belong together.
    pub layout: Layout,
    /// Its channels, and how a row is computed.
    pub values: &'static dyn AnyValues,
    /// What of it stands in tables of JSON lines.
    pub json: Json,
    /// What of it stands in tables with OpenFace's columns.
    pub csv: Csv,
    /// Puts a row back into a face's state, for exports of a recording; `None` where the state holds nothing of it.
    pub restore: Option<fn(&[f32], &mut FaceState)>,
    /// Its plot on the Signals page.
    pub plot: Option<Plot>,
}

impl Output {
    /// Number of its channels.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.values.count()
    }

    /// Its channels; rows have their values in this order.
    pub fn channels(&self) -> impl Iterator<Item = Channel> {
        (0..self.values.count()).map(|channel| self.values.channel(channel))
    }

    /// Last part of its streams' names.
    #[must_use]
    pub fn suffix(&self, filtered: bool) -> String {
        format!("{}{}", self.name, if filtered { "_filtered" } else { "" })
    }

    /// Whether networks that measure these parts of a face give it.
    #[must_use]
    pub fn is_given_by(&self, parts: FaceParts) -> bool {
        self.needs.iter().all(|&part| parts.contains(part))
    }

    /// Begins to compute rows for one camera.
    #[must_use]
    pub fn start(&self) -> Box<dyn Computation> {
        self.values.start()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_entry_is_whole() {
        let names: HashSet<_> = ALL.iter().map(|output| output.name).collect();
        assert_eq!(names.len(), ALL.len());
        for output in ALL {
            let labels: HashSet<_> = output.channels().map(|channel| channel.label).collect();
            assert_eq!(labels.len(), output.channel_count(), "{}: labels are unique", output.name);
            let mut row = Vec::new();
            output.start().row(&Sample::without_face(Camera::default(), FrameFacts::default()), &mut row);
            assert_eq!(row.len(), output.channel_count());
            assert!(output.plot.iter().flat_map(|plot| plot.lines).all(|line| line.1 < row.len()));
            assert!(output.layout == Layout::Values || row.len().is_multiple_of(3));
            assert_eq!(OutputId::named(output.name), Some(*output));
        }
    }

    #[test]
    fn what_the_pipeline_does_not_provide_is_absent() {
        let given = |parts: FaceParts| ALL.iter().filter(move |output| output.is_given_by(parts));
        assert_eq!(given(FaceParts::ALL).count(), ALL.len());
        let without = FaceParts::of(&[FacePart::Irises]);
        assert!(given(without).all(|output| output.name != "blendshapes"));
        assert!(given(without).any(|output| output.name == "landmarks"));
    }
}
