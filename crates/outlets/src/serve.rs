//! The child: does what its standard input says.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use mien_control::write_line;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Signal, getppid, set_parent_process_death_signal, setpriority_process};

use crate::outlets::{Outlets, search};
use crate::report::{Counts, Report};
use crate::wire::{Order, Record, read_record};

/// The child's nice value.
const PRIORITY: i32 = 10;
/// How often the child says that it lives. At the same time it asks who listens.
const REPORT: Duration = Duration::from_millis(500);
/// Records that may wait inside the child; more wait in the pipe.
const QUEUED_RECORDS: usize = 64;
/// How long the outlets may take to close.
const CLOSE_PATIENCE: Duration = Duration::from_millis(800);

/// The whole child: limits itself, opens the outlets that the first record orders and pushes what follows, or
/// searches; until the input ends. `parent` is the process that must have started it.
///
/// # Errors
/// When `parent` is gone, or the input makes no sense.
pub fn serve(
    parent: Option<u32>,
    input: impl Read + Send + 'static,
    mut output: impl Write,
) -> std::io::Result<()> {
    // Nothing here has to be finished.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let now = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if parent.is_some() && parent != now {
        return Err(std::io::Error::other("the supervising process is gone already"));
    }
    // Recording and tracking come first. Every thread of liblsl inherits it.
    let _refused = setpriority_process(None, PRIORITY);
    // Whoever reads the log may be slow, and a stranger may make it long: what does not fit is dropped.
    let _blocks = fcntl_setfl(std::io::stderr(), OFlags::NONBLOCK);
    let records = listen(input)?;
    let Ok(Record::Order(order)) = records.recv() else { return Ok(()) };
    match *order {
        Order::Open { limits, reach, buffered, cameras, markers } => {
            limits.apply();
            match Outlets::open(&markers, &cameras, buffered, reach) {
                Ok(outlets) => publish(outlets, &records, output),
                Err(reason) => write_line(&mut output, &Report::Refused { reason }),
            }
        }
        Order::Search { limits, wanted, patience_ms } => {
            limits.apply();
            let report = match search(wanted, Duration::from_millis(patience_ms)) {
                Ok(streams) => Report::Found { streams },
                Err(reason) => Report::Refused { reason },
            };
            write_line(&mut output, &report)
        }
    }
}

/// Pushes what comes until nothing does any more. Signs of life come from this thread alone, so that one that hangs
/// in liblsl is noticed.
fn publish(mut outlets: Outlets, records: &Receiver<Record>, mut output: impl Write) -> std::io::Result<()> {
    write_line(&mut output, &Report::Open)?;
    let mut next_report = Instant::now();
    loop {
        match records.recv_deadline(next_report) {
            Ok(Record::Rows { camera, timestamp, rows }) => outlets.push(camera, timestamp, &rows),
            Ok(Record::Marker { timestamp, text }) => outlets.mark(timestamp, text),
            Ok(Record::Order(_)) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if Instant::now() >= next_report {
            next_report = Instant::now() + REPORT;
            let (samples, failed) = (outlets.pushed, outlets.failed);
            write_line(
                &mut output,
                &Report::Alive(Counts { samples, failed, listened: outlets.listened() }),
            )?;
        }
    }
    // liblsl gives each outlet some time to close, one after the other.
    std::thread::Builder::new().spawn(|| {
        std::thread::sleep(CLOSE_PATIENCE);
        std::process::exit(0)
    })?;
    drop(outlets);
    Ok(())
}

/// Reads records on a thread of its own; the channel closes when the input does.
fn listen(mut input: impl Read + Send + 'static) -> std::io::Result<Receiver<Record>> {
    let (sender, receiver) = bounded(QUEUED_RECORDS);
    let read = move || loop {
        match read_record(&mut input) {
            Ok(Some(record)) => {
                if sender.send(record).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => return tracing::error!("the orders end: {error}"),
        }
    };
    std::thread::Builder::new().name("records".into()).spawn(read)?;
    Ok(receiver)
}
