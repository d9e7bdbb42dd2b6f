//! How long one frame takes: `cargo bench -p mien-synthetic`.
//!
//! Prints the median and the 95th percentile over 300 frames of one to three people who turn, in
//! processor time of the one thread, and how often drawing allocates after the first frame.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use mien_face::Frame;
use mien_synthetic::{Motion, SyntheticCamera, SyntheticSettings};
use rustix::time::{ClockId, clock_gettime};

/// Counts every allocation of the process.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FRAMES: u64 = 300;

fn main() {
    println!("{:>11} {:>6} {:>9} {:>9} {:>12}", "size", "heads", "p50 ms", "p95 ms", "allocations");
    for (width, height) in [(640, 480), (960, 540), (1280, 720), (1920, 1080), (3840, 2160)] {
        for heads in 1..=3 {
            measure(width, height, heads);
        }
    }
}

fn measure(width: u32, height: u32, heads: usize) {
    let settings = SyntheticSettings { width, height, heads, script: Motion::Turning, ..Default::default() };
    let mut camera = SyntheticCamera::new(settings);
    let mut frame = Frame::empty();
    camera.render(0, 0, &mut frame);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let mut millis = Vec::with_capacity(FRAMES as usize);
    for index in 1..=FRAMES {
        let start = cpu_millis();
        camera.render(index, 0, &mut frame);
        millis.push(cpu_millis() - start);
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before - 1;
    millis.sort_by(f64::total_cmp);
    let at = |share: f64| millis[(share * (millis.len() - 1) as f64) as usize];
    println!(
        "{:>11} {heads:>6} {:>9.2} {:>9.2} {allocations:>12}",
        format!("{width}×{height}"),
        at(0.5),
        at(0.95)
    );
}

/// Processor time of this thread: a busy machine does not lengthen it much.
fn cpu_millis() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 * 1e-6
}
