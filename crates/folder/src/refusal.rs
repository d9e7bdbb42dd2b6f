//! Why a file is left alone.

use std::io::{self, ErrorKind};

/// What Mien does not open in a folder that may come from somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
    /// A pipe, a socket or a device.
    NoFile,
    /// A file with a second name (a hard link), which would be changed under both.
    SecondName,
    /// A name that leads out of the folder.
    Elsewhere,
}

impl Refusal {
    /// What an error was made of, where it was made of one.
    #[must_use]
    pub fn in_error(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Link => "it is a symbolic link, which Mien does not follow here",
            Self::Folder => "it is a folder, not a file",
            Self::NoFile => "it is a pipe, a socket or a device, not a file",
            Self::SecondName => "the file has a second name elsewhere (a hard link)",
            Self::Elsewhere => "the name leads out of the folder",
        })
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(ErrorKind::InvalidInput, refusal)
    }
}
