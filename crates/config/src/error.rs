use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, from 1; nothing when the fault belongs to no line.
    pub line: Option<usize>,
    /// What is wrong, and what is allowed.
    pub message: String,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or written.
    #[error("{path}: cannot {action} the configuration: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// `init` would overwrite a file.
    #[error("{path}: there is a file already; remove it first, or give another name")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The text is no configuration.
    #[error("{}", Listed { path, problems })]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Everything that is wrong, in the order of the file's lines as far as known.
        problems: Vec<Problem>,
    },
}

/// Most problems that are shown one by one.
const MOST_SHOWN: usize = 20;

/// `file:line: message`, one line a problem, so that editors and terminals can jump there.
struct Listed<'a> {
    path: &'a PathBuf,
    problems: &'a [Problem],
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().take(MOST_SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let path = self.path.display();
            match problem.line {
                Some(line) => write!(f, "{separator}{path}:{line}: {}", problem.message)?,
                None => write!(f, "{separator}{path}: {}", problem.message)?,
            }
        }
        match self.problems.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n{}: and {more} more faults", self.path.display()),
        }
    }
}
