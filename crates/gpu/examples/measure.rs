//! Measures the kernels on the first GPU: `cargo run --release -p mien-gpu --features measure --example
//! measure`. With an argument (`fused` or `apart`) it only runs the 4K letterbox so, a few times, for
//! `ncu` to count bytes.
//!
//! Each figure is the median over replays of one graph that holds many launches, over frames that are
//! together several times larger than the GPU's cache.

use bytemuck::Zeroable;
use mien_face::PixelFormat;
use mien_geometry::{Border, Normalization, Region};
use mien_gpu::{
    BLENDSHAPE_POINTS, Crop, CropOptions, Device, DeviceBuffer, Event, FrameControl, FrameLayout, GpuError,
    LandmarksFinish, Letterbox, LetterboxApart, MAX_REGIONS, Precision, Preview, ResultBlock,
    RetinaFaceDecode, Stream, Wait,
};

type Result<T> = std::result::Result<T, GpuError>;

/// Bytes of all frames of one measurement together: several times the largest cache.
const ROTATED_BYTES: usize = 400 << 20;
const REPLAYS: usize = 30;
const INPUT: [usize; 2] = [640, 640];
const FORMATS: [PixelFormat; 4] =
    [PixelFormat::Rgb8, PixelFormat::Bgr8, PixelFormat::Yuyv, PixelFormat::Nv12];
const SIZES: [(u32, u32); 2] = [(3840, 2160), (1920, 1080)];

/// Bytes that look random, quickly.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = vec![0; len.next_multiple_of(8)];
    for eight in bytes.as_chunks_mut::<8>().0 {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        *eight = state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
    }
    bytes.truncate(len);
    bytes
}

