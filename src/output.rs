//! Standard output and standard error. Their readers may go away (`mien cameras | head`, a terminal that is closed) or
//! hang (Ctrl-S, a pipe that nobody reads): that ends no recording and holds none.
//!
//! Each is written by a thread of its own. What waits for it is bounded. Where [`Waiting::Never`] holds, as in
//! everything live, what finds no room is left out and counted; elsewhere the output is what the user asked for, and
//! whoever writes waits for room until somebody ends the program.

use std::collections::VecDeque;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A line on standard output; nothing where nobody reads it any more.
macro_rules! say {
    ($($text:tt)*) => {{
        crate::output::OUTPUT.put(crate::visible::line(&format!($($text)*)));
    }};
}

/// Likewise, without the line's end.
macro_rules! say_part {
    ($($text:tt)*) => {{
        crate::output::OUTPUT.put(crate::visible::visible(&format!($($text)*)).into_owned().into_bytes());
    }};
}

/// A line on standard error; nothing where nobody reads it any more.
macro_rules! say_error {
    ($($text:tt)*) => {{
        crate::output::ERRORS.put(crate::visible::line(&format!($($text)*)));
    }};
}

/// Standard output.
pub(crate) static OUTPUT: Sink = Sink::new(|| std::io::stdout().as_fd().try_clone_to_owned());
/// Standard error. Never waited for.
pub(crate) static ERRORS: Sink = Sink::new(|| std::io::stderr().as_fd().try_clone_to_owned());

/// What may wait to be written, in bytes.
const ROOM_BYTES: usize = 256 * 1024;
/// At the end, a reader that has taken nothing for this long is waited for no longer.
const END_PATIENCE: Duration = Duration::from_secs(1);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Whether whoever writes waits for a slow reader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// What finds no room is left out and counted.
    Never,
    /// Until there is room, or somebody ends the program.
    ForRoom,
}

/// Decides whether standard output is waited for.
pub(crate) fn start(output: Waiting) {
    OUTPUT.waits.store(output == Waiting::ForRoom, Ordering::Relaxed);
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = std::backtrace::Backtrace::capture();
        let backtrace = match backtrace.status() {
            std::backtrace::BacktraceStatus::Captured => format!("\n{backtrace}"),
            _ => String::new(),
        };
        say_error!("{panic}{backtrace}");
        // The program may end with it.
        ERRORS.finish();
    }));
}

/// Waits until all is written, as far as it is read.
pub(crate) fn finish() {
    OUTPUT.finish();
    ERRORS.finish();
}

/// Bytes on their way to a descriptor.
pub(crate) struct Sink {
    queue: Mutex<Queue>,
    changed: Condvar,
    waits: AtomicBool,
    open: fn() -> std::io::Result<std::os::fd::OwnedFd>,
}

struct Queue {
    chunks: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Chunks that found no room since the last one that did.
    left_out: u64,
    /// Chunks and parts of them that were written: it grows while somebody reads.
    progress: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was ever written.
    Unused,
    /// The thread waits for chunks.
    Idle,
    /// The thread writes.
    Writing,
    /// Nobody reads any more.
    Broken,
}

impl Sink {
    const fn new(open: fn() -> std::io::Result<std::os::fd::OwnedFd>) -> Self {
        let queue =
            Queue { chunks: VecDeque::new(), bytes: 0, left_out: 0, progress: 0, state: State::Unused };
        Self { queue: Mutex::new(queue), changed: Condvar::new(), waits: AtomicBool::new(false), open }
    }

    /// Writes these bytes later.
    pub(crate) fn put(&'static self, chunk: Vec<u8>) {
        let mut queue = self.lock();
        if queue.state == State::Unused {
            queue.state = if self.begin() { State::Idle } else { State::Broken };
        }
        let is_full = |queue: &Queue| queue.bytes > ROOM_BYTES && queue.state != State::Broken;
        while is_full(&queue) && self.waits.load(Ordering::Relaxed) && !crate::interrupt::is_requested() {
            queue = self.wait(queue);
        }
        if queue.state == State::Broken {
            return;
        }
        if is_full(&queue) {
            queue.left_out += 1;
            return;
        }
        if queue.left_out > 0 {
            let note = format!("({} lines were left out: nobody read them)\n", queue.left_out);
            queue.left_out = 0;
            queue.push(note.into_bytes());
        }
        queue.push(chunk);
        self.changed.notify_all();
    }

