//! What the user must know of a recording.

use std::fmt;

/// Something that is wrong with a recording, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The recording has ended by itself.
    RecordingEnded {
        /// Why.
        reason: String,
    },
    /// There is little room on the disk.
    DiskLow,
    /// The disk did not keep up.
    RowsDropped {
        /// Rows that are lost so far.
        count: u64,
    },
    /// A camera's video has failed; its data are recorded.
    NoVideo {
        /// The camera's name.
        camera: String,
        /// What went wrong.
        problem: String,
    },
    /// A camera gives no results while a recording runs.
    CameraNotLive {
        /// The camera's name.
        camera: String,
    },
    /// What was asked for could not be done.
    Failed {
        /// What, and why.
        text: String,
    },
}

impl Warning {
    /// Whether it says the same as another, perhaps with a count that has grown.
    #[must_use]
    pub fn is_still(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::RowsDropped { .. }, Self::RowsDropped { .. }) => true,
            _ => self == other,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RecordingEnded { reason } => write!(f, "The recording has ended: {reason}"),
            Self::DiskLow => f.write_str("The disk is nearly full"),
            Self::RowsDropped { count } => write!(f, "{count} rows were dropped: the disk is too slow"),
            Self::NoVideo { camera, problem } => {
                write!(f, "No video of {camera}: {problem}. Its data are recorded.")
            }
            Self::CameraNotLive { camera } => write!(f, "{camera} is not live: its rows have a gap"),
            Self::Failed { text } => f.write_str(text),
        }
    }
}

/// The warnings as they are shown: the cameras that are not live in one sentence, where the first of them stood.
#[must_use]
pub fn joined_warnings(warnings: &[Warning]) -> Vec<String> {
    let lost: Vec<&str> = warnings
        .iter()
        .filter_map(|warning| match warning {
            Warning::CameraNotLive { camera } => Some(camera.as_str()),
            _ => None,
        })
        .collect();
    let mut sentence = match lost.as_slice() {
        [others @ .., last] if !others.is_empty() => {
            Some(format!("{} and {last} are not live: their rows have gaps", others.join(", ")))
        }
        _ => None,
    };
    let joins = sentence.is_some();
    let text = |warning: &Warning| match warning {
        Warning::CameraNotLive { .. } if joins => sentence.take(),
        _ => Some(warning.to_string()),
    };
    warnings.iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_that_are_not_live_are_told_in_one_sentence() {
        let lost = |camera: &str| Warning::CameraNotLive { camera: camera.to_owned() };
        let texts = |warnings: &[Warning]| warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
        let one = [Warning::DiskLow, lost("left")];
        assert_eq!(joined_warnings(&one), texts(&one));
        let some = [lost("a"), Warning::DiskLow, lost("b"), lost("c")];
        let expected = ["a, b and c are not live: their rows have gaps", "The disk is nearly full"];
        assert_eq!(joined_warnings(&some), expected);
        assert!(joined_warnings(&[]).is_empty());
    }

    #[test]
    fn kinds_are_told_apart_whatever_the_texts_say() {
        let text = "left is not live: its rows have a gap".to_owned();
        let said = Warning::Failed { text };
        assert_eq!(joined_warnings(&[said.clone(), said.clone()]).len(), 2, "it only reads like one");
        assert!(Warning::RowsDropped { count: 3 }.is_still(&Warning::RowsDropped { count: 40 }));
        let lost = |camera: &str| Warning::CameraNotLive { camera: camera.to_owned() };
        assert!(!lost("1").is_still(&lost("2")), "digits of names are no counts");
    }
}
