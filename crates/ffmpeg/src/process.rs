//! The child process: started safely, listened to, ended and reaped.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::FfmpegError;
use crate::error::install_hint;

/// Lines of ffmpeg's messages that are kept.
const LAST_LINES: usize = 4;
/// Longest part of a line that is looked at, in bytes.
const LINE_BYTES: u64 = 64 << 10;
/// Longest part of a line that is kept, in characters.
const KEPT_CHARACTERS: usize = 400;

/// `file:PATH`, which ffmpeg takes literally: a name that starts with `-` is no option, one like
/// `http:…` or `concat:…` is no protocol.
#[must_use]
pub fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

/// A running ffmpeg or ffprobe. Dropping it kills and reaps the child.
pub(crate) struct Process {
    child: Child,
    messages: Option<JoinHandle<VecDeque<String>>>,
}

/// How a child ended.
pub(crate) struct Ending {
    pub(crate) status: ExitStatus,
    /// The last messages, most telling first, without ffmpeg's prefixes; empty when it was silent.
    pub(crate) last_words: String,
}

impl Process {
    /// Starts `program` for the video at `path`; standard error is collected.
    pub(crate) fn start(
        program: &'static str,
        arguments: impl IntoIterator<Item = OsString>,
        stdin: Stdio,
        path: &Path,
    ) -> Result<Self, FfmpegError> {
        Self::start_at(OsStr::new(program), program, arguments, stdin, path)
    }

    /// The same with an executable of another name than the program's.
    pub(crate) fn start_at(
        executable: &OsStr,
        program: &'static str,
        arguments: impl IntoIterator<Item = OsString>,
        stdin: Stdio,
        path: &Path,
    ) -> Result<Self, FfmpegError> {
        Self::spawn(executable, program, arguments, stdin, path, |line| Some(line.to_owned()))
    }

    /// Starts `ffmpeg` for the video at `path`, without input. `hear` takes each line of standard error, and
    /// gives back what is to be kept of it.
    pub(crate) fn start_heard(
        arguments: impl IntoIterator<Item = OsString>,
        path: &Path,
        hear: impl FnMut(&str) -> Option<String> + Send + 'static,
    ) -> Result<Self, FfmpegError> {
        Self::spawn(OsStr::new("ffmpeg"), "ffmpeg", arguments, Stdio::null(), path, hear)
    }

    fn spawn(
        executable: &OsStr,
        program: &'static str,
        arguments: impl IntoIterator<Item = OsString>,
        stdin: Stdio,
        path: &Path,
        hear: impl FnMut(&str) -> Option<String> + Send + 'static,
    ) -> Result<Self, FfmpegError> {
        let mut command = Command::new(executable);
        command.args(arguments).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        // What it says is read, not shown.
        command.env_remove("AV_LOG_FORCE_COLOR").env("AV_LOG_FORCE_NOCOLOR", "1");
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|source| match source.kind() {
            ErrorKind::NotFound => {
                FfmpegError::Missing { path: path.to_owned(), program, remedy: install_hint() }
            }
            _ => FfmpegError::Start { path: path.to_owned(), program, source },
        })?;
        let messages = child.stderr.take().map(|stderr| std::thread::spawn(|| listen(stderr, hear)));
        Ok(Self { child, messages })
    }

    /// Lets whoever captures and tracks have the processor first.
    pub(crate) fn yield_to_others(&self) {
        #[cfg(target_os = "linux")]
        {
            // A courtesy: without it the video is recorded all the same.
            let _ =
                rustix::process::setpriority_process(Some(rustix::process::Pid::from_child(&self.child)), 5);
        }
    }

    /// Lets the child have so many bytes of data; beyond that the system refuses it memory.
    pub(crate) fn limit_memory(&self, bytes: u64) {
        #[cfg(target_os = "linux")]
        {
            use rustix::process::{Pid, Resource, Rlimit, prlimit};
            let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
            // One that has ended already needs no limit.
            let _gone = prlimit(Some(Pid::from_child(&self.child)), Resource::Data, limit);
        }
    }

    /// The child's process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child's standard output, once.
    pub(crate) fn take_stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("standard output is a pipe and is taken once")
    }

    /// The child's standard input, once.
    pub(crate) fn take_stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("standard input is a pipe and is taken once")
    }

    /// Waits for the child, whose pipes must be at their end (or closed).
    pub(crate) fn wait(&mut self, path: &Path) -> std::io::Result<Ending> {
        let status = self.child.wait()?;
        Ok(Ending { status, last_words: self.last_words(path) })
    }

    /// Gives the child this long to end by itself; then it is killed. Reaps it either way.
    pub(crate) fn end_within(&mut self, patience: Duration) {
        if self.wait_within(patience).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// How the child ended, if it did in this time.
    pub(crate) fn wait_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn last_words(&mut self, path: &Path) -> String {
        let lines = self.messages.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let own_name = format!("{}: ", file_url(path).to_string_lossy());
        let mut words: Vec<&str> = Vec::new();
        for line in &lines {
            let line = strip_context(line.trim());
            let line = line.strip_prefix(own_name.as_str()).unwrap_or(line);
            if !line.is_empty() && !line.starts_with("Last message repeated") && !words.contains(&line) {
                words.push(line);
            }
        }
        words.join("; ")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Killing a child that has ended does nothing; waiting again returns its status.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(messages) = self.messages.take() {
            let _ = messages.join();
        }
    }
}

/// `[h264 @ 0x55d5c8] error` → `error`.
fn strip_context(line: &str) -> &str {
    match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((context, message)) if context.contains(" @ 0x") => strip_context(message),
        _ => line,
    }
}

/// Reads messages to their end, so that the child never waits for us, and keeps the last ones.
fn listen(stderr: ChildStderr, mut hear: impl FnMut(&str) -> Option<String>) -> VecDeque<String> {
    let mut reader = BufReader::new(stderr);
    let mut lines = VecDeque::with_capacity(LAST_LINES);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return lines,
            Ok(_) => {
                let Some(kept) = hear(&String::from_utf8_lossy(&line)) else { continue };
                if lines.len() == LAST_LINES {
                    lines.pop_front();
                }
                lines.push_back(kept.chars().take(KEPT_CHARACTERS).collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_goes_words_stay() {
        assert_eq!(strip_context("[mov,mp4 @ 0x5581] moov atom not found"), "moov atom not found");
        assert_eq!(strip_context("[a @ 0x1] [b @ 0x2] twice"), "twice");
        assert_eq!(strip_context("[not a context] stays"), "[not a context] stays");
    }
}
