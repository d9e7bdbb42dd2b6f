//! One worker process.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use mien_control::{Command, Line, Report, read_line, write_line};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, kill_process_group, waitid, waitpid,
};

use crate::options::SupervisorOptions;

/// How long a worker may take to obey the word, and then SIGTERM.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a worker may take that has no file open.
const SHORT_PATIENCE: Duration = Duration::from_millis(500);
/// Pause between two looks at an ending worker.
const LOOK: Duration = Duration::from_millis(10);
/// How CUDA orders GPUs; its own default is by speed.
const CUDA_ORDER: &str = "CUDA_DEVICE_ORDER";
/// Longest line of a worker's log that is passed on whole.
const MAX_LOG_LINE_BYTES: u64 = 16 * 1024;

/// A worker that was started. It is ended, reaped, and its process group swept, before this is gone.
pub(crate) struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    /// It has said that all its files are closed.
    closed: Arc<AtomicBool>,
    /// It was killed, and somebody else reaps it.
    left: bool,
    pub reports: Receiver<Report>,
}

impl Worker {
    pub fn spawn(options: &SupervisorOptions, camera: &str) -> std::io::Result<Self> {
        let mut child = std::process::Command::new(&options.program)
            .args(&options.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // CUDA's numbers of the GPUs are then those of the NVIDIA driver.
            .envs(std::env::var_os(CUDA_ORDER).is_none().then_some((CUDA_ORDER, "PCI_BUS_ID")))
            // Ctrl-C on the terminal is for the supervising process, which then ends its workers in order.
            .process_group(0)
            .spawn()?;
        let input = child.stdin.take();
        let (sender, reports) = bounded(256);
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let closed = Arc::new(AtomicBool::new(false));
        let worker = Self { child, input, closed: Arc::clone(&closed), left: false, reports };
        let log = options.log.clone();
        let name = camera.to_owned();
        read_thread(move || {
            let mut output = BufReader::new(output.expect("standard output is a pipe"));
            while let Ok(Some(line)) = read_line(&mut output) {
                match line {
                    Line::Message(Report::Ended) => closed.store(true, Ordering::Release),
                    Line::Message(report) => {
                        if sender.send(report).is_err() {
                            return;
                        }
                    }
                    Line::Other(text) => log(&name, &text),
                }
            }
        })?;
        let (log, name) = (options.log.clone(), camera.to_owned());
        read_thread(move || {
            let mut errors = BufReader::new(errors.expect("standard error is a pipe"));
            let mut bytes = Vec::new();
            while matches!(
                errors.by_ref().take(MAX_LOG_LINE_BYTES).read_until(b'\n', &mut bytes),
                Ok(count) if count > 0
            ) {
                log(&name, String::from_utf8_lossy(&bytes).trim_end());
                bytes.clear();
            }
        })?;
        Ok(worker)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells the worker something. One that is gone hears nothing, and its end is noticed elsewhere.
    pub fn send(&mut self, command: &Command) {
        if let Some(input) = &mut self.input
            && write_line(input, command).is_err()
        {
            self.input = None;
        }
    }

    /// Whether the process has ended. It stays a zombie, so its number and its group stay its own.
    pub fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.raw_pid()), look), Ok(None))
    }

    /// Whether the worker has ended, or was told to and has nothing left to do.
    fn is_done(&self) -> bool {
        self.closed.load(Ordering::Acquire) || self.has_ended()
    }

    /// Stops the worker in steps: the word, SIGTERM, SIGKILL. A worker that has closed its files is killed at once.
    /// One that has no file open has nothing to lose, and is not waited for on a busy machine.
    pub fn stop(&mut self, has_open_files: bool) {
        self.send(&Command::Quit);
        self.input = None;
        if !has_open_files {
            self.ends_within(SHORT_PATIENCE);
        } else if !self.ends_within(PATIENCE) {
            self.signal(Signal::TERM);
            if !self.ends_within(PATIENCE) {
                tracing::warn!("worker {} obeys neither word nor SIGTERM: killed", self.pid());
            }
        }
    }

    /// Makes sure that nothing is left of the worker, and says how it ended.
    pub fn finish(mut self) -> Option<ExitStatus> {
        self.sweep()
    }

    /// The same for a worker that has no successor: one that was stopped in order and killed may take its time to
    /// give back a GPU's memory, which the system does on its own.
    pub fn finish_soon(mut self) {
        self.kill();
        let deadline = Instant::now() + SHORT_PATIENCE;
        while !self.has_ended() && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        if self.has_ended() {
            let _reaped = self.child.wait();
            return;
        }
        self.left = true;
        let pid = self.raw_pid();
        let reap = move || {
            let _reaped = waitpid(Some(pid), WaitOptions::empty());
        };
        // Without a thread it is reaped when this program ends.
        let _refused = std::thread::Builder::new().name("reaper".into()).spawn(reap);
    }

    fn kill(&self) {
        // Before reaping: while the leader is at least a zombie, nobody else can have its group.
        let _gone = kill_process_group(self.raw_pid(), Signal::KILL);
    }

    fn sweep(&mut self) -> Option<ExitStatus> {
        self.kill();
        self.child.wait().ok()
    }

    fn signal(&self, signal: Signal) {
        let _gone = kill_process(self.raw_pid(), signal);
    }

    fn ends_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !self.is_done() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }

    fn raw_pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

/// Ends with the pipe that it reads.
fn read_thread(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name("worker-output".into()).spawn(work).map(drop)
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Reaped already: `wait` has kept the status, and there is nothing to sweep.
        if !self.left && !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.sweep();
        }
    }
}

/// How a process ended, in words.
pub(crate) fn in_words(status: Option<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status {
        None => "the worker ended".into(),
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("the worker ended with exit code {code}"),
            (None, Some(signal)) => format!("the worker was killed by signal {signal}"),
            (None, None) => "the worker ended".into(),
        },
    }
}
