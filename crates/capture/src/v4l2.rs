//! The kernel's side of a camera, through the `v4l` crate.
//!
//! Its tests are in `tests/usb.rs`: they need a kernel with the drivers of USB cameras.

use std::io;
use std::path::Path;
use std::time::Duration;

use v4l::buffer::{Flags, Type};
use v4l::capability::Flags as Capability;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream as MmapStream;
use v4l::io::traits::CaptureStream;
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC, Fraction};

use crate::usb::{Agreed, CameraMode, RawFrame, Stream};
use crate::{LiveOptions, WireFormat};

/// Buffers that the driver fills in turn: one with us, the others keep the camera going.
const BUFFERS: u32 = 4;

/// Opens a camera and agrees with it on what was asked for.
pub(crate) fn open(node: &Path, options: &LiveOptions) -> io::Result<(Agreed, Box<dyn Stream>)> {
    let device = Device::with_path(node)?;
    let agreed = agree(&device, options)?;
    crate::controls::apply(&device, &options.controls);
    let stream = MmapStream::with_buffers(&device, Type::VideoCapture, BUFFERS)?;
    Ok((agreed, Box::new(V4lStream { stream, _device: device })))
}

fn agree(device: &Device, options: &LiveOptions) -> io::Result<Agreed> {
    let current = device.format()?;
    let format = match options.format.or(WireFormat::from_fourcc(current.fourcc.repr)) {
        Some(format) => format,
        None => device
            .enum_formats()?
            .into_iter()
            .find_map(|offered| WireFormat::from_fourcc(offered.fourcc.repr))
            .ok_or_else(|| io::Error::other("offers neither MJPEG nor YUYV nor NV12"))?,
    };
    let [width, height] = options.size.unwrap_or([current.width, current.height]);
    let got = device.set_format(&Format::new(width, height, FourCC::new(&format.fourcc())))?;
    if (got.width, got.height, got.fourcc.repr) != (width, height, format.fourcc()) {
        let text = format!(
            "offers no {width}×{height} {format:?}; the nearest is {}×{} {}; `mien cameras` lists all",
            got.width, got.height, got.fourcc
        );
        return Err(io::Error::other(text));
    }
    let parameters = match options.rate_hz {
        Some(rate_hz) => {
            let interval = Fraction::new(1000, (rate_hz * 1000.0).round().max(1.0) as u32);
            device.set_params(&Parameters::new(interval))
        }
        None => device.params(),
    };
    // Some drivers know no rates; the camera then has its own.
    let rate_hz = parameters.ok().and_then(|parameters| rate(&parameters.interval));
    Ok(Agreed { size: [width, height], format, stride: got.stride as usize, rate_hz })
}

fn rate(interval: &Fraction) -> Option<f64> {
    (interval.numerator > 0).then(|| f64::from(interval.denominator) / f64::from(interval.numerator))
}

struct V4lStream {
    stream: MmapStream<'static>,
    /// Kept open for as long as its buffers are mapped.
    _device: Device,
}

impl Stream for V4lStream {
    fn next(&mut self, timeout: Duration) -> io::Result<RawFrame<'_>> {
        self.stream.set_timeout(timeout);
        let (bytes, meta) = CaptureStream::next(&mut self.stream)?;
        let monotonic = meta.flags & Flags::TIMESTAMP_MASK == Flags::TIMESTAMP_MONOTONIC;
        let nanos = meta.timestamp.sec * 1_000_000_000 + meta.timestamp.usec * 1000;
        Ok(RawFrame {
            bytes: &bytes[..(meta.bytesused as usize).min(bytes.len())],
            sequence: meta.sequence,
            driver_nanos: monotonic.then_some(nanos),
            damaged: meta.flags.contains(Flags::ERROR),
        })
    }
}

/// What a camera can send: nothing when the node captures no video.
pub(crate) fn modes(node: &Path) -> io::Result<Option<Vec<CameraMode>>> {
    let device = Device::with_path(node)?;
    if !device.query_caps()?.capabilities.contains(Capability::VIDEO_CAPTURE) {
        return Ok(None);
    }
    let mut modes = Vec::new();
    for format in device.enum_formats()? {
        for offered in device.enum_framesizes(format.fourcc).unwrap_or_default() {
            let sizes = match offered.size {
                FrameSizeEnum::Discrete(size) => vec![[size.width, size.height]],
                FrameSizeEnum::Stepwise(range) => {
                    vec![[range.min_width, range.min_height], [range.max_width, range.max_height]]
                }
            };
            for [width, height] in sizes {
                let intervals = device.enum_frameintervals(format.fourcc, width, height).unwrap_or_default();
                let mut rates_hz: Vec<f64> = intervals
                    .iter()
                    .filter_map(|offered| match &offered.interval {
                        FrameIntervalEnum::Discrete(interval) => rate(interval),
                        FrameIntervalEnum::Stepwise(range) => rate(&range.min),
                    })
                    .collect();
                rates_hz.sort_by(|a, b| b.total_cmp(a));
                let fourcc = format.fourcc.to_string();
                modes.push(CameraMode { format: fourcc, size: [width, height], rates_hz });
            }
        }
    }
    Ok(Some(modes))
}
