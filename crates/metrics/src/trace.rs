//! Traces for `ui.perfetto.dev` and `chrome://tracing`.
//!
//! The format is Chrome's "JSON Array Format" of complete events (`ph: X`; times in microseconds). Events
//! go to the file as they come, so a trace takes no memory, and the format's closing bracket is optional,
//! so a killed program leaves a readable file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::json;

/// Writes one trace.
pub struct TraceWriter {
    file: BufWriter<File>,
    written: u64,
    most_events: u64,
    skipped: u64,
}

impl TraceWriter {
    /// Events after which a trace is full: the viewers do not open larger files anyway.
    pub const MOST_EVENTS: u64 = 4_000_000;

    /// Starts a file, over an older one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::with_limit(path, Self::MOST_EVENTS)
    }

    fn with_limit(path: &Path, most_events: u64) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(b"[")?;
        Ok(Self { file, written: 0, most_events, skipped: 0 })
    }

    /// Names a process of the trace.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn process_name(&mut self, pid: u32, name: &str) -> io::Result<()> {
        self.line(&json!({"name": "process_name", "ph": "M", "pid": pid, "args": {"name": name}}))
    }

    /// Names a row of a process.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn row_name(&mut self, pid: u32, row: u32, name: &str) -> io::Result<()> {
        let args = json!({"name": name});
        self.line(&json!({"name": "thread_name", "ph": "M", "pid": pid, "tid": row, "args": args}))
    }

    /// Writes that something took from one monotonic time to another, about one frame.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn span(
        &mut self,
        pid: u32,
        row: u32,
        name: &str,
        [from_nanos, to_nanos]: [i64; 2],
        frame_index: u64,
    ) -> io::Result<()> {
        let micros = |nanos: i64| nanos as f64 * 1e-3;
        self.line(&json!({
            "name": name,
            "ph": "X",
            "ts": micros(from_nanos),
            "dur": micros((to_nanos - from_nanos).max(0)),
            "pid": pid,
            "tid": row,
            "args": {"frame": frame_index},
        }))
    }

    /// Ends the file and says how many events it had no room for.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> io::Result<u64> {
        self.file.write_all(b"]\n")?;
        self.file.flush()?;
        Ok(self.skipped)
    }

    fn line(&mut self, event: &serde_json::Value) -> io::Result<()> {
        if self.written == self.most_events {
            self.skipped += 1;
            return Ok(());
        }
        let separator: &[u8] = if self.written == 0 { b"\n" } else { b",\n" };
        self.file.write_all(separator)?;
        serde_json::to_writer(&mut self.file, event)?;
        self.written += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_json_and_stays_within_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trace.json");
        let mut trace = TraceWriter::with_limit(&path, 4).unwrap();
        trace.process_name(7, "camera \"1\"").unwrap();
        trace.row_name(7, 1, "pipeline").unwrap();
        for frame in 0..5 {
            trace.span(7, 1, "detect", [1_000_500, 2_000_500], frame).unwrap();
        }
        assert_eq!(trace.finish().unwrap(), 3);
        let text = std::fs::read_to_string(&path).unwrap();
        let events: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(events.len(), 4);
        assert_eq!((&events[2]["ts"], &events[2]["dur"]), (&json!(1000.5), &json!(1000.0)));
    }
}
