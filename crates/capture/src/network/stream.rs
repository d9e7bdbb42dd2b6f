//! The ffmpeg that reads a stream, and what it says.

use std::borrow::Cow;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mien_address::{ResolvedAddress, SourceAddress};
use mien_clock::monotonic_nanos;
use mien_face::{Frame, PixelFormat};
use mien_ffmpeg::{SQUARE_PIXELS, passthrough};

use super::jpeg::Jpegs;
use super::pipe::{Fault, Pipe};
use super::relay::Relay;
use crate::SourceError;
use crate::budget::{MAX_CAMERA_PIXELS, MAX_CAMERA_SIDE};
use crate::stream_input::StreamInput;

/// Pictures whose sizes are known before they are read; ffmpeg waits when there are more.
const SIZES_WAITING: usize = 64;

/// What comes from ffmpeg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// JPEGs as the camera has sent them, each as a part of a `multipart` stream.
    Copied,
    /// Pixels. The filter `showinfo` says the size of each picture among ffmpeg's messages.
    Decoded,
}

/// A running ffmpeg. Dropping it ends it.
pub(super) struct Stream {
    way: Way,
    pipe: Pipe,
    ffmpeg: Child,
    heard: Arc<Heard>,
    /// Width and height of each picture that comes, in pixels.
    sizes: Receiver<[u32; 2]>,
    jpegs: Jpegs,
    bytes: Vec<u8>,
}

/// What ffmpeg says.
#[derive(Default)]
struct Heard {
    last_words: Mutex<String>,
    /// Pictures that could not be decoded.
    damaged: AtomicU64,
    /// Whether what comes is no JPEG, so that it cannot be copied.
    is_no_jpeg: AtomicBool,
}

impl Stream {
    /// Starts reading the stream at `address`, which is `source` with its secrets filled in.
    pub(super) fn start(
        source: &SourceAddress,
        address: &ResolvedAddress,
        scheme: &str,
        way: Way,
        relay: Option<&Relay>,
    ) -> Result<Self, SourceError> {
        let filter_name = filter_name();
        let mut options = input_options(scheme, way);
        options.extend(relay.map(|relay| ("http_proxy", relay.url().into())));
        let input = StreamInput { address, options };
        let mut command = command(&input, way, &filter_name);
        if relay.is_some() {
            // They would lead past it.
            command.env_remove("no_proxy").env_remove("http_proxy");
        }
        // ffmpeg gets the secret another way.
        for name in source.variables() {
            command.env_remove(name);
        }
        let mut ffmpeg = command.spawn().map_err(|error| {
            let reason = match error.kind() {
                std::io::ErrorKind::NotFound => "ffmpeg is not installed (apt install ffmpeg)".into(),
                _ => format!("ffmpeg cannot be started: {error}"),
            };
            SourceError::Camera { camera: source.to_string(), reason }
        })?;
        input.tell(&mut ffmpeg);
        let heard: Arc<Heard> = Arc::default();
        let (sender, sizes) = sync_channel(SIZES_WAITING);
        if let Some(stderr) = ffmpeg.stderr.take() {
            let listener = Listener {
                heard: Arc::clone(&heard),
                sizes: sender,
                filter: format!("[{filter_name} @ "),
                address: address.clone(),
            };
            // Without the thread only the reason of a failure is missing.
            let name = "ffmpeg-errors".into();
            let _thread = std::thread::Builder::new().name(name).spawn(move || listener.listen(stderr));
        }
        let stdout = ffmpeg.stdout.take().expect("standard output is a pipe");
        let (jpegs, bytes) = (Jpegs::default(), Vec::new());
        Ok(Self { way, pipe: Pipe::new(stdout), ffmpeg, heard, sizes, jpegs, bytes })
    }

    /// Fills `frame` with the next picture; `keep_jpeg` leaves a JPEG as it is where that will do.
    pub(super) fn next(
        &mut self,
        frame: &mut Frame,
        keep_jpeg: bool,
        deadline: Instant,
    ) -> Result<(), Fault> {
        if self.way == Way::Copied {
            let length = self.pipe.part(deadline)?;
            frame.capture_nanos = monotonic_nanos();
            self.bytes.resize(length, 0);
            self.pipe.fill(&mut self.bytes, deadline)?;
            return self.jpegs.unpack(&self.bytes, keep_jpeg, frame);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let [width, height] = self.sizes.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => Fault::Late,
            RecvTimeoutError::Disconnected => Fault::Ended,
        })?;
        if ![width, height].iter().all(|side| (1..=MAX_CAMERA_SIDE).contains(side)) {
            return Err(Fault::Format);
        }
        frame.capture_nanos = monotonic_nanos();
        frame.reshape(width, height, PixelFormat::Rgb8);
        self.pipe.fill(&mut frame.pixels, deadline)
    }

    /// Pictures that ffmpeg could not decode.
    pub(super) fn damaged(&self) -> u64 {
        self.heard.damaged.load(Ordering::Relaxed)
    }

    /// Whether ffmpeg has ended because what comes is no JPEG.
    pub(super) fn is_no_jpeg(&mut self) -> bool {
        self.hear_out();
        self.heard.is_no_jpeg.load(Ordering::Relaxed)
    }

    /// ffmpeg's reason for ending.
    pub(super) fn why_ended(&mut self) -> String {
        self.hear_out();
        let words = self.heard.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if words.is_empty() {
            "the stream has ended".into()
        } else {
            format!("the stream has ended: {words}")
        }
    }

    /// ffmpeg's last words come over another pipe, perhaps a moment later.
    fn hear_out(&mut self) {
        let deadline = Instant::now() + Duration::from_millis(300);
        while Instant::now() < deadline && matches!(self.ffmpeg.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Gone already is as good.
        let _gone = self.ffmpeg.kill();
        let _gone = self.ffmpeg.wait();
    }
}

