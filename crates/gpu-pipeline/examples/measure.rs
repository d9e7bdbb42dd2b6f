//! Where a frame's time goes on the GPU: `cargo run --release -p mien-gpu-pipeline --example measure`.
//!
//! Synthetic people, rendered ahead. Prints one line a case: GPU milliseconds by stage (median), host time
//! of a whole frame and of the thread's own work, allocations and bytes over the bus a frame, device memory
//! before and after.
//!
//! Arguments, all optional: `--size 1920x1080 --heads 1 --format rgb|nv12|jpeg422|jpeg420|jpeg444 --precision fp16|fp32|int8
//! --frames 600 --every 1 --preview 960x540 --seconds 0`. Most webcams send `jpeg422`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use mien_face::{Frame, PixelFormat};
use mien_gpu_pipeline::{BuildNews, EngineCache, GpuOptions, GpuPrecision, GpuStages, ModelSource};
use mien_models::{ModelSet, Role};
use mien_pipeline::{Pipeline, PipelineSettings, StageTimings};
use mien_synthetic::{Motion, SyntheticCamera, SyntheticSettings};
use rustix::time::{ClockId, clock_gettime};

/// Counts the process's allocations.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
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

struct Arguments(HashMap<String, String>);

impl Arguments {
    fn get(&self, name: &str, usual: &str) -> String {
        self.0.get(name).cloned().unwrap_or_else(|| usual.to_owned())
    }

    fn number(&self, name: &str, usual: u64) -> u64 {
        self.get(name, &usual.to_string()).parse().expect("a number")
    }

    fn size(&self, name: &str, usual: &str) -> [u32; 2] {
        let text = self.get(name, usual);
        let (width, height) = text.split_once('x').expect("WIDTHxHEIGHT");
        [width.parse().expect("a width"), height.parse().expect("a height")]
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let pairs =
        words.chunks_exact(2).map(|pair| (pair[0].trim_start_matches("--").to_owned(), pair[1].clone()));
    let arguments = Arguments(pairs.collect());
    let [width, height] = arguments.size("size", "1920x1080");
    let heads = arguments.number("heads", 1) as usize;
    let frames = render([width, height], heads, &arguments.get("format", "rgb"));
    let settings = PipelineSettings {
        max_faces: heads.max(1),
        detect_every: arguments.number("every", 1) as u32,
        ..PipelineSettings::default()
    };
    let longest = (width.max(height) / 2).clamp(320, 640);
    let scale = f64::from(longest) / f64::from(width.max(height));
    let side = |pixels: u32| ((f64::from(pixels) * scale / 32.0).ceil() * 32.0) as usize;
    let stages = load(&arguments, heads, [side(height), side(width)]);
    let device = stages.device().clone();
    let what = format!(
        "{} | {width}×{height} {} {heads} head(s)",
        stages.description(),
        arguments.get("format", "rgb")
    );
    let mut pipeline = Pipeline::with_stages(Box::new(stages), settings).expect("sound settings");
    let preview = arguments.size("preview", "960x540");

    let run = |pipeline: &mut Pipeline, index: u64| -> (Sample, u32) {
        let frame = &frames[swing(index, frames.len() as u64)];
        let (start, cpu) = (Instant::now(), thread_time());
        let view = frame.picture().expect("a drawn frame");
        let count =
            pipeline.process(view, index, index as i64 * 33_333_333).expect("a GPU that works").face_count;
        let (frame_nanos, cpu_nanos) = (start.elapsed(), thread_time() - cpu);
        pipeline.preview(view, preview).expect("a preview");
        let sample =
            Sample { timings: pipeline.timings(), frame_nanos, cpu_nanos, with_preview: start.elapsed() };
        (sample, count)
    };
    for index in 0..100 {
        run(&mut pipeline, index);
    }
    let (allocations, copied, usage) =
        (ALLOCATIONS.load(Relaxed), device.stream().copied(), device.arena().usage());
    let free = device.free_bytes().unwrap_or(0);
    let least = Duration::from_secs(arguments.number("seconds", 0));
    let wanted = arguments.number("frames", 600);
    let mut samples = Vec::with_capacity(1_000_000);
    let (started, mut faces, mut index) = (Instant::now(), 0u64, 100);
    let before_samples = ALLOCATIONS.load(Relaxed) - allocations;
    while index < 100 + wanted || started.elapsed() < least {
        let (sample, count) = run(&mut pipeline, index);
        if samples.len() < samples.capacity() {
            samples.push(sample);
        }
        faces += u64::from(count);
        index += 1;
    }
    let elapsed = started.elapsed().as_secs_f64();
    let count = index - 100;
    let allocations = ALLOCATIONS.load(Relaxed) - allocations - before_samples;
    let after = device.stream().copied();

    println!("{what}");
    println!(
        "  {count} frames in {elapsed:.1} s ({:.0} a second), {:.2} faces a frame",
        count as f64 / elapsed,
        faces as f64 / count as f64
    );
    print!("  GPU ms p50:");
    let mut total: Vec<f64> =
        samples.iter().map(|s| s.timings.stages()[..7].iter().sum::<u64>() as f64 / 1e6).collect();
    for (stage, name) in StageTimings::NAMES.into_iter().enumerate() {
        let mut values: Vec<f64> = samples.iter().map(|s| s.timings.stages()[stage] as f64 / 1e6).collect();
        print!(" {name} {:.3}", quantile(&mut values, 0.5));
    }
    println!(" | GPU total p50 {:.3} p95 {:.3}", quantile(&mut total, 0.5), quantile(&mut total, 0.95));
    let column = |name: &str, value: fn(&Sample) -> f64| {
        let mut values: Vec<f64> = samples.iter().map(value).collect();
        println!(
            "  {name} ms: p50 {:.3} p95 {:.3} p99 {:.3}",
            quantile(&mut values, 0.5),
            quantile(&mut values, 0.95),
            quantile(&mut values, 0.99)
        );
    };
    column("host, a frame", |s| s.frame_nanos.as_secs_f64() * 1e3);
    column("host, its own work (thread CPU time)", |s| s.cpu_nanos.as_secs_f64() * 1e3);
    column("host, a frame and its preview", |s| s.with_preview.as_secs_f64() * 1e3);
    println!(
        "  a frame: {:.2} host allocations, {} device allocations in all, {:.0} bytes up, {:.0} bytes down",
        allocations as f64 / count as f64,
        device.arena().usage().allocations - usage.allocations,
        (after.to_device - copied.to_device) as f64 / count as f64,
        (after.to_host - copied.to_host) as f64 / count as f64,
    );
    let free_after = device.free_bytes().unwrap_or(0);
    println!(
        "  our device memory {:.1} MiB; the GPU's free memory {:.1} MiB before, {:.1} MiB after",
        usage.bytes as f64 / 1048576.0,
        free as f64 / 1048576.0,
        free_after as f64 / 1048576.0
    );
}

struct Sample {
    timings: StageTimings,
    frame_nanos: Duration,
    cpu_nanos: Duration,
    with_preview: Duration,
}

fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// To and fro over the frames, so that motion stays smooth.
fn swing(index: u64, count: u64) -> usize {
    let at = index % (2 * count - 2).max(1);
    (if at < count { at } else { 2 * count - 2 - at }) as usize
}

fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() - 1) as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
}

