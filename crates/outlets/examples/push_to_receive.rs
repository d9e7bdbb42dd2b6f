//! Publishes four cameras at 30 fps for consumers to measure: `push_to_receive SECONDS [together|spread]`.
//!
//! `together`: all cameras' frames come at the same moment, the worst case. `spread` (the default): each camera
//! has a phase of its own, as cameras that nothing synchronises have. At the end it says how long pushing took.
//! `tests/lsl/delay.py SECONDS` is the consumer that tells the delays. Run both in a network namespace with only
//! `lo`, as the tests do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mien_clock::monotonic_nanos;
use mien_face::FrameFaces;
use mien_outlets::{Launch, Publisher, Reach, serve};
use mien_stream::{CameraDescription, CameraEncoder, StreamSettings, marker_stream};

const CAMERAS: usize = 4;
const RATE_HZ: u64 = 30;

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.peek().is_some_and(|argument| argument == "child") {
        return serve(None, std::io::stdin(), std::io::stdout()).expect("the publisher is there");
    }
    let seconds: u64 = arguments.next().and_then(|text| text.parse().ok()).expect("SECONDS");
    let together = arguments.next().as_deref() == Some("together");
    let settings = StreamSettings { slots: 2, ..StreamSettings::default() };
    let mut encoders: Vec<_> = (0..CAMERAS)
        .map(|number| {
            let camera = CameraDescription {
                name: format!("cam{number}"),
                filter: Some("One-Euro".to_owned()),
                ..CameraDescription::default()
            };
            CameraEncoder::new(camera, settings.clone())
        })
        .collect();
    let streams = encoders.iter().map(|encoder| encoder.streams().to_vec()).collect();
    let launch = Launch {
        program: std::env::current_exe().expect("this program is there"),
        arguments: vec!["child".into()],
        reach: Reach::Network,
        limits: None,
    };
    let publisher = Publisher::start(&launch, marker_stream(&settings), streams).expect("liblsl");
    println!("ready");
    let mut faces = FrameFaces::boxed();
    (faces.face_count, faces.faces[0].track_id) = (1, 1);
    let (start, ticks) = (Instant::now(), CAMERAS as u64 * RATE_HZ);
    for tick in 0..seconds * ticks {
        let (frame, camera) = (tick / CAMERAS as u64, tick as usize % CAMERAS);
        let due = if together { frame * 1_000_000_000 / RATE_HZ } else { tick * 1_000_000_000 / ticks };
        std::thread::sleep(Duration::from_nanos(due).saturating_sub(start.elapsed()));
        (faces.frame_index, faces.capture_nanos) = (frame, monotonic_nanos());
        let rows = encoders[camera].encode(&faces, monotonic_nanos()).expect("times rise");
        publisher.push(camera, Arc::new(rows));
    }
    println!("{:?}", publisher.status());
}
