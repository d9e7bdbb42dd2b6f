//! Turning whole pictures.

use std::fmt;
use std::str::FromStr;

/// How far a picture is turned clockwise before anybody looks at it: for cameras that hang on their side or upside
/// down, and for recordings of such.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// Not at all.
    #[default]
    None,
    /// By 90°: what was at the left is at the top.
    Clockwise90,
    /// By 180°: upside down.
    Half,
    /// By 270°: what was at the left is at the bottom.
    Clockwise270,
}

impl Rotation {
    /// All of them, by their degrees.
    pub const ALL: [Self; 4] = [Self::None, Self::Clockwise90, Self::Half, Self::Clockwise270];

    /// Degrees clockwise: 0, 90, 180 or 270.
    #[must_use]
    pub fn degrees(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Clockwise90 => 90,
            Self::Half => 180,
            Self::Clockwise270 => 270,
        }
    }

    /// Whether width and height are exchanged.
    #[must_use]
    pub fn is_sideways(self) -> bool {
        matches!(self, Self::Clockwise90 | Self::Clockwise270)
    }

    /// Width and height of a turned picture that had these.
    #[must_use]
    pub fn size_of(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.is_sideways() { (height, width) } else { (width, height) }
    }
}

/// Degrees that are no rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationError;

impl std::error::Error for RotationError {}

impl fmt::Display for RotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("use 0, 90, 180 or 270 (degrees clockwise)")
    }
}

impl TryFrom<u32> for Rotation {
    type Error = RotationError;

    fn try_from(degrees: u32) -> Result<Self, RotationError> {
        Self::ALL.into_iter().find(|rotation| rotation.degrees() == degrees).ok_or(RotationError)
    }
}

impl FromStr for Rotation {
    type Err = RotationError;

    fn from_str(word: &str) -> Result<Self, RotationError> {
        word.parse::<u32>().map_err(|_| RotationError)?.try_into()
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.degrees())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_there_and_back() {
        for rotation in Rotation::ALL {
            assert_eq!(rotation.to_string().parse(), Ok(rotation));
        }
        for wrong in ["45", "-90", "360", "", "auto "] {
            assert_eq!(wrong.parse::<Rotation>(), Err(RotationError), "{wrong}");
        }
        assert_eq!(Rotation::Clockwise90.size_of((4, 3)), (3, 4));
        assert_eq!(Rotation::Half.size_of((4, 3)), (4, 3));
    }
}
