//! USB cameras, with a kernel's own driver: what `/dev/video0` really does when it is listed, read, shared,
//! pulled out, frozen and damaged.
//!
//! The camera is software (`examples/virtual_usb_camera`), plugged into the kernel's virtual host controller;
//! from there on everything is as with a webcam. That takes root and the modules `vhci-hcd` and `uvcvideo`, so
//! the tests are ignored by default; `./x usb` runs them in a small virtual machine.

#[path = "../examples/virtual_usb_camera/camera.rs"]
mod camera;
#[path = "../examples/virtual_usb_camera/descriptors.rs"]
mod descriptors;
#[path = "../examples/virtual_usb_camera/pictures.rs"]
mod pictures;
#[path = "../examples/virtual_usb_camera/usbip.rs"]
mod usbip;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use camera::{Faults, Plugged};
use descriptors::{Agreement, PictureFormat};
use mien_capture::{
    CameraDevice, ControlValues, Frame, LiveOptions, Source, SourceError, Step, WireFormat, controls,
    list_cameras, open_live, set_control,
};
use mien_clock::monotonic_nanos;
use pictures::Pictures;

const SPEC: &str = "usb:1209:0001:TEST01";
/// Far longer than anything here takes, in a virtual machine without hardware help too.
const DEADLINE: Duration = Duration::from_secs(120);

static PICTURES: LazyLock<Arc<Pictures>> = LazyLock::new(|| Arc::new(Pictures::draw()));
/// One camera at a time.
static BENCH: Mutex<()> = Mutex::new(());

struct Bench {
    faults: Arc<Faults>,
    camera: Option<Plugged>,
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    /// A camera that is plugged in and listed.
    fn new() -> Self {
        let alone = BENCH.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bench = Self { faults: Arc::default(), camera: None, _alone: alone };
        bench.plug(0);
        bench
    }

    fn plug(&mut self, port: u32) {
        let plugged = Plugged::new(port, "TEST01", Arc::clone(&PICTURES), Arc::clone(&self.faults));
        self.camera = Some(plugged.expect("root and the module vhci-hcd"));
        until("listed", || listed().is_some_and(|camera| !camera.modes.is_empty()));
    }

    fn unplug(&mut self) {
        self.camera = None;
    }
}

fn until(what: &str, mut so: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
    started.elapsed()
}

fn listed() -> Option<CameraDevice> {
    list_cameras().into_iter().find(|camera| camera.spec == SPEC)
}

fn open(format: WireFormat, size: [u32; 2]) -> Result<Box<dyn Source>, SourceError> {
    let options =
        LiveOptions { size: Some(size), rate_hz: Some(15.0), format: Some(format), ..Default::default() };
    open_live(&SPEC.into(), &options)
}

/// Opens it, as often as it takes: a machine that is slow enough misses the driver's patience of some seconds.
fn opened(format: WireFormat) -> Box<dyn Source> {
    let mut source = None;
    until("opened", || {
        source = open(format, [320, 240]).inspect_err(|error| println!("{error}")).ok();
        source.is_some()
    });
    source.unwrap()
}

/// The next frame, whatever comes before it.
fn frame(source: &mut dyn Source, frame: &mut Frame) {
    let started = Instant::now();
    while let Err(error) = source.next_frame(frame) {
        assert!(error.is_recoverable() && started.elapsed() < DEADLINE, "{error}");
    }
}

#[test]
#[ignore = "needs root and vhci-hcd: ./x usb"]
fn it_is_listed_by_its_serial_number_with_formats_and_rates() {
    let _bench = Bench::new();
    let camera = listed().unwrap();
    println!("{} {} {}", camera.spec, camera.label, camera.node.display());
    for format in ["MJPG", "YUYV", "NV12"] {
        for size in [[640, 480], [320, 240]] {
            let mode = camera.modes.iter().find(|mode| mode.format == format && mode.size == size);
            let rates: Vec<_> = mode.unwrap().rates_hz.iter().map(|rate| rate.round()).collect();
            assert_eq!(rates, [30.0, 15.0, 5.0], "{format}");
        }
    }
    assert_eq!(camera.modes.len(), 6);
}

#[test]
#[ignore = "needs root and vhci-hcd: ./x usb"]
fn frames_of_every_format_come_whole_with_the_drivers_times() {
    let _bench = Bench::new();
    for (wire, sent) in [
        (WireFormat::Mjpeg, PictureFormat::Mjpeg),
        (WireFormat::Yuyv, PictureFormat::Yuyv),
        (WireFormat::Nv12, PictureFormat::Nv12),
    ] {
        let mut source = opened(wire);
        assert_eq!((source.info().size, source.info().rate_hz.unwrap().round()), ((320, 240), 15.0));
        let (mut picture, mut last, mut delays) = (Frame::empty(), None, Vec::new());
        let agreement = Agreement { format: sent, size: (320, 240), ..Agreement::default() };
        for _ in 0..10 {
            assert_eq!(source.next_frame(&mut picture).unwrap(), Step::Frame);
            let now = monotonic_nanos();
            let place = (picture.frame_index, picture.capture_nanos);
            assert!(
                picture.view().is_ok() && last < Some(place) && place.1 < now,
                "{place:?} after {last:?}"
            );
            delays.push((now - place.1) as f64 * 1e-6);
            last = Some(place);
            if wire != WireFormat::Mjpeg {
                let same = (0..40).any(|number| PICTURES.get(&agreement, number) == picture.pixels);
                assert!(same, "{wire:?}: the bytes that the camera sent");
            }
        }
        println!("{wire:?}: {delays:.1?} ms from the driver's time to the frame");
    }
}

