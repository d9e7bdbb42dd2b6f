//! From the first command to the last.

use std::io::{BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use mien_control::{CameraState, Command, FatalCause, Line, Report, read_line};
use mien_ring::RingError;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::report::Reporter;
use crate::session::{Parts, Session, remove};
use crate::track::TrackerError;

/// How long the end may take, from the moment at which it is known: longer than a supervising process waits.
const END_LIMIT: Duration = Duration::from_secs(6);
/// How often the worker looks at what does not announce itself.
const LOOK: Duration = Duration::from_millis(100);

/// Why a worker ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The rings cannot be made.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// A thread cannot go on.
    #[error("{reason}")]
    Broken {
        /// Which kind of fault it is.
        cause: FatalCause,
        /// What happened.
        reason: String,
    },
}

impl WorkerError {
    /// What the supervising process goes by.
    fn cause(&self) -> FatalCause {
        match self {
            Self::Ring(RingError::NoRoom { .. }) => FatalCause::SharedMemory,
            Self::Ring(_) => FatalCause::Other,
            Self::Broken { cause, .. } => *cause,
        }
    }
}

/// Makes the system send SIGTERM to this process when its parent dies. To be called at the very start.
///
/// The system watches the *thread* that started this process, and then every thread of the parent that it passes the
/// process on to: the signal may come several times, so only the first may mean anything. The parent may have died before the call:
/// `parent` is who it should be (nothing: whoever it is), and `false` says that it is gone.
///
/// # Errors
/// When the system cannot do it.
pub fn die_with_parent(parent: Option<u32>) -> std::io::Result<bool> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let now = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    Ok(parent.is_none() || parent == now)
}

/// The whole worker: does what `input` says and tells `output` about it, until it is told to quit, the
/// input ends, or `stop_requested` (a signal) says so.
///
/// # Errors
/// When the process cannot go on; the supervising process was told.
pub fn run(
    parts: &Parts,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    stop_requested: impl Fn() -> bool,
) -> Result<(), WorkerError> {
    let reporter = Arc::new(Reporter::new(Box::new(output)));
    let commands = listen(input);
    let mut session: Option<Session> = None;
    let result = serve(parts, &reporter, &commands, &mut session, stop_requested);
    // First, since from now on there is no sign of life, and to stop may take a while.
    if let Err(error) = &result {
        reporter.send(&Report::Fatal { cause: error.cause(), reason: error.to_string() });
    }
    // Without a video there is nothing to lose, and a network that is being loaded keeps nobody waiting.
    let is_told = matches!(result, Ok(End::Told));
    let holds_video = session.as_ref().is_some_and(|session| session.video().is_open());
    if is_told && !holds_video {
        reporter.send(&Report::Ended);
    }
    if let Some(session) = session {
        end_in_time(session.rings().to_vec());
        session.stop();
    }
    if is_told && holds_video {
        reporter.send(&Report::Ended);
    }
    result.map(|_end| ())
}

/// Why a worker is to end.
enum End {
    /// The supervising process has said so, and goes on.
    Told,
    /// The supervising process is gone, or a signal came.
    Alone,
}

/// Ends this process when its orderly end takes too long: whoever would end it may be gone.
fn end_in_time(rings: Vec<PathBuf>) {
    let end = move || {
        std::thread::sleep(END_LIMIT);
        remove(&rings);
        std::process::exit(1);
    };
    // Without a thread for it, it is left to the supervising process.
    let _refused = std::thread::Builder::new().name("end".into()).spawn(end);
}

fn serve(
    parts: &Parts,
    reporter: &Arc<Reporter>,
    commands: &Receiver<Command>,
    session: &mut Option<Session>,
    stop_requested: impl Fn() -> bool,
) -> Result<End, WorkerError> {
    loop {
        match commands.recv_timeout(LOOK) {
            Ok(Command::Start { settings }) => {
                if let Some(old) = session.take() {
                    old.stop();
                }
                *session = Some(Session::start(*settings, parts, reporter)?);
            }
            Ok(Command::Stop) => {
                if let Some(old) = session.take() {
                    old.stop();
                }
                reporter.state(CameraState::Stopped, "stopped on request");
            }
            Ok(Command::Settings { detection, smoothing }) => {
                if let Some(session) = session {
                    session.change(detection, smoothing);
                }
            }
            Ok(Command::RecordStart { plan }) => {
                if let Some(session) = session {
                    session.video().start(*plan);
                }
            }
            Ok(Command::RecordStop) => {
                if let Some(session) = session {
                    session.video().stop();
                }
            }
            Ok(Command::Quit) => return Ok(End::Told),
            Err(RecvTimeoutError::Disconnected) => return Ok(End::Alone),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(status) = session.as_ref().and_then(|session| session.video().news()) {
            reporter.send(&Report::Video { status });
        }
        if stop_requested() || reporter.is_gone() {
            return Ok(End::Alone);
        }
        if let Some(TrackerError { cause, reason }) = session.as_mut().and_then(Session::broken) {
            return Err(WorkerError::Broken { cause: cause.unwrap_or(FatalCause::Other), reason });
        }
    }
}

/// Reads commands on a thread of its own; the channel closes when the input does.
fn listen(input: impl Read + Send + 'static) -> Receiver<Command> {
    let (sender, receiver): (Sender<Command>, _) = bounded(16);
    let read = move || {
        let mut input = BufReader::new(input);
        while let Ok(Some(line)) = read_line(&mut input) {
            match line {
                Line::Message(command) => {
                    if sender.send(command).is_err() {
                        return;
                    }
                }
                // It may hold the password of a camera: only its size is told.
                Line::Other(text) => tracing::warn!("{} bytes on standard input are no command", text.len()),
            }
        }
    };
    std::thread::Builder::new().name("commands".into()).spawn(read).expect("the system starts threads");
    receiver
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use mien_control::write_line;

    use super::*;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What a worker tells that gets these commands, after which its input ends.
    fn told(commands: &[Command]) -> String {
        let mut input = Vec::new();
        commands.iter().for_each(|command| write_line(&mut input, command).unwrap());
        let parts =
            Parts::new(|_| unreachable!("nothing is opened"), |_, _, _| unreachable!("nothing is made"));
        let output = Kept::default();
        run(&parts, std::io::Cursor::new(input), output.clone(), || false).unwrap();
        String::from_utf8(output.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn who_is_told_to_quit_says_when_there_is_nothing_left_to_do() {
        assert!(told(&[Command::Quit]).contains("{\"report\":\"ended\"}"));
        assert!(!told(&[]).contains("ended"), "nobody listens");
    }
}