/// What a stream of this scheme is opened with.
fn input_options(scheme: &str, way: Way) -> Vec<(&'static str, Cow<'static, str>)> {
    let mut options = vec![("probesize", "500000".into()), ("analyzeduration", "500000".into())];
    // Of JPEGs the pictures that ffmpeg looks at to learn what comes are not thrown away: there are few.
    if way == Way::Decoded {
        options.push(("fflags", "nobuffer".into()));
    }
    match scheme {
        "rtsp" | "rtsps" => options.extend([("rtsp_transport", "tcp".into()), ("timeout", "5000000".into())]),
        // Longer than any camera is waited for.
        "http" | "https" => options.push(("rw_timeout", "60000000".into())),
        _ => {}
    }
    options
}

fn command(input: &StreamInput<'_>, way: Way, filter_name: &str) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args("-nostdin -hide_banner -nostats -flags low_delay -v".split(' '));
    command.arg(match way {
        Way::Copied => "level+error",
        Way::Decoded => "repeat+level+info",
    });
    command.arg("-max_pixels").arg(MAX_CAMERA_PIXELS.to_string());
    input.add_to(&mut command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut push = |words: &str| {
        command.args(words.split_ascii_whitespace());
    };
    push("-map 0:V:0");
    match way {
        Way::Copied => push("-c:v copy -f mpjpeg"),
        Way::Decoded => {
            // Each picture once and in its own size.
            push(passthrough());
            push(&format!("-noautoscale -vf {SQUARE_PIXELS},{filter_name}=checksum=0"));
            push("-pix_fmt rgb24 -c:v rawvideo -f rawvideo");
        }
    }
    push("-flush_packets 1 pipe:1");
    command
}

/// A name for the filter that says the sizes, which no stream can guess and put into its own words.
fn filter_name() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("showinfo@mien{:x}", since.as_nanos())
}

/// ffmpeg's words for a picture that could not be decoded, in its releases before and since 7.
const DAMAGED: [&str; 2] = ["Error while decoding", "Error submitting packet to decoder"];
/// Its words, since release 7, for a stream that cannot be copied. Older ones copy whatever comes.
const NO_JPEG: &str = "mpjpeg muxer supports only";

/// Hears what ffmpeg says.
struct Listener {
    heard: Arc<Heard>,
    sizes: SyncSender<[u32; 2]>,
    /// How a line of the filter that says the sizes begins.
    filter: String,
    address: ResolvedAddress,
}

impl Listener {
    fn listen(self, stderr: ChildStderr) {
        for line in BufReader::new(stderr).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line);
            if line.starts_with(&self.filter) {
                if size_of(&line).is_some_and(|size| self.sizes.send(size).is_err()) {
                    return;
                }
            } else {
                self.hear(&line);
            }
        }
    }

    /// Counts damaged pictures, and keeps ffmpeg's last error, without the password that it may repeat.
    fn hear(&self, line: &str) {
        if DAMAGED.iter().any(|words| line.contains(words)) {
            self.heard.damaged.fetch_add(1, Ordering::Relaxed);
        }
        if line.contains(NO_JPEG) {
            self.heard.is_no_jpeg.store(true, Ordering::Relaxed);
        }
        let levels = ["[error] ", "[fatal] "];
        let Some(words) = levels.iter().find_map(|level| Some(line.split_once(level)?.1.trim())) else {
            return;
        };
        let mut last = self.heard.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        // Since release 7 this follows what the matter is.
        let is_known = words.starts_with("Error opening input file") && !last.is_empty();
        if !words.is_empty() && !is_known {
            *last = self.address.hide_in(words);
        }
    }
}

/// `… n:  0 pts: … s:320x240 …`.
fn size_of(line: &str) -> Option<[u32; 2]> {
    if !line.contains(" n:") {
        return None;
    }
    let size = line.split_ascii_whitespace().find_map(|word| word.strip_prefix("s:"))?;
    let (width, height) = size.split_once('x')?;
    Some([width.parse().ok()?, height.parse().ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let line =
            "[showinfo@a @ 0x55] [info] n:   8 pts:  87000 pts_time:0.96 fmt:rgb24 sar:1/1 s:360x480 i:P";
        assert_eq!(size_of(line), Some([360, 480]));
        assert_eq!(size_of("[showinfo@a @ 0x55] [info] config in time_base: 1/25, frame_rate: 25/1"), None);
    }
}
