//! Which video stream of a file is read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;

use crate::FfmpegError;
use crate::limits::Limits;
use crate::patience::Patient;
use crate::probe::{ask, ask_arguments, parse_aspect};
use crate::process::Process;

/// Packets at the beginning of a file that tell moving pictures from still ones.
const PACKETS: u32 = 2000;

/// Most sizes of pictures in one stream of which the shape of pixels is looked up.
const MOST_SHAPES: usize = 32;

/// What a file says of one of its streams.
#[derive(Deserialize, Debug, Clone, Default)]
pub(crate) struct Stream {
    pub(crate) index: u32,
    #[serde(default)]
    pub(crate) codec_name: String,
    #[serde(default)]
    codec_type: String,
    #[serde(default)]
    pub(crate) width: u32,
    #[serde(default)]
    pub(crate) height: u32,
    #[serde(default)]
    pix_fmt: String,
    /// Pictures that the decoder keeps back to bring them into their order.
    #[serde(default)]
    pub(crate) has_b_frames: u32,
    pub(crate) sample_aspect_ratio: Option<String>,
    pub(crate) avg_frame_rate: Option<String>,
    pub(crate) r_frame_rate: Option<String>,
    pub(crate) nb_frames: Option<String>,
    pub(crate) duration: Option<String>,
    pub(crate) start_time: Option<String>,
    #[serde(default)]
    disposition: BTreeMap<String, i64>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) side_data_list: Vec<SideData>,
}

/// What a file says of a stream beside its pictures.
#[derive(Deserialize, Debug, Clone)]
pub(crate) struct SideData {
    pub(crate) rotation: Option<f64>,
    displaymatrix: Option<String>,
}

impl SideData {
    /// The filters that turn and mirror pictures as the matrix says, each followed by a comma.
    pub(crate) fn filters(&self) -> Option<&'static str> {
        let lines = self.displaymatrix.as_deref()?.lines();
        // `00000001:        65536           0           0`
        let rows = lines.filter_map(|line| line.split_once(':'));
        let cells = rows.flat_map(|(_, cells)| cells.split_ascii_whitespace());
        let matrix: Vec<i64> = cells.filter_map(|cell| cell.parse().ok()).collect();
        let &[xx, xy, _, yx, yy, ..] = matrix.as_slice() else { return None };
        match (xx.signum(), xy.signum(), yx.signum(), yy.signum()) {
            (-1, 0, 0, 1) => Some("hflip,"),
            (1, 0, 0, -1) => Some("vflip,"),
            (-1, 0, 0, -1) => Some("hflip,vflip,"),
            (0, 1, -1, 0) => Some("transpose=clock,"),
            (0, -1, 1, 0) => Some("transpose=cclock,"),
            (0, 1, 1, 0) => Some("transpose=cclock_flip,"),
            (0, -1, -1, 0) => Some("transpose=clock_flip,"),
            _ => None,
        }
    }
}

/// What the first picture of a stream says of its orientation, as filters.
pub(crate) fn first_orientation(path: &Path, stream: u32) -> Option<&'static str> {
    #[derive(Deserialize)]
    struct Frames {
        #[serde(default)]
        frames: Vec<FrameEntry>,
    }
    #[derive(Deserialize)]
    struct FrameEntry {
        #[serde(default)]
        side_data_list: Vec<SideData>,
    }
    let words = format!("-show_frames -select_streams {stream} -read_intervals %+#1");
    // A file that cannot be decoded says so when it is.
    let found: Frames = ask(path, &words).ok()?;
    found.frames.first()?.side_data_list.iter().find_map(SideData::filters)
}

impl Stream {
    fn is(&self, disposition: &str) -> bool {
        self.disposition.get(disposition).is_some_and(|&value| value != 0)
    }

    fn is_video(&self) -> bool {
        self.codec_type == "video"
    }

    /// Whether it is declared to be a cover or a thumbnail.
    fn is_cover(&self) -> bool {
        self.is("attached_pic")
    }

    /// Whether its pixels may be transparent.
    pub(crate) fn has_alpha(&self) -> bool {
        let formats = ["rgba", "bgra", "argb", "abgr", "yuva", "gbrap", "ya8", "ya16", "pal8", "ayuv"];
        formats.iter().any(|format| self.pix_fmt.starts_with(format))
    }

