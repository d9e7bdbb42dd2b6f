//! One child process, from its start to its end.

use std::io::{BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use mien_control::{Line, read_line};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::configuration::{Configuration, VARIABLE};
use crate::report::Report;
use crate::{Launch, StreamError, chatter};

/// Bytes that the pipe to a child holds, where the system allows it: some thirty frames of a camera.
const PIPE_BYTES: usize = 1 << 20;
/// Names the library, and no other.
const LIBRARY_VARIABLE: &str = "LSL_LIBRARY";

/// A child that was started. It is ended and reaped before this is gone.
pub(crate) struct LslChild {
    child: Child,
    input: Option<ChildStdin>,
    pub reports: Receiver<Report>,
}

impl LslChild {
    /// Starts a child; `log` gets the lines that it writes.
    pub fn start(launch: &Launch, log: fn(&str)) -> Result<Self, StreamError> {
        let configuration = Configuration::new(launch.reach)?;
        let failed =
            |error: std::io::Error| StreamError::Start(format!("{}: {error}", launch.program.display()));
        let library = std::env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty());
        let library = library.map(|path| std::path::absolute(&path).unwrap_or_else(|_| path.into()));
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Nothing is read from the current folder.
            .current_dir("/")
            .env(VARIABLE, configuration.path_in_child())
            .envs(library.map(|path| (LIBRARY_VARIABLE, path)))
            // Ctrl-C on the terminal is for the supervising process.
            .process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (sender, reports) = bounded(64);
        // From here on, dropping it ends the process.
        let started = Self { child, input, reports };
        if let Some(input) = &started.input {
            let _smaller = fcntl_setpipe_size(input, PIPE_BYTES);
            fcntl_setfl(input, OFlags::NONBLOCK).map_err(|error| failed(error.into()))?;
        }
        // Both threads end with the pipe that they read.
        let output = BufReader::new(output.expect("standard output is a pipe"));
        let listen = move || hear(output, |report| sender.send(report).is_ok(), log);
        std::thread::Builder::new().name("lsl-reports".into()).spawn(listen).map_err(failed)?;
        let errors = errors.expect("standard error is a pipe");
        let follow = move || chatter::follow(errors, log);
        std::thread::Builder::new().name("lsl-log".into()).spawn(follow).map_err(failed)?;
        Ok(started)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes what the pipe takes now, and says how much. Waits no longer than `patience` for room.
    pub fn write(&mut self, bytes: &[u8], patience: Duration) -> std::io::Result<usize> {
        let Some(input) = &mut self.input else { return Err(std::io::ErrorKind::BrokenPipe.into()) };
        match input.write(bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let patience = Timespec { tv_sec: 0, tv_nsec: patience.subsec_nanos().into() };
                let _late = poll(&mut [PollFd::new(input, PollFlags::OUT)], Some(&patience));
                Ok(0)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(0),
            written => written,
        }
    }

    /// How the process ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends the input, gives the process so long to end by itself, and then ends it.
    pub fn close(mut self, patience: Duration) {
        self.input = None;
        let deadline = Instant::now() + patience;
        while self.ended().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for LslChild {
    fn drop(&mut self) {
        if self.ended().is_none() {
            // It has not been reaped: its number and its group are still its own.
            let _gone = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _reaped = self.child.wait();
        }
    }
}

/// Passes reports on until the output ends or nobody wants them.
fn hear(mut output: BufReader<impl std::io::Read>, mut pass: impl FnMut(Report) -> bool, log: fn(&str)) {
    let mut strange = 0;
    while let Ok(Some(line)) = read_line(&mut output) {
        match line {
            Line::Message(report) => {
                if !pass(report) {
                    return;
                }
            }
            // A library that prints. The first lines will do.
            Line::Other(text) if strange < 5 && !text.is_empty() => {
                strange += 1;
                log(&crate::report::plain(&text));
            }
            Line::Other(_) => {}
        }
    }
}

/// How a process ended, in words.
pub(crate) fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("its process ended with exit code {code}"),
        (None, Some(signal)) => format!("its process was ended by signal {signal}"),
        (None, None) => "its process ended".to_owned(),
    }
}