/// Median microseconds of one of `count` pieces of work that `enqueue` puts on the stream.
fn micros(device: &Device, count: usize, enqueue: impl Fn(&Stream, usize) -> Result<()>) -> Result<f64> {
    let [start, end] = [Event::new(device, Wait::Spin)?, Event::new(device, Wait::Spin)?];
    let graph = device.capture::<GpuError>(|stream| {
        start.record(stream)?;
        for i in 0..count {
            enqueue(stream, i)?;
        }
        end.record(stream)
    })?;
    let mut times = Vec::new();
    for replay in 0..REPLAYS + 3 {
        graph.launch()?;
        end.wait()?;
        if replay >= 3 {
            times.push(f64::from(end.millis_since(&start)?) * 1e3 / count as f64);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Enough frames that none is in the cache when its turn comes.
fn frames(device: &Device, layout: FrameLayout) -> Result<Vec<DeviceBuffer<u8>>> {
    let pixels = noise(layout.bytes(), 7);
    let first = device.alloc_with("frame", &pixels)?;
    let mut frames = vec![first];
    while frames.len() * layout.bytes() < ROTATED_BYTES {
        let next = device.alloc("frame", layout.bytes())?;
        device.stream().copy(&frames[0], &next)?;
        frames.push(next);
    }
    device.stream().wait()?;
    Ok(frames)
}

/// Gigabytes a second of a plain copy within the device, read and written, of blocks of this size.
fn copy_rate(device: &Device, bytes: usize) -> Result<f64> {
    let count = (ROTATED_BYTES / bytes).max(4);
    let block = || device.alloc::<u8>("copy", bytes);
    let from: Vec<_> = (0..count).map(|_| block()).collect::<Result<_>>()?;
    let to: Vec<_> = (0..count).map(|_| block()).collect::<Result<_>>()?;
    for from in &from {
        device.stream().write(from, &noise(bytes, 3))?;
    }
    let micros = micros(device, count, |stream, i| stream.copy(&from[i], &to[i]))?;
    Ok(2.0 * bytes as f64 / micros / 1e3)
}

/// [`copy_rate`] of one large block, queued straight on the stream: the driver may copy in another way
/// than in a graph.
fn plain_copy_rate(device: &Device, bytes: usize) -> Result<f64> {
    let [from, to] = [device.alloc::<u8>("copy", bytes)?, device.alloc::<u8>("copy", bytes)?];
    device.stream().write(&from, &noise(bytes, 3))?;
    let [start, end] = [Event::new(device, Wait::Spin)?, Event::new(device, Wait::Spin)?];
    let mut best = 0f64;
    for _ in 0..REPLAYS {
        start.record(device.stream())?;
        device.stream().copy(&from, &to)?;
        end.record(device.stream())?;
        end.wait()?;
        best = best.max(2.0 * bytes as f64 / f64::from(end.millis_since(&start)?) / 1e6);
    }
    Ok(best)
}

fn letterboxes(device: &Device) -> Result<()> {
    let in_graph = copy_rate(device, 512 << 20)?;
    let large = plain_copy_rate(device, 1 << 30)?;
    println!(
        "copy within the device: 1 GiB {large:.0} GB/s read and written (in a graph, 512 MiB, {in_graph:.0})"
    );
    println!();
    println!(
        "| frame | format | numbers | copy of as many bytes GB/s | one pass µs | GB/s | of that copy | of the large copy | three passes µs | bytes, one pass | three passes | ratio |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (width, height) in SIZES {
        for format in FORMATS {
            let layout = FrameLayout::tight(width, height, format)?;
            let frames = frames(device, layout)?;
            for precision in [Precision::F16, Precision::F32] {
                let fused = Letterbox::new(device, layout, INPUT, Normalization::RETINAFACE, precision)?;
                let apart = LetterboxApart::new(device, layout, INPUT, Normalization::RETINAFACE, precision)?;
                let inputs: Vec<_> = frames
                    .iter()
                    .map(|_| device.alloc::<u8>("input", fused.output_bytes()))
                    .collect::<Result<_>>()?;
                let one =
                    micros(device, frames.len(), |stream, i| fused.enqueue(stream, &frames[i], &inputs[i]))?;
                let three =
                    micros(device, frames.len(), |stream, i| apart.enqueue(stream, &frames[i], &inputs[i]))?;
                let bytes = layout.bytes() + fused.output_bytes();
                // A copy that reads and writes as many bytes in all.
                let alike = copy_rate(device, bytes / 2)?;
                let rate = bytes as f64 / one / 1e3;
                println!(
                    "| {width}×{height} | {format:?} | {precision:?} | {alike:.0} | {one:.1} | {rate:.0} | {:.0} % | {:.0} % | {three:.1} | {:.1} MB | {:.1} MB | {:.2} |",
                    100.0 * rate / alike,
                    100.0 * rate / large,
                    bytes as f64 / 1e6,
                    apart.bytes_moved() as f64 / 1e6,
                    apart.bytes_moved() as f64 / bytes as f64
                );
            }
        }
    }
    println!();
    Ok(())
}

fn previews_and_crops(device: &Device) -> Result<()> {
    println!("| frame | format | preview 960×540 µs | 1 crop 256² F16 µs | 4 | 8 |");
    println!("|---|---|---|---|---|---|");
    for (width, height) in SIZES {
        for format in FORMATS {
            let layout = FrameLayout::tight(width, height, format)?;
            let frames = frames(device, layout)?;
            let preview = Preview::new(device, layout, [960, 540])?;
            let picture = device.alloc("preview", preview.output_bytes())?;
            let time =
                micros(device, frames.len(), |stream, i| preview.enqueue(stream, &frames[i], &picture))?;
            print!("| {width}×{height} | {format:?} | {time:.1} |");
            let options = CropOptions {
                size: 256,
                border: Border::Replicate,
                normalization: Normalization::UNIT_RGB,
                precision: Precision::F16,
            };
            let crop = Crop::new(device, layout, options)?;
            let result = device.alloc::<ResultBlock>("result", 1)?;
            for regions in [1, 4, 8] {
                let list: Vec<_> = (0..regions)
                    .map(|i| Region {
                        center: [
                            width as f32 * (i as f32 + 0.7) / (regions as f32 + 0.4),
                            0.45 * height as f32,
                        ],
                        size: 0.35 * height as f32,
                        rotation_rad: 0.3 - 0.1 * i as f32,
                    })
                    .collect();
                let mut control = FrameControl::zeroed();
                control.set_regions(&list, 256);
                let control = device.alloc_with("control", &[control])?;
                let input = device.alloc("input", crop.output_bytes(regions))?;
                let time = micros(device, frames.len(), |stream, i| {
                    crop.enqueue(stream, &frames[i], &control, regions, &input, &result)
                })?;
                print!(" {time:.1} |");
            }
            println!();
        }
    }
    println!();
    Ok(())
}

fn decoders(device: &Device) -> Result<()> {
    let decode = RetinaFaceDecode::new(device, INPUT)?;
    let count = decode.prior_count();
    let unit = |len, seed| -> Vec<f32> { noise(len, seed).iter().map(|&b| f32::from(b) / 255.0).collect() };
    let boxes = device.alloc_with("boxes", &unit(4 * count, 1))?;
    let keypoints = device.alloc_with("key points", &unit(10 * count, 2))?;
    let mut control = FrameControl::zeroed();
    control.set_detector(&mien_geometry::Affine::scale_offset([3.0; 2], [0.0; 2]), 0.5, 0.4);
    let control = device.alloc_with("control", &[control])?;
    let result = device.alloc::<ResultBlock>("result", 1)?;
    println!("| candidates of {count} priors | detections | decode µs |");
    println!("|---|---|---|");
    for candidates in [0, 30, 250, 2000, count] {
        // Spread evenly over the priors, the scores all different.
        let mut confidences = vec![0.0; 2 * count];
        for i in 0..candidates {
            confidences[2 * (i * count / candidates) + 1] = 0.5 + 0.4 * i as f32 / count as f32;
        }
        let confidences = device.alloc_with("confidences", &confidences)?;
        let time = micros(device, 50, |stream, _| {
            decode.enqueue(stream, &control, &boxes, &confidences, &keypoints, &result)
        })?;
        let mut block = ResultBlock::boxed();
        device.stream().read(&result, std::slice::from_mut(&mut *block))?;
        println!("| {} | {} | {time:.1} |", block.candidate_count, block.detection_count);
    }
    println!();
    let finish = LandmarksFinish::new(device)?;
    let crop = device.alloc_with("landmarks", &unit(MAX_REGIONS * 1434, 4))?;
    let logits = device.alloc_with("logits", &unit(MAX_REGIONS, 5))?;
    let points = device.alloc::<f32>("points", MAX_REGIONS * 2 * BLENDSHAPE_POINTS)?;
    for regions in [1, 8] {
        let region = Region { center: [500.0; 2], size: 300.0, rotation_rad: 0.1 };
        let mut control = FrameControl::zeroed();
        control.set_regions(&vec![region; regions], 256);
        let control = device.alloc_with("control", &[control])?;
        let time = micros(device, 50, |stream, _| {
            finish.enqueue(stream, &control, regions, &crop, &logits, &points, &result)
        })?;
        println!("landmarks of {regions}: {time:.1} µs");
    }
    Ok(())
}

/// A few runs of the 4K letterbox, one pass or three, for a profiler that counts bytes.
fn for_profiler(device: &Device, which: &str) -> Result<()> {
    for format in FORMATS {
        let layout = FrameLayout::tight(3840, 2160, format)?;
        let frame = device.alloc_with("frame", &noise(layout.bytes(), 7))?;
        let (normalization, precision) = (Normalization::RETINAFACE, Precision::F16);
        let fused = Letterbox::new(device, layout, INPUT, normalization, precision)?;
        let input = device.alloc("input", fused.output_bytes())?;
        if which == "fused" {
            fused.enqueue(device.stream(), &frame, &input)?;
        } else {
            let apart = LetterboxApart::new(device, layout, INPUT, normalization, precision)?;
            apart.enqueue(device.stream(), &frame, &input)?;
        }
        device.stream().wait()?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let device = Device::open(0)?;
    if let Some(which) = std::env::args().nth(1) {
        return for_profiler(&device, &which);
    }
    let info = device.info();
    println!(
        "{}, compute capability {:?}, driver CUDA {:?}",
        info.name, info.compute_capability, info.driver_cuda
    );
    println!("an empty launch: {:.2} µs", {
        let buffer = device.alloc::<u8>("one byte", 1)?;
        micros(&device, 100, |stream, _| stream.fill_bytes(&buffer, 0))?
    });
    letterboxes(&device)?;
    previews_and_crops(&device)?;
    decoders(&device)
}
