//! What a video says about itself before the first frame.

use std::ffi::OsString;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::FfmpegError;
use crate::arguments::Version;
use crate::limits::{FORMATS, Limits, PROTOCOLS};
use crate::patience::Patient;
use crate::process::{Process, file_url};
use crate::streams::{Chosen, Stream, choose, first_orientation, shapes};

/// What a video's headers promise.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoInfo {
    /// Width in square pixels as shown: of the first picture, once the video is open.
    pub width: u32,
    /// Height in pixels as shown.
    pub height: u32,
    /// Width to height of the file's own pixels as they are stored (its sample aspect ratio); `None` when
    /// it does not say.
    pub pixel_aspect: Option<(u32, u32)>,
    /// Average frames per second; `None` when the file does not say.
    pub rate_hz: Option<f64>,
    /// Number of frames; counted by the container, or duration × rate. `None` when neither is known.
    pub frame_count: Option<u64>,
    /// Whether `frame_count` is the container's own count.
    pub frame_count_exact: bool,
    /// ffmpeg's name of the codec, for instance `h264`.
    pub codec: String,
    /// Number of the stream in the file.
    pub stream: u32,
    /// Which stream was chosen, where there are several, and which ones are left out.
    pub choice: Option<String>,
    /// ffmpeg's version, as it prints it.
    pub ffmpeg_version: String,
    /// Filters that bring the pictures upright, where ffmpeg does not do so by itself.
    pub(crate) turn: Option<&'static str>,
    /// A filter that gives pictures of each size the shape that their pixels have, where ffmpeg does not.
    pub(crate) shapes: Option<String>,
    /// Whether pixels may be transparent.
    pub(crate) has_alpha: bool,
    /// Whether it is a transport stream, which counts its packets.
    pub(crate) counts_packets: bool,
    /// Whether the container has edit lists, which may leave pictures out (MP4, QuickTime).
    pub(crate) has_edit_lists: bool,
    /// Pictures that the decoder keeps back to bring them into their order.
    pub(crate) delay: u32,
    /// The earliest time in the file, in microseconds: what times are counted from.
    pub(crate) start_micros: i64,
    /// When the first picture is decoded, if the container knows no other time than that of decoding (AVI).
    pub(crate) decode_start_micros: Option<i64>,
}

impl VideoInfo {
    /// Fewest frames that an undamaged file would deliver; 0 when nothing is known.
    pub(crate) fn expected_frames(&self) -> u64 {
        let count = self.frame_count.unwrap_or(0);
        // Durations are rounded and frame rates averaged: allow two percent.
        if self.frame_count_exact { count } else { count - count.div_ceil(50).min(count) }
    }
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    program_version: ProgramVersion,
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize, Default)]
struct ProgramVersion {
    #[serde(default)]
    version: String,
}

#[derive(Deserialize, Default)]
struct Format {
    #[serde(default)]
    format_name: String,
    start_time: Option<String>,
    duration: Option<String>,
}

impl Format {
    fn is(&self, name: &str) -> bool {
        self.format_name.split(',').any(|own| own == name)
    }
}

/// Asks ffprobe about the video stream of the file that is number `stream`, or the best one.
pub(crate) fn probe(path: &Path, stream: Option<u32>) -> Result<VideoInfo, FfmpegError> {
    let words = "-show_program_version -show_format -show_streams";
    let (report, said): (Report, _) = ask_within(path, words, &Limits::of_file(path))?;
    let Report { program_version, streams, format } = report;
    let Chosen { stream, choice } = choose(path, streams, stream)?;
    if stream.width == 0 || stream.height == 0 {
        return Err(without_size(path, stream.index, said));
    }
    check_size(path, &stream)?;
    // H.264 says it once for all pictures that follow, but ffmpeg's decoder only of that one.
    let says_itself = stream.codec_name == "h264" && stream.side_data_list.is_empty();
    let turn = if says_itself { first_orientation(path, stream.index) } else { None };
    let info = describe(&stream, &format, program_version.version);
    // Containers in which pictures change their size; elsewhere it would take too long to look.
    let may_change = ["mpegts", "mpeg", "h264", "hevc", "mpegvideo"].iter().any(|name| format.is(name));
    let looks = may_change && Version::parse(&info.ffmpeg_version).has("fixed aspect");
    let shapes = if looks { shapes(path, stream.index) } else { None };
    Ok(VideoInfo { choice, turn, shapes, ..info })
}