    /// Waits until all is written, or whoever should read it has taken nothing for a second; where whoever writes
    /// waits, until somebody ends the program.
    fn finish(&'static self) {
        let mut queue = self.lock();
        let (mut progress, mut since) = (queue.progress, Instant::now());
        while matches!(queue.state, State::Writing)
            || (queue.state == State::Idle && !queue.chunks.is_empty())
        {
            queue = self.wait(queue);
            if queue.progress != progress {
                (progress, since) = (queue.progress, Instant::now());
            }
            let waits = self.waits.load(Ordering::Relaxed) && !crate::interrupt::is_requested();
            if !waits && since.elapsed() >= END_PATIENCE {
                return;
            }
        }
    }

    /// Starts the thread.
    fn begin(&'static self) -> bool {
        let Ok(descriptor) = (self.open)() else { return false };
        let write = move || self.write_all(descriptor.as_fd());
        std::thread::Builder::new().name("terminal".into()).spawn(write).is_ok()
    }

    fn write_all(&self, descriptor: BorrowedFd<'_>) {
        let mut queue = self.lock();
        loop {
            let Some(chunk) = queue.chunks.pop_front() else {
                queue.state = State::Idle;
                self.changed.notify_all();
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            queue.bytes -= chunk.len();
            queue.state = State::Writing;
            drop(queue);
            let written = self.write(descriptor, &chunk);
            queue = self.lock();
            if !written {
                queue.state = State::Broken;
                queue.chunks.clear();
                self.changed.notify_all();
                return;
            }
        }
    }

    /// Writes a chunk; `false` when nobody reads any more.
    fn write(&self, descriptor: BorrowedFd<'_>, chunk: &[u8]) -> bool {
        let mut rest = chunk;
        while !rest.is_empty() {
            match rustix::io::write(descriptor, rest) {
                Ok(count) => {
                    rest = &rest[count..];
                    self.lock().progress += 1;
                    self.changed.notify_all();
                }
                // Another program may have said that this terminal never blocks.
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => std::thread::sleep(LOOK),
                Err(_) => return false,
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed.wait_timeout(queue, LOOK).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Queue {
    fn push(&mut self, chunk: Vec<u8>) {
        self.bytes += chunk.len();
        self.chunks.push_back(chunk);
    }
}

/// Standard error for whoever wants a writer; each call of `write` is a chunk.
pub(crate) struct ErrorWriter;

impl Write for ErrorWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        ERRORS.put(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::sync::OnceLock;

    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_holds_nobody_and_what_is_left_out_is_counted() {
        static WRITER: OnceLock<OwnedFd> = OnceLock::new();
        static SINK: Sink = Sink::new(|| WRITER.get().expect("it is set").try_clone());
        let (mut reader, writer) = std::io::pipe().unwrap();
        WRITER.set(writer.into()).unwrap();
        let line = || format!("{}\n", "x".repeat(999)).into_bytes();
        // Far more than the pipe and the queue hold; the last of them would wait for ever otherwise.
        (0..2000).for_each(|_| SINK.put(line()));
        SINK.finish();
        let mut bytes = vec![0; 1000 * 1000];
        reader.read_exact(&mut bytes[..200_000]).unwrap();
        // Now somebody reads, so there is room again.
        let deadline = Instant::now() + Duration::from_secs(60);
        while SINK.lock().bytes > ROOM_BYTES / 2 {
            assert!(Instant::now() < deadline, "nothing is written");
            std::thread::sleep(LOOK);
        }
        SINK.put(b"the end\n".to_vec());
        let mut text = String::new();
        while !text.ends_with("the end\n") {
            let count = reader.read(&mut bytes).unwrap();
            text += std::str::from_utf8(&bytes[..count]).unwrap();
        }
        let lines = text.lines().filter(|line| line.starts_with('x')).count();
        // Each time there is room again, a note says how many lines were left out since the last one.
        let notes: Vec<&str> = text.lines().filter(|line| line.contains("left out")).collect();
        let count =
            |note: &&str| note.trim_start_matches('(').split(' ').next().unwrap().parse::<usize>().unwrap();
        assert!(!notes.is_empty());
        assert_eq!(lines + notes.iter().map(count).sum::<usize>() + 200, 2000, "{notes:?}");
    }

    #[test]
    fn a_reader_that_has_gone_is_forgotten() {
        static WRITER: OnceLock<OwnedFd> = OnceLock::new();
        static SINK: Sink = Sink::new(|| WRITER.get().expect("it is set").try_clone());
        let (reader, writer) = std::io::pipe().unwrap();
        WRITER.set(writer.into()).unwrap();
        drop(reader);
        SINK.waits.store(true, Ordering::Relaxed);
        (0..2000).for_each(|_| SINK.put(vec![b'x'; 1000]));
        SINK.finish();
    }
}
