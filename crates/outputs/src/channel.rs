//! What one value of a row is.

use std::borrow::Cow;

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name, unique in its output.
    pub label: Cow<'static, str>,
    /// What kind of data it is, as XDF's conventions call it (`PositionX`, `OrientationA`, `Confidence`, …).
    pub content_type: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The point on the body that it belongs to, where there is one.
    pub marker: Option<Cow<'static, str>>,
}

impl Channel {
    /// A channel that belongs to no marker.
    #[must_use]
    pub const fn new(label: &'static str, content_type: &'static str, unit: Unit) -> Self {
        Self { label: Cow::Borrowed(label), content_type, unit, marker: None }
    }

    /// The same channel of this marker.
    #[must_use]
    pub fn of(self, marker: impl Into<Cow<'static, str>>) -> Self {
        Self { marker: Some(marker.into()), ..self }
    }
}

/// The unit of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Pixels of the captured frame.
    Pixels,
    /// From 0 to 1.
    Normalized,
    /// Metres.
    Meters,
    /// Parts of a unit quaternion.
    Quaternion,
    /// Degrees.
    Degrees,
    /// Radians.
    Radians,
    /// Millimetres.
    Millimeters,
    /// Seconds.
    Seconds,
    /// A number of frames.
    Frames,
    /// 0 or 1.
    Boolean,
    /// A number without a unit.
    None,
}

impl Unit {
    const ALL: [Self; 11] = [
        Self::Pixels,
        Self::Normalized,
        Self::Meters,
        Self::Quaternion,
        Self::Degrees,
        Self::Radians,
        Self::Millimeters,
        Self::Seconds,
        Self::Frames,
        Self::Boolean,
        Self::None,
    ];

    /// In the spelling of XDF's conventions.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pixels => "pixels",
            Self::Normalized => "normalized",
            Self::Meters => "meters",
            Self::Quaternion => "quaternion",
            Self::Degrees => "degrees",
            Self::Radians => "radians",
            Self::Millimeters => "millimeters",
            Self::Seconds => "seconds",
            Self::Frames => "frames",
            Self::Boolean => "boolean",
            Self::None => "none",
        }
    }

    /// The unit of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.name() == name)
    }

    /// Its symbol in Motion-BIDS; `None` where BIDS wants none.
    #[must_use]
    pub fn symbol(self) -> Option<&'static str> {
        match self {
            Self::Pixels => Some("px"),
            Self::Meters => Some("m"),
            Self::Degrees => Some("deg"),
            Self::Radians => Some("rad"),
            Self::Millimeters => Some("mm"),
            Self::Seconds => Some("s"),
            Self::Normalized | Self::Quaternion | Self::Frames | Self::Boolean | Self::None => None,
        }
    }
}
