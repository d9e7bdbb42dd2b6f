//! The camera: answers what the driver asks, and sends pictures at their rate.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::descriptors::{self, Agreement, CAMERA_TERMINAL, PAYLOAD_BYTES, PROCESSING_UNIT, VIDEO_ENDPOINT};
use crate::pictures::Pictures;
use crate::usbip::{self, Request, STALL};

/// What a test does to the camera while it runs.
#[derive(Debug, Default)]
pub struct Faults {
    /// Sends nothing, as a camera whose firmware hangs.
    pub frozen: AtomicBool,
    /// Spoils every so many-th picture; 0 for none.
    pub damage_every: AtomicU32,
}

/// A transfer of the driver that waits for a picture's bytes: its number, and how much it takes.
type Waiting = (u32, usize);

#[derive(Default)]
struct State {
    agreement: Agreement,
    probe: Agreement,
    /// Counts commits: a picture that was begun before the last one is given up.
    generation: u32,
    waiting: VecDeque<Waiting>,
    exposure_mode: u8,
    exposure: u32,
    brightness: i16,
    gone: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Messages go out whole.
    out: Mutex<UnixStream>,
    faults: Arc<Faults>,
    serial: String,
}

/// A camera that is plugged in; dropping it pulls it out.
pub struct Plugged {
    port: u32,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Plugged {
    /// Plugs a camera into a port of the virtual controller.
    pub fn new(port: u32, serial: &str, pictures: Arc<Pictures>, faults: Arc<Faults>) -> io::Result<Self> {
        let stream = usbip::attach(port)?;
        let state = State { exposure_mode: 8, exposure: 157, brightness: 10, ..State::default() };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            out: Mutex::new(stream.try_clone()?),
            faults,
            serial: serial.to_owned(),
        });
        let (answering, sending) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![
            std::thread::spawn(move || answering.answer(stream)),
            std::thread::spawn(move || sending.send(&pictures)),
        ];
        Ok(Self { port, shared, threads })
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        // The kernel may have let go of it already.
        let _ = usbip::detach(self.port);
        self.shared.leave();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn out(&self) -> MutexGuard<'_, UnixStream> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self) {
        self.state().gone = true;
        self.changed.notify_all();
        let _ = self.out().shutdown(Shutdown::Both);
    }

    /// Answers requests until the camera is pulled out.
    fn answer(&self, mut stream: UnixStream) {
        while let Ok(request) = usbip::read(&mut stream) {
            if self.one(request).is_err() {
                break;
            }
        }
        self.leave();
    }

    fn one(&self, request: Request) -> io::Result<()> {
        match request {
            Request::Unlink { seqnum, unwanted } => {
                let mut state = self.state();
                let before = state.waiting.len();
                state.waiting.retain(|(waiting, _)| *waiting != unwanted);
                let pending = state.waiting.len() < before;
                // Beside the lock, so that no picture goes out under a number that was just unlinked.
                usbip::unlinked(&mut *self.out(), seqnum, pending)
            }
            Request::Submit { seqnum, endpoint, length, .. } if endpoint == VIDEO_ENDPOINT & 0x7F => {
                self.state().waiting.push_back((seqnum, length));
                self.changed.notify_all();
                Ok(())
            }
            Request::Submit { seqnum, into_host, length, setup, data, .. } => {
                let answer = self.control(setup, &data);
                match answer {
                    Some(mut bytes) if into_host => {
                        bytes.truncate(length);
                        usbip::complete(&mut *self.out(), seqnum, 0, bytes.len(), &bytes)
                    }
                    Some(_) => usbip::complete(&mut *self.out(), seqnum, 0, data.len(), &[]),
                    None => usbip::complete(&mut *self.out(), seqnum, STALL, 0, &[]),
                }
            }
        }
    }

    /// Answers a control transfer; `None` refuses it.
    fn control(&self, [kind, request, v0, v1, i0, i1, ..]: [u8; 8], data: &[u8]) -> Option<Vec<u8>> {
        let (selector, interface, unit) = (v1, i0, i1);
        match (kind, request) {
            // GET_DESCRIPTOR.
            (0x80, 6) => match v1 {
                1 => Some(descriptors::device()),
                2 => Some(descriptors::configuration()),
                3 => descriptors::string(v0, &self.serial),
                _ => None,
            },
            // GET_STATUS, of whatever.
            (0x80..=0x82, 0) => Some(vec![0, 0]),
            // SET_CONFIGURATION, SET_INTERFACE, features: nothing to be done.
            (0x00..=0x02, 1 | 3 | 9 | 11) => Some(Vec::new()),
            (0x21 | 0xA1, _) if interface == 1 => self.streaming(request, selector, data),
            (0x21 | 0xA1, _) => self.unit(unit, selector, request, data),
            _ => None,
        }
    }

    /// The class's probe (1) and commit (2).
    fn streaming(&self, request: u8, selector: u8, data: &[u8]) -> Option<Vec<u8>> {
        let mut state = self.state();
        match request {
            0x01 => {
                state.probe = Agreement::from_bytes(data);
                if selector == 2 {
                    state.agreement = state.probe;
                    state.generation += 1;
                    self.changed.notify_all();
                }
                Some(Vec::new())
            }
            0x85 => Some(vec![26, 0]),
            0x86 => Some(vec![3]),
            0x81..=0x84 | 0x87 => Some(state.probe.to_bytes()),
            _ => None,
        }
    }

    /// Exposure mode, exposure time, brightness: current value, least, most, step, default.
    fn unit(&self, unit: u8, selector: u8, request: u8, data: &[u8]) -> Option<Vec<u8>> {
        let mut state = self.state();
        if request == 0x86 {
            return Some(vec![3]);
        }
        match (unit, selector, request) {
            (CAMERA_TERMINAL, 2, 0x01) => state.exposure_mode = *data.first()?,
            (CAMERA_TERMINAL, 2, 0x81) => return Some(vec![state.exposure_mode]),
            // The modes that there are: manual, and by aperture.
            (CAMERA_TERMINAL, 2, 0x84) => return Some(vec![1 | 8]),
            (CAMERA_TERMINAL, 2, _) => return Some(vec![8]),
            (CAMERA_TERMINAL, 4, 0x01) => state.exposure = u32::from_le_bytes(data.try_into().ok()?),
            (CAMERA_TERMINAL, 4, _) => {
                let value = [state.exposure, 3, 2047, 1, 0, 0, 157];
                return Some(value[usize::from(request - 0x81)].to_le_bytes().to_vec());
            }
            (PROCESSING_UNIT, 2, 0x01) => state.brightness = i16::from_le_bytes(data.try_into().ok()?),
            (PROCESSING_UNIT, 2, _) => {
                let value = [state.brightness, -64, 64, 1, 0, 0, 10];
                return Some(value[usize::from(request - 0x81)].to_le_bytes().to_vec());
            }
            _ => return None,
        }
        Some(Vec::new())
    }

    /// Sends pictures at their rate for as long as the driver takes them.
    fn send(&self, pictures: &Pictures) {
        let (mut due, mut count) = (Instant::now(), 0_u32);
        loop {
            let (agreement, generation) = {
                let mut state = self.state();
                while state.waiting.is_empty() && !state.gone {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                if state.gone {
                    return;
                }
                (state.agreement, state.generation)
            };
            let interval = Duration::from_nanos(u64::from(agreement.interval) * 100);
            due = (due + interval).max(Instant::now());
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if self.faults.frozen.load(Ordering::Relaxed) {
                continue;
            }
            let mut picture = pictures.get(&agreement, count).to_vec();
            let every = self.faults.damage_every.load(Ordering::Relaxed);
            if every > 0 && count.is_multiple_of(every) {
                picture.truncate(picture.len() / 2);
            }
            if self.picture(&picture, (count & 1) as u8, generation).is_err() {
                return;
            }
            count = count.wrapping_add(1);
        }
    }

    /// Sends one picture in payloads, each with the class's header of two bytes: the bit that tells one
    /// picture from the next, and in the last payload the one that ends it.
    fn picture(&self, bytes: &[u8], toggle: u8, generation: u32) -> io::Result<()> {
        let mut left = bytes;
        while !left.is_empty() {
            let mut state = self.state();
            while state.waiting.is_empty() && !state.gone && state.generation == generation {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.gone {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if state.generation != generation {
                return Ok(());
            }
            let Some((seqnum, length)) = state.waiting.pop_front() else { continue };
            let room = length.min(PAYLOAD_BYTES as usize) - 2;
            let (now, rest) = left.split_at(room.min(left.len()));
            let last = if rest.is_empty() { 2 } else { 0 };
            let payload = [&[2, 0x80 | last | toggle], now].concat();
            usbip::complete(&mut *self.out(), seqnum, 0, payload.len(), &payload)?;
            left = rest;
        }
        Ok(())
    }
}
