//! What a child says, read with a deadline.

use std::io::{self, ErrorKind, Read};
use std::process::ChildStdout;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A child's standard output. Reading fails when nothing comes for too long: some files keep ffmpeg busy for ever.
pub(crate) struct Patient {
    stdout: ChildStdout,
    patience: Duration,
}

impl Patient {
    /// Waits at most this long for each piece.
    pub(crate) fn new(stdout: ChildStdout, patience: Duration) -> Self {
        Self { stdout, patience }
    }
}

impl Read for Patient {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let until = Instant::now() + self.patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            match poll(&mut [PollFd::new(&self.stdout, PollFlags::IN)], Some(&left)) {
                Ok(0) => {
                    let seconds = self.patience.as_secs_f64();
                    let words = format!("ffmpeg has said nothing about it for {seconds:.0} s");
                    return Err(io::Error::new(ErrorKind::TimedOut, words));
                }
                Ok(_) => return self.stdout.read(bytes),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_child_that_says_nothing_is_not_waited_for() {
        let mut child = Command::new("sh")
            .args(["-c", "echo words; exec sleep 600"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut answer = Patient::new(child.stdout.take().unwrap(), Duration::from_millis(300));
        let mut words = Vec::new();
        let error = answer.read_to_end(&mut words).unwrap_err();
        assert_eq!((error.kind(), words.as_slice()), (ErrorKind::TimedOut, &b"words\n"[..]));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
