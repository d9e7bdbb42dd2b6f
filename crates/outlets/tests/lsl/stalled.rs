//! A consumer that stops reading costs nobody anything: the publisher's memory stays as it is, and the other
//! consumers get every sample.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mien_clock::monotonic_nanos;
use mien_face::FrameFaces;
use mien_outlets::Publisher;
use mien_stream::{CameraEncoder, StreamSettings, marker_stream};

use crate::{camera, namespace};

/// Set in the process that runs inside the namespace: one of the two below.
const INSIDE: &str = "MIEN_TEST_LSL_STALL";
/// What the program may grow by once buffers are full; samples kept without bound would come to several times
/// as much.
const ALLOWED_BYTES: u64 = 10_000_000;

struct Stall {
    cameras: usize,
    /// As [`Publisher::with_buffer`] takes it.
    buffered: i32,
    frames: u64,
    /// By then every buffer is full: the outlets', and those of the sockets.
    settled_at: u64,
    /// Frames a second; without one, as fast as the consumer that reads keeps up.
    rate_hz: Option<u64>,
}

/// Small buffers, and frames as fast as they are read.
const QUICK: Stall = Stall { cameras: 1, buffered: 4, frames: 6000, settled_at: 2500, rate_hz: None };
/// As in a session: four cameras, ten minutes.
const TEN_MINUTES: Stall =
    Stall { cameras: 4, buffered: 18, frames: 18_000, settled_at: 7200, rate_hz: Some(30) };

#[test]
fn a_stopped_consumer_costs_neither_memory_nor_the_samples_of_others() {
    namespace::run("stalled::inside", &[(INSIDE, "quick")]);
}

#[test]
#[ignore = "takes more than ten minutes"]
fn a_consumer_stopped_for_ten_minutes() {
    namespace::run("stalled::inside", &[(INSIDE, "ten minutes")]);
}

#[test]
#[ignore = "is run by the tests above, in a namespace of its own"]
fn inside() {
    let stall = match std::env::var(INSIDE).as_deref() {
        Ok("quick") => QUICK,
        Ok(_) => TEN_MINUTES,
        Err(_) => return println!("a role: it is run by the other tests"),
    };
    let settings = StreamSettings::default();
    let mut encoders: Vec<_> =
        (0..stall.cameras).map(|number| CameraEncoder::new(camera(number), settings.clone())).collect();
    let streams: Vec<_> = encoders.iter().map(|encoder| encoder.streams().to_vec()).collect();
    let count: usize = streams.iter().map(Vec::len).sum();
    let (launch, markers) = (namespace::launch(), marker_stream(&settings));
    let publisher = Publisher::with_buffer(&launch, markers, streams, stall.buffered).unwrap();
    let (mut stopped, said) = consumer("stopped", count, 0);
    let (mut reading, counts) = consumer("reading", count, stall.frames);
    signal(&stopped, "-STOP");

    // What the reading consumer has got of every stream.
    let received = Arc::new(AtomicU64::new(0));
    let noted = Arc::clone(&received);
    let listener = std::thread::spawn(move || {
        counts.map_while(Result::ok).for_each(|line| match line.strip_prefix("received ") {
            Some(number) => noted.store(number.parse().unwrap(), Ordering::Release),
            None => println!("reading: {line}"),
        });
    });
    let settled = publish(&stall, &publisher, &mut encoders, &received);
    assert!(reading.wait().unwrap().success(), "the other consumer gets every sample");
    listener.join().unwrap();
    let grown = resident_bytes(&publisher).saturating_sub(settled);
    println!(
        "{:.1} MB when the buffers were full, {:.1} MB more at the end",
        settled as f64 / 1e6,
        grown as f64 / 1e6
    );
    assert!(grown < ALLOWED_BYTES, "{grown} bytes");
    let status = publisher.status();
    assert_eq!((status.dropped_frames, status.failed_samples), (0, 0));

    signal(&stopped, "-CONT");
    said.map_while(Result::ok).for_each(|line| println!("stopped: {line}"));
    assert!(stopped.wait().unwrap().success(), "the stopped consumer goes on where it can");
}

/// Publishes all frames; resident memory once the buffers were full.
fn publish(
    stall: &Stall,
    publisher: &Publisher,
    encoders: &mut [CameraEncoder],
    received: &AtomicU64,
) -> u64 {
    let mut faces = FrameFaces::boxed();
    (faces.face_count, faces.faces[0].track_id) = (1, 1);
    let (start, mut settled) = (Instant::now(), 0);
    for index in 0..stall.frames {
        match stall.rate_hz {
            Some(rate_hz) => {
                let due = Duration::from_nanos(index * 1_000_000_000 / rate_hz);
                std::thread::sleep(due.saturating_sub(start.elapsed()));
            }
            None => wait_for(received, index.saturating_sub(200)),
        }
        for (camera, encoder) in encoders.iter_mut().enumerate() {
            (faces.frame_index, faces.capture_nanos) = (index, monotonic_nanos());
            let rows = encoder.encode(&faces, monotonic_nanos()).unwrap();
            publisher.push(camera, Arc::new(rows));
        }
        if index == stall.settled_at {
            settled = resident_bytes(publisher);
        }
        if index % 1800 == 0 && stall.rate_hz.is_some() {
            println!(
                "{:.0} s: {:.1} MB",
                start.elapsed().as_secs_f64(),
                resident_bytes(publisher) as f64 / 1e6
            );
        }
    }
    settled
}

fn wait_for(received: &AtomicU64, count: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while received.load(Ordering::Acquire) < count {
        assert!(Instant::now() < deadline, "the consumer that reads has stopped");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A consumer of all streams that is ready; and what it says from here on.
fn consumer(role: &str, streams: usize, frames: u64) -> (Child, std::io::Lines<BufReader<ChildStdout>>) {
    let mut consumer = Command::new(std::env::var("MIEN_TEST_PYTHON").unwrap())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lsl/stall.py"))
        .args([role, &streams.to_string(), &frames.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(consumer.stdout.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "ready");
    (consumer, said)
}

fn signal(process: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &process.id().to_string()]).status().unwrap().success());
}

/// Of the process that has the outlets.
fn resident_bytes(publisher: &Publisher) -> u64 {
    let pid = publisher.status().pid.expect("it runs");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
