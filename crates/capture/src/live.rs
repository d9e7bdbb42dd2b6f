//! Sources that keep real time.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::Duration;

use mien_address::SourceAddress;
use mien_clock::monotonic_nanos;
use mien_face::{Frame, Rotation};

use crate::network::NetworkSource;
use crate::rotated::rotated;
use crate::usb::UsbSource;
use crate::{ASSUMED_RATE_HZ, Source, SourceError, SourceInfo, SourceSpec, Step, VideoOptions};

/// Formats that cameras send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFormat {
    /// A JPEG for each frame.
    Mjpeg,
    /// Packed 4:2:2.
    Yuyv,
    /// Two planes, 4:2:0.
    Nv12,
}

/// What is asked of a live source; what is left out, the source chooses.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveOptions {
    /// Width and height in pixels: of cameras and of the synthetic camera.
    pub size: Option<[u32; 2]>,
    /// Frames per second: of cameras, the synthetic camera, and images.
    pub rate_hz: Option<f64>,
    /// Format on the wire: of cameras.
    pub format: Option<WireFormat>,
    /// How far the pictures are turned.
    pub rotation: Rotation,
    /// What the driver is told when it is opened, by [`CameraControl::name`](crate::CameraControl): of cameras.
    pub controls: BTreeMap<String, i64>,
    /// Whether an HTTP camera may redirect to another host.
    pub redirects: bool,
}

/// Opens a source that gives its frames in real time, with times on the monotonic clock.
///
/// `usb:ID` is a camera at this machine (see [`list_cameras`](crate::list_cameras)). `rtsp://…`, `http://…` and the like are streams in the network, read through the `ffmpeg` program.
/// Files and folders play at their own rate, over and over. Anything else is what [`open`](crate::open)
/// takes.
///
/// # Errors
/// When it names no source, or cannot be opened now. A word that names no source
/// ([`SourceError::Spec`]) will not do so later either; all else may change.
pub fn open_live(source: &SourceAddress, options: &LiveOptions) -> Result<Box<dyn Source>, SourceError> {
    Ok(rotated(open_unturned(source, options)?, options.rotation))
}

fn open_unturned(source: &SourceAddress, options: &LiveOptions) -> Result<Box<dyn Source>, SourceError> {
    let spec = source.expose_secret();
    if let Some(id) = spec.strip_prefix("usb:") {
        return Ok(Box::new(UsbSource::open(id, options)?));
    }
    if source.is_network() {
        return Ok(Box::new(NetworkSource::open(source, options.redirects)?));
    }
    let mut parsed = SourceSpec::parse(spec)?;
    if let SourceSpec::Synthetic(synthetic) = &mut parsed {
        let settings = &mut synthetic.settings;
        [settings.width, settings.height] = options.size.unwrap_or([settings.width, settings.height]);
        settings.rate_hz = options.rate_hz.unwrap_or(settings.rate_hz);
    }
    Ok(Box::new(PacedSource::new(parsed, options)?))
}

/// How a video is read that is played as a camera.
const PLAYED: VideoOptions = VideoOptions { stream: None, steady: true };
/// A frame that is later than this moves the clock of its source: what was missed is not made up for.
const MOST_LATE_NANOS: i64 = 250_000_000;

/// Plays a recording in real time, and begins anew when it ends.
struct PacedSource {
    spec: SourceSpec,
    inner: Box<dyn Source>,
    info: SourceInfo,
    interval_nanos: i64,
    /// When the recording's time 0 is, on the monotonic clock; nothing before the first frame.
    start_nanos: Option<i64>,
    /// The recording's time of the last frame; nothing when there was none since its beginning.
    last_nanos: Option<i64>,
    next_index: u64,
    /// Whether the pictures carry their index and time.
    is_stamped: bool,
    /// What was told of the recording: once, however often it plays.
    notices: BTreeSet<String>,
}

impl PacedSource {
    fn new(spec: SourceSpec, options: &LiveOptions) -> Result<Self, SourceError> {
        let inner = spec.open_with(&PLAYED)?;
        let known = inner.info();
        let rate_hz = known.rate_hz.or(options.rate_hz).unwrap_or(ASSUMED_RATE_HZ);
        let info = SourceInfo { rate_hz: Some(rate_hz), frame_count: None, live: true, ..known.clone() };
        let is_stamped = matches!(&spec, SourceSpec::Synthetic(synthetic) if synthetic.settings.stamp);
        Ok(Self {
            spec,
            is_stamped,
            inner,
            info,
            interval_nanos: (1e9 / rate_hz) as i64,
            start_nanos: None,
            last_nanos: None,
            next_index: 0,
            notices: BTreeSet::new(),
        })
    }

