//! Devices, memory, streams, graphs and events.

use std::sync::Arc;

use crate::common::{Random, TestFrame, cases, device, numbers, poisoned};
use bytemuck::Zeroable;
use mien_face::PixelFormat;
use mien_geometry::{Border, Normalization, Region};
use mien_gpu::{
    Crop, CropOptions, Device, Event, FrameControl, FrameLayout, GpuError, Precision, ResultBlock, Wait,
};

#[test]
fn a_machine_without_the_driver_is_told_so() {
    let message = match Device::open(0) {
        Ok(_) => return mien_needs::skip(mien_needs::Need::NoGpu, "there is a GPU"),
        Err(GpuError::DriverMissing) => GpuError::DriverMissing.to_string(),
        Err(error @ (GpuError::NoGpu | GpuError::DriverTooOld { .. } | GpuError::GpuTooOld { .. })) => {
            error.to_string()
        }
        Err(error) => panic!("{error:?}"),
    };
    assert!(message.contains("driver") || message.contains("capability"), "{message}");
    assert!(message.len() < 300 && !message.contains("Error"), "{message}");
}

#[test]
fn the_gpu_says_what_it_is() {
    let Some(device) = device() else { return };
    let info = device.info();
    eprintln!("{info:?}");
    assert!(!info.name.is_empty() && info.compute_capability >= (7, 5));
    assert!(info.total_bytes > 1 << 30 && device.free_bytes().unwrap() <= info.total_bytes);
    assert_eq!(info.pci_bus_id.matches(':').count(), 2);
    let count = Device::count().unwrap();
    assert!(matches!(Device::open(count), Err(GpuError::NoSuchGpu { ordinal, .. }) if ordinal == count));
}

#[test]
fn memory_is_counted_and_sealed() {
    let Some(device) = device() else { return };
    let before = device.arena().usage();
    let buffer = device.alloc::<u64>("a test", 1000).unwrap();
    let usage = device.arena().usage();
    assert_eq!((usage.bytes - before.bytes, usage.allocations - before.allocations), (8000, 1));
    assert_eq!(buffer.pointer() % 256, 0);
    let mut contents = [1; 1000];
    device.stream().read(&buffer, &mut contents).unwrap();
    assert_eq!(contents, [0; 1000]);
    device.arena().seal();
    let refused = device.alloc::<u8>("another", 5);
    assert!(matches!(refused, Err(GpuError::Sealed { bytes: 5, .. })), "{refused:?}");
    device.arena().unseal();
    let refused = device.alloc::<u8>("all of it", 1 << 50).unwrap_err();
    assert!(refused.is_out_of_memory(), "{refused:?}");
    assert!(device.alloc::<u8>("nothing", 0).unwrap().is_empty());
    assert!(device.arena().taken().contains(&("a test".to_owned(), 8000)));
    drop(buffer);
    assert_eq!(device.arena().usage().bytes, before.bytes);
}

#[test]
fn copies_arrive_and_are_counted() {
    let Some(device) = device() else { return };
    let stream = device.stream();
    let mut up = device.pinned::<u32>(100).unwrap();
    let down = device.pinned::<u32>(100).unwrap();
    up.iter_mut().zip(0..).for_each(|(to, i)| *to = i);
    let [a, b] = [(); 2].map(|()| device.alloc::<u32>("copies", 100).unwrap());
    let before = stream.copied();
    stream.upload(&up, &a, 10..60).unwrap();
    stream.copy(&a, &b).unwrap();
    stream.download(&b, &down, 0..55).unwrap();
    let done = Event::new(&device, Wait::Sleep).unwrap();
    done.record(stream).unwrap();
    done.wait().unwrap();
    assert!(done.is_passed().unwrap());
    assert!((0..100).all(|i| down[i as usize] == if (10..55).contains(&i) { i } else { 0 }));
    let after = stream.copied();
    assert_eq!((after.to_device - before.to_device, after.to_host - before.to_host), (200, 220));
    assert!(matches!(stream.upload(&up, &a, 10..101), Err(GpuError::WrongLength { .. })));
    assert!(stream.read(&a, &mut [0; 101]).is_err());
}

#[test]
fn a_graph_replays_with_new_contents() {
    let Some(device) = device() else { return };
    let stream = device.stream();
    let mut up = device.pinned::<u32>(1 << 20).unwrap();
    let down = device.pinned::<u32>(1 << 20).unwrap();
    let on_device = device.alloc::<u32>("graph", 1 << 20).unwrap();
    let [start, end] = [(); 2].map(|()| Event::new(&device, Wait::Spin).unwrap());
    let graph = device
        .capture::<GpuError>(|stream| {
            assert!(stream.is_capturing());
            start.record(stream)?;
            stream.upload(&up, &on_device, 0..1 << 20)?;
            stream.download(&on_device, &down, 0..1 << 20)?;
            end.record(stream)
        })
        .unwrap();
    drop(on_device);
    assert_eq!(graph.nodes(), 4);
    assert_eq!((graph.copied().to_device, graph.copied().to_host), (4 << 20, 4 << 20));
    let before = stream.copied();
    for round in 1..=3 {
        up.fill(round);
        graph.launch().unwrap();
        end.wait().unwrap();
        assert!(down.iter().all(|&number| number == round));
        let millis = end.millis_since(&start).unwrap();
        assert!(millis > 0.0 && millis < 10_000.0, "{millis}");
    }
    assert_eq!(stream.copied().to_device - before.to_device, 12 << 20);
}

