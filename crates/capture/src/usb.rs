//! Cameras at this machine, through Video4Linux.
//!
//! A camera is named by what stays when it is plugged into the same or another socket, or found in another
//! order: maker, product and serial number; one without a serial number by the socket. [`UsbSource`] turns
//! what a [`Stream`] gives into frames; the only stream that reaches into the kernel is in `v4l2`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mien_face::{Frame, PixelFormat};

use crate::{LiveOptions, Source, SourceError, SourceInfo, SourceKind, Step, WireFormat};

/// A camera that does not give a frame for this long counts as lost.
pub(crate) const FRAME_LIMIT: Duration = Duration::from_millis(1500);

/// A camera that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraDevice {
    /// Source SPEC that opens it wherever it is plugged in next: `usb:…`.
    pub spec: String,
    /// The maker's name of it.
    pub label: String,
    /// Its device file now.
    pub node: PathBuf,
    /// What it can send; empty when it cannot be asked now (another program may have it open).
    pub modes: Vec<CameraMode>,
}

/// A format, size and rate that a camera offers.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraMode {
    /// Four characters of the format, such as `MJPG`.
    pub format: String,
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// Frames per second, highest first.
    pub rates_hz: Vec<f64>,
}

impl WireFormat {
    /// The four characters by which drivers call it.
    pub(crate) fn fourcc(self) -> [u8; 4] {
        match self {
            Self::Mjpeg => *b"MJPG",
            Self::Yuyv => *b"YUYV",
            Self::Nv12 => *b"NV12",
        }
    }

    pub(crate) fn from_fourcc(fourcc: [u8; 4]) -> Option<Self> {
        [Self::Mjpeg, Self::Yuyv, Self::Nv12].into_iter().find(|format| format.fourcc() == fourcc)
    }
}

/// What was agreed with a camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Agreed {
    pub size: [u32; 2],
    pub format: WireFormat,
    /// Bytes from one row to the next; 0 when the format has no rows.
    pub stride: usize,
    pub rate_hz: Option<f64>,
}

/// A frame as the driver hands it over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawFrame<'a> {
    pub bytes: &'a [u8],
    /// Counts the frames that the camera made, lost ones included.
    pub sequence: u32,
    /// When the driver got the frame's first byte, on the monotonic clock; nothing when its clock is
    /// another one.
    pub driver_nanos: Option<i64>,
    /// The driver knows that the frame is damaged.
    pub damaged: bool,
}

/// What this module needs of an opened camera; tests put another thing here.
pub(crate) trait Stream: Send {
    /// Waits for the next frame, at most this long ([`io::ErrorKind::TimedOut`]).
    fn next(&mut self, timeout: Duration) -> io::Result<RawFrame<'_>>;
}

/// A camera as a source.
pub(crate) struct UsbSource {
    info: SourceInfo,
    agreed: Agreed,
    stream: Box<dyn Stream>,
    /// Whether JPEG files are left as they come.
    keep_jpeg: bool,
    /// Sequence number of the first frame, and how often the counter has gone round since.
    first_sequence: Option<u32>,
    last_sequence: u32,
    rounds: u64,
    /// Whether this camera ends its JPEGs with the marker for that: nearly all do, some never.
    jpegs_end: bool,
}

impl UsbSource {
    pub fn open(id: &str, options: &LiveOptions) -> Result<Self, SourceError> {
        if id.is_empty() {
            let reason = "lacks the camera's id; `mien cameras` lists them".into();
            return Err(SourceError::Spec { spec: "usb:".into(), reason });
        }
        let camera = format!("usb:{id}");
        let node = find(Path::new("/sys/class/video4linux"), id).ok_or_else(|| SourceError::Camera {
            camera: camera.clone(),
            reason: "is not plugged in; `mien cameras` lists those that are".into(),
        })?;
        let (agreed, stream) = crate::v4l2::open(&node, options).map_err(|error| SourceError::Camera {
            camera: camera.clone(),
            reason: explain(&error, &node),
        })?;
        Ok(Self::new(camera, agreed, stream))
    }