/// Refuses pictures that are too large for the file, before one is decoded.
fn check_size(path: &Path, stream: &Stream) -> Result<(), FfmpegError> {
    let limits = Limits::of_file(path);
    let aspect = stream.sample_aspect_ratio.as_deref().and_then(parse_aspect);
    let shown = square_pixels((stream.width, stream.height), aspect, false);
    for (width, height) in [(stream.width, stream.height), shown] {
        if u64::from(width) * u64::from(height) > limits.pixels {
            let reason = limits.too_large(width, height);
            return Err(FfmpegError::Unreadable { path: path.to_owned(), reason });
        }
    }
    Ok(())
}

/// Longest answer of ffprobe in bytes.
const ANSWER_BYTES: u64 = 64 << 20;

/// Asks ffprobe something about a file that it answers in JSON.
pub(crate) fn ask<T: DeserializeOwned>(path: &Path, words: &str) -> Result<T, FfmpegError> {
    ask_within(path, words, &Limits::of_file(path)).map(|(answer, _)| answer)
}

/// The same within these limits; gives also what ffprobe says is wrong with the file, empty where it is content.
fn ask_within<T: DeserializeOwned>(
    path: &Path,
    words: &str,
    limits: &Limits,
) -> Result<(T, String), FfmpegError> {
    let arguments = ask_arguments(path, &format!("-print_format json {words}"), limits);
    let mut ffprobe = Process::start("ffprobe", arguments, Stdio::null(), path)?;
    ffprobe.limit_memory(limits.process_bytes());
    let unreadable = |reason: String| FfmpegError::Unreadable { path: path.to_owned(), reason };
    let mut json = Vec::new();
    let answer = Patient::new(ffprobe.take_stdout(), limits.patience);
    answer.take(ANSWER_BYTES).read_to_end(&mut json).map_err(|error| unreadable(error.to_string()))?;
    let ending = ffprobe.wait(path).map_err(|error| unreadable(error.to_string()))?;
    if !ending.status.success() {
        let silent = ending.last_words.is_empty();
        let words = if silent { ending.status.to_string() } else { ending.last_words };
        return Err(unreadable(limits.explain(words)));
    }
    let answer = serde_json::from_slice(&json).map_err(|error| unreadable(error.to_string()))?;
    Ok((answer, limits.explain(ending.last_words)))
}

/// Why ffprobe knows no size of a file's pictures. Some decoders do not tell that they are too large.
fn without_size(path: &Path, index: u32, said: String) -> FfmpegError {
    let any_size = Limits::of_file(path).with_pixels(u64::MAX);
    let asked = ask_within::<Report>(path, "-show_streams", &any_size).map(|(report, _)| report.streams);
    let stream = asked.ok().and_then(|streams| streams.into_iter().find(|stream| stream.index == index));
    if let Some(Err(too_large)) = stream.map(|stream| check_size(path, &stream)) {
        return too_large;
    }
    let reason = if said.is_empty() { "its headers give no picture size".to_owned() } else { said };
    FfmpegError::Unreadable { path: path.to_owned(), reason }
}

