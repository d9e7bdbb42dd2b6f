//! Streams in the network, through the `ffmpeg` program.
//!
//! ffmpeg decodes and writes each picture as a portable pixmap (`P6`, RGB) into a pipe: the size comes with
//! every picture, so a stream may change it. A picture's time is that of its arrival: streams carry the
//! clock of their sender, which is not this machine's.

use std::io::Read;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mien_address::{ResolvedAddress, SourceAddress};
use mien_clock::monotonic_nanos;
use mien_face::{Frame, PixelFormat};
use mien_ffmpeg::SQUARE_PIXELS;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::stream_input::StreamInput;
use crate::{Source, SourceError, SourceInfo, SourceKind, Step};

/// How long a stream may take to give its first picture, and then each further one.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
const FRAME_LIMIT: Duration = Duration::from_millis(1500);
/// Schemes that are handed to ffmpeg.
const SCHEMES: [&str; 7] = ["rtsp", "rtsps", "http", "https", "udp", "rtp", "srt"];
/// Largest side of a picture.
const MAX_SIDE: usize = 8192;
const BUFFER_BYTES: usize = 1 << 16;

/// A stream that is being read.
pub(crate) struct NetworkSource {
    info: SourceInfo,
    pipe: Pipe,
    ffmpeg: Child,
    heard: Arc<Heard>,
    /// Damaged pictures that the numbers of frames make room for.
    damaged: u64,
    /// The picture that was read to learn the size.
    first: Option<Frame>,
    next_index: u64,
}

/// What ffmpeg says.
#[derive(Default)]
struct Heard {
    last_words: Mutex<String>,
    /// Pictures that could not be decoded.
    damaged: AtomicU64,
}

impl NetworkSource {
    pub fn open(source: &SourceAddress) -> Result<Self, SourceError> {
        let camera = source.to_string();
        let scheme = camera.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        if !SCHEMES.contains(&scheme.as_str()) {
            let reason = format!("`{scheme}` is no scheme for a stream; take one of {}", SCHEMES.join(", "));
            return Err(SourceError::Spec { spec: camera, reason });
        }
        let address = source
            .resolve()
            .map_err(|error| SourceError::Spec { spec: camera.clone(), reason: error.to_string() })?;
        let input = StreamInput { address: &address, options: input_options(&scheme) };
        let mut command = command(&input);
        // ffmpeg gets the secret another way.
        for name in source.variables() {
            command.env_remove(name);
        }
        let mut ffmpeg = command.spawn().map_err(|error| SourceError::Camera {
            camera: camera.clone(),
            reason: match error.kind() {
                std::io::ErrorKind::NotFound => "ffmpeg is not installed (apt install ffmpeg)".into(),
                _ => format!("ffmpeg cannot be started: {error}"),
            },
        })?;
        let heard = Arc::default();
        input.tell(&mut ffmpeg);
        listen(&mut ffmpeg, Arc::clone(&heard), address);
        let stdout = ffmpeg.stdout.take().expect("standard output is a pipe");
        let info = SourceInfo {
            name: scheme,
            spec: camera,
            kind: SourceKind::Network,
            size: (0, 0),
            pixel_aspect: None,
            rate_hz: None,
            frame_count: None,
            files: Vec::new(),
            live: true,
        };
        let mut source =
            Self { info, pipe: Pipe::new(stdout), ffmpeg, heard, damaged: 0, first: None, next_index: 0 };
        let mut frame = Frame::empty();
        source.read_picture(&mut frame, OPEN_LIMIT)?;
        source.info.size = (frame.width, frame.height);
        source.first = Some(frame);
        Ok(source)
    }

    fn read_picture(&mut self, frame: &mut Frame, limit: Duration) -> Result<(), SourceError> {
        let deadline = Instant::now() + limit;
        let read = self.pipe.header(deadline).and_then(|[width, height]| {
            frame.capture_nanos = monotonic_nanos();
            frame.reshape(width, height, PixelFormat::Rgb8);
            self.pipe.fill(&mut frame.pixels, deadline)
        });
        read.map_err(|fault| {
            let reason = match fault {
                Fault::Late => format!("no picture for {:.1} s", limit.as_secs_f64()),
                Fault::Format => "ffmpeg sent something that is no picture".into(),
                Fault::Ended => self.why_ended(),
            };
            SourceError::Camera { camera: self.info.spec.clone(), reason }
        })
    }