    fn new(camera: String, agreed: Agreed, stream: Box<dyn Stream>) -> Self {
        let info = SourceInfo {
            name: "usb".into(),
            spec: camera,
            kind: SourceKind::Usb,
            size: (agreed.size[0], agreed.size[1]),
            pixel_aspect: None,
            rate_hz: agreed.rate_hz,
            frame_count: None,
            files: Vec::new(),
            live: true,
        };
        Self {
            info,
            agreed,
            stream,
            keep_jpeg: false,
            first_sequence: None,
            last_sequence: 0,
            rounds: 0,
            jpegs_end: false,
        }
    }
}

impl Source for UsbSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
        let Self { info, agreed, stream, keep_jpeg, .. } = self;
        let raw = stream.next(FRAME_LIMIT).map_err(|error| SourceError::Camera {
            camera: info.spec.clone(),
            reason: explain(&error, Path::new(&info.spec)),
        })?;
        let damaged = |reason| SourceError::DamagedFrame { camera: info.spec.clone(), reason };
        if raw.damaged {
            return Err(damaged("the driver says so".into()));
        }
        let now = mien_clock::monotonic_nanos();
        // A driver's time in the future, or long ago, is on another clock after all.
        let plausible = |nanos: &i64| (0..2_000_000_000).contains(&(now - nanos));
        frame.capture_nanos = raw.driver_nanos.filter(plausible).unwrap_or(now);
        let sequence = raw.sequence;
        if agreed.format == WireFormat::Mjpeg {
            // A picture that was cut off decodes, with grey below.
            let ends = has_end(raw.bytes);
            if self.jpegs_end && !ends {
                return Err(damaged(format!("the JPEG is cut off after {} bytes", raw.bytes.len())));
            }
            self.jpegs_end |= ends;
        }
        unpack(raw.bytes, agreed, *keep_jpeg, frame).map_err(damaged)?;
        if sequence < self.last_sequence {
            self.rounds += 1;
        }
        self.last_sequence = sequence;
        let first = u64::from(*self.first_sequence.get_or_insert(sequence));
        frame.frame_index = (self.rounds << 32) + u64::from(sequence) - first;
        Ok(Step::Frame)
    }

    fn keep_jpeg(&mut self, keep: bool) {
        self.keep_jpeg = keep;
    }
}

/// Makes a picture of a driver's bytes.
fn unpack(bytes: &[u8], agreed: &Agreed, keep_jpeg: bool, frame: &mut Frame) -> Result<(), String> {
    let [width, height] = agreed.size;
    let format = match agreed.format {
        WireFormat::Mjpeg => return unpack_jpeg(bytes, agreed.size, keep_jpeg, frame),
        WireFormat::Yuyv => PixelFormat::Yuyv,
        WireFormat::Nv12 => PixelFormat::Nv12,
    };
    let row = format.row_bytes(width);
    let stride = agreed.stride.max(row);
    let needed = stride * (format.rows(height) - 1) + row;
    if bytes.len() < needed {
        return Err(format!("{} of {needed} bytes", bytes.len()));
    }
    frame.reshape(width, height, format);
    for (target, source) in frame.pixels.chunks_exact_mut(row).zip(bytes.chunks(stride)) {
        target.copy_from_slice(&source[..row]);
    }
    Ok(())
}

/// Whether a JPEG has its end marker, after which drivers may leave zeros.
pub(crate) fn has_end(jpeg: &[u8]) -> bool {
    let end = jpeg.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    jpeg[..end].ends_with(&[0xFF, 0xD9])
}

fn unpack_jpeg(
    bytes: &[u8],
    [width, height]: [u32; 2],
    keep_jpeg: bool,
    frame: &mut Frame,
) -> Result<(), String> {
    use image::ImageDecoder;
    let decoder =
        image::codecs::jpeg::JpegDecoder::new(io::Cursor::new(bytes)).map_err(|error| error.to_string())?;
    if decoder.dimensions() != (width, height) || decoder.color_type() != image::ColorType::Rgb8 {
        return Err(format!("a {:?} JPEG of {:?}", decoder.color_type(), decoder.dimensions()));
    }
    if keep_jpeg {
        frame.set_jpeg(bytes, width, height);
        return Ok(());
    }
    frame.reshape(width, height, PixelFormat::Rgb8);
    decoder.read_image(&mut frame.pixels).map_err(|error| error.to_string())
}

