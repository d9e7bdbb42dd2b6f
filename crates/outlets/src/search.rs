//! Streams of others: whether those that a recording needs are there.

use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;

use crate::child::{LslChild, in_words};
use crate::report::{Report, RequiredStream};
use crate::wire::{Order, write_order};
use crate::{Launch, Limits, StreamError};

/// How long a child may take beyond the time of its search.
const GRACE: Duration = Duration::from_secs(8);

/// Looks for streams on the network until all are there or `patience` is over, in a process of its own.
///
/// # Errors
/// When there is no liblsl, it cannot search, or its process is lost.
pub fn find_required(
    launch: &Launch,
    wanted: &[String],
    patience: Duration,
) -> Result<Vec<RequiredStream>, StreamError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut child = LslChild::start(launch, |line| tracing::warn!("search for LSL streams: {line}"))?;
    let order = Order::Search {
        limits: Limits::for_search(),
        wanted: wanted.to_vec(),
        patience_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
    };
    let mut record = Vec::new();
    write_order(&mut record, &order);
    let deadline = Instant::now() + patience + GRACE;
    let mut written = 0;
    while written < record.len() && Instant::now() < deadline {
        let lost = |error: std::io::Error| StreamError::NoAnswer(error.to_string());
        written += child.write(&record[written..], Duration::from_millis(100)).map_err(lost)?;
    }
    loop {
        match child.reports.recv_deadline(deadline) {
            Ok(Report::Found { streams }) => return Ok(streams),
            Ok(Report::Refused { reason }) => return Err(StreamError::Refused(reason)),
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => {
                return Err(StreamError::NoAnswer("its process hangs and was ended".to_owned()));
            }
            Err(RecvTimeoutError::Disconnected) => {
                let ended = child.ended().map_or_else(|| "its process ended".to_owned(), in_words);
                return Err(StreamError::NoAnswer(ended));
            }
        }
    }
}