    /// ffmpeg's last words come over another pipe, perhaps a moment later.
    fn why_ended(&mut self) -> String {
        let deadline = Instant::now() + Duration::from_millis(300);
        while Instant::now() < deadline && matches!(self.ffmpeg.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(20));
        let words = self.heard.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if words.is_empty() {
            "the stream has ended".into()
        } else {
            format!("the stream has ended: {words}")
        }
    }
}

impl Source for NetworkSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<Step, SourceError> {
        match self.first.take() {
            Some(first) => *frame = first,
            None => self.read_picture(frame, FRAME_LIMIT)?,
        }
        // What was lost leaves a gap in the numbers, as with any camera.
        let damaged = self.heard.damaged.load(Ordering::Relaxed);
        frame.frame_index = self.next_index + (damaged - self.damaged);
        (self.next_index, self.damaged) = (frame.frame_index + 1, damaged);
        Ok(Step::Frame)
    }
}

impl Drop for NetworkSource {
    fn drop(&mut self) {
        // Gone already is as good.
        let _gone = self.ffmpeg.kill();
        let _gone = self.ffmpeg.wait();
    }
}

/// What a stream of this scheme is opened with.
fn input_options(scheme: &str) -> Vec<(&'static str, &'static str)> {
    let mut options = vec![("fflags", "nobuffer"), ("probesize", "500000"), ("analyzeduration", "500000")];
    match scheme {
        "rtsp" | "rtsps" => options.extend([("rtsp_transport", "tcp"), ("timeout", "5000000")]),
        "http" | "https" => options.push(("rw_timeout", "5000000")),
        _ => {}
    }
    options
}

fn command(input: &StreamInput<'_>) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args("-nostdin -hide_banner -v error -flags low_delay".split(' '));
    if input.address.expose_secret().get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http")) {
        // Cameras that send JPEGs: one that was cut off is left out, not shown with grey below. Streams that
        // lose packets are shown as well as can be.
        command.args(["-err_detect", "explode"]);
    }
    input.add_to(&mut command);
    // Numbered through at the rate of the output: every picture once, none made up for the sender's pauses.
    command.args(["-map", "0:V:0", "-vf", &format!("setpts=N/(25*TB),{SQUARE_PIXELS}"), "-r", "25"]);
    command.args("-pix_fmt rgb24 -c:v ppm -f image2pipe -flush_packets 1 pipe:1".split(' '));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// ffmpeg's words for a picture that could not be decoded, in its releases before and since 7.
const DAMAGED: [&str; 2] = ["Error while decoding", "Error submitting packet to decoder"];

/// Counts damaged pictures, and keeps ffmpeg's last line, without the secrets that it may repeat.
fn listen(ffmpeg: &mut Child, heard: Arc<Heard>, address: ResolvedAddress) {
    use std::io::BufRead;
    let Some(stderr) = ffmpeg.stderr.take() else { return };
    let read = move || {
        for line in std::io::BufReader::new(stderr).lines() {
            let Ok(line) = line else { return };
            if DAMAGED.iter().any(|words| line.contains(words)) {
                heard.damaged.fetch_add(1, Ordering::Relaxed);
            }
            if !line.trim().is_empty() {
                *heard.last_words.lock().unwrap_or_else(PoisonError::into_inner) = address.hide_in(&line);
            }
        }
    };
    // Without the thread only the reason of a failure is missing.
    let _thread = std::thread::Builder::new().name("ffmpeg-errors".into()).spawn(read);
}

enum Fault {
    Late,
    Ended,
    Format,
}

/// Reads with a deadline.
struct Pipe {
    stdout: ChildStdout,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
}

impl Pipe {
    fn new(stdout: ChildStdout) -> Self {
        Self { stdout, buffer: vec![0; BUFFER_BYTES], from: 0, to: 0 }
    }

    /// Reads `P6\nWIDTH HEIGHT\n255\n`.
    fn header(&mut self, deadline: Instant) -> Result<[u32; 2], Fault> {
        let mut lines = [const { String::new() }; 3];
        for line in &mut lines {
            loop {
                match self.byte(deadline)? {
                    b'\n' => break,
                    byte if line.len() < 32 && byte.is_ascii() => line.push(char::from(byte)),
                    _ => return Err(Fault::Format),
                }
            }
        }
        let side = |word: Option<&str>| {
            word.and_then(|word| word.parse().ok()).filter(|side| (1..=MAX_SIDE as u32).contains(side))
        };
        let mut words = lines[1].split(' ');
        match (lines[0].as_str(), side(words.next()), side(words.next()), lines[2].as_str()) {
            ("P6", Some(width), Some(height), "255") => Ok([width, height]),
            _ => Err(Fault::Format),
        }
    }

