//! Whatever becomes of the process that has the outlets, whoever publishes is not held, and it comes back.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mien_clock::monotonic_nanos;
use mien_face::FrameFaces;
use mien_outlets::{Limits, LslNotice, Publisher, PublisherStatus, StreamError};
use mien_stream::{CameraEncoder, StreamSettings, marker_stream};

use crate::{camera, namespace};

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "MIEN_TEST_LSL_LOST";
/// Far longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_process_that_is_killed_or_stopped_is_replaced() {
    namespace::run_without_python("lost::replaced_inside", &[(INSIDE, "1")]);
}

#[test]
fn a_process_without_memory_threads_or_descriptors_holds_nobody() {
    namespace::run_without_python("lost::starved_inside", &[(INSIDE, "1")]);
}

/// Publishes one camera.
struct Publishing {
    publisher: Publisher,
    encoder: CameraEncoder,
    faces: Box<FrameFaces>,
    notices: Vec<LslNotice>,
}

impl Publishing {
    fn start(limits: Option<Limits>) -> Result<Self, StreamError> {
        let settings = StreamSettings::default();
        let encoder = CameraEncoder::new(camera(0), settings.clone());
        let launch = mien_outlets::Launch { limits, ..namespace::launch() };
        let streams = vec![encoder.streams().to_vec()];
        let publisher = Publisher::start(&launch, marker_stream(&settings), streams)?;
        Ok(Self { publisher, encoder, faces: FrameFaces::boxed(), notices: Vec::new() })
    }

    /// Pushes frames until this holds.
    fn until(
        &mut self,
        what: &str,
        holds: impl Fn(&PublisherStatus, &[LslNotice]) -> bool,
    ) -> PublisherStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.push();
            self.notices.extend(self.publisher.take_notices());
            let status = self.publisher.status();
            if holds(&status, &self.notices) {
                return status;
            }
            assert!(Instant::now() < deadline, "not {what}: {status:?} {:?}", self.notices);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn push(&mut self) {
        (self.faces.frame_index, self.faces.capture_nanos) = (self.faces.frame_index + 1, monotonic_nanos());
        let rows = self.encoder.encode(&self.faces, monotonic_nanos()).unwrap();
        self.publisher.push(0, Arc::new(rows));
    }
}

fn signal(pid: Option<u32>, name: &str) {
    let pid = pid.expect("a process runs").to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[test]
#[ignore = "is run by a test above, in a namespace of its own"]
fn replaced_inside() {
    if std::env::var_os(INSIDE).is_none() {
        return println!("a role: it is run by another test");
    }
    let mut publishing = Publishing::start(None).unwrap();
    let mut before = publishing.until("streamed", |status, _| status.samples > 10);
    assert_eq!((before.restarts, before.outlets), (0, 9), "{before:?}");
    for (restarts, name) in [(1, "-KILL"), (2, "-STOP")] {
        signal(before.pid, name);
        let old = before.clone();
        before = publishing.until("streamed again", |status, notices| {
            status.restarts >= restarts
                && status.outlets == 9
                && status.samples > old.samples + 100
                && notices.len() == 2 * restarts as usize
        });
        assert_ne!(before.pid, old.pid);
        // The old one is gone, and no zombie.
        assert!(!std::path::Path::new(&format!("/proc/{}", old.pid.unwrap())).exists());
        let [LslNotice::Lost { reason }, LslNotice::Back { from, to }] =
            &publishing.notices[publishing.notices.len() - 2..]
        else {
            panic!("{:?}", publishing.notices)
        };
        let why = if name == "-KILL" { "signal 9" } else { "said nothing" };
        assert!(reason.contains(why) && from < to, "{reason} {from} {to}");
        assert!(before.note().contains(why), "{}", before.note());
    }
    // A process that takes nothing more does not hold the end either.
    signal(before.pid, "-STOP");
    let end = Instant::now();
    drop(publishing);
    assert!(end.elapsed() < DEADLINE, "{:?}", end.elapsed());
    assert!(!std::path::Path::new(&format!("/proc/{}", before.pid.unwrap())).exists());
}

#[test]
#[ignore = "is run by a test above, in a namespace of its own"]
fn starved_inside() {
    if std::env::var_os(INSIDE).is_none() {
        return println!("a role: it is run by another test");
    }
    let enough = Limits { resident_bytes: 1 << 30, data_bytes: 4 << 30, descriptors: 1024 };
    let starved = [
        ("memory that it may use", Limits { resident_bytes: 1 << 20, ..enough }),
        ("memory that it is given", Limits { data_bytes: 24 << 20, ..enough }),
        ("descriptors", Limits { descriptors: 24, ..enough }),
    ];
    for (what, limits) in starved {
        // liblsl refuses, aborts or crashes, as it likes.
        match Publishing::start(Some(limits)) {
            Ok(mut publishing) => {
                let status = publishing.until(what, |status, _| status.restarts >= 2);
                println!("{what}: {}", status.reason);
            }
            Err(error) => println!("{what}: {error}"),
        }
    }
}
