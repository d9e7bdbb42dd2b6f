//! Speed of the rings next to `memcpy` in the same run: `cargo bench -p mien-ring`.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use mien_ring::{RingKind, RingReader, RingSpec, RingWriter, SHM_DIR, SegmentName};

const REPEATS: usize = 400;

struct Times(Vec<Duration>);

impl Times {
    fn of(mut work: impl FnMut()) -> Self {
        let mut times: Vec<Duration> = (0..REPEATS)
            .map(|_| {
                let start = Instant::now();
                work();
                start.elapsed()
            })
            .collect();
        times.sort();
        Self(times)
    }

    fn print(&self, what: &str, bytes: usize) {
        let at = |part: f64| self.0[((REPEATS - 1) as f64 * part) as usize];
        println!(
            "{what:34} {:7.2} GB/s (median)   p99 {:7.1} µs   most {:7.1} µs",
            bytes as f64 / at(0.5).as_secs_f64() * 1e-9,
            at(0.99).as_secs_f64() * 1e6,
            at(1.0).as_secs_f64() * 1e6
        );
    }
}

fn measure(what: &str, bytes: usize) {
    println!("{what}, {bytes} bytes, 32 slots");
    let spec = RingSpec { payload_bytes: bytes as u64, slots: 32, layout_hash: 1, parameters: [0; 4] };
    let name = SegmentName::new("bench", "camera", RingKind::Preview).expect("a name");
    let mut writer = RingWriter::create(Path::new(SHM_DIR), &name, spec, 0).expect("a ring");
    let mut reader = RingReader::open(writer.path(), 1).expect("the ring");

    // As many buffers as the ring has slots, so that `memcpy` finds them in the same caches.
    let sources: Vec<Vec<u8>> = (0..32).map(|value| vec![value; bytes]).collect();
    let mut targets: Vec<Vec<u8>> = vec![vec![1; bytes]; 32];
    let mut out = vec![1; bytes];
    let mut turn = 0;
    Times::of(|| {
        turn = (turn + 1) % 32;
        targets[turn].copy_from_slice(black_box(&sources[0]));
    })
    .print("memcpy into 32 buffers in turn", bytes);
    Times::of(|| {
        writer.publish(&[black_box(&sources[0])]);
    })
    .print("publish", bytes);
    Times::of(|| {
        turn = (turn + 1) % 32;
        out.copy_from_slice(black_box(&sources[turn]));
    })
    .print("memcpy out of 32 buffers in turn", bytes);
    // Each entry once, written before the clock starts.
    let mut times = Vec::with_capacity(REPEATS);
    while times.len() < REPEATS {
        for _ in 0..31 {
            writer.publish(&[&sources[0]]);
        }
        loop {
            let start = Instant::now();
            if reader.next(&mut [black_box(&mut out)]).is_none() {
                break;
            }
            times.push(start.elapsed());
        }
    }
    times.truncate(REPEATS);
    times.sort();
    Times(times).print("next", bytes);
}

fn main() {
    measure("preview 960×540 RGB", 960 * 540 * 3);
    measure("faces", size_of::<mien_ring::FacesEntry>());
}