    /// Pictures that the container counts, or Matroska's statistics.
    fn counted_pictures(&self) -> Option<u64> {
        let tag = self.tags.iter().find(|(name, _)| name.starts_with("NUMBER_OF_FRAMES"));
        let count = self.nb_frames.as_deref().or(tag.map(|(_, count)| count.as_str()));
        count.and_then(|count| count.parse().ok()).filter(|&count| count > 0)
    }

    /// `stream 1 (h264, 640×480, default)`.
    fn describe(&self) -> String {
        let Self { index, codec_name, width, height, .. } = self;
        let default = if self.is("default") { ", default" } else { "" };
        format!("stream {index} ({codec_name}, {width}×{height}{default})")
    }
}

/// A stream that was chosen from several.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) stream: Stream,
    /// Which one it is, where there are several, and which ones are left out.
    pub(crate) choice: Option<String>,
}

/// Chooses a video stream: number `asked` of the file, or moving before still pictures, then the default one,
/// then the largest, then the first.
pub(crate) fn choose(path: &Path, streams: Vec<Stream>, asked: Option<u32>) -> Result<Chosen, FfmpegError> {
    if let Some(asked) = asked {
        return choose_asked(path, streams, asked);
    }
    let mut videos: Vec<Stream> =
        streams.into_iter().filter(|stream| stream.is_video() && !stream.is_cover()).collect();
    if videos.is_empty() {
        return Err(FfmpegError::NoVideo { path: path.to_owned() });
    }
    if videos.len() == 1 {
        return Ok(Chosen { stream: videos.remove(0), choice: None });
    }
    let seen = count_first_packets(path)?;
    let moves = |stream: &Stream| {
        let counted = stream.counted_pictures();
        let seen = seen.get(&stream.index).copied().unwrap_or(0);
        !stream.is("still_image") && counted.map_or(seen > 1, |counted| counted > 1)
    };
    // The sort is stable: streams that are alike stay in the file's order.
    videos.sort_by_key(|stream| {
        let area = u64::from(stream.width) * u64::from(stream.height);
        (!moves(stream), !stream.is("default"), std::cmp::Reverse(area))
    });
    let stream = videos.remove(0);
    let others: Vec<String> = videos.iter().map(Stream::describe).collect();
    let choice = format!(
        "it has {} video streams: {} is read, left out: {}; --stream N reads another",
        videos.len() + 1,
        stream.describe(),
        others.join(", ")
    );
    Ok(Chosen { stream, choice: Some(choice) })
}

fn choose_asked(path: &Path, streams: Vec<Stream>, asked: u32) -> Result<Chosen, FfmpegError> {
    let videos: Vec<Stream> = streams.into_iter().filter(Stream::is_video).collect();
    if videos.is_empty() {
        return Err(FfmpegError::NoVideo { path: path.to_owned() });
    }
    match videos.iter().find(|stream| stream.index == asked) {
        Some(stream) => {
            let choice = (videos.len() > 1).then(|| format!("{} is read, as asked for", stream.describe()));
            Ok(Chosen { stream: stream.clone(), choice })
        }
        None => {
            let there = videos.iter().map(Stream::describe).collect::<Vec<_>>().join(", ");
            Err(FfmpegError::NoSuchStream { path: path.to_owned(), asked, there })
        }
    }
}

#[derive(Deserialize)]
struct Packets {
    #[serde(default)]
    packets: Vec<Packet>,
}

#[derive(Deserialize)]
struct Packet {
    stream_index: u32,
}

/// Packets of each video stream among the first ones of the file.
fn count_first_packets(path: &Path) -> Result<BTreeMap<u32, u64>, FfmpegError> {
    let words = format!(
        "-show_packets -show_entries packet=stream_index -select_streams v -read_intervals %+#{PACKETS}"
    );
    let found: Packets = ask(path, &words)?;
    let mut counts = BTreeMap::new();
    for packet in found.packets {
        *counts.entry(packet.stream_index).or_default() += 1;
    }
    Ok(counts)
}

/// Asks ffprobe something about a file that it answers in lines.
fn listen(path: &Path, words: &str) -> Option<(Process, BufReader<Patient>)> {
    let limits = Limits::of_file(path);
    let mut ffprobe =
        Process::start("ffprobe", ask_arguments(path, words, &limits), Stdio::null(), path).ok()?;
    ffprobe.limit_memory(limits.process_bytes());
    let answer = BufReader::new(Patient::new(ffprobe.take_stdout(), limits.patience));
    Some((ffprobe, answer))
}