#[test]
#[ignore = "needs root and vhci-hcd: ./x usb"]
fn a_second_program_is_told_that_it_is_busy_and_the_first_goes_on() {
    let _bench = Bench::new();
    let (mut source, mut picture) = (opened(WireFormat::Yuyv), Frame::empty());
    frame(&mut *source, &mut picture);
    let error = open(WireFormat::Yuyv, [320, 240]).err().unwrap().to_string();
    assert!(error.contains("another program uses it"), "{error}");
    for _ in 0..3 {
        frame(&mut *source, &mut picture);
    }
}

#[test]
#[ignore = "needs root and vhci-hcd: ./x usb"]
fn a_cable_pulled_out_and_put_into_another_socket_is_the_same_camera() {
    let mut bench = Bench::new();
    for port in [1, 0, 2] {
        let mut source = opened(WireFormat::Mjpeg);
        let mut picture = Frame::empty();
        frame(&mut *source, &mut picture);
        bench.unplug();
        let started = Instant::now();
        let error = loop {
            match source.next_frame(&mut picture) {
                Err(error) if !error.is_recoverable() => break error.to_string(),
                _ => assert!(started.elapsed() < DEADLINE),
            }
        };
        println!("noticed after {:?}: {error}", started.elapsed());
        assert!(error.contains("was unplugged"), "{error}");
        // Whoever held it must be able to let go of it.
        drop(source);
        until("no longer listed", || listed().is_none());
        let error = open(WireFormat::Mjpeg, [320, 240]).err().unwrap().to_string();
        assert!(error.contains("is not plugged in"), "{error}");
        bench.plug(port);
    }
}

#[test]
#[ignore = "needs root and vhci-hcd: ./x usb"]
fn a_camera_that_hangs_is_noticed_and_can_be_opened_again() {
    let bench = Bench::new();
    let (mut source, mut picture) = (opened(WireFormat::Yuyv), Frame::empty());
    frame(&mut *source, &mut picture);
    bench.faults.frozen.store(true, Ordering::Relaxed);
    let error = loop {
        match source.next_frame(&mut picture) {
            Err(error) if !error.is_recoverable() => break error.to_string(),
            _ => {}
        }
    };
    assert!(error.contains("gave no frame for 1.5 s"), "{error}");
    bench.faults.frozen.store(false, Ordering::Relaxed);
    drop(source);
    frame(&mut *opened(WireFormat::Yuyv), &mut picture);
}

#[test]
#[ignore = "needs root and vhci-hcd: ./x usb"]
fn damaged_pictures_are_told_one_by_one() {
    let bench = Bench::new();
    bench.faults.damage_every.store(3, Ordering::Relaxed);
    let (mut source, mut picture) = (opened(WireFormat::Mjpeg), Frame::empty());
    let (mut whole, mut damaged) = (0, 0);
    while whole < 12 {
        match source.next_frame(&mut picture) {
            Ok(_) => whole += 1,
            Err(error) => {
                assert!(error.is_recoverable(), "{error}");
                damaged += 1;
            }
        }
    }
    println!("{whole} whole, {damaged} damaged");
    assert!((4..=8).contains(&damaged), "{damaged}");
}

#[test]
#[ignore = "needs root and vhci-hcd: ./x usb"]
fn what_the_driver_lets_one_change_is_changed() {
    let _bench = Bench::new();
    let value = |name: &str| {
        let all = controls(SPEC).unwrap();
        all.into_iter().find(|control| control.name == name).unwrap_or_else(|| panic!("no {name}"))
    };
    let brightness = value("brightness");
    assert_eq!(brightness.values, ControlValues::Range { low: -64, high: 64, step: 1 });
    assert_eq!((brightness.value, brightness.default), (10, 10));
    set_control(SPEC, "brightness", -7).unwrap();
    assert_eq!(value("brightness").value, -7);
    let error = set_control(SPEC, "brightness", 1000).unwrap_err().to_string();
    assert!(error.contains("-64 to 64"), "{error}");
    // As a configuration has it: the switch first, then what it frees; while the camera runs, and after.
    let wanted = [("auto_exposure", 1), ("exposure_time_absolute", 500)];
    let wanted: BTreeMap<String, i64> = wanted.map(|(name, value)| (name.to_owned(), value)).into();
    let options = LiveOptions { controls: wanted, size: Some([320, 240]), ..LiveOptions::default() };
    let (mut source, mut picture) = (open_live(&SPEC.into(), &options).unwrap(), Frame::empty());
    frame(&mut *source, &mut picture);
    assert_eq!((value("auto_exposure").value, value("exposure_time_absolute").value), (1, 500));
    set_control(SPEC, "exposure_time_absolute", 20).unwrap();
    frame(&mut *source, &mut picture);
    assert_eq!(value("exposure_time_absolute").value, 20);
}

#[test]
#[ignore = "needs root and vhci-hcd: ./x usb"]
fn a_size_that_it_does_not_have_is_refused_with_the_nearest() {
    let _bench = Bench::new();
    let error = open(WireFormat::Yuyv, [600, 400]).err().unwrap().to_string();
    assert!(error.contains("offers no 600×400") && error.contains("the nearest is"), "{error}");
}
