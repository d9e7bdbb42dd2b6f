//! Streams in the network, through the `ffmpeg` program.
//!
//! Cameras that send JPEGs over HTTP have them handed on as they are ([`Way::Copied`]) and decoded here: each may have
//! another size or orientation than the one before, and one that was cut off is known as such. All else is decoded by
//! ffmpeg ([`Way::Decoded`]). A picture's time is that of its arrival: streams carry the clock of their sender, which
//! is not this machine's.

mod answer;
mod jpeg;
mod patience;
mod pipe;
mod relay;
mod stream;

use std::time::{Duration, Instant};

use mien_address::SourceAddress;
use mien_face::Frame;

use crate::{Source, SourceError, SourceInfo, SourceKind, Step};
use answer::what_answers;
use patience::Patience;
use pipe::Fault;
use relay::Relay;
use stream::{Stream, Way};

/// How long a stream may take to give its first picture.
const OPEN_LIMIT: Duration = Duration::from_secs(15);
/// Schemes that are handed to ffmpeg.
const SCHEMES: [&str; 7] = ["rtsp", "rtsps", "http", "https", "udp", "rtp", "srt"];

/// A stream that is being read.
pub(crate) struct NetworkSource {
    info: SourceInfo,
    stream: Stream,
    patience: Patience,
    /// Damaged pictures that the numbers of frames make room for.
    damaged: u64,
    /// The picture that was read to learn the size.
    first: Option<Frame>,
    next_index: u64,
    keep_jpeg: bool,
    /// Lives as long as ffmpeg needs it.
    _relay: Option<Relay>,
}

impl NetworkSource {
    /// Opens a stream; `redirects` says whether a camera may send ffmpeg to another host.
    pub fn open(source: &SourceAddress, redirects: bool) -> Result<Self, SourceError> {
        let camera = source.to_string();
        let scheme = camera.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        if !SCHEMES.contains(&scheme.as_str()) {
            let reason = format!("`{scheme}` is no scheme for a stream; take one of {}", SCHEMES.join(", "));
            return Err(SourceError::Spec { spec: camera, reason });
        }
        let address = source
            .resolve()
            .map_err(|error| SourceError::Spec { spec: camera.clone(), reason: error.to_string() })?;
        let is_http = scheme.starts_with("http");
        let relay = match is_http && !redirects {
            true => Some(Relay::start(address.expose_secret()).map_err(|error| SourceError::Camera {
                camera: camera.clone(),
                reason: format!("cannot be reached: {error}"),
            })?),
            false => None,
        };
        let mut frame = Frame::empty();
        let mut way = if is_http { Way::Copied } else { Way::Decoded };
        let stream = loop {
            let mut stream = Stream::start(source, &address, &scheme, way, relay.as_ref())?;
            match first_picture(&mut stream, &mut frame) {
                Ok(()) => break stream,
                // No JPEGs: ffmpeg decodes what it is.
                Err(Fault::NoJpeg) if way == Way::Copied => way = Way::Decoded,
                Err(Fault::Ended) if way == Way::Copied && stream.is_no_jpeg() => way = Way::Decoded,
                Err(fault) => {
                    let failure = relay.as_ref().and_then(Relay::why_failed);
                    let reason = match (failure, fault) {
                        (Some(failure), _) => failure,
                        (None, Fault::Ended) if is_http => what_answers(&address, relay.as_ref())
                            .unwrap_or_else(|| why_http_ended(&mut stream)),
                        (None, fault) => reason_of(fault, OPEN_LIMIT, &mut stream),
                    };
                    return Err(SourceError::Camera { camera, reason });
                }
            }
        };
        let info = SourceInfo {
            name: scheme,
            spec: camera,
            kind: SourceKind::Network,
            size: (frame.width, frame.height),
            pixel_aspect: None,
            rate_hz: None,
            frame_count: None,
            files: Vec::new(),
            live: true,
        };
        let patience = Patience::new(Instant::now());
        let first = Some(frame);
        Ok(Self { info, stream, patience, damaged: 0, first, next_index: 0, keep_jpeg: false, _relay: relay })
    }
}

/// Reads up to the first picture that is whole.
fn first_picture(stream: &mut Stream, frame: &mut Frame) -> Result<(), Fault> {
    let deadline = Instant::now() + OPEN_LIMIT;
    loop {
        match stream.next(frame, false, deadline) {
            Err(Fault::Damaged(_)) => {}
            other => return other,
        }
    }
}

