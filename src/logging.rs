//! The log: to standard error, so that standard output stays for results.

use std::io::{IsTerminal, Write};

use mien_address::redact_text;
use tracing_subscriber::EnvFilter;

/// Hides the secrets of addresses, whoever writes them: each line of the log comes in one piece.
struct Redacting<W>(W);

impl<W: Write> Write for Redacting<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.0.write_all(redact_text(text).as_bytes())?,
            Err(_) => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Starts the log. `RUST_LOG` decides what is shown; without it, `verbose` does.
pub(crate) fn start(verbose: u8) {
    let default = match verbose {
        0 => "warn,mien=info",
        1 => "info,mien=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Redacting(crate::output::ErrorWriter))
        // Else a log that nobody reads any more would be told of on standard error, which panics there.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(verbose > 0);
    if verbose == 0 { log.without_time().init() } else { log.init() }
}