/// What a person can do about it.
pub(crate) fn explain(error: &io::Error, node: &Path) -> String {
    let node = node.display();
    match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::BUSY) => "another program uses it; close that one".into(),
        Some(rustix::io::Errno::NODEV | rustix::io::Errno::NXIO) => "was unplugged".into(),
        Some(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => {
            format!("{node} may not be opened; add yourself to the group `video`, and log in again")
        }
        Some(rustix::io::Errno::IO | rustix::io::Errno::PROTO | rustix::io::Errno::PIPE) => {
            format!("does not answer ({error}); if that stays so, unplug it and plug it in again")
        }
        _ if error.kind() == io::ErrorKind::TimedOut => {
            format!("gave no frame for {:.1} s", FRAME_LIMIT.as_secs_f64())
        }
        _ => error.to_string(),
    }
}

/// The cameras that are plugged in.
#[must_use]
pub fn list_cameras() -> Vec<CameraDevice> {
    let nodes = capture_nodes(Path::new("/sys/class/video4linux"));
    nodes
        .into_iter()
        .filter_map(|node| {
            // A node that says that it captures nothing (metadata, say) is no camera.
            let modes = crate::v4l2::modes(&node.path).unwrap_or_else(|_busy| Some(Vec::new()));
            modes.map(|modes| CameraDevice {
                spec: format!("usb:{}", node.id),
                label: node.label,
                node: node.path,
                modes,
            })
        })
        .collect()
}

struct Node {
    id: String,
    label: String,
    path: PathBuf,
}

/// The first node of each device, by number. `class` is `/sys/class/video4linux`.
fn capture_nodes(class: &Path) -> Vec<Node> {
    let mut nodes: Vec<(u32, Node)> = Vec::new();
    for entry in std::fs::read_dir(class).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(number) = name.strip_prefix("video").and_then(|number| number.parse().ok()) else {
            continue;
        };
        let read = |file: &str| {
            std::fs::read_to_string(entry.path().join(file)).ok().map(|text| text.trim().to_owned())
        };
        // Further nodes of the same camera carry metadata, or nothing.
        if read("index").is_some_and(|index| index != "0") {
            continue;
        }
        let usb = |file: &str| read(&format!("device/../{file}")).filter(|text| !text.is_empty());
        let id = match (usb("idVendor"), usb("idProduct"), usb("serial"), usb("devpath")) {
            (Some(vendor), Some(product), Some(serial), _) => format!("{vendor}:{product}:{serial}"),
            (Some(vendor), Some(product), None, Some(socket)) => {
                format!("{vendor}:{product}@{}-{socket}", usb("busnum").unwrap_or_default())
            }
            _ => name.clone(),
        };
        let label = read("name").unwrap_or_else(|| name.clone());
        nodes.push((number, Node { id, label, path: Path::new("/dev").join(&name) }));
    }
    nodes.sort_by_key(|(number, _)| *number);
    nodes.into_iter().map(|(_, node)| node).collect()
}