#[test]
fn a_capture_that_fails_leaves_the_stream_usable() {
    let Some(device) = device() else { return };
    let buffer = device.alloc::<u8>("capture", 16).unwrap();
    let failed = device.capture::<GpuError>(|stream| {
        stream.fill_bytes(&buffer, 1)?;
        Err(GpuError::NoGpu)
    });
    assert!(matches!(failed, Err(GpuError::NoGpu)));
    // Waiting cannot be recorded, and spoils the capture.
    let spoilt = device.capture::<GpuError>(|stream| stream.wait());
    assert!(matches!(spoilt, Err(GpuError::Driver { .. })), "{spoilt:?}");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        device.capture::<GpuError>(|_| panic!("on purpose"))
    }));
    assert!(panicked.is_err() && !device.stream().is_capturing());
    device.stream().fill_bytes(&buffer, 2).unwrap();
    let mut contents = [0; 16];
    device.stream().read(&buffer, &mut contents).unwrap();
    assert_eq!(contents, [2; 16]);
}

#[test]
fn a_graph_keeps_what_it_uses() {
    let Some(device) = device() else { return };
    let before = device.arena().usage().bytes;
    let kept = Arc::new(());
    let layout = FrameLayout::tight(64, 48, PixelFormat::Yuyv).unwrap();
    let mut random = Random::new(21);
    let graph = {
        let frame = TestFrame::new(&device, &mut random, layout);
        let options = CropOptions {
            size: 32,
            border: Border::Replicate,
            normalization: Normalization::UNIT_RGB,
            precision: Precision::F32,
        };
        let crop = Crop::new(&device, layout, options).unwrap();
        let input = poisoned(&device, crop.output_bytes(2));
        let control = device.alloc::<FrameControl>("control", 1).unwrap();
        let result = device.alloc::<ResultBlock>("result", 1).unwrap();
        device
            .capture::<GpuError>(|stream| {
                stream.keep(kept.clone());
                crop.enqueue(stream, &frame.on_device, &control, 2, &input, &result)
            })
            .unwrap()
    };
    assert!(device.arena().usage().bytes > before);
    for _ in 0..3 {
        graph.launch().unwrap();
    }
    device.stream().wait().unwrap();
    assert_eq!(Arc::strong_count(&kept), 2);
    drop(graph);
    assert_eq!(Arc::strong_count(&kept), 1);
    assert_eq!(device.arena().usage().bytes, before);
}

#[test]
fn replays_read_the_control_block_and_repeat_to_the_bit() {
    let Some(device) = device() else { return };
    let stream = device.stream();
    let mut random = Random::new(22);
    let layout = FrameLayout::tight(320, 240, PixelFormat::Nv12).unwrap();
    let frame = TestFrame::new(&device, &mut random, layout);
    let options = CropOptions {
        size: 64,
        border: Border::Replicate,
        normalization: Normalization::UNIT_RGB,
        precision: Precision::F16,
    };
    let crop = Crop::new(&device, layout, options).unwrap();
    let input = poisoned(&device, crop.output_bytes(4));
    let mut control = device.pinned::<FrameControl>(1).unwrap();
    let on_device = device.alloc::<FrameControl>("control", 1).unwrap();
    let result = device.alloc::<ResultBlock>("result", 1).unwrap();
    let graph = device
        .capture::<GpuError>(|stream| {
            stream.upload(&control, &on_device, 0..1)?;
            crop.enqueue(stream, &frame.on_device, &on_device, 4, &input, &result)
        })
        .unwrap();
    let mut replay = |regions: &[Region]| {
        control[0] = FrameControl::zeroed();
        control[0].set_regions(regions, 64);
        graph.launch().unwrap();
        stream.wait().unwrap();
        numbers(&device, &input, Precision::F16)
    };
    let region = |x| Region { center: [x, 100.0], size: 90.0, rotation_rad: 0.3 };
    let first = replay(&[region(100.0), region(150.0)]);
    let plane = 3 * 64 * 64;
    assert!(first[..2 * plane].iter().all(|v| (0.0..=1.0).contains(v)));
    assert!(first[2 * plane..].iter().all(|v| v.is_nan()));
    let moved = replay(&[region(120.0), region(150.0)]);
    assert!(moved[..plane] != first[..plane] && moved[plane..2 * plane] == first[plane..2 * plane]);
    for _ in 0..cases(20) {
        let again = replay(&[region(100.0), region(150.0)]);
        assert!(again[..2 * plane] == first[..2 * plane]);
    }
}

#[test]
fn captures_of_several_threads_do_not_disturb_each_other() {
    let Some(device) = device() else { return };
    let other = Device::open(0).unwrap();
    let thread = std::thread::spawn(move || {
        for _ in 0..50 {
            let buffer = other.alloc::<u8>("beside a capture", 1 << 16).unwrap();
            other.stream().fill_bytes(&buffer, 1).unwrap();
            other.stream().wait().unwrap();
        }
    });
    let buffer = device.alloc::<u8>("captured", 1 << 16).unwrap();
    for _ in 0..50 {
        let graph = device.capture::<GpuError>(|stream| stream.fill_bytes(&buffer, 3)).unwrap();
        graph.launch().unwrap();
    }
    thread.join().unwrap();
    device.stream().wait().unwrap();
}