/// The command line of ffprobe for a file.
pub(crate) fn ask_arguments(path: &Path, words: &str, limits: &Limits) -> Vec<OsString> {
    let options = limits.options();
    let lists = ["-v error -hide_banner -protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS];
    let words = lists.into_iter().chain([options.as_str(), words]);
    let mut arguments: Vec<OsString> =
        words.flat_map(str::split_ascii_whitespace).map(OsString::from).collect();
    arguments.push("-i".into());
    arguments.push(file_url(path));
    arguments
}

fn describe(stream: &Stream, format: &Format, ffmpeg_version: String) -> VideoInfo {
    let sideways = stream
        .side_data_list
        .iter()
        .find_map(|data| data.rotation)
        .is_some_and(|rotation| (rotation / 90.0).round() as i64 % 2 != 0);
    let pixel_aspect = stream.sample_aspect_ratio.as_deref().and_then(parse_aspect);
    let (width, height) = square_pixels((stream.width, stream.height), pixel_aspect, sideways);
    let rate_hz = [&stream.avg_frame_rate, &stream.r_frame_rate]
        .into_iter()
        .find_map(|rate| rate.as_deref().and_then(parse_ratio));
    let counted = stream.nb_frames.as_deref().and_then(|n| n.parse().ok()).filter(|&n| n > 0);
    let duration =
        [&stream.duration, &format.duration].into_iter().find_map(|d| d.as_deref()?.parse::<f64>().ok());
    let estimated = rate_hz.zip(duration).map(|(rate, duration)| (rate * duration).round() as u64);
    let start_micros = format.start_time.as_deref().and_then(parse_micros).unwrap_or(0);
    let stream_start = stream.start_time.as_deref().and_then(parse_micros);
    VideoInfo {
        width,
        height,
        pixel_aspect,
        rate_hz,
        frame_count: counted.or(estimated),
        frame_count_exact: counted.is_some(),
        codec: stream.codec_name.clone(),
        stream: stream.index,
        choice: None,
        turn: None,
        shapes: None,
        has_alpha: stream.has_alpha(),
        ffmpeg_version,
        counts_packets: format.is("mpegts"),
        has_edit_lists: format.is("mov"),
        delay: stream.has_b_frames,
        start_micros,
        decode_start_micros: format.is("avi").then(|| stream_start.unwrap_or(start_micros)),
    }
}

/// Size of the pictures as shown, with square pixels: the height is kept, the width scaled.
fn square_pixels(
    (width, height): (u32, u32),
    pixel_aspect: Option<(u32, u32)>,
    sideways: bool,
) -> (u32, u32) {
    let (across, down) = pixel_aspect.unwrap_or((1, 1));
    // Pixels turn with the picture.
    let (width, height, ratio) = match sideways {
        true => (height, width, f64::from(down) / f64::from(across)),
        false => (width, height, f64::from(across) / f64::from(down)),
    };
    (((f64::from(width) * ratio).round() as u32).max(1), height)
}

/// Width over height of a pixel that somebody makes.
const PIXEL_ASPECTS: RangeInclusive<f64> = 0.0625..=16.0;

/// Filters that make pixels square, the height being kept; pixels that nobody makes (see `PIXEL_ASPECTS`) count as
/// square. Each picture has its own shape, as far as ffmpeg tells: since release 7 it holds on to the shape that
/// pixels have at the beginning of a stream.
pub const SQUARE_PIXELS: &str =
    "scale=w='if(between(sar,0.0625,16),max(round(iw*sar),1),iw)':h=ih:eval=frame,setsar=1";

/// `64:45` → (64, 45); `None` for `0:1` and `N/A`, which say nothing, and for pixels that nobody makes.
pub(crate) fn parse_aspect(aspect: &str) -> Option<(u32, u32)> {
    let (width, height) = aspect.split_once(':')?;
    let aspect = (width.parse::<u32>().ok()?, height.parse::<u32>().ok()?);
    PIXEL_ASPECTS.contains(&(f64::from(aspect.0) / f64::from(aspect.1))).then_some(aspect)
}

/// `1.400000` seconds → 1 400 000; `None` for `N/A`.
fn parse_micros(seconds: &str) -> Option<i64> {
    let micros = seconds.parse::<f64>().ok()? * 1e6;
    (micros.abs() < 1e18).then_some(micros.round() as i64)
}

/// `30000/1001` → 29.97; `None` for `0/0`.
fn parse_ratio(ratio: &str) -> Option<f64> {
    let (numerator, denominator) = ratio.split_once('/')?;
    let value = numerator.parse::<f64>().ok()? / denominator.parse::<f64>().ok()?;
    (value.is_finite() && value > 0.0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios() {
        assert_eq!(parse_ratio("30/1"), Some(30.0));
        assert_eq!(parse_ratio("0/0"), None);
        assert_eq!(parse_ratio("30"), None);
    }

    #[test]
    fn seconds() {
        assert_eq!(parse_micros("1.400000"), Some(1_400_000));
        assert_eq!(parse_micros("-0.021333"), Some(-21_333));
        assert_eq!((parse_micros("N/A"), parse_micros("inf"), parse_micros("NaN")), (None, None, None));
    }

    #[test]
    fn pixels_that_are_not_square() {
        assert_eq!(parse_aspect("64:45"), Some((64, 45)));
        for nothing in ["0:1", "1:0", "0:0", "N/A", "", "1000:1", "-4:3"] {
            assert_eq!(parse_aspect(nothing), None, "{nothing}");
        }
        assert_eq!(square_pixels((720, 576), Some((64, 45)), false), (1024, 576));
        assert_eq!(square_pixels((720, 480), Some((8, 9)), false), (640, 480));
        assert_eq!(square_pixels((960, 540), Some((2, 1)), true), (270, 960));
        assert_eq!(square_pixels((1, 7), Some((1, 16)), false), (1, 7));
        assert_eq!(square_pixels((959, 539), None, true), (539, 959));
    }

    #[test]
    fn a_phone_held_upright() {
        let stream: Stream = serde_json::from_str(
            r#"{"index":0,"codec_name":"hevc","width":1920,"height":1080,"avg_frame_rate":"30/1","duration":"2.0",
                "side_data_list":[{"side_data_type":"Display Matrix","rotation":-90}]}"#,
        )
        .unwrap();
        let info = describe(&stream, &Format::default(), "5.1".to_owned());
        assert_eq!((info.width, info.height), (1080, 1920));
        assert_eq!((info.frame_count, info.frame_count_exact), (Some(60), false));
        assert_eq!(info.expected_frames(), 58);
    }
}