    fn byte(&mut self, deadline: Instant) -> Result<u8, Fault> {
        if self.from == self.to {
            self.to = read_some(&mut self.stdout, &mut self.buffer, deadline)?;
            self.from = 0;
        }
        self.from += 1;
        Ok(self.buffer[self.from - 1])
    }

    fn fill(&mut self, bytes: &mut [u8], deadline: Instant) -> Result<(), Fault> {
        let mut done = bytes.len().min(self.to - self.from);
        bytes[..done].copy_from_slice(&self.buffer[self.from..self.from + done]);
        self.from += done;
        while done < bytes.len() {
            done += read_some(&mut self.stdout, &mut bytes[done..], deadline)?;
        }
        Ok(())
    }
}

fn read_some(stdout: &mut ChildStdout, bytes: &mut [u8], deadline: Instant) -> Result<usize, Fault> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(Fault::Late),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return Err(Fault::Ended),
        }
        return match stdout.read(bytes) {
            Ok(0) => Err(Fault::Ended),
            Ok(count) => Ok(count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => Err(Fault::Ended),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

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

    /// An HTTP camera that sends these JPEGs to one caller and hangs up.
    fn camera(jpegs: Vec<Vec<u8>>) -> SourceAddress {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // Closed with bytes of the request unread, the socket would take back what it has sent.
            let (mut request, mut bytes) = (Vec::new(), [0; 512]);
            while !request.ends_with(b"\r\n\r\n") {
                let count = stream.read(&mut bytes).unwrap();
                request.extend(&bytes[..count]);
            }
            let head = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n";
            let _gone = stream.write_all(head.as_bytes());
            for jpeg in jpegs {
                let head =
                    format!("--next\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
                let _gone = stream.write_all(head.as_bytes());
                let _gone = stream.write_all(&jpeg);
                let _gone = stream.write_all(b"\r\n");
            }
        });
        format!("http://{address}/").into()
    }

    fn ffmpeg_is_missing() -> bool {
        let missing = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status().is_err();
        if missing {
            println!("skipped: ffmpeg is not installed");
        }
        missing
    }

    #[test]
    fn a_camera_in_the_network_is_read_until_it_hangs_up() {
        if ffmpeg_is_missing() {
            return;
        }
        let mut source =
            NetworkSource::open(&camera((0..12).map(|number| jpeg(number * 10)).collect())).unwrap();
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
        if ffmpeg_is_missing() {
            return;
        }
        let cut = |number: u32, jpeg: Vec<u8>| match number % 4 {
            3 => jpeg[..jpeg.len() / 2].to_vec(),
            _ => jpeg,
        };
        let sent = (0..20).map(|number| cut(number, detailed_jpeg(number))).collect();
        let mut source = NetworkSource::open(&camera(sent)).unwrap();
        let (mut frame, mut count, mut last) = (Frame::empty(), 0, 0);
        while source.next_frame(&mut frame).is_ok() {
            (count, last) = (count + 1, frame.frame_index);
        }
        // Of the 15 that are whole, ffmpeg keeps back the last when the camera hangs up.
        assert!((14..=15).contains(&count), "{count}");
        assert_eq!(source.heard.damaged.load(Ordering::Relaxed), 5);
        // How many are known by the last picture is ffmpeg's business.
        assert!((13..20).contains(&last), "{last}");
    }

    #[test]
    fn pixels_that_are_not_square_are_made_square() {
        if ffmpeg_is_missing() {
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
            let source = NetworkSource::open(&camera(sent)).unwrap();
            assert_eq!(source.info().size, size, "{aspect:?}");
        }
    }

    #[test]
    fn nobody_there_is_a_clear_error() {
        if ffmpeg_is_missing() {
            return;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let address = SourceAddress::new(format!("http://user:secret@{address}/"));
        let error = NetworkSource::open(&address).err().unwrap().to_string();
        assert!(error.contains("refused") && !error.contains("secret"), "{error}");
    }
}