/// ffmpeg's reason, which says little where an address answers with something else than pictures.
fn why_http_ended(stream: &mut Stream) -> String {
    let reason = stream.why_ended();
    let says_little = ["Input/output error", "I/O error", "Invalid data found"];
    match says_little.iter().any(|words| reason.contains(words)) {
        true => format!("{reason}; if this is the address of a web page, give that of the stream itself"),
        false => reason,
    }
}

fn reason_of(fault: Fault, limit: Duration, stream: &mut Stream) -> String {
    match fault {
        Fault::Late => format!("no picture for {:.1} s", limit.as_secs_f64()),
        Fault::Format => "ffmpeg sent something that is no picture".into(),
        Fault::NoJpeg => "it no longer sends JPEGs".into(),
        Fault::Damaged(reason) => reason,
        Fault::Ended => stream.why_ended(),
    }
}

impl Source for NetworkSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
        match self.first.take() {
            Some(first) => *frame = first,
            None => {
                let limit = self.patience.limit();
                let read = self.stream.next(frame, self.keep_jpeg, Instant::now() + limit);
                if matches!(read, Ok(()) | Err(Fault::Damaged(_))) {
                    self.patience.came(Instant::now());
                }
                let camera = || self.info.spec.clone();
                match read {
                    Ok(()) => {}
                    Err(Fault::Damaged(reason)) => {
                        self.next_index += 1;
                        return Err(SourceError::DamagedFrame { camera: camera(), reason });
                    }
                    Err(fault) => {
                        let camera = camera();
                        let reason = reason_of(fault, limit, &mut self.stream);
                        return Err(SourceError::Camera { camera, reason });
                    }
                }
            }
        }
        // What was lost leaves a gap in the numbers, as with any camera.
        let damaged = self.stream.damaged();
        frame.frame_index = self.next_index + (damaged - self.damaged);
        (self.next_index, self.damaged) = (frame.frame_index + 1, damaged);
        Ok(Step::Frame)
    }

    fn keep_jpeg(&mut self, keep: bool) {
        self.keep_jpeg = keep;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::process::Command;

    use super::*;

    /// Many small patches, so that half of the bytes are half of the picture.
    fn detailed_jpeg(seed: u32) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let shade = |x: u32, y: u32| (x * 37 + y * 101 + seed * 13 + x * y) as u8;
        let picture = image::RgbImage::from_fn(160, 120, |x, y| image::Rgb([shade(x, y); 3]));
        picture.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
        bytes.into_inner()
    }

    fn jpeg(shade: u8) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = image::RgbImage::from_pixel(32, 16, image::Rgb([shade; 3]));
        picture.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
        bytes.into_inner()
    }

    /// A part of a camera's stream.
    fn part(jpeg: &[u8]) -> Vec<u8> {
        let head = format!("--next\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        [head.as_bytes(), jpeg, b"\r\n"].concat()
    }

    /// An HTTP camera that sends these JPEGs to one caller and hangs up.
    fn camera(jpegs: Vec<Vec<u8>>) -> SourceAddress {
        server(
            "multipart/x-mixed-replace; boundary=next",
            jpegs.iter().map(|jpeg| part(jpeg)).collect(),
            Duration::ZERO,
        )
    }

    /// An HTTP server that answers each caller with these parts, so long after one another, and hangs up.
    fn server(content_type: &str, parts: Vec<Vec<u8>>, pause: Duration) -> SourceAddress {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let head = format!("HTTP/1.0 200 OK\r\nContent-Type: {content_type}\r\n\r\n");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                // Closed with bytes of the request unread, the socket would take back what it has sent.
                let (mut request, mut bytes) = (Vec::new(), [0; 512]);
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut bytes) {
                        Ok(count @ 1..) => request.extend(&bytes[..count]),
                        _ => break,
                    }
                }
                let _gone = stream.write_all(head.as_bytes());
                for part in &parts {
                    let _gone = stream.write_all(part);
                    std::thread::sleep(pause);
                }
            }
        });
        format!("http://{address}/").into()
    }

    #[test]
    fn a_camera_in_the_network_is_read_until_it_hangs_up() {
        if !mien_needs::ffmpeg() {
            return;
        }
        let plain = camera((0..12).map(|number| jpeg(number * 10)).collect());
        let with_secret =
            SourceAddress::new(plain.expose_secret().replace("http://", "http://alice:s3cret@"));
        assert!(with_secret.holds_secret());
        read_until_it_hangs_up(&plain);
        // This one goes to ffmpeg another way.
        read_until_it_hangs_up(&with_secret);
    }

    fn read_until_it_hangs_up(address: &SourceAddress) {
        let mut source = NetworkSource::open(address, false).unwrap();
        assert_eq!(source.info().size, (32, 16));
        let (mut frame, mut last, mut count) = (Frame::empty(), 0, 0);
        let error = loop {
            match source.next_frame(&mut frame) {
                Ok(_) => {
                    assert_eq!(frame.frame_index, count);
                    assert!(frame.capture_nanos >= last);
                    assert!(frame.pixels[0].abs_diff(frame.pixels[frame.pixels.len() - 1]) <= 4);
                    (last, count) = (frame.capture_nanos, count + 1);
                }
                Err(error) => break error,
            }
        };
        assert!(count >= 10, "{count} frames");
        assert!(matches!(error, SourceError::Camera { .. }), "{error}");
    }

    #[test]
    fn pictures_that_were_cut_off_are_left_out_and_counted() {
        if !mien_needs::ffmpeg() {
            return;
        }
        let cut = |number: u32, jpeg: Vec<u8>| match number % 4 {
            3 => jpeg[..jpeg.len() / 2].to_vec(),
            _ => jpeg,
        };
        let sent = (0..20).map(|number| cut(number, detailed_jpeg(number))).collect();
        let mut source = NetworkSource::open(&camera(sent), false).unwrap();
        let (mut frame, mut numbers, mut damaged) = (Frame::empty(), Vec::new(), 0);
        loop {
            match source.next_frame(&mut frame) {
                Ok(_) => numbers.push(frame.frame_index),
                Err(error) if error.is_recoverable() => damaged += 1,
                Err(_) => break,
            }
        }
        assert_eq!(numbers, (0..20).filter(|number| number % 4 != 3).collect::<Vec<_>>());
        assert_eq!(damaged, 5);
    }

    #[test]
    fn every_picture_has_its_own_size_and_stands_upright() {
        if !mien_needs::ffmpeg() {
            return;
        }
        let sized = |width: u32, height: u32| {
            let mut bytes = std::io::Cursor::new(Vec::new());
            image::RgbImage::new(width, height).write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
            bytes.into_inner()
        };
        let turned = {
            let mut bytes = Vec::new();
            let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
            let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
            image::ImageEncoder::set_exif_metadata(&mut encoder, exif.to_vec()).unwrap();
            encoder.encode_image(&image::RgbImage::new(48, 32)).unwrap();
            bytes
        };
        let sent: Vec<Vec<u8>> =
            [vec![sized(64, 48); 8], vec![sized(32, 24); 8], vec![turned; 8], vec![sized(64, 48); 8]]
                .concat();
        let mut source = NetworkSource::open(&camera(sent), false).unwrap();
        let mut frame = Frame::empty();
        let sizes: Vec<_> =
            std::iter::from_fn(|| source.next_frame(&mut frame).ok().map(|_| (frame.width, frame.height)))
                .collect();
        assert_eq!(sizes, [[(64, 48); 8], [(32, 24); 8], [(32, 48); 8], [(64, 48); 8]].concat());
    }

    #[test]
    fn a_slow_camera_is_waited_for() {
        if !mien_needs::ffmpeg() {
            return;
        }
        // Slower than the shortest wait.
        let parts = (0..5).map(|number| part(&jpeg(number * 20))).collect();
        let pause = Duration::from_millis(1700);
        let address = server("multipart/x-mixed-replace; boundary=next", parts, pause);
        let mut source = NetworkSource::open(&address, false).unwrap();
        let (mut frame, mut count) = (Frame::empty(), 0);
        while source.next_frame(&mut frame).is_ok() {
            count += 1;
        }
        assert_eq!(count, 5);
    }

    #[test]
    fn a_web_page_is_called_one() {
        if !mien_needs::ffmpeg() {
            return;
        }
        let page = || vec![b"<!DOCTYPE html><html><body>Please log in</body></html>".to_vec()];
        let error = NetworkSource::open(&server("text/html", page(), Duration::ZERO), false)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("a web page") && error.contains("address of the stream"), "{error}");
        assert!(!error.contains("Input/output"), "{error}");
    }

    /// A video in MPEG-TS of 25 pictures of each size.
    fn changing_video(sizes: [(u32, u32); 2]) -> Vec<u8> {
        let mut video = Vec::new();
        for (width, height) in sizes {
            let source = format!("testsrc2=s={width}x{height}:r=25:d=1");
            let words = "-c:v mpeg2video -g 5 -b:v 2M -f mpegts pipe:1";
            let made = Command::new("ffmpeg")
                .args(["-v", "error", "-f", "lavfi", "-i", &source])
                .args(words.split(' '))
                .output()
                .unwrap();
            assert!(made.status.success());
            video.extend(made.stdout);
        }
        video
    }

    #[test]
    fn a_video_stream_that_changes_its_size_goes_on() {
        if !mien_needs::ffmpeg() {
            return;
        }
        let sizes = [(320, 240), (176, 240)];
        let video = changing_video(sizes);
        let mut source =
            NetworkSource::open(&server("video/mp2t", vec![video], Duration::ZERO), false).unwrap();
        let (mut frame, mut seen) = (Frame::empty(), Vec::new());
        while source.next_frame(&mut frame).is_ok() {
            seen.push((frame.width, frame.height));
        }
        let of_size = |size| seen.iter().filter(|seen| **seen == size).count();
        // ffmpeg throws away what it has read to learn what comes.
        assert!(of_size(sizes[0]) > 0, "{seen:?}");
        assert!(of_size(sizes[1]) >= 23, "{seen:?}");
    }

    #[test]
    fn pixels_that_are_not_square_are_made_square() {
        if !mien_needs::ffmpeg() {
            return;
        }
        // Of a JFIF header: no unit, then the pixels' aspect.
        let with_aspect = |mut jpeg: Vec<u8>, aspect: [u8; 2]| {
            assert_eq!(&jpeg[6..10], b"JFIF");
            jpeg[13..18].copy_from_slice(&[0, 0, aspect[0], 0, aspect[1]]);
            jpeg
        };
        for (aspect, size) in [([2, 1], (64, 16)), ([3, 4], (24, 16)), ([1, 1], (32, 16)), ([0, 1], (32, 16))]
        {
            let sent = (0..12).map(|number| with_aspect(jpeg(number * 10), aspect)).collect();
            let source = NetworkSource::open(&camera(sent), false).unwrap();
            assert_eq!(source.info().size, size, "{aspect:?}");
        }
    }

    #[test]
    fn nobody_there_is_a_clear_error() {
        if !mien_needs::ffmpeg() {
            return;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let address = SourceAddress::new(format!("http://user:secret@{address}/"));
        let error = NetworkSource::open(&address, false).err().unwrap().to_string();
        assert!(error.contains("refused") && !error.contains("secret"), "{error}");
    }

    /// A server that redirects each caller to this address.
    fn redirecting(to: &str) -> SourceAddress {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer =
            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (mut request, mut byte) = (Vec::new(), [0]);
                while !request.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                    request.push(byte[0]);
                }
                let _gone = stream.write_all(answer.as_bytes());
            }
        });
        format!("http://{address}/").into()
    }

    #[test]
    fn a_camera_redirects_to_another_host_only_where_that_is_allowed() {
        if !mien_needs::ffmpeg() {
            return;
        }
        let pictures = || camera((0..12).map(|number| jpeg(number * 10)).collect());
        let own_host = pictures();
        assert!(NetworkSource::open(&redirecting(own_host.expose_secret()), false).is_ok(), "another port");
        // The same machine by another name.
        let asked = TcpListener::bind("127.0.0.2:0").unwrap();
        asked.set_nonblocking(true).unwrap();
        for target in [
            format!("http://{}/", asked.local_addr().unwrap()),
            format!("https://{}/", asked.local_addr().unwrap()),
        ] {
            let plain = redirecting(&target);
            let secret = SourceAddress::new(plain.expose_secret().replace("http://", "http://alice:s3cret@"));
            for address in [plain, secret] {
                let error = NetworkSource::open(&address, false).err().unwrap().to_string();
                assert!(error.contains("redirects to another host, 127.0.0.2"), "{error}");
                assert!(error.contains("`redirects = true`") && !error.contains("s3cret"), "{error}");
            }
        }
        assert!(asked.accept().is_err(), "the other host was asked");
        let by_name = pictures().expose_secret().replace("127.0.0.1", "localhost");
        assert!(NetworkSource::open(&redirecting(&by_name), false).is_err());
        assert!(NetworkSource::open(&redirecting(&by_name), true).is_ok());
    }
}