fn jpeg(frame: &Frame, sampling: SamplingFactor) -> Frame {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 85);
    encoder.set_sampling_factor(sampling);
    let [width, height] = [frame.width, frame.height].map(|side| side as u16);
    encoder.encode(&frame.pixels, width, height, ColorType::Rgb).expect("a drawn frame");
    let mut file = Frame::empty();
    file.set_jpeg(&bytes, frame.width, frame.height);
    file
}

fn render([width, height]: [u32; 2], heads: usize, format: &str) -> Vec<Frame> {
    let settings = SyntheticSettings { width, height, heads, script: Motion::Idle, ..Default::default() };
    let mut camera = SyntheticCamera::new(settings);
    let draw = |index: u64| {
        let mut frame = Frame::empty();
        camera.render(index, index as i64 * 33_333_333, &mut frame);
        match format {
            "nv12" => nv12(&frame),
            "jpeg422" => jpeg(&frame, SamplingFactor::F_2_1),
            "jpeg420" => jpeg(&frame, SamplingFactor::F_2_2),
            "jpeg444" => jpeg(&frame, SamplingFactor::F_1_1),
            "rgb" => frame,
            other => panic!("--format {other}?"),
        }
    };
    (0..32).map(draw).collect()
}

/// BT.601, limited range; chroma of each square's first pixel.
fn nv12(rgb: &Frame) -> Frame {
    let mut frame = Frame::empty();
    frame.reshape(rgb.width, rgb.height, PixelFormat::Nv12);
    let (width, height) = (rgb.width as usize, rgb.height as usize);
    let pixel = |x: usize, y: usize| {
        let at = 3 * (y * width + x);
        [0, 1, 2].map(|c| f32::from(rgb.pixels[at + c]))
    };
    for y in 0..height {
        for x in 0..width {
            let [r, g, b] = pixel(x, y);
            frame.pixels[y * width + x] = (16.0 + 0.257 * r + 0.504 * g + 0.098 * b) as u8;
            if x % 2 == 0 && y % 2 == 0 {
                let at = width * height + y / 2 * width + x;
                frame.pixels[at] = (128.0 - 0.148 * r - 0.291 * g + 0.439 * b) as u8;
                frame.pixels[at + 1] = (128.0 + 0.439 * r - 0.368 * g - 0.071 * b) as u8;
            }
        }
    }
    frame.capture_nanos = rgb.capture_nanos;
    frame
}

fn load(arguments: &Arguments, heads: usize, detector_size: [usize; 2]) -> GpuStages {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let folder = std::env::var_os("MIEN_MODELS").map_or(built_in, Into::into);
    let set = ModelSet::of_folder(&folder).expect("models");
    let files = [Role::Detector, Role::Landmarks, Role::Blendshapes]
        .map(|role| set.get(role).expect("a model").clone());
    let contents: Vec<Vec<u8>> = files.iter().map(|file| file.read().expect("a sound model")).collect();
    let source = |index: usize| ModelSource {
        role: files[index].role(),
        file: &files[index].entry.file,
        bytes: &contents[index],
        sha256: &files[index].entry.sha256,
    };
    let options = GpuOptions {
        frame_size: None,
        gpu: 0,
        tensorrt: None,
        precision: arguments.get("precision", "fp16").parse::<GpuPrecision>().expect("a precision"),
        max_faces: heads.max(1),
        max_batch: 8,
        detector_size,
        optimization_level: None,
        calibration: None,
        rebuild: false,
        cache: EngineCache::of_user(),
    };
    let mut news = |news: BuildNews<'_>| {
        if let BuildNews::Built { model, seconds, .. } = news {
            eprintln!("{model}: built in {seconds:.1} s");
        }
    };
    match GpuStages::load(&options, &[0, 1, 2].map(source), &mut news) {
        Ok(stages) => stages,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
