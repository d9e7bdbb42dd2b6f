//! What TensorRT logs, from whatever thread, reaches `tracing`.
//!
//! One test, because it sets the subscriber of its process.

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};

use common::{Fake, RELEASES};
use mien_tensorrt::{BuildRequest, Precision};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_log_goes_to_tracing() {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .init();
    for release in RELEASES {
        lines.0.lock().unwrap().clear();
        let fake = Fake::new(release);
        let library = fake.load();
        let request = BuildRequest::new("model", b"input unbuildable 1\n", Precision::Fp32);
        library.builder().unwrap().build(request, &mut |_| ()).unwrap_err();
        // What is refused is told by the error alone.
        library.runtime().unwrap().deserialize(b"ftrt").unwrap_err();
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        for line in [
            " WARN tensorrt: a warning of another thread",
            "ERROR tensorrt: could not find any implementation for node",
            "DEBUG tensorrt: a runtime starts",
            "DEBUG tensorrt: the engine plan file is not compatible",
        ] {
            assert!(text.contains(line), "no {line:?} in {text}");
        }
    }
}
