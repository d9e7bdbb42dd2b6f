//! Outputs by name.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::{Output, table};

/// 478 × 3 coordinates.
pub const LANDMARKS: OutputId = OutputId(&table::landmarks::OUTPUT);
/// 52 coefficients.
pub const BLENDSHAPES: OutputId = OutputId(&table::blendshapes::OUTPUT);
/// Position and rotation of the head.
pub const POSE: OutputId = OutputId(&table::pose::OUTPUT);
/// Score, presence, latency, dropped frames, box.
pub const QUALITY: OutputId = OutputId(&table::quality::OUTPUT);
/// Distance of the camera by the irises' size.
pub const IRIS_DISTANCE: OutputId = OutputId(&table::iris_distance::OUTPUT);

/// Every output, in the order of a slot's streams.
pub static ALL: &[OutputId] = &[LANDMARKS, BLENDSHAPES, POSE, QUALITY, IRIS_DISTANCE];

/// An entry of the table; written and read by its name.
#[derive(Clone, Copy)]
pub struct OutputId(&'static Output);

impl OutputId {
    /// The output of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|output| output.name == name)
    }

    /// Those that are streamed and recorded where the configuration does not say.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        ALL.iter().copied().filter(|output| output.is_usual).collect()
    }

    /// Its entry.
    #[must_use]
    pub fn entry(self) -> &'static Output {
        self.0
    }

    /// Its place in the table.
    #[must_use]
    pub fn place(self) -> usize {
        ALL.iter().position(|output| *output == self).unwrap_or(ALL.len())
    }
}

impl Deref for OutputId {
    type Target = Output;

    fn deref(&self) -> &Output {
        self.0
    }
}

impl std::fmt::Debug for OutputId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for OutputId {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for OutputId {}

impl Hash for OutputId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl PartialOrd for OutputId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// In the order of the table.
impl Ord for OutputId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl Serialize for OutputId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for OutputId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| {
            let names: Vec<_> = ALL.iter().map(|output| format!("`{}`", output.name)).collect();
            D::Error::custom(format!("unknown variant `{name}`, expected one of {}", names.join(", ")))
        })
    }
}
