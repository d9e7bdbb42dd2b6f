//! Which TensorRT a library is, and whether its tables are known.

use std::fmt;

use crate::abi::slots::{Generation, RTX_1_3, RTX_1_5, TENSORRT_8_6, TENSORRT_10, TENSORRT_11};

/// What [`Library::find`](crate::Library::find) accepts, for messages.
pub const SUPPORTED: &str = "TensorRT 8.6, 10.0 to 10.16, 11.0 to 11.4, and TensorRT-RTX 1.3 to 1.7";

/// A release: major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The generation, mostly.
    pub major: u32,
    /// The release within it.
    pub minor: u32,
    /// The correction of it.
    pub patch: u32,
}

impl Version {
    /// A version from its parts.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// The number that `getInferLibVersion` gives: `major·1000 + minor·100 + patch` before 10.0 (8.6.1 is 8601),
    /// `major·10000 + minor·100 + patch` since (10.3.0 is 100300) and in TensorRT-RTX (1.7.1 is 10701).
    pub fn from_number(number: i32) -> Option<Self> {
        let number = u32::try_from(number).ok().filter(|number| *number > 0)?;
        let major_unit = if number < 10_000 { 1_000 } else { 10_000 };
        Some(Self::new(number / major_unit, number % major_unit / 100, number % 100))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Which of NVIDIA's TensorRT libraries it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// `libnvinfer`: builds engines and runs them.
    Full,
    /// `libtensorrt_rtx`: builds engines within seconds and finishes them on the GPU that runs them.
    Rtx,
    /// `libnvinfer_lean`: runs engines that were built elsewhere to be version compatible; builds none.
    Lean,
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "TensorRT",
            Self::Rtx => "TensorRT-RTX",
            Self::Lean => "TensorRT lean runtime",
        })
    }
}

/// The table that holds for a release; `newer_minor` also takes releases after the last one that was checked, of a
/// major version that is known.
pub(crate) fn generation(
    flavour: Flavour,
    version: Version,
    newer_minor: bool,
) -> Option<&'static Generation> {
    let last = |checked: u32| version.minor <= checked || newer_minor;
    match (flavour, version.major, version.minor) {
        (Flavour::Full | Flavour::Lean, 8, 6) => Some(&TENSORRT_8_6),
        (Flavour::Full | Flavour::Lean, 10, _) if last(16) => Some(&TENSORRT_10),
        (Flavour::Full | Flavour::Lean, 11, _) if last(4) => Some(&TENSORRT_11),
        (Flavour::Rtx, 1, 3 | 4) => Some(&RTX_1_3),
        (Flavour::Rtx, 1, 5..) if last(7) => Some(&RTX_1_5),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_generations_are_read() {
        for (number, version) in [
            (7203, Version::new(7, 2, 3)),
            (8501, Version::new(8, 5, 1)),
            (8600, Version::new(8, 6, 0)),
            (8601, Version::new(8, 6, 1)),
            (9300, Version::new(9, 3, 0)),
            (10_701, Version::new(1, 7, 1)),
            (100_000, Version::new(10, 0, 0)),
            (100_300, Version::new(10, 3, 0)),
            (101_601, Version::new(10, 16, 1)),
            (110_400, Version::new(11, 4, 0)),
        ] {
            assert_eq!(Version::from_number(number), Some(version));
        }
        assert_eq!(Version::from_number(0), None);
        assert_eq!(Version::from_number(-1), None);
    }

    #[test]
    fn only_checked_releases_have_a_table() {
        let name = |flavour, major, minor, newer| {
            generation(flavour, Version::new(major, minor, 0), newer).map(|generation| generation.name)
        };
        assert_eq!(name(Flavour::Full, 8, 6, false), Some("TensorRT 8.6"));
        assert_eq!(name(Flavour::Full, 8, 5, true), None);
        assert_eq!(name(Flavour::Full, 9, 3, true), None);
        assert_eq!(name(Flavour::Full, 10, 0, false), Some("TensorRT 10"));
        assert_eq!(name(Flavour::Lean, 10, 16, false), Some("TensorRT 10"));
        assert_eq!(name(Flavour::Full, 10, 17, false), None);
        assert_eq!(name(Flavour::Full, 10, 17, true), Some("TensorRT 10"));
        assert_eq!(name(Flavour::Lean, 11, 4, false), Some("TensorRT 11"));
        assert_eq!(name(Flavour::Full, 12, 0, true), None);
        assert_eq!(name(Flavour::Rtx, 1, 2, true), None);
        assert_eq!(name(Flavour::Rtx, 1, 3, false), Some("TensorRT-RTX 1.3"));
        assert_eq!(name(Flavour::Rtx, 1, 7, false), Some("TensorRT-RTX 1.5"));
        assert_eq!(name(Flavour::Rtx, 1, 8, false), None);
        assert_eq!(name(Flavour::Rtx, 2, 0, true), None);
    }
}
