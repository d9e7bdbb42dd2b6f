//! Checks that end: side by side, within a limit, and whatever becomes of them.

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::{Check, Probe, State, Subject};

/// How long a check may take. Trying all encoders takes longest: up to 42 s if each of them hangs.
pub(super) const LIMIT: Duration = Duration::from_secs(45);
/// Pause between two looks at a program.
const LOOK: Duration = Duration::from_millis(10);

/// Everything that came of these probes, in their order.
pub(super) fn all(probes: &[Probe], subject: &Subject) -> Vec<Check> {
    all_within(LIMIT, probes, subject)
}

fn all_within(limit: Duration, probes: &[Probe], subject: &Subject) -> Vec<Check> {
    let running = probes.iter().map(|probe| {
        let (sender, receiver) = channel();
        let (name, look, apart, subject) = (probe.name, probe.look, probe.apart, subject.clone());
        let work = move || {
            let checks = if apart { in_own_process(name, limit) } else { look(&subject) };
            // Nobody waits any more when it was too late.
            let _late = sender.send(checks);
        };
        // A check that hangs keeps its thread; whoever asked goes on without it.
        let started = std::thread::Builder::new().name(format!("check {name}")).spawn(work);
        (name, started.map(|_thread| receiver))
    });
    let running: Vec<_> = running.collect();
    // A process of its own is given its own limit first.
    let deadline = Instant::now() + limit + Duration::from_secs(1);
    let gathered = running.into_iter().flat_map(|(name, started)| {
        let failed = |what: String| vec![Check::new(name, State::Failed, what, "")];
        let receiver = match started {
            Ok(receiver) => receiver,
            Err(error) => return failed(format!("could not be looked at: {error}")),
        };
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(checks) => checks,
            Err(RecvTimeoutError::Timeout) => failed(hangs(limit)),
            Err(RecvTimeoutError::Disconnected) => {
                failed("the check itself failed; that is Mien's fault".into())
            }
        }
    });
    gathered.collect()
}

fn hangs(limit: Duration) -> String {
    format!("gave no answer within {} s", limit.as_secs())
}

/// One probe in this program, started anew for it.
fn in_own_process(name: &str, limit: Duration) -> Vec<Check> {
    let failed = |what: String| vec![Check::new(name, State::Failed, what, "")];
    let mut program = match std::env::current_exe() {
        Ok(path) => Command::new(path),
        Err(error) => return failed(format!("could not be looked at: {error}")),
    };
    program.args(["doctor", "--probe", name]);
    match output(&mut program, limit) {
        Ok((status, text)) if status.success() => serde_json::from_str(&text)
            .unwrap_or_else(|error| failed(format!("gave no sound answer: {error}"))),
        Ok((status, _)) => failed(format!("the check crashed ({status}): is what it looks at damaged?")),
        Err(trouble) => failed(trouble.in_words(limit)),
    }
}

/// Why a program gave no output.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is not there, or may not be run.
    NotStarted(std::io::Error),
    /// It took too long and was ended.
    TooSlow,
}

impl Trouble {
    /// For a person.
    pub(super) fn in_words(&self, limit: Duration) -> String {
        match self {
            Self::NotStarted(error) => format!("cannot be started: {error}"),
            Self::TooSlow => hangs(limit),
        }
    }
}

/// Runs a program to its end, or to the limit: how it ended, and what it wrote to standard output.
pub(super) fn output(program: &mut Command, limit: Duration) -> Result<(ExitStatus, String), Trouble> {
    let program = program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = program.spawn().map_err(Trouble::NotStarted)?;
    let (sender, receiver) = channel();
    let mut pipe = child.stdout.take().expect("standard output is a pipe");
    // Ends with the pipe. A grandchild may hold it open for longer than anybody waits.
    let reader = std::thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let _broken = pipe.by_ref().take(1 << 20).read_to_end(&mut bytes);
        let _late = sender.send(bytes);
    });
    let deadline = Instant::now() + limit;
    let mut status = child.try_wait().map_err(Trouble::NotStarted)?;
    while status.is_none() && Instant::now() < deadline && reader.is_ok() {
        std::thread::sleep(LOOK);
        status = child.try_wait().map_err(Trouble::NotStarted)?;
    }
    let Some(status) = status else {
        let _gone = child.kill();
        let _reaped = child.wait();
        return Err(Trouble::TooSlow);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    let bytes = receiver.recv_timeout(left).map_err(|_| Trouble::TooSlow)?;
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}

/// Whether a program of this name would be found.
pub(super) fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::super::here;
    use super::*;

    const BRIEF: Duration = Duration::from_millis(300);

    #[test]
    fn a_check_that_hangs_or_crashes_costs_its_own_line() {
        let hanging = |_: &Subject| -> Vec<Check> {
            loop {
                std::thread::park();
            }
        };
        let probes = [
            here("a", hanging),
            here("b", |_| panic!("a test of what follows a panic")),
            here("c", |_| vec![Check::ok("C", "here"), Check::ok("D", "too")]),
        ];
        let checks = all_within(BRIEF, &probes, &Subject::of_file(None));
        let states: Vec<_> = checks.iter().map(|check| (check.name.as_str(), check.state)).collect();
        let expected = [("a", State::Failed), ("b", State::Failed), ("C", State::Ok), ("D", State::Ok)];
        assert_eq!(states, expected);
        assert!(checks[0].found.contains("no answer"), "{}", checks[0].found);
    }

    #[test]
    fn programs_are_read_and_ended() {
        let (status, text) = output(Command::new("echo").arg("hello"), LIMIT).unwrap();
        assert_eq!((status.success(), text.as_str()), (true, "hello\n"));
        let started = Instant::now();
        assert!(matches!(output(Command::new("sleep").arg("1000"), BRIEF), Err(Trouble::TooSlow)));
        assert!(started.elapsed() < Duration::from_secs(500));
        assert!(matches!(output(&mut Command::new("/nowhere/at-all"), BRIEF), Err(Trouble::NotStarted(_))));
        // A grandchild that keeps the pipe open.
        let mut shell = Command::new("sh");
        assert!(matches!(output(shell.args(["-c", "sleep 3 &"]), BRIEF), Err(Trouble::TooSlow)));
    }

    #[test]
    fn what_is_on_the_path_is_found_by_name() {
        assert!(is_on_path("sh") && !is_on_path("no-such-program-anywhere"));
    }
}