/// A filter that gives pictures of each size the shape of pixels that those of this size have, followed by a comma;
/// nothing where all pictures have the same size.
pub(crate) fn shapes(path: &Path, stream: u32) -> Option<String> {
    let words = format!(
        "-of csv=p=0 -skip_frame nokey -show_frames -show_entries frame=width,height,sample_aspect_ratio \
         -select_streams {stream}"
    );
    let (_ffprobe, answer) = listen(path, &words)?;
    let mut found = BTreeMap::new();
    for line in answer.lines().map_while(Result::ok) {
        let mut fields = line.split(',');
        let mut side = || fields.next()?.parse::<u32>().ok();
        let Some(size) = side().zip(side()) else { continue };
        let aspect = fields.next().and_then(parse_aspect).unwrap_or((1, 1));
        found.entry(size).or_insert(aspect);
    }
    if found.len() < 2 {
        return None;
    }
    let one = |(&(width, height), &(across, down)): (&(u32, u32), &(u32, u32))| {
        format!("eq(w,{width})*eq(h,{height})*{across}/{down}")
    };
    let all: Vec<String> = found.iter().take(MOST_SHAPES).map(one).collect();
    Some(format!("setsar=r='{}',", all.join("+")))
}

/// Times of decoding, in the file's ticks, of packets behind which the times step back, or go on more than
/// `most_seconds` later: where recordings were joined. Nothing where the file cannot be read.
pub(crate) fn joins(path: &Path, stream: u32, most_seconds: f64) -> BTreeSet<i64> {
    let words =
        format!("-of csv=p=0 -show_packets -show_entries packet=dts,dts_time -select_streams {stream}");
    let mut found = BTreeSet::new();
    let Some((_ffprobe, answer)) = listen(path, &words) else { return found };
    let mut last: Option<(i64, f64)> = None;
    for line in answer.lines().map_while(Result::ok) {
        let mut fields = line.split(',');
        let dts = fields.next().and_then(|dts| dts.parse().ok());
        let seconds = fields.next().and_then(|seconds| seconds.parse().ok());
        let Some(now) = dts.zip(seconds) else { continue };
        if let Some(last) = last.filter(|last| !(0.0..=most_seconds).contains(&(now.1 - last.1))) {
            found.insert(last.0);
        }
        last = Some(now);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams(json: &str) -> Vec<Stream> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_file_with_one_video_is_not_discussed() {
        let json = r#"[{"index":0,"codec_type":"video","disposition":{"attached_pic":1}},
            {"index":1,"codec_type":"audio"},{"index":2,"codec_type":"video","codec_name":"h264"}]"#;
        let chosen = choose(Path::new("a.mp4"), streams(json), None).unwrap();
        assert_eq!((chosen.stream.index, chosen.choice), (2, None));
        let covers = choose(Path::new("a.mp4"), streams(json), Some(0)).unwrap();
        assert_eq!(covers.stream.index, 0, "whoever asks for the cover gets it");
        let refused = choose(Path::new("a.mp4"), streams(json), Some(1)).unwrap_err().to_string();
        assert!(refused.contains("a.mp4") && refused.contains("stream 2 (h264, 0×0)"), "{refused}");
    }

    #[test]
    fn matrices() {
        let side_data = |matrix: &str| SideData { rotation: None, displaymatrix: Some(matrix.to_owned()) };
        let turned = "\n00000000:            0      -65536           0\n00000001:        65536           0           \
                      0\n00000002:            0           0  1073741824\n";
        assert_eq!(side_data(turned).filters(), Some("transpose=cclock,"));
        let upright = turned.replace("-65536", "0").replacen("0  ", "65536  ", 1);
        for nothing in ["", "nonsense", &upright] {
            assert_eq!(side_data(nothing).filters(), None, "{nothing}");
        }
    }

    #[test]
    fn a_file_without_video_is_refused() {
        let json = r#"[{"index":0,"codec_type":"audio"}]"#;
        for asked in [None, Some(0)] {
            let refused = choose(Path::new("a.mp3"), streams(json), asked).unwrap_err();
            assert!(matches!(refused, FfmpegError::NoVideo { .. }), "{refused}");
        }
    }
}
