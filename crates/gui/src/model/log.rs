//! The log page: which lines it shows.

use crate::backend::{LogLevel, LogLine};

/// What the log page shows.
#[derive(Debug)]
pub struct LogFilter {
    /// Least important level shown.
    pub level: LogLevel,
    /// Part of the text or origin that lines must contain.
    pub text: String,
}

impl LogFilter {
    /// Whether a line is shown.
    #[must_use]
    pub fn shows(&self, line: &LogLine) -> bool {
        let wanted = self.text.to_lowercase();
        line.level >= self.level
            && (line.text.to_lowercase().contains(&wanted) || line.origin.to_lowercase().contains(&wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_by_level_and_text() {
        let line = LogLine {
            seconds: 0.0,
            level: LogLevel::Warning,
            origin: "left".into(),
            text: "No frame".into(),
        };
        let filter = |level, text: &str| LogFilter { level, text: text.to_owned() };
        assert!(filter(LogLevel::Info, "").shows(&line) && filter(LogLevel::Warning, "LEFT").shows(&line));
        assert!(filter(LogLevel::Debug, "no fr").shows(&line));
        assert!(!filter(LogLevel::Error, "").shows(&line) && !filter(LogLevel::Info, "right").shows(&line));
    }
}