/// The device file of a camera, by its id or by the file itself.
pub(crate) fn find(class: &Path, id: &str) -> Option<PathBuf> {
    if id.starts_with("/dev/") {
        return Some(PathBuf::from(id));
    }
    capture_nodes(class).into_iter().find(|node| node.id == id).map(|node| node.path)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Bytes, sequence number, the driver's time, whether it is damaged.
    type Scene = io::Result<(Vec<u8>, u32, Option<i64>, bool)>;
    type Script = Vec<Scene>;

    struct Scripted(VecDeque<Scene>, Vec<u8>);

    impl Stream for Scripted {
        fn next(&mut self, _timeout: Duration) -> io::Result<RawFrame<'_>> {
            let (bytes, sequence, driver_nanos, damaged) =
                self.0.pop_front().unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))?;
            self.1 = bytes;
            Ok(RawFrame { bytes: &self.1, sequence, driver_nanos, damaged })
        }
    }

    fn source(format: WireFormat, stride: usize, script: Script) -> UsbSource {
        let agreed = Agreed { size: [16, 8], format, stride, rate_hz: Some(30.0) };
        UsbSource::new("usb:x".into(), agreed, Box::new(Scripted(script.into(), Vec::new())))
    }

    #[test]
    fn numbers_follow_the_cameras_count_and_times_the_drivers_clock() {
        let now = mien_clock::monotonic_nanos();
        let frame_of = |sequence, nanos| Ok((vec![9; 16 * 8 * 2], sequence, nanos, false));
        let script = vec![
            frame_of(u32::MAX - 1, Some(now - 5_000_000)),
            frame_of(u32::MAX, Some(1)),
            frame_of(2, None),
            Ok((vec![0; 10], 3, None, false)),
            Ok((vec![9; 256], 4, None, true)),
            frame_of(5, None),
            Err(io::Error::from_raw_os_error(rustix::io::Errno::NODEV.raw_os_error())),
        ];
        let mut source = source(WireFormat::Yuyv, 0, script);
        let mut frame = Frame::empty();
        source.next_frame(&mut frame).unwrap();
        assert_eq!((frame.frame_index, frame.capture_nanos), (0, now - 5_000_000));
        assert!(frame.view().is_ok());
        source.next_frame(&mut frame).unwrap();
        // Another clock: the time of arrival is taken.
        assert!(frame.frame_index == 1 && frame.capture_nanos >= now);
        source.next_frame(&mut frame).unwrap();
        assert_eq!(frame.frame_index, 4);
        for _ in 0..2 {
            let error = source.next_frame(&mut frame).unwrap_err();
            assert!(error.is_recoverable(), "{error}");
        }
        source.next_frame(&mut frame).unwrap();
        assert_eq!(frame.frame_index, 7);
        for reason in ["unplugged", "no frame"] {
            let error = source.next_frame(&mut frame).unwrap_err();
            assert!(!error.is_recoverable() && error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn rows_with_padding_are_made_tight() {
        let bytes: Vec<u8> = (0..12).flat_map(|row| [vec![row; 16], vec![0xEE; 4]].concat()).collect();
        let mut source = source(WireFormat::Nv12, 20, vec![Ok((bytes, 0, None, false))]);
        let mut frame = Frame::empty();
        source.next_frame(&mut frame).unwrap();
        assert_eq!(frame.stride, 16);
        assert!(frame.pixels.chunks_exact(16).zip(0..12).all(|(row, shade)| row == [shade; 16]));
    }

    #[test]
    fn jpegs_are_decoded_and_damaged_ones_are_skipped() {
        let mut jpeg = io::Cursor::new(Vec::new());
        let picture = image::RgbImage::from_pixel(16, 8, image::Rgb([200, 100, 50]));
        picture.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
        let jpeg = jpeg.into_inner();
        let mut script: Script = vec![Ok((jpeg.clone(), 0, None, false))];
        // Cut anywhere, and with any byte changed: an error or a picture, never a panic.
        script.extend((0..jpeg.len()).map(|cut| Ok((jpeg[..cut].to_vec(), 1, None, false))));
        script.extend((0..jpeg.len()).map(|place| {
            let mut bytes = jpeg.clone();
            bytes[place] ^= 0x55;
            Ok((bytes, 2, None, false))
        }));
        let count = script.len();
        let mut source = source(WireFormat::Mjpeg, 0, script);
        let mut frame = Frame::empty();
        source.next_frame(&mut frame).unwrap();
        assert!(frame.pixels[0].abs_diff(200) < 6 && frame.pixels[2].abs_diff(50) < 6);
        let [mut cut, mut changed] = [0, 0];
        for place in 1..count {
            if let Err(error) = source.next_frame(&mut frame) {
                assert!(error.is_recoverable(), "{error}");
                *(if place <= jpeg.len() { &mut cut } else { &mut changed }) += 1;
            }
        }
        // Not every changed byte makes a picture that cannot be one.
        assert!(cut == jpeg.len() && changed > jpeg.len() / 8, "{cut} and {changed} of {}", jpeg.len());
    }

    #[test]
    fn a_camera_that_never_ends_its_jpegs_is_believed() {
        let mut jpeg = io::Cursor::new(Vec::new());
        image::RgbImage::new(16, 8).write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
        let whole = jpeg.into_inner();
        let (endless, padded) = (whole[..whole.len() - 2].to_vec(), [&whole[..], &[0; 30]].concat());
        let script = [&endless, &endless, &padded, &endless, &whole];
        let script =
            script.into_iter().zip(0..).map(|(bytes, count)| Ok((bytes.clone(), count, None, false)));
        let mut source = source(WireFormat::Mjpeg, 0, script.collect());
        let mut frame = Frame::empty();
        let good: Vec<bool> = (0..5).map(|_| source.next_frame(&mut frame).is_ok()).collect();
        assert_eq!(good, [true, true, true, false, true]);
        assert!(has_end(&padded) && !has_end(&endless) && !has_end(&[]));
    }

    #[test]
    fn jpegs_are_left_as_they_are_while_that_is_asked_for() {
        let mut jpeg = io::Cursor::new(Vec::new());
        image::RgbImage::new(16, 8).write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
        let jpeg = jpeg.into_inner();
        let scene = |bytes: &[u8], sequence| Ok((bytes.to_vec(), sequence, None, false));
        let script = vec![scene(&jpeg, 0), scene(&jpeg, 1), scene(&jpeg[..20], 2), scene(&jpeg, 3)];
        let mut source = source(WireFormat::Mjpeg, 0, script);
        let mut frame = Frame::empty();
        source.next_frame(&mut frame).unwrap();
        assert!(!frame.is_jpeg);
        source.keep_jpeg(true);
        source.next_frame(&mut frame).unwrap();
        assert!(frame.is_jpeg && frame.pixels == jpeg && (frame.width, frame.height) == (16, 8));
        // Without a header there is no picture, whoever decodes it.
        assert!(source.next_frame(&mut frame).unwrap_err().is_recoverable());
        source.keep_jpeg(false);
        source.next_frame(&mut frame).unwrap();
        assert!(frame.view().is_ok());
    }

    #[test]
    fn cameras_keep_their_id_when_their_number_changes() {
        let sys = tempfile::tempdir().unwrap();
        let plug = |node: &str, usb: &str, files: &[(&str, &str)]| {
            let device = sys.path().join("devices").join(usb);
            std::fs::create_dir_all(device.join("interface")).unwrap();
            for (file, text) in files {
                std::fs::write(device.join(file), format!("{text}\n")).unwrap();
            }
            let class = sys.path().join("class").join(node);
            std::fs::create_dir_all(&class).unwrap();
            std::fs::write(class.join("index"), "0\n").unwrap();
            std::fs::write(class.join("name"), "HD Webcam\n").unwrap();
            std::os::unix::fs::symlink(device.join("interface"), class.join("device")).unwrap();
            class
        };
        let serial = [("idVendor", "046d"), ("idProduct", "082d"), ("serial", "AB12")];
        let socket = [("idVendor", "1bcf"), ("idProduct", "0001"), ("devpath", "1.4"), ("busnum", "3")];
        let class = sys.path().join("class");
        plug("video10", "a", &serial);
        plug("video2", "b", &socket);
        let metadata = plug("video3", "b", &[]);
        std::fs::write(metadata.join("index"), "1\n").unwrap();
        let ids: Vec<_> = capture_nodes(&class).into_iter().map(|node| node.id).collect();
        assert_eq!(ids, ["1bcf:0001@3-1.4", "046d:082d:AB12"]);
        assert_eq!(find(&class, "046d:082d:AB12"), Some("/dev/video10".into()));
        std::fs::rename(class.join("video10"), class.join("video0")).unwrap();
        assert_eq!(find(&class, "046d:082d:AB12"), Some("/dev/video0".into()));
        assert_eq!(find(&class, "046d:082d:ZZ"), None);
        assert_eq!(find(&class, "/dev/video7"), Some("/dev/video7".into()));
        assert!(capture_nodes(Path::new("/nowhere")).is_empty());
    }
}
