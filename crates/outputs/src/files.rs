//! What of an output stands in the tables of `mien track` and in plots.

use mien_face::FaceState;

use crate::AnyValues;

/// The field of an output in a face's object of JSON lines, named as the output.
pub enum Json {
    /// None: the face's object has fields of its own for it.
    No,
    /// The row as an array.
    Numbers(Meanings),
    /// The row as an array of `[x, y, z]`.
    Points(Meanings),
    /// An object with an array for each of these.
    Fields(&'static [JsonField], Meanings),
    /// An object with a number for each channel, by its label without the output's name.
    Channels(Meanings),
}

impl Json {
    /// The fields, and what they mean.
    #[must_use]
    pub fn meanings(&self) -> Meanings {
        match self {
            Self::No => &[],
            Self::Numbers(meanings)
            | Self::Points(meanings)
            | Self::Fields(_, meanings)
            | Self::Channels(meanings) => meanings,
        }
    }
}

/// Names of fields or columns with their meaning and unit.
pub type Meanings = &'static [(&'static str, &'static str)];

/// An array within an output's JSON object.
pub struct JsonField {
    /// Its name.
    pub name: &'static str,
    /// Its numbers.
    pub values: fn(&FaceState) -> &[f32],
}

/// The columns of an output in CSV tables.
pub enum Csv {
    /// None: rows have columns of their own for it.
    No,
    /// OpenFace's columns: these stand in the order of `place`, before those of other outputs.
    OpenFace {
        /// Smaller comes first.
        place: u8,
        /// The columns (labels are their whole names) and their values.
        values: &'static dyn AnyValues,
        /// What they mean.
        meanings: Meanings,
    },
    /// A column for each channel, by its label.
    Channels(Meanings),
}

impl Csv {
    /// The columns, and what they mean.
    #[must_use]
    pub fn meanings(&self) -> Meanings {
        match self {
            Self::No => &[],
            Self::OpenFace { meanings, .. } | Self::Channels(meanings) => meanings,
        }
    }
}

/// A plot of the last seconds.
pub struct Plot {
    /// What the plot covers at least, from low to high.
    pub range: [f64; 2],
    /// Its lines: the name in the legend, and the channel.
    pub lines: &'static [(&'static str, usize)],
}
