//! Streams of others: whether those that a recording needs are there.

use std::time::{Duration, Instant};

use lsl::ContinuousResolver;

use crate::StreamError;

/// How often the answers are looked at, while liblsl asks around on threads of its own.
const LOOK: Duration = Duration::from_millis(50);
/// How long a stream that answers no more is believed to be there, in seconds.
const FORGET_SECONDS: f64 = 5.0;

/// A stream that is on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleStream {
    /// Its name.
    pub name: String,
    /// Its type, such as `EEG` or `Markers`.
    pub content_type: String,
    /// The machine that sends it.
    pub host: String,
}

/// A stream that has to be there, and whether it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredStream {
    /// What was asked for: a name, or `type=TYPE`.
    pub wanted: String,
    /// The first stream that answers to it.
    pub found: Option<VisibleStream>,
}

impl RequiredStream {
    fn take(&mut self, visible: &[VisibleStream]) {
        let fits = |stream: &&VisibleStream| match self.wanted.strip_prefix("type=") {
            Some(content_type) => stream.content_type == content_type,
            None => stream.name == self.wanted,
        };
        self.found = self.found.take().or_else(|| visible.iter().find(fits).cloned());
    }
}

/// Looks for streams on the network until all are there or `patience` is over.
///
/// # Errors
/// When there is no liblsl, or it cannot search.
pub fn find_required(wanted: &[String], patience: Duration) -> Result<Vec<RequiredStream>, StreamError> {
    let mut required: Vec<_> =
        wanted.iter().map(|wanted| RequiredStream { wanted: wanted.clone(), found: None }).collect();
    if required.is_empty() {
        return Ok(required);
    }
    lsl_sys::load()?;
    // One search for the whole time: liblsl asks machines that it knows by address only half a second after it
    // has asked everybody.
    let search = ContinuousResolver::new(FORGET_SECONDS).map_err(StreamError::Search)?;
    let deadline = Instant::now() + patience;
    loop {
        let visible: Vec<_> = search
            .results()
            .map_err(StreamError::Search)?
            .iter()
            .map(|info| VisibleStream {
                name: info.stream_name(),
                content_type: info.stream_type(),
                host: info.hostname(),
            })
            .collect();
        required.iter_mut().for_each(|stream| stream.take(&visible));
        if required.iter().all(|stream| stream.found.is_some()) || Instant::now() >= deadline {
            return Ok(required);
        }
        std::thread::sleep(LOOK);
    }
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
}