    /// Begins anew, one frame after the last.
    fn rewind(&mut self) -> Result<bool, SourceError> {
        let Some(last_nanos) = self.last_nanos.take() else { return Ok(false) };
        self.inner = self.spec.open_with(&PLAYED)?;
        if let Some(start) = &mut self.start_nanos {
            *start += last_nanos + self.interval_nanos;
        }
        Ok(true)
    }

    /// Sleeps until the frame is due, and says when that was.
    fn pace(&mut self, recording_nanos: i64) -> i64 {
        let now = monotonic_nanos();
        let start = self.start_nanos.get_or_insert(now - recording_nanos);
        let due = *start + recording_nanos;
        if now - due > MOST_LATE_NANOS {
            *start += now - due;
            return now;
        }
        if due > now {
            sleep(Duration::from_nanos((due - now) as u64));
        }
        due.max(now)
    }
}

impl Source for PacedSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
        while self.inner.next_frame(frame)? == Step::End {
            if !self.rewind()? {
                return Ok(Step::End);
            }
        }
        while let Some(notice) = self.inner.notice() {
            if self.notices.insert(notice.clone()) {
                tracing::warn!("{notice}");
            }
        }
        // Images have no time of their own: they follow each other at the rate.
        let recording_nanos = match self.last_nanos {
            Some(last) if frame.capture_nanos <= last => last + self.interval_nanos,
            _ => frame.capture_nanos,
        };
        self.last_nanos = Some(recording_nanos);
        frame.capture_nanos = self.pace(recording_nanos);
        frame.frame_index = self.next_index;
        self.next_index += 1;
        if self.is_stamped {
            // With the time that is now known.
            mien_synthetic::draw_stamp(frame);
        }
        Ok(Step::Frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_synthetic_camera_keeps_real_time() {
        let options = LiveOptions { size: Some([64, 48]), rate_hz: Some(200.0), ..LiveOptions::default() };
        let mut source = open_live(&"synthetic?heads=0".into(), &options).unwrap();
        assert_eq!((source.info().size, source.info().live), ((64, 48), true));
        let (mut frame, before) = (Frame::empty(), monotonic_nanos());
        let mut last = before;
        for index in 0..20 {
            assert_eq!(source.next_frame(&mut frame).unwrap(), Step::Frame);
            assert_eq!(frame.frame_index, index);
            assert!(frame.capture_nanos > last && frame.capture_nanos <= monotonic_nanos());
            last = frame.capture_nanos;
        }
        // Never faster than the clock; how much slower is the machine's business.
        assert!(last - before >= 19 * 5_000_000);
    }

    #[test]
    fn stamps_carry_the_time_on_the_monotonic_clock() {
        let options = LiveOptions { size: Some([320, 180]), rate_hz: Some(100.0), ..LiveOptions::default() };
        let mut source = open_live(&"synthetic?heads=0&stamp=1".into(), &options).unwrap();
        let mut frame = Frame::empty();
        for index in 0..3 {
            assert_eq!(source.next_frame(&mut frame).unwrap(), Step::Frame);
            let read = mien_synthetic::read_stamp(frame.view().unwrap());
            assert_eq!(read, Some((index, frame.capture_nanos)));
        }
    }

    #[test]
    fn a_recording_begins_anew_with_its_numbers_going_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("picture.png");
        image::RgbImage::new(8, 8).save(&path).unwrap();
        let options = LiveOptions { rate_hz: Some(500.0), ..LiveOptions::default() };
        let mut source = open_live(&path.to_str().unwrap().into(), &options).unwrap();
        let (mut frame, mut last) = (Frame::empty(), 0);
        for index in 0..10 {
            assert_eq!(source.next_frame(&mut frame).unwrap(), Step::Frame);
            assert_eq!(frame.frame_index, index);
            assert!(frame.capture_nanos > last);
            last = frame.capture_nanos;
        }
        std::fs::remove_file(&path).unwrap();
        assert!(source.next_frame(&mut frame).is_err());
    }

    #[test]
    fn nonsense_is_told_from_what_may_come_back() {
        let open = |spec: &str| open_live(&spec.into(), &LiveOptions::default()).err().unwrap();
        assert!(matches!(open("synthetic?heads=x"), SourceError::Spec { .. }));
        assert!(matches!(open("gopher://x"), SourceError::Spec { .. }));
        assert!(!matches!(open("/nowhere/clip.mp4"), SourceError::Spec { .. }));
    }
}
