//! What a child says, one JSON object a line.

use serde::{Deserialize, Serialize};

/// Longest text of somebody else's that is passed on, in characters.
const LONGEST_TEXT: usize = 256;

/// What a child says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub(crate) enum Report {
    /// Every outlet is open.
    Open,
    /// It can do nothing: there is no liblsl, or liblsl refuses.
    Refused {
        /// Why, and what helps.
        reason: String,
    },
    /// A sign of life, with what it has done so far.
    Alive(Counts),
    /// The outcome of a search.
    Found {
        /// Every stream that was asked for.
        streams: Vec<RequiredStream>,
    },
}

/// What a child has done so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Samples pushed.
    pub samples: u64,
    /// Samples that liblsl refused.
    pub failed: u64,
    /// Which outlets somebody listens to: each camera's in the order of its streams, the markers' last.
    pub listened: Vec<bool>,
}

/// A stream that is on the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisibleStream {
    /// Its name.
    pub name: String,
    /// Its type, such as `EEG` or `Markers`.
    pub content_type: String,
    /// The machine that sends it.
    pub host: String,
}

impl VisibleStream {
    /// The same, fit to be shown: at most 256 characters each, none that steers a terminal.
    pub(crate) fn for_people(self) -> Self {
        let Self { name, content_type, host } = self;
        Self { name: plain(&name), content_type: plain(&content_type), host: plain(&host) }
    }
}

/// A stream that has to be there, and whether it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredStream {
    /// What was asked for: a name, or `type=TYPE`.
    pub wanted: String,
    /// The first stream that answers to it.
    pub found: Option<VisibleStream>,
}

impl RequiredStream {
    /// Takes the first of these streams that answers to it, unless it has one.
    pub(crate) fn take(&mut self, visible: &[VisibleStream]) {
        let fits = |stream: &&VisibleStream| match self.wanted.strip_prefix("type=") {
            Some(content_type) => stream.content_type == content_type,
            None => stream.name == self.wanted,
        };
        let found = || visible.iter().find(fits).cloned().map(VisibleStream::for_people);
        self.found = self.found.take().or_else(found);
    }
}

/// Text of a stranger: cut, and without control characters.
pub(crate) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(LONGEST_TEXT).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_answer_to_their_name_or_type() {
        let visible = [("Stim", "Markers"), ("amp", "EEG"), ("type=EEG", "x")].map(|(name, content_type)| {
            VisibleStream { name: name.into(), content_type: content_type.into(), host: "lab".into() }
        });
        let found = |wanted: &str| {
            let mut required = RequiredStream { wanted: wanted.into(), found: None };
            required.take(&visible);
            required.take(&[]);
            required.found.map(|stream| stream.name)
        };
        assert_eq!(found("Stim").as_deref(), Some("Stim"));
        assert_eq!(found("type=EEG").as_deref(), Some("amp"));
        assert_eq!(found("EEG"), None);
        assert_eq!(found("type=Stim"), None);
    }

    #[test]
    fn strangers_names_steer_no_terminal() {
        let stream = VisibleStream {
            name: "a\u{1b}[2J\u{9b}1m\n".into(),
            content_type: "EEG".into(),
            host: "x".repeat(100_000),
        };
        let mut required = RequiredStream { wanted: "type=EEG".into(), found: None };
        required.take(&[stream]);
        let found = required.found.unwrap();
        assert_eq!(found.name, "a\u{fffd}[2J\u{fffd}1m\u{fffd}");
        assert_eq!(found.host.len(), LONGEST_TEXT);
    }
}
